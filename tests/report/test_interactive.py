"""The charts' data are the tables' numbers, and their scripts compute as the laws do."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
import pytest
from tests import joint_study as grid

from isoloss.charts.text import short
from isoloss.constants import FLOPS_PER_PARAM_TOKEN as K
from isoloss.fit.questions import FACTOR
from isoloss.laws import LAWS, published
from isoloss.report import interactive
from isoloss.report.interactive.allocation import COLUMNS, allocation_rows, shown
from isoloss.report.interactive.budgets import PUBLISHED, model_table, own_budgets, published_data
from isoloss.report.interactive.formulas import IN_SCRIPT, embedded
from isoloss.report.interactive.joint import best, joint_fits, tokens_of
from isoloss.report.interactive.page import charts, save_allocation
from isoloss.report.interactive.runs import key_axis, lines, runs_chart
from isoloss.results.verdict import IDENTIFIED, Status, not_identified, only_if

HERE = Path(interactive.__file__).parent
RUNS = grid.runs()


def found(table=RUNS, texts=grid.TEXTS, **changes):
    return joint_fits("grid", texts, grid.fits(table, **changes), table)


def test_a_study_without_laws_of_size_and_data_has_no_chart_of_runs():
    of_one_variable = {**grid.TEXTS, "variables": {"joint": {"x": "n_params", "loss": "loss"}}}
    assert found(texts=of_one_variable) == []
    assert joint_fits("grid", grid.TEXTS, None, RUNS) == []
    assert runs_chart([]) is None


def test_a_fit_whose_runs_are_not_all_there_is_left_out():
    assert joint_fits("grid", grid.TEXTS, grid.fits(RUNS), RUNS.iloc[1:]) == []


def test_the_runs_and_the_laws_losses_are_those_of_the_tables():
    data = runs_chart(found()).data()
    rows = RUNS.set_index("run_id").loc[data["ids"]]
    for name, column in (("D", "n_tokens"), ("C", "compute_flops"), ("loss", "loss")):
        np.testing.assert_allclose(data[name], rows[column], rtol=1e-8)
    assert data["N"]["n_params"] == rows["n_params"].tolist()
    for law, params in zip(data["laws"], (grid.TRUTH, grid.OTHER), strict=True):
        expected = LAWS[law["law"]](params, n_params=rows["n_params"], n_tokens=rows["n_tokens"])
        np.testing.assert_allclose(law["loss"], expected, rtol=1e-8)
        assert law["params"] == pytest.approx(params, rel=1e-11)


def test_the_misfit_of_losses_one_per_cent_off_is_one_per_cent():
    joint, surface = found()
    assert joint.miss == pytest.approx(0.01, rel=1e-9)
    assert best([surface, joint]) is joint


def test_of_two_laws_that_miss_alike_the_one_with_fewer_parameters_is_the_best():
    """Five parameters fit twelve runs better than four do, whatever the law is."""
    joint, surface = found(table=grid.runs("chinchilla", grid.OTHER))
    assert surface.miss == pytest.approx(0.01, rel=1e-9)
    assert surface.residual == pytest.approx(0.01 * np.sqrt(12 / 7))
    assert best([joint, surface]) is surface


def test_the_chart_stands_above_the_figure_that_draws_its_runs(tmp_path):
    live = charts({"grid": grid.TEXTS}, grid.project(tmp_path))
    assert live.runs["grid"].above == "grid"


def test_series_share_what_has_few_values_and_run_along_the_axis():
    axes = {"N": RUNS["n_params"].to_numpy(float), "D": RUNS["n_tokens"].to_numpy(float),
            "C": RUNS["compute_flops"].to_numpy(float)}  # fmt: skip
    assert key_axis(axes) == "N"
    assert [[axes["N"][i] for i in series] for series in lines(axes, "D")] == [
        [float(size)] * 4 for size in grid.SIZES
    ]
    assert [[axes["N"][i] for i in series] for series in lines(axes, "N")] == [
        list(map(float, grid.SIZES))
    ] * 4
    many = {name: np.geomspace(1, 10, 40) for name in axes}
    assert key_axis(many) is None and lines(many, "D") == []


# ---- budgets


def test_the_optimum_at_a_budget_is_the_laws_own_with_the_interval_of_its_draws():
    own = own_budgets(found()[0], (1.0, 10.0))
    largest = K * max(grid.SIZES) * max(grid.DATA)
    assert own.largest == largest
    expected = LAWS["kaplan_nd"].optimum(grid.TRUTH, np.array([largest, 10 * largest]))
    for name, value in expected.items():
        np.testing.assert_allclose(own.at[name], value)
    assert (own.lo["n_params"] < own.at["n_params"]).all()
    np.testing.assert_allclose(own.lo["n_tokens"] * own.hi["n_params"] * K, own.compute)
    assert own.verdicts["n_params"] == [IDENTIFIED] * 2


@pytest.mark.parametrize(
    "verdict, spread, status",
    [
        (IDENTIFIED, 0.01, None),
        (only_if(0.02, 0.01), 0.01, Status.IF_THE_LAW_HOLDS),
        (not_identified("E may be zero"), 4.0, Status.NOT_IDENTIFIED),
    ],
    ids=["known", "rejected", "many values"],
)
def test_what_is_not_known_is_said_and_has_a_range_alone(verdict, spread, status):
    fits = found(verdicts=(verdict, verdict), spread=(spread, spread))[:1]
    doubt = verdict.reason if status is Status.IF_THE_LAW_HOLDS else ""
    fits = [replace(fits[0], fitted=replace(fits[0].fitted, doubt=doubt))]
    data = own_budgets(fits[0]).data()
    row = shown(allocation_rows(fits)).own[1]
    value, interval = row.cells[0]
    if status is None:
        assert set(data["status"]["n_params"]) == {0} and data["why"] == []
        assert interval and not row.doubt
        return
    said = data["why"][data["status"]["n_params"][-1] - 1]
    assert said.startswith(status)
    assert interval == "" and " to " in value
    assert status in row.doubt


def test_a_verdict_is_of_the_draws_beside_it():
    """N* spreads over more than the factor that counts as known: then no value is shown."""
    own = own_budgets(found(spread=(4.0, 4.0))[0], (100.0,))
    wide = own.hi["n_params"] / own.lo["n_params"] > FACTOR
    assert wide[0] and not own.verdicts["n_params"][0].identified


def test_a_wider_law_that_puts_the_size_elsewhere_is_said_at_each_budget():
    """The same law with twice the limit by size: its optimum is larger by far more than 1 %."""
    one, law = found(spread=(0.01, 0.01))[0], LAWS["skaling"]
    values = one.fitted.params
    same = law.internal({"A": values["Nc"] ** (values["alpha_N"] / values["alpha_D"]),
                         "B": values["Dc"], "E": 0.0, "beta": 1.0, "k": values["alpha_D"],
                         "alpha": values["alpha_N"] / values["alpha_D"]})  # fmt: skip
    other = same + np.array([np.log(2.0), 0, 0, 0, 0, 0])
    for last, known in ((same, True), (other, False)):
        wider = {"k": [1.0, 0.9, 1.1], "theta": [same.tolist(), same.tolist(), last.tolist()],
                 "p_value": 0.5}  # fmt: skip
        own = own_budgets(replace(one, fitted=replace(one.fitted, wider=wider)), (1.0, 10.0))
        said = own.verdicts["n_params"]
        assert [verdict.identified for verdict in said] == [known] * 2
    larger = law.optimum(dict(zip(law.names, law.natural(other), strict=True)), own.compute[1])
    assert f"puts it from {own.at['n_params'][1]:.3g} to {larger['n_params']:.3g}" in said[1]


def test_no_end_of_an_interval_is_less_than_one_parameter_or_one_token():
    own = own_budgets(found(spread=(30.0, 30.0))[0], (1.0,))
    assert own.lo["n_params"] >= 1 and own.lo["n_tokens"] >= 1 - 1e-9
    assert own.lo["n_params"] * own.hi["n_tokens"] * K == pytest.approx(own.compute)
    assert not own.verdicts["n_params"][0].identified


def test_a_fit_without_draws_has_no_interval_and_no_value():
    table = grid.fits(RUNS)
    table["diagnostics"] = None
    one = joint_fits("grid", grid.TEXTS, table, RUNS)[0]
    own = own_budgets(one, (10.0,))
    assert np.isnan(own.lo["n_params"]).all()
    assert own.verdicts["n_params"][0].status is Status.NOT_IDENTIFIED
    assert shown(allocation_rows([one])).own[0].cells[0] == ("no interval", "")


def test_every_published_allocation_spends_its_budget():
    rows = pd.DataFrame(allocation_rows([]))
    np.testing.assert_allclose(K * rows["n_params"] * rows["n_tokens"], rows["compute_flops"])
    assert sorted(set(rows["compute_flops"])) == [float(f"1e{power}") for power in range(18, 26)]
    at = rows[rows["compute_flops"] == 1e21].set_index("law")["n_params"]
    # Besiroglu et al.'s constants give about 20 tokens per parameter; Kaplan's Table 6 is a power.
    assert at.filter(like="Besiroglu").iloc[0] == pytest.approx(2.78e9, rel=0.01)
    kaplan = rows[(rows["compute_flops"] == 1e21) & rows["law"].str.contains("C = 2 C_min")]
    assert kaplan["loss"].item() == pytest.approx((3.1e8 / (0.5e21 / 8.64e19)) ** 0.050)
    assert at.filter(like="C = C_min").iloc[0] == pytest.approx(1.3e9 * (1e21 / 8.64e19) ** 0.73)


def test_a_model_has_the_loss_of_each_law_and_the_least_one_without_its_tokens():
    header, rows = model_table(grid.PUBLISHED["models"])
    gpt2, gpt3 = (dict(zip(header, row, strict=True)) for row in rows)
    sizes = (6.4e13 / 1.75e11) ** (0.076 / 0.103) + 1.8e13 / 3e11
    assert gpt3["loss by Kaplan 2020"] == f"{sizes**0.103:.3f}"
    endless = 1.69 + 406.4 / 1.558e9**0.34
    assert gpt2["loss by Hoffmann 2022"] == f"at least {endless:.3f}"
    assert gpt2["D"] == "not disclosed"


def test_the_saved_table_has_every_row_and_its_columns_without_any(tmp_path):
    rows = allocation_rows(found())
    save_allocation(rows, tmp_path / "allocation.csv")
    saved = pd.read_csv(tmp_path / "allocation.csv")
    assert list(saved) == list(COLUMNS) and len(saved) == len(rows) == 5 * 8 + 2 * 3
    save_allocation((), tmp_path / "none.csv")
    assert list(pd.read_csv(tmp_path / "none.csv")) == list(COLUMNS)


def test_losses_name_what_they_count():
    assert [tokens_of(unit) for unit in ("nats per byte", "nats per token", "loss", "")] == [
        "bytes", "tokens", "tokens", "tokens"
    ]  # fmt: skip


# ---- the page


def test_no_text_of_the_data_ends_the_element_that_holds_it(tmp_path):
    evil = "</script><script>alert(1)</script>"
    texts = {**grid.TEXTS, "loss_unit": f"nats per {evil}", "title": evil}
    paths = grid.project(tmp_path)
    html = grid.page({"grid": texts}, paths)
    assert "<script>alert" not in html
    start = '<script type="application/json">'
    for part in html.split(start)[1:]:
        assert evil in json.loads(part.split("</script>")[0]).get("unit", evil)
    assert "<" not in embedded({evil: evil})
    assert json.loads(embedded({"a": f"{evil}\u2028&"})) == {"a": f"{evil}\u2028&"}


@pytest.mark.parametrize(
    "of, level", [({}, 3), ({"part": {"name": ""}}, 3), ({"part": {"name": "Findings"}}, 4)],
    ids=["under the first figure", "in a study", "in a part of a study"],
)  # fmt: skip
def test_the_chart_of_runs_has_a_heading_of_its_place(tmp_path, of, level):
    explored = charts({"grid": grid.TEXTS}, grid.project(tmp_path)).runs["grid"]
    template = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE.parent), undefined=jinja2.StrictUndefined
    ).get_template("interactive/runs.html")
    study = {"name": "grid", "texts": grid.TEXTS}
    assert f"<h{level}>Explore the runs" in template.render(study=study, explored=explored, **of)


def test_a_report_without_charts_has_no_script(tmp_path):
    paths = grid.project(tmp_path)
    texts = {"grid": {**grid.TEXTS, "variables": {}}}
    html = grid.page(texts, paths)
    assert "data-live" not in html and "application/json" not in html


def test_scripts_style_and_data_stay_below_150_kb_and_are_the_same_again(tmp_path):
    studies = {"grid": grid.TEXTS, "published": grid.PUBLISHED}
    paths = grid.project(tmp_path)
    first, again = charts(studies, paths), charts(studies, paths)
    assert repr(first) == repr(again)
    texts = (first.css, first.scripts, first.budget.data, *(x.data for x in first.runs.values()))
    assert sum(len(text.encode()) for text in texts) < 150_000
    assert "http" not in first.scripts.replace("http://www.w3.org/2000/svg", "")


# ---- the scripts


@pytest.fixture(scope="module")
def node():
    if shutil.which("node") is None:
        pytest.skip("no node to run the report's scripts")

    def run(script, given):
        files = (("laws", HERE / "laws.js"), ("chart", HERE / "chart.js"))
        load = "".join(f"const {name} = require({str(path)!r});" for name, path in files)
        code = f"{load} const given = {json.dumps(given)}; console.log(JSON.stringify({script}))"
        done = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    return run


def test_every_law_and_number_of_the_scripts_is_that_of_python(node):
    params = {
        "kaplan_nd": grid.TRUTH, "chinchilla": grid.OTHER,
        "skaling": {**grid.OTHER, "A": 900.0, "B": 4e5, "k": 0.29},
    }  # fmt: skip
    assert set(params) == set(IN_SCRIPT)
    sizes, budgets, numbers = (
        [1e3, 1e6, 1e9],
        [1e12, 1e18, 1e24],
        [0.5, 7, 4321, 9999, 12345, 3.3e6, 2e16],
    )
    given = {
        "laws": [{"law": name, "params": values} for name, values in params.items()],
        "published": [published_data(one) for one in PUBLISHED],
        "N": sizes, "C": budgets, "K": K, "numbers": numbers,
    }  # fmt: skip
    got = node(
        """{loss: given.laws.map(l => given.N.map(N => laws.loss(l, N, 30 * N))),
            best: [...given.laws, ...given.published].map(
                l => given.C.map(C => laws.optimum(l, C, given.K))),
            text: given.numbers.map(chart.short)}""",
        given,
    )
    for name, losses in zip(params, got["loss"], strict=True):
        n_params = np.array(sizes)
        expected = LAWS[name](params[name], n_params=n_params, n_tokens=30 * n_params)
        np.testing.assert_allclose(losses, expected, rtol=1e-12)
    computes = np.array(budgets)
    optima = [LAWS[name].optimum(values, computes) for name, values in params.items()]
    optima += [LAWS[one.law].optimum(one.params, computes) for one in PUBLISHED[:2]]
    n_params, n_tokens = published.kaplan_allocation(computes, 2.0)
    loss = published.kaplan_loss(compute_min_flops=computes / 2)
    optima.append({"n_params": n_params, "n_tokens": n_tokens, "loss": loss})
    for expected, of_law in zip(optima, got["best"], strict=True):
        for key, name in (("N", "n_params"), ("D", "n_tokens"), ("loss", "loss")):
            np.testing.assert_allclose([one[key] for one in of_law], expected[name], rtol=1e-9)
    assert got["text"] == [short(number) for number in numbers]
