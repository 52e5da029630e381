"""Weights & Biases: exports of runs and histories, charts that are refused, offline runs."""

import os
import shutil

import pytest
from tests.logs.imports import imported, library, points, refused, write
from tests.published import ROOT

HISTORY = """\
_step,_runtime,_timestamp,train/global_step,train/loss,eval/loss
0,1.0,100.0,10,3.0,
1,2.0,101.0,10,,3.2
2,3.0,102.0,20,2.8,
3,4.0,103.0,20,,3.1
4,5.0,104.0,30,,NaN
"""


def test_calls_of_log_are_no_steps(tmp_path):
    write(tmp_path / "run" / "a.csv", HISTORY)
    table, text = imported(tmp_path / "run", "--tokens-per-step", 64)
    assert points(table[:2], "step", "n_tokens", "train_loss", "eval_loss") == [
        (10, 640, 3.0, 3.2),
        (20, 1280, 2.8, 3.1),
    ]
    assert "steps are column 'train/global_step'" in text


def test_calls_of_log_are_taken_for_steps_only_if_the_user_says_so(tmp_path):
    lines = [line.split(",") for line in HISTORY.splitlines()]
    write(tmp_path / "run" / "a.csv", "\n".join(",".join(x[:3] + x[4:]) for x in lines) + "\n")
    message = refused(tmp_path / "run", "--tokens-per-step", 64)
    assert "_step counts calls of log() unless the script gave its step" in message
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 64, "--step", "_step")
    assert table["step"].tolist()[:2] == [1, 3]


def test_tokens_in_a_history_need_no_steps(tmp_path):
    write(tmp_path / "run" / "a.csv",
          "_step,_timestamp,tokens,val/loss\n1,1.0,640,3.0\n2,2.0,1280,2.5\n")  # fmt: skip
    table, _ = imported(tmp_path / "run")
    assert points(table, "n_tokens", "eval_loss") == [(640, 3.0), (1280, 2.5)]


def test_a_chart_is_refused_with_what_to_export_instead(tmp_path):
    header = '"Step","a - eval/loss","a - eval/loss__MIN","a - eval/loss__MAX"'
    write(tmp_path / "run" / "chart.csv", f"{header}\n1,2.0,2.0,2.0\n")
    message = refused(tmp_path / "run")
    assert "is the export of a chart" in message
    assert "export the table of runs" in message


@pytest.mark.parametrize(
    ("name", "column", "size"),
    [
        ("wandb_hf", "eval_loss", 10_000_000),
        ("wandb_nanochat", "eval_bits_per_byte", 10_000_000),
        ("wandb_titan", "eval_loss", 10_000_000),
    ],
)
def test_tables_of_runs_hold_the_last_values(tmp_path, name, column, size):
    source = ROOT.parent / "shared" / "cases" / "runlogs" / f"{name}.csv"
    if not source.exists():
        pytest.skip(f"no {source}")
    (tmp_path / "run").mkdir()
    shutil.copy(source, tmp_path / "run")
    options = ["--tokens-per-step", 524288] if name == "wandb_nanochat" else []
    table, text = imported(tmp_path / "run", *options)
    assert len(table) == 25
    first = table.iloc[0]
    expected = {"eval_loss": 5.311082, "eval_bits_per_byte": 1.831408}
    assert (first["n_params"], first[column]) == (size, expected[column])
    assert first["n_tokens"] == (200_000_000 if not options else 381 * 524288)
    assert "a table of runs has the last values logged" in text


def test_crashed_runs_are_incomplete(tmp_path):
    write(tmp_path / "run" / "runs.csv",
          "Name,State,n_params,tokens,val/loss,train/loss\n"
          "a,finished,1000,640,3.0,2.9\nb,crashed,1000,320,3.5,NaN\n")  # fmt: skip
    table, text = imported(tmp_path / "run")
    assert points(table, "run_id", "n_tokens", "status") == [
        ("a", 640, "done"),
        ("b", 320, "incomplete"),
    ]
    assert "W&B says crashed" in text


def test_a_broken_cell_is_named(tmp_path):
    write(tmp_path / "run" / "a.csv", HISTORY.replace(",3.1\n", ",3.x\n"))
    message = refused(tmp_path / "run", "--tokens-per-step", 1)
    assert "line 5: eval/loss is no number, got '3.x'" in message


def test_a_file_of_wandb_needs_its_program(tmp_path, monkeypatch):
    write(tmp_path / "run" / "run-1.wandb", "x")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "which its program reads: pip install 'wandb>=0.29'" in refused(tmp_path / "run")


def test_what_wandb_keeps_offline_is_read(tmp_path, monkeypatch):
    """A step that was logged before is dropped by W&B, and a NaN is a text there."""
    wandb = library("wandb", "0.31.0")
    program = shutil.which("wandb")
    if program is None:
        pytest.skip("wandb is no command here")
    for name, value in (("MODE", "offline"), ("DIR", str(tmp_path / "run")), ("SILENT", "true")):
        monkeypatch.setenv(f"WANDB_{name}", value)
    (tmp_path / "run").mkdir()
    run = wandb.init(project="p", name="a", config={"n_params": 1000, "optim": {"lr": 0.1}})
    for step in (10, 20):
        run.log({"train/loss": 3.0 - step / 100}, step=step)
        run.log({"val/loss": 3.1 - step / 100}, step=step)
    run.log({"val/loss": 9.0}, step=5)
    run.log({"val": {"loss": float("nan")}}, step=40)
    run.finish()
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 64)
    assert points(table[:2], "n_tokens", "n_params", "train_loss", "eval_loss") == [
        (640, 1000, 2.9, 3.0),
        (1280, 1000, 2.8, 2.9),
    ]
    assert len(table) == 3
    assert table["status"][2] == "diverged"
    assert os.environ["WANDB_MODE"] == "offline"
