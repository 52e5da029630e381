"""A published study gives its runs again, to the byte, or is refused before any job."""

import copy
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests.workflow.project import Project, trained
from tests.workflow.test_staleness import FUNCTION

from isoloss.cli.main import main
from isoloss.errors import UserError
from isoloss.files import read_arrow, read_json, read_parquet, sha256, write_json, write_parquet
from isoloss.pipeline import published
from isoloss.pipeline.project import read_project
from isoloss.runs import publish as publishing
from isoloss.runs.published import read
from isoloss.runs.published_tables import decoded

NAMED = "results/published/sine"
RECORD = {"made_before": True, "said_utc": "2020-01-01T00:00:00Z", "run_ids": []}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A project whose four runs are trained, with a record of a prediction, and published."""
    folder = trained(tmp_path_factory.mktemp("there"), {"sine": FUNCTION})
    write_json(folder / "results" / "predictions" / "0123.json", RECORD)
    write_parquet(folder / "results" / "fits.parquet", pd.DataFrame({"value": [0.5]}))
    return folder


@pytest.fixture
def there(finished, tmp_path, monkeypatch):
    """A copy of that project, in which commands run, with what it has published."""
    folder = Path(shutil.copytree(finished, tmp_path / "there"))
    monkeypatch.chdir(folder)
    assert main(["publish", "--name", "sine"]) == 0
    return folder


@pytest.fixture
def clone(there, tmp_path):
    """A project of the same study that has nothing but what was published."""
    folder = tmp_path / "clone"
    folder.mkdir()
    Project(folder, {"sine": copy.deepcopy(FUNCTION)}, published=[NAMED])
    shutil.copytree(there / NAMED, folder / NAMED)
    return folder


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_runs_and_predictions_come_back_as_they_were_written_and_nothing_is_left_to_train(
    there, clone
):
    planned = read_project(clone)
    assert planned.untrained_core_s() == {}
    assert not (clone / "results" / "runs").exists()  # a plan writes nothing
    assert published.restore_runs(planned) == 4
    for name in ("runs", "predictions"):
        assert content(clone / "results" / name) == content(there / "results" / name)
    assert published.restore_runs(read_project(clone)) == 0


def test_the_same_results_give_the_same_bytes_and_are_published_once(there, capsys):
    before = content(there / NAMED)
    assert main(["publish", "--name", "sine"]) == 0
    assert "4 runs, " in capsys.readouterr().out
    shutil.rmtree(there / NAMED)
    assert main(["publish", "--name", "sine"]) == 0
    assert content(there / NAMED) == before


def test_a_run_whose_rows_are_deleted_is_trained_and_no_other(clone):
    path = clone / NAMED / "runs.parquet"
    runs = pd.read_parquet(path)
    lost = runs["run_id"][2]
    runs[runs["run_id"] != lost].to_parquet(path)
    planned = read_project(clone)
    assert set(planned.untrained_core_s()) == {lost}
    (said,) = published.warnings(planned)
    assert f"1 of the runs that its card names have no rows, such as {lost}" in said


def test_a_run_that_was_set_aside_is_not_restored(clone):
    run_id = next(iter(read_project(clone).plan.runs))
    (clone / "results" / "superseded" / f"{run_id}-0ther0ther").mkdir(parents=True)
    assert set(read_project(clone).untrained_core_s()) == {run_id}


def test_a_part_of_a_run_that_was_removed_is_restored_with_the_whole_run(there, clone):
    published.restore_runs(read_project(clone))
    row = next((clone / "results" / "runs").glob("*/row.json"))
    row.unlink()
    assert published.restore_runs(read_project(clone)) == 1
    assert content(clone / "results" / "runs") == content(there / "results" / "runs")


def table(name, **changes):
    """An edit of the second row of a table."""

    def edit(folder):
        path = folder / f"{name}.parquet"
        frame = read_parquet(path)
        for column, value in changes.items():
            frame.loc[1, column] = value
        write_parquet(path, frame)

    return edit


def first_again(folder):
    frame = read_parquet(folder / "runs.parquet")
    write_parquet(folder / "runs.parquet", pd.concat([frame, frame[:1]]))


def card(**changes):
    def edit(folder):
        write_json(folder / "card.json", read_json(folder / "card.json") | changes)

    return edit


def of_card(section, name, value):
    def edit(folder):
        said = read_json(folder / "card.json")
        said[section][name] = value
        write_json(folder / "card.json", said)

    return edit


def less_of_card(folder):
    said = read_json(folder / "card.json")
    said["runs"].popitem()
    write_json(folder / "card.json", said)


def signed(edit):
    """An edit after which the card is made to agree: the runs themselves are looked at."""

    def both(folder):
        edit(folder)
        said = read_json(folder / "card.json")
        tables = {n: read_arrow(folder / f"{n}.parquet") for n in ("runs", "curves", "evaluations")}
        made, _ = decoded(tables, {})
        said["runs"] = {run_id: made.digest(run_id) for run_id in made.rows}
        for name, file in said["files"].items():
            file |= {"bytes": (folder / name).stat().st_size, "sha256": sha256(folder / name)}
        write_json(folder / "card.json", said)

    return both


def slower(folder):
    path = folder / "runs.parquet"
    frame = read_parquet(path)
    settings = json.loads(frame.loc[1, "settings"])
    settings["training"]["peak_lr"] *= 2
    frame.loc[1, "settings"] = json.dumps(settings)
    write_parquet(path, frame)


def cut(name):
    def edit(folder):
        (folder / name).write_bytes((folder / name).read_bytes()[:-20])

    return edit


FAULTS = {
    "no card": (lambda f: (f / "card.json").unlink(), "card.json: could not be read: "),
    "a card cut off": (cut("card.json"), "card.json: is not whole JSON"),
    "another format": (card(format=2), "is of format 2; this version of isoloss reads format 1"),
    "a card without runs": (card(runs=None), "runs: is missing, or no section"),
    "a file that is gone": (lambda f: (f / "corpora.json").unlink(), "corpora.json: could not be"),
    "another file": (cut("fits.parquet"), "fits.parquet: is not the file of the card: it has "),
    "a table cut off": (cut("runs.parquet"), "runs.parquet: is not whole Parquet"),
    "another loss": (table("runs", loss=0.5), "is not the run that was published"),
    "another curve": (table("curves", loss=0.5), "is not the run that was published"),
    "other settings": (slower, "its settings are those of sine-"),
    "a run twice": (first_again, "is there twice"),
    "a run too many": (less_of_card, "is not one of the runs of the card"),
    "a run too few": (of_card("runs", "sine-x", "0" * 16), "names 1 runs that runs.parquet does"),
    "another commit": (of_card("made_with", "commit", {"abc": 4}), "commit is {'abc': 4}, and No"),
    "other hash of settings": (card(settings_sha256="0"), "card.json: settings_sha256 is '0', and"),
    "another date": (of_card("started", "first_utc", "2020"), "started.first_utc is '2020', and '"),
    "signed, another size": (
        signed(table("runs", n_params=1)), "n_params is 1, and ",
    ),
    "signed, other settings": (signed(slower), "its settings are those of sine-"),
    "signed, another loss": (
        signed(table("runs", loss=0.5)), "its curve does not end with its loss",
    ),
    "signed, no settings": (signed(table("runs", settings="{}")), "there is no task 'None'"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_published_study_that_disagrees_with_itself_is_refused_before_any_job(clone, fault):
    edit, said = FAULTS[fault]
    edit(clone / NAMED)
    with pytest.raises(UserError) as error:
        read_project(clone)
    assert said in str(error.value)
    assert NAMED in str(error.value)
    assert "--config 'published=[]'" in str(error.value)


def test_a_column_that_is_gone_is_named(clone):
    path = clone / NAMED / "curves.parquet"
    write_parquet(path, read_parquet(path).drop(columns="loss"))
    with pytest.raises(UserError, match=r"curves\.parquet: has no column 'loss'"):
        read(clone / NAMED)


def test_a_folder_that_is_not_there_or_not_inside_the_project_is_refused(clone):
    for folder, said in (
        ("results/published/sin", "there is no folder results/published/sin; did you mean "),
        ("../sine", "published: must be folders inside the project, got '../sine'"),
    ):  # fmt: skip
        with pytest.raises(UserError) as error:
            read_project(clone, changes={"published": [folder]})
        assert said in str(error.value)


def test_other_results_are_published_only_in_a_free_place_or_on_request(there, capsys):
    before = content(there / NAMED)
    row = next((there / "results" / "runs").glob("*/row.json"))
    write_json(row, read_json(row) | {"train_loss": 0.5})
    assert main(["publish", "--name", "sine"]) == 2
    assert "is there already, with other content" in capsys.readouterr().err
    assert content(there / NAMED) == before
    assert main(["publish", "--name", "sine", "--replace"]) == 0
    assert content(there / NAMED) != before
    assert [path.name for path in (there / NAMED).parent.iterdir()] == ["sine"]


def test_a_study_that_is_unfinished_damaged_or_too_large_is_not_published(
    there, capsys, monkeypatch
):
    run = next((there / "results" / "runs").iterdir())

    def refused(*said):
        assert main(["publish", "--name", "other"]) == 2
        err = capsys.readouterr().err
        assert all(one in err for one in said)
        assert [path.name for path in (there / NAMED).parent.iterdir()] == ["sine"]

    monkeypatch.setattr(publishing, "MOST_BYTES", 1000)
    refused("bytes, at most 1,000 can be published: ", "runs.parquet ")
    row = read_json(run / "row.json")
    write_json(run / "row.json", row | {"n_params": 1})
    refused(f"{run.name}: n_params is 1, and ", "Nothing was published.")
    write_json(run / "row.json", row | {"reason": {"a": 1}})
    refused("hold what a table cannot hold: ")
    shutil.rmtree(run)
    (there / "results" / "fits.parquet").unlink()
    refused(f"{run.name} is not trained yet", "results/fits.parquet is missing")
