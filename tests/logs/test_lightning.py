"""Lightning's metrics.csv: steps from 0, rows apart, versions of a run that was resumed."""

import warnings

import pytest
from tests.logs.imports import imported, library, points, refused, write

HEADER = "epoch,step,train_loss_epoch,train_loss_step,val_loss\n"


def test_a_validation_loss_is_measured_after_the_step_of_its_row(tmp_path):
    """The training loss at step 5 is measured before that step: after as many as the row of 4."""
    lines = "0,2,,2.5,\n0,4,,,2.25\n0,5,,2.0,\n0,9,,,1.75\n0,9,2.4,,\n"
    write(tmp_path / "run" / "metrics.csv", HEADER + lines)
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 10)
    assert points(table, "step", "n_tokens", "eval_loss", "train_loss") == [
        (4, 50, 2.25, 2.0),
        (9, 100, 1.75, 2.0),
    ]


def test_a_version_that_goes_on_is_joined_and_one_that_begins_anew_is_a_run_of_its_own(tmp_path):
    steps = range(4, 60, 5)
    first = "".join(f"0,{s},,,{3 - s / 100}\n" for s in steps if s < 40)
    second = "".join(f"0,{s},,,{2 - s / 100}\n" for s in steps if s >= 25)
    for version, lines in (("version_9", first), ("version_10", second), ("version_11", first)):
        write(tmp_path / "logs" / version / "metrics.csv", HEADER + lines)
    table, text = imported(tmp_path / "logs", "--tokens-per-step", 1)
    runs = dict([*table.groupby("run_id")])
    assert sorted(runs) == ["logs/version_11", "logs/version_9"]
    joined = runs["logs/version_9"]
    assert joined["step"].tolist() == list(steps)
    assert joined["eval_loss"].tolist() == [3 - s / 100 if s < 25 else 2 - s / 100 for s in steps]
    assert joined["n_duplicates"].tolist() == [1 if 25 <= s < 40 else 0 for s in steps]
    assert "logs/version_10 begins at step 29 and is joined to it as a resumed run" in text


def test_settings_are_those_of_hparams_and_not_a_batch_of_one_device(tmp_path):
    write(tmp_path / "run" / "metrics.csv", HEADER + "0,9,,,2.0\n")
    hparams = write(
        tmp_path / "run" / "hparams.yaml", "batch_size: 4\ncontext: 8\nn_params: 1000\n"
    )
    assert "nothing says how many tokens" in refused(tmp_path / "run")
    table, text = imported(tmp_path / "run", "--batch-size", 16)
    assert points(table, "n_tokens", "n_params") == [(10 * 16 * 8, 1000)]
    assert "may be that of one device" in text
    hparams.write_text("model: !!python/object:x.Y {}\n")
    _, text = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert "objects of Python" in text


@pytest.mark.parametrize(
    ("checkpoint", "differs"),
    [("epoch=0-step=24", True), ("epoch=0-step=3", True), ("epoch=0-step=12", False),
     ("epoch=0-step=10", False), ("epoch=1-step=24", False), ("best", False)],
)  # fmt: skip
def test_checkpoints_that_count_other_steps_than_rows_are_said(tmp_path, checkpoint, differs):
    """As lightning 2.6 names them with two optimizers, and with one that steps each 4th batch."""
    rows = "0,11,,,2.5\n1,23,,,2.0\n"
    write(tmp_path / "run" / "metrics.csv", HEADER + rows)
    write(tmp_path / "run" / "checkpoints" / f"{checkpoint}.ckpt", "")
    table, text = imported(tmp_path / "run", "--tokens-per-step", 10)
    assert ("with manual optimization rows count batches" in text) == differs
    assert table["n_tokens"].tolist() == [120, 240]


def test_a_best_checkpoint_within_the_only_epoch_is_no_other_count(tmp_path):
    """Its loss was best at the evaluation of half of the run, and so it is the one that is kept."""
    write(tmp_path / "run" / "metrics.csv", HEADER + "0,11,,,2.0\n0,23,,,2.5\n")
    write(tmp_path / "run" / "checkpoints" / "epoch=0-step=12.ckpt", "")
    _, text = imported(tmp_path / "run", "--tokens-per-step", 10)
    assert "manual optimization" not in text


def test_planned_steps_of_two_optimizers_are_half_as_many_rows(tmp_path):
    """With max_steps=24 and two optimizers, lightning 2.6 ends after 12 batches."""
    for name in ("ended", "stopped"):
        write(tmp_path / "runs" / name / "metrics.csv", HEADER + "0,11,,,2.5\n")
        write(tmp_path / "runs" / name / "hparams.yaml", "max_steps: 24\n")
    write(tmp_path / "runs" / "ended" / "checkpoints" / "epoch=0-step=24.ckpt", "")
    table, _ = imported(tmp_path / "runs", "--tokens-per-step", 10)
    assert points(table, "run_id", "status") == [("ended", "done"), ("stopped", "incomplete")]


def test_losses_of_several_loaders_are_a_choice(tmp_path):
    header = "epoch,step,val_loss/dataloader_idx_0,val_loss/dataloader_idx_1\n"
    write(tmp_path / "run" / "metrics.csv", f"{header}0,9,2.0,3.0\n")
    message = refused(tmp_path / "run", "--tokens-per-step", 1)
    assert "choose with --loss val_loss/dataloader_idx_0" in message
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 1, "--loss", "*_1")
    assert points(table, "eval_loss") == [(3.0,)]


def test_a_run_without_a_loss_is_told_with_what_it_has(tmp_path):
    write(tmp_path / "run" / "metrics.csv", "epoch,step,acc,lr\n0,9,0.5,0.1\n")
    assert "no run has a loss (run has epoch, acc, lr)" in refused(tmp_path / "run")
    assert "no run has a loss 'x' (run has" in refused(tmp_path / "run", "--loss", "x")


def test_a_run_whose_last_losses_are_no_numbers_diverged(tmp_path):
    lines = "0,0,,3.0,\n0,1,,nan,\n0,1,,,2.5\n0,3,,,nan\n"
    write(tmp_path / "run" / "metrics.csv", HEADER + lines)
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert table["status"].tolist() == ["diverged", "diverged"]
    assert table["eval_loss"].isna().tolist() == [False, True]


def test_planned_steps_that_are_missing_make_a_run_incomplete(tmp_path):
    write(tmp_path / "run" / "metrics.csv", HEADER + "0,9,,,2.0\n")
    hparams = write(tmp_path / "run" / "hparams.yaml", "max_steps: 20\n")
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert table["status"].tolist() == ["incomplete"]
    hparams.write_text("max_steps: 10\n")
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert table["status"].tolist() == ["done"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0,x,,,2.0", "line 2: step is no whole number, got 'x'"),
        ("0,1,,,2.x", "line 2: val_loss is no number, got '2.x'"),
        ("0,1,,2.0", "line 2 has 4 cells, not 5"),
        ("0,-1,,,2.0", "line 2: step is no whole number"),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, words):
    write(tmp_path / "run" / "metrics.csv", f"{HEADER}{line}\n0,2,,,1.0\n")
    assert words in refused(tmp_path / "run", "--tokens-per-step", 1)


def test_what_lightning_writes_has_the_steps_that_were_done(tmp_path):
    """The loss that the model reports is the number of steps that were done before it."""
    lightning = library("lightning")
    import torch
    from lightning.pytorch.loggers import CSVLogger

    class Counter(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.save_hyperparameters({"batch_tokens": 64, "n_params": 5})
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch, _):
            loss = 0 * self.layer(batch).mean() + self.trainer.global_step
            self.log("train_loss", loss, on_step=True, on_epoch=True)
            return loss

        def validation_step(self, batch, _):
            self.log("val_loss", torch.tensor(float(self.trainer.global_step)))

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.01)

    data = torch.utils.data.DataLoader(torch.ones(40, 1), batch_size=4)
    last = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for epochs in (1, 2):
            trainer = lightning.Trainer(
                max_epochs=epochs, logger=CSVLogger(str(tmp_path / "run")), log_every_n_steps=3,
                val_check_interval=5, accelerator="cpu", enable_progress_bar=False,
                enable_model_summary=False,
            )  # fmt: skip
            trainer.fit(Counter(), data, data, ckpt_path=last, weights_only=False)
            last = str(tmp_path / "last.ckpt")
            trainer.save_checkpoint(last)
    table, text = imported(tmp_path / "run")
    assert (table["n_tokens"] == 64 * table["eval_loss"]).all()
    assert table["eval_loss"].tolist() == [5, 10, 15, 20]
    assert table["run_id"].nunique() == 1
    assert "as a resumed run" in text
    trained, _ = imported(tmp_path / "run", "--loss", "train_loss_step", "--average", 1)
    assert (trained["n_tokens"] == 64 * trained["train_loss"]).all()
