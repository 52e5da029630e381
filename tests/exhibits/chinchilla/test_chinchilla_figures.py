"""The figures after Hoffmann et al. (2022): what their tables hold, and what they leave out."""

import numpy as np
import pytest

from isoloss.errors import UserError
from isoloss.exhibits.base import Tables
from isoloss.exhibits.chinchilla.design import COUNTS
from isoloss.exhibits.chinchilla.looks import COUNT_OF, count_of
from isoloss.exhibits.make import drawing
from isoloss.laws import CHINCHILLA
from isoloss.laws.published_allocation import APPROACHES_A, PORIAN_LADDER
from isoloss.results.analysed import Analysed, MissingQuantity
from isoloss.results.quantity import X
from tests.exhibits import planted
from tests.exhibits.chinchilla import cases
from tests.rows import one, some

WITH_COUNT = [draw for draw in cases.FIGURES if draw not in ("approaches_compared", "recounted")]


def drawn(draw, tables=None, **changed):
    return drawing(cases.spec(draw, **changed), tables or cases.tables())


def changed(table):
    """The planted study with another table of analyses."""
    tables = cases.tables()
    return Tables(runs=tables.runs, curves=tables.curves, analyses=table)


def test_published_rules_have_their_slopes_and_go_through_the_middle_of_the_lines():
    # Kaplan et al. (2020), Table 6: N* ~ C**0.73; 20 tokens per parameter are C**0.5.
    table = drawn("chinchilla_frontiers").table
    ours = table[table["what"] == "line beyond its places"]
    middle = [np.log(ours[axis]).mean() for axis in "xy"]
    for author, slope in (("Kaplan", 0.73), ("Hoffmann", 0.5)):
        line = np.log(table.loc[table["series"].str.contains(author), ["x", "y"]].to_numpy())
        assert np.diff(line[:, 1]) / np.diff(line[:, 0]) == pytest.approx(slope, abs=1e-6)
        assert np.interp(middle[0], *line.T) == pytest.approx(middle[1])


def test_the_frame_is_that_of_the_runs():
    table = drawn("chinchilla_frontiers").table
    most = cases.tables().runs["compute_6nd_flops"].max()
    assert table["x"].max() <= 3 * most * 1.0001


def test_the_envelope_of_learning_curves_never_rises():
    tables = cases.tables()
    rows = tables.analyses.copy()
    least = (rows["quantity"] == "loss") & rows["group"].str.contains("winner")
    assert least.sum() > 10
    raised = rows.index[least][5:8]
    rows.loc[raised, "value"] *= 1.2  # a curve that ended is below the next one
    table = drawn("chinchilla_envelope", changed(rows)).table
    envelope = table[table["what"] == "envelope"].sort_values("x")
    assert (np.diff(envelope["y"]) <= 0).all()
    assert len(envelope) > 5 and not np.isin(rows.loc[raised, "value"], envelope["y"]).any()


def test_rows_of_both_panels_of_the_approaches_line_up():
    table = drawn("approaches_compared").table
    size, data = (rows.set_index("series")["y"] for _, rows in table.groupby("panel"))
    both = size.index.intersection(data.index)
    assert len(both) >= 5 and (size[both] == data[both]).all()


def test_lines_beyond_the_runs_are_told_from_those_between_them():
    table = drawn("chinchilla_frontiers").table
    runs = cases.tables().runs
    most = runs[runs["sweep"] == "grid"]["compute_6nd_flops"].max()
    inside, beyond = (table[table["what"] == what] for what in ("line", "line beyond its places"))
    assert inside["x"].max() <= most * 1.0001 < beyond["x"].max()


def test_every_run_of_the_grid_is_in_the_plane_of_the_contours():
    table = drawn("chinchilla_contours").table
    runs = planted.grid_of(cases.tables().runs)
    points = table[table["what"] == "run"]
    np.testing.assert_allclose(np.sort(points["x"]), np.sort(runs["compute_6nd_flops"]), rtol=1e-9)


@pytest.mark.parametrize("draw", ["chinchilla_contours", "chinchilla_envelope"])
def test_sweeps_without_a_finished_run_leave_a_note_and_no_traceback(draw):
    tables = cases.tables()
    runs = tables.runs.assign(status="diverged", loss=np.nan)
    result = drawn(draw, Tables(runs=runs, curves=tables.curves, analyses=tables.analyses))
    assert result.notes
    assert result.table.empty or "run" not in set(result.table["what"])


def test_the_path_of_least_compute_touches_each_contour_where_it_is_leftmost():
    table = drawn("chinchilla_contours").table
    best = table[table["what"] == "optimum"]
    for _, contour in table[table["what"] == "equal loss"].groupby("series"):
        left = contour.loc[contour["x"].idxmin()]
        if left["x"] == contour["x"].iloc[0] or contour["x"].min() < best["x"].min():
            continue
        there = np.interp(np.log(left["x"]), np.log(best["x"]), np.log(best["y"]))
        assert there == pytest.approx(np.log(left["y"]), abs=0.15)


def test_published_numbers_are_drawn_as_published():
    table = drawn("recounted").table
    porian = table[table["series"].str.startswith("Porian")]
    assert porian["x"].tolist() == [one.value for one in PORIAN_LADDER]
    assert porian["lo"].tolist() == [one.lo for one in PORIAN_LADDER]
    compared = drawn("approaches_compared").table
    kaplan = compared[(compared["series"] == "Kaplan") & (compared["x_quantity"] == "exponent a")]
    assert kaplan["x"].tolist() == [APPROACHES_A[-1].value] == [0.73]


def test_a_valley_without_a_minimum_has_no_star_and_is_named():
    tables = cases.tables()
    rows = tables.analyses.copy()
    lost = (rows["group"] == "approach=2, valley=1") & rows["quantity"].isin(["n_opt", "loss"])
    rows.loc[lost, "value"] = np.nan
    rows.loc[lost, "verdict"] = "edge"
    result = drawn("chinchilla_isoflop", changed(rows))
    whole = drawn("chinchilla_isoflop")
    stars = [
        (t["y_quantity"].str.startswith("held-out") & (t["what"] == "minimum")).sum()
        for t in (result.table, whole.table)
    ]
    assert stars[0] == stars[1] - 1
    assert any("(edge)" in note for note in result.notes)


def test_an_approach_that_was_not_made_is_left_out_and_said():
    tables = cases.tables()
    rows = tables.analyses.copy()
    mine = (rows["group"] == "approach=1").fillna(False)
    rows = rows[~(mine & (rows["kind"] != "parameter"))]
    mine = rows["group"] == "approach=1"
    rows.loc[mine, ["value", "lo", "hi"]] = np.nan
    rows.loc[mine, "verdict"] = "not made: three places of the frontier are needed, found 1 place"
    less = changed(rows)
    for draw in ("chinchilla_frontiers", "chinchilla_tokens", "approaches_compared",
                 "chinchilla_envelope"):  # fmt: skip
        result = drawn(draw, less)
        assert any("found 1 place" in note for note in result.notes), draw
        ours = result.table[result.table["series"].str.startswith("1: ")]
        assert ours.empty, draw


def test_an_analysis_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(UserError, match=r"'aproaches'.*approaches"):
        drawn("chinchilla_tokens", approaches="aproaches")


@pytest.mark.parametrize(
    ("draw", "quantity"),
    [
        ("chinchilla_frontiers", "n_opt"),
        ("chinchilla_tokens", "n_opt"),
        ("chinchilla_tokens", "d_opt"),
        ("chinchilla_envelope", "loss"),
        ("chinchilla_envelope", "d_opt"),
        ("chinchilla_isoflop", "loss at n_params"),
        ("chinchilla_contours", "loss at n_params"),
        ("chinchilla_contours", "E"),
        ("approaches_compared", "a"),
        ("approaches_compared", "b"),
    ],
)
def test_a_quantity_that_is_not_there_raises(draw, quantity):
    rows = cases.tables().analyses
    less = rows[(rows["analysis"] != "approaches") | (rows["quantity"] != quantity)]
    with pytest.raises(MissingQuantity, match=quantity):
        drawn(draw, changed(less))


# What is drawn and the rows that it comes from: figure, panel, what is drawn, y; group, quantity.
DRAWN = [
    ("chinchilla_frontiers", "", "place on the frontier", "approach=1", "n_opt", "point"),
    ("chinchilla_frontiers", "", "place on the frontier", "approach=2", "n_opt", "point"),
    ("chinchilla_frontiers", "", "line beyond its places", "approach=1", "n_opt", "line"),
    ("chinchilla_frontiers", "", "line beyond its places", "approach=3", "n_opt", "line"),
    ("chinchilla_tokens", "", "places", "approach=2", "d_opt", "point"),
    ("chinchilla_tokens", "", "path", "approach=3", "d_opt", "line"),
    ("chinchilla_envelope", "Learning curves", "envelope", "approach=1, winner", "loss", "point"),
    ("chinchilla_envelope", "Its tokens", "place on the frontier", "approach=1", "d_opt", "point"),
    ("chinchilla_isoflop", "Its tokens", "minimum", "approach=2", "d_opt", "point"),
    ("chinchilla_curvature", "", "frontier", "frontier", "n_opt", "point"),
]


@pytest.mark.parametrize(("draw", "panel", "what", "group", "quantity", "kind"), DRAWN)
def test_numbers_drawn_are_those_of_the_rows(draw, panel, what, group, quantity, kind):
    rows = cases.tables().analyses
    name = "curvature" if draw == "chinchilla_curvature" else "approaches"
    rows = some(rows, quantity, analysis=name, group=group, kind=kind).sort_values("x")
    table = some(drawn(draw).table.fillna({"panel": ""}), panel=panel, what=what)
    if "approach" in group and draw in ("chinchilla_frontiers", "chinchilla_tokens"):
        table = table[table["series"].str.startswith(group.removeprefix("approach="))]
    if kind == "line":  # as far as the frame goes, a little beyond the runs
        most = cases.tables().runs["compute_6nd_flops"].max()
        assert 5 < len(table) < len(rows) and rows["x"].iloc[len(table) - 1] <= 3.01 * most
        rows = rows.head(len(table))
    if what == "envelope":
        rows = rows[rows["value"] <= rows["value"].cummin()]
    assert len(table) == len(rows)
    np.testing.assert_array_equal(table["y"], rows["value"])
    if what not in ("places", "path"):
        np.testing.assert_array_equal(table["x"], rows["x"])


@pytest.mark.parametrize(("draw", "name"), [("approaches_compared", "approaches"),
                                            ("recounted", "recount")])  # fmt: skip
def test_exponents_drawn_are_those_of_the_rows_with_their_intervals(draw, name):
    rows = some(cases.tables().analyses, analysis=name, kind="parameter")
    rows = rows[rows["quantity"].isin(["a", "b"] if draw == "approaches_compared" else ["a"])]
    rows = rows[rows["value"].notna()]
    table = some(drawn(draw).table, what="this study")
    assert len(table) == len(rows)
    for x, column in (("x", "value"), ("lo", "lo"), ("hi", "hi")):
        np.testing.assert_array_equal(np.sort(table[x]), np.sort(rows[column]))


def test_stars_of_the_valleys_stand_at_the_minima_of_the_rows():
    rows = some(cases.tables().analyses, "n_opt", analysis="approaches", kind="point")
    rows = rows[rows["group"].str.startswith("approach=2, valley=") & rows["value"].notna()]
    table = drawn("chinchilla_isoflop").table
    stars = some(table, panel="Loss at equal compute", what="minimum")
    np.testing.assert_array_equal(stars["x"], rows["value"])
    bars = some(table, panel="Best size", what="minimum")
    np.testing.assert_array_equal(bars[["x", "y", "lo", "hi"]], rows[["x", "value", "lo", "hi"]])


@pytest.mark.parametrize("draw", WITH_COUNT)
@pytest.mark.parametrize("count", ["kaplan", "embeddings"])
def test_axes_say_how_n_and_c_are_counted(draw, count):
    result = drawn(draw, cases.tables(count=count))
    labels = [
        text for axes in result.figure.axes for text in (axes.get_xlabel(), axes.get_ylabel())
    ]
    sizes = [text for text in labels if text.startswith("parameters N")]
    budgets = [text for text in labels if text.startswith("compute C")]
    inner = count == "kaplan"
    assert set(sizes) == {"parameters N (without embeddings)" if inner else "parameters N"}
    expected = "compute C (FLOP, 6ND without embeddings)" if inner else "compute C (FLOP, 6ND)"
    assert set(budgets) == (set() if draw == "chinchilla_tokens" else {expected})


@pytest.mark.parametrize("count", list(COUNTS))
def test_learning_curves_have_the_compute_and_the_sizes_of_their_count(count):
    tables = cases.tables(count=count)
    columns = {
        "kaplan": ("n_params_non_embedding", "compute_6nd_non_embedding_flops"),
        "logits": ("n_params_non_embedding", "compute_6nd_logits_flops"),
        "embeddings": ("n_params", "compute_6nd_flops"),
        "exact": ("n_params", "compute_flops"),
    }
    size, compute = columns[count]
    grid = planted.grid_of(tables.runs)
    longest = grid[grid["n_tokens"] == grid["n_tokens"].max()]
    curves = some(drawn("chinchilla_envelope", tables).table, what="learning curve")
    assert curves["series"].nunique() == longest[size].nunique() == len(longest)
    # The trunk ends where a fifth of the steps is left: the curve has 0.8 of its run's compute.
    ends = curves.groupby("series", sort=False)["x"].max()
    np.testing.assert_allclose(np.sort(ends), np.sort(0.8 * longest[compute]), rtol=2e-3)
    winners = some(drawn("chinchilla_envelope", tables).table, panel="Best size")
    winners = winners[winners["what"].isin(["winner", "winner at the edge"])]
    assert len(winners) and set(winners["y"].round()) <= set(grid[size].astype(float))


@pytest.mark.parametrize("count", list(COUNTS))
def test_runs_in_the_plane_have_the_n_of_their_count_and_6nd(count):
    tables = cases.tables(count=count)
    grid = planted.grid_of(tables.runs)
    inner = count in ("kaplan", "logits")
    size = grid["n_params_non_embedding" if inner else "n_params"].to_numpy(float)
    points = some(drawn("chinchilla_contours", tables).table, what="run")
    np.testing.assert_allclose(np.sort(points["y"]), np.sort(size), rtol=1e-9)
    compute = 6 * size * grid["n_tokens"].to_numpy(float)
    np.testing.assert_allclose(np.sort(points["x"]), np.sort(compute), rtol=1e-9)


@pytest.mark.parametrize("count", list(COUNTS))
def test_a_slice_of_the_law_has_the_tokens_that_its_budget_buys_at_each_size(count):
    tables = cases.tables(count=count)
    rows = tables.analyses[tables.analyses["analysis"] == "approaches"]
    law = some(rows, group="approach=3", kind="parameter").set_index("quantity")["value"]
    budget = one(rows, "n_opt", group="approach=2, valley=5")["x"]
    table = drawn("chinchilla_contours", tables).table
    label = some(table, what="law")["series"].unique()[4]
    line = some(table, what="law", series=label)
    grid = planted.grid_of(tables.runs).drop_duplicates(COUNTS[count].size)
    grid = grid.sort_values(COUNTS[count].size)
    n, k = (grid[COUNTS[count].size].to_numpy(float),
            (grid[COUNTS[count].compute] / grid["n_tokens"]).to_numpy(float))  # fmt: skip
    inside = line[line["x"].between(n[0], n[-1])]
    assert len(inside) > 10
    tokens = budget / np.exp(np.interp(np.log(inside["x"]), np.log(n), np.log(k)))
    params = {name: law[name] for name in CHINCHILLA.names}
    expected = CHINCHILLA(params, n_params=inside["x"].to_numpy(), n_tokens=tokens)
    np.testing.assert_allclose(inside["y"], expected, rtol=1e-9)


@pytest.mark.parametrize("count", list(COUNTS))
def test_the_losses_of_a_valley_lie_at_the_n_of_their_count(count):
    rows = some(cases.tables(count=count).analyses, "loss at n_params", kind="point")
    assert set(rows["x_quantity"]) == {str(COUNTS[count].size)}
    sizes = planted.grid_of(cases.tables().runs)[COUNTS[count].size].astype(float)
    assert set(rows["x"].round()) <= set(sizes)


def test_a_count_is_read_from_its_own_axis_alone():
    assert COUNT_OF == {
        X.COMPUTE_KAPLAN: "kaplan", X.COMPUTE_LOGITS: "logits",
        X.COMPUTE_EMBEDDINGS: "embeddings", X.COMPUTE_EXACT: "exact",
    }  # fmt: skip
    table = cases.tables().analyses
    table = table[table["analysis"] == "approaches"]
    assert count_of(Analysed(table, "it")) == "embeddings"
    best = table["quantity"] == "n_opt"
    for axis in ("compute_flops", None):
        other = table.assign(x_quantity=table["x_quantity"].mask(best, axis))
        with pytest.raises(ValueError, match="counted by none of"):
            count_of(Analysed(other, "it"))
    mixed = table.assign(
        x_quantity=table["x_quantity"].mask(best & (table["x"] > 1e11), "compute, kaplan (FLOP)")
    )
    with pytest.raises(ValueError, match="counted by none of"):
        count_of(Analysed(mixed, "it"))


def test_where_nothing_was_made_every_figure_says_why_and_draws_no_run():
    runs, curves = cases.tables().runs, cases.tables().curves
    few = runs[(runs["sweep"] != "grid") | (runs["width"] <= 16)]
    nothing = cases.made(few, curves)
    for draw in cases.FIGURES:
        result = drawn(draw, nothing)
        assert any("4 sizes with finished runs are needed" in note for note in result.notes), draw
        assert not result.table["what"].isin(["learning curve", "run", "this study"]).any(), draw


@pytest.mark.parametrize("draw", list(cases.FIGURES))
def test_settings_written_out_in_full_go_on_working(draw):
    key = {"chinchilla_curvature": "curvature", "recounted": "recount"}.get(draw, "approaches")
    texts = {"name": "mine", "title": "A title", "caption": "A caption."}
    full = cases.spec(draw, **texts, **{key: "other"})
    assert (full.name, full.title, full.caption) == tuple(texts.values())
    assert full.analyses_named == ["other"]
    assert cases.spec(draw).analyses_named == [key]
