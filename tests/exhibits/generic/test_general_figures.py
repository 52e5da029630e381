"""What the figures say: only what the tables hold."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoloss.charts.text import with_interval
from isoloss.errors import UserError
from isoloss.exhibits.base import Tables, plain
from isoloss.exhibits.generic.curves import efficient
from isoloss.exhibits.generic.loss import _nearest_slope
from isoloss.exhibits.generic.series import Series
from isoloss.exhibits.make import drawing
from isoloss.laws import CHINCHILLA
from tests.exhibits.generic import tables as S
from tests.exhibits.generic.cases import CASES, spec
from tests.rows import some


def rows(table, what):
    return some(table, what=what)


def test_a_law_that_the_data_do_not_determine_is_not_drawn():
    result = drawing(*CASES["loss_against_x"]())
    assert set(rows(result.table, "fitted law")["series"]) == {"decayed rate"}
    assert ("constant rate: not a power law: the exponent falls along the runs; no law is drawn."
            in result.notes)  # fmt: skip


def test_a_fit_that_is_missing_is_said():
    asked, tables = CASES["loss_against_x"]()
    result = drawing(asked, Tables(runs=tables.runs))
    assert "fitted law" not in set(result.table["what"])
    assert "decayed rate, constant rate: not fitted." in result.notes


def test_the_law_is_drawn_from_the_fitted_parameters():
    result = drawing(*CASES["loss_against_x"]())
    law = rows(result.table, "fitted law")
    np.testing.assert_allclose(law["y"], 3.0 / law["x"] ** 1.1 + 1e-5)


def test_the_law_is_dashed_only_beyond_the_runs():
    result = drawing(*CASES["loss_against_x"]())
    assert rows(result.table, "fitted law")["x"].max() == pytest.approx(16897)
    beyond = rows(result.table, "fitted law beyond its runs")["x"]
    assert (beyond.min(), beyond.max()) == pytest.approx((16897, 1e6))


def test_the_law_is_dashed_where_runs_were_left_out_of_the_fit():
    asked, tables = CASES["loss_against_x"]()
    fits = tables.fits.assign(diagnostics='{"ranges": {"x": [97, 1153]}}')
    table = drawing(asked, Tables(runs=tables.runs, fits=fits)).table
    law, beyond = rows(table, "fitted law"), rows(table, "fitted law beyond its runs")
    assert (law["x"].min(), law["x"].max()) == pytest.approx((97, 1153))
    assert (beyond["x"].min(), beyond["x"].max()) == pytest.approx((13, 1e6))
    assert not beyond["x"].between(97.1, 1152.9).any()


def test_an_extrapolation_is_told_with_its_interval_and_the_truth():
    result = drawing(*CASES["extrapolation"]())
    of_loss = result.table[result.table["panel"] == "Loss"]
    end = rows(of_loss, "fitted law, 90 % band").iloc[-1]
    truth = S.surface(1e12, 1e11, **S.CHINCHILLA)
    assert end["x"] == pytest.approx(1e12) and end["lo"] < truth < end["hi"]
    value, interval = with_interval(end["y"], end["lo"], end["hi"])
    assert any(f"at 1T it is {value}, 90 % interval {interval}." in note for note in result.notes)
    assert f"Planted law: {truth:.4g} at 1T." in result.notes


def test_series_can_be_split_by_text():
    asked, tables = CASES["loss_against_x by a column"]()
    names = {d: f"kind{d}" for d in range(1, 6)}
    runs = tables.runs.assign(schedule=tables.runs["n_inputs"].map(names))
    groups = [f"schedule=kind{group.partition('=')[2]}" for group in tables.fits["group"]]
    split = asked.model_copy(update={"by": "schedule", "by_label": "{}"})
    result = drawing(split, Tables(runs=runs, fits=tables.fits.assign(group=groups)))
    assert set(rows(result.table, "fitted law")["series"]) == set(names.values())


def test_each_group_has_its_own_law():
    law = rows(drawing(*CASES["loss_against_x by a column"]()).table, "fitted law")
    for d in range(1, 6):
        of_d = some(law, series=f"d = {d}")
        np.testing.assert_allclose(of_d["y"], of_d["x"] ** (-4 / d))


def test_one_law_of_several_groups_must_be_asked_for():
    """Parameters of different groups were one law together."""
    asked, tables = CASES["loss_against_x by a column"]()
    whole = asked.model_copy(update={"by": None})
    with pytest.raises(UserError, match=r"a law for each of n_inputs=1, n_inputs=2, .*: which is"):
        drawing(whole, tables)


def test_the_band_holds_nine_draws_in_ten():
    _, tables = CASES["loss_against_x"]()
    found = tables.fitted("good", x="n_params")
    draws = {"A": np.arange(1.0, 102.0), "E": np.zeros(101), "alpha": np.ones(101)}
    found = replace(found, draws=draws)
    low, high = found.band(n_params=np.array([1.0, 10.0]))
    np.testing.assert_allclose(low, [6.0, 0.6])
    np.testing.assert_allclose(high, [96.0, 9.6])


def test_medians_and_ranges_are_those_of_the_seeds():
    asked, tables = CASES["loss_against_x"]()
    shown = rows(drawing(asked, tables).table, "median")
    runs = tables.runs[(tables.runs["sweep"] == "decayed") & (tables.runs["n_params"] == 97)]
    point = shown[(shown["series"] == "decayed rate") & (shown["x"] == 97)].iloc[0]
    loss = runs["loss"]
    assert (point["y"], point["lo"], point["hi"]) == (loss.median(), loss.min(), loss.max())


def test_a_diverged_run_is_not_drawn_and_is_told():
    asked, tables = CASES["loss_against_x"]()
    runs = tables.runs.copy()
    runs.loc[runs["run_id"] == "decayed-0-3", ["status", "loss"]] = ["diverged", 7.0]
    result = drawing(asked, Tables(runs=runs, fits=tables.fits))
    drawn = rows(result.table, "run")
    assert len(drawn[drawn["series"] == "decayed rate"]) == 19
    assert "decayed rate: 1 of 20 runs diverged or has no loss, and is not drawn." in result.notes


def test_nullable_columns_are_drawn_as_numbers():
    asked, tables = CASES["loss_against_x by a column"]()
    runs = tables.runs.convert_dtypes()
    assert str(runs["loss"].dtype) == "Float64"
    nullable = Tables(runs=runs, fits=tables.fits.convert_dtypes())
    assert (nullable.runs["loss"].dtype, nullable.runs["n_params"].dtype) == ("float64", "int64")
    same = drawing(asked, nullable).table
    pd.testing.assert_frame_equal(same, drawing(asked, tables).table)
    runs.loc[runs.index[0], "loss"] = pd.NA
    assert np.isnan(plain(runs)["loss"].iloc[0])


def test_a_column_that_is_not_there_is_named_with_its_neighbour():
    asked, tables = CASES["loss_against_x"]()
    wrong = asked.model_copy(update={"x": "n_param"})
    with pytest.raises(UserError) as error:
        drawing(wrong, tables)
    assert str(error.value) == (
        "figure a_figure: 1 problem\n"
        "  - there is no column 'n_param' in the table of runs; did you mean 'n_params'?"
    )


def test_undetermined_exponents_are_told_and_not_drawn():
    result = drawing(*CASES["exponent_against_theory"]())
    shown = rows(result.table, "fitted exponent")
    assert list(shown["series"]) == [f"n_inputs={d}" for d in range(2, 7)]
    np.testing.assert_allclose(shown["x"], [4 / d for d in range(2, 7)])
    np.testing.assert_allclose(shown["y"], [4.2 / d for d in range(2, 7)])
    assert result.notes == [
        "d = 1: not identified: the loss has a floor.",
        "d = 2: identified only if the law holds: it may bend.",
    ]
    *_, bars, rest = result.figure.axes[0].containers
    fills = [marks.lines[0].get_markerfacecolor() for marks in (bars, rest)]
    assert fills[0] == "white" != fills[1] and len(bars.lines[0].get_xdata()) == 1


def test_a_fit_that_does_not_exist_cannot_be_compared():
    asked, tables = CASES["exponent_against_theory"]()
    with pytest.raises(UserError, match=r"fit: there is no fit 'lav' in the table of fits$"):
        drawing(asked.model_copy(update={"fit": "lav"}), tables)


def test_the_interval_of_a_ratio_is_that_of_a_normal_mean():
    asked, tables = CASES["ratio_to_theory"]()
    shown = rows(drawing(asked, tables).table, "measured / theory")
    np.testing.assert_allclose(shown["hi"] - shown["y"], 1.6448536 * 0.03, rtol=1e-6)


def test_without_standard_errors_the_spread_of_the_runs_gives_the_interval():
    runs = pd.DataFrame({"sweep": "s", "run_id": list("abc"), "x": 1.0, "m": [1.0, 2.0, 3.0],
                         "t": 2.0, "status": "done"})  # fmt: skip
    asked = spec(draw="ratio_to_theory", x="x", measured="m", theory="t", x_label="x", y_label="r",
                 series={"s": "s"}, x_scale="linear")  # fmt: skip
    shown = rows(drawing(asked, Tables(runs=runs)).table, "measured / theory").iloc[0]
    # Student's t with 2 degrees of freedom: 2.919986 at 95 %; standard error 0.5 / sqrt(3).
    assert (shown["y"], shown["hi"]) == pytest.approx((1.0, 1.0 + 2.919986 * 0.5 / 3**0.5))


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=40))
@settings(deadline=None, max_examples=200)
def test_the_frontier_is_what_no_cheaper_or_equal_run_beats(points):
    runs = pd.DataFrame(points, columns=["cost", "loss"]).astype(float)
    best = efficient(runs, "cost", "loss")
    for cost in runs["cost"].unique():
        truth = runs.loc[runs["cost"] <= cost, "loss"].min()
        assert best.loc[best["cost"] <= cost, "loss"].min() == truth
    assert best["loss"].is_monotonic_decreasing and best["loss"].is_unique
    assert best["cost"].is_unique


def test_a_study_without_runs_has_no_panel_and_is_told():
    result = drawing(*CASES["frontier"]())
    assert set(result.table["panel"]) == set("abcd")
    assert "e: no run to draw." in result.notes


def test_three_ways_to_spend_the_same_compute_have_the_same_compute():
    asked, tables = CASES["same_compute"]()
    result = drawing(asked, tables)
    points = result.table[result.table["what"].str.startswith("median")]
    assert sorted(points.groupby("what").size()) == [3, 3, 3]
    law = rows(result.table, "planted law")
    for compute, series in ((1e18, "10¹⁸ FLOP"), (1e22, "10²² FLOP")):
        line = some(law, series=series)
        n = (compute / 6 / line["x"]) ** 0.5
        np.testing.assert_allclose(line["y"], S.surface(n, n * line["x"], **S.CHINCHILLA))
    assert result.notes == ["The lowest loss at 10¹⁸, 10²⁰, 10²² FLOP: balanced."]


def test_lines_of_equal_loss_have_that_loss():
    n = np.geomspace(1e8, 1e12, 30)
    d = CHINCHILLA.tokens_for(S.CHINCHILLA, 2.2, n)
    reached = np.isfinite(d)
    assert not reached[0] and reached[-1]
    np.testing.assert_allclose(S.surface(n[reached], d[reached], **S.CHINCHILLA), 2.2)


def test_the_key_shows_lines_as_they_are_drawn():
    asked, tables = CASES["loss_against_x"]()
    figure = drawing(asked, tables).figure
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    key = dict(zip(labels, legend.legend_handles, strict=True))
    grey = [line for line in figure.axes[0].lines if line.get_color() == "#6f6f6f"]
    assert [text.get_text() for text in figure.axes[0].texts] == ["floor"]  # beside its line
    patterns = {"theory, d = 1": grey[1]}
    for label, line in patterns.items():
        drawn, shown = (np.array(of._unscaled_dash_pattern[1]) for of in (line, key[label]))
        np.testing.assert_allclose(shown, drawn)
    assert grey[0]._unscaled_dash_pattern != grey[1]._unscaled_dash_pattern


def test_a_guide_lies_where_the_series_has_its_slope():
    # y ~ x**-4 up to x = 30, and flat from there.
    x = np.array([10.0, 17.0, 30.0, 300.0, 3e3, 3e4])
    y = np.maximum(x / 10, 1) ** -4.0
    y[x > 30] = 3.0**-4
    assert np.exp(_nearest_slope(np.log(x), np.log(y), -4.0)) < 30
    assert np.exp(_nearest_slope(np.log(x), np.log(y), 0.0)) > 300
    straight = np.log(x)
    assert _nearest_slope(straight, -straight, -1.0) == pytest.approx(
        np.mean((straight[2:] + straight[:-2]) / 2)
    )


def test_fitted_over_planted_is_zero_for_the_planted_law():
    table = drawing(*CASES["extrapolation"]()).table
    over = some(table[table["panel"] == "Fitted / planted"], what="fitted law")
    np.testing.assert_allclose(over["y"], 0, atol=1e-9)  # the fit has the planted parameters
    assert over["x"].max() == pytest.approx(1e12)
    runs = some(table[table["panel"] == "Fitted / planted"], what="run")
    assert runs["y"].abs().max() < 5 and len(runs) == 6


def test_data_of_a_planted_law_are_marked_in_every_panel():
    for case, marked in (("extrapolation", True), ("same_compute", True), ("frontier", False)):
        figure = drawing(*CASES[case]()).figure
        for axes in (axes for axes in figure.axes if axes.get_xlabel()):
            titles = [axes.get_title(loc=loc) for loc in ("center", "right")]
            assert ("SYNTHETIC DATA" in titles) == marked


def test_each_law_of_a_grid_has_a_panel_with_its_misfit():
    asked, tables = CASES["loss_grid"]()
    both = asked.model_copy(update={"fit": None, "laws": {asked.fit: "The sum", "none": "Another"}})
    assert both.fits_named == [asked.fit, "none"]
    result = drawing(both, tables)
    first, second = result.figure.axes[:2]
    assert [axes.get_title(loc="left") for axes in (first, second)] == ["The sum", "Another"]
    assert first.get_ylim() == second.get_ylim()
    said = [[text.get_text() for text in axes.texts if "misses" in text.get_text()]
            for axes in (first, second)]  # fmt: skip
    assert len(said[0]) == 1 and said[1] == []
    assert said[0][0].removeprefix("misses the runs by ") in " ".join(result.notes)
    assert "No law is drawn (Another): not fitted." in result.notes


def test_a_size_has_one_colour_in_all_figures_of_a_study():
    tables = Tables(runs=S.grid())
    sizes = sorted(tables.runs["n_params"].unique())
    every = tables.colors_of(sizes, "n_params")
    assert tables.colors_of(sizes[1:3], "n_params") == every[1:3]
    assert len(set(every)) == len(sizes)


def test_a_series_can_hold_several_sweeps():
    asked, tables = CASES["loss_against_x"]()
    both = asked.model_copy(
        update={"series": {"all": Series(label="all", sweep=["decayed", "constant"])}, "fits": {}}
    )
    assert both.sweeps_named == ["decayed", "constant"]
    assert len(rows(drawing(both, tables).table, "run")) == 40


def test_series_without_laws_stand_side_by_side_and_keep_their_data():
    asked, tables = CASES["loss_against_x"]()
    beside = drawing(asked, Tables(runs=tables.runs))
    axes = beside.figure.axes[0]
    beside.figure.draw_without_rendering()
    at = [line.get_transform().transform((97, 1e-3))[0] for line in axes.lines
          if line.get_zorder() >= 3 and line.get_marker() in ("o", "s")]  # fmt: skip
    assert max(at) - min(at) == pytest.approx(2.5 * beside.figure.dpi / 72)
    both = rows(beside.table, "median").groupby("series")["x"].apply(list)
    assert both["decayed rate"] == both["constant rate"] == [13, 97, 1153, 16897]


def test_runs_whose_compute_is_not_known_are_left_out_and_said():
    asked, tables = CASES["same_compute"]()
    runs = tables.runs.copy()
    runs[asked.compute] = np.nan
    result = drawing(asked, Tables(runs=runs, fits=tables.fits, variables=tables.variables))
    assert result.table.empty
    assert any(note.startswith(f"{len(runs)} runs without N, D or ") for note in result.notes)
