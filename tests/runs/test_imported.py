"""A user's own table as a study: what is read, and what is said of a bad one."""

import json

import numpy as np
import pandas as pd
import pytest

from isoloss.config.study import Table
from isoloss.errors import UserError
from isoloss.jobs import collect, report
from isoloss.laws import LAWS
from isoloss.runs.imported import read_table
from isoloss.tables.data import read
from isoloss.tables.read import read_table as read_file
from isoloss.tables.schema import ASSUMED

COLUMNS = {"n_params": "Model Size", "compute_flops": "FLOP", "loss": "final"}


def study(path, columns=COLUMNS):
    return Table(
        title="t", question="q", theory="th", source="table", path=str(path), columns=columns
    )


def table(**changes):
    rows = {"Model Size": [1e6, 2e6, 4e6], "FLOP": [1e15, 2e15, 4e15], "final": [3.0, 2.5, 2.2]}
    return pd.DataFrame(rows | changes)


def problems(path, columns=COLUMNS):
    with pytest.raises(UserError) as error:
        read_table(study(path, columns))
    return error.value.problems


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "jsonl"])
def test_every_format_gives_the_same_rows(tmp_path, ending):
    path = tmp_path / f"mine.{ending}"
    match ending:
        case "csv":
            table().to_csv(path, index=False)
        case "tsv":
            table().to_csv(path, index=False, sep="\t")
        case "parquet":
            table().to_parquet(path)
        case "jsonl":
            table().to_json(path, orient="records", lines=True)
    runs, notes = read_table(study(path))
    assert notes == []
    assert runs["n_params"].tolist() == [1_000_000, 2_000_000, 4_000_000]
    assert runs["loss"].tolist() == [3.0, 2.5, 2.2]
    assert runs["run_id"].tolist() == ["mine-row1", "mine-row2", "mine-row3"]
    assert runs["n_tokens"].isna().all()


def test_all_bad_values_are_said_at_once_with_their_rows(tmp_path):
    path = tmp_path / "mine.csv"
    table(final=["3.0", "n/a?", "-1"], FLOP=[1e15, None, 0]).to_csv(path, index=False)
    assert problems(path) == (
        "column 'FLOP' is empty or NaN: row 2",
        "column 'FLOP' is zero or negative: row 3",
        "column 'final' is not a number, e.g. 'n/a?': row 2",
        "column 'final' is zero or negative: row 3",
    )


def test_missing_columns_name_the_nearest(tmp_path):
    path = tmp_path / "mine.csv"
    table().to_csv(path, index=False)
    assert problems(path, {"n_params": "ModelSize", "loss": "final"}) == (
        "columns.n_params: there is no column 'ModelSize'; did you mean 'Model Size'? (columns: "
        "Model Size, FLOP, final)",
    )


def test_names_that_no_table_of_runs_has_are_refused(tmp_path):
    path = tmp_path / "mine.csv"
    table().to_csv(path, index=False)
    assert problems(path, {"n_parms": "FLOP"}) == (
        "columns.n_parms: is not a column of runs with numbers; did you mean 'n_params'?",
        "columns.loss: missing",
    )


def test_an_unreadable_an_empty_and_an_unknown_file_are_named(tmp_path):
    (tmp_path / "empty.csv").write_text("Model Size,FLOP,final\n")
    assert problems(tmp_path / "empty.csv") == ("has no rows (columns: Model Size, FLOP, final)",)
    assert problems(tmp_path / "no.csv")[0].startswith("could not be read: ")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    assert problems(tmp_path / "broken.parquet")[0].startswith("is not whole Parquet: ")
    assert problems(tmp_path / "mine.xlsx")[0].startswith("a table ends in .csv, .tsv, .txt, ")


SHORT = {"n_params": "N", "n_tokens": "D", "loss": "loss"}


@pytest.mark.parametrize(
    ("rows", "columns", "problem"),
    [
        ("N,D,loss\n7e7,1.5e9,3.0,1\n", SHORT, "line 2 of the file: more cells than the header's"),
        ("N,D,loss\n0.07,1e9,3\n0.41,1e9,2.9\n1.4,1e9,2.8\n", SHORT,
         "column 'N' looks like millions or billions of parameters (largest 1.4); parameters are "
         "wanted, e.g. columns.n_params: 'N*1e6' or 'N*1e9'"),
        ("N,D,loss\n9.3e18,1e9,3\n", SHORT,
         "column 'N' must be below 2^63 (9.2e18): row 1"),
        ("N,D,loss\n1e7,99999999999999999999,3\n", SHORT,
         "column 'D' must be below 2^63 (9.2e18): row 1"),
        ("N,D,loss\n2e7,1e9,3\n1e7,1e9,3\n1e7,1e9,3\n", SHORT,
         "the same in every column as an earlier row: row 3 (remove them from the table; repeated"),
        ("N,D,loss,C\n1e7,1e9,3,0.06\n1e7,2e9,3,1.2\n", SHORT | {"compute_flops": "C"},
         "column 'C' is below 1: row 1; compute is wanted in FLOP, for PFLOP write "
         "columns.compute_flops: 'C*1e15'"),
        ("N,D,loss,s\n1e7,1e9,3,1\n1e7,2e9,3,2.5\n", SHORT | {"steps": "s"},
         "column 's' must be whole, got 2.5: row 2"),
        ("Params (M),D,loss\n2e8,1e9,3\n", SHORT | {"n_params": "Params (M)"},
         "column 'Params (M)': in the unit that its name states the largest is 2e+14 parameters; "
         "if its numbers are parameters already, add columns.n_params: 'Params (M)*1'"),
        ("N,N,D,loss\n1e7,1e7,1e9,3\n", SHORT, "the header names column 'N' 2 times"),
        ("N,D,loss,s\n1e7,1e9,3,-1\n", SHORT | {"seed": "s"},
         "column 's' is negative: row 1"),
    ],
)  # fmt: skip
def test_a_table_that_would_be_misread_is_refused(tmp_path, rows, columns, problem):
    (tmp_path / "mine.csv").write_text(rows)
    (found,) = problems(tmp_path / "mine.csv", columns)
    assert found.startswith(problem)


@pytest.mark.parametrize(("ending", "separator"), [("csv", ";"), ("txt", ","), ("CSV", "\t")])
def test_a_table_is_read_whatever_stands_between_its_cells(tmp_path, ending, separator):
    text = "N,D,loss\n1e7,1e9,3\n2e7,1e9,2.5\n".replace(",", separator)
    (tmp_path / f"mine.{ending}").write_text(text)
    runs, _ = read_table(study(tmp_path / f"mine.{ending}", SHORT))
    assert runs["n_params"].tolist() == [10_000_000, 20_000_000]


def test_a_seed_and_a_dropout_of_zero_and_computed_counts_are_read(tmp_path):
    (tmp_path / "mine.csv").write_text("N,D,loss,s,p\n1e7,1234567890.4,3,0,0\n")
    columns = SHORT | {"seed": "s", "dropout": "p"}
    (row,) = read_table(study(tmp_path / "mine.csv", columns)).runs.to_dict("records")
    assert (row["seed"], row["dropout"], row["n_tokens"]) == (0, 0.0, 1234567890)


def test_cells_of_json_that_are_no_numbers_are_named_with_their_rows(tmp_path):
    (tmp_path / "mine.jsonl").write_text('{"N": [1], "D": 1e9, "loss": {"a": 1}}\n')
    assert problems(tmp_path / "mine.jsonl", SHORT) == (
        "column 'N' is not a number, e.g. [1]: row 1",
        "column 'loss' is not a number, e.g. {'a': 1}: row 1",
    )


UNITS = {"n_params": "Params (M)", "n_tokens": "Tokens", "loss": "Loss"}
IN_UNITS = "Params (M),Tokens,Loss\n1.3,1.3B,3.1\n10.5,2B,2.9\n0.0123456,400M,4\n"


def test_units_and_suffixes_are_read_as_isoloss_fit_reads_them(tmp_path):
    """Also where a count in millions has a fraction of a parameter, as 0.0123456 million has."""
    (tmp_path / "mine.csv").write_text(IN_UNITS)
    runs, notes = read_table(study(tmp_path / "mine.csv", UNITS))
    assert runs["n_params"].tolist() == [1_300_000, 10_500_000, 12_346]
    assert runs["n_tokens"].tolist() == [1_300_000_000, 2_000_000_000, 400_000_000]
    by_fit = read(read_file(tmp_path / "mine.csv"), LAWS["chinchilla"], {}, n_free=1)
    assert np.log(runs["n_params"].astype(float)).tolist() == pytest.approx(
        by_fit.log_x["n_params"].tolist(), rel=1e-4
    )
    assert np.log(runs["n_tokens"].astype(float)).tolist() == by_fit.log_x["n_tokens"].tolist()
    assert notes == [
        "n_params: column 'Params (M)', times 1e6",
        "n_tokens: column 'Tokens', '1.3B' is 1.3e+09",
    ]
    assert set(notes) <= set(by_fit.notes)


@pytest.mark.parametrize(
    "text",
    [
        "n_params,n_tokens,loss\n1.3,1e9,3\n2,2e9,2.9\n",
        "n_params,n_tokens,loss\n1e7,1e9,3\n1e7,1e9,3\n2e7,2e9,2\n",
        "n_params,n_tokens,loss\n1e7,1e9,\n2e7,2e9,2\n",
        "n_params,n_tokens,loss\n1e7,x,3\n2e7,-1,2\n",
        "n_params,n_tokens,loss\n1e70,inf,0\n2e7,1e9,2\n",
        "n_params,n_tokens,loss\n20B,1e9,3B\n2e7,2e9,2\n",
    ],
)
def test_what_isoloss_fit_refuses_a_study_refuses(tmp_path, text):
    (tmp_path / "mine.csv").write_text(text)
    columns = {name: name for name in ("n_params", "n_tokens", "loss")}
    with pytest.raises(UserError) as by_fit:
        read(read_file(tmp_path / "mine.csv"), LAWS["chinchilla"], columns, n_free=0)
    begun = [problem[:50] for problem in by_fit.value.problems]
    assert [problem[:50] for problem in problems(tmp_path / "mine.csv", columns)] == begun


def test_what_was_assumed_of_a_table_is_told_in_the_log_and_kept_beside_the_runs(tmp_path, capsys):
    (tmp_path / "mine.csv").write_text(IN_UNITS)
    given = {"source": "table", "path": str(tmp_path / "mine.csv"), "columns": UNITS}
    folders = ("--studies-folder", ".", "--runs-folder", ".", "--out", str(tmp_path / "out"))
    collect.main(["--study", json.dumps(given), *folders])
    notes = json.loads((tmp_path / "out" / ASSUMED).read_text())
    assert "n_params: column 'Params (M)', times 1e6" in notes
    assert capsys.readouterr().out.splitlines() == [f"assumed: {note}" for note in notes]
    assert report.assumed(tmp_path / "out" / ASSUMED)[0].endswith(
        f"table of this study: {notes[0]}."
    )
