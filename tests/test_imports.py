"""Imports point only back along the flow of data, and light modules stay light."""

import ast
import functools
import importlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import isoloss

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "workflow" / "isoloss"
PLUGIN = "snakemake_logger_plugin_isoloss"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

# "constants, errors, files | ... | cli." in the package's docstring.
FLOW = re.search(r"\b(constants\b.*\bcli)\.", isoloss.__doc__, flags=re.DOTALL)[1]
STAGES = [
    {name.strip() for name in stage.split(",")} for stage in FLOW.replace("\n", " ").split("|")
]
PLACE = {name: place for place, stage in enumerate(STAGES) for name in stage}

# Imported and never declared, each with its reason.
OF_A_PEER = {
    "jax": "benchmarks/throughput_jax.py puts it beside the kernel",
    "simple-scaling-laws": "benchmarks/peer.py runs it in an environment of its own",
    "polars": "how that package takes a table",
}
# Declared and never imported by us, each with its reason.
NOT_IMPORTED = {
    "snakemake-executor-plugin-slurm": "Snakemake loads it by its name",
    "snakemake-executor-plugin-cluster-generic": "likewise; a test has it submit to a scheduler",
    "accelerate": "transformers asks for it; a test reads the logs that they write",
    "aim": "a test asks for it by name, and reads the logs that it writes",
    "dvclive": "likewise",
    "lm-eval": "likewise",
    "mlflow": "likewise",
    "wandb": "likewise; as an extra it is run as a program",
    "playwright": "tests in a browser ask for it by name",
    "pytest-xdist": "an option of pytest",
    "ruff": "run as a program",
    "setuptools": "a test builds the wheel in another process",
    "snakefmt": "run as a program",
}


@functools.cache
def imports_of(path: Path) -> frozenset[str]:
    """Every module that a file imports, also inside functions; no import here is relative."""
    found, tree = set(), ast.parse(path.read_text(encoding="utf-8"))
    if path == PACKAGE / "__init__.py":  # without what only type checkers read
        tree.body = [node for node in tree.body if not isinstance(node, ast.If)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return frozenset(found)


@pytest.mark.parametrize("module", [name for name in MODULES if name != "isoloss"])
def test_a_module_has_its_place_in_the_flow_and_imports_only_from_before(module):
    stage = module.split(".")[1]
    assert stage in PLACE, f"{stage} is missing in the docstring of isoloss"
    ahead = {
        name
        for name in imports_of(MODULES[module])
        if name.startswith("isoloss.") and PLACE.get(name.split(".")[1], 0) > PLACE[stage]
    }
    assert ahead == set()


def test_the_package_itself_imports_nothing_of_its_own_until_a_name_is_asked_for():
    assert imports_of(MODULES["isoloss"]) == {"importlib"}


def test_each_name_of_the_package_is_where_type_checkers_look_for_it():
    tree = ast.parse(MODULES["isoloss"].read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.name: line.module for line in block.body for alias in line.names}
    assert sorted(typed) == isoloss.__all__
    for name, home in typed.items() - {("fit", "isoloss.api.fit_runs")}:  # the package, called
        assert getattr(isoloss, name) is getattr(importlib.import_module(home), name)
    assert isoloss.fit is importlib.import_module("isoloss.fit")


def test_no_module_imports_itself_by_way_of_others():
    """Imports inside functions count: they would hide a circle from Python, not from a reader."""
    finished, entered = set(), []

    def visit(module):
        assert module not in entered, " -> ".join([*entered[entered.index(module) :], module])
        if module not in finished:
            entered.append(module)
            for name in sorted(imports_of(MODULES[module]) & MODULES.keys() - {module}):
                visit(name)
            finished.add(entered.pop())

    for module in MODULES:
        visit(module)


def test_the_laws_are_formulas_only():
    """No data and no optimiser: a law can be read, and trusted, by itself."""
    laws = [module for module in MODULES if module.startswith("isoloss.laws")]
    roots = {name.split(".")[0] for module in laws for name in imports_of(MODULES[module])}
    assert roots & {"pandas", "pyarrow", "matplotlib", "torch"} == set()
    assert not any("optimize" in name for module in laws for name in imports_of(MODULES[module]))


def test_planning_and_the_command_line_start_without_torch_pandas_and_matplotlib():
    """They are loaded for each of a study's many jobs and by every dry run."""
    light = ["isoloss", "isoloss.errors", "isoloss.files", "isoloss.cli.main"]
    light += [name for name in MODULES if name.split(".")[1:2] in (["config"], ["plan"])]
    script = (
        "import importlib, sys\n"
        f"for name in {light}:\n"
        "    importlib.import_module(name)\n"
        "    heavy = {'torch', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "    assert not heavy, f'{name} imports {heavy}'\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def imported_distributions(*folders: str) -> set[str]:
    """The third-party distributions that the files in some folders import."""
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    names = {name for path in paths for name in imports_of(path)}
    rules = [ROOT / "workflow" / "Snakefile", *(ROOT / "workflow").rglob("*.smk")]
    for path in rules if "workflow" in folders else ():
        text = path.read_text(encoding="utf-8")
        names |= set(re.findall(r"^\s*(?:import|from) ([\w.]+)", text, flags=re.MULTILINE))
    ours = {"isoloss", "tests", PLUGIN, *(path.stem for path in paths)}
    distributions = importlib.metadata.packages_distributions()
    return {
        canonicalize_name(distributions.get(name, [name])[0])
        for name in {name.split(".")[0] for name in names} - ours - sys.stdlib_module_names
    }


def declared(requirements: list[str]) -> set[str]:
    """The names of the distributions in a list of pyproject.toml."""
    return {canonicalize_name(Requirement(line).name) for line in requirements}


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NEEDED = declared(PROJECT["dependencies"])
EXTRAS = {name: declared(lines) for name, lines in PROJECT["optional-dependencies"].items()}


def test_the_package_imports_only_what_it_declares():
    assert imported_distributions("workflow") - NEEDED - EXTRAS["study"] == set()


def test_tests_and_benchmarks_import_only_what_is_declared():
    undeclared = imported_distributions("tests", "benchmarks") - NEEDED
    undeclared -= EXTRAS["study"] | EXTRAS["dev"] | EXTRAS["dev-logs"]
    assert undeclared == set(OF_A_PEER)


def test_what_is_declared_is_imported_or_there_for_a_stated_reason():
    idle = (NEEDED | EXTRAS["study"]) - imported_distributions("workflow")
    for extra in EXTRAS.keys() - {"study"}:
        idle |= EXTRAS[extra] - imported_distributions("tests", "benchmarks")
    assert idle == set(NOT_IMPORTED)
