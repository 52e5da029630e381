"""Cooldowns forecast from their trunks, on planted curves."""

import numpy as np
import pandas as pd
import pytest

from isoloss.config.runs import Optimisation
from isoloss.errors import UserError
from isoloss.exhibits.training.cooldown_forecast import CooldownForecast
from isoloss.schedules.cooled import one_minus_sqrt
from isoloss.train.schedule import learning_rate
from tests.exhibits.made import rows_of
from tests.exhibits.training import curves as C
from tests.rows import one, some

SPEC = CooldownForecast(do="cooldown_forecast", sweeps=["grid"])
FORECAST, MEASURED = "forecast of the cooled loss", "cooled loss"


def made(*tables):
    return rows_of(SPEC, *tables)


def errors(rows):
    """ln(forecast / measured) of each run that was forecast."""
    found = some(rows, FORECAST).merge(some(rows, MEASURED)[["runs", "value"]], on="runs")
    return np.log(found["value_x"].astype(float) / found["value_y"].astype(float)).dropna()


def test_a_planted_law_forecasts_each_cooldown_before_it():
    rows = made(*C.study())
    found = errors(rows)
    assert len(found) == 15
    assert found.abs().max() < 0.01
    assert found.iloc[-4:].abs().max() < 0.003


def test_the_first_cooldown_cannot_be_forecast_and_the_next_have_no_interval():
    rows = some(made(*C.study()), FORECAST)
    assert pd.isna(rows["value"].iloc[0])
    assert rows["verdict"].iloc[0].startswith("not identified: no earlier cooldown says")
    assert rows["lo"].iloc[:5].isna().all() and rows["lo"].iloc[5:].notna().all()
    assert rows["verdict"].iloc[1].startswith("not identified: fewer than 4 earlier forecasts")


def test_a_forecast_rests_on_nothing_that_came_after_it():
    """The last size's losses, and the trunk behind the branch, may be anything."""
    runs, curves = C.study()
    before = some(made(runs, curves), FORECAST)["value"]
    late = runs["width"] == C.WIDTHS[-1]
    changed = runs.assign(loss=runs["loss"].where(~late, 1.5 * runs["loss"]))
    behind = curves["run_id"].isin(runs.loc[late & (runs["steps"] > 1000), "run_id"])
    worse = curves.assign(loss=curves["loss"].where(~behind, 1.5 * curves["loss"]))
    after = some(made(changed, worse), FORECAST)["value"]
    np.testing.assert_allclose(before.iloc[1:13].astype(float), after.iloc[1:13].astype(float))


def test_intervals_hold_what_was_measured_as_often_as_they_say():
    held = [one(made(*C.study(noise=0.003, seed=seed)), "share of forecasts held")["value"]
            for seed in range(2)]  # fmt: skip
    assert 0.75 <= np.mean(held) <= 1.0


def test_two_cooldowns_are_too_few():
    with pytest.raises(UserError, match=r"three cooldowns of trunks .* are needed; found 2"):
        made(*C.study(widths=(8,), lengths=(1000, 1600)))


def test_the_cooldown_has_the_shape_that_runs_are_trained_with():
    training = Optimisation(peak_lr=1.0, schedule="wsd", warmup_steps=0, cooldown_fraction=0.2,
                            batch_size=4)  # fmt: skip
    rates = [learning_rate(training, step, 1000, 32) for step in range(1, 1001)]
    schedule = one_minus_sqrt(1000, 800)
    assert schedule.rate_at(np.arange(1, 1001)) == pytest.approx(rates, abs=0.02)
    assert schedule.summed(1000) == pytest.approx(sum(rates), rel=1e-3)
