"""`isoloss import` as a whole: what it writes, remembers, refuses, and what a fit makes of it."""

import math

import pytest
from tests.logs.imports import imported, points, refused, said, write
from tests.logs.test_printed_logs import NANOGPT

from isoloss.files import sha256
from isoloss.logs import find, importing, table
from isoloss.logs.join import joined
from isoloss.logs.records import HELD_OUT, TRAINING, Log, Options, PerRun, series

N, STEPS = (1e5, 3e5, 1e6, 3e6, 1e7), (1000, 3000, 10_000, 30_000, 100_000)


def law(n_params, n_tokens):
    return 1.7 + 400 / n_params**0.34 + 410 / n_tokens**0.28


def csv_run(folder, name, losses, hparams=""):
    lines = "".join(f"0,{step - 1},{loss!r}\n" for step, loss in losses)
    write(folder / name / "metrics.csv", f"epoch,step,val_loss\n{lines}")
    if hparams:
        write(folder / name / "hparams.yaml", hparams)


def test_a_fit_takes_the_table_and_knows_its_runs(tmp_path):
    for k, n_params in enumerate(N):
        noise = 1e-3 * math.sin(5 * k)
        losses = [(s, law(n_params, s * 1000) * (1 + noise)) for s in STEPS]
        csv_run(tmp_path / "runs", f"run{k}", losses, f"n_params: {n_params}\nbatch_tokens: 1000\n")
    csv_run(tmp_path / "runs", "sick", [(1000, 9.0), (3000, math.nan)],
            "n_params: 1e6\nbatch_tokens: 1000\n")  # fmt: skip
    _, text = imported(tmp_path / "runs")
    assert "6 runs (5 done, 1 diverged), 27 evaluations" in text
    code, out, err = said("fit", tmp_path / "runs.parquet", "--draws", 50)
    assert (code, err) == (0, "")
    assert "25 rows" in out
    assert "loss: column 'eval_loss'" in out
    assert "column 'run_id'" in out
    assert "2 of 27 rows do not count, as column 'status' is 'diverged'" in out
    assert "beta" in out


def test_a_run_in_two_places_counts_once(tmp_path):
    """A folder of W&B is often a copy of another, and a name of lm-eval may be in two folders."""
    for folder, n_rows in (("a", 2), ("b", 3), ("c", 1)):
        rows = "".join(f"r1,{s},{10.0 * s},{4 - s}\n" for s in range(1, n_rows + 1))
        write(tmp_path / "run" / folder / "h.csv", f"run,_step,tokens,val/loss\n{rows}")
    for again in range(2):
        table, text = imported(tmp_path / "run")
        assert points(table, "run_id", "eval_loss") == [("r1", 3), ("r1", 2), ("r1", 1)], again
        assert "r1: logged in several places; the one of most evaluations counts" in text


def test_what_a_script_prints_into_a_folder_of_wandb_is_the_same_run(tmp_path):
    folder = tmp_path / "run" / "wandb" / "offline-run-20261101_120000-abcd1234"
    write(folder / "files" / "output.log", NANOGPT)
    write(folder / "run-abcd1234.wandb", "x")
    (name, place), *more = find.places([tmp_path / "run"])[0]
    assert (name, place.folder.suffix, more) == ("wandb", ".wandb", [])
    table, _ = imported(tmp_path / "run", "--format", "printed")
    assert len(table) == 2


def test_reading_again_reads_only_what_is_new_and_writes_the_same_bytes(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        csv_run(tmp_path / "runs", name, [(10, 3.0), (20, 2.5)])
    options = ("--tokens-per-step", 64)
    _, text = imported(tmp_path / "runs", *options)
    output = tmp_path / "runs.parquet"
    index = tmp_path / "runs.parquet.index.json"
    first = sha256(output), sha256(index)
    read = []
    original = importing._rows_of
    monkeypatch.setattr(importing, "_rows_of", lambda *a: read.append(a[1].name) or original(*a))
    _, again = imported(tmp_path / "runs", *options)
    assert read == []
    assert (sha256(output), sha256(index)) == first
    assert "3 logs as read before" in again
    assert again.splitlines()[1:] == text.splitlines()[1:]
    (tmp_path / "runs" / "a" / "metrics.csv").touch()  # another time, the same content
    csv_run(tmp_path / "runs", "b", [(10, 3.0), (20, 2.4)])
    csv_run(tmp_path / "runs", "d", [(10, 3.0)])
    found, _ = imported(tmp_path / "runs", *options)
    assert read == ["b", "d"]
    assert found["eval_loss"].tolist() == [3.0, 2.5, 3.0, 2.4, 3.0, 2.5, 3.0]
    imported(tmp_path / "runs", "--tokens-per-step", 128)
    assert read == ["b", "d", "a", "b", "c", "d"]
    index.write_text("{")
    imported(tmp_path / "runs", "--tokens-per-step", 128)
    assert len(read) == 10


def test_a_table_that_was_edited_is_read_anew(tmp_path):
    csv_run(tmp_path / "runs", "a", [(10, 3.0)])
    found, _ = imported(tmp_path / "runs", "--tokens-per-step", 1)
    found["eval_loss"] = 99.0
    found.to_parquet(tmp_path / "runs.parquet")
    found, _ = imported(tmp_path / "runs", "--tokens-per-step", 1)
    assert found["eval_loss"].tolist() == [3.0]


def test_inputs_are_as_they_were(tmp_path):
    csv_run(tmp_path / "runs", "a", [(10, 3.0)], "n_params: 10\n")
    write(tmp_path / "runs" / "b.log", NANOGPT)
    before = {p: (sha256(p), p.stat().st_mtime_ns) for p in (tmp_path / "runs").rglob("*.*")}
    imported(tmp_path / "runs", "--tokens-per-step", 1)
    assert {
        p: (sha256(p), p.stat().st_mtime_ns) for p in (tmp_path / "runs").rglob("*.*")
    } == before


def test_sizes_and_tokens_are_said_for_the_runs_of_a_pattern(tmp_path):
    for name in ("small-1", "small-2", "large"):
        csv_run(tmp_path / "runs", name, [(10, 3.0)])
    found, text = imported(tmp_path / "runs", "--n-params", "small*=1e6", "--n-params", 5e6,
                           "--tokens-per-step", "large=100", "--tokens-per-step", 10)  # fmt: skip
    assert points(found, "run_id", "n_params", "n_tokens", "compute") == [
        ("large", 5e6, 1000, 6 * 5e6 * 1000),
        ("small-1", 1e6, 100, 6e8),
        ("small-2", 1e6, 100, 6e8),
    ]
    assert "small-1, small-2: 10 tokens a step (--tokens-per-step)" in text
    message = refused(tmp_path / "runs", "--tokens-per-step", 1, "--n-params", "smal-*=1")
    assert "--n-params: 'smal-*' matches no run" in message


def test_a_size_that_nothing_says_is_empty_and_said(tmp_path):
    csv_run(tmp_path / "runs", "a", [(10, 3.0)])
    found, text = imported(tmp_path / "runs", "--tokens-per-step", 1)
    assert found["n_params"].isna().all()
    assert "nothing says the number of parameters, and n_params is empty: --n-params" in text


def test_all_wrong_arguments_are_told_at_once(tmp_path):
    csv_run(tmp_path / "runs", "a", [(10, 3.0)])
    code, out, err = said("import", tmp_path / "runs", "--output", "x.csv", "--context", -1,
                          "--n-params", "many")  # fmt: skip
    assert (code, out) == (2, "")
    for words in (
        "--output: must end in .parquet",
        "--context: must be positive, got -1",
        "--n-params: must be a positive number or PATTERN=NUMBER, got 'many'",
    ):
        assert words in err
    assert "no format 'tensorbord'; did you mean 'tensorboard'?" in refused(
        tmp_path / "runs", "--format", "tensorbord"
    )
    assert "there is no " in refused(tmp_path / "nothing")


def test_a_run_that_two_tools_logged_counts_once(tmp_path):
    csv_run(tmp_path / "runs", "a", [(10, 3.0)])
    write(tmp_path / "runs" / "a" / "printed" / "a.log", NANOGPT)
    found, text = imported(tmp_path / "runs", "--tokens-per-step", 1)
    assert found["format"].tolist() == ["lightning"]
    assert "1 logs of printed" in text
    assert "left out as the same runs (--format printed reads them)" in text
    found, _ = imported(tmp_path / "runs", "--format", "printed")
    assert found["eval_loss"].tolist() == [3.1, 2.7]


def test_damaged_files_stop_an_import_unless_they_are_left_out(tmp_path):
    csv_run(tmp_path / "runs", "a", [(10, 3.0)])
    write(tmp_path / "runs" / "b" / "metrics.csv", "epoch,step,val_loss\n0,1,x\n")
    write(tmp_path / "runs" / "c" / "trainer_state.json", "{")
    message = refused(tmp_path / "runs", "--tokens-per-step", 1)
    assert "import: 2 problems" in message
    found, text = imported(tmp_path / "runs", "--tokens-per-step", 1, "--skip-refused")
    assert found["run_id"].tolist() == ["a"]
    assert text.count("note: refused: ") == 2


def test_the_steps_of_a_training_loss_are_those_before_it():
    """A loss at step s that counts from 0 has seen s steps, one from 1 has seen s - 1."""
    for ahead, expected in ((0, [20, 40]), (-1, [10, 30])):
        one = series([(2, 3.0), (4, 2.0)], TRAINING, ahead)
        (run,) = joined([Log("a", "a.log", {"loss": one})])
        seen, _ = table.tokens_of(run, one, Options(tokens_per_step=PerRun("", (("*", 10.0),))))
        assert seen.tolist() == expected


def test_tokens_between_records_are_in_proportion():
    counted = series([(10, 100.0), (20, 400.0)], "tokens")
    one = series([(5, 3.0), (15, 3.0), (20, 3.0), (30, 3.0)], HELD_OUT)
    (run,) = joined([Log("a", "a.log", {"val_loss": one, "tokens": counted})])
    seen, how = table.tokens_of(run, one, Options())
    assert seen.tolist() == [50, 250, 400, 700]
    assert how == "tokens of tag 'tokens'"


def test_without_times_the_last_written_point_of_a_step_holds():
    one = series([(1, 3.0), (2, 2.0), (1, 9.0)], HELD_OUT)
    (run,) = joined([Log("a", "a.log", {"val_loss": one})])
    assert run.tags["val_loss"].value.tolist() == [9.0, 2.0]
    assert run.n_duplicates["val_loss"].tolist() == [1, 0]
    timed = series([(1, 3.0, 5.0), (2, 2.0, 1.0), (1, 9.0, 4.0)], HELD_OUT)
    (run,) = joined([Log("a", "a.log", {"val_loss": timed})])
    assert run.tags["val_loss"].value.tolist() == [3.0, 2.0]


@pytest.mark.parametrize("text", ["-5", "a=0", "a=nan", "x", ""])
def test_numbers_for_runs_are_positive(text):
    with pytest.raises(importing.UserError, match="must be a positive number or PATTERN=NUMBER"):
        PerRun.of("--n-params", [text])
