"""Kaplan et al.'s analyses find what was planted: every truth here follows in closed form."""

import numpy as np
import pandas as pd
import pytest

from isoloss.errors import UserError
from isoloss.exhibits.kaplan.crossing import Crossing
from isoloss.exhibits.kaplan.frontier import KaplanFrontier
from isoloss.exhibits.kaplan.optima import Frontier
from isoloss.exhibits.kaplan.size_curves import (
    SizeCurve,
    adjusted,
    min_compute,
    min_steps,
    min_tokens,
)
from isoloss.results.group import G, Group
from isoloss.results.verdict import Status
from tests.exhibits.kaplan import planted as K
from tests.exhibits.kaplan.analysed import CRITICAL, LAW, STUDY, made, parameters, points
from tests.exhibits.made import analyse_study
from tests.rows import some

# What each analysis writes: readers of the table know these names.
FRONTIER = {"alpha_C", "C_c", "a", "N_opt at 1 PF-day", "exponent of steps", "loss", "n_opt",
            "steps", "tokens"}  # fmt: skip
STEPS = {"alpha_N", "alpha_S", "Nc", "Sc", "alpha_C predicted", "a predicted", "loss"}
WRITTEN = [
    ("kaplan_frontier", {}, FRONTIER),
    ("kaplan_frontier", {"adjusted": True}, FRONTIER | {"exponent of the batch", "batch"}),
    ("size_and_steps", {}, STEPS),
    ("size_and_steps", {"adjusted": True}, STEPS),
    ("loss_reached", {}, {"steps", "tokens", "compute", "excess compute", "excess steps"}),
    ("size_laws", {"laws": ["power_law", "logarithmic", "power_law_floor"]},
     {"A", "alpha", "Xc", "intercept", "k", "E", "miss", "miss of a run left out", "loss"}),
    ("crossing", {}, {"alpha_C", "alpha_D (1 - a)", "C*", "N*", "D*", "L*", "loss"}),
]  # fmt: skip


@pytest.mark.parametrize(("do", "given", "written"), WRITTEN)
def test_an_analysis_writes_the_quantities_that_readers_know(do, given, written):
    assert set(made(do, **given)["quantity"]) == written


def test_at_the_critical_batch_a_run_costs_twice_the_least():
    """Kaplan et al. (2020), Sec. 5.1: 2 S_min steps and 2 E_min tokens at B = B_crit."""
    batch = critical = 1e4
    assert min_steps(100.0, batch, critical) == 50
    assert min_tokens(1e6, batch, critical) == 5e5
    assert min_compute(8.0, batch, critical) == 4


@pytest.mark.parametrize("batch", [10.0, 1e3, 1e6])
def test_steps_and_tokens_lie_on_the_hyperbola(batch):
    """Eq. 5.1, (S / S_min - 1) (E / E_min - 1) = 1, and Eq. 5.2, B_crit = E_min / S_min."""
    steps, critical = 500.0, 2e4
    s_min, e_min = min_steps(steps, batch, critical), min_tokens(steps * batch, batch, critical)
    assert (steps / s_min - 1) * (steps * batch / e_min - 1) == pytest.approx(1)
    assert e_min / s_min == pytest.approx(critical)


def test_the_adjusted_frontier_has_the_planted_exponents():
    """Eqs. 1.7 and 1.8."""
    found = parameters(made("kaplan_frontier", adjusted=True))["value"]
    alpha = LAW.alpha_c_min
    assert found["alpha_C"] == pytest.approx(alpha, rel=0.01)
    assert found["a"] == pytest.approx(alpha / LAW.alpha_n, abs=0.03)
    assert found["exponent of steps"] == pytest.approx(alpha / LAW.alpha_s, abs=0.03)
    assert found["exponent of the batch"] == pytest.approx(alpha / LAW.alpha_b, rel=0.02)


def test_the_adjusted_optimum_is_the_planted_one():
    rows = made("kaplan_frontier", adjusted=True)
    for quantity, of, near in (("n_opt", 0, 0.12), ("loss", 1, 0.003), ("steps", 2, 0.12)):
        found = points(rows, quantity)
        truth = LAW.optimum(found["x"].to_numpy(float))[of]
        np.testing.assert_allclose(found["value"].to_numpy(float), truth, rtol=near)


def test_the_power_laws_of_a_frontier_are_its_lines_and_its_budgets_are_spent():
    """L = (C_c / C)^alpha_C and N = N_1 C^a; C = 6 N D, with D = B S."""
    rows = made("kaplan_frontier", adjusted=True)
    found = parameters(rows)["value"].astype(float)
    of = {name: points(rows, name, kind="line") for name in ("loss", "n_opt")}
    at = {name: line["x"].to_numpy(float) for name, line in of.items()}
    expected = {
        "loss": (found["C_c"] / at["loss"]) ** found["alpha_C"],
        "n_opt": found["N_opt at 1 PF-day"] * at["n_opt"] ** found["a"],
    }
    for name, line in of.items():
        np.testing.assert_allclose(line["value"].to_numpy(float), expected[name], rtol=1e-9)
    best = {name: points(rows, name)["value"].to_numpy(float)
            for name in ("n_opt", "steps", "tokens", "batch")}  # fmt: skip
    spent = points(rows, "n_opt")["x"].to_numpy(float) * K.PF_DAY
    np.testing.assert_allclose(6 * best["n_opt"] * best["tokens"], spent)
    np.testing.assert_allclose(best["batch"] * best["steps"], best["tokens"])


def test_without_the_adjustment_the_exponents_are_others():
    """At a fixed batch C = 6 N B S, so that the exponents of size and steps add up to one."""
    found = parameters(made("kaplan_frontier"))["value"]
    assert found["a"] + found["exponent of steps"] == pytest.approx(1)
    assert found["exponent of steps"] > 2 * LAW.alpha_c_min / LAW.alpha_s


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """90 % intervals; of 15 studies, fewer than 10 hold the truth with a chance of 0.2 %."""
    truth = {"alpha_C": LAW.alpha_c_min, "a": LAW.alpha_c_min / LAW.alpha_n}
    held = dict.fromkeys(truth, 0)
    for seed in range(15):
        study = K.study(LAW, noise=0.003, seed=seed)
        found = parameters(made("kaplan_frontier", study, adjusted=True))
        for name, value in truth.items():
            held[name] += bool(found["lo"][name] <= value <= found["hi"][name])
    assert min(held.values()) >= 10, held


def test_the_interval_is_not_narrower_with_more_checkpoints():
    """Checkpoints of a run are not independent of each other."""
    runs, curves = K.study(LAW, noise=0.003, seed=1)
    some = curves.groupby("run_id", group_keys=False).nth(list(range(0, 24, 3)))
    many = parameters(made("kaplan_frontier", (runs, curves)))
    few = parameters(made("kaplan_frontier", (runs, some)))
    width = [float(p["hi"]["alpha_C"] - p["lo"]["alpha_C"]) for p in (many, few)]
    assert width[0] > 0.7 * width[1]


@pytest.mark.parametrize(("bend", "said"), [(0.0, False), (0.004, False), (0.03, True)])
def test_a_frontier_that_bends_is_called_no_power_law(bend, said):
    """ln y = -0.1 x - bend x^2 / 2: the local exponent runs from 0.1 to 0.1 + bend x."""
    rng = np.random.default_rng(0)
    x = np.linspace(0, 3, 10)
    noise = 1e-3 * rng.standard_normal((401, 10))
    values = np.exp(-0.1 * x - bend * x**2 / 2 + noise)
    found = Frontier(np.exp(x), values, values, np.zeros(401, int), 0.0, ())
    verdict = found.bend(values)
    if not said:
        assert verdict is None
    else:
        assert verdict.status is Status.NOT_A_POWER_LAW
        first, last = map(float, verdict.reason.split(" from ")[1].split(" to "))
        assert (first, last) == pytest.approx((0.1, 0.1 + 3 * bend), abs=0.015)


def test_an_unsure_exponent_of_the_critical_batch_widens_those_of_steps_and_batch():
    """Both are made from it; the size and the loss hardly are, where batches are small."""
    sure = parameters(made("kaplan_frontier", adjusted=True))
    unsure = K.critical_batch_rows(LAW, spread=1.5)
    wide = parameters(made("kaplan_frontier", done=unsure, adjusted=True))
    for name, factor in (("exponent of the batch", 4), ("exponent of steps", 1.05)):
        widths = [float(p["hi"][name] - p["lo"][name]) for p in (sure, wide)]
        assert widths[1] > factor * widths[0]
    assert wide["verdict"]["exponent of the batch"].startswith("not identified")


def test_a_critical_batch_used_beyond_its_losses_is_said():
    far = K.critical_batch_rows(LAW, losses=(2.5, 3.0))
    assert "B_crit(L) was measured at losses from 2.5 to 3; the fit uses it from" in str(
        parameters(made("kaplan_frontier", done=far, adjusted=True))["warnings"]["a"]
    )
    assert "B_crit" not in str(parameters(made("kaplan_frontier", adjusted=True))["warnings"]["a"])


def test_the_law_of_size_and_steps_is_found():
    found = parameters(made("size_and_steps", adjusted=True))["value"]
    for name, truth in (("alpha_N", LAW.alpha_n), ("alpha_S", LAW.alpha_s), ("Nc", LAW.n_c),
                        ("Sc", LAW.s_c), ("alpha_C predicted", LAW.alpha_c_min),
                        ("a predicted", LAW.alpha_c_min / LAW.alpha_n)):  # fmt: skip
        assert found[name] == pytest.approx(truth, rel=0.01), name


@pytest.mark.parametrize("cut", [G.STEPS, G.COMPUTE])
def test_the_lines_of_the_valleys_go_through_the_planted_losses(cut):
    rows = made("size_and_steps", adjusted=True)
    groups = [Group.read(text) for text in rows["group"].dropna().unique()]
    levels = {float(group[cut]): group for group in groups if cut in group}
    assert len(levels) == 5
    for level, group in levels.items():
        line = points(rows, "loss", str(group), "line")
        size = line["x"].to_numpy(float)
        steps = level if cut == G.STEPS else level * K.PF_DAY / (6 * size * 256)
        truth = LAW.loss(size, steps, 256.0)
        np.testing.assert_allclose(line["value"].to_numpy(float), truth, rtol=2e-3)


def test_steps_to_a_loss_are_those_of_the_planted_law():
    found = points(made("loss_reached", adjusted=True, levels=[2.3]), "steps", "loss=2.3")
    of_size = (LAW.n_c / found["x"].to_numpy(float)) ** LAW.alpha_n
    truth = LAW.s_c * (2.3 - of_size) ** (-1 / LAW.alpha_s)
    np.testing.assert_allclose(found["value"].to_numpy(float), truth, rtol=0.01)


def test_least_steps_are_told_only_where_the_critical_batch_was_measured():
    """Elsewhere B_crit(L) = B_star / L**(1 / alpha_B) is a guess that grows with a high power."""
    near = K.critical_batch_rows(LAW, losses=(2.3, 2.7))
    asked = {"adjusted": True, "levels": [2.6, 2.4, 2.2, 2.0]}
    for done, expected in ((near, ["2.6", "2.4"]), (CRITICAL, ["2.6", "2.4", "2.2", "2"])):
        groups = made("loss_reached", done=done, **asked)["group"].dropna().unique()
        assert [group.removeprefix("loss=") for group in groups] == expected
    found = parameters(made("size_and_steps", done=near, adjusted=True, first_step=100))
    assert found["value"]["alpha_S"] == pytest.approx(LAW.alpha_s, rel=0.05)
    assert "where it was measured (losses from 2.3 to 2.7)" in found["warnings"]["alpha_S"]
    nowhere = K.critical_batch_rows(LAW, losses=(9.0, 9.5))
    with pytest.raises(UserError, match=r"where B_crit.L. was measured .losses from 9 to 9\.5"):
        made("size_and_steps", done=nowhere, adjusted=True)


def test_a_loss_that_a_size_never_reached_has_no_row():
    found = points(made("loss_reached", levels=[2.0]), "tokens")
    sizes = 24 * np.array(K.WIDTHS) ** 2
    reached = sizes[LAW.loss(sizes, 0.8 * K.TOKENS[-1] / 256, 256.0) <= 2.0]
    assert list(found["x"]) == list(reached) and 0 < len(reached) < len(sizes)


def test_losses_that_no_size_reached_are_an_error_and_not_an_empty_table():
    with pytest.raises(UserError, match=r"there is no loss that a size reached$"):
        made("loss_reached", levels=[0.5])
    near = K.critical_batch_rows(LAW, losses=(2.3, 2.7))
    with pytest.raises(UserError, match=r"where B_crit.L. was measured .losses from 2.3 to 2.7.$"):
        made("loss_reached", done=near, adjusted=True, levels=[2.0])


def test_where_curves_have_no_steps_in_common_it_is_said():
    """Of four of seven sizes only the last point is left, which the others have passed."""
    runs, curves = STUDY
    longest = (runs["n_tokens"] == runs["n_tokens"].max()) & (runs["width"] < 40)
    rows = made(
        "size_and_steps", (runs[~longest], curves), first_step=int(0.8 * K.TOKENS[-2] // 256)
    )
    said = some(rows, "loss", verdict="not made: the curves of 4 sizes have no steps in common")
    assert len(said) == 1 and said["value"].isna().all()
    assert not any("steps" in Group.read(text) for text in rows["group"].dropna().unique())


def test_the_excess_over_the_cheapest_size_follows_appendix_b():
    """Eqs. B.16 and B.17, for C_min at equal loss.

    The cheapest size is the bottom of a parabola, which is not quite symmetric in truth.
    """
    rows = made("loss_reached", adjusted=True, levels=[2.3])
    compute, steps = points(rows, "excess compute"), points(rows, "excess steps")
    ratio = compute["x"].to_numpy(float)
    bracket = 1 + LAW.alpha_s / LAW.alpha_n * (1 - ratio**-LAW.alpha_n)
    near = (ratio > 0.4) & (ratio < 6)
    assert near.sum() == 4
    truth = bracket[near] ** (-1 / LAW.alpha_s)
    np.testing.assert_allclose(steps["value"].to_numpy(float)[near], truth, rtol=0.1)
    found = compute["value"].to_numpy(float)[near]
    np.testing.assert_allclose(found, ratio[near] * truth, rtol=0.1)


@pytest.mark.parametrize(("verdict", "said"), [
    (None, "no critical batch was measured before"),
    ("not identified: two sizes disagree", "the critical batch is not identified: two sizes"),
])  # fmt: skip
def test_without_a_critical_batch_nothing_is_adjusted(verdict, said):
    done = K.NOTHING_DONE if verdict is None else K.critical_batch_rows(LAW, 1.0, verdict)
    for do in ("kaplan_frontier", "size_and_steps", "loss_reached"):
        with pytest.raises(UserError, match=said):
            made(do, done=done, adjusted=True)


def test_a_critical_batch_that_is_known_at_some_loss_is_enough_and_its_exponent_is_not_claimed():
    done = K.critical_batch_rows(LAW, verdict="not identified: a short range of losses")
    assert len(points(made("kaplan_frontier", done=done, adjusted=True), "n_opt"))
    predicted = parameters(made("size_and_steps", done=done, adjusted=True)).loc["a predicted"]
    assert predicted["verdict"] == "not identified: a short range of losses"


def test_three_sizes_are_too_few():
    runs, curves = STUDY
    few = runs[runs["width"] < 24], curves
    for do, along in (("kaplan_frontier", "curves"), ("kaplan_frontier", "runs")):
        with pytest.raises(UserError, match=r"four sizes with .* are needed; 3 sizes had one"):
            made(do, few, along=along)


def test_a_grid_whose_best_size_is_always_the_largest_has_no_frontier():
    hungry = K.Planted(alpha_n=0.3, alpha_s=0.02)
    with pytest.raises(UserError, match="at too few budgets"):
        made("kaplan_frontier", K.study(hungry))


def test_only_the_runs_that_are_asked_for_are_fitted():
    rows = made("size_laws", where={"n_tokens": [460_800], "width": [8, 16, 40]})
    found = points(rows, "loss")
    assert list(found["x"]) == [24 * width**2 for width in (8, 16, 40)]
    assert all("d460800" in run_id for run_id in found["runs"])
    with pytest.raises(UserError, match=r"no column 'n_token' .*did you mean 'n_tokens'"):
        made("size_laws", where={"n_token": [1]})


def test_depths_are_compared_at_equal_tokens():
    runs, curves = STUDY
    deep = runs[(runs["n_tokens"] == 829_440) & (runs["width"] == 16)]
    deep = deep.assign(n_layer=4, run_id="deep", n_params_non_embedding=48 * 16**2)
    rows = made("size_laws", (pd.concat([runs, deep]), curves), keep="depths")
    found = points(rows, "loss")
    assert dict(found["group"].value_counts()) == {"n_layer=2": len(K.WIDTHS), "n_layer=4": 1}
    assert all(run_id == "deep" or "d829440" in run_id for run_id in found["runs"])


def test_diverged_runs_are_left_out():
    runs, curves = STUDY
    worse = runs.copy()
    worse.loc[worse.index[-1], ["status", "loss"]] = ["diverged", np.nan]
    rows = made("size_laws", (worse, curves), keep="longest")
    assert len(points(rows, "loss")) == len(K.WIDTHS) - 1


def test_a_study_makes_them_in_the_order_of_the_config():
    specs = [KaplanFrontier(do="kaplan_frontier", name="naive", sweeps=["grid"]),
             KaplanFrontier(do="kaplan_frontier", name="min", sweeps=["grid"], adjusted=True),
             Crossing(do="crossing", name="cross", sweeps=["grid"])]  # fmt: skip
    table = analyse_study("s", specs, *STUDY)
    assert list(table["analysis"].unique()) == ["naive", "min", "cross"]
    of_min = table[table["analysis"] == "min"]
    assert len(of_min) == 1 and "no critical batch" in of_min["verdict"].iloc[0]
    pd.testing.assert_frame_equal(table, analyse_study("s", specs, *STUDY))


def test_least_steps_end_where_they_would_fall_with_the_loss():
    """B_crit / B = L^-10: S_min = S / (1 + L^-10) is 10 / 2, then 12 / (1 + 0.9^-10), ..."""
    loss = np.array([1.0, 0.9, 0.7])
    steps = np.array([10.0, 40.0, 80.0])
    curve = SizeCurve(1e4, 256.0, steps, 256 * steps, steps, loss, ("a",))
    least = adjusted(curve, lambda at: 256 * at**-10.0)
    expected = steps / (1 + loss**-10.0)
    assert expected[2] < expected[1] > expected[0]
    np.testing.assert_allclose(least.steps, [*expected[:2], np.nan])
    assert np.isfinite(least.tokens).all() and np.isfinite(least.compute).all()
    assert np.isnan(least.needed("steps", 0.75)) and np.isfinite(least.needed("tokens", 0.75))
