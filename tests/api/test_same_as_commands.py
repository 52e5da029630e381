"""What `isoloss.fit` answers is what the commands print: numbers, sentences and errors.

`tests/test_pages_for_users.py` has comparisons and averages of laws.
"""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import isoloss
from isoloss.cli.main import main
from isoloss.forecast import trials

FEW = ("--draws", "100", "--cluster", "none")
ONE = ("--law", "chinchilla", *FEW)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """A folder with the runs of two recipes, of which the second needs .8 of the tokens."""
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(2e8, 5e10, 6)))
    noise = np.exp(0.003 * np.random.default_rng(1).standard_normal(n.size))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("runs"))
        patch.setattr(trials, "TRIALS", 2)
        for name, share in (("adamw", 1.0), ("muon", 0.8)):
            loss = noise * (1.8 + 400 / n**0.34 + 2000 / (d / share) ** 0.37)
            made = {"Params (M)": n / 1e6, "tokens": d, "val_loss": loss, "seconds": n * d / 1e14}
            pd.DataFrame(made).to_csv(f"{name}.csv", index=False)
        pd.DataFrame({"N": [1e9, 2e9], "D": [2e10, 4e10]}).to_csv("wanted.csv", index=False)
        yield


@pytest.fixture(scope="module")
def fits(folder):
    """A fit with a law and one without."""
    runs = isoloss.read_runs("adamw.csv", cluster="none")
    return {law: isoloss.fit(runs, law=law, draws=100) for law in ("chinchilla", None)}


@pytest.fixture(scope="module")
def faster(fits):
    """The second recipe against the first, under names that HTML must escape."""
    return fits["chinchilla"].compare("muon.csv", loss=2.3, names=("<b>", "muon"))


def printed(capsys, *command):
    assert main([*command]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "law", "answer"),
    [
        (["fit", "adamw.csv", *FEW], None, lambda fit: fit),
        (["optimal", "adamw.csv", *ONE, "--compute", "1e21"], "chinchilla",
         lambda fit: fit.optimal(1e21)),
        (["predict", "adamw.csv", *ONE, "--points", "wanted.csv"], "chinchilla",
         lambda fit: fit.predict(points="wanted.csv")),
        (["predict", "adamw.csv", *ONE, "--loss", "2.2", "--budget-hours", "900",
          "--device-flops", "1e15", "--utilisation", "0.4", "--price", "2"], "chinchilla",
         lambda fit: fit.predict(loss=2.2, budget_hours=900, device_flops=1e15, utilisation=0.4,
                                 price=2)),
        (["next", "adamw.csv", *ONE, "--target", "1e21", "--budget", "900", "--cost", "seconds"],
         "chinchilla", lambda fit: fit.next(1e21, 900, cost="seconds")),
    ],
    ids=lambda value: "-".join(value[:1]) if isinstance(value, list) else "",
)  # fmt: skip
def test_an_answer_has_every_number_and_every_line_of_the_command(
    fits, capsys, command, law, answer
):
    found = answer(fits[law])
    said = json.loads(printed(capsys, *command, "--json"))
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) == said
    if command[0] == "fit":
        assert found.summary() + "\n" == printed(capsys, *command)


def test_approach_2_is_that_of_the_command_and_1_asks_for_the_runs(fits, capsys):
    command = ["optimal", "adamw.csv", *FEW, "--approach", "2", "--compute", "1e20"]
    found = fits["chinchilla"].optimal(1e20, approach=2)
    assert printed(capsys, *command) == f"{found}\n"
    assert found.table["n_tokens"].iloc[0] > 0
    with pytest.raises(isoloss.UserError, match="approach 1: cluster must name the column"):
        fits["chinchilla"].optimal(1e20, approach=1)


def test_tables_hold_the_numbers_of_the_sentences_with_their_ends(fits, faster):
    fit = fits["chinchilla"]
    best = fit.optimal([1e21, 1e22])
    assert list(best.table["compute"]) == [1e21, 1e22]
    row = best.table.iloc[0]
    assert row["n_params_lo"] < row["n_params"] < row["n_params_hi"]
    assert 6 * row["n_params"] * row["n_tokens"] == pytest.approx(1e21)
    assert any("N* at 1e+21 FLOP is known" in answer.sentence for answer in best.answers)
    reached = fit.predict(loss=2.2).table.iloc[0]
    assert fit.predict(compute=reached["compute"]).table["loss"].iloc[0] == pytest.approx(2.2, 1e-3)
    assert faster.table["compute_ratio_hi"].iloc[0] < 1
    assert faster.comparisons[0].sentence.startswith("To reach a loss of 2.3, muon needs 0.")


def test_a_fit_without_a_law_has_the_parameters_of_the_sum_and_answers_by_all(fits):
    alone, every = fits["chinchilla"], fits[None]
    assert every.params == alone.params
    assert alone.averaged.laws == ("chinchilla",)
    assert set(every.averaged.laws) == {"chinchilla", "skaling", "kaplan_nd"}
    assert repr(every).startswith("<Fit identified; chinchilla: A = 4")


MISTAKES = [
    (["optimal", "adamw.csv", "--compute", "-1", "0"], lambda fit: fit.optimal([-1, 0])),
    (["predict", "adamw.csv"], lambda fit: fit.predict()),
    (["predict", "adamw.csv", "--n-params", "1e9", "--ratio", "3", "--price", "2"],
     lambda fit: fit.predict(n_params=1e9, ratio=3, price=2)),
    (["next", "adamw.csv", "--target", "1e21", "--budget", "0", "--decision", "n_param"],
     lambda fit: fit.next(1e21, 0, decision="n_param")),
    (["next", "adamw.csv", *ONE, "--target", "1e21", "--budget", "9", "--cost", "secs"],
     lambda fit: fit.next(1e21, 9, cost="secs")),
    (["compare", "adamw.csv", "muon.csv", "--ratio", "2", "--n-params", "-3"],
     lambda fit: fit.compare("muon.csv", ratio=2, n_params=-3)),
    (["fit", "adamw.csv", "--law", "chinchila", "--draws", "-1"],
     lambda fit: isoloss.fit("adamw.csv", law="chinchila", draws=-1)),
    (["fit", "adamw.csv", "--column", "loss=val"],
     lambda fit: isoloss.fit("adamw.csv", columns={"loss": "val"})),
    (["fit", "adamw.csv", "--where", "a ==="], lambda fit: isoloss.read_runs("adamw.csv",
                                                                           where="a ===")),
    (["fit", "none.csv"], lambda fit: isoloss.fit("none.csv")),
]  # fmt: skip


@pytest.mark.parametrize(("command", "call"), MISTAKES, ids=[" ".join(c) for c, _ in MISTAKES])
def test_a_mistake_has_the_sentences_of_the_command(fits, capsys, command, call):
    """Options are named as keywords where the problem is an argument."""
    assert main(command) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("  - ")]
    with pytest.raises(isoloss.UserError) as raised:
        call(fits["chinchilla"])
    asked = [f"  - {problem}" for problem in raised.value.problems]

    def plain(text):
        return re.sub(r"--([a-z-]+)", lambda m: m[1].replace("-", "_"), text)

    assert [plain(line) for line in asked] == [plain(line) for line in lines]


@pytest.mark.parametrize("value", ["much", [[1, 2], [3]], {}])
def test_what_is_no_number_is_said_and_not_raised_by_numpy(fits, value):
    with pytest.raises(isoloss.UserError, match="compute: must be a number"):
        fits["chinchilla"].optimal(value)


def test_points_that_are_no_table_are_said(fits):
    with pytest.raises(isoloss.UserError, match="a path, a DataFrame or a mapping is needed"):
        fits["chinchilla"].predict(points=3)


def test_answers_show_themselves_in_a_notebook_without_scripts_and_with_names_escaped(fits, faster):
    fit = fits["chinchilla"]
    for found in (fit, fit.optimal(1e21), fit.predict(loss=2.2), faster):
        html = found._repr_html_()
        assert "<table" in html
        assert html.count("<div") == html.count("</div")
        assert "<script" not in html
    assert "&lt;b&gt;" in html
    assert "<b>To reach a loss of 2.3, muon needs" in html


def test_the_package_that_fits_is_called_whatever_was_imported_before():
    import isoloss.fit.settings  # would replace a function of that name

    assert callable(isoloss.fit)
    assert isoloss.fit.settings.FitSettings is isoloss.FitSettings
    with pytest.raises(isoloss.UserError, match="where: chooses rows"):
        isoloss.fit("adamw.csv", where="tokens > 1")


def test_a_plot_is_a_figure_that_belongs_to_no_window(fits):
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    before = pyplot.get_fignums()
    figure = fits["chinchilla"].plot("n_tokens", labels={"loss": "loss (nats)"})
    assert isinstance(figure, Figure)
    assert pyplot.get_fignums() == before
    assert figure.axes[0].get_ylabel() == "loss (nats)"


def test_nothing_is_written_beside_the_tables():
    assert sorted(path.name for path in Path().iterdir()) == ["adamw.csv", "muon.csv", "wanted.csv"]


def test_a_fit_of_each_group_has_every_number_and_line_of_the_command(folder, capsys):
    both = [pd.read_csv(f"{name}.csv").assign(recipe=name) for name in ("adamw", "muon")]
    pd.concat(both).to_csv("both.csv", index=False)
    found = isoloss.fit(isoloss.read_runs("both.csv", cluster="none"), draws=40, by="recipe")
    command = ("fit", "both.csv", "--draws", "40", "--cluster", "none", "--by", "recipe")
    said = json.loads(printed(capsys, *command, "--json"))
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) == said
    assert found.summary() + "\n" == printed(capsys, *command)
    assert list(found) == ["adamw", "muon"]
    # Both were planted with .37, and the second needs fewer tokens.
    (beta,) = (one for one in found.shared if one["name"] == "beta")
    assert abs(beta["value"] - 0.37) < 3 * beta["se"]
    assert beta["p_value"] > 0.01
    assert isinstance(found["muon"], isoloss.Fit)
    with pytest.raises(isoloss.UserError, match="did you mean 'recipe'"):
        isoloss.fit("both.csv", by="recip")
