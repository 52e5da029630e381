"""Published forecasts of large runs from small ones, made again from the same rows."""

import numpy as np
import pytest

from isoloss.fit import fit_law

OVERTRAINED = {"n_params": "N", "n_tokens": "D", "loss": "loss_c4_val"}
LADDER = {"n_params": "N", "n_tokens": "D_tokens", "loss": "c4_loss_ma5"}


def test_five_small_runs_forecast_overtrained_ones_as_published(shared):
    """Gadre et al. (2024, arXiv:2403.08540): the table of released models, trained on RedPajama.

    Their law in N and M = D / N has one exponent (scaling/laws.py, powlaw_ours): ours with alpha
    tied to beta. Fitted are four sizes at M = 20 and the smallest at M = 320, by least squares of
    the loss itself; relative errors on C4's validation set are .7103 % (1.4B, M = 640) and
    .7320 % (6.9B, M = 20).
    """
    table = shared("mlfoundations-scaling/overtraining_104_models.csv")
    table = table[table["train_dataset"] == "rpj"]
    ratio = (20 * table["multiplier"]).round()
    size = table["N"]
    small = ((ratio == 20) & (size < 1e9)) | ((ratio == 320) & (size < 2e7))
    assert small.sum() == 5
    found = fit_law(
        table[small][list(OVERTRAINED.values())],
        "chinchilla",
        columns=OVERTRAINED,
        objective="lsq_raw",
        tied=[("alpha", "beta")],
        draws=0,
    )
    errors = {}
    for name, row in {
        "1.4B": table[(size > 1e9) & (size < 2e9) & (ratio == 640)].iloc[0],
        "6.9B": table[(size > 6e9) & (ratio == 20)].iloc[0],
    }.items():
        at = {"n_params": [row["N"]], "n_tokens": [row["D"]]}
        forecast = found.predict(at, interval=False)["loss"].iloc[0]
        errors[name] = 100 * abs(forecast / row["loss_c4_val"] - 1)
    assert errors == pytest.approx({"1.4B": 0.7103, "6.9B": 0.7320}, abs=6e-5)


@pytest.fixture(scope="module")
def ladder(shared):
    return fit_law(
        shared("olmo-ladder/ladder_c4_final.csv"), "chinchilla", columns=LADDER, draws=300
    )


def test_the_ladder_is_fitted_as_published(ladder, shared):
    """OLMo ladder, figures/step1_c4_main.csv: mean relative error of the 16 runs, .00247307."""
    published = shared("olmo-ladder/step1_c4_main.csv").iloc[0]
    errors = np.abs(np.expm1(ladder.problem.residuals(ladder.theta)[0]))
    assert errors.mean() == pytest.approx(published["Fit Error"], rel=1e-5)


def test_the_ladders_stored_forecast_is_that_of_13b_on_5t_tokens(ladder, shared):
    """Stored: loss 2.4379, forecast 2.3444, off by -3.83 %.

    Two models are forecast (configs/final.json), and step1.py keeps the last one's numbers: 13B on
    5T tokens. Of 7B on 4T this fit says 2.434. Neither is known: the floor may be zero, and the
    interval of the larger one's loss is wider than the error.
    """
    published = shared("olmo-ladder/step1_c4_main.csv").iloc[0]
    assert published["Rel Error"] == pytest.approx(-0.0383, abs=1e-4)
    at = {"n_params": [6_887_575_552, 13_202_396_160], "n_tokens": [3.945e12, 5.0e12]}
    seven, thirteen = ladder.predict(at).to_dict("records")
    assert thirteen["loss"] == pytest.approx(published["Pred"], rel=2e-4)
    assert seven["loss"] == pytest.approx(2.4337, abs=2e-4)
    assert thirteen["hi"] - thirteen["lo"] > abs(published["Actual"] - published["Pred"])
    assert ladder.verdict.startswith("not identified: E is zero in ")
