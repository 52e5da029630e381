"""A fit prints and draws itself: its numbers are those of its estimates, and no name is trusted."""

import dataclasses
from html.parser import HTMLParser

import numpy as np
import pytest

from isoloss.errors import UserError
from isoloss.fit import fit_law
from isoloss.laws import LAWS, Sum, Term, coefficient, exponent, floor
from isoloss.results.verdict import not_identified

TRUE = {"A": 400.0, "B": 400.0, "E": 1.7, "alpha": 0.34, "beta": 0.28}
N, D = (a.ravel() for a in np.meshgrid(np.geomspace(1e5, 1e8, 5), np.geomspace(1e7, 1e10, 6)))


def table(n=N, d=D, noise=0.002):
    shaken = np.exp(noise * np.random.default_rng(0).standard_normal(len(n)))
    return {"N": n, "D": d, "loss": LAWS["chinchilla"](TRUE, n_params=n, n_tokens=d) * shaken}


@pytest.fixture(scope="module")
def result():
    return fit_law(table(), draws=60)


@pytest.fixture(scope="module")
def unknown():
    """D is a multiple of N in all runs, so that alpha and beta cannot be told apart."""
    n = np.geomspace(1e5, 1e8, 12)
    return fit_law(table(n, 20 * n), draws=60)


def test_the_numbers_of_the_summary_are_the_estimates(result):
    lines = [line.split() for line in result.summary().splitlines()]
    for name, e in {**result.params, **result.derived}.items():
        (found,) = [words for words in lines if words[:1] == [name]]
        assert [float(word) for word in found[1:5]] == pytest.approx(
            [e.value, e.lo, e.hi, e.se], rel=1e-4
        )
        assert found[5:] == e.unit.split()
    assert result.params["E"].value == pytest.approx(TRUE["E"], rel=0.02)


def test_the_summary_says_all_that_a_reader_must_know(result, unknown):
    for one in (result, unknown):
        text = one.summary()
        assert text.startswith(f"{one.law.formula}   [{one.law.source}]\nlaw chinchilla; ")
        assert f"objective huber = {one.objective_value:.7g} (delta 0.001)" in text
        assert f"{one.certificate.n_agree} of {one.certificate.n_starts} starts agree" in text
        assert f"\nverdict: {one.verdict}\n" in text
        for key, said in (("warning", one.warnings), ("assumed", one.notes)):
            assert [line for line in text.splitlines() if line.startswith(f"{key}: ")] == [
                f"{key}: {what}" for what in said
            ]
    assert "60 draws" in result.summary()
    assert f"lack of fit: p = {result.misfit.p_value:.2g} " in result.summary()


def test_the_summary_says_what_is_held_and_tied_and_not_tested():
    held = fit_law(table(), fixed={"E": 1.7}, tied=[("alpha", "beta")], draws=0)
    assert "\nheld: E = 1.7, beta = alpha\n" in held.summary()
    assert "\nlack of fit: not tested\n" in held.summary()
    assert "no intervals" in repr(held)


def test_a_power_law_is_tested_for_a_constant_exponent():
    x = np.geomspace(1e3, 1e7, 12)
    loss = 7.0 * x**-0.25 * np.exp(0.01 * np.sin(np.arange(12) * 7.0))
    text = fit_law({"x": x, "loss": loss}, "power_law", draws=60).summary()
    (line,) = [line for line in text.splitlines() if line.startswith("lack of fit: ")]
    assert "that the exponent is constant; over the runs it goes from 0.2" in line


def test_the_repr_is_one_line_with_the_verdict_first(result, unknown):
    said = repr(result)
    e = result.params["E"]
    assert said.startswith("<FitResult identified; chinchilla: A = ")
    assert f"E = {e.value:.4g} [{e.lo:.4g}, {e.hi:.4g}]" in said
    assert said.endswith("; 90 % intervals, 30 rows>")
    assert not unknown.identified
    assert repr(unknown).startswith(
        f"<FitResult not identified: {unknown.verdict[16:]}; chinchilla"
    )
    assert "\n" not in said + repr(unknown)


class Page(HTMLParser):
    """Every tag, with its attributes, and the text that a reader sees."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.seen, self.cells = [], "", []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data):
        self.seen += data
        if self.tags[-1][0] in ("td", "th"):
            self.cells[-1] += data


def test_the_table_of_a_notebook_has_the_same_numbers_and_loads_nothing(result):
    page = Page(result._repr_html_())
    for name, e in {**result.params, **result.derived}.items():
        at = page.cells.index(name)
        found = [float(cell) for cell in page.cells[at + 1 : at + 5]]
        assert found == pytest.approx([e.value, e.lo, e.hi, e.se], rel=1e-4)
    assert page.seen.startswith("identified")
    names = {tag for tag, _ in page.tags}
    assert names <= {"div", "b", "code", "table", "thead", "tbody", "tr", "th", "td", "details",
                     "summary", "ul", "li"}  # fmt: skip
    assert {key for _, attrs in page.tags for key in attrs} == {"style"}
    looks = " ".join(attrs["style"] for _, attrs in page.tags if attrs)
    assert "url" not in looks
    # Text has the colour of the page, and nothing has a ground: light and dark both can be read.
    assert "color:" not in looks.replace("border-left", "")
    assert "background:none" in looks


def test_hostile_names_stay_text_in_a_notebook():
    bad = "<script>alert('x')</script>&\""
    law = Sum(
        name=bad,
        formula=bad,
        source=bad,
        variables=(bad,),
        parameters=(coefficient("A", bad, ""), floor(), exponent(f"alpha{bad}", "")),
        terms=(Term("A", bad, f"alpha{bad}"),),
        floor="E",
    )
    x = np.geomspace(1, 1e3, 9)
    loss = (1 + x**-0.5) * np.exp(0.01 * np.sin(np.arange(9) * 7.0))
    result = fit_law({bad: x, "loss": loss}, law, draws=30)
    said = {"verdict": not_identified(bad), "notes": (bad,), "warnings": (bad,)}
    result = dataclasses.replace(result, **said)
    html = result._repr_html_()
    assert "<script" not in html
    page = Page(html)
    assert page.seen.count(bad) >= 8
    assert result.plot().axes


def test_the_picture_shows_every_row_the_law_and_the_residuals(result):
    figure = result.plot()
    (by_n, by_d, rest_n, rest_d) = figure.axes
    assert by_n.get_ylabel() == by_d.get_ylabel() == "loss"
    assert (rest_n.get_xlabel(), rest_d.get_xlabel()) == ("parameters N", "training tokens D")
    assert rest_n.get_ylabel() == "residual (%)"
    labels = [text.get_text() for text in by_n.get_legend().get_texts()]
    assert labels == ["D = 10M", "D = 39.8M", "D = 158M", "D = 631M", "D = 2.51B", "D = 10B"]
    for losses, rest, n_lines in ((by_n, rest_n, 6), (by_d, rest_d, 5)):
        drawn = [line for line in losses.lines if line.get_linestyle() != "None"]
        shown = [line for line in losses.lines if line.get_linestyle() == "None"]
        assert len(drawn) == n_lines
        assert sum(len(line.get_xdata()) for line in shown) == len(N)
        below = np.concatenate(
            [line.get_ydata() for line in rest.lines if len(line.get_xdata()) > 2]
        )
        assert len(below) == len(N)
        assert np.std(below) == pytest.approx(0.2, rel=0.3)  # the planted noise, in percent
    line = by_n.lines[1]
    truth = LAWS["chinchilla"](TRUE, n_params=line.get_xdata(), n_tokens=1e7)
    assert line.get_ydata() == pytest.approx(truth, rel=3e-3)
    assert figure._suptitle.get_text().startswith("chinchilla: identified")


def test_a_law_that_is_not_identified_is_dashed(unknown):
    figure = unknown.plot(against="n_params")
    losses, _ = figure.axes
    drawn = [line for line in losses.lines if len(line.get_xdata()) > 12]
    assert drawn and {line.get_linestyle() for line in drawn} == {"--"}
    assert "not identified: " in figure._suptitle.get_text()


def test_a_law_of_one_variable_has_one_column_with_the_users_name():
    x = np.geomspace(1e3, 1e7, 12)
    loss = 1.5 + 7.0 * x**-0.25 * np.exp(0.01 * np.sin(np.arange(12) * 7.0))
    result = fit_law({"x": x, "loss": loss}, "power_law_floor", draws=60)
    losses, rest = result.plot(labels={"x": "width", "loss": "loss (nats)"}).axes
    assert (rest.get_xlabel(), losses.get_ylabel()) == ("width", "loss (nats)")
    assert losses.get_legend() is None
    assert len(losses.collections) == 1  # the band


def test_a_variable_that_the_law_does_not_have_is_refused(result):
    with pytest.raises(UserError) as caught:
        result.plot(against="n_tokns")
    assert caught.value.problems == (
        "chinchilla has no variable 'n_tokns'; did you mean 'n_tokens'? (variables: n_params, "
        "n_tokens)",
    )


def test_drawing_leaves_the_users_settings_of_matplotlib_alone(result):
    import matplotlib

    before = dict(matplotlib.rcParams)
    result.plot()
    assert dict(matplotlib.rcParams) == before


def test_the_command_prints_the_summary(tmp_path, capsys):
    import pandas as pd

    from isoloss.cli.main import main

    path = tmp_path / "runs.csv"
    pd.DataFrame(table()).to_csv(path, index=False)
    assert main(["fit", str(path), "--draws", "60"]) == 0
    expected = fit_law(pd.read_csv(path), draws=60, where=str(path)).summary()
    assert capsys.readouterr().out.startswith(expected + "\n")
