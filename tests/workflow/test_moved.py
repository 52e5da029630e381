"""A finished project that is moved or copied: what is there is found, wherever it lies."""

import copy
import json
import shutil

import pandas as pd
import pytest
from tests.workflow.project import REPOSITORY, Project, run_module
from tests.workflow.test_trunk_jobs import FIT, project

from isoloss.cli.main import main
from isoloss.pipeline import published
from isoloss.pipeline.project import read_project

BUDGETS = [320, 400, 480, 560, 640, 1280]
PREDICTION = {"sweep": "data", "at_most": 0.6, "fits": [FIT]}
SAID = "results/studies/text/prediction.parquet"


class Clone(Project):
    """A project that holds its own code, as a clone of the repository does."""

    def __init__(self, folder):
        self.folder = folder
        self.has_own_code = True  # else the repository's, which is the same, and starts quicker

    def write(self):
        """The config is as it is."""

    def snakemake(self, *arguments, cores=2):
        """Run Snakemake in the clone, with the clone's own code."""
        if not self.has_own_code:
            return super().snakemake(*arguments, cores=cores)
        options, code = ["--cores", str(cores), *arguments], str(self.folder / "workflow")
        return run_module("snakemake", options, self.folder, PYTHONPATH=code)

    def contents(self):
        """The bytes of all results by path, but for records of what was made when."""
        paths = [path for path in (self.folder / "results").rglob("*") if path.is_file()]
        return {
            path.relative_to(self.folder): path.read_bytes()
            for path in paths
            if not {"logs", "provenance.json"} & set(path.parts)
        }


def copied(source, target, times, own_code=True):
    """A copy of a folder, with the times of its files or with new ones."""
    function = shutil.copy2 if times else shutil.copyfile
    shutil.copytree(source, target, symlinks=True, copy_function=function)
    copy = Clone(target)
    copy.has_own_code = own_code
    return copy


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A clone in which a study with a prediction has been made."""
    folder = tmp_path_factory.mktemp("moved") / "clone"
    folder.mkdir()
    made = project(folder, budgets=BUDGETS, prediction=copy.deepcopy(PREDICTION), fits=[FIT])
    made.write()
    shutil.copytree(
        REPOSITORY / "workflow",
        folder / "workflow",
        ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"),
    )
    shutil.copy(REPOSITORY / "Snakefile", folder)
    (folder / "profiles").symlink_to("workflow/profiles")
    clone = Clone(folder)
    ran = clone.jobs()
    assert (ran["train"], ran["predict"]) == (6, 1)
    return clone


@pytest.mark.parametrize("times", [True, False])
def test_a_whole_folder_that_is_copied_has_nothing_to_do(finished, tmp_path, times):
    copy = copied(finished.folder, tmp_path / "copy", times)
    before = copy.contents()
    assert copy.jobs() == {}
    assert copy.contents() == before


def test_a_folder_that_is_moved_has_nothing_to_do(finished, tmp_path):
    moved = copied(finished.folder, tmp_path / "before", times=True)
    assert moved.jobs() == {}
    moved.folder = moved.folder.rename(tmp_path / "after it was moved")
    assert moved.jobs() == {}


def test_a_comment_a_docstring_and_an_empty_line_in_every_module_make_nothing_again(
    finished, tmp_path
):
    copy = copied(finished.folder, tmp_path / "copy", times=True)
    before = copy.contents()
    for path in (copy.folder / "workflow").rglob("*.py"):
        text = path.read_text().replace('"""', '"""Edited. ', 1)
        path.write_text(f"# a comment\n\n{text}\n# another\n")
    assert copy.jobs() == {}
    assert copy.contents() == before


def test_results_that_are_copied_into_a_fresh_clone_have_nothing_to_do(finished, tmp_path):
    """The copy has new times, the corpus the newest, and none of Snakemake's records."""
    copy = copied(finished.folder, tmp_path / "copy", times=False, own_code=False)
    shutil.rmtree(copy.folder / ".snakemake")
    for path in (copy.folder / "results" / "corpora").rglob("*"):
        path.touch()
    before = copy.contents()
    assert copy.jobs() == {}
    assert copy.contents() == before


def predictions(clone):
    """Whether each law's prediction counts as made before its run, and all records of such."""
    table = pd.read_parquet(clone.folder / SAID)
    records = [json.loads(p.read_text()) for p in (clone.folder / "results/predictions").iterdir()]
    return list(table["made_before"]), sorted(record["made_before"] for record in records)


def test_an_edit_of_the_code_keeps_a_prediction_that_says_the_same(finished, tmp_path):
    """Byte by byte; one of other runs is a later one, and stands beside it."""
    copy = copied(finished.folder, tmp_path / "copy", times=True)
    said = (copy.folder / SAID).read_bytes()
    law = copy.folder / "workflow" / "isoloss" / "laws" / "base.py"
    law.write_text(law.read_text() + "EDITED = True\n")
    assert copy.jobs(SAID) == {"predict": 1}
    assert (copy.folder / SAID).read_bytes() == said
    assert predictions(copy) == ([True], [True])
    path = copy.folder / "config" / "studies" / "text.yaml"
    path.write_text(path.read_text().replace("at_most: 0.6", "at_most: 0.45"))
    assert copy.jobs(SAID) == {"predict": 1}
    assert predictions(copy) == ([False], [False, True])
    path.write_text(path.read_text().replace("at_most: 0.45", "at_most: 0.6"))
    assert copy.jobs(SAID) == {"predict": 1}
    assert (copy.folder / SAID).read_bytes() == said


def test_code_that_computes_otherwise_leaves_what_was_said_before_the_run(finished, tmp_path):
    copy = copied(finished.folder, tmp_path / "copy", times=True)
    said = (copy.folder / SAID).read_bytes()
    path = copy.folder / "workflow" / "isoloss" / "forecast" / "prediction.py"
    code = path.read_text()
    assert "float(getattr(said, name)[0])" in code
    path.write_text(
        code.replace("float(getattr(said, name)[0])", "2 * float(getattr(said, name)[0])")
    )
    assert copy.jobs(SAID) == {"predict": 1}
    assert (copy.folder / SAID).read_bytes() == said
    assert predictions(copy) == ([True], [True])


def test_a_study_that_is_renamed_keeps_its_prediction(finished, tmp_path):
    copy = copied(finished.folder, tmp_path / "copy", times=True, own_code=False)
    config = copy.folder / "config"
    (config / "studies" / "text.yaml").rename(config / "studies" / "words.yaml")
    path = config / "config.yaml"
    path.write_text(path.read_text().replace("- text", "- words"))
    target = SAID.replace("text", "words")
    assert copy.jobs(target) == {"predict": 1}
    assert list(pd.read_parquet(copy.folder / target)["made_before"]) == [True]


def test_a_prediction_of_a_version_without_records_is_kept_as_one_before_it_is_made_again(
    finished, tmp_path
):
    """A dry run writes nothing."""
    copy = copied(finished.folder, tmp_path / "copy", times=True)
    shutil.rmtree(copy.folder / "results" / "predictions")
    law = copy.folder / "workflow" / "isoloss" / "laws" / "base.py"
    law.write_text(law.read_text() + "EDITED = True\n")
    assert copy.snakemake("--dry-run", SAID).returncode == 0
    assert not (copy.folder / "results" / "predictions").exists()
    assert copy.jobs(SAID) == {"predict": 1}
    assert predictions(copy) == ([True], [True])


def test_a_finished_run_stays_where_its_corpus_or_trunk_is_made_again(finished, tmp_path):
    """They were removed to free the space, and a new run needs them."""
    copy = copied(finished.folder, tmp_path / "copy", times=True, own_code=False)
    for name in ("corpora", "trunks"):
        shutil.rmtree(copy.folder / "results" / name)
    assert copy.jobs() == {}
    path = copy.folder / "config" / "studies" / "text.yaml"
    path.write_text(path.read_text().replace("- 560", "- 560\n      - 600"))
    ran = copy.jobs()
    assert ran["corpus"] == 1
    assert ran["train"] == 1


def test_a_published_study_is_redrawn_without_text_and_training_and_trains_a_run_without_rows(
    finished, tmp_path, monkeypatch
):
    """Its largest run stays predicted before it was trained."""
    made = copied(finished.folder, tmp_path / "copy", times=True)
    monkeypatch.chdir(made.folder)
    assert main(["publish", "--name", "text"]) == 0
    before, text = made.contents(), (made.folder / "text.txt").read_text()
    (made.folder / "text.txt").unlink()
    shutil.rmtree(made.folder / ".snakemake")
    for path in (made.folder / "results").iterdir():
        if path.name != "published":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    config = made.folder / "config" / "config.yaml"
    config.write_text(config.read_text() + "published: [results/published/text]\n")

    targets = ["figures", SAID, "results/studies/text/fits.parquet"]
    dry = made.snakemake("--dry-run", *targets)
    assert "train" not in dry.stdout
    assert not (made.folder / "results" / "runs").exists()
    assert made.jobs(*targets) == {"plan": 1, "collect": 1, "predict": 1, "fit": 1}
    after = made.contents()
    assert {path: before[path] for path in after} == after
    assert predictions(made) == ([True], [True])

    path = made.folder / "results" / "published" / "text" / "runs.parquet"
    runs = pd.read_parquet(path)
    lost = runs.loc[runs["n_tokens"] == BUDGETS[0], "run_id"].item()
    runs[runs["run_id"] != lost].to_parquet(path)
    shutil.rmtree(made.folder / "results" / "runs" / lost)
    said = " ".join(published.warnings(read_project(".")))
    assert "1 of the runs that its card names have no rows" in said
    assert "must train on the text text-" in said
    assert "there is no file 'text.txt'" in said
    (made.folder / "text.txt").write_text(text[::-1])
    said = " ".join(published.warnings(read_project(".")))
    assert "The published runs read the text text-" in said
    assert "must train on the text text-" in said
    (made.folder / "text.txt").write_text(text)
    assert "must train" not in " ".join(published.warnings(read_project(".")))
    ran = made.jobs(*targets)
    assert (ran.pop("train"), ran.pop("corpus")) == (1, 1)
    assert ran.keys() <= {"trunk", "collect", "fit", "predict"}
    assert predictions(made) == ([True], [True])
