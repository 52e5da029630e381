"""Laws of size, and where lines cross: every truth here follows in closed form."""

import re
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from isoloss.errors import UserError
from isoloss.laws import LAWS
from isoloss.laws.base import Parameter, coefficient, exponent
from isoloss.results.quantity import Axis, Quantity
from isoloss.results.verdict import Status, Verdict
from isoloss.tables.schema import NUMBERS
from tests.exhibits.kaplan import planted as K
from tests.exhibits.kaplan.analysed import LAW, STUDY, made, parameters, points


def planted_sizes(loss):
    runs = STUDY[0].drop_duplicates("n_params_non_embedding", keep="last").copy()
    runs["loss"] = loss(runs["n_params_non_embedding"].astype(float))
    return runs, STUDY[1]


def test_the_law_that_was_planted_misses_least():
    power = made("size_laws", planted_sizes(lambda n: (8e5 / n) ** 0.11))
    line = made("size_laws", planted_sizes(lambda n: 0.25 * np.log(1e8 / n)))
    for rows, best, worst in ((power, "power_law", "logarithmic"),
                              (line, "logarithmic", "power_law")):  # fmt: skip
        for miss in ("miss", "miss of a run left out"):
            found = {law: parameters(rows, f"law={law}")["value"][miss] for law in (best, worst)}
            assert found[best] < 1e-6 < found[worst]
    assert parameters(power, "law=power_law")["value"]["alpha"] == pytest.approx(0.11)
    assert parameters(line, "law=logarithmic")["value"]["k"] == pytest.approx(0.25)


def test_a_run_left_out_is_predicted_as_by_a_fit_without_it():
    from isoloss.fit import fit_law

    rng = np.random.default_rng(3)
    study = planted_sizes(lambda n: (8e5 / n) ** 0.11 * np.exp(0.01 * rng.standard_normal(len(n))))
    found = parameters(made("size_laws", study, laws=["logarithmic"]))["value"]
    table = study[0][["n_params_non_embedding", "loss"]].astype(float).reset_index(drop=True)
    misses = []
    for i in table.index:
        law = fit_law(table.drop(i), "logarithmic", x="n_params_non_embedding", y="loss", draws=0)
        at = law.predict({"x": table["n_params_non_embedding"][[i]]}, False)["loss"][0]
        misses.append(np.log(table["loss"][i] / at))
    truth = float(np.sqrt(np.mean(np.square(misses))))
    assert found["miss of a run left out"] == pytest.approx(truth, rel=0.02)


@pytest.mark.parametrize("name", [name for name, law in LAWS.items() if len(law.variables) == 1])
def test_every_parameter_of_a_law_of_one_variable_is_a_quantity(name):
    law = LAWS[name]
    for parameter in (*law.names, *law.derived(dict.fromkeys(law.names, 0.5))):
        assert str(Quantity.read(parameter)) == parameter


def test_the_longest_runs_are_those_that_most_sizes_have():
    runs, curves = STUDY
    sizes = sorted(runs["n_params_non_embedding"].unique())
    alone = runs[runs["n_params_non_embedding"] == sizes[0]].iloc[[-1]].copy()
    alone[["run_id", "n_tokens"]] = ["alone", 10 * runs["n_tokens"].max()]
    staircase = pd.concat([runs, alone], ignore_index=True)
    found = points(made("size_laws", (staircase, curves), keep="longest"), "loss")
    assert sorted(found["x"]) == sizes
    assert "alone" not in " ".join(found["runs"])


def test_any_number_of_a_run_may_be_the_variable():
    assert all(str(Axis.read(name)) == name for name in NUMBERS)
    assert set(made("size_laws", x="steps", laws=["power_law"])["x_quantity"].dropna()) == {"steps"}


def own_law(**methods):
    """Of a parameter that no law of the package has."""
    parameters = (
        coefficient("scale", "loss", "loss at x = 1"),
        Parameter("gamma", "1 / x", "where the fall ends", log=True, lower=1e-40),
        exponent("c", "how fast loss falls with x"),
    )
    kind = type("Mine", (type(LAWS["m3"]),), methods)
    given = {f.name: getattr(LAWS["m3"], f.name) for f in fields(LAWS["m3"])}
    return kind(**given | {"name": "mine", "parameters": parameters, "linear": ("scale",)})


def test_the_parameters_of_a_law_of_ones_own_are_quantities(monkeypatch):
    monkeypatch.setitem(LAWS, "mine", own_law())
    rows = made("size_laws", laws=["mine"])
    assert {"scale", "gamma", "c"} <= set(rows["quantity"])
    assert Quantity.read("scale").unit == "loss"
    assert Quantity.read("scale").meaning == "Loss at x = 1."


def test_what_a_law_of_ones_own_derives_must_be_a_quantity(monkeypatch):
    mine = own_law(derived=lambda self, params: {"half": params["scale"] / 2})
    monkeypatch.setitem(LAWS, "mine", mine)
    with pytest.raises(UserError, match=r"mine: 'half' is no Quantity.*must name what the law"):
        made("size_laws", laws=["mine"])


def test_the_two_lines_meet_where_their_equations_do():
    rows = made("crossing")
    found = parameters(rows)["value"]
    lines = {g: points(rows, "loss", g, "line") for g in ("L(C)", "L(D(C))")}
    at = np.log(float(found["C*"]))
    for line in lines.values():
        x, y = np.log(line["x"].to_numpy(float)), np.log(line["value"].to_numpy(float))
        assert np.exp(np.interp(at, x, y)) == pytest.approx(float(found["L*"]), rel=1e-6)
    assert 6 * found["N*"] * found["D*"] / K.PF_DAY == pytest.approx(float(found["C*"]))
    assert found["alpha_C"] > found["alpha_D (1 - a)"]
    of_data = made("size_laws", x="n_tokens", keep="largest", laws=["kaplan_d"])
    alpha_d = parameters(of_data, "law=kaplan_d")["value"]["alpha"]
    a = parameters(made("kaplan_frontier", along="runs"))["value"]["a"]
    assert found["alpha_D (1 - a)"] == pytest.approx(alpha_d * (1 - a))


@pytest.mark.parametrize(("seed", "reason"), [
    (2, r"C\* may be anything from .* to .*"),
    (3, r"in \d+% of the draws the lines do not meet"),
])  # fmt: skip
def test_what_follows_from_where_the_lines_meet_is_judged_as_the_compute_is(seed, reason):
    found = parameters(made("crossing", K.study(LAW, noise=0.003, seed=seed)))
    for name in ("C*", "N*", "D*", "L*"):
        verdict = Verdict.read(found["verdict"][name])
        assert verdict.status is Status.NOT_IDENTIFIED
        assert re.fullmatch(reason, verdict.reason)
