"""Figures after Kaplan et al.: their numbers are those of the paper, or of the planted law."""

import re

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from isoloss.config import exhibits
from isoloss.config.study import Figure
from isoloss.exhibits.base import Tables
from isoloss.exhibits.kaplan.crossing import published_crossing
from isoloss.exhibits.kaplan.frontier import local_exponents
from isoloss.exhibits.kaplan.loss_reached import excess_steps
from isoloss.exhibits.kaplan.training import slopes_of
from isoloss.exhibits.make import drawing
from isoloss.results.analysed import MissingQuantity
from tests.exhibits.kaplan.cases import (
    CASES,
    FIGURES,
    GRID,
    LAW,
    analysed,
    spec,
    study,
    without_critical_batch,
)
from tests.rows import one, some

PAPER = {"alpha_n": 0.077, "alpha_s": 0.76}  # Table 3
# Figure, what it draws -> the analyses, quantities and kinds of the rows that these are.
BOTH = ("frontier", "frontier_min")
DRAWN = {
    ("kaplan_summary", "final loss"): [(name, "loss", "point") for name in ("data", "size")],
    ("kaplan_summary", "fitted law"): [
        (name, "loss", "line") for name in ("frontier", "data", "size")
    ],
    ("kaplan_frontiers", "lowest loss"): [(name, "loss", "point") for name in BOTH],
    ("kaplan_frontiers", "fitted law"): [(name, "loss", "line") for name in BOTH],
    ("kaplan_optimum", "best"): [
        (name, quantity, "point") for name in BOTH for quantity in ("n_opt", "steps")
    ],
    ("kaplan_optimum", "power law"): [
        (name, quantity, "line") for name in BOTH for quantity in ("n_opt", "steps")
    ],
    ("kaplan_valleys", "interpolated"): [("steps", "loss", "point")],  # by size
    ("kaplan_valleys", "L(N, S)"): [("steps", "loss", "line")],
    ("kaplan_reached", "first reached"): [("reached_min", "tokens", "point")],
    ("kaplan_depth", "run"): [(name, "loss", "point") for name in ("total", "depths")],
    ("kaplan_depth", "fitted law"): [(name, "loss", "line") for name in ("total", "depths")],
    ("kaplan_size_laws", "final loss"): [("size", "loss", "point")],
    ("kaplan_size_laws", "fitted law"): [("size", "loss", "line")],
    ("kaplan_crossing", "lowest loss"): [("crossing", "loss", "point")],
    ("kaplan_crossing", "extrapolated law"): [("crossing", "loss", "line")],
}


@pytest.mark.parametrize(("draw", "what"), DRAWN)
def test_the_numbers_drawn_are_those_of_the_rows(draw, what):
    known = study().analyses
    rows = pd.concat([
        some(known, quantity, analysis=analysis, kind=kind)
        for analysis, quantity, kind in DRAWN[draw, what]
    ])  # fmt: skip
    if (
        draw == "kaplan_valleys"
    ):  # which does not show the points by steps that the law is fitted to
        rows = rows[rows["x_quantity"] == "n_params_non_embedding"]
    drawn = some(drawing(spec(draw), study()).table, what=what)
    expected = sorted(rows[["x", "value"]].itertuples(index=False, name=None))
    assert sorted(drawn[["x", "y"]].itertuples(index=False, name=None)) == expected


def test_the_bars_of_the_best_sizes_are_their_intervals():
    known = some(study().analyses, "n_opt", analysis="frontier_min", kind="point")
    table = drawing(spec("kaplan_optimum"), study()).table
    drawn = some(table, what="best", panel="Best size", series="C_min: N, S_min")
    for ours, theirs in (("lo", "lo"), ("hi", "hi")):
        np.testing.assert_array_equal(drawn[ours], known[theirs].to_numpy(float))


def test_our_lines_meet_where_the_analysis_says():
    known = some(study().analyses, analysis="crossing")
    drawn = one(drawing(spec("kaplan_crossing"), study()).table, what="extrapolated")
    assert drawn["x"] == one(known, "C*")["value"]
    assert drawn["y"] == one(known, "L*")["value"]


@pytest.mark.parametrize(("draw", "analysis", "quantity"), [
    ("kaplan_summary", "frontier", "alpha_C"),
    ("kaplan_shares", "frontier", "a"),
    ("kaplan_shares", "frontier_min", "exponent of steps"),
    ("kaplan_frontiers", "frontier", "loss"),
    ("kaplan_optimum", "frontier_min", "n_opt"),
    ("kaplan_valleys", "steps", "loss"),
    ("kaplan_valleys", "steps", "alpha_N"),
    ("kaplan_excess", "steps", "alpha_S"),
    ("kaplan_reached", "reached_min", "tokens"),
    ("kaplan_depth", "total", "miss"),
    ("kaplan_size_laws", "size", "loss"),
    ("kaplan_crossing", "crossing", "C*"),
])  # fmt: skip
def test_a_figure_without_one_of_its_quantities_raises(draw, analysis, quantity):
    tables = study()
    known = tables.analyses
    kept = known[(known["analysis"] != analysis) | (known["quantity"] != quantity)]
    assert len(kept) < len(known)
    with pytest.raises(
        MissingQuantity, match=f"analysis {analysis} has no .*'{re.escape(quantity)}'"
    ):
        drawing(spec(draw), Tables(runs=tables.runs, curves=tables.curves, analyses=kept))


@pytest.mark.parametrize("draw", FIGURES)
def test_a_figure_has_texts_of_its_own_that_are_short(draw):
    of_runs = "sweeps" in FIGURES[draw]
    given = {"draw": draw} | GRID if of_runs else draw  # a name alone is enough for most
    found = TypeAdapter(Figure).validate_python(given)
    assert re.fullmatch(r"kaplan_\d\d", found.name) and "Kaplan et al. 2020" in found.title
    assert max(len(sentence.split()) for sentence in found.caption.split(". ")) <= 30
    assert len(found.caption.split()) <= 46
    assert set(found.analyses_drawn) <= set(type(found).model_fields)


def test_sizes_around_the_best_cost_what_the_paper_says():
    """App. B.4: 0.6 to 2.2 times the best cost at most 20 % more; 2.2 takes 45 % fewer steps."""
    assert 2.2 * excess_steps(2.2, **PAPER) == pytest.approx(1.2, abs=0.01)
    assert 1.1 < 0.6 * excess_steps(0.6, **PAPER) < 1.2
    assert excess_steps(2.2, **PAPER) == pytest.approx(0.55, abs=0.005)
    assert excess_steps(1.0, **PAPER) == 1


def test_a_size_that_cannot_reach_the_loss_has_no_cost():
    assert np.isnan(excess_steps(0.2, **PAPER))


def test_the_papers_lines_meet_where_the_paper_says():
    """Sec. 6.3: C* of about 1e4 PF-days, L* of about 1.7, N* of about 1e12."""
    compute, loss = published_crossing()
    assert compute == pytest.approx(1e4, rel=0.2)
    assert loss == pytest.approx(1.7, abs=0.05)
    assert 1.3e9 * compute**0.73 == pytest.approx(1e12, rel=0.25)


def test_the_papers_areas_are_its_exponents():
    """Fig. 3: at 1e9 times the compute, below 10 times the steps, about 100 times the batch."""
    table = drawing(spec("kaplan_shares"), study()).table
    paper = table[table["panel"] == "Kaplan et al. 2020"]
    top = paper[paper["x"] == paper["x"].max()].set_index("series")
    growth = top["hi"] / top["lo"]
    assert growth["serial steps S"] == pytest.approx(10 ** (9 * 0.03))
    assert growth["batch size B"] == pytest.approx(10 ** (9 * 0.24))
    assert growth["model size N"] == pytest.approx(10 ** (9 * 0.73))


def test_our_areas_fill_the_compute():
    """C = 6 N B S: the three factors make the whole."""
    table = drawing(spec("kaplan_shares"), study()).table
    ours = table[table["panel"] == "Ours, C_min"]
    assert ours["hi"].max() == pytest.approx(ours["x"].max(), rel=0.02)


@pytest.mark.parametrize(("draw", "panel", "series", "exponent"), [
    ("kaplan_summary", "Compute", "Kaplan et al. 2020", -0.050),
    ("kaplan_summary", "Data, largest size", "Kaplan et al. 2020", -0.095),
    ("kaplan_summary", "Size, longest runs", "Kaplan et al. 2020", -0.076),
    ("kaplan_frontiers", "Least loss", "Kaplan et al. 2020, C", -0.057),
    ("kaplan_frontiers", "Least loss", "Kaplan et al. 2020, C_min", -0.050),
    ("kaplan_optimum", "Best size", "Kaplan et al. 2020, C", 0.88),
    ("kaplan_optimum", "Best size", "Kaplan et al. 2020, C_min", 0.73),
    ("kaplan_optimum", "Steps at the best size", "Kaplan et al. 2020, C_min", 0.03),
])  # fmt: skip
def test_the_papers_line_has_its_exponent_and_meets_ours_in_the_middle(
    draw, panel, series, exponent
):
    table = some(drawing(spec(draw), study()).table, panel=panel)
    paper = some(table, series=series, what="the paper's slope, moved")
    x, y = np.log(paper["x"].to_numpy()), np.log(paper["y"].to_numpy())
    np.testing.assert_allclose(np.diff(y) / np.diff(x), exponent, rtol=1e-6)
    fitted = table[table["what"].isin(["fitted law", "power law"])]
    of_ours = fitted[fitted["series"].str.contains("C_min") == ("C_min" in series)]
    middle = of_ours.iloc[len(of_ours) // 2]
    assert np.exp(np.interp(np.log(middle["x"]), x, y)) == pytest.approx(middle["y"])


def test_all_panels_of_the_summary_span_the_same_losses():
    figure = drawing(spec("kaplan_summary"), study()).figure
    assert len({axes.get_ylim() for axes in figure.axes if axes.get_ylabel()}) == 1


def test_the_envelope_has_an_exponent_below_among_and_above_the_budgets_that_are_fitted():
    x = np.geomspace(1e-12, 1e-6, 61)
    low = np.where(x < 1e-10, x**-0.04, 1e-10 ** (0.03) * x**-0.07)
    fitted = pd.DataFrame({"x": [1.01e-10, 1e-9]})
    (said,) = slopes_of(x, low, fitted)
    assert "over 1.0 decades" in said
    assert "0.040 below" in said and "0.070 among" in said and "0.070 above" in said
    assert slopes_of(x, low, fitted[:0]) == []


def test_local_exponents_of_a_power_law_are_its_exponent():
    x = np.geomspace(1e-11, 1e-9, 7)
    at, local = local_exponents(x, 3 * x**-0.05)
    np.testing.assert_allclose(local, 0.05)
    np.testing.assert_allclose(at, x[1:-1])
    assert len(local_exponents(x[:2], x[:2])[0]) == 0


def test_the_cheapest_size_measured_costs_one_and_the_others_keep_their_ratios():
    known = some(study().analyses, "excess compute", analysis="reached")
    table = some(drawing(spec("kaplan_excess"), study()).table, what="measured")
    for loss, rows in known.groupby("group"):
        compute, steps = (some(table, panel=name, series=loss) for name in ("Compute", "Steps"))
        assert compute["y"].min() == 1.0
        assert one(compute, y=1.0)["x"] == one(steps, x=1.0)["y"] == 1.0
        cheapest = rows.loc[rows["value"].idxmin()]
        ratios = dict(zip(rows["x"] / cheapest["x"], rows["value"] / cheapest["value"],
                          strict=True))  # fmt: skip
        for x, y in compute[["x", "y"]].itertuples(index=False):
            assert ratios[x] == y
        np.testing.assert_allclose(steps["x"] * steps["y"], compute["y"])


def test_a_size_has_the_colour_that_it_has_in_all_figures_of_the_study():
    found = drawing(spec("kaplan_training"), study())
    colors = {(x, y): line.get_color() for axes in found.figure.axes for line in axes.lines
              for x, y in line.get_xydata()}  # fmt: skip
    ends = some(found.table, what="final loss", panel="Tokens")
    sizes = ends["series"].str.removeprefix("N = ").astype(float).tolist()
    drawn = [colors[point] for point in zip(ends["x"], ends["y"], strict=True)]
    assert drawn == study().colors_of(sizes, "n_params_non_embedding")
    assert len(set(drawn)) == 7


def test_a_loss_takes_fewer_tokens_than_every_lower_loss_at_every_size():
    """Lines of losses cannot cross."""
    table = some(drawing(spec("kaplan_reached"), study()).table, what="first reached")
    for _, of_size in table.groupby("x"):
        by_loss = of_size.assign(loss=of_size["series"].str.removeprefix("loss ").astype(float))
        tokens = by_loss.sort_values("loss", ascending=False)["y"].dropna()
        assert len(tokens) > 1 and (np.diff(tokens) > 0).all()


def test_the_envelope_falls():
    table = drawing(spec("kaplan_training"), study()).table
    low = table[table["series"] == "envelope"]["y"].to_numpy()
    assert len(low) > 50 and (np.diff(low) <= 0).all()


def test_training_curves_are_at_the_papers_compute():
    """C = 6 N B S in PF-days, N without embeddings; the last row at a constant rate, not after."""
    table = drawing(spec("kaplan_training"), study()).table
    curve, tokens = (
        some(table, series="N = 38400", panel=panel, what="training")
        for panel in ("Compute", "Tokens")
    )
    np.testing.assert_allclose(curve["x"], 6 * 38400 * tokens["x"].to_numpy() / 8.64e19)
    assert curve["y"].iloc[-1] == pytest.approx(float(LAW.loss(38400, 8398, 256)), rel=0.01)


def test_depths_lie_closer_together_without_embeddings():
    """So they were planted: the loss depends on N without embeddings."""
    misses = [
        float(one(study().analyses, "miss", analysis=name)["value"]) for name in ("total", "depths")
    ]
    assert misses[1] < misses[0]
    notes = [note for note in drawing(spec("kaplan_depth"), study()).notes if "misses" in note]
    for note, missed in zip(notes, misses, strict=True):
        assert f"by {missed:.1%} (root mean square)" in note


def test_the_best_size_is_drawn_at_its_compute():
    table = drawing(spec("kaplan_optimum"), study()).table
    found = some(table, what="best", panel="Best size")
    found = some(found[found["series"].str.startswith("C_min")])
    truth = LAW.optimum(found["x"].to_numpy())[0]
    np.testing.assert_allclose(found["y"], truth, rtol=0.15)


def test_without_a_critical_batch_only_what_needs_none_is_drawn():
    tables = without_critical_batch()
    said = "No critical batch was measured before"
    for draw in ("kaplan_frontiers", "kaplan_optimum", "kaplan_shares", "kaplan_reached"):
        result = drawing(spec(draw), tables)
        assert any(said.lower() in note.lower() for note in result.notes), draw
        drawn = set(result.table["series"]) | set(result.table["panel"])
        assert not any(name.startswith(("C_min", "Ours, C_min")) for name in drawn)
        assert len(result.table)
    axes = drawing(spec("kaplan_reached"), tables).table
    assert set(axes["y_quantity"]) == {"tokens E at the runs' batch"}


@pytest.mark.parametrize("draw", sorted(set(FIGURES) - {"kaplan_summary", "kaplan_training"}))
def test_an_analysis_that_could_not_be_made_leaves_a_note_and_no_traceback(draw):
    known = study().analyses
    empty = known.drop_duplicates("analysis").assign(
        quantity=None, value=np.nan, kind=None, group=None, x=np.nan,
        verdict="not made: there are too few runs",
    )  # fmt: skip
    result = drawing(spec(draw), Tables(runs=study().runs, analyses=empty))
    assert any("too few runs" in note for note in result.notes)
    drawn = result.table["what"] if len(result.table) else pd.Series(dtype=str)
    assert not drawn.isin(["fitted law", "power law", "measured", "run", "best"]).any()


@pytest.mark.parametrize("draw", ["kaplan_summary", "kaplan_training"])
def test_too_few_training_curves_leave_a_note_and_what_else_there_is(draw):
    whole = study()
    sizes = sorted(set(whole.runs["n_params_non_embedding"]))[:2]
    runs = whole.runs[whole.runs["n_params_non_embedding"].isin(sizes)]
    few = Tables(runs=runs, curves=whole.curves, analyses=whole.analyses)
    result = drawing(spec(draw), few)
    assert any(note.startswith("No training curves: four sizes") for note in result.notes)
    drawn = set(result.table["what"]) if len(result.table) else set()
    assert not drawn & {"training", "lowest loss of any size"}
    assert ("run" in drawn) == (draw == "kaplan_summary")


def test_growth_that_is_not_identified_belongs_to_either():
    """Only the ends of the interval of the steps are drawn, and for C_min nothing."""
    tables = study()
    known = tables.analyses.copy()
    wide = known["quantity"].isin(["a", "exponent of steps"])
    known.loc[wide, ["verdict", "lo", "hi"]] = ["not identified: wide", 0.2, 0.8]
    result = drawing(spec("kaplan_shares"), Tables(runs=tables.runs, analyses=known))
    assert set(result.table["panel"]) == {"Kaplan et al. 2020", "Ours, C at a fixed batch"}
    ours = some(result.table, panel="Ours, C at a fixed batch", series="steps or size")
    np.testing.assert_allclose(np.log(ours["lo"][1:]) / np.log(ours["x"][1:]), 0.2)
    np.testing.assert_allclose(np.log(ours["hi"][1:]) / np.log(ours["x"][1:]), 0.8)
    assert any("not identified: wide" in note for note in result.notes)
    assert any(note.startswith("Ours, C_min: not drawn") for note in result.notes)


def test_a_crossing_that_is_not_known_has_no_panel():
    known = study().analyses
    nothing = {"quantity": None, "kind": None, "group": None, "value": np.nan}
    row = (
        known[known["analysis"] == "crossing"]
        .iloc[:1]
        .assign(**nothing, verdict="not made: too few")
    )
    result = drawing(spec("kaplan_crossing"), Tables(runs=study().runs, analyses=row))
    assert len(result.figure.axes) == 1
    assert set(result.table["panel"]) == {"Kaplan et al. 2020"}


def test_a_law_of_any_name_is_drawn():
    asked = {"do": "size_laws", "name": "size", **GRID, "keep": "longest", "laws": ["m3"]}
    tables = analysed(study().runs, study().curves, [asked])
    drawn = some(drawing(spec("kaplan_size_laws"), tables).table, what="fitted law")
    assert set(drawn["series"]) == {"m3"}


def test_there_is_an_example_of_each():
    modules = exhibits.FIGURES.items()
    ours = {draw for draw, module in modules if module.startswith("isoloss.exhibits.kaplan.")}
    assert {name.partition(" ")[0] for name in CASES} == set(FIGURES) <= ours
