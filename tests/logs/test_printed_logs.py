"""Printed logs of training scripts: invented numbers in the exact shape of each."""

import math

import pytest
from tests.logs.imports import imported, points, refused, write

NANOGPT = """\
Overriding config with config/train_shakespeare_char.py:
max_iters = 40
tokens per iteration will be: 1,024
number of parameters: 0.05M
num decayed parameter tensors: 10, with 52,000 parameters
num non-decayed parameter tensors: 5, with 320 parameters
step 0: train loss 4.2000, val loss 4.2100
iter 0: loss 4.2001, time 100.00ms, mfu -100.00%
step 20: train loss 3.0000, val loss 3.1000
iter 20: loss 2.9000, time 100.00ms, mfu 1.00%
step 40: train loss 2.5000, val loss 2.7000
iter 40: loss 2.4000, time 100.00ms, mfu 1.00%
"""
LLMC = """\
s:0 tel:11.0000
s:0 trl:10.9999 lr:0.000001 norm:20.00
s:1 trl:10.5000 lr:0.000002 norm:9.00
s:2 tel:10.1000
s:2 eval:0.2500
"""
LLMC_TABLE = """\
+-----------------------+----------------------------------------------------+
| micro batch size B    | 4                                                  |
| total batch size      | 4096                                               |
| max_sequence_length T | 1024                                               |
| padded_vocab_size Vp  | 50304                                              |
| channels C            | 768                                                |
| num_parameters        | 124475904                                          |
| train_num_batches     | 2                                                  |
val loss 11.000000
step    1/2 | loss 10.999900 (+nanz)| norm 20.0000 (+nanz)| lr 1.00e-06 | 100.00 ms
step    2/2 | loss 10.500000 (+nanz)| norm 9.0000 (+nanz)| lr 2.00e-06 | 100.00 ms
val loss 10.100000
"""
NANOCHAT = """\
Parameter counts:
wte                     : 2,000
lm_head                 : 2,000
transformer_matrices    : 7,000
total                   : 11,000
Total batch size 4,096 => gradient accumulation steps: 1
Step 00000 | Validation bpb: 3.200000
step 00000/00200 (0.00%) | loss: 11.000000 | lrm: 0.03 | dt: 10.00ms | tok/sec: 1
step 00099/00200 (49.50%) | loss: 5.000000 | lrm: 1.00 | dt: 10.00ms | tok/sec: 1
Step 00100 | Validation bpb: 1.500000
step 00199/00200 (99.50%) | loss: 4.000000 | lrm: 0.10 | dt: 10.00ms | tok/sec: 1
Step 00200 | Validation bpb: 1.200000
"""
HEAD = "[rank0]:2026-11-01 10:00:00,000 - root - INFO - "
TITAN = "".join(
    f"{HEAD}{line}\n"
    for line in (
        "\x1b[34mModel llama3 debugmodel \x1b[31msize: 6,270,976 total parameters\x1b[39m",
        "Training starts at step 1, with local batch size 8, global batch size 16, sequence "
        "length 128, total steps 20 (warmup 2)",
        "\x1b[31mstep:  1  \x1b[32mloss:  8.0000  \x1b[38;2;54;234;195mgrad_norm:  1.0000  memory:",
        "\x1b[31mstep: 10  \x1b[32mloss:  7.0000  \x1b[38;2;54;234;195mgrad_norm:  1.0000  memory:",
        "\x1b[33mvalidate step: 10  \x1b[32mloss:  7.1000  \x1b[33mmemory:  1.00GiB(1.00%)",
        "\x1b[31mstep: 20  \x1b[32mloss:  6.0000  \x1b[38;2;54;234;195mgrad_norm:  1.0000  memory:",
        "\x1b[33mvalidate step: 20  \x1b[32mloss:  6.1000  \x1b[33mmemory:  1.00GiB(1.00%)",
    )
)
MEGATRON = """\
  seq_length ...................................... 128
 > number of parameters on (tensor, pipeline) model parallel rank (0, 0): 354871296
 iteration      100/     200 | consumed samples:         1600 | elapsed time per iteration (ms): \
10.0 | learning rate: 1.0E-04 | global batch size:    16 | lm loss: 5.000000E+00 | \
loss scale: 1.0 | grad norm: 1.0 | number of skipped iterations:   0 | \
number of nan iterations:   0 |
--------------------------------------------------------------------------------------------------
 validation loss at iteration 100 | lm loss value: 5.100000E+00 | lm loss PPL: 1.640219E+02 |
--------------------------------------------------------------------------------------------------
 iteration      200/     200 | consumed samples:         4800 | elapsed time per iteration (ms): \
10.0 | learning rate: 1.0E-04 | global batch size:    32 | lm loss: 4.000000E+00 | \
loss scale: 1.0 | grad norm: 1.0 | number of skipped iterations:   3 | \
number of nan iterations:   0 |
 validation loss at iteration 200 | lm loss value: 4.100000E+00 | lm loss PPL: 6.034029E+01 |
 validation loss at iteration 200 on test set | lm loss value: 4.900000E+00 | lm loss PPL: 1.3E+02 |
"""
LOGS = {
    "nanogpt": NANOGPT,
    "llmc": LLMC,
    "nanochat": NANOCHAT,
    "titan": TITAN,
    "megatron": MEGATRON,
}


def test_nanogpt_evaluates_before_its_step_and_rounds_its_size(tmp_path):
    write(tmp_path / "run" / "a.log", NANOGPT)
    table, text = imported(tmp_path / "run")
    assert points(table, "run_id", "step", "n_tokens", "n_params", "train_loss", "eval_loss") == [
        ("run/a", 20, 20 * 1024, 52_320, 3.0, 3.1),
        ("run/a", 40, 40 * 1024, 52_320, 2.5, 2.7),
    ]
    assert set(table["status"]) == {"done"}
    assert "the printed number of parameters is rounded" in text
    assert "1 evaluation before any step is left out" in text


def test_a_resumed_nanogpt_prints_a_step_again_and_the_last_one_holds(tmp_path):
    again = "tokens per iteration will be: 1,024\nstep 20: train loss 3.0100, val loss 3.1100\n"
    again += "iter 20: loss 2.9100, time 1.00ms, mfu 1.00%\nstep 30: train loss 2.8, val loss 2.9\n"
    first, _, _ = NANOGPT.partition("step 40")
    write(
        tmp_path / "run" / "a.log", f"{first}iter 25: loss 2.8000, time 1.00ms, mfu 1.00%\n{again}"
    )
    table, text = imported(tmp_path / "run")
    assert points(table, "step", "eval_loss", "n_duplicates") == [(20, 3.11, 1), (30, 2.9, 0)]
    assert set(table["status"]) == {"incomplete"}
    assert "the one last written holds" in text.replace("that last written", "the one last written")


def test_a_run_that_was_resumed_into_another_file_is_joined_if_one_run_fits(tmp_path):
    first, _, _ = NANOGPT.partition("step 40")
    head, _, _ = NANOGPT.partition("step 0")
    again = f"{head}step 30: train loss 2.8, val loss 2.9\nstep 40: train loss 2.7, val loss 2.6\n"
    write(tmp_path / "run" / "train.log", first)
    write(tmp_path / "run" / "resumed.log", again)
    write(tmp_path / "run" / "other.log", NANOGPT.replace("52,000", "99,000"))
    table, text = imported(tmp_path / "run")
    (joined,) = (rows for run, rows in table.groupby("run_id") if run == "run/train")
    assert points(joined, "step", "eval_loss") == [(20, 3.1), (30, 2.9), (40, 2.6)]
    assert "run/resumed begins at step 30 and is joined to it as a resumed run" in text
    assert table["run_id"].nunique() == 2
    write(tmp_path / "run" / "twin.log", first)
    table, text = imported(tmp_path / "run")
    assert table["run_id"].nunique() == 4
    assert "may go on with run/train or run/twin: it is a run of its own here" in text


def test_llmc_counts_from_zero_in_its_file_and_from_one_in_what_it_prints(tmp_path):
    write(tmp_path / "both" / "main.log", LLMC)
    write(tmp_path / "both" / "stdout.txt", LLMC_TABLE)
    write(tmp_path / "printed" / "stdout.txt", LLMC_TABLE)
    for name in ("both", "printed"):
        table, _ = imported(tmp_path / name)
        embeddings = (50304 + 1024) * 768
        assert points(table, "step", "n_tokens", "n_params", "eval_loss", "status") == [
            (2, 2 * 4096, 124475904, 10.1, "done")
        ]
        assert table["n_params_non_embedding"].tolist() == [124475904 - embeddings]
        assert table["train_loss"].tolist() == [10.5]
        trained, _ = imported(tmp_path / name, "--loss", "train_loss", "--average", 1)
        assert points(trained, "n_tokens", "train_loss") == [(4096, 10.5)]


def test_llmc_alone_says_no_tokens(tmp_path):
    write(tmp_path / "run" / "main.log", LLMC)
    assert "nothing says how many tokens" in refused(tmp_path / "run")


def test_nanochat_has_bits_a_byte_and_a_training_loss_that_is_smoothed(tmp_path):
    write(tmp_path / "run" / "a.log", NANOCHAT)
    table, text = imported(tmp_path / "run")
    assert points(table, "step", "n_tokens", "n_params", "n_params_non_embedding",
                  "eval_bits_per_byte", "train_loss") == [
        (100, 409_600, 11_000, 7_000, 1.5, 5.0),
        (200, 819_200, 11_000, 7_000, 1.2, 4.0),
    ]  # fmt: skip
    assert "train/loss is an exponential mean (0.9)" in text
    assert set(table["status"]) == {"done"}


def test_nanochat_prints_later_stages_into_the_same_log_and_they_are_left_out(tmp_path):
    """speedrun.sh: mid-training counts its steps anew, and is no resumed run."""
    later = "Step 00000 | Validation bpb: 0.690000\n"
    later += "step 00001 (0.13%) | loss: 1.900000 | lrm: 1.00 | dt: 10.00ms | tok/sec: 1\n"
    later += "Step 00100 | Validation bpb: 0.400000\n"
    write(tmp_path / "run" / "a.log", NANOCHAT + later)
    table, text = imported(tmp_path / "run")
    assert points(table, "step", "eval_bits_per_byte") == [(100, 1.5), (200, 1.2)]
    assert "mid-training and fine-tuning, printed after it, are left out" in text
    write(tmp_path / "other" / "a.log", later)
    table, text = imported(tmp_path / "other", "--tokens-per-step", 1)
    assert table["eval_bits_per_byte"].tolist() == [0.4]
    assert "n_tokens are those of that stage" in text


def test_torchtitan_says_its_batch_before_it_starts_and_may_print_a_line_twice(tmp_path):
    """As of 2025; each of two handlers, or each rank, prints the line."""
    newer = TITAN.replace(
        "Training starts at step 1, with local", "Trainer is initialized with local"
    ).replace("(warmup 2)", f"(warmup 2)\n{HEAD}Training starts at step 1")
    lines = [f"[rank{i}]:{line}" for line in newer.splitlines() for i in range(2)]
    write(tmp_path / "run" / "a.log", "\n".join([*lines, ""]))
    table, text = imported(tmp_path / "run")
    assert points(table, "step", "n_tokens", "eval_loss", "train_loss", "n_duplicates") == [
        (10, 10 * 2048, 7.1, 7.0, 0),
        (20, 20 * 2048, 6.1, 6.0, 0),
    ]
    assert "logged again" not in text


def test_torchtitan_counts_from_one_and_prints_in_colour(tmp_path):
    write(tmp_path / "run" / "a.log", TITAN)
    table, _ = imported(tmp_path / "run")
    assert points(table, "step", "n_tokens", "n_params", "eval_loss", "train_loss") == [
        (10, 10 * 2048, 6_270_976, 7.1, 7.0),
        (20, 20 * 2048, 6_270_976, 6.1, 6.0),
    ]
    trained, _ = imported(tmp_path / "run", "--loss", "loss", "--average", 1)
    assert trained["n_tokens"].tolist() == [9 * 2048, 19 * 2048]


def test_megatron_counts_samples_although_its_batch_changes(tmp_path):
    write(tmp_path / "run" / "a.log", MEGATRON)
    table, text = imported(tmp_path / "run")
    columns = ("step", "n_tokens", "n_params", "eval_loss", "train_loss", "n_averaged", "loss_tag")
    assert points(table, *columns) == [
        (100, 1600 * 128, 354871296, 5.1, 5.0, 100, "lm loss validation"),
        (200, 4800 * 128, 354871296, 4.1, 4.0, 100, "lm loss validation"),
    ]
    assert "the batch size changes along the run" in text
    assert "some iterations were skipped" in text


def test_megatron_counts_samples_also_where_the_user_says_their_length(tmp_path):
    """The batch grows: its first size times the steps would be too small."""
    write(tmp_path / "run" / "a.log", "".join(MEGATRON.splitlines(keepends=True)[1:]))
    assert "nothing says how many tokens" in refused(tmp_path / "run")
    table, text = imported(tmp_path / "run", "--context", 128)
    assert table["n_tokens"].tolist() == [1600 * 128, 4800 * 128]
    assert "tokens = consumed samples x --context" in text


def test_megatron_evaluates_at_the_end_and_its_forks_count_tokens(tmp_path):
    """With a curriculum of lengths, samples times the length would be wrong."""
    text = MEGATRON.replace("samples:         4800 |", "samples: 4800 | consumed tokens: 500000 |")
    text = text.replace("samples:         1600 |", "samples: 1600 | consumed tokens: 150000 |")
    text = text.replace("     100/     200", "100 / 200").replace(
        "(0, 0): 354871296", "(0, 0): 6.74B"
    )
    ends = " validation loss at the end of training for {} data | lm loss value: {}E+00 | \n"
    text += ends.format("val", 4.05) + ends.format("test", 4.9)
    write(tmp_path / "run" / "a.log", text)
    table, said = imported(tmp_path / "run")
    assert points(table, "step", "n_tokens", "eval_loss", "n_duplicates") == [
        (100, 150_000, 5.1, 0),
        (200, 500_000, 4.05, 1),
    ]
    assert table["n_params"].isna().all()
    assert "1 losses were logged again at one step" in said


def test_megatron_prints_sizes_a_rank_and_leaves_nan_out_of_its_means(tmp_path):
    second = " > number of parameters on (tensor, pipeline) model parallel rank (1, 0): 354871296\n"
    at = "nan iterations:   {} |\n validation loss at iteration 200 |"
    sick = MEGATRON.replace(at.format(0), at.format(2))
    assert sick != MEGATRON
    write(tmp_path / "run" / "a.log", second + sick)
    table, text = imported(tmp_path / "run")
    assert table["n_params"].isna().all()
    assert "printed for each of 2 ranks" in text
    assert set(table["status"]) == {"diverged"}


def test_a_last_line_without_its_end_is_left_out(tmp_path):
    """3.1 is not 3.1234, and nothing in the line says so."""
    write(tmp_path / "run" / "a.log", f"{NANOGPT}step 60: train loss 2.4000, val loss 2.")
    table, text = imported(tmp_path / "run")
    assert table["step"].tolist() == [20, 40]
    assert "the last line has no end and is left out" in text


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("nanogpt", "val loss 3.1000", "val loss 3.1o00"),
        ("nanogpt", "val loss 3.1000", "val loss 3.1000 BPC"),
        ("nanogpt", "iter 20: loss 2.9000", "iter 20: loss 2.9.00"),
        ("llmc", "tel:10.1000", "tel:10.1000x"),
        ("nanochat", "bpb: 1.500000", "bpb: 1.5_0000"),
        ("titan", "loss:  7.1000", "loss:  7,1O00"),
        ("titan", "validate step: 10", "valid_te step: 10"),
        ("titan", "sequence length 128", f"sequence length {'9' * 400}"),
        ("megatron", "lm loss value: 5.100000E+00", "lm loss value: 5.100000E+"),
        ("megatron", "consumed samples:         1600", "consumed samples:         16x0"),
    ],
)
def test_a_number_that_is_none_is_named_with_its_line(tmp_path, name, old, new):
    text = LOGS[name].replace(old, new)
    assert text != LOGS[name]
    number = 1 + next(i for i, line in enumerate(text.splitlines()) if new in line)
    path = "main.log" if name == "llmc" else "a.log"
    write(tmp_path / "run" / path, text)
    assert f"{path}: line {number}: a number is none" in refused(
        tmp_path / "run", "--tokens-per-step", 1
    )


def test_a_run_that_ends_in_nan_diverged(tmp_path):
    write(tmp_path / "run" / "a.log", NANOGPT.replace("val loss 2.7000", "val loss nan"))
    table, _ = imported(tmp_path / "run")
    assert set(table["status"]) == {"diverged"}
    assert [math.isnan(loss) for loss in table["eval_loss"]] == [False, True]
