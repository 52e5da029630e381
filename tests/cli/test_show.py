"""`isoloss show`: what was found, and the report in a browser."""

import webbrowser

import pytest

from isoloss.cli.main import main
from isoloss.files import write_json


@pytest.fixture
def opened(monkeypatch):
    """The addresses that a browser was asked for."""
    asked = []
    monkeypatch.setattr(webbrowser, "open", lambda address: not asked.append(address))
    return asked


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project that names its folder of results, with a report of two findings."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text("results: out/here\n")
    results = tmp_path / "out" / "here"
    results.mkdir(parents=True)
    (results / "report.html").write_text("<p>found</p>")
    found = {"main": [{"sentence": "One thing."}], "others": [{"sentence": "Another."}]}
    write_json(results / "findings.json", found | {"failed_jobs": 0})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_findings_are_printed_and_the_page_is_opened(project, opened, capsys):
    page = project / "out" / "here" / "report.html"
    for place in ([], [str(project)], ["out/here"]):
        assert main(["show", *place]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines == [f"The report: {page}", "- One thing.", "- Another."]
    assert opened == [page.as_uri()] * 3


def test_without_a_browser_the_path_is_printed(project, opened, capsys, monkeypatch):
    assert main(["show", "--no-browser"]) == 0
    assert opened == []
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    capsys.readouterr()
    assert main(["show"]) == 0
    assert "open the file by hand" in capsys.readouterr().out


def test_a_folder_without_a_report_is_told_what_makes_one(tmp_path, opened, capsys):
    assert main(["show", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "there is no report" in said
    assert "snakemake --cores all" in said
    assert opened == []
