"""`isoloss predict`: answers in text, JSON and files, from tables and saved fits."""

import json

import pandas as pd
import pytest
from planted_cases import TRUE, runs

from isoloss.cli.main import main
from isoloss.fit import load_fit
from isoloss.forecast import trials
from isoloss.laws import LAWS

FEW = ("--draws", "40")
ENOUGH = ("--draws", "100")  # for a plan


@pytest.fixture(autouse=True)
def few_trials(monkeypatch):
    """Trials measure drift; two of them are enough here."""
    monkeypatch.setattr(trials, "TRIALS", 2)


@pytest.fixture
def path(table):
    n, d, loss = runs(0.002)
    return table({"n_params": n, "n_tokens": d, "loss": loss})


def said(capsys, *command):
    assert main([*command]) == 0
    return capsys.readouterr().out


def refused(capsys, *command):
    assert main([*command]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err


def test_answers_from_a_saved_fit_have_the_same_bytes(path, tmp_path, capsys):
    asked = ("--compute", "1e20", "--loss", "2.5", "--inference-tokens", "1e11")
    saved = tmp_path / "fit.json"
    for form in ((), ("--law", "chinchilla")):
        first = said(capsys, "predict", path, *FEW, *form, *asked, "--save", str(saved))
        assert said(capsys, "predict", str(saved), *asked) == first
        assert ("law         weight" in first) == (form == ())


def test_fit_optimal_and_next_save_what_predict_reads(path, tmp_path, capsys):
    one, other, third = (tmp_path / f"{name}.json" for name in ("one", "other", "third"))
    said(
        capsys, "next", path, *ENOUGH, "--target", "1e20", "--budget", "1e18", "--save", str(third)
    )
    said(capsys, "fit", path, *ENOUGH, "--save", str(one))
    said(capsys, "optimal", path, *ENOUGH, "--law", "chinchilla", "--compute", "1e20", "--save",
         str(other))  # fmt: skip
    assert load_fit(one).law.name == "chinchilla"
    assert third.read_bytes() == one.read_bytes()
    texts = [said(capsys, "predict", str(p), "--compute", "1e20", "--json") for p in (one, other)]
    assert texts[0] == texts[1]


def test_money_hours_and_flop_are_one_budget(path, tmp_path, capsys):
    law = ("--law", "chinchilla", *FEW)
    device = ("--device-flops", "1e15", "--utilisation", "0.4", "--price", "2")
    hours = 1e20 / (1e15 * 0.4 * 3600)
    output = tmp_path / "new" / "answers.parquet"
    text = said(capsys, "predict", path, *law, *device, "--budget-hours", f"{hours!r}",
                "--budget-money", f"{2 * hours!r}", "--compute", "1e20", "--json", "--output",
                str(output))  # fmt: skip
    rows = json.loads(text)["answers"]
    assert len(rows) == len(pd.read_parquet(output)) == 3
    for row in rows:
        assert row["compute"] == pytest.approx(1e20)
        assert row["device_hours"] == pytest.approx(hours)
        assert row["money"] == pytest.approx(2 * hours)
        assert row["n_params"] == pytest.approx(rows[0]["n_params"])


def test_runs_are_named_by_options_or_by_a_table(path, table, capsys):
    law = ("--law", "chinchilla", *FEW, "--json")
    points = table({"N": [1e9, 1e10], "D": [1e11, 1e11]}, name="points.csv")
    texts = [
        said(capsys, "predict", path, *law, "--n-params", "1e9", "1e10", "--n-tokens", "1e11"),
        said(capsys, "predict", path, *law, "--points", points),
    ]
    first, second = (json.loads(text)["answers"] for text in texts)
    assert first == second
    for row, n in zip(first, (1e9, 1e10), strict=True):
        truth = float(LAWS["chinchilla"](TRUE, n_params=n, n_tokens=1e11))
        assert row["loss_of_run_lo"] < truth < row["loss_of_run_hi"]


def test_every_contradiction_is_named_at_once(path, tmp_path, capsys):
    output = tmp_path / "answers.txt"
    error = refused(capsys, "predict", path, "--compute", "-1", "nan", "--ratio", "20",
                    "--n-params", "1", "2", "--price", "2", "--output", str(output))  # fmt: skip
    assert error.splitlines()[0] == "arguments: 6 problems"
    for part in ("--compute: must be positive and finite, got -1", "got nan",
                 "--n-params: a budget or --loss takes one size, got 2",
                 "--ratio, --n-params: one of them keeps the path",
                 "--price: needs --device-flops and --utilisation",
                 "--output: must end in .csv or .parquet"):  # fmt: skip
        assert part in error
    assert not output.exists()
    assert "nothing is asked" in refused(capsys, "predict", path)
    assert "an optimum needs a law of n_params and n_tokens" in refused(
        capsys, "predict", path, "--law", "power_law", "--x", "n_params", "--compute", "1e20"
    )


def test_nothing_is_written_where_a_question_has_no_answer(path, tmp_path, capsys):
    output, saved = tmp_path / "answers.csv", tmp_path / "fit.json"
    error = refused(capsys, "predict", path, "--law", "chinchilla", *FEW, "--loss", "1.1",
                    "--compute", "1e9", "1e20", "--output", str(output), "--save",
                    str(saved))  # fmt: skip
    assert "a loss of 1.1 is out of reach" in error
    assert "1e+09 FLOP is below the cheapest run of the table" in error
    assert not output.exists() and not saved.exists()


def test_a_saved_fit_takes_no_settings_of_a_fit(path, tmp_path, capsys):
    saved = str(tmp_path / "fit.json")
    said(capsys, "fit", path, *FEW, "--save", saved)
    error = refused(capsys, "predict", saved, "--compute", "1e20", "--seed", "3", "--fix", "E=1")
    assert f"--seed: {saved} is a saved fit, with settings of its own" in error
    assert "--fix: " in error
