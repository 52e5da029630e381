"""The tables' columns, and what is written."""

import pytest

from isoloss.tables.schema import RUN_COLUMNS, typed


def test_a_table_has_exactly_the_declared_columns_in_order_and_of_their_types():
    table = typed([{"run_id": "a", "loss": 1.5, "seed": 3}, {"run_id": "b"}], RUN_COLUMNS)
    assert list(table.columns) == [column.name for column in RUN_COLUMNS]
    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == {
        column.name: column.dtype for column in RUN_COLUMNS
    }


def test_what_was_not_measured_is_null():
    table = typed([{"run_id": "a", "loss": None, "exact_match": float("nan")}], RUN_COLUMNS)
    assert table[["loss", "exact_match", "seed"]].isna().all(axis=None)


def test_a_column_that_nobody_declared_is_not_lost_silently():
    with pytest.raises(KeyError, match="columns that are not declared: lsos"):
        typed([{"run_id": "a", "lsos": 1.0}], RUN_COLUMNS)
