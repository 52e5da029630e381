"""Weights & Biases: exports of runs and histories, charts that are refused, offline runs."""

import json
import shutil
import struct
import zlib

import pytest
from tests.logs import events
from tests.logs.imports import imported, library, points, refused, write
from tests.published import ROOT

from isoloss.logs import wandb_file

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


def test_rows_of_one_name_are_runs_of_their_own(tmp_path):
    """Seeds of one size often share a name, and none replaces another."""
    head, rows = "Name,State,n_params,tokens,val/loss", ("a,finished,1000,640,3.0",
                                                         "a,finished,1000,640,2.9")  # fmt: skip
    write(tmp_path / "run" / "runs.csv", "\n".join([head, *rows, ""]))
    table, text = imported(tmp_path / "run")
    assert points(table, "run_id", "eval_loss") == [("a-line-2", 3.0), ("a-line-3", 2.9)]
    assert "several runs have this name" in text
    lines = [f"ID,{head}", *(f"x{i},{row}" for i, row in enumerate(rows)), ""]
    write(tmp_path / "ids" / "runs.csv", "\n".join(lines))
    table, _ = imported(tmp_path / "ids")
    assert points(table, "run_id", "eval_loss") == [("a-x0", 3.0), ("a-x1", 2.9)]


def test_a_broken_cell_is_named(tmp_path):
    write(tmp_path / "run" / "a.csv", HISTORY.replace(",3.1\n", ",3.x\n"))
    message = refused(tmp_path / "run", "--tokens-per-step", 1)
    assert "line 5: eval/loss is no number, got '3.x'" in message


def item(name: str, content: bytes, part: int = 16) -> bytes:
    """An item of a history or a config, with / between nested keys; field 16 is JSON."""
    keys = b"".join(events.field(2, key.encode()) for key in name.split("/"))
    return events.field(1, keys + events.field(part, content))


def items(values) -> bytes:
    return b"".join(item(name, json.dumps(value).encode()) for name, value in values.items())


def of_wandb(*records) -> bytes:
    """A file of W&B, written here: records in blocks of 32 KiB."""
    out = b":W&B\xe1\xbe\x00"
    for record in records:
        rest, first = record, True
        while first or rest:
            left = 32_768 - len(out) % 32_768
            if left < 7:
                out += bytes(left)
                continue
            data, rest = rest[: left - 7], rest[left - 7 :]
            kind = bytes([(1 if first else 4) if not rest else (2 if first else 3)])
            head = struct.pack("<IH", zlib.crc32(kind + data), len(data))
            out, first = out + head + kind + data, False
    return out


def logged(step, loss, time_s):
    return events.field(2, items({"iter": step, "val/loss": loss, "_timestamp": time_s}))


def folder_of(tmp_path, day=1):
    return tmp_path / "run" / "wandb" / f"offline-run-2026110{day}_120000-id1"


def save(folder, content):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run-id1.wandb").write_bytes(content)


LONG = events.field(13, b"x" * 70_000)  # what a script prints, over three blocks
CONFIG = items({"n_params": 1000, "optim": {"lr": 0.1}, "_wandb": {"t": 1}})
START = events.field(17, events.field(1, b"id1") + events.field(4, CONFIG) + events.field(8, b"a"))
FIRST = [logged(s, 3.0 - s / 100, float(s)) for s in (10, 20, 30)]
END = events.field(18, b"\x10\x03")


def test_a_file_of_wandb_is_read_over_its_blocks_with_its_config(tmp_path):
    save(folder_of(tmp_path), of_wandb(START, FIRST[0], LONG, *FIRST[1:], END))
    table, text = imported(tmp_path / "run", "--tokens-per-step", 64)
    assert points(table, "run_id", "n_tokens", "n_params", "learning_rate", "eval_loss") == [
        ("a-id1", 640, 1000, 0.1, 2.9), ("a-id1", 1280, 1000, 0.1, 2.8),
        ("a-id1", 1920, 1000, 0.1, 2.7),
    ]  # fmt: skip
    assert set(table["status"]) == {"done"}
    assert "steps are column 'iter'" in text


def test_files_of_one_id_are_stretches_of_one_run_and_a_copy_counts_once(tmp_path):
    save(folder_of(tmp_path), of_wandb(START, *FIRST))
    save(tmp_path / "run" / "wandb" / "latest-run", of_wandb(START, *FIRST))
    again = [logged(s, 2.0, 100.0 + s) for s in (30, 40)]
    save(folder_of(tmp_path, 2), of_wandb(START, *again, END))
    table, text = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert points(table, "step", "eval_loss", "n_duplicates") == [
        (10, 2.9, 0), (20, 2.8, 0), (30, 2.0, 1), (40, 2.0, 0)
    ]  # fmt: skip
    assert "1 losses were logged again at one step" in text


@pytest.mark.parametrize("at", [-3, -40, "checksum"])
def test_a_file_of_wandb_that_is_cut_or_damaged_counts_to_there(tmp_path, at):
    whole = of_wandb(START, *FIRST, END)
    if at == "checksum":
        third = len(of_wandb(START, *FIRST[:2])) + 20
        whole = whole[:third] + bytes([whole[third] ^ 1]) + whole[third + 1 :]
    else:
        whole = whole[:at]
    save(folder_of(tmp_path), whole)
    table, text = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert table["step"].tolist() == ([10, 20, 30] if at == -3 else [10, 20])
    assert set(table["status"]) == {"incomplete"}
    assert "run-id1.wandb " + ("is damaged" if at == "checksum" else "ends in the middle") in text


def test_a_value_of_a_later_wandb_needs_its_program(tmp_path, monkeypatch):
    """Numbers of protocol buffers are known; a form that is not may hold the loss."""
    row = events.field(2, items({"iter": 10}) + item("val/loss", b"x", part=9))
    save(folder_of(tmp_path), of_wandb(START, row))
    monkeypatch.setenv("PATH", str(tmp_path))
    message = refused(tmp_path / "run")
    assert "is of another W&B, whose program reads it: pip install 'isoloss[wandb]'" in message
    save(folder_of(tmp_path), b"x")
    assert "is no file of W&B" in refused(tmp_path / "run")


def test_its_program_is_read_also_where_it_is_told_to_be_silent(tmp_path, monkeypatch):
    """WANDB_SILENT empties its output, and no run would be left."""
    row = events.field(2, items({"iter": 10}) + item("val/loss", b"x", part=9))
    save(folder_of(tmp_path), of_wandb(START, row))
    records = [
        {"type": "run", "run": {"display_name": "a", "run_id": "id1"}},
        {"type": "history", "num": 1, "history": {"item": {"iter": 10, "val": {"loss": 2.5}}}},
    ]
    program = tmp_path / "bin" / "wandb"
    printed = "".join(f"echo '{json.dumps(record)}'\n" for record in records)
    write(program, f'#!/bin/sh\ntest -n "$WANDB_SILENT" && exit 0\n{printed}').chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setenv("WANDB_SILENT", "true")
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert points(table, "run_id", "step", "eval_loss") == [("a-id1", 10, 2.5)]
    write(program, "#!/bin/sh\n")
    assert "could not be read by wandb: no message" in refused(tmp_path / "run")


@pytest.mark.parametrize("by_program", [False, True])
def test_what_wandb_keeps_offline_is_read(tmp_path, monkeypatch, by_program):
    """A step that was logged before is dropped by W&B, and a NaN is a text there."""
    wandb = library("wandb")
    if by_program:
        if shutil.which("wandb") is None:
            pytest.skip("wandb is no command here")

        def unknown(part, data):
            raise wandb_file._Unknown

        monkeypatch.setattr(wandb_file, "_value", unknown)
    folder = tmp_path / "run"
    folder.mkdir()
    run = wandb.init(
        project="p", name="a", dir=str(folder), config={"n_params": 1000, "optim": {"lr": 0.1}}
    )
    for step in (10, 20):
        run.log({"train/loss": 3.0 - step / 100}, step=step)
        run.log({"val/loss": 3.1 - step / 100}, step=step)
    run.log({"val/loss": 9.0}, step=5)
    run.log({"val": {"loss": float("nan")}}, step=40)
    run.finish()
    wandb.teardown()  # its service may still be writing
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 64)
    assert points(table[:2], "n_tokens", "n_params", "train_loss", "eval_loss") == [
        (640, 1000, 2.9, 3.0),
        (1280, 1000, 2.8, 2.9),
    ]
    assert len(table) == 3
    assert table["status"][2] == "diverged"
