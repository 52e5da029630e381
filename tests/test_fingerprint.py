"""What a rule or a run depends on."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import isoloss.tasks
from isoloss.config import exhibits
from isoloss.errors import UserError
from isoloss.runtime import fingerprint as fingerprint_of

WORKFLOW = fingerprint_of.PACKAGE.parent


@pytest.fixture
def package(tmp_path):
    """A copy of the package that a test may edit."""
    shutil.copytree(WORKFLOW / "isoloss", tmp_path / "isoloss")
    return tmp_path


def fingerprints(folder: Path) -> dict[str, str]:
    program = (
        "import json\n"
        "from isoloss.runtime.fingerprint import training_fingerprint\n"
        "from isoloss.tasks import names\n"
        "print(json.dumps({name: training_fingerprint(name) for name in names()}))"
    )
    environ = {"PYTHONPATH": str(folder)}
    finished = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
    )
    return json.loads(finished.stdout)


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


def test_templates_scripts_and_styles_belong_to_the_modules_beside_them():
    report = depends_on("isoloss.jobs.report")
    assert {"isoloss/report/report.html", "isoloss/report/interactive/chart.js"} <= report
    assert "isoloss/charts/isoloss.mplstyle" in depends_on("isoloss.exhibits.generic.loss")
    assert "isoloss/report/report.html" not in depends_on("isoloss.exhibits.generic.loss")


TRAINED, ALL = {"function", "copy", "language"}, {"function", "polynomial", "copy", "language"}
PARTS = ("data", "solution")  # of a task: what trains or solves a run


def changed(package, module, old, new) -> set[str]:
    """The tasks whose fingerprint an edit changes."""
    before = fingerprints(package)
    edit(package, module, old, new)
    after = fingerprints(package)
    return {task for task in ALL if after[task] != before[task]}


@pytest.mark.parametrize(
    ("module", "old", "new", "tasks"),
    [
        # What a run begins with, how it goes on, and what it leaves.
        ("train/session.py", "arguments.seed,", "arguments.seed + 1,", TRAINED),
        ("train/session.py", "self.trainer.load(state)", "pass", TRAINED),
        ("train/keep.py", "state.about != self.about", "state.about == self.about", TRAINED),
        ("train/trunk.py", "session.facts.steps", "session.facts.steps - 1", TRAINED),
        ("train/outcome.py", "curve[-1]", "curve[0]", TRAINED),
        ("train/schedule.py", "elementary.cos", "elementary.sin", TRAINED),
        ("counting.py", "6.0 *", "2.0 *", ALL),
        ("tasks/base.py", "run.training", "run.data", ALL),
        ("models/shapes.py", "LOGIT_SD = 0.25", "LOGIT_SD = 0.5", TRAINED),
        ("models/transformer.py", "functional.gelu", "functional.relu", TRAINED),
        ("elementary.py", "range(15)", "range(14)", ALL),
        ("native/kernel/adamw.hpp", "SUMMED = 4096", "SUMMED = 2048", TRAINED),
        ("tasks/language/task.py", "(batch * context)", "batch", {"language"}),
        ("tasks/language/data.py", "shape[0] * context", "shape[0]", {"language"}),
        ("tasks/copy/data.py", "HELDOUT_SEED = 0", "HELDOUT_SEED = 1", {"copy"}),
        ("tasks/function/data.py", "TEACHER_GAIN = 2.0", "TEACHER_GAIN = 3.0", {"function"}),
        ("tasks/polynomial/solution.py", "values.std(ddof=1)", "values.std()", {"polynomial"}),
    ],
)
def test_code_that_computes_changes_the_fingerprint_of_the_tasks_that_use_it(
    package, module, old, new, tasks
):
    assert changed(package, module, old, new) == tasks


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("train/loop.py", '"""The training loop', '"""A loop for training'),
        ("train/loop.py", "rows: list", "# One row an evaluation.\n    rows: list"),
        ("config/runs.py", "n_evals: Evals = 20", "n_evals: Evals = 21"),
        ("tasks/language/settings.py", "250_000", "250_001"),
        ("tasks/language/task.py", 'f"language-', 'f"text-'),  # its name is a plan's, not a loss's
        ("tasks/memory.py", "330e6", "340e6"),
        ("tasks/__init__.py", "REGISTERED: dict[str, Task] = {}", "REGISTERED = {}"),
        ("jobs/train.py", "--run-id", "--run"),
        ("jobs/trunk.py", "--out", "--to"),
        ("native/kernel/adamw.hpp", "//", "// AdamW, in other words:"),
        ("native/build.py", "HASH_DIGITS = 16", "HASH_DIGITS = 17"),
        ("runtime/job.py", "AGAIN = 75", "AGAIN = 76"),
        ("report/build.py", "import", "import sys\nimport"),
        ("charts/style.py", "import", "import sys\nimport"),
    ],
)
def test_docstrings_comments_plans_and_jobs_arguments_do_not(package, module, old, new):
    assert changed(package, module, old, new) == set()


def test_a_run_alone_does_not_depend_on_the_code_of_stacks_and_a_stack_depends_on_all_of_it():
    tasks = [f"isoloss.tasks.{task}.{part}" for task in TRAINED for part in ("task", "data")]
    alone = fingerprint_of.sources(*fingerprint_of.TRAINING, *tasks)
    of_stacks = {str(path) for path in (WORKFLOW / "isoloss/train/stacked").glob("*.py")}
    of_stacks.add(str(WORKFLOW / "isoloss/models/stacked.py"))
    assert not of_stacks & set(alone)
    together = set(fingerprint_of.sources(fingerprint_of.STACK))
    assert of_stacks - together <= {str(WORKFLOW / "isoloss/train/stacked/__init__.py")}


LOOKS_LIKE_A_COMMENT = """

TEXT = "# no comment" + '#' + f"{1}#" + '''
    # nor this

'''
def f(x, name="a\\"#b"):  # a comment
    return x  # another
"""


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("  # another", "  # one more", True),
        ("  # a comment\n", "\n    # a comment\n\n", True),
        ('name="a', 'name="A', False),
        ("# no comment", "# a comment", False),
        ("    # nor this\n", "", False),
        ("# nor this\n\n", "# nor this\n", False),  # an empty line of a text
        ("return x", "return -x", False),
    ],
)
def test_comments_are_no_source_and_texts_that_look_like_comments_are(
    monkeypatch, tmp_path, old, new, same
):
    def source_of(text):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}" / "module.py"
        path.parent.mkdir()
        path.write_text(text)
        monkeypatch.setattr(fingerprint_of, "sources", lambda *modules: [str(path)])
        return fingerprint_of.source_fingerprint(str(path))

    assert old in LOOKS_LIKE_A_COMMENT
    edited = LOOKS_LIKE_A_COMMENT.replace(old, new)
    assert (source_of(LOOKS_LIKE_A_COMMENT) == source_of(edited)) == same


def test_a_task_that_is_not_there_has_no_fingerprint():
    with pytest.raises(UserError, match="there is no task 'image'"):
        fingerprint_of.training_fingerprint("image")


def test_a_task_whose_module_is_not_there_has_no_fingerprint(monkeypatch):
    monkeypatch.setattr(isoloss.tasks.task("copy"), "module", "isoloss.tasks.copy.gone")
    with pytest.raises(ValueError, match=r"^there is no module isoloss\.tasks\.copy\.gone$"):
        fingerprint_of.training_fingerprint("copy")


def test_what_looks_tasks_up_depends_on_their_light_part_alone():
    """A prediction must not be made again because the code that trains has changed."""
    for module in ("isoloss.jobs.plan", "isoloss.jobs.predict"):
        names = depends_on(module)
        assert {f"isoloss/tasks/{task}/task.py" for task in ALL} <= names
        training = ("isoloss/train/", "isoloss/models/")
        training += tuple(f"isoloss/tasks/{task}/{part}.py" for task in ALL for part in PARTS)
        assert not any(name.startswith(training) for name in names)


@pytest.mark.parametrize(
    ("job", "known"),
    [
        ("isoloss.jobs.figure", exhibits.FIGURES),
        ("isoloss.jobs.analyse", exhibits.ANALYSES),
    ],
)
def test_an_edit_of_one_subject_reaches_those_exhibits_alone_that_import_it(job, known):
    """A figure of the rates is not drawn again because that of the seeds is edited."""
    of = {module: set(fingerprint_of.sources(job, module)) for module in set(known.values())}
    for module, files in of.items():
        path = str(WORKFLOW.joinpath(*module.split(".")).with_suffix(".py"))
        assert path in files
    seeds, rates = (f"isoloss.exhibits.training.{name}" for name in ("seed_noise", "learning_rate"))
    assert not any(path.endswith("seed_noise.py") for path in of[rates])
    assert not any(path.endswith("learning_rate.py") for path in of[seeds])
