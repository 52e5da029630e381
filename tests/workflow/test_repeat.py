"""The commands that a report prints do what it says of them."""

import copy
import html
import re
import shlex

from tests.workflow.project import Project
from tests.workflow.test_staleness import FUNCTION


def test_the_command_of_a_study_makes_that_study_with_the_same_config_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path, {"sine": copy.deepcopy(FUNCTION)})
    (tmp_path / "one.yaml").write_text("results: results/one\n")
    (tmp_path / "the other.yaml").write_text("figures: figures/other\n")
    project.jobs("--configfile", "one.yaml", "the other.yaml")
    page = (tmp_path / "results" / "one" / "report.html").read_text()
    (command,) = re.findall(r"<code>snakemake (.*study_sine.*)</code>", page)
    arguments = shlex.split(html.unescape(command))
    (tmp_path / "figures" / "other" / "sine" / "width.png").unlink()
    counts = project.jobs(*arguments)
    assert counts.pop("study_sine") == 1
    assert counts == {"figure": 1}
