"""A law of the columns that a user names."""

import numpy as np
import pytest

from isoloss.cli.main import main
from isoloss.errors import UserError
from isoloss.fit import fit_law, load_fit
from isoloss.laws import LAWS, law

RNG = np.random.default_rng(0)
AT = {
    "n_params": 10 ** RNG.uniform(6, 9, 60),
    "n_tokens": 10 ** RNG.uniform(8, 11, 60),
    "batch": 10 ** RNG.uniform(1, 4, 60),
}
TRUE = {"n_params": (300.0, 0.3), "n_tokens": (800.0, 0.33), "batch": (2.0, 0.4)}


def loss(names, noise=0.0):
    exact = 1.7 + sum(TRUE[x][0] / AT[x] ** TRUE[x][1] for x in names)
    return exact * np.exp(noise * np.random.default_rng(1).standard_normal(60))


def test_each_named_column_has_a_power_law_that_comes_back(tmp_path):
    own = "powers:n_params, n_tokens,batch"
    result = fit_law({**AT, "loss": loss(TRUE)}, own, draws=0)
    for name, (factor, power) in TRUE.items():
        assert result.values[f"A_{name}"] == pytest.approx(factor, rel=1e-5)
        assert result.values[f"alpha_{name}"] == pytest.approx(power, rel=1e-5)
    assert result.values["E"] == pytest.approx(1.7, rel=1e-5)
    result.save(tmp_path / "fit.json")
    assert load_fit(tmp_path / "fit.json").values == result.values


def test_it_is_hoffmanns_sum_where_n_and_d_are_named_and_has_its_optimum():
    table = {**AT, "loss": loss(("n_params", "n_tokens"), 0.003)}
    own = fit_law(table, "powers:n_params,n_tokens", draws=0)
    known = fit_law(table, "chinchilla", draws=0)
    assert own.objective_value == pytest.approx(known.objective_value, rel=1e-9)
    one, other = (result.optimum([1e20])["n_params"][0] for result in (own, known))
    assert one == pytest.approx(other, rel=1e-4)


def test_four_columns_start_from_few_places():
    found = law("powers:n_params,n_tokens,batch,width").shapes(dict.fromkeys(AT, np.ones(3)), None)
    assert len(found) == 81


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("powers", r"must be powers:COLUMN,COLUMN,..., got 'powers'"),
        ("powers:a,,b", r"must be powers:COLUMN"),
        ("powers:a,b,a", r"powers: column 'a' is named twice"),
        ("powers:a,loss", r"powers: the loss is what the law gives"),
        ("powers:a,b,c,d,e,f,g", r"powers: at most 6 columns, got 7"),
        ("power", r"there is no law 'power'.*powers:COLUMN,COLUMN"),
    ],
)
def test_names_that_make_no_law_say_why(name, text):
    with pytest.raises(UserError, match=text):
        law(name)


def test_the_command_line_takes_it_and_says_when_it_has_no_optimum(tmp_path, capsys):
    path = tmp_path / "runs.csv"
    rows = np.column_stack([*AT.values(), loss(TRUE, 0.003)])
    np.savetxt(path, rows, delimiter=",", header="N,D,bsz,loss", comments="")
    assert main(["fit", str(path), "--law", "powers:N,D,bsz", "--draws", "100"]) == 0
    printed = capsys.readouterr().out
    assert "alpha_bsz" in printed
    assert "verdict: identified" in printed
    law_of_three = "powers:n_params,n_tokens,batch"
    assert main(["optimal", str(path), "--law", law_of_three, "--compute", "1e20"]) == 2
    assert f"--law: {law_of_three} also depends on batch" in capsys.readouterr().err
    assert main(["fit", str(path), "--law", "powers:N,width"]) == 2
    assert "no column for width was recognised" in capsys.readouterr().err


def test_it_is_no_law_of_the_ranking():
    assert not any(name.startswith("powers") for name in LAWS)
