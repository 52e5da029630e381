"""Fits of published tables against what was published about them (docs: sources in each test)."""

import numpy as np
import pytest

from isoloss.fit import fit_law
from isoloss.fit.influence import influential_sets
from isoloss.fit.objective import influence
from isoloss.laws import LAWS

GEMSTONES = {"n_params": "params_active_precise", "n_tokens": "tokens", "loss": "final_loss"}


def values(result):
    return {name: e.value for name, e in result.params.items()}


def test_epoch_240_rows_with_huber_give_the_notebooks_objective(epoch):
    """Cell 18 of epoch-research/analyzing-chinchilla @ 92258837425e."""
    result = fit_law(epoch, "chinchilla", draws=0)
    assert result.objective_value == pytest.approx(1.0182740e-3, rel=1e-6)
    expected = {"A": 477.84, "B": 2143.86, "E": 1.817236, "alpha": 0.347313, "beta": 0.367183}
    assert values(result) == pytest.approx(expected, rel=3e-4)
    assert result.certificate.n_agree == result.certificate.n_starts
    assert result.certificate.converged


def test_epoch_240_rows_with_absolute_deviations_give_the_published_constants(epoch):
    """Besiroglu et al. (2024), arXiv:2404.10102: what they print is this optimum."""
    result = fit_law(epoch, "chinchilla", objective="lad", draws=0)
    published = {"A": 482.01, "B": 2085.43, "E": 1.8172, "alpha": 0.3478, "beta": 0.3658}
    assert values(result) == pytest.approx(published, rel=5e-4)


def test_epoch_intervals_are_those_published_when_rows_are_resampled(epoch):
    """Besiroglu et al. (2024): 95 % intervals, and a = .513 with a standard error of .02."""
    result = fit_law(epoch, "chinchilla", level=0.95, method="cluster", draws=2000)
    published = {
        "A": (285, 744),
        "B": (1042, 5810),
        "E": (1.769, 1.871),
        "alpha": (0.317, 0.373),
        "beta": (0.331, 0.415),
    }
    for name, (lo, hi) in published.items():
        found = result.params[name]
        assert (found.lo, found.hi) == pytest.approx((lo, hi), abs=0.15 * (hi - lo)), name
    assert result.derived["a"].value == pytest.approx(0.513, abs=0.002)
    assert result.derived["a"].se == pytest.approx(0.02, abs=0.004)


def test_five_rows_of_epoch_move_beta_by_more_than_two_standard_errors(shared):
    table = shared("epoch-chinchilla/svg_extracted_data.csv")
    result = fit_law(table, "chinchilla", draws=0)
    expected = {"A": 495.7, "B": 12846, "E": 1.8913, "alpha": 0.3493, "beta": 0.4530}
    assert values(result) == pytest.approx(expected, rel=1e-3)


def test_hoffmanns_constants_are_no_minimum_of_epochs_rows(epoch):
    """Rounding them, as the paper prints them, more than triples the objective."""
    n, compute = epoch["Model Size"].to_numpy(), epoch["Training FLOP"].to_numpy()

    def objective(params):
        model = LAWS["chinchilla"](params, n_params=n, n_tokens=compute / (6 * n))
        return influence(np.log(model) - np.log(epoch["loss"]), 1e-3)[0].sum() * 1e-3

    tex = {
        "A": np.exp(6.0073404),
        "B": np.exp(6.0179186),
        "E": np.exp(0.5267228),
        "alpha": 0.33917084,
        "beta": 0.2849083,
    }
    printed = {"A": 406.4, "B": 410.7, "E": 1.69, "alpha": 0.34, "beta": 0.28}
    assert objective(tex) == pytest.approx(1.23116e-3, rel=1e-5)
    assert objective(printed) == pytest.approx(4.12101e-3, rel=1e-5)


@pytest.mark.parametrize(
    ("end", "expected", "objective"),
    [
        (
            "hot",
            {
                "alpha": 0.2928687,
                "beta": 0.7128722,
                "A": np.exp(5.36134),
                "B": np.exp(15.41599),
                "E": np.exp(0.7622637),
            },
            0.0019816129,
        ),
        ("cool_end", {"alpha": 0.3002728, "beta": 0.5802411}, 0.0019640865),
    ],
)
def test_gemstones_fits_are_those_stored_with_the_code(shared, end, expected, objective):
    """mcleish7/gemstone-scaling-laws @ 5f420478f605: parameters_*/, delta 1e-3."""
    table = shared(f"gemstones/wandb_df_for_fitting_{end}.jsonl")
    result = fit_law(table, "chinchilla", columns=GEMSTONES, draws=0)
    assert result.objective_value == pytest.approx(objective, rel=1e-5)
    assert {name: values(result)[name] for name in expected} == pytest.approx(expected, rel=5e-3)


def test_gemstones_stored_fit_with_delta_1e_4_is_no_minimum(shared):
    """The stored objective is 2.0594e-4, at beta = .690."""
    table = shared("gemstones/wandb_df_for_fitting_cool_end.jsonl")
    result = fit_law(table, "chinchilla", columns=GEMSTONES, delta=1e-4, draws=0)
    assert result.objective_value < 2.0479e-4
    assert values(result)["beta"] == pytest.approx(0.586, abs=0.004)


def test_the_five_rows_of_epoch_are_found_as_a_set(shared):
    """Without them beta is .367, far beyond its standard error."""
    table = shared("epoch-chinchilla/svg_extracted_data.csv")
    highest = sorted(table["loss"].nlargest(5).index + 1)
    sets = influential_sets(fit_law(table, "chinchilla")).set_index("parameter")
    assert sets.loc["beta", "left_out"] == highest
    assert sets.loc["beta", "value_without"] == pytest.approx(0.3672, abs=1e-3)
    assert sets.loc["beta", "shift"] < -3


def test_no_rows_stand_out_among_the_240(epoch):
    assert len(influential_sets(fit_law(epoch, "chinchilla"))) == 0


def test_repetitions_of_datablations_are_not_identified(shared):
    """Stored in huggingface/datablations @ 13701315b163: R_D* 15.39, R_N* 5.31, at .0158259."""
    table = shared("datablations/datablations_182_fit_points.csv")
    held = {
        "A": np.exp(6.255414),
        "B": np.exp(7.3049974),
        "E": np.exp(0.6254804),
        "alpha": 0.3526596,
        "beta": 0.3526596,
    }
    result = fit_law(
        table,
        "data_constrained",
        fixed=held,
        columns={"n_unique_tokens": "U"},
        method="cluster",
        draws=100,
    )
    assert result.objective_value < 0.0158048
    assert result.verdict.startswith("not identified: R_D may be anything from ")
    assert result.params["R_D"].lo < 15.387756 < result.params["R_D"].hi
