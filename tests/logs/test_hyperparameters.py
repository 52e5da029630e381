"""Hyperparameters and configs in TensorBoard's event files: sizes, batches and rates of runs."""

import json
import warnings

import pytest
from tests.logs import events
from tests.logs.imports import imported, library, points, refused
from tests.logs.test_huggingface import GPT2
from tests.logs.test_tensorboard import write

LOSSES = [events.scalar("val/loss", s, 3 - s / 8, s) for s in (8, 16)]
SAID = {"model/n_params": 1e6, "global_batch_size": 16.0, "context": 128.0, "lr": "3e-4"}
COLUMNS = ("run_id", "n_tokens", "n_params", "learning_rate")
TRUE = [("run", 8 * 2048, 1e6, 3e-4), ("run", 16 * 2048, 1e6, 3e-4)]


def test_a_run_says_its_size_its_batch_and_its_rate(tmp_path):
    write(tmp_path / "run", [events.hyperparameters(SAID), *LOSSES])
    table, text = imported(tmp_path / "run")
    assert points(table, *COLUMNS) == TRUE
    assert "16 x 128 tokens a step (hyperparameters in the event file)" in text
    assert "learning_rate by hyperparameters in the event file" in text


@pytest.mark.parametrize("inner", ["1795913104.69", "final", "."])
def test_a_session_inside_a_run_is_no_run_and_its_metrics_are_no_losses(tmp_path, inner):
    """PyTorch writes it to a folder of its own; in that of the run, step 0 would end the curve."""
    write(tmp_path / "run", LOSSES)
    session = [events.hyperparameters(SAID, 99.0), events.scalar("val/loss", 0, 9.0, 99.0)]
    write(tmp_path / "run" / inner, session, "events.out.tfevents.9")
    table, text = imported(tmp_path / "run")
    assert points(table, *COLUMNS) == TRUE
    assert table["eval_loss"].tolist() == [2.0, 1.0]
    assert "metrics logged with hyperparameters are left out" in text


def test_trials_that_log_no_curve_are_a_run_each(tmp_path):
    write(tmp_path / "search", [])
    for i in (1, 2):
        session = [events.hyperparameters({"lr": i / 4, "n_params": i * 1e6, "tokens": 1e9})]
        write(tmp_path / "search" / f"t{i}", [*session, events.scalar("val/loss", 0, 3 - i, i)])
    table, text = imported(tmp_path / "search")
    assert points(table, *COLUMNS, "eval_loss") == [
        ("search/t1", 1e9, 1e6, 0.25, 2.0),
        ("search/t2", 1e9, 2e6, 0.5, 1.0),
    ]
    assert "tokens by hyperparameters in the event file" in text


def test_a_search_above_its_runs_does_not_join_them(tmp_path):
    """TensorFlow writes what is searched above the runs, with no losses beside it."""
    plugin = events.field(9, events.field(1, events.field(1, b"hparams")))
    body = events.field(1, b"_hparams_/experiment") + plugin
    experiment = events.record(events.event(0, 1.0) + events.field(5, events.field(1, body)))
    write(tmp_path / "logs", [experiment])
    for name in ("a", "b"):
        write(tmp_path / "logs" / name, [events.hyperparameters(SAID), *LOSSES])
    table, _ = imported(tmp_path / "logs")
    assert table["run_id"].tolist() == ["a", "a", "b", "b"]
    assert table["n_tokens"].tolist() == [8 * 2048, 16 * 2048] * 2


def test_texts_hold_configs_tables_and_single_arguments(tmp_path):
    """As Hugging Face, scripts with a table, and Megatron-LM write them."""
    args = {"learning_rate": 3e-4, "per_device_train_batch_size": 4, "pad": "x" * 9000}
    write(
        tmp_path / "hf",
        [events.text("args", json.dumps(args)), events.text("model_config", json.dumps(GPT2))],
        "events.out.tfevents.0",
    )
    write(tmp_path / "hf", LOSSES)
    message = refused(tmp_path / "hf")
    assert "per_device_train_batch_size 4, which may be that of one device" in message
    table, text = imported(tmp_path / "hf", "--tokens-per-step", 1)
    assert table["n_params"].nunique() == 1
    assert (table["n_params"] > table["n_params_non_embedding"]).all()
    assert table["learning_rate"].tolist() == [3e-4, 3e-4]
    assert "n_params by text 'model_config' in the event file" in text
    lines = "|param|value|\n|-|-|\n|n_params|1,000,000|\n|lr|3e-4|"
    alone = {"global_batch_size": "16", "seq_length": "128"}
    texts = [events.text("hyperparameters", lines), *(events.text(*one) for one in alone.items())]
    write(tmp_path / "run", [*texts, *LOSSES])
    table, _ = imported(tmp_path / "run")
    assert points(table, *COLUMNS) == TRUE


def test_hugging_face_writes_zeros_for_nan_and_resumes_with_more_steps(tmp_path):
    """Its callback writes a folder for each start; the second was given a larger max_steps."""
    for name, most, steps, loss in (
        ("Nov29_11-51-29_vm", 20, (10, 20), 3.0),
        ("Nov29_11-52-07_vm", 40, (30, 40), 0.0),
    ):
        texts = [events.text("args", json.dumps({"max_steps": most}))]
        texts += [events.text("model_config", json.dumps(GPT2))]
        curves = [events.scalar("train/loss", s, loss, s) for s in steps]
        curves += [events.scalar("eval/loss", s, 3.5 - s / 100, s) for s in steps]
        write(tmp_path / "run" / "runs" / name, [*texts, *curves])
    table, text = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert table["run_id"].nunique() == 1
    assert points(table, "step", "train_loss")[:2] == [(10, 3.0), (20, 3.0)]
    assert table["train_loss"].isna().tolist() == [False, False, True, True]
    assert set(table["status"]) == {"diverged"}
    assert "train/loss is 0 from step 30: Hugging Face writes that for NaN" in text


def test_a_long_text_that_is_damaged_is_said_and_not_read(tmp_path):
    args = events.text("args", json.dumps({"learning_rate": 3e-4, "pad": "x" * 9000}))
    at = args.index(b"0.0003")
    path = write(tmp_path / "run", [args[:at] + b"7" + args[at + 1 :], *LOSSES])
    assert path.is_file()
    table, text = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert table["learning_rate"].isna().all()
    assert "is damaged" in text


def test_hyperparameters_that_change_are_said_and_the_latest_hold(tmp_path):
    again = events.hyperparameters(SAID | {"lr": 1e-3}, 5.0)
    write(tmp_path / "run", [events.hyperparameters(SAID), again, *LOSSES])
    table, text = imported(tmp_path / "run")
    assert table["learning_rate"].tolist() == [1e-3, 1e-3]
    assert "logged again with other values: lr; the latest hold" in text


@pytest.mark.filterwarnings("ignore")
def test_what_pytorch_writes_gives_the_settings_of_the_run(tmp_path):
    library("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    values = {"n_params": 1_000_000, "global_batch_size": 16, "context": 128, "lr": 3e-4}
    for name, inner in (("a", None), ("b", "final"), ("c", ".")):
        with SummaryWriter(str(tmp_path / "runs" / name)) as writer:
            for step in (8, 16):
                writer.add_scalar("val/loss", 3 - step / 8, step)
            writer.add_text("note", "not a config")
            metrics = {"val/loss": 9.0, "hparam/accuracy": 0.5}
            writer.add_hparams(values | {"tied": True, "name": name}, metrics, run_name=inner)
    table, _ = imported(tmp_path / "runs")
    assert points(table, *COLUMNS) == [(name, *row[1:]) for name in "abc" for row in TRUE]
    assert table["eval_loss"].tolist() == [2.0, 1.0] * 3


def test_what_lightning_writes_to_event_files_has_its_settings(tmp_path):
    library("tensorboard")
    library("lightning")
    from lightning.pytorch.loggers import TensorBoardLogger

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger = TensorBoardLogger(str(tmp_path / "logs"))
        logger.log_hyperparams({"model": {"n_params": 1_000_000}, "batch_tokens": 64, "lr": 0.25})
        for step in (4, 9):
            logger.log_metrics({"val_loss": 3.0}, step)
        logger.finalize("success")
    table, _ = imported(tmp_path / "logs")
    assert points(table, "n_tokens", "n_params", "learning_rate") == [
        (64 * 5, 1e6, 0.25),
        (64 * 10, 1e6, 0.25),
    ]
