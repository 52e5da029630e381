"""Extensions: files of a project's own that register tasks and laws."""

import subprocess
import sys
from pathlib import Path

import pytest

from isoloss import extensions, laws, tasks
from isoloss.errors import UserError

LAW = """
from dataclasses import replace
import isoloss.laws
isoloss.laws.register(replace(isoloss.laws.law("power_law"), name={name!r}))
"""
REGISTER_TASK = """
import isoloss.tasks
from isoloss.tasks.copy.task import Copy
class Mine(Copy):
    name = {name!r}
isoloss.tasks.register(Mine())
"""


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    """What a test registers is gone after it."""
    monkeypatch.setattr(laws, "LAWS", dict(laws.LAWS))
    monkeypatch.setattr(tasks, "REGISTERED", {})
    for name in ("_added", "_imported"):
        monkeypatch.setattr(extensions, name, {})


def load(folder: Path, text: str, path: str = "own.py") -> None:
    (folder / path).write_text(text)
    extensions.load([path], folder)


def problems(call) -> tuple[str, ...]:
    with pytest.raises(UserError) as caught:
        call()
    return caught.value.problems


def test_a_file_is_imported_once_and_again_when_it_has_changed(tmp_path):
    load(tmp_path, LAW.format(name="mine"))
    first = laws.law("mine")
    extensions.load(["own.py"], tmp_path)
    assert laws.law("mine") is first
    load(tmp_path, LAW.format(name="mine") + "# changed")
    assert laws.law("mine") is not first


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        (LAW, "law", "chinchilla"),
        (REGISTER_TASK, "task", "language"),
    ],
)
def test_a_name_of_the_package_is_refused(tmp_path, text, kind, name):
    line = len(text.splitlines())
    assert problems(lambda: load(tmp_path, text.format(name=name))) == (
        f"own.py, line {line}: there is already a {kind} {name!r}; choose another name",
    )


@pytest.mark.parametrize(("text", "line"), [(LAW, 4), (REGISTER_TASK, 6)])
def test_a_name_of_another_file_is_refused(tmp_path, text, line):
    load(tmp_path, text.format(name="mine"), "one.py")
    (said,) = problems(lambda: load(tmp_path, text.format(name="mine"), "two.py"))
    assert said.startswith(f"two.py, line {line}: there is already a")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n1 / 0\n", "own.py, line 2: ZeroDivisionError: division by zero"),
        ("def f(:\n", "own.py, line 1: SyntaxError: invalid syntax"),
        ("\nimport not_there_at_all\n", "own.py, line 2: ModuleNotFoundError: No module named"),
        ("import sys\nsys.exit(3)\n", "own.py, line 2: SystemExit: 3"),
        ("from isoloss import laws\nlaws.register('mine')\n", "own.py, line 2: must be an isoloss"),
        ("from isoloss import tasks\ntasks.register(3)\n", "own.py, line 2: must be an isoloss"),
    ],
)
def test_an_error_in_a_file_is_said_with_its_line(tmp_path, text, said):
    (found,) = problems(lambda: load(tmp_path, text))
    assert found.startswith(said)
    (again,) = problems(lambda: load(tmp_path, text))  # it is not taken for imported
    assert again == found


def test_a_task_without_a_part_says_which(tmp_path):
    text = "import isoloss.tasks\nfrom isoloss.tasks.base import Solved\n"
    (found,) = problems(
        lambda: load(tmp_path, f"{text}class T(Solved):\n  name='t'\nisoloss.tasks.register(T())\n")
    )
    assert found.startswith("own.py, line 5: TypeError: Can't instantiate abstract class T")
    assert "cost" in found


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("gone.py", "gone.py: there is no such file"),
        ("/tmp/own.py", "/tmp/own.py: must be a file inside the project"),
        ("../own.py", "../own.py: must be a file inside the project"),
        ("own.txt", "own.txt: must be a Python file, with a name that ends in .py"),
        ("{own}.py", "{own}.py: must have no braces, no ':' and no control characters"),
    ],
)
def test_a_path_that_is_no_file_of_the_project_is_refused(tmp_path, path, said):
    assert problems(lambda: extensions.load([path], tmp_path)) == (said,)


def test_all_problems_are_said_at_once(tmp_path):
    (tmp_path / "own.py").write_text("1 / 0")
    assert len(problems(lambda: extensions.load(["own.py", "gone.py"], tmp_path))) == 2


def test_a_job_imports_the_extensions_that_the_workflow_names(tmp_path):
    (tmp_path / "own.py").write_text("print('imported')\n")
    environ = {"PYTHONPATH": str(Path(extensions.__file__).parents[1]), extensions.PATHS: "own.py"}
    command = [sys.executable, "-m", "isoloss.runtime.job", "train", "--help"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.stdout.startswith("imported\n")


def test_a_column_of_the_package_is_refused(tmp_path):
    text = REGISTER_TASK.replace(
        "    name", "    measures = (Column('loss', 'Float64', '', ''),)\n    name"
    )
    text = "from isoloss.tables.schema import Column\n" + text.format(name="mine")
    (said,) = problems(lambda: load(tmp_path, text))
    assert said == "own.py, line 8: there is already a column 'loss'"
    assert "mine" not in tasks.names()


def test_tasks_are_planned_without_torch_pandas_and_matplotlib():
    """They are loaded for each of a study's many jobs and by every dry run."""
    script = (
        "import sys, isoloss.tasks\n"
        "for name in isoloss.tasks.names():\n"
        "    isoloss.tasks.task(name)\n"
        "print({'torch', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules))"
    )
    path = {"PYTHONPATH": str(Path(extensions.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", script], env=path, capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
