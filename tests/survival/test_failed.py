"""A job that always fails, and a run that diverges: the others finish, and the rest is said."""

import copy

from tests.workflow.project import Project
from tests.workflow.test_staleness import FUNCTION, LANGUAGE


def test_the_report_says_what_is_missing_until_nothing_is(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    report = folder / "results" / "report.html"
    project = Project(folder, {"sine": copy.deepcopy(FUNCTION)})
    project.jobs()
    whole = report.read_text()

    (folder / "text.txt").write_bytes(b"\xff" * 4000)
    text = copy.deepcopy(LANGUAGE)
    text["corpora"]["own"]["tokenizer"] = {"kind": "chars"}
    project.studies["text"] = text
    project.write()
    assert project.snakemake().returncode != 0
    html = report.read_text()
    assert "This report is not finished" in html
    assert "<code>corpus text-" in html
    assert "text.txt: not UTF-8: byte 0xff at offset 0" in html
    assert html.count("missing: the job failed or has not run") == 2
    assert html.count("data:image/png") == 1  # of the study that has all of its runs

    del project.studies["text"]  # what failed is no longer wanted
    project.jobs()
    assert report.read_text() == whole

    project.studies["text"] = text  # or is mended
    (folder / "text.txt").write_text("The quick brown fox jumps over the lazy dog. " * 100)
    counts = project.jobs()
    assert (counts["report"], counts["train"]) == (1, 2)
    assert "not finished" not in report.read_text()


def test_a_run_that_diverges_ends_in_an_exit_code_unless_it_may(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    study = copy.deepcopy(FUNCTION)
    study["sweeps"]["too_fast"] = {
        "set": {"training.peak_lr": 1e30, "training.schedule": "constant"},
        "grid": {"model.width": [3]},
    }
    project = Project(folder, {"sine": study})
    finished = project.snakemake()
    assert finished.returncode != 0
    assert "sine, sweep too_fast: sine-w3-" in finished.stderr
    assert "may_diverge: true" in finished.stderr
    html = (folder / "results" / "report.html").read_text()
    assert "not finished" not in html
    assert "diverged: the training loss was" in html
    study["sweeps"]["too_fast"]["may_diverge"] = True
    assert project.jobs() == {"complete": 1}
