"""The best learning rate of each width, on losses with a planted one."""

import numpy as np
import pandas as pd
import pytest

from isoloss.errors import UserError
from isoloss.exhibits.base import Tables
from isoloss.exhibits.make import drawing
from isoloss.exhibits.training.learning_rate import LearningRate, LearningRates
from tests.exhibits.made import rows_of
from tests.rows import one, some

SPEC = LearningRate(name="rate", do="learning_rate", sweeps=["lr"])
BEND = 0.05  # of the loss in ln rate squared, relative


def runs_of(noise=0.0, seed=0, slope=-0.75, factors=(0.25, 0.5, 1, 2, 4), widths=(8, 32, 88)):
    rng = np.random.default_rng(seed)
    rows = []
    for width in widths:
        best = 0.007 * (width / 32) ** slope
        for factor in factors:
            rate = best * factor * 1.2
            loss = 2.5 * (1 + BEND * np.log(rate / best) ** 2 + noise * rng.standard_normal())
            name = f"w{width}-{factor:g}"
            rows.append({"sweep": "lr", "run_id": name, "status": "done", "width": width,
                         "peak_lr": rate, "loss": loss, "reason": None})  # fmt: skip
    return pd.DataFrame(rows)


def made(runs, spec=SPEC):
    return rows_of(spec, runs)


def of(rows, quantity, kind="parameter"):
    return some(rows, quantity, kind=kind)


SLOPE = "slope of ln best rate against ln width"


def test_noiseless_losses_give_the_planted_rates_slope_and_price_back():
    rows = made(runs_of())
    assert of(rows, SLOPE)["value"].item() == pytest.approx(-0.75, abs=1e-6)
    best = of(rows, "best rate").set_index("x")["value"]
    assert best.to_dict() == pytest.approx({w: 0.007 * (w / 32) ** -0.75 for w in (8, 32, 88)})
    for width in (8, 32, 88):
        price = one(rows, "loss for a factor of two", group=f"width={width}")["value"]
        assert price == pytest.approx(2.5 * BEND * np.log(2) ** 2)


def test_nine_in_ten_intervals_hold_the_planted_slope():
    hits = []
    for seed in range(40):
        found = of(made(runs_of(noise=0.01, seed=seed)), SLOPE).iloc[0]
        hits.append(found["lo"] < -0.75 < found["hi"])
    assert 32 <= sum(hits) <= 40


def test_noise_as_large_as_the_bowl_leaves_the_slope_open():
    runs = runs_of(noise=0.0)
    runs["loss"] += np.tile([0.0, 0.1, -0.08, 0.1, 0.0], 3)
    assert of(made(runs), SLOPE)["verdict"].item().startswith("not identified: ")


def test_runs_that_diverged_are_left_out_said_and_kept_as_points():
    runs = runs_of()
    lost = (runs["width"] == 88) & (runs["peak_lr"] == runs["peak_lr"][runs["width"] == 88].max())
    runs.loc[lost, ["status", "loss", "reason"]] = ["diverged", np.nan, "the loss was nan"]
    rows = made(runs)
    said = of(rows, SLOPE)["warnings"].item()
    assert said.startswith("1 of 15 runs diverged; every rate has one seed")
    (point,) = of(rows, "diverged", "point").to_dict("records")
    assert point["verdict"] == "not measured: the loss was nan"
    assert point["x"] == runs["peak_lr"][lost].item()


def test_a_best_rate_at_the_end_of_the_sweep_is_no_minimum():
    runs = runs_of(factors=(4, 8, 16, 32, 64))
    with pytest.raises(UserError, match=r"minimum between the rates tried .*width 8: edge"):
        made(runs, SPEC.model_copy(update={"reach": 20.0}))


def test_a_rate_that_lies_off_its_best_is_said_with_its_factor():
    runs = runs_of(noise=0.005)
    rows = made(runs)
    best = of(rows, "best rate").set_index("x")["value"]
    used = pd.DataFrame([
        {"sweep": "grid", "run_id": f"g{width:g}", "status": "done", "width": int(width),
         "peak_lr": rate * (3.0 if width == 88 else 1.0), "loss": 2.0}
        for width, rate in best.items()
    ])  # fmt: skip
    asked = LearningRates(draw="learning_rates", rates="rate", used=["grid"])
    result = drawing(asked, Tables(runs=pd.concat([runs, used]), analyses=rows))
    said = [note for note in result.notes if "rate used" in note]
    assert len(said) == len(best)
    outside = [note for note in said if note.endswith("outside the interval.")]
    assert [note.partition(":")[0] for note in outside] == ["Width 88"]
    right = result.figure.axes[1]
    assert "3 × best" in [text.get_text() for text in right.texts]
