"""A user's own table as a study: what is read, and what is said of a bad one."""

import pandas as pd
import pytest

from isoloss.config.study import Table
from isoloss.errors import UserError
from isoloss.runs.imported import read_table

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
    runs = read_table(study(path))
    assert runs["n_params"].tolist() == [1_000_000, 2_000_000, 4_000_000]
    assert runs["loss"].tolist() == [3.0, 2.5, 2.2]
    assert runs["run_id"].tolist() == ["mine-row1", "mine-row2", "mine-row3"]
    assert runs["n_tokens"].isna().all()


def test_all_bad_values_are_said_at_once_with_their_rows(tmp_path):
    path = tmp_path / "mine.csv"
    table(final=["3.0", "n/a?", "-1"], FLOP=[1e15, None, 0]).to_csv(path, index=False)
    assert problems(path) == (
        "column 'FLOP': must be positive and finite, row 2, 3: got 'nan'",
        "column 'final': must be positive and finite, row 2, 3: got 'n/a?'",
    )


def test_missing_columns_name_the_nearest(tmp_path):
    path = tmp_path / "mine.csv"
    table().to_csv(path, index=False)
    assert problems(path, {"n_params": "ModelSize", "n_parms": "FLOP"}) == (
        "columns.n_params: the table has no column 'ModelSize'; did you mean 'Model Size'?",
        "columns.n_parms: is not a column of runs with numbers; did you mean 'n_params'?",
        "columns.loss: missing",
    )


def test_an_unreadable_an_empty_and_an_unknown_file_are_named(tmp_path):
    (tmp_path / "empty.csv").write_text("Model Size,FLOP,final\n")
    assert problems(tmp_path / "empty.csv") == ("the table has no rows",)
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
         "column 'N': must be whole; in millions or billions? Multiply the column, so that it is "
         "in units, row 1, 2, 3: got '0.07'"),
        ("N,D,loss\n9.3e18,1e9,3\n", SHORT,
         "column 'N': must be below 2^63 (9.2e18), row 1: got '9.3e+18'"),
        ("N,D,loss\n1e7,99999999999999999999,3\n", SHORT,
         "column 'D': must be below 2^63 (9.2e18), row 1: got '99999999999999999999'"),
        ("N,N,D,loss\n1e7,1e7,1e9,3\n", SHORT, "the header names column 'N' 2 times"),
        ("N,D,loss,s\n1e7,1e9,3,-1\n", SHORT | {"seed": "s"},
         "column 's': must be not negative and finite, row 1: got '-1'"),
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
    runs = read_table(study(tmp_path / f"mine.{ending}", SHORT))
    assert runs["n_params"].tolist() == [10_000_000, 20_000_000]


def test_a_seed_and_a_dropout_of_zero_and_computed_counts_are_read(tmp_path):
    (tmp_path / "mine.csv").write_text("N,D,loss,s,p\n1e7,1234567890.4,3,0,0\n")
    columns = SHORT | {"seed": "s", "dropout": "p"}
    (row,) = read_table(study(tmp_path / "mine.csv", columns)).to_dict("records")
    assert (row["seed"], row["dropout"], row["n_tokens"]) == (0, 0.0, 1234567890)


def test_cells_of_json_that_are_no_numbers_are_named_with_their_rows(tmp_path):
    (tmp_path / "mine.jsonl").write_text('{"N": [1], "D": 1e9, "loss": {"a": 1}}\n')
    assert [problem.split(":")[0] for problem in problems(tmp_path / "mine.jsonl", SHORT)] == [
        "column 'N'",
        "column 'loss'",
    ]
