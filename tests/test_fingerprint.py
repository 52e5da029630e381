"""What a rule or a run depends on."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from isoloss.runtime import fingerprint as fingerprint_of

WORKFLOW = fingerprint_of.PACKAGE.parent


@pytest.fixture
def package(tmp_path):
    """A copy of the package that a test may edit."""
    shutil.copytree(WORKFLOW / "isoloss", tmp_path / "isoloss")
    return tmp_path


def fingerprint(folder: Path, task: str = "language") -> str:
    program = (
        "from isoloss.runtime.fingerprint import training_fingerprint\n"
        f"print(training_fingerprint({task!r}))"
    )
    environ = {"PYTHONPATH": str(folder)}
    finished = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
    )
    return finished.stdout.strip()


def edit(folder: Path, module: str, old: str, new: str) -> None:
    path = folder / "isoloss" / module
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def depends_on(module: str) -> set[str]:
    return {Path(path).relative_to(WORKFLOW).as_posix() for path in fingerprint_of.sources(module)}


def test_a_rule_depends_on_what_its_module_imports_inside_functions_too():
    names = {
        Path(path).relative_to(WORKFLOW).as_posix()
        for path in fingerprint_of.sources("isoloss.jobs.fit")
    }
    assert {"isoloss/jobs/fit.py", "isoloss/fit/study.py", "isoloss/files.py"} <= names
    assert "isoloss/tasks/planted.py" in depends_on("isoloss.jobs.collect")
    assert not any(name.startswith("isoloss/train/") for name in names)


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("models/transformer.py", "1 / math.sqrt", "2 / math.sqrt"),
        ("train/schedule.py", "math.cos", "math.sin"),
    ],
)
def test_code_that_computes_changes_the_fingerprint(package, module, old, new):
    before = fingerprint(package)
    edit(package, module, old, new)
    assert fingerprint(package) != before


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("train/loop.py", '"""The training loop', '"""A loop for training'),
        ("train/loop.py", "rows: list", "# One row an evaluation.\n    rows: list"),
        ("tasks/copy.py", "length", "n_length"),
        ("config/runs.py", "n_evals: Evals = 20", "n_evals: Evals = 21"),
        ("figures/style.py", '"""', '"""Style. '),
    ],
)
def test_docstrings_comments_and_other_tasks_do_not(package, module, old, new):
    before = fingerprint(package)
    edit(package, module, old, new)
    assert fingerprint(package) == before


@pytest.mark.parametrize(
    ("package_name", "job", "other"),
    [
        # The command line draws one fit, and divides one table, without a study.
        ("figures", "isoloss.jobs.figure", {"of_fit.py"}),
        ("analysis", "isoloss.jobs.analyse", {"of_table.py"}),
    ],
)
def test_a_stage_is_done_again_when_any_of_its_modules_changes(package_name, job, other):
    modules = (fingerprint_of.PACKAGE / package_name).glob("[!_]*.py")
    expected = {str(path) for path in modules if path.name not in other}
    assert expected <= set(fingerprint_of.sources(job))
