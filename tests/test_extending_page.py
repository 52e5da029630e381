"""The project of docs/extending.md, made from the page's own files, runs and finds the truth."""

import json
import math
import re
import shlex

import pandas as pd
import pytest

from tests.workflow.project import REPOSITORY, SNAKEFILE, run_module

PAGE = (REPOSITORY / "docs" / "extending.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`([\w./]+)`\n\n```\w*\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS = re.findall(r"^isoloss (.+)$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The project, after the page's one run of Snakemake."""
    folder = tmp_path_factory.mktemp("own")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    options = ["--snakefile", str(SNAKEFILE), "--cores", "all"]
    done = run_module("snakemake", options, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def fits(folder, study):
    table = pd.read_parquet(folder / "results" / "studies" / study / "fits.parquet")
    return table.set_index("parameter")["value"]


def test_every_file_that_the_config_names_is_on_the_page():
    named = re.findall(r"^  - (code/\w+\.py)$", FILES["config/config.yaml"], re.MULTILINE)
    studies = re.search(r"studies: \[(.*)\]", FILES["config/config.yaml"])[1].split(", ")
    studies = [f"config/studies/{study}.yaml" for study in studies]
    assert set(FILES) == {"config/config.yaml", "runs.log", *named, *studies}
    assert len(COMMANDS) == 2


def test_the_law_of_ones_own_finds_the_exponent_and_the_shift_of_theory(folder):
    """1 / (2 (n + 1) (n + 2)) is 1 / (2 (n + 3/2)^2), but for 1/4 in the square."""
    found = fits(folder, "circle")
    assert found["alpha"] == pytest.approx(2, abs=0.05)
    assert found["k"] == pytest.approx(1.5, abs=0.2)


def test_the_figure_of_ones_own_draws_the_ratio_that_theory_says_is_one(folder):
    drawn = pd.read_csv(folder / "figures" / "circle" / "ratio.csv")
    ratio = drawn[drawn["what"] == "mean loss"]
    assert list(ratio["x"]) == [2, 4, 8, 16, 32, 64]
    assert list(ratio["y"]) == pytest.approx([1] * 6, abs=0.04)
    assert (ratio["lo"] <= ratio["y"]).all()
    assert (ratio["y"] <= ratio["hi"]).all()
    told = json.loads((folder / "figures" / "circle" / "ratio.json").read_text())
    assert told["title"] == "Loss over theory"


def test_the_text_of_ones_own_is_learned(folder):
    """The loss falls with the data, below that of ten digits at random."""
    runs = pd.read_parquet(folder / "results" / "studies" / "sums" / "runs.parquet")
    small, large = runs.sort_values("n_tokens")["loss"]
    assert large < math.log(10)
    assert large < small - 0.3


def test_the_log_is_read_by_the_study_and_by_the_command_line(folder):
    found = fits(folder, "log")
    assert found["E"] == pytest.approx(2, abs=0.2)
    for command in COMMANDS:
        arguments = [*shlex.split(command), "--json", "--draws", "20"]
        done = run_module("isoloss.cli.main", arguments, folder)
        assert done.returncode == 0, done.stderr
        params = json.loads(done.stdout)["params"]
        name, value = ("E", found["E"]) if "runs.log" in command else ("alpha", 2)
        assert params[name]["value"] == pytest.approx(value, rel=0.05)


def test_the_schema_for_editors_knows_the_kinds_of_ones_own(folder):
    assert run_module("isoloss.reference.schema", [], folder).returncode == 0
    written = (folder / "config" / "schema" / "study.schema.json").read_text()
    for kind in ("nearest", "ratio", "ratio_to_theory_of_circles", "sums"):
        assert f'"{kind}"' in written
