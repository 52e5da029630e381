"""Normalised learning curves of all sizes, planted with one shape and with two."""

import numpy as np
import pytest

from isoloss.errors import UserError
from isoloss.exhibits.base import Tables
from isoloss.exhibits.make import drawing
from isoloss.exhibits.training.collapse import Collapse, Collapsed
from tests.exhibits.made import analyse_study, rows_of
from tests.exhibits.training import curves as C
from tests.rows import one, some

SPEC = Collapse(do="collapse", sweeps=["grid"], seeds=["seeds"], exponent=0.5)
APART = "normalised curve apart"


def alike(width, step):
    """What makes a curve one of a single shape, stretched by N^0.5."""
    stretched = step / C.size_of(width) ** 0.5
    return (1 + stretched**-0.3) / C.constant_loss(width, step)


def odd_one(width, step):
    """The same, but the largest size falls more steeply."""
    return alike(width, step) * (step**-0.03 if width == C.WIDTHS[-1] else 1.0)


def tables(shape, noise=0.001):
    def shaken(own):
        rng = np.random.default_rng(own)
        return lambda width, step: alike(width, step) * np.exp(noise * rng.standard_normal())

    seeds = [C.study((8, 16), (1600,), sweep="seeds", own=own, shape=shaken(own))
             for own in (1, 2, 3)]  # fmt: skip
    return C.joined(C.study(shape=shape), *seeds)


def test_curves_of_one_shape_collapse():
    rows = some(rows_of(SPEC, *tables(alike)), APART)
    assert len(rows) == 4
    assert (rows["lo"] < 0).all() and (rows["hi"] > 0).all()
    np.testing.assert_allclose(rows["value"].astype(float), 0, atol=2e-3)


def test_a_size_that_falls_more_steeply_departs_by_what_was_planted():
    """ln y is .03 ln(1 / share) higher: .0312 on average of 1/4 and 1/2."""
    rows = some(rows_of(SPEC, *tables(odd_one)), APART)
    largest = rows.iloc[-1]
    assert largest["value"] == pytest.approx(0.03 * np.log(4 * 2) / 2, abs=2e-3)
    assert largest["lo"] > 0


def test_the_figure_names_the_size_that_departs():
    said = {}
    for shape in (odd_one, alike):
        runs, curves = tables(shape)
        made = Tables(runs=runs, curves=curves, analyses=analyse_study("s", [SPEC], runs, curves))
        said[shape] = " ".join(drawing(Collapsed(draw="collapsed"), made).notes)
    assert "N = 119k by" in said[odd_one]
    assert "have one shape within the scatter over seeds" in said[alike]


def test_without_seeds_nothing_is_said_to_depart():
    spec = SPEC.model_copy(update={"seeds": []})
    rows = rows_of(spec, *tables(odd_one))
    assert some(rows, APART)["lo"].isna().all()
    assert one(rows, "sd of a normalised curve")["verdict"].startswith("not identified: no size")


def test_two_sizes_are_too_few_and_a_floor_above_the_losses_is_refused():
    with pytest.raises(UserError, match=r"three sizes are needed .* found 2 of 2"):
        rows_of(SPEC, *C.study(widths=(32, 64)))
    with pytest.raises(UserError, match="floor: must lie below every loss"):
        rows_of(SPEC.model_copy(update={"floor": 9.0}), *tables(alike))
