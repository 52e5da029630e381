"""The last lines of a command: where the report is, and the first three findings."""

import logging

import pytest

from isoloss.files import write_json, write_text
from isoloss.pipeline.ending import ending

FOUND = {"failed_jobs": 0, "main": [{"sentence": "A."}, {"sentence": "B."}],
         "others": [{"sentence": "C."}, {"sentence": "D."}]}  # fmt: skip


@pytest.fixture
def results(tmp_path):
    write_json(tmp_path / "findings.json", FOUND)
    write_text(tmp_path / "report.html", "")
    return tmp_path


def test_the_path_comes_first_and_then_three_findings(results):
    page = (results / "report.html").resolve()
    assert ending(results) == [f"The report: {page}", "- A.", "- B.", "- C."]


def test_a_report_after_a_failure_is_said_to_be_unfinished(results):
    write_json(results / "findings.json", FOUND | {"failed_jobs": 2})
    assert ending(results)[0].startswith("The report, which is not finished: ")


@pytest.mark.parametrize("gone", ["findings.json", "report.html"])
def test_nothing_is_said_of_a_report_that_is_not_there(results, gone):
    (results / gone).unlink()
    assert ending(results) == []


def handler(**settings):
    """The log handler of the profile, with the settings of a command line."""
    from snakemake.settings.types import OutputSettings

    from snakemake_logger_plugin_isoloss import LogHandler

    return LogHandler(OutputSettings(**settings), None)


def record(text="", **extra):
    found = logging.LogRecord("snakemake", logging.INFO, "", 0, text, None, None)
    found.__dict__.update(extra)
    return found


@pytest.mark.parametrize(
    ("settings", "text", "said"),
    [({}, "Nothing to be done (all is there).", True), ({}, "Building DAG of jobs...", False),
     ({"dryrun": True}, "Nothing to be done (all is there).", False)],
)  # fmt: skip
def test_a_command_that_has_done_its_work_says_them_once(capsys, settings, text, said):
    pytest.importorskip("snakemake", reason="Snakemake is not installed")
    one = handler(**settings)
    one.emit(record(isoloss_last_lines=lambda: ["The report: here", "- A."]))
    one.emit(record(text))
    one.close()
    one.close()
    assert capsys.readouterr().err.count("The report: here\n- A.\n") == said
