"""Texts of a config are texts, in whatever they end: a shell, a page, a figure, a pattern."""

import copy
import json
import zipfile

import pytest
from tests.workflow.project import Project
from tests.workflow.test_staleness import FUNCTION, LANGUAGE

TAG = "<script>alert(1)</script>"
EVIL = (
    "$(touch pwned) `touch pwned`; touch pwned '\"\\ {study} {0.__class__} {alpha} ${HOME} $x$ %s "
    f"{TAG} & | > pwned\n.. raw:: html\n\n   {TAG}\n\n.. include:: /etc/passwd\n\n-rf"
)
FILE = "$(touch pwned) it's `touch pwned` <b>.txt"
TABLE = "$(touch pwned)'s;touch pwned.csv"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project that has run, with an attempt in every field of free text and in its own name."""
    folder = tmp_path_factory.mktemp("hostile") / "it's $(touch pwned) a; touch pwned `project`"
    folder.mkdir()
    sine = copy.deepcopy(FUNCTION)
    sine |= {key: f"{key} {EVIL}" for key in ("title", "question", "theory")}
    sine |= {"notes": [EVIL], "errata": [EVIL]}
    sine["fits"][0]["theory"] = {"alpha": {"value": 1.0, "source": EVIL}}
    figure = sine["figures"][0]
    figure |= {key: f"{key} {EVIL}" for key in ("title", "x_label", "y_label")}
    figure |= {"caption": EVIL, "series": {"width": EVIL}, "tabulate": True}
    figure |= {"levels": [{"value": 0.01, "label": EVIL}], "by_label": EVIL, "by": "width"}
    figure["slopes"] = [{"exponent": -1.0, "label": EVIL}]
    text = copy.deepcopy(LANGUAGE)
    (folder / FILE).write_text("The quick brown fox jumps over the lazy dog. " * 100)
    text["corpora"]["own"]["paths"] = [FILE]
    table = dict.fromkeys(("title", "question", "theory"), EVIL)
    evil = f"$(touch pwned){TAG}"
    columns = {"loss": evil, "n_params": f"N {evil}"}
    table |= {"source": "table", "path": TABLE, "columns": columns}
    (folder / TABLE).write_text(f"{evil},N {evil}\n1.0,100\n0.5,200\n")
    made = Project(folder, {"sine": sine, "text": text, "table": table})
    made.jobs("--report", "snakemake.zip", "--report-after-run")
    return made


def test_no_text_reaches_a_shell(project):
    assert not list(project.folder.parent.rglob("pwned*"))
    assert json.loads((project.folder / "results" / "complete.json").read_text())["runs"] == 6


def test_no_text_becomes_a_tag_of_the_report(project):
    html = (project.folder / "results" / "report.html").read_text()
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert" not in html
    assert "{study}" in html


def test_no_text_becomes_a_tag_of_snakemakes_own_report(project):
    with zipfile.ZipFile(project.folder / "snakemake.zip") as report:
        pages = {name: report.read(name) for name in report.namelist() if name.endswith(".html")}
    assert pages
    assert not [name for name, page in pages.items() if TAG.encode() in page]
    assert not [name for name, page in pages.items() if b"root:x:0" in page]


def test_labels_are_drawn_as_they_are(project):
    table = (project.folder / "figures" / "sine" / "width.csv").read_text()
    assert "{0.__class__}" in table
    assert "<class" not in table
