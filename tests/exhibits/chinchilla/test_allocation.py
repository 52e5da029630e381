"""Compute-optimal allocation: planted laws and published numbers found, noise counted."""

import functools
from dataclasses import replace

import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy.optimize import minimize_scalar

from isoloss.config.study import Analysis, Fit
from isoloss.exhibits.chinchilla.allocation import moved, slope_row
from isoloss.exhibits.chinchilla.approaches import agreement, law_rows
from isoloss.exhibits.chinchilla.by_envelope import envelope, first_approach, handovers, smoothed
from isoloss.exhibits.chinchilla.by_law import optima, third_approach
from isoloss.exhibits.chinchilla.by_valleys import second_approach, valleys
from isoloss.exhibits.chinchilla.design import COUNTS, Design, design_of
from isoloss.exhibits.chinchilla.noise import draw_noise
from isoloss.fit.study import fit_study
from isoloss.laws import CHINCHILLA
from isoloss.laws import published as P
from isoloss.results import Q
from isoloss.results.group import Group
from isoloss.runs.select import finished_in
from tests.exhibits import planted as truth
from tests.exhibits.made import analyse_study
from tests.rows import one

A = truth.BETA / (truth.ALPHA + truth.BETA)


@functools.cache
def grid(seed=0, noise=truth.NOISE):
    return design_of(*truth.grid_tables(seed, noise), ["grid"], "a test", first_step=100)


@functools.cache
def planted(seed=0, noise=truth.NOISE, draws=60):
    return grid(seed, noise), draw_noise(grid(seed, noise), draws)


def three(design, draws, count="embeddings"):
    return {
        1: first_approach(design, draws, count, "a test"),
        2: second_approach(design, draws, count, "a test", 9, 3.0)[0],
        3: third_approach(design, draws, count, "a test")[0],
    }


def analysed(kind, runs, curves, **settings):
    spec = TypeAdapter(list[Analysis]).validate_python(
        [{"do": kind, "name": "it", "sweeps": ["grid"], "draws": 30} | settings]
    )
    return analyse_study("s", spec, runs, curves)


@functools.cache
def of_the_grid(kind):
    """The rows of an analysis of the planted grid with its noise."""
    return analysed(kind, *truth.grid_tables(0))


def of_another_law():
    """Runs by Kaplan et al.'s joint law: sizes differ little on few tokens, and more on many."""
    runs, _ = truth.grid_tables(0)
    n, d = (runs[name].to_numpy(float) for name in ("n_params", "n_tokens"))
    noise = np.exp(1e-3 * np.random.default_rng(0).standard_normal(len(n)))
    return runs.assign(loss=((2e5 / n) ** 0.7 + 2e6 / d) ** 0.2 * noise)


@functools.cache
def approaches_of_another_law():
    return analysed("approaches", of_another_law(), truth.grid_tables(0)[1])


def exact_a(count, low=1e10, high=1e12):
    """The exponent of the planted law's optimum between two budgets, by minimising it directly."""
    design = planted()[0]
    log_n, log_k = design.log_n[count], design.log_k[count]
    total = design.log_n["embeddings"]

    def best(compute):
        def loss(x):
            k = np.polyval(np.polyfit(log_n, log_k, 5), x)
            n = np.polyval(np.polyfit(log_n, total, 5), x)
            return truth.loss_of(np.exp(n), compute / np.exp(k))

        return minimize_scalar(loss, bounds=(log_n[0], log_n[-1]), method="bounded").x

    return (best(high) - best(low)) / np.log(high / low)


def test_without_noise_every_approach_finds_the_planted_exponent():
    design, _ = planted(noise=0.0)
    found = three(design, planted()[1])
    # The envelope takes the valleys for symmetric; losses between runs are of parabolas in ln D.
    for number, within in ((1, 0.015), (2, 0.008), (3, 1e-4)):
        assert found[number].a == pytest.approx(A, abs=within), number
        assert found[number].b == pytest.approx(1 - A, abs=within), number


def test_intervals_hold_the_planted_exponent_about_as_often_as_they_say():
    hits = {1: 0, 2: 0, 3: 0}
    for seed in range(10):
        for number, found in three(*planted(seed)).items():
            lo, hi = np.nanquantile(found.drawn["a"], [0.05, 0.95])
            hits[number] += lo <= A <= hi
    # Fewer than 7 of 10 happens by chance once in eighty studies.
    assert min(hits.values()) >= 7, hits


def test_the_noise_is_found_and_how_much_of_it_the_runs_of_a_size_share():
    sds, shares = zip(*((d.sd, d.shared) for d in (planted(s)[1] for s in range(10))),
                      strict=True)  # fmt: skip
    loss = np.exp(planted(noise=0.0)[0].log_loss)
    # The median over studies: one study has seven sizes, of which the polynomial takes four.
    assert np.median(sds) == pytest.approx(np.mean(truth.NOISE * (loss / 2) ** 2), rel=0.25)
    assert np.median(shares) == pytest.approx(truth.TRUNK_SHARE, abs=0.2)


def test_one_law_is_recounted_as_if_it_were_minimised_anew():
    design, draws = planted(noise=0.0)[0], planted()[1]
    law = third_approach(design, draws, "embeddings", "a test")[1]
    at = np.log([1e10, 1e12])
    for count in COUNTS:
        log_n = optima(design, law.fit.theta[None], "embeddings", count, at)[0]
        slope = (log_n[1] - log_n[0]) / np.log(100)
        assert slope == pytest.approx(exact_a(count), abs=0.004), count
    assert exact_a("kaplan") > exact_a("logits") > exact_a("embeddings")


def test_pearce_and_songs_exponents_follow_from_their_formula():
    # 2406.12907: N_T = N_E + 47491 N_E^(1/3), Besiroglu et al.'s constants, N_E 768 to 1.5e9:
    # N_E* ~ C_E^0.78, with embeddings 0.51.
    inner = np.geomspace(768, 1.5e9, 40)
    total = inner + 47_491 * inner ** (1 / 3)
    design = Design(
        size=np.zeros(0, int), log_d=np.zeros(0), log_loss=np.zeros(0), run_ids=(), curves=(),
        log_n={"kaplan": np.log(inner), "embeddings": np.log(total)},
        log_k={"kaplan": np.log(6 * inner), "embeddings": np.log(6 * total)},
    )  # fmt: skip
    constants = P.surface("besiroglu")
    theta = np.array([[np.log(constants["A"]), np.log(constants["B"]), constants["E"],
                       constants["alpha"], constants["beta"]]])  # fmt: skip
    budgets = np.linspace(np.log(1e10), np.log(1e24), 400)
    slopes = {}
    for count in ("kaplan", "embeddings"):
        log_n = optima(design, theta, "embeddings", count, budgets)[0]
        of_kaplan = optima(design, theta, "embeddings", "kaplan", budgets)[0]
        inside = (of_kaplan >= np.log(768)) & (of_kaplan <= np.log(1.5e9))
        slopes[count] = np.polyfit(budgets[inside], log_n[inside], 1)[0]
    assert slopes["kaplan"] == pytest.approx(0.78, abs=0.01)
    assert slopes["embeddings"] == pytest.approx(0.51, abs=0.01)


def test_the_optimum_of_6nd_is_the_closed_form():
    design, _ = planted()
    params = P.surface("besiroglu")
    theta = np.array([[np.log(params["A"]), np.log(params["B"]), params["E"], params["alpha"],
                       params["beta"]]])  # fmt: skip
    at = np.array([1e9, 1e11, 1e13])
    found = np.exp(optima(design, theta, "embeddings", "embeddings", np.log(at))[0])
    np.testing.assert_allclose(found, CHINCHILLA.optimum(params, at)["n_params"], rtol=2e-3)


def test_a_curve_that_ends_or_begins_is_no_change_of_the_winner():
    x = np.linspace(0, 10, 101)
    low, high = 5 - 0.1 * x, 6 - 0.3 * x  # cross at x = 5
    assert handovers(x, np.stack([low, high]))[(0, 1)] == pytest.approx(5.0)
    ends = np.where(x < 4, low, np.nan)  # over before the other crosses it
    assert handovers(x, np.stack([ends, high])) == {}
    begins = np.where(x > 6, high, np.nan)  # begins when it is the lower one already
    assert handovers(x, np.stack([low, begins])) == {}


def test_draws_of_the_envelope_are_not_given_the_measured_luck_again():
    far, near = [], []
    for seed in range(6):
        found = envelope(*planted(seed), "embeddings", "a test")
        size = np.exp(grid().log_n["embeddings"])[:, None]
        exact = np.log(truth.constant_rate_loss(size, np.exp(found.log_c) / (6 * size)))
        far.append(np.nanmean((found.log_loss - exact) ** 2))
        near.append(np.nanmean((found.drawn[0] - exact) ** 2))
    # A cubic in ln N keeps four parts in seven of it.
    assert np.mean(near) < 0.8 * np.mean(far)


def test_local_lines_keep_a_line():
    x = np.sort(np.random.default_rng(0).uniform(0, 5, 30))
    at = np.linspace(0.2, 4.8, 50)
    np.testing.assert_allclose(smoothed(x, 3 - 2 * x, at), 3 - 2 * at, rtol=1e-9)


def test_with_curves_as_sparse_as_the_laptops_the_envelope_changes_little():
    runs, curves = truth.grid_tables(0)
    dense = envelope(*planted(), "embeddings", "a test")
    octaves = np.log2(curves["step"].astype(float) / 128)
    sparse = curves[(np.abs(octaves - octaves.round()) < 0.01) | (curves["lr"] < truth.PEAK)]
    design = design_of(runs, sparse, ["grid"], "a test", first_step=100)
    less = first_approach(design, planted()[1], "embeddings", "a test")
    more = first_approach(planted()[0], planted()[1], "embeddings", "a test")
    assert less.a == pytest.approx(more.a, abs=0.02)
    assert np.isfinite(dense.log_loss).any(axis=0).all()


def test_a_valley_at_the_edge_is_reported_and_its_lowest_run_does_not_stand_in():
    runs, curves = truth.grid_tables(0, noise=0.0)
    uphill = runs.assign(loss=runs["loss"] * (runs["n_params"] / 1e4) ** 0.15)
    rows = analysed("approaches", uphill, curves)
    valleys_of = rows[
        rows["group"].str.startswith("approach=2, valley") & (rows["quantity"] == "n_opt")
    ]
    edges = valleys_of[valleys_of["verdict"] != "identified"]
    assert len(edges) and edges["value"].isna().all()
    assert set(edges["status"]) == {"edge"}


def test_too_small_a_grid_is_refused_with_what_it_lacks():
    runs, curves = truth.grid_tables(0)
    few = runs[(runs["width"] <= 16) & (runs["n_tokens"] < 500_000)]
    for kind in ("approaches", "recount", "curvature"):
        rows = analysed(kind, few, curves)
        assert len(rows) == 1
        assert rows["verdict"][0].startswith(
            "not made: 4 sizes with finished runs are needed, found 3"
        )
        assert "3 numbers of tokens" in rows["verdict"][0]


def test_diverged_runs_are_left_out():
    runs, curves = truth.grid_tables(0)
    lost = runs["run_id"].iloc[3]
    gone = runs.assign(status=runs["status"].where(runs["run_id"] != lost, "diverged"))
    design = design_of(gone, curves, ["grid"], "a test")
    assert lost not in design.run_ids and len(design.run_ids) == len(runs) - 1


def test_runs_without_curves_still_have_valleys_and_a_law():
    runs, curves = truth.grid_tables(0)
    rows = analysed("approaches", runs, curves.iloc[:0])
    a = rows[(rows["quantity"] == "a") & (rows["kind"] == "parameter")].set_index("group")
    assert "four sizes with a learning curve" in a["verdict"]["approach=1"]
    assert a["value"].isna().tolist() == [True, False, False]


def test_approaches_that_differ_are_said_to_differ():
    found = three(*planted())
    agreed = agreement(found)
    assert len(agreed) == 3 and all("no difference is seen" in row.warnings for row in agreed)
    away = replace(found[3], a=found[3].a + 0.5, paired_a=found[3].paired_a + 0.5)
    said = {str(row.group): row.warnings for row in agreement(found | {3: away})}
    assert "the two differ" in said["approach=3 - approach=2"]
    assert "no difference is seen" in said["approach=2 - approach=1"]


def test_draws_are_moved_to_what_was_measured():
    drawn = np.array([[1.0], [1.5], [0.5]])
    assert moved(drawn, np.array([3.0]))[:, 0].tolist() == [3.5, 2.5]
    assert moved(np.array([[np.nan], [2.0], [4.0]]), np.array([0.0]))[:, 0].tolist() == [-1.0, 1.0]


def test_the_recount_says_what_each_count_gives_and_what_was_predicted():
    rows = analysed("recount", *truth.grid_tables(0, noise=0.0))
    a = rows[rows["quantity"] == "a"].set_index("group")
    for count in COUNTS:
        predicted = a["value"][f"count={count}, predicted"]
        assert predicted == pytest.approx(exact_a(count), abs=0.03), count
        lo, hi = (a[end][f"count={count}, predicted"] for end in ("lo", "hi"))
        assert lo <= predicted <= hi  # of exact runs, an interval without width
        assert a["theory"][f"count={count}, approach=1"] == pytest.approx(predicted)
    assert (
        a["value"]["count=kaplan, approach=1"] > a["value"]["count=embeddings, approach=1"] + 0.05
    )
    assert a["n_runs"]["count=kaplan, predicted"] == 35


def test_every_law_of_n_and_d_gives_its_own_exponent_and_a_wrong_one_says_so():
    rows = of_the_grid("recount")
    a = rows[rows["quantity"] == "a"].set_index("group")
    for count in ("embeddings", "exact"):  # the planted law is one of all parameters
        right, wrong = (a.loc[f"count={count}, law={law}"] for law in ("skaling", "kaplan_nd"))
        assert right["lo"] < exact_a(count) < right["hi"]
        assert right["warnings"] == ""
        assert "the law misses the runs by" in wrong["warnings"]
        assert wrong["verdict"] != "identified"
        assert wrong["hi"] - wrong["lo"] > 0.2  # it counts the misfit


def test_what_counting_moves_is_known_better_than_either_exponent():
    rows = of_the_grid("recount")
    a = rows[rows["kind"] == "parameter"].set_index("group")
    moved_by = a.loc["count=kaplan - count=embeddings, predicted"]
    assert moved_by["lo"] <= exact_a("kaplan") - exact_a("embeddings") <= moved_by["hi"]
    width = a["hi"] - a["lo"]
    assert (
        width["count=kaplan - count=embeddings, predicted"] < 0.6 * width["count=kaplan, predicted"]
    )
    assert "counting moves a" in moved_by["warnings"]
    # The prediction is the law of all parameters, not the law of Kaplan's N, which is another.
    fitted = a.loc["count=kaplan, approach=3"]
    assert fitted["theory"] == a["value"]["count=kaplan, predicted"]
    assert abs(fitted["value"] - fitted["theory"]) > 0.005


def test_a_law_that_is_not_the_runs_form_is_said_to_miss_them():
    rows = of_the_grid("approaches")
    assert not rows["warnings"].fillna("").str.contains("misses").any()
    rows = approaches_of_another_law()
    said = rows[(rows["group"] == "approach=3") & (rows["quantity"] == "a")]["warnings"].iloc[0]
    assert "the form of the law is wrong here" in said


@pytest.mark.parametrize("holds", [True, False])
def test_one_law_of_the_same_runs_has_one_interval_and_one_verdict(holds):
    """In the table of fits and in the third approach, to the digits of its interval."""
    runs = truth.grid_tables(0)[0] if holds else of_another_law()
    rows = of_the_grid("approaches") if holds else approaches_of_another_law()
    columns = {name: name for name in ("n_params", "n_tokens", "loss")}
    kept = finished_in(runs, ["grid"], "loss")
    (fit,) = [Fit(name="surface", law="chinchilla", variables=columns, sweeps=["grid"])]
    fits = fit_study("s", [fit], kept)
    for name in ("a", "b", "A", "B", "alpha", "beta", "E"):
        here = one(rows[rows["group"] == "approach=3"], name)
        there = fits[fits["parameter"] == name].iloc[0]
        width = there["hi"] - there["lo"]
        for end in ("value", "lo", "hi"):
            assert here[end] == pytest.approx(there[end], abs=0.01 * width), (name, end)
        assert here["status"] == there["status"], name
        if name not in ("a", "b"):
            assert here["verdict"] == there["verdict"], name


def test_a_number_of_a_rejected_law_is_identified_only_if_the_law_holds():
    rows = approaches_of_another_law()
    third = rows[(rows["group"] == "approach=3") & rows["quantity"].isin(["a", "alpha", "beta"])]
    assert not (third["verdict"] == "identified").any()
    assert third["warnings"].str.contains("the interval counts its misfit").all()


def test_an_exponent_that_many_draws_lack_is_not_identified():
    draws = np.where(np.arange(100) < 36, np.nan, 0.5 + 1e-3 * np.arange(100))
    made = slope_row(Q.A_OPT, 0.55, draws)
    assert made.verdict.status == "not identified"
    assert made.verdict.reason.startswith("36% of the draws")
    assert slope_row(Q.A_OPT, 0.55, draws[36:]).verdict.identified


def test_the_verdict_of_a_laws_parameter_judges_the_draws_of_its_own_interval():
    """All draws but those of one parameter are narrow: no other can be called unknown."""
    design, draws = planted()
    law = third_approach(design, draws, "embeddings", "a test")[1]
    narrow = np.repeat(law.fit.theta[None], len(law.draws), axis=0)
    group = Group.of(approach=3)
    names = [parameter.name for parameter in law.fit.law.parameters]
    assert names == ["A", "B", "E", "alpha", "beta"]
    assert all(
        row.verdict.determined for row in law_rows(replace(law, draws=narrow), group, design)
    )
    for i, name in enumerate(names):
        wide = narrow.copy()
        wide[:, i] = np.where(np.arange(len(wide)) % 2, wide[:, i], wide[:, i] + 5)
        made = {str(row.quantity): row for row in law_rows(replace(law, draws=wide), group, design)}
        assert [n for n in names if not made[n].verdict.determined] == [name]
        assert made[name].verdict.reason.startswith("anything from")
        assert made[name].hi - made[name].lo > 4.9


def test_a_law_whose_draws_have_no_minimum_has_no_determined_parameter():
    design, draws = planted()
    law = third_approach(design, draws, "embeddings", "a test")[1]
    lost = law.draws.copy()
    lost[1::10] = np.nan
    rows = law_rows(replace(law, draws=lost), Group.of(approach=3), design)
    assert len(rows) == 5
    assert all(row.verdict.reason == "10% of the draws have none" for row in rows)


def test_a_straight_frontier_is_called_straight_and_a_bent_one_bent():
    rows = of_the_grid("curvature")
    bend = one(rows, "curvature of ln N*")
    assert bend["lo"] < 0 < bend["hi"] and "no bend is seen" in bend["warnings"]
    runs, curves = truth.grid_tables(0, noise=1e-5)
    middle, slope, bent = np.log(3e10), 0.5, -0.06  # of ln N* in ln C
    size = runs.set_index("run_id")["n_params"].astype(float)
    for table in (runs, curves):
        n = table["run_id"].map(size).to_numpy(float)
        c = np.log(6 * n * table["n_tokens"].to_numpy(float)) - middle
        best = np.log(12_000) + slope * c + bent * c**2
        table["loss"] = 2 * np.exp(-0.1 * c + 0.03 * (np.log(n) - best) ** 2)
    rows = analysed("curvature", runs, curves)
    bend = one(rows, "curvature of ln N*")
    assert bend["value"] == pytest.approx(bent, abs=0.015)
    assert "bends" in bend["warnings"]
    thirds = [rows["value"][(rows["group"] == f"third={i}") & (rows["quantity"] == "a")].iloc[0]
              for i in (1, 2, 3)]  # fmt: skip
    assert thirds[0] > thirds[1] > thirds[2]


def test_every_measured_number_names_runs_of_the_study():
    known = set(truth.grid_tables(0)[0]["run_id"])
    for kind in ("approaches", "recount", "curvature"):
        rows = of_the_grid(kind)
        named = rows[(rows["kind"] == "parameter") & rows["value"].notna()]["runs"]
        assert len(named) and all(text and set(text.split()) <= known for text in named), kind


def test_the_same_runs_give_the_same_rows_whatever_their_order():
    runs, curves = truth.grid_tables(0)
    mixed = runs.sample(frac=1, random_state=1), curves.sample(frac=1, random_state=2)
    assert of_the_grid("approaches").equals(analysed("approaches", *mixed))


def test_valleys_lie_where_four_sizes_have_runs_on_both_sides():
    design, draws = planted()
    between = valleys(design, draws, "embeddings", 9, 3.0)
    assert len(between) == 9
    for found in between:
        log_d = np.log(found.compute) - np.log(6 * found.n_params)
        assert np.log(min(truth.BUDGETS)) <= log_d.min() and log_d.max() <= np.log(
            max(truth.BUDGETS)
        )
