"""The wheel, in an environment that holds its own dependencies and none of an extra's."""

import importlib.metadata
import itertools
import json
import math
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from isoloss import extras
from isoloss.native import build as native
from isoloss.native import target
from tests.test_imports import EXTRAS, NEEDED, PROJECT

ROOT = Path(__file__).parents[1]
CONFIG = "config/smoke.yaml"
N, D = (1e7, 3e7, 1e8, 3e8, 1e9), (2e8, 6e8, 2e9, 6e9, 2e10)
NOISE = [2e-3 * math.sin(7 * i) for i in range(25)]
POINTS = zip(itertools.product(N, D), NOISE, strict=True)
ROWS = [(n, d, (1.7 + 400 / n**0.34 + 410 / d**0.28) * (1 + e)) for (n, d), e in POINTS]
COMMANDS = {
    "fit": "fit runs.csv --draws 100",
    "optimal": "optimal runs.csv --law chinchilla --draws 100 --compute 1e22",
    "next": "next runs.csv --draws 200 --target 1e22 --budget 1e20",
    "parquet": "fit runs.parquet --draws 0",
    "fetch": "fetch --from copies --to published",
    "plan": f"plan --configfile {CONFIG}",
    "plan of a GPU": f"plan --configfile {CONFIG} --machine gpu",
    "retrain": f"retrain --configfile {CONFIG} --dry-run",
}
SCRIPT = """
import contextlib, io, json, shlex, sys
import isoloss
from isoloss.cli.main import main
from isoloss.files import write_parquet
runs = isoloss.read_table("runs.csv")
write_parquet("runs.parquet", runs)
isoloss.fit_law(runs, draws=0).plot().savefig("fit.png")
said = {}
for name, command in json.load(sys.stdin).items():
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(shlex.split(command))
    said[name] = code, out.getvalue(), err.getvalue()
print(json.dumps([said, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def build(folder, what, into, compilers=os.devnull):
    """Build the wheel or the sdist of a folder as pip does, without a network; its path."""
    script = f"from setuptools import build_meta; print(build_meta.build_{what}({str(into)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={"PATH": str(compilers)},
        capture_output=True,
        text=True,
        check=True,
    )
    return into / done.stdout.split()[-1]


def needed_by(names):
    """Some distributions and all that they need."""
    found, waiting = set(), set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        needs = map(Requirement, importlib.metadata.requires(name) or ())
        waiting |= {
            canonicalize_name(need.name)
            for need in needs
            if need.marker is None or need.marker.evaluate({"extra": ""})
        } - found
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel of the tree, made without a compiler, and the one of its sdist, made with one."""
    folder = tmp_path_factory.mktemp("built")
    tree = folder / "tree"
    tree.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    left_out = shutil.ignore_patterns(
        *("__pycache__", "*.egg-info", "rules", "profiles", "envs", "built")
    )
    shutil.copytree(ROOT / "workflow", tree / "workflow", symlinks=True, ignore=left_out)
    (tree / "config").mkdir()
    shutil.copy(ROOT / "config" / "audit.yaml", tree / "config")
    with tarfile.open(build(tree, "sdist", folder)) as sdist:
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # 3.11.4 and later
        sdist.extractall(folder / "sdist", **safe)
    (unpacked,) = (folder / "sdist").iterdir()
    (folder / "again").mkdir()
    compilers = fake_compiler(folder / "bin")
    return build(tree, "wheel", folder), build(unpacked, "wheel", folder / "again", compilers)


def fake_compiler(folder):
    """A folder with a compiler that takes no time: each library is the kernel of this machine."""
    folder.mkdir()
    if native.library() is not None:
        best, *_ = target.runnable()
        kernel = next(native.built(best, native.folders()))
        compiler = folder / "c++"
        compiler.write_text(f'#!/bin/sh\nfor into; do :; done\n/bin/cp {kernel} "$into"\n')
        compiler.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """What the commands do where the wheel and its dependencies are installed, and nothing else."""
    folder = tmp_path_factory.mktemp("light")
    venv.create(folder / "venv", with_pip=False)
    wheel, _ = built
    python = folder / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-compile"]
    alone = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    quiet = ["--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([*pip, *quiet], check=True, env=alone)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    for name in needed_by(NEEDED):
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(distribution.locate_file(top))
    shutil.copytree(ROOT / "config", folder / "config")
    lines = ["n_params,n_tokens,loss", *(",".join(map(repr, row)) for row in ROWS)]
    (folder / "runs.csv").write_text("\n".join(lines))
    (folder / "copies").mkdir()
    clean = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    common = {"cwd": folder, "env": clean, "capture_output": True, "text": True, "check": False}
    done = subprocess.run([python, "-c", SCRIPT], input=json.dumps(COMMANDS), **common)
    assert done.returncode == 0, done.stderr
    said, modules = json.loads(done.stdout)
    script = subprocess.run([python.with_name("isoloss"), "--help"], **common)
    return SimpleNamespace(said=said, modules=modules, folder=folder, help=script)


def test_the_sdist_builds_the_same_wheel(built):
    first, again = ({(i.filename, i.CRC) for i in zipfile.ZipFile(w).infolist()} for w in built)
    of_the_kernel = ("/RECORD", "/WHEEL", ".so")
    assert {pair for pair in first ^ again if not pair[0].endswith(of_the_kernel)} == set()


def test_a_wheel_made_with_a_compiler_holds_the_kernel_for_any_python(built):
    if native.library() is None:
        pytest.skip(f"there is no kernel: {native.why_not()}")
    pure, with_kernel = built
    assert pure.name.endswith("-py3-none-any.whl")
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    assert with_kernel.name.endswith(f"-py3-none-{platform}.whl")
    folder = "isoloss/native/built/"
    names = zipfile.ZipFile(with_kernel).namelist()
    libraries = [name for name in names if name.startswith(folder)]
    assert {name.split("-")[3] for name in libraries} == {one.name for one in target.built_for()}
    assert not any(folder in name for name in zipfile.ZipFile(pure).namelist())


def test_the_wheel_brings_the_package_and_nothing_of_a_clone(built):
    names = set(zipfile.ZipFile(built[0]).namelist())
    tops = {name.partition("/")[0] for name in names}
    plugin = "snakemake_logger_plugin_isoloss"
    assert tops == {"isoloss", plugin, f"isoloss-{PROJECT['version']}.dist-info"}
    assert {"isoloss/py.typed", "isoloss/fit/audit.yaml"} <= names


def test_a_table_is_fitted_with_the_light_dependencies_alone(installed):
    for name in ("fit", "optimal", "next", "parquet"):
        code, out, err = installed.said[name]
        assert (code, err) == (0, ""), name
        assert out
    assert "identified" in installed.said["fit"][1]
    assert (installed.folder / "fit.png").stat().st_size
    used = {"matplotlib", "numpy", "pandas", "pyarrow", "pydantic", "scipy", "yaml"}
    assert used <= set(installed.modules)
    assert set(installed.modules).isdisjoint(extras.EXTRAS["study"])


def test_the_list_of_published_tables_comes_with_the_wheel(installed):
    """`fetch` fails only because the folder of copies is empty."""
    code, _, err = installed.said["fetch"]
    assert code == 2
    assert "svg_extracted_data.csv" in err


def test_what_needs_the_study_names_the_extra_and_its_command(installed):
    code, out, err = installed.said["plan"]
    assert (code, out) == (2, "")
    assert err in {  # whichever of them is needed first
        "isoloss plan: 1 problem\n"
        f"  - needs {module}, which is not installed: pip install 'isoloss[study]'\n"
        for module in extras.EXTRAS["study"]
    }
    assert "pip install 'isoloss[study]'" in installed.help.stdout


def test_what_trains_nothing_works_without_the_study(installed):
    assert installed.help.returncode == 0
    for name in ("plan of a GPU", "retrain"):
        code, _, err = installed.said[name]
        assert (code, err) == (0, ""), name


def test_each_module_of_an_extra_is_known_by_its_name():
    """So that the message where it is missing names the extra."""
    provided = importlib.metadata.packages_distributions()
    for extra, modules in extras.EXTRAS.items():
        assert {canonicalize_name(provided[name][0]) for name in modules} == EXTRAS[extra]


def test_a_missing_module_of_no_extra_is_no_matter_of_extras():
    assert extras.not_installed("isoloss fit", ModuleNotFoundError(name="numpy.linalg")) is None
