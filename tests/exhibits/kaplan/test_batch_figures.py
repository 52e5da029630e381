"""What the figures of batch size, repeated data and training show, and what they do not."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from isoloss.errors import UserError
from isoloss.exhibits.kaplan.batch_law import law_of
from isoloss.exhibits.kaplan.overfitting import within
from isoloss.exhibits.make import drawing
from tests.exhibits import batch_cases as C
from tests.exhibits import planted
from tests.exhibits.kaplan import planted_batch
from tests.rows import some


@pytest.fixture(scope="module")
def study():
    return C.study()


def drawn(draw, tables, **given):
    return drawing(C.spec(draw, **given), tables)


def of(result, what):
    return some(result.table, what=what)


def test_b_crit_is_drawn_against_a_falling_loss_with_the_planted_law(study):
    result = drawn("critical_batch_size", study)
    low, high = result.figure.axes[0].get_xlim()
    assert low > high
    points = of(result, "B_crit")
    assert points["series"].nunique() == 2
    np.testing.assert_allclose(points["y"], planted.critical_batch(points["x"]), rtol=0.1)
    line = of(result, "fitted law")
    np.testing.assert_allclose(line["y"], planted.critical_batch(line["x"]), rtol=0.05)


def test_the_papers_slope_goes_through_the_middle_of_ours(study):
    line = of(drawn("critical_batch_size", study), "slope")
    steep = np.diff(np.log(line["y"])) / np.diff(np.log(line["x"]))
    np.testing.assert_allclose(steep, -4.8)


def test_a_law_that_batches_do_not_determine_is_not_drawn_and_said():
    runs, curves = planted_batch.batch_scan(batches=(1, 2, 3, 4), n_tokens=200_000, noise=0.25)
    result = drawn("critical_batch_size", C.analysed(runs, curves, C.ANALYSES[:1]))
    assert "fitted law" not in set(result.table["what"])
    assert any(note.startswith("No law is drawn: not identified: ") for note in result.notes)


def test_runs_lie_on_the_hyperbola_that_is_drawn(study):
    result = drawn("batch_tradeoff", study)
    for keys, curve in of(result, "Eq. 5.1").groupby(["panel", "series"]):
        runs = of(result, "a run").set_index(["panel", "series"]).loc[[keys]]
        assert len(runs) == 5
        order = np.argsort(curve["y"].to_numpy())
        x = np.interp(np.log(runs["y"]), np.log(curve["y"].to_numpy())[order],
                      np.log(curve["x"].to_numpy())[order])  # fmt: skip
        np.testing.assert_allclose(np.exp(x), runs["x"], rtol=0.03)


def test_a_batch_scan_that_could_not_be_analysed_says_why():
    runs, curves = planted_batch.batch_scan(batches=(2, 8, 32))
    tables = C.analysed(runs, curves, C.ANALYSES[:1])
    for draw in ("critical_batch_size", "batch_tradeoff"):
        result = drawn(draw, tables)
        assert result.table.empty
        assert result.notes == [
            "Not made: no loss is reached with four batch sizes of one model size."
        ]


@pytest.mark.parametrize("draw", list(C.FIGURES))
def test_analyses_that_could_not_be_made_leave_an_empty_figure_that_says_so(draw):
    runs, curves = planted_batch.batch_scan(batches=(2, 8))
    empty = runs.assign(
        **dict.fromkeys(("best_loss", "best_step", "trunk_flops", "reason")),
        n_layer=2, context=64, n_unique_tokens=runs["n_tokens"], schedule="constant",
        compute_flops=1.0, compute_6nd_non_embedding_flops=1.0, n_params=1, target="planted",
        dropout=0.0, train_loss=runs["loss"],
    )  # fmt: skip
    result = drawn(draw, C.analysed(empty, curves.assign(train_loss=curves["loss"])))
    result.figure.draw_without_rendering()
    assert any(note.startswith("Not made: ") for note in result.notes)


def test_excesses_of_all_sizes_are_drawn_about_one_line(study):
    result = drawn("repeated_data", study)
    points, line = of(result, "excess"), of(result, "fitted law")
    expected = np.interp(np.log(points["x"]), np.log(line["x"]), line["y"])
    np.testing.assert_allclose(points["y"], expected, rtol=0.15, atol=0.02)
    assert len(points) == 16
    assert of(result, "lowest loss, every token seen once")["series"].unique() == [
        "every token seen once"
    ]


def test_a_step_of_the_lowest_loss_is_drawn_above_its_bound(study):
    """The planted runs stop 1.4 times beyond it."""
    points = of(drawn("early_stopping", study), "Eq. 5.7")
    assert len(points) >= 12
    ratio = points["y"] / points["x"]
    assert ratio.min() > 1.0
    assert ratio.median() == pytest.approx(1.4, rel=0.15)


def test_runs_that_end_at_their_lowest_loss_are_counted_not_drawn():
    runs, curves = planted_batch.repeated()
    runs.loc[0, "steps"] = runs["best_step"][0]
    keep = (curves["run_id"] != runs["run_id"][0]) | (curves["step"] <= runs["best_step"][0])
    overfitting = [one for one in C.ANALYSES if one["do"] == "overfitting"]
    result = drawn("early_stopping", C.analysed(runs, curves[keep], overfitting))
    assert len(of(result, "Eq. 5.7")) == 15
    said = "1 of 16 runs on repeated data had their lowest loss"
    assert any(note.startswith(said) for note in result.notes)


def test_steps_are_the_least_that_would_do_where_b_crit_is_known(study):
    least, plain = (
        drawn("joint_laws", study, critical=critical).table for critical in ("batches", None)
    )
    least, plain = (t[t["what"] == "learning curve"] for t in (least, plain))
    both = least.merge(plain, on=["series", "y"], suffixes=("", "_plain"))
    assert 50 < len(both) == len(least) < len(plain)  # only where B_crit was measured
    assert least["y"].max() < 1.04 * law_of(study.analysed("batches", "")).hi_loss
    tokens = planted.BATCH * planted.CONTEXT
    expected = both["x_plain"] / (1 + planted.critical_batch(both["y"].to_numpy()) / tokens)
    np.testing.assert_allclose(both["x"], expected, rtol=0.05)
    names = {t[t["what"] == "learning curve"]["x_quantity"].iloc[0] for t in (least, plain)}
    assert names == {"least steps S_min", "steps S at the runs' batch"}


def test_a_misspelt_analysis_is_named_with_the_nearest(study):
    with pytest.raises(UserError, match=r"no analysis 'batchs' .*batches"):
        drawn("batch_tradeoff", study, critical="batchs")


def test_every_figure_names_the_analyses_that_it_draws():
    """So that a misspelt name is found before any run."""
    known = {one["name"] for one in C.ANALYSES}
    for draw, given in C.FIGURES.items():
        named = C.spec(draw).analyses_named
        assert set(named) == known & {value for value in given.values() if isinstance(value, str)}


BARS = ("x", "y", "lo", "hi")
VALUES = ("x", "value", "lo", "hi")


@pytest.mark.parametrize(("draw", "what", "name", "quantity", "kind"), [
    ("critical_batch_size", "B_crit", "batches", "B_crit", "point"),
    ("critical_batch_size", "noise scale", "batches", "noise_scale", "point"),
    ("critical_batch_size", "90 % band", "batches", "B_crit", "line"),
    ("repeated_data", "excess", "repeated", "excess", "point"),
    ("repeated_data", "90 % band", "repeated", "excess", "line"),
])  # fmt: skip
def test_numbers_drawn_are_the_rows_that_the_runs_determine(
    study, draw, what, name, quantity, kind
):
    rows = some(study.analyses, quantity, analysis=name, kind=kind, verdict="identified")
    result = of(drawn(draw, study), what)
    np.testing.assert_array_equal(C.numbers(result, *BARS), C.numbers(rows, *VALUES))


@pytest.mark.parametrize(("draw", "x"), [("joint_laws", "x"), ("repeated_data", "size")])
def test_lowest_losses_drawn_are_those_of_the_rows(study, draw, x):
    rows = some(study.analyses, "best_loss", analysis="repeated")
    rows = rows.assign(size=study.runs.set_index("run_id")["n_params_non_embedding"]
                       .loc[rows["runs"]].to_numpy())  # fmt: skip
    result = of(drawn(draw, study), "lowest loss")
    np.testing.assert_array_equal(C.numbers(result, "x", "y"), C.numbers(rows, x, "value"))


def test_steps_and_bounds_drawn_are_those_of_the_rows(study):
    step, bound = (
        some(study.analyses, quantity, analysis="repeated", verdict="identified").set_index("runs")
        for quantity in ("best_step", "stop_bound")
    )
    both = step.join(bound["value"].rename("bound"), how="inner")
    result = of(drawn("early_stopping", study), "Eq. 5.7")
    expected = C.numbers(both, "bound", "value", "lo", "hi")
    np.testing.assert_array_equal(C.numbers(result, *BARS), expected)


def steep(study):
    """The same study with B_crit ~ L^-40, by which S_min would fall with the loss."""
    rows = study.analyses
    here = (rows["analysis"] == "batches") & rows["quantity"].isin(["B_star", "inverse_alpha_B"])
    steep = rows.assign(value=rows["value"].where(~here, rows["quantity"].map(
        {"B_star": 1e25, "inverse_alpha_B": 40.0})))  # fmt: skip
    return dataclasses.replace(study, analyses=steep)


@pytest.mark.parametrize("change", [lambda study: study, steep])
def test_least_steps_rise_where_they_are_drawn(study, change):
    """The least number of steps cannot fall with the loss."""
    result = drawn("joint_laws", change(study))
    curves = of(result, "learning curve")
    for _, curve in curves.groupby("series"):
        assert (np.diff(curve["x"]) > 0).all() and (np.diff(curve["y"]) < 0).all()
    said = any("S_min would fall" in note for note in result.notes)
    assert said == (change is steep)


def test_the_points_that_a_law_of_steps_is_fitted_to_are_drawn_on_their_curves(study):
    result = drawn("joint_laws", study)
    points, curves = of(result, "fitted point"), of(result, "learning curve")
    rows = some(study.analyses, "loss", analysis="steps", kind="point", x_quantity="steps")
    assert sorted(points["y"]) == sorted(rows["value"])
    points, curves = (table.assign(y=table["y"].round(9)) for table in (points, curves))
    on_curves = curves.merge(points, on=["series", "y"])  # both come from one curve
    assert len(on_curves) == len(points) > 20
    np.testing.assert_allclose(on_curves["x_x"], on_curves["x_y"], rtol=1e-6)


def test_the_law_of_steps_is_drawn_where_it_is_fitted(study):
    result = drawn("joint_laws", study)
    lines, points = (
        of(result, what).groupby("series")["x"] for what in ("Eq. 1.6", "fitted point")
    )
    np.testing.assert_allclose(lines.min(), points.min())
    np.testing.assert_allclose(lines.max(), points.max())


def test_points_in_a_band_are_counted_and_said(study):
    line = pd.DataFrame({"x": [1.0, 100.0], "lo": [0.0, 2.0], "hi": [1.0, 3.0]})
    points = pd.DataFrame({"x": [1.0, 10.0, 10.0, 100.0], "value": [0.5, 0.9, 2.1, 1.9]})
    assert within(points, line) == (1, 2)  # at x = 10 the band goes from 1 to 2
    result = drawn("repeated_data", study)
    inside, below = within(of(result, "excess").rename(columns={"y": "value"}),
                           of(result, "90 % band"))  # fmt: skip
    assert any(note.startswith(f"{inside} of 16 excesses lie in the 90 % band of Eq. 4.3, {below}")
               for note in result.notes)  # fmt: skip
    shown = [text.get_text() for axes in result.figure.axes for text in axes.texts]
    assert f"{inside} of 16 in the band" in shown


def test_a_number_of_tokens_has_one_colour_in_both_figures_of_repeated_data(study):
    def colors(draw, what):
        result = drawn(draw, study)
        named = some(result.table, what=what)
        lines = {(x, y): line.get_color() for axes in result.figure.axes for line in axes.lines
                 for x, y in line.get_xydata()}  # fmt: skip
        return {row.series: lines[row.x, row.y] for row in named.itertuples()}

    losses, curves = colors("repeated_data", "lowest loss"), colors("early_stopping", "lowest")
    assert losses == curves and len(set(losses.values())) == 4


def test_the_critical_batch_of_a_figure_is_the_one_that_it_names(study):
    """And not the first of the study."""
    rows = some(study.analyses, analysis="batches")
    other = rows.assign(analysis="other", value=2 * rows["value"])
    tables = dataclasses.replace(study, analyses=pd.concat([other, study.analyses]))
    least = [
        of(drawn("joint_laws", given), "learning curve")["x"].to_numpy()
        for given in (study, tables)
    ]
    np.testing.assert_array_equal(*least)
