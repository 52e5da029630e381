"""DVCLive: a .tsv file a metric, with or without times."""

import math
import warnings

import pytest
from tests.logs.imports import imported, library, points, refused, write


def test_metrics_and_parameters_are_read(tmp_path):
    home = tmp_path / "run" / "dvclive"
    write(home / "plots" / "metrics" / "val" / "loss.tsv",
          "timestamp\tstep\tloss\n1000\t1\t3.1\n3000\t2\t2.9\n2000\t2\t9.0\n")  # fmt: skip
    write(home / "plots" / "metrics" / "train" / "loss.tsv", "step\tloss\n1\t3.0\n2\t2.8\n")
    write(home / "params.yaml", "model:\n  n_params: 1000\ntokens_per_step: 64\n")
    table, _ = imported(tmp_path / "run")
    rows = [(1, 64, 1000, 3.1, 3.0, 0), (2, 128, 1000, 2.9, 2.8, 1)]
    columns = ("step", "n_tokens", "n_params", "eval_loss", "train_loss", "n_duplicates")
    assert points(table, *columns) == rows


@pytest.mark.parametrize("line", ["x\t2.0", "1\ty", "1", "1\t2\t3"])
def test_a_broken_line_is_named(tmp_path, line):
    path = tmp_path / "run" / "dvclive" / "plots" / "metrics" / "val_loss.tsv"
    write(path, f"step\tval_loss\n{line}\n")
    assert "line 2 is no step and value" in refused(tmp_path / "run", "--tokens-per-step", 1)


def test_what_dvclive_writes_is_read(tmp_path):
    dvclive = library("dvclive")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for resume, values in ((False, (3.0, 2.5, math.nan)), (True, (2.0,))):
            with dvclive.Live(str(tmp_path / "run" / "dvclive"), save_dvc_exp=False, dvcyaml=None,
                              resume=resume) as live:  # fmt: skip
                if not resume:
                    live.log_params({"n_params": 1000, "tokens_per_step": 64})
                for value in values:
                    live.log_metric("val/loss", value, timestamp=True)
                    live.next_step()
    table, _ = imported(tmp_path / "run")
    assert table["n_tokens"].tolist() == [64, 128, 192]
    assert points(table[["eval_loss", "status"]].drop(1), "eval_loss", "status") == [
        (2.5, "done"),
        (2.0, "done"),
    ]
    assert table["status"][1] == "diverged"
