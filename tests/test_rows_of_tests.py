"""The selection of rows that tests use finds what is there, and nothing else."""

import pandas as pd
import pytest

from tests.rows import one, some

ROWS = pd.DataFrame(
    {"quantity": ["a", "a", "b"], "kind": ["point", "line", "point"], "value": [1.0, 2.0, 3.0]}
)


def test_rows_that_are_there_are_found():
    assert some(ROWS, "a")["value"].tolist() == [1.0, 2.0]
    assert some(ROWS, kind="point")["value"].tolist() == [1.0, 3.0]
    assert one(ROWS, "a", kind="line")["value"] == 2.0


@pytest.mark.parametrize("select", [some, one])
def test_no_rows_are_an_error_that_says_what_there_is(select):
    with pytest.raises(LookupError, match=r"^no row has quantity = 'c' of .*'a', 'b'"):
        select(ROWS, "c")
    with pytest.raises(LookupError, match=r"^no row has kind = 'line' of .*'point'"):
        select(ROWS, "b", kind="line")
    with pytest.raises(LookupError, match=r"^there are no rows$"):
        select(ROWS[:0])


def test_two_rows_are_not_one():
    with pytest.raises(LookupError, match=r"^2 rows have quantity = 'a'"):
        one(ROWS, "a")
