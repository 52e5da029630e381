"""`isoloss schedule`, and docs/schedules.md, whose example is of a planted law."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.schedules import planted

from isoloss.cli.main import main

PAGE = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text(encoding="utf-8")
FIT = ["--fit", "constant", "cosine", "jump", "--draws", "0"]


@pytest.fixture
def curves(tmp_path):
    """A file of four runs; the last has no losses."""
    parts = [pd.DataFrame({"run": kind} | planted.table(kind, 600))
             for kind in ("constant", "cosine", "jump", "wsd")]  # fmt: skip
    table = pd.concat(parts, ignore_index=True)
    table.loc[table["run"] == "wsd", "loss"] = np.nan
    table.to_csv(tmp_path / "curves.csv", index=False)
    return tmp_path / "curves.csv"


def said(capsys, *command):
    """The JSON that a command prints."""
    assert main(["schedule", *map(str, command), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_run_without_losses_is_predicted_and_every_row_is_saved(curves, tmp_path, capsys):
    output = tmp_path / "out" / "predicted.csv"
    found = said(capsys, curves, *FIT, "--output", output)["fits"][0]
    wsd = next(one for one in found["runs"] if one["run"] == "wsd")
    truth = planted.table("wsd", 600)["loss"]
    assert wsd["measured"] is None
    assert wsd["predicted"] == pytest.approx(truth[-1], rel=2e-3)
    saved = pd.read_csv(output)
    of_wsd = saved[saved["run"] == "wsd"]
    assert of_wsd["predicted"].to_numpy() == pytest.approx(truth, rel=3e-3)
    assert set(of_wsd["use"]) == {"predicted"}


def test_a_file_without_a_column_of_runs_is_a_run_of_its_name(tmp_path, capsys):
    for kind in ("constant", "cosine", "linear"):
        pd.DataFrame(planted.table(kind, 600)).rename(columns={"lr": "learning_rate"}).to_csv(
            tmp_path / f"{kind}.csv", index=False
        )
    files = [tmp_path / f"{kind}.csv" for kind in ("constant", "cosine", "linear")]
    found = said(capsys, *files, "--fit", "co*", "--draws", "0")
    assert [one["run"] for one in found["fits"][0]["runs"]] == ["constant", "cosine", "linear"]
    assert found["fits"][0]["runs"][2]["mean_error"] < 2e-3
    assert any("lr is column 'learning_rate'" in note for note in found["notes"])


def test_the_same_command_prints_the_same(curves, capsys):
    command = [curves, "--fit", "constant", "cosine", "jump", "--draws", "20"]
    assert said(capsys, *command) == said(capsys, *command)


def test_one_schedule_says_what_would_tell(curves, capsys):
    assert main(["schedule", str(curves), "--fit", "cosine", "--draws", "0"]) == 0
    printed = capsys.readouterr().out
    assert "verdict: not identified: one schedule alone" in printed
    assert "not known, as said by the verdict: constant, jump, wsd" in printed


def test_all_problems_are_named_at_once(curves, tmp_path, capsys):
    assert main(["schedule", str(curves), "--law", "multi_pover", "--draws", "3"]) == 2
    error = capsys.readouterr().err
    assert "did you mean 'multi_power'" in error
    assert "--draws: must be 0, or 20 or more, got 3" in error
    assert main(["schedule", str(curves), "--fit", "cosin", "wsd"]) == 2
    error = capsys.readouterr().err
    assert "--fit cosin: no run is called so; did you mean 'cosine'?" in error
    assert "--fit wsd: has no losses" in error
    bad = tmp_path / "bad.csv"
    bad.write_text("run,step,rates,loss\na,1,0.1,2\na,2,0.1,x\n")
    assert main(["schedule", str(bad)]) == 2
    assert "no column of lr; there are run, step, rates, loss" in capsys.readouterr().err
    assert main(["schedule", str(bad), "--column", "lr=rates"]) == 2
    assert "loss must be positive, or empty: row 2" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.partial"))


def test_the_example_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.+?)```", PAGE, flags=re.DOTALL)
    exec(compile(example, "docs/schedules.md", "exec"), {})
    (command,) = re.findall(r"```sh\nisoloss (.+)\n```", PAGE)
    assert main(shlex.split(command)) == 0
    printed = capsys.readouterr().out
    assert "verdict: identified" in printed
    assert re.search(r"planned +predicted +1000 +- +\d", printed)
    assert set(pd.read_csv("predicted.csv")["run"]) == {"constant", "cosine", "half", "planned"}
