"""TensorBoard's event files: each point of both kinds, resumed runs, and damaged files."""

import math

import numpy as np
import pytest
from tests.logs import events
from tests.logs.imports import imported, library, points, refused

from isoloss.logs.event_file import read_events


def write(folder, records, name="events.out.tfevents.1.host.1.0"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"".join([events.version(), *records]))
    return folder / name


def test_no_point_is_dropped_and_both_kinds_of_scalars_are_read(tmp_path):
    """EventAccumulator keeps 10,000 points of a tag, and 10 of a tensor."""
    many = [events.scalar("val/loss", 1, 3.0, 0.0)] * 12_000
    write(tmp_path / "run", [*many, events.scalar("val/loss", 2, 2.5, 1.0, tensor=True)])
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 10)
    assert points(table, "step", "n_tokens", "eval_loss", "n_duplicates") == [
        (1, 10, 3.0, 11_999),
        (2, 20, 2.5, 0),
    ]


def test_a_resumed_run_counts_once_whatever_the_names_of_its_files(tmp_path):
    first = [events.scalar("val/loss", s, 3.0, s) for s in (10, 20, 25, 30)]
    again = [events.scalar("val/loss", s, 2.0, 100 + s) for s in (20, 30, 40)]
    write(tmp_path / "run", first, "events.out.tfevents.9.host")
    write(tmp_path / "run", again, "events.out.tfevents.10.host")
    table, text = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert points(table, "step", "eval_loss", "n_duplicates") == [
        (10, 3.0, 0), (20, 2.0, 1), (30, 2.0, 1), (40, 2.0, 0)
    ]  # fmt: skip
    assert "2 losses were logged again at one step: that of the latest time holds" in text
    assert "1 losses at steps 25 to 25 are left out: the run was resumed" in text


def test_a_session_that_purges_ends_what_came_before(tmp_path):
    write(
        tmp_path / "run",
        [events.scalar("val/loss", s, 3.0, s) for s in (10, 20, 30)],
        "a.tfevents.1",
    )
    resumed = [events.start(15, 100.0), events.scalar("val/loss", 40, 2.0, 140.0)]
    write(tmp_path / "run", resumed, "a.tfevents.2")
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert table["step"].tolist() == [10, 40]


def test_folders_named_by_the_time_are_stretches_if_one_goes_on_with_another(tmp_path):
    folder = tmp_path / "tb"
    for name, steps, value in (
        ("20261101-1200", (10, 20, 30), 3.0),
        ("20261102-1200", (30, 40, 50), 2.0),
        ("20261103-1200", (10, 20), 1.0),
    ):
        records = [
            events.scalar("validation_metrics/loss", s, value, 1e3 * (4 - value) + s) for s in steps
        ]
        tokens = [events.scalar("n_tokens_seen", s, 64.0 * s, 1e3 * (4 - value) + s) for s in steps]
        write(folder / name, records + tokens)
    table, text = imported(folder)
    assert points(table, "run_id", "step", "n_tokens", "eval_loss") == [
        ("tb/20261101-1200", 10, 640, 3.0),
        ("tb/20261101-1200", 20, 1280, 3.0),
        ("tb/20261101-1200", 30, 1920, 2.0),
        ("tb/20261101-1200", 40, 2560, 2.0),
        ("tb/20261101-1200", 50, 3200, 2.0),
        ("tb/20261103-1200", 10, 640, 1.0),
        ("tb/20261103-1200", 20, 1280, 1.0),
    ]
    assert "tb/20261102-1200 begins at step 30 and is joined to it" in text


def test_a_run_of_keras_lies_in_two_folders_and_its_epochs_count_from_0(tmp_path):
    """As keras 3.15 writes it; iterations are the optimizer's steps."""
    for part, value in (("train", 3.0), ("validation", 3.5)):
        records = [events.scalar("epoch_loss", s, value - s, tensor=True) for s in (0, 1)]
        write(tmp_path / "run" / part, records)
    table, text = imported(tmp_path / "run", "--tokens-per-step", 100)
    assert points(table, "n_tokens", "train_loss", "eval_loss", "loss_tag") == [
        (100, 3.0, 3.5, "validation/epoch_loss"),
        (200, 2.0, 2.5, "validation/epoch_loss"),
    ]
    assert "Keras counts epochs, from 0" in text
    tag = "evaluation_loss_vs_iterations"
    again = [events.scalar(tag, 6 * (1 + s), 3.5 - s, tensor=True) for s in (0, 1)]
    write(tmp_path / "run" / "validation", [*records, *again])
    losses = [events.scalar("batch_loss", s, 9 - s / 10, tensor=True) for s in (6, 12)]
    write(tmp_path / "run" / "train", [*records, *losses])
    table, text = imported(tmp_path / "run", "--tokens-per-step", 10)
    assert points(table, "n_tokens", "train_loss", "eval_loss", "loss_tag") == [
        (60, pytest.approx(8.4), 3.5, f"validation/{tag}"),
        (120, pytest.approx(7.8), 2.5, f"validation/{tag}"),
    ]


def test_steps_that_are_samples_are_no_steps(tmp_path):
    records = [events.scalar("lm loss validation", 10, 3.0)]
    records += [events.scalar("lm loss validation vs samples", 5120, 3.0)]
    records += [events.scalar("lm loss validation ppl", 10, 20.0)]
    write(tmp_path / "run", records)
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert points(table, "step", "eval_loss", "loss_tag") == [(10, 3.0, "lm loss validation")]


def test_a_resumed_lightning_run_is_joined_although_its_hp_metric_is_at_step_0(tmp_path):
    for version, steps in ((0, (3, 7)), (1, (11, 15))):
        records = [events.scalar("hp_metric", 0, -1.0)]
        records += [events.scalar("val_loss", s, 3 - s / 100, s + 1) for s in steps]
        write(tmp_path / "run" / "tb" / f"version_{version}", records)
    table, text = imported(tmp_path / "run", "--tokens-per-step", 10)
    assert table["n_tokens"].tolist() == [40, 80, 120, 160]
    assert table["run_id"].nunique() == 1
    assert "version_1 begins at step 11 and is joined to it as a resumed run" in text


def test_add_scalars_of_pytorch_writes_a_folder_for_each_curve(tmp_path):
    """Each has the tag that was given, and only the folder's name says which curve it is."""
    write(tmp_path / "run" / "a", [events.scalar("lr", 10, 0.1)])
    for curve, value in (("train", 2.9), ("val", 3.0)):
        points_ = [events.scalar("my/loss", s, value - s / 100) for s in (10, 20)]
        write(tmp_path / "run" / "a" / f"my_loss_{curve}", points_)
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert points(table, "run_id", "step", "eval_loss", "train_loss", "loss_tag") == [
        ("a", 10, pytest.approx(2.9), pytest.approx(2.8), "val/my/loss"),
        ("a", 20, pytest.approx(2.8), pytest.approx(2.7), "val/my/loss"),
    ]
    write(tmp_path / "other" / "a", [events.scalar("lr", 10, 0.1)])
    write(tmp_path / "other" / "a" / "big_loss_val", [events.scalar("val/loss", 10, 3.0)])
    table, _ = imported(tmp_path / "other", "--tokens-per-step", 1)
    assert table["run_id"].tolist() == ["a/big_loss_val"]


def test_t5x_has_a_folder_for_each_task_and_sums_beside_the_mean(tmp_path):
    """Its training losses have the other sign in some releases: none is taken."""
    mean, sum_ = "loss_per_nonpadding_target_token", "loss"
    held = [events.scalar(mean, s, 3.0 - s / 100) for s in (10, 20)]
    held += [events.scalar(sum_, s, 700.0) for s in (10, 20)]
    write(tmp_path / "run" / "base" / "training_eval" / "c4", held)
    write(tmp_path / "run" / "base" / "train", [events.scalar(mean, s, -2.9) for s in (10, 20)])
    write(tmp_path / "run" / "base" / "inference_eval" / "qa", [events.scalar("f1", 20, 0.5)])
    table, text = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert points(table, "run_id", "step", "eval_loss") == [
        ("base", 10, pytest.approx(2.9)),
        ("base", 20, pytest.approx(2.8)),
    ]
    assert set(table["loss_tag"]) == {f"training_eval/c4/{mean}"}
    assert table["train_loss"].isna().all()
    assert "T5X writes losses as sums over a batch" in text


def test_a_damaged_byte_is_said_and_what_is_whole_counts(tmp_path):
    records = [events.scalar("val/loss", s, 3.0 - s, s) for s in range(1, 4)]
    path = write(tmp_path / "run", records)
    whole = bytearray(path.read_bytes())
    at = len(events.version()) + len(records[0]) + 20
    path.write_bytes(bytes(whole[:at]) + bytes([whole[at] ^ 1]) + bytes(whole[at + 1 :]))
    table, text = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert table["step"].tolist() == [1, 3]
    assert "1 records are damaged, the first at byte" in text
    path.write_bytes(bytes(whole[:-5]))
    table, text = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert table["step"].tolist() == [1, 2]
    assert "ends in the middle of a record" in text
    whole[0] ^= 64  # the length of the first record
    path.write_bytes(bytes(whole))
    assert "at byte 0" in refused(tmp_path / "run", "--tokens-per-step", 1)


def test_losses_that_are_no_numbers_are_a_run_that_diverged(tmp_path):
    write(tmp_path / "run", [events.scalar("val/loss", s, v) for s, v in ((1, 3.0), (2, math.nan))])
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 1)
    assert table["status"].tolist() == ["diverged", "diverged"]


@pytest.mark.filterwarnings("ignore")
def test_what_tensorboard_writes_is_read_to_the_last_bit(tmp_path):
    """Its loader without a reservoir says the truth; its writer is PyTorch's."""
    library("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    for purge, values in ((None, range(0, 300, 3)), (150, range(150, 400, 5))):
        with SummaryWriter(str(tmp_path / "run"), purge_step=purge,
                           filename_suffix=f".{purge}") as writer:  # fmt: skip
            for step in values:
                writer.add_scalar("val/loss", 3.0 + step / 7, step, walltime=1e9 + step)
                writer.add_scalar("new", step / 3, step, new_style=True, double_precision=True)
                writer.add_histogram("weights", np.array([1.0, 2.0]), step)
                writer.add_text("note", "text", step)
    for path in sorted((tmp_path / "run").iterdir()):
        theirs = EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0}).Reload()
        ours = read_events(path)
        assert sorted(ours.tags) == ["new", "val/loss"]
        steps, found, times = ours.tags["val/loss"]
        scalars = theirs.Scalars("val/loss")
        assert [(e.step, e.value, e.wall_time) for e in scalars] == list(
            zip(steps, found, times, strict=True)
        )
        tensors = theirs.Tensors("new")
        assert [e.step for e in tensors] == ours.tags["new"][0]
        assert [e.tensor_proto.double_val[0] for e in tensors] == ours.tags["new"][1]
    table, _ = imported(tmp_path / "run", "--tokens-per-step", 2)
    assert table["step"].tolist() == [*range(3, 150, 3), *range(150, 400, 5)]
