"""Aim's repository: read from a copy by its library, which is an extra."""

import math
import sys

from tests.logs.imports import imported, library, points, refused, write


def test_a_repository_without_its_library_names_the_extra(tmp_path, monkeypatch):
    write(tmp_path / "run" / ".aim" / "VERSION", "3.2")
    monkeypatch.setitem(sys.modules, "aim", None)
    message = refused(tmp_path / "run")
    assert "which its library reads: pip install 'isoloss[aim]'" in message


def test_what_aim_writes_is_read_and_nothing_is_written_into_it(tmp_path):
    """Without `aim up`, its library alone would show runs without metrics."""
    aim = library("aim")
    folder = tmp_path / "run"
    aim.Repo.from_path(str(folder), init=True)
    quiet = {"repo": str(folder), "log_system_params": False, "system_tracking_interval": None}
    run = aim.Run(**quiet)
    run.name = "a"
    run["model"] = {"n_params": 1000, "tokens_per_step": 64}
    for step, value in ((10, 3.0), (20, 9.0), (20, 2.5), (30, math.nan)):
        run.track(value, name="loss", step=step, context={"subset": "val"})
    run.track(2.9, name="loss", step=15, context={"subset": "train"})
    started = run.hash
    run.close()
    again = aim.Run(run_hash=started, **quiet)
    again.track(2.4, name="loss", step=30, context={"subset": "val"})
    again.close()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    table, text = imported(folder)
    assert points(table, "run_id", "n_tokens", "eval_loss", "train_loss", "status")[1:] == [
        (f"a-{started[:8]}", 1280, 2.5, 2.9, "done"),
        (f"a-{started[:8]}", 1920, 2.4, 2.9, "done"),
    ]
    assert set(table["loss_tag"]) == {"val/loss"}
    assert "Aim counts calls of track()" in text
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
