"""A user's own table as a study: what is read, and what is said of a bad one."""

import pandas as pd
import pytest

from isoloss.collect.imported import READERS, read_table
from isoloss.config.study import ENDINGS, Table
from isoloss.errors import UserError

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


def test_a_table_that_can_be_read_is_one_that_a_config_may_name():
    assert tuple(READERS) == ENDINGS


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
    assert problems(tmp_path / "broken.parquet")[0].startswith("could not be read: ")
    assert problems(tmp_path / "mine.xlsx") == (
        "the name must end in one of .csv, .tsv, .parquet, .jsonl",
    )
