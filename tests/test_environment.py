"""pyproject.toml, requirements.lock, environment.yml and the Makefile say the same, once each."""

import importlib.metadata
import re
import stat
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import isoloss

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BESIDE = ("aim", "dev-logs", "wandb")  # extras of an environment of their own
EXTRAS = {
    name: lines for name, lines in PROJECT["optional-dependencies"].items() if name not in BESIDE
}
DECLARED = [Requirement(line) for line in sum(EXTRAS.values(), PROJECT["dependencies"])]
LOCK_LINES = [
    line
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
LOCKED = {
    canonicalize_name(name): Version(version)
    for name, version in (line.split("==") for line in LOCK_LINES)
}
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", LOCK_LINES)
def test_a_line_of_the_lock_is_a_name_and_one_public_version(line):
    """No build of torch, no path and no address: one lock serves every machine."""
    assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", line)


def test_the_lock_is_sorted_and_names_each_distribution_once():
    assert sorted(LOCK_LINES, key=str.upper) == LOCK_LINES
    assert len(LOCKED) == len(LOCK_LINES)


@pytest.mark.parametrize("requirement", DECLARED, ids=str)
def test_what_is_declared_is_locked_within_its_range(requirement):
    assert LOCKED[canonicalize_name(requirement.name)] in requirement.specifier


def test_torch_is_declared_exactly():
    """Another release of torch trains other bits."""
    (torch,) = (requirement for requirement in DECLARED if requirement.name == "torch")
    assert str(torch.specifier) == f"=={LOCKED['torch']}"


@pytest.mark.parametrize("name", LOCKED)
def test_what_a_locked_distribution_needs_is_locked(name):
    """Only the CUDA packages, which differ by torch's build, are left to torch to pin."""
    try:
        needs = [Requirement(line) for line in importlib.metadata.requires(name) or ()]
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{name} is not installed: make setup installs it")
    names = {
        canonicalize_name(need.name)
        for need in needs
        if need.marker is None or need.marker.evaluate({"extra": ""})
    }
    assert {
        other
        for other in names - LOCKED.keys()
        if not other.startswith(("cuda", "nvidia", "triton"))
    } == set()


def test_what_is_installed_is_what_the_lock_says():
    installed = {
        canonicalize_name(distribution.name): Version(distribution.version).public
        for distribution in importlib.metadata.distributions()
    }
    others = {
        name: f"{installed[name]} is installed, {version} is locked"
        for name, version in LOCKED.items()
        if name in installed and installed[name] != str(version)
    }
    assert others == {}, "make setup installs what is locked"


def test_environment_yml_states_nothing_but_python_and_the_files_to_read():
    python, pip, by_pip = CONDA["dependencies"]
    assert pip == "pip"
    assert by_pip == {
        "pip": ["--constraint requirements.lock", f"--editable .[{','.join(sorted(EXTRAS))}]"]
    }
    (version,) = re.fullmatch(r"python =(3\.\d+)", python).groups()
    assert Version(version) in SpecifierSet(PROJECT["requires-python"])


def test_make_installs_the_extras_that_environment_yml_installs():
    (extras,) = re.findall(r"^EXTRAS := (.*)$", MAKEFILE, flags=re.MULTILINE)
    assert extras == ",".join(sorted(EXTRAS))


def test_make_logs_installs_what_tests_write_logs_with():
    """And each library that has to read is there as an extra of its own, within its range."""
    assert "--editable '.[dev,study,dev-logs]'" in MAKEFILE
    beside = {name: PROJECT["optional-dependencies"][name] for name in BESIDE}
    pinned = {Requirement(line).name: Requirement(line) for line in beside["dev-logs"]}
    for name in ("aim", "wandb"):
        (reader,) = map(Requirement, beside[name])
        (version,) = pinned[reader.name].specifier
        assert version.operator == "=="
        assert version.version in reader.specifier


def test_make_asks_for_the_python_that_pyproject_asks_for():
    (major, minor), *_ = set(re.findall(r"version_info < \((\d+), (\d+)\)", MAKEFILE))
    assert PROJECT["requires-python"] == f">={major}.{minor}"
    assert f"needs Python {major}.{minor} or newer" in MAKEFILE


def test_package_and_citation_name_the_version_of_pyproject():
    assert isoloss.__version__ == PROJECT["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["authors"] == PROJECT["authors"]


def test_continuous_integration_runs_make_test():
    script = ROOT / ".ci" / "run"
    assert script.read_text(encoding="utf-8").splitlines()[-1] == "exec make test"
    assert script.stat().st_mode & stat.S_IXUSR


def runs_of(path):
    """The commands of a workflow of continuous integration, and the jobs that run them."""
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    return jobs, [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").iterdir()), ids=str)
def test_every_command_of_a_public_forge_is_a_target_of_make(path):
    """What is tested there is what a contributor can run."""
    (targets,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)[:1]
    _, runs = runs_of(path)
    for run in runs:
        make, target, *settings = run.split()
        assert make == "make"
        assert target in targets.split()
        for name in (setting.partition("=")[0] for setting in settings):
            assert re.search(rf"^{name} \?=", MAKEFILE, flags=re.MULTILINE)


def test_a_public_forge_tests_the_oldest_python_without_secrets_and_third_parties():
    path = ROOT / ".github" / "workflows" / "test.yml"
    jobs, runs = runs_of(path)
    assert "make test" in runs
    oldest, *_ = jobs["test"]["strategy"]["matrix"]["python"]
    assert PROJECT["requires-python"] == f">={oldest}"
    used = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
    assert {name.split("/")[0] for name in used} == {"actions"}
    assert "secrets" not in path.read_text(encoding="utf-8")


def test_every_target_that_contributing_names_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (targets,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)[:1]
    named = re.findall(r"(?:^ {4}|`)make (?:\w+=\S+ )*([a-z]+)", text, flags=re.MULTILINE)
    assert set(named) >= {"setup", "test", "tables", "lint", "lock"}
    assert set(named) <= set(targets.split())


def test_every_path_that_contributing_names_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:workflow|config|tests|docs|benchmarks)/[\w./-]*)`", text)
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_environment_of_the_rules_has_the_locked_versions_of_what_jobs_import():
    """Jobs need neither Snakemake nor its plugins."""
    rules = yaml.safe_load((ROOT / "workflow" / "envs" / "isoloss.yaml").read_text())
    *_, listed = rules["dependencies"]
    pinned = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in listed["pip"]}
    lines = [*PROJECT["dependencies"], *EXTRAS["study"]]
    needed = {canonicalize_name(Requirement(line).name) for line in lines}
    assert set(pinned) == {name for name in needed if not name.startswith("snakemake")}
    assert pinned == {name: str(LOCKED[name]) for name in pinned}
