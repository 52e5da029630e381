"""What the figures of learning rates, seeds and cooldowns show."""

import numpy as np
import pytest

from isoloss.exhibits.make import drawing
from tests.exhibits import batch_cases as C
from tests.exhibits import planted
from tests.rows import one, some


@pytest.fixture(scope="module")
def study():
    return C.study()


def drawn(draw, tables, **given):
    return drawing(C.spec(draw, **given), tables)


def of(result, what):
    return some(result.table, what=what)


def test_cooled_runs_are_shown_in_percent_of_the_independent_ones(study):
    table = drawn("cooldown_checked", study).table
    alone = some(table, what="independent loss")
    assert len(alone) == 6
    np.testing.assert_allclose(alone.groupby("series")["y"].mean(), 0.0, atol=1e-6)
    mean = some(table, what="difference of the means")
    assert list(mean["series"])[-1] == "all"
    assert (mean["lo"] < mean["y"]).all() and (mean["y"] < mean["hi"]).all()


def test_a_trunk_is_drawn_once_and_each_cooldown_ends_at_its_runs_loss(study):
    table = drawn("cooldown_checked", study).table
    assert table[table["what"] == "constant rate"]["series"].unique() == ["trunk"]
    ends = table[table["what"] == "cooldown"].groupby("series")["y"].last()
    losses = study.runs.set_index("run_id")["loss"].loc[ends.index]
    np.testing.assert_allclose(ends, losses)
    assert len(ends) == len(planted.BUDGETS)


def test_runs_that_diverged_at_a_rate_are_marked_at_that_rate(study):
    lost = study.runs[(study.runs["sweep"] == "lr") & (study.runs["status"] == "diverged")]
    marked = of(drawn("learning_rates", study), "diverged")
    assert len(lost) == 1
    np.testing.assert_allclose(marked["x"], lost["peak_lr"])
    assert marked["y"].isna().all()


def test_best_rates_are_drawn_with_their_slope_and_that_of_mup(study):
    table = drawn("learning_rates", study).table
    slope = table[table["what"] == "slope"]
    steep = slope.groupby("series")[["x", "y"]].agg(lambda ends: np.diff(np.log(ends)).item())
    steep = steep["y"] / steep["x"]
    assert steep["muP"] == pytest.approx(-1.0)
    assert steep["fitted slope"] == pytest.approx(planted.LR_EXPONENT, abs=0.1)


@pytest.mark.parametrize(("draw", "what", "name", "quantity", "panel"), [
    ("seed_scatter", "sd", "noise", "sd of the loss", ""),
    ("learning_rates", "best rate", "rates", "best rate", "Best rate"),
])  # fmt: skip
def test_numbers_drawn_are_those_of_the_rows(study, draw, what, name, quantity, panel):
    rows = some(study.analyses, quantity, analysis=name)
    result = some(drawn(draw, study).table, what=what, panel=panel)
    drawn_numbers = C.numbers(result, "x", "y", "lo", "hi")
    np.testing.assert_array_equal(drawn_numbers, C.numbers(rows, "x", "value", "lo", "hi"))


def test_each_schedule_has_its_series_and_runs_of_one_schedule_have_none(study):
    table = of(drawn("seed_scatter", study), "sd")
    rows = some(study.analyses, "sd of the loss", analysis="noise")
    for schedule in ("cosine", "wsd"):
        expected = rows[rows["group"].str.contains(f"schedule={schedule}")]
        series = some(table, series=f"schedule {schedule}")
        np.testing.assert_array_equal(np.sort(series["y"]), np.sort(expected["value"]))
    runs = study.runs[study.runs["sweep"] == "seeds"]
    alone = C.analysed(runs, study.curves, C.ANALYSES[1:2])
    assert set(of(drawn("seed_scatter", alone), "sd")["series"]) == {"runs"}


def test_differences_drawn_are_the_rows_as_shares_of_the_independent_mean(study):
    rows = some(study.analyses, "cooled - independent", analysis="cooldowns")
    result = of(drawn("cooldown_checked", study), "difference of the means").iloc[:-1]
    for row, shown in zip(rows.itertuples(), result.itertuples(), strict=True):
        alone = some(study.analyses, "independent loss", analysis="cooldowns", group=row.group)
        assert shown.y == pytest.approx(100 * row.value / alone["value"].mean())
    all_sizes = one(study.analyses, "cooled / independent - 1", analysis="cooldowns")
    last = of(drawn("cooldown_checked", study), "difference of the means").iloc[-1]
    assert last["y"] == 100 * all_sizes["value"]
