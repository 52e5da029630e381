"""A prediction: of a run that is not there yet, with the interval of one run."""

import numpy as np
import pytest

from isoloss.config.load import parse
from isoloss.config.study import Fit
from isoloss.fit.api import fit_law
from isoloss.forecast.new_run import of_new_run
from isoloss.forecast.prediction import laws_of, predict
from isoloss.tables.schema import RUN_COLUMNS, typed
from isoloss.tasks import cost_of, task

SIZES, TOKENS = [1e4, 3e4, 1e5, 3e5], [1e6, 3e6, 1e7]
LARGEST = {"n_params": 1e6, "n_tokens": 3e7}
FIT = Fit(name="law", law="kaplan_nd",
          variables={"n_params": "n_params", "n_tokens": "n_tokens", "loss": "loss"})  # fmt: skip


def planted(n_params, n_tokens):
    return ((6e13 / n_params) ** (0.08 / 0.1) + 2e13 / n_tokens) ** 0.1


def table(seed, noise_sd):
    n, d = (a.ravel() for a in np.meshgrid(SIZES, TOKENS))
    noise = np.exp(np.random.default_rng(seed).normal(0, noise_sd, n.size))
    return {"n_params": n, "n_tokens": d, "loss": planted(n, d) * noise}


def logs(at):
    return {name: np.log([value]) for name, value in at.items()}


def test_a_prediction_from_exact_losses_is_the_planted_loss():
    result = fit_law(table(0, 0.0), "kaplan_nd", draws=20)
    (loss,), (lo,), (hi,) = of_new_run(result, logs(LARGEST))
    assert loss == pytest.approx(planted(**LARGEST), rel=1e-6)
    assert lo <= hi


def test_nine_in_ten_new_runs_lie_inside_the_interval():
    """The law's interval alone would hold fewer: a new run has noise of its own."""
    noise_sd, x, at = 0.01, np.geomspace(1e3, 1e5, 10), {"x": 1e6}
    inside, inside_the_law = [], []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        loss = 5 * x**-0.1 * np.exp(rng.normal(0, noise_sd, x.size))
        result = fit_law({"x": x, "loss": loss}, "power_law", x="x", draws=300)
        measured = 5 * at["x"] ** -0.1 * np.exp(rng.normal(0, noise_sd))
        _, (lo,), (hi,) = of_new_run(result, logs(at))
        inside.append(lo <= measured <= hi)
        law = result.predict({"x": [at["x"]]}).iloc[0]
        inside_the_law.append(law["lo"] <= measured <= law["hi"])
    assert 0.83 <= np.mean(inside) <= 0.97  # 90 %, give or take 2.6 standard errors
    assert np.mean(inside_the_law) < np.mean(inside)


def test_each_law_is_fitted_to_the_runs_that_its_where_keeps():
    columns = table(0, 0.01)
    rows = [
        {"run_id": f"r{i}", "status": "done", "n_layer": 1 + i % 2, "compute_flops": float(i + 1)}
        | {"n_params": int(n), "n_tokens": int(d), "loss": float(loss)}
        for i, (n, d, loss) in enumerate(zip(*columns.values(), strict=True))
    ]
    even = FIT.model_copy(update={"name": "even", "where": {"n_layer": [2]}})
    every, some = predict([FIT, even], typed(rows, RUN_COLUMNS), LARGEST)
    assert every["n_runs"] == 12
    assert some["runs"].split() == [f"r{i}" for i in range(1, 12, 2)]


def test_the_average_predicts_with_what_each_law_said_and_its_weight():
    """Kaplan's law is planted; Hoffmann's cannot follow it, and says more than was measured."""
    columns = table(0, 0.001)
    rows = [
        {"run_id": f"r{i}", "status": "done", "compute_flops": float(i + 1)}
        | {"n_params": int(n), "n_tokens": int(d), "loss": float(loss)}
        for i, (n, d, loss) in enumerate(zip(*columns.values(), strict=True))
    ]
    best = FIT.model_copy(update={"law": "best"})
    (said,) = predict([best], typed(rows, RUN_COLUMNS), LARGEST)
    assert said["law"] == "best"
    assert said["lo"] < planted(**LARGEST) < said["hi"]
    for law in ("chinchilla", "kaplan_nd", "skaling"):
        assert f"{law} " in said["method"]
    assert said["method"].count("(weight ") == 3
    assert {one.name for one in laws_of(best)} == {"chinchilla", "kaplan_nd", "skaling"}


def test_a_law_that_cannot_be_fitted_predicts_nothing_and_says_why():
    rows = [{"run_id": "a", "status": "done", "n_params": 10, "n_tokens": 10, "loss": 1.0}]
    (said,) = predict([FIT], typed(rows, RUN_COLUMNS), LARGEST)
    assert "loss" not in said
    assert said["verdict"].startswith("not fitted: ")


def test_diverged_runs_are_not_fitted():
    given = table(1, 0.01)
    rows = [
        {"run_id": f"r{i}", "status": "done" if i else "diverged", "compute_flops": float(i),
         "n_params": int(given["n_params"][i]), "n_tokens": int(given["n_tokens"][i]),
         "loss": given["loss"][i] if i else None}
        for i in range(12)
    ]  # fmt: skip
    (said,) = predict([FIT], typed(rows, RUN_COLUMNS), LARGEST)
    assert said["n_runs"] == 11
    assert "r0" not in said["runs"].split()
    assert said["fitted_compute_flops"] == 11.0
    assert said["lo"] < said["law_lo"] < said["loss"] < said["law_hi"] < said["hi"]


def test_the_columns_of_a_planned_run_are_those_of_its_row():
    settings = {
        "task": {"kind": "language", "corpus": "c", "context": 64},
        "model": {"n_layer": 2, "d_model": 16, "n_head": 1, "tie_embeddings": True},
        "data": {"n_tokens": 2600},
        "training": {"peak_lr": 0.01, "schedule": "constant", "batch_size": 4},
    }
    language = task("language")
    run = parse(language.Run, settings, "run")
    columns = language.planned_columns(run, 256)
    assert columns["n_tokens"] == 2560  # whole batches
    assert columns["n_params_non_embedding"] == 12 * 2 * 16**2
    assert columns["compute_6nd_logits_flops"] == 6 * (12 * 2 * 16**2 + 256 * 16) * 2560
    assert columns["compute_flops"] == cost_of(run, 256).flops
