"""Extensions: files of a project's own that register what the package does not have."""

import subprocess
import sys
from pathlib import Path

import pytest

from isoloss import extensions, laws, tasks
from isoloss.config import exhibits, study
from isoloss.config.load import parse_study
from isoloss.corpus import sources
from isoloss.errors import UserError
from isoloss.exhibits import make
from isoloss.results.quantity import Axis
from isoloss.tables import read, schema

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
ANALYSIS = """
from typing import Literal
from isoloss.config import exhibits
from isoloss.exhibits.base import Analysing, Analysis
class Mine(Analysing):
    do: Literal[{name!r}]
exhibits.register(analyses={{{name!r}: Analysis(Mine, None)}})
"""
FIGURE = """
from typing import Literal
from isoloss.config import exhibits
from isoloss.exhibits.base import Drawn, Figure
class Mine(Drawn):
    draw: Literal[{name!r}]
    title: str = "Mine"
    caption: str = "Mine."
    width: int = 3
exhibits.register(figures={{{name!r}: Figure(Mine, None)}})
"""
SOURCE = """
from isoloss.corpus import sources
from isoloss.corpus.sources.files import Files
class Mine(Files):
    "Mine."
sources.register({name!r}, Mine)
"""
FORMAT = """
from isoloss.tables import read, schema
read.register({name!r}, print)
"""


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    """What a test registers is gone after it."""
    monkeypatch.setattr(laws, "LAWS", dict(laws.LAWS))
    monkeypatch.setattr(tasks, "REGISTERED", {})
    monkeypatch.setattr(exhibits, "REGISTERED_ANALYSES", {})
    monkeypatch.setattr(exhibits, "REGISTERED_FIGURES", {})
    for name in ("_added", "_imported"):
        monkeypatch.setattr(extensions, name, {})
    registries = sources.SOURCES, read.READERS, schema.NUMBERS
    shipped = [dict(known) for known in registries]
    columns = [list(table) for table in (schema.RUN_COLUMNS, schema.CURVE_COLUMNS)]
    yield
    for known, before in zip(registries, shipped, strict=True):
        known.clear()
        known.update(before)
    schema.RUN_COLUMNS[:], schema.CURVE_COLUMNS[:] = columns
    monkeypatch.undo()
    study.take_registered()


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
        (ANALYSIS, "analysis", "crossing"),
        (FIGURE, "figure", "loss_grid"),
        (SOURCE, "source of text", "url"),
        (SOURCE, "source of text", "registered"),
        (FORMAT, "format of tables", ".csv"),
    ],
)
def test_a_name_of_the_package_is_refused(tmp_path, text, kind, name):
    line = len(text.splitlines())
    assert problems(lambda: load(tmp_path, text.format(name=name))) == (
        f"own.py, line {line}: there is already a {kind} {name!r}; choose another name",
    )


@pytest.mark.parametrize("text", [LAW, REGISTER_TASK, ANALYSIS, FIGURE, SOURCE, FORMAT])
def test_a_name_of_another_file_is_refused_and_the_first_stays(tmp_path, text):
    text = text.format(name=".mine" if text is FORMAT else "mine")
    load(tmp_path, text, "one.py")
    load(tmp_path, text + "# Changed.", "one.py")  # its own name may be registered again
    (said,) = problems(lambda: load(tmp_path, text, "two.py"))
    line = len(text.splitlines())
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
        (
            "from isoloss.config import exhibits\nexhibits.register(figures={'mine': print})\n",
            "own.py, line 2: the figure 'mine' must be an isoloss.exhibits.base.Figure, got <built",
        ),
        (
            FIGURE.replace("Literal[{name!r}]", "Literal['other']").format(name="mine"),
            "own.py, line 10: Mine.draw: must be Literal['mine'], as it is registered",
        ),
        (
            ANALYSIS.replace("do: ", "does: ").format(name="mine"),
            "own.py, line 7: Mine: needs a key `do: Literal['mine']`",
        ),
        (
            "from isoloss.corpus import sources\nsources.register('mine', 3)\n",
            "own.py, line 2: must be a subclass of isoloss.corpus.sources.base.Source, got 3",
        ),
        (
            "from isoloss.tables import read\nread.register('Table', print)\n",
            "own.py, line 2: an ending must be a dot and small letters, got 'Table'",
        ),
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


STUDY = {"title": "T", "question": "Q", "theory": "H", "source": "published"}


def of_figure(**keys):
    study.take_registered()
    return parse_study(STUDY | {"figures": [{"draw": "mine"} | keys]}, "mine")


def test_a_study_checks_the_keys_of_a_figure_of_ones_own(tmp_path):
    load(tmp_path, FIGURE.format(name="mine"))
    assert of_figure(name="one", width=5).figures[0].width == 5
    assert problems(lambda: of_figure(nmae="one", widht=5)) == (
        "figures.0.mine.name: missing",
        "figures.0.mine.nmae: unknown key; did you mean 'name'?",
        "figures.0.mine.widht: unknown key; did you mean 'width'?",
    )
    assert problems(lambda: of_figure(draw="mien")) == (
        "figures.0.draw: got 'mien'; did you mean 'mine'?",
    )


def test_a_figure_of_ones_own_that_has_changed_takes_the_place_of_the_old(tmp_path):
    load(tmp_path, FIGURE.format(name="mine"))
    assert of_figure(name="one", width=5)
    load(tmp_path, FIGURE.format(name="mine").replace("width: int", "breadth: int"))
    assert of_figure(name="one", breadth=5).figures[0].breadth == 5


@pytest.mark.parametrize("given", ["None", "[{'value': 1.0}]"])
def test_an_analysis_that_gives_no_rows_is_told_what_to_return(tmp_path, given):
    text = ANALYSIS.format(name="mine").replace("(Mine, None)", f"(Mine, lambda spec, of: {given})")
    load(tmp_path, text)
    spec = exhibits.analysis("mine").settings(do="mine", name="one", sweeps=[])
    with pytest.raises(TypeError, match=r"^the analysis mine must return a list of Row, got "):
        make.analyse("study", spec, None)


def test_a_figure_that_gives_no_drawing_is_told_what_to_return(tmp_path):
    text = FIGURE.format(name="mine").replace("(Mine, None)", "(Mine, lambda spec, tables: None)")
    load(tmp_path, text)
    spec = exhibits.figure("mine").settings(draw="mine", name="one")
    with pytest.raises(TypeError, match=r"^the figure mine must return a Drawing, got None$"):
        make.drawing(spec, None)


def test_a_column_of_ones_own_is_an_axis(tmp_path):
    column = "measures = (Column('luck', 'Float64', '', 'of the run'),)"
    text = REGISTER_TASK.replace("    name", f"    {column}\n    name").format(name="mine")
    load(tmp_path, "from isoloss.tables.schema import Column\n" + text)
    assert Axis.read("luck").meaning == "Of the run."
