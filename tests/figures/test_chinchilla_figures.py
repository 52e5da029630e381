"""The figures after Hoffmann et al. (2022): what their tables hold, and what they leave out."""

import chinchilla_cases
import numpy as np
import pytest
from tests.analysis import synthetic
from tests.rows import some

from isoloss.errors import UserError
from isoloss.exhibits.base import Tables
from isoloss.exhibits.make import drawing
from isoloss.laws.published_allocation import APPROACHES_A, PORIAN_LADDER


def drawn(draw, tables=None):
    return drawing(chinchilla_cases.spec(draw), tables or chinchilla_cases.tables())


def test_kaplans_line_has_the_convention_of_hoffmann_et_al():
    # Hoffmann et al. (2022), App. D.4: Kaplan et al. predict 4.68e9 parameters at 1e21 FLOP. At C
    # FLOP the line is that times (C / 1e21)**0.73.
    line = drawn("chinchilla_frontiers").table
    line = some(line[line["series"].str.startswith("Kaplan")])
    expected = 4.683e9 * (line["x"] / 1e21) ** 0.73
    np.testing.assert_allclose(line["y"], expected, rtol=2e-3)


def test_lines_beyond_the_runs_are_told_from_those_between_them():
    table = drawn("chinchilla_frontiers").table
    runs = chinchilla_cases.tables().runs
    most = runs[runs["sweep"] == "grid"]["compute_6nd_flops"].max()
    inside, beyond = (table[table["what"] == what] for what in ("line", "line beyond its places"))
    assert inside["x"].max() <= most * 1.0001 < beyond["x"].max()


def test_every_run_of_the_grid_is_in_the_plane_of_the_contours():
    table = drawn("chinchilla_contours").table
    runs = synthetic.grid_of(chinchilla_cases.tables().runs)
    points = table[table["what"] == "run"]
    np.testing.assert_allclose(np.sort(points["x"]), np.sort(runs["compute_6nd_flops"]), rtol=1e-9)


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
    tables = chinchilla_cases.tables()
    rows = tables.analyses.copy()
    lost = (rows["group"] == "approach=2, valley=1") & rows["quantity"].isin(["n_opt", "loss"])
    rows.loc[lost, "value"] = np.nan
    rows.loc[lost, "verdict"] = "edge"
    result = drawn(
        "chinchilla_isoflop", Tables(runs=tables.runs, curves=tables.curves, analyses=rows)
    )
    whole = drawn("chinchilla_isoflop")
    stars = [
        (t["y_quantity"].str.startswith("held-out") & (t["what"] == "minimum")).sum()
        for t in (result.table, whole.table)
    ]
    assert stars[0] == stars[1] - 1
    assert any("(edge)" in note for note in result.notes)


def test_an_approach_that_was_not_made_is_left_out_and_said():
    tables = chinchilla_cases.tables()
    rows = tables.analyses.copy()
    mine = (rows["group"] == "approach=1").fillna(False)
    rows = rows[~(mine & (rows["kind"] != "parameter"))]
    mine = rows["group"] == "approach=1"
    rows.loc[mine, ["value", "lo", "hi"]] = np.nan
    rows.loc[mine, "verdict"] = "not made: three places of the frontier are needed, found 1 place"
    less = Tables(runs=tables.runs, curves=tables.curves, analyses=rows)
    for draw in ("chinchilla_frontiers", "chinchilla_tokens", "approaches_compared",
                 "chinchilla_envelope"):  # fmt: skip
        result = drawn(draw, less)
        assert any("found 1 place" in note for note in result.notes), draw
        ours = result.table[result.table["series"].str.startswith("1: ")]
        assert ours.empty, draw


def test_an_analysis_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(UserError, match=r"'thre'.*three"):
        drawing(
            chinchilla_cases.spec("chinchilla_tokens", approaches="thre"), chinchilla_cases.tables()
        )
