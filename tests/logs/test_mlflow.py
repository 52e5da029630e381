"""MLflow, by files and by SQLite: points in no order, marks of NaN, an infinity that is finite."""

import contextlib
import hashlib
import os
import sqlite3

import pytest
from tests.logs.imports import imported, library, points, refused, said, write

LARGEST = 1.7976931348623157e308
META = "run_id: {run}\nrun_name: a\nstatus: {status}\nlifecycle_stage: {stage}\n"
TABLES = """
CREATE TABLE runs (run_uuid TEXT, name TEXT, status TEXT, lifecycle_stage TEXT);
CREATE TABLE metrics
(key TEXT, value FLOAT, timestamp BIGINT, run_uuid TEXT, step BIGINT, is_nan INT);
CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
"""


def files(folder, run, metrics, status=3, stage="active", **params):
    home = folder / "mlruns" / "1" / run
    write(home / "meta.yaml", META.format(run=run, status=status, stage=stage))
    for name, lines in metrics.items():
        write(home / "metrics" / name, lines)
    for name, value in params.items():
        write(home / "params" / name, str(value))


def database(path, rows, status="FINISHED", **params):
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as base:
        base.executescript(TABLES)
        base.execute("INSERT INTO runs VALUES ('run1', 'a', ?, 'active')", (status,))
        base.executemany("INSERT INTO metrics VALUES (?, ?, ?, 'run1', ?, ?)", rows)
        base.executemany("INSERT INTO params VALUES (?, ?, 'run1')", list(params.items()))
        base.commit()


def test_points_are_sorted_and_the_latest_of_a_step_holds(tmp_path):
    files(tmp_path / "run", "run1", {"val/loss": "5 3.0 10\n9 2.5 30\n7 2.7 20\n8 2.6 30\n"},
          n_params=1000, tokens_per_step=64)  # fmt: skip
    table, _ = imported(tmp_path / "run")
    assert points(table, "step", "n_tokens", "n_params", "eval_loss", "n_duplicates") == [
        (10, 640, 1000, 3.0, 0),
        (20, 1280, 1000, 2.7, 0),
        (30, 1920, 1000, 2.5, 1),
    ]


def test_a_mark_is_nan_and_the_largest_number_is_infinity(tmp_path):
    rows = [
        ("val_loss", 3.0, 1, 10, 0),
        ("val_loss", 0.0, 2, 20, 1),
        ("val_loss", LARGEST, 3, 30, 0),
    ]
    database(tmp_path / "run" / "mlflow.db", rows)
    before = hashlib.sha256((tmp_path / "run" / "mlflow.db").read_bytes()).hexdigest()
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert table["eval_loss"].isna().tolist() == [False, True, True]
    assert set(table["status"]) == {"diverged"}
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mlflow.db"]
    assert hashlib.sha256((tmp_path / "run" / "mlflow.db").read_bytes()).hexdigest() == before


def test_runs_that_failed_are_incomplete_and_deleted_ones_are_none(tmp_path):
    metrics = {"val_loss": "1 3.0 10\n"}
    files(tmp_path / "run", "aaaa1111", metrics)
    files(tmp_path / "run", "bbbb2222", metrics, status=4)
    files(tmp_path / "run", "cccc3333", metrics, stage="deleted")
    table, text = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert points(table, "run_id", "status") == [
        ("a-aaaa1111", "done"),
        ("a-bbbb2222", "incomplete"),
    ]
    assert "MLflow says FAILED" in text


def test_points_without_steps_have_tokens_only_if_something_says_them(tmp_path):
    files(tmp_path / "run", "run1", {"val_loss": "1 3.0 0\n2 2.5 0\n"}, tokens_per_step=64)
    assert "nothing says how many tokens" in refused(tmp_path / "run")
    files(tmp_path / "run", "run1", {"val_loss": "1 3.0 0\n2 2.5 0\n", "tokens": "2 6400 0\n"})
    table, text = imported(tmp_path / "run")
    assert points(table, "n_tokens", "eval_loss", "n_duplicates") == [(6400, 2.5, 1)]
    assert "all points are at step 0" in text


@pytest.mark.parametrize("line", ["x 3.0 10", "1 y 10", "1 3.0 z", "1", "1 2 -3"])
def test_a_broken_line_is_named(tmp_path, line):
    files(tmp_path / "run", "run1", {"val_loss": f"1 3.0 1\n{line}\n"})
    message = refused(tmp_path / "run", "--tokens-per-step", 1)
    assert f"val_loss: line 2 is no 'time value step', got {line!r}" in message


def test_a_damaged_database_is_named_or_left_out_if_asked(tmp_path):
    database(tmp_path / "run" / "mlflow.db", [("val_loss", 3.0, 1, 10, 0)])
    whole = (tmp_path / "run" / "mlflow.db").read_bytes()
    (tmp_path / "run" / "mlflow.db").write_bytes(whole[:5000])
    files(tmp_path / "run", "run1", {"val_loss": "1 3.0 1\n"})
    message = refused(tmp_path / "run", "--tokens-per-step", 1)
    assert "mlflow.db: is no whole database of MLflow" in message
    assert "--skip-refused imports the other files" in message
    table, text = imported(tmp_path / "run", "--tokens-per-step", 1, "--skip-refused")
    assert len(table) == 1
    assert "refused: " in text


@pytest.mark.parametrize("kind", ["file", "sqlite"])
def test_what_mlflow_writes_is_read(tmp_path, kind, monkeypatch):
    mlflow = library("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "run"
    folder.mkdir()
    mlflow.set_tracking_uri(f"file:{folder}" if kind == "file" else f"sqlite:///{folder}/mlflow.db")
    mlflow.set_experiment("e")
    with mlflow.start_run(run_name="a"):
        mlflow.log_params({"n_params": 1000, "tokens_per_step": 64})
        for step, value in ((10, 3.0), (30, 2.6), (20, 2.7), (30, 2.5), (40, float("nan"))):
            mlflow.log_metric("val/loss", value, step=step)
        mlflow.log_metric("train/loss", float("inf"), step=40)
    mlflow.set_tracking_uri(None)
    table, _ = imported(folder)
    rows = [(10, 3.0, 0), (20, 2.7, 0), (30, 2.5, 1)]
    assert points(table[:3], "step", "eval_loss", "n_duplicates") == rows
    assert table["eval_loss"].isna().tolist() == [False, False, False, True]
    assert set(table["status"]) == {"diverged"}
    assert os.environ["MLFLOW_ALLOW_FILE_STORE"]


def test_a_folder_without_logs_is_said(tmp_path):
    (tmp_path / "run").mkdir()
    code, _, err = said("import", tmp_path / "run", "--output", tmp_path / "o.parquet")
    assert code == 2
    assert "is a log of huggingface, lightning" in err
