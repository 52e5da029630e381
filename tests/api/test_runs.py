"""`isoloss.read_runs`: which rows count, what columns mean, and in which unit."""

import numpy as np
import pandas as pd
import pytest

import isoloss

N, D = (a.ravel() for a in np.meshgrid([1e7, 3e7, 1e8], [2e8, 6e8, 2e9]))
LOSS = 1.8 + 400 / N**0.34 + 2000 / D**0.37


def sheet(**more):
    return pd.DataFrame({"Params (M)": N / 1e6, "tokens [B]": D / 1e9, "val_loss": LOSS} | more)


def test_values_are_in_units_and_the_assumptions_are_said(tmp_path):
    path = tmp_path / "losses.csv"
    sheet().to_csv(path, index=False)
    runs = isoloss.read_runs(path)
    assert runs.values["n_params"].to_list() == N.tolist()
    assert runs.values["n_tokens"].to_list() == D.tolist()
    np.testing.assert_allclose(runs.values["loss"], LOSS, rtol=1e-11)
    assert runs.units == {"n_params": "parameters", "n_tokens": "tokens", "loss": "nats"}
    assert "n_params: column 'Params (M)', times 1e6" in runs.notes
    assert repr(runs).startswith(f"{path}: 9 rows: N 1e+07 to 1e+08, D 2e+08 to 2e+09, C = 6 N D")
    assert "assumed: n_tokens: column 'tokens [B]', times 1e9" in repr(runs)
    assert len(runs) == 9


def test_a_loss_in_bits_or_of_another_metric_has_its_unit():
    assert isoloss.read_runs(sheet().rename(columns={"val_loss": "bpb"})).units["loss"] == "bits"
    nats = isoloss.read_runs(sheet().rename(columns={"val_loss": "bpb"}), metric="bits")
    assert nats.units["loss"] == "nats"
    np.testing.assert_allclose(nats.values["loss"], LOSS * np.log(2), rtol=1e-11)


def test_rows_are_chosen_by_state_condition_and_number_and_keep_their_numbers():
    state = ["finished"] * 8 + ["crashed"]
    table = sheet(State=state, corpus=["a"] * 6 + ["b"] * 3)
    runs = isoloss.read_runs(table, where='corpus == "a"', without=[1])
    assert runs.table.index.to_list() == [1, 2, 3, 4, 5]
    assert any('corpus == "a": 5 of 8 rows' in note for note in runs.notes)
    counted = isoloss.read_runs(table)
    assert len(counted) == 8
    assert any("row 9" in note and "do not count" in note for note in counted.notes)
    assert len(isoloss.read_runs(table, status="all")) == 9
    assert len(isoloss.read_runs(table, without="2-4,6")) == 4
    assert len(isoloss.read_runs(table, without=2)) == 7
    assert len(table) == 9  # the user's own


@pytest.mark.parametrize("swept", ["lr", ["lr"]])
def test_the_best_of_a_sweep_is_one_row_a_point(swept):
    table = pd.concat([sheet(lr=0.1), sheet(lr=0.2).assign(val_loss=LOSS + 0.1)])
    columns = {"n_tokens": "tokens [B]*1e9"}
    runs = isoloss.read_runs(table, best_of=swept, columns=columns)
    np.testing.assert_allclose(runs.values["loss"], LOSS, rtol=1e-11)
    mean = isoloss.read_runs(table, mean_of=swept)
    np.testing.assert_allclose(mean.values["loss"], LOSS + 0.05, rtol=1e-11)


def test_what_was_said_of_the_columns_goes_on_to_the_fit():
    table = pd.DataFrame({"width": N, "toks": D, "score": LOSS})
    columns = {"n_params": "width", "n_tokens": "toks", "loss": "score"}
    runs = isoloss.read_runs(table, columns=columns, cluster="none")
    fit = isoloss.fit(runs, draws=0)
    assert fit.params["alpha"].value == pytest.approx(0.34, rel=1e-3)
    assert fit.settings.columns == columns


def test_a_table_without_tokens_is_read_for_a_law_of_one_variable():
    table = {"flops": 6 * N[::3] * D[::3], "loss": LOSS[::3]}
    runs = isoloss.read_runs(table, law="power_law", x="flops")
    assert set(runs.values) == {"x", "loss"}
    with pytest.raises(isoloss.UserError, match="no column for n_params was recognised"):
        isoloss.read_runs(table)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"status": "finished", "without": "x", "drawz": 3}, ["drawz: there is no such setting"]),
        ({"status": "finished", "without": "x", "level": 3},
         ["level: must lie between 0 and 1", "status: 'finished' is none of done, all",
          "--without x: 'x' is no row or range"]),
        ({"without": [99]}, ["there is no row 99; the table has 9"]),
        ({"best_of": "rate"}, ["there is no column 'rate'"]),
    ],
)  # fmt: skip
def test_every_mistake_is_named_at_once(arguments, said):
    with pytest.raises(isoloss.UserError) as raised:
        isoloss.read_runs(sheet(), **arguments)
    assert len(raised.value.problems) == len(said)
    for problem, start in zip(raised.value.problems, said, strict=True):
        assert problem.startswith(start)


@pytest.mark.parametrize(
    "arguments", [{"where": 3}, {"best_of": 3}, {"mean_of": [1]}, {"without": {}}, {"law": 3}]
)
def test_an_argument_of_another_type_is_named(arguments):
    (name,) = arguments
    with pytest.raises(isoloss.UserError, match=rf"- (--)?{name}|no law 3"):
        isoloss.read_runs(sheet(), **arguments)


def test_tables_of_arrow_are_read_as_those_of_pandas():
    pa = pytest.importorskip("pyarrow")
    found = isoloss.read_runs(pa.Table.from_pandas(sheet()))
    assert found.values.equals(isoloss.read_runs(sheet()).values)


@pytest.mark.parametrize("table", [3, None, [1, 2], {"N": [1, 2], "loss": [1]}])
def test_what_is_no_table_is_said(table):
    with pytest.raises(isoloss.UserError, match="table: 1 problem"):
        isoloss.read_runs(table)


def test_a_notebook_shows_the_first_runs_with_their_units():
    html = isoloss.read_runs(sheet(**{"<i>": 1}))._repr_html_()
    assert "n_params (parameters)" in html
    assert "... 1 more" in html
    assert "assumed: 3" in html
