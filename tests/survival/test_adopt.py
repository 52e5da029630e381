"""`isoloss adopt` takes over finished runs after it has checked each, or changes nothing."""

import copy
import json
import shutil
from pathlib import Path

import pytest
from tests.workflow.project import Project, trained
from tests.workflow.test_staleness import FUNCTION

from isoloss.cli.main import main
from isoloss.files import read_parquet, write_json, write_parquet
from isoloss.pipeline.project import read_project


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A project whose four runs are trained, and a record of a prediction."""
    folder = trained(tmp_path_factory.mktemp("there"), {"sine": FUNCTION})
    write_json(folder / "results" / "predictions" / "0123.json", {"made_before": True})
    return folder


@pytest.fixture
def there(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "there"))


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A project of the same study without a run, and the folder in which commands run."""
    folder = tmp_path / "here"
    folder.mkdir()
    Project(folder, {"sine": copy.deepcopy(FUNCTION)})
    monkeypatch.chdir(folder)
    return folder


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def first_run(folder):
    return sorted((folder / "results" / "runs").iterdir())[0]


def test_all_runs_and_predictions_are_taken_once_and_nothing_is_left_to_train(there, here, capsys):
    before = content(there)
    assert main(["adopt", str(there)]) == 0
    assert "took 4 runs (4 of them wanted by the present config) and 1 " in capsys.readouterr().out
    assert content(here / "results") == content(there / "results")
    assert content(there) == before
    assert read_project(here).untrained_core_s() == {}
    assert main(["adopt", str(there / "results")]) == 0
    assert "took 0 runs" in (said := capsys.readouterr().out)
    assert "5 were here already" in said


def test_two_folders_become_one(there, here, tmp_path, capsys):
    other = Path(shutil.copytree(there, tmp_path / "other"))
    for folder, kept in ((there, slice(0, 2)), (other, slice(2, 4))):
        runs = sorted((folder / "results" / "runs").iterdir())
        for run in set(runs) - set(runs[kept]):
            shutil.rmtree(run)
        assert main(["adopt", str(folder)]) == 0
    assert read_project(here).untrained_core_s() == {}


def edited(name, **changes):
    def edit(run):
        write_json(run / name, json.loads((run / name).read_text()) | changes)

    return edit


def cut(name):
    def edit(run):
        (run / name).write_bytes((run / name).read_bytes()[:-20])

    return edit


def other_settings(run):
    about = json.loads((run / "about.json").read_text())
    about["settings"]["training"]["peak_lr"] *= 2
    write_json(run / "about.json", about)


def shorter_curve(run):
    write_parquet(run / "curve.parquet", read_parquet(run / "curve.parquet").iloc[:-1])


FAULTS = {
    "a row cut off": (cut("row.json"), "row.json: "),
    "a curve cut off": (cut("curve.parquet"), "curve.parquet: "),
    "a missing file": (lambda run: (run / "about.json").unlink(), "has no about.json"),
    "other settings": (other_settings, "its settings are those of sine-"),
    "another seed": (edited("about.json", seed=7), "its settings are those of sine-"),
    "another size": (edited("row.json", n_params=1), "row.json: n_params is 1, and "),
    "another compute": (edited("row.json", compute_flops=1e9), "row.json: compute_flops is "),
    "another loss": (edited("row.json", loss=0.5), "does not end with the loss of row.json"),
    "no loss": (edited("row.json", loss=None), "the run is done, but its loss is None"),
    "another state": (edited("row.json", status="won"), "status is 'won', allowed are"),
    "a curve that ends early": (shorter_curve, "does not end with the loss of row.json"),
    "other code": (edited("row.json", code="0ther0ther"), "was trained by code 0ther0ther"),
    "an unknown task": (
        edited("about.json", settings={"task": {"kind": "sien"}}), "there is no task 'sien'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_with_a_fault_is_named_and_nothing_is_taken(there, here, capsys, fault):
    edit, said = FAULTS[fault]
    edit(first_run(there))
    assert main(["adopt", str(there)]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert str(first_run(there)) in err
    assert not (here / "results").exists()
    assert main(["adopt", str(there), "--without-bad"]) == 0
    assert len(list((here / "results" / "runs").iterdir())) == 3


def test_runs_of_other_code_come_on_request_and_a_run_of_another_result_never_replaces_ours(
    there, here, capsys
):
    edited("row.json", code="0ther0ther")(first_run(there))
    assert main(["adopt", str(there), "--other-code"]) == 0
    ours = content(here)
    edited("row.json", code="another0ne", train_loss=0.5)(first_run(there))
    assert main(["adopt", str(there), "--other-code"]) == 2
    assert "is here already, with another code, train_loss" in capsys.readouterr().err
    assert content(here) == ours


def test_a_folder_without_runs_and_the_present_project_are_refused(here, tmp_path, capsys):
    assert main(["adopt", str(tmp_path)]) == 2
    assert "holds no runs" in capsys.readouterr().err
    (here / "results" / "runs").mkdir(parents=True)
    assert main(["adopt", "."]) == 2
    assert "is the present project" in capsys.readouterr().err
