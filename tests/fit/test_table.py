"""Malformed tables: every problem named with its rows, no traceback, no silent answer."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isoloss.errors import UserError
from isoloss.fit import fit_law

N, D = (a.ravel() for a in np.meshgrid(np.geomspace(1e5, 1e8, 3), np.geomspace(1e7, 1e10, 3)))
LOSS = 1.7 + 400 / N**0.34 + 400 / D**0.28
GOOD = pd.DataFrame({"n_params": N, "n_tokens": D, "loss": LOSS})

CELLS = st.one_of(
    st.sampled_from(
        [
            None,
            "",
            "abc",
            "1e9",
            "1,000",
            "1.3B",
            "20M*",
            "1,3",
            "nan",
            "-inf",
            "٣",
            True,
            False,
            0,
            -1,
            1e400,
        ]
    ),
    st.floats(),
    st.integers(-(10**400), 10**400),
    st.text(max_size=4),
    st.just([1.0]),
    st.just(1 + 2j),
)
WRITTEN = ["{:.3f}M", "{:,.0f}", "{:.0f}", "{:g} B"]  # a whole column
NAMES = ["n", "d", "N", "C", "l", "size", "Params (M)", "tokens_billions", "loss/eval", "flops"]
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("cell"), st.integers(0, 8), st.sampled_from(list(GOOD)), CELLS),
        st.tuples(st.just("drop column"), st.sampled_from(list(GOOD))),
        st.tuples(st.just("rename"), st.sampled_from(list(GOOD)), st.text(max_size=9)),
        st.tuples(st.just("constant"), st.sampled_from(list(GOOD)), st.floats(1e-9, 1e12)),
        st.tuples(st.just("keep rows"), st.integers(0, 9)),
        st.tuples(st.just("repeat a row"), st.integers(0, 8)),
        st.tuples(st.just("divide"), st.sampled_from(list(GOOD)), st.sampled_from([1e6, 1e9])),
        st.tuples(st.just("as text"), st.sampled_from(list(GOOD)), st.sampled_from(WRITTEN)),
        st.tuples(st.just("rename"), st.sampled_from(list(GOOD)), st.sampled_from(NAMES)),
    ),
    min_size=1,
    max_size=4,
)


def changed(changes):
    table = GOOD.astype(object)
    for kind, *what in changes:
        if kind == "cell" and what[1] in table and what[0] < len(table):
            row, column, value = what
            values = list(table[column])
            values[row] = value
            table[column] = pd.Series(values, index=table.index, dtype=object)
        elif kind == "drop column":
            table = table.drop(columns=what[0], errors="ignore")
        elif kind == "rename":
            table = table.rename(columns={what[0]: what[1]})
        elif kind == "constant" and what[0] in table:
            table[what[0]] = pd.Series([what[1]] * len(table), index=table.index, dtype=object)
        elif kind == "keep rows":
            table = table.iloc[: what[0]]
        elif kind == "repeat a row" and what[0] < len(table):
            table = pd.concat([table, table.iloc[[what[0]]]], ignore_index=True)
        elif kind == "divide" and what[0] in table:
            divided = [v / what[1] if isinstance(v, float) else v for v in table[what[0]]]
            table[what[0]] = pd.Series(divided, index=table.index, dtype=object)
        elif kind == "as text" and what[0] in table:
            texts = [what[1].format(v) if isinstance(v, float) else v for v in table[what[0]]]
            table[what[0]] = pd.Series(texts, index=table.index, dtype=object)
    return table


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(changes=CHANGES)
def test_a_malformed_table_is_refused_in_words_or_fitted_and_never_modified(changes):
    table = changed(changes)
    before = table.copy(deep=True)
    try:
        result = fit_law(table, "chinchilla", draws=9)
    except UserError as error:
        assert error.problems
        assert all(problem and "Traceback" not in problem for problem in error.problems)
    else:
        json.dumps(result.to_dict(), allow_nan=False)
        assert result.verdict
        assert result.n_rows == len(table)
    assert repr(list(table.items())) == repr(list(before.items()))


def problems(table, **settings):
    with pytest.raises(UserError) as caught:
        fit_law(table, "chinchilla", **settings)
    return caught.value.problems


def test_every_problem_of_a_table_is_named_with_its_rows():
    table = GOOD.astype(object)
    table.loc[1, "loss"] = "x"
    table.loc[[2, 5], "n_params"] = 0.0
    table.loc[3, "n_tokens"] = np.nan
    assert problems(table) == (
        "column 'n_params' is zero or negative: rows 3, 6",
        "column 'n_tokens' is empty or NaN: row 4",
        "column 'loss' is not a number, e.g. 'x': row 2",
    )


def test_too_few_runs_are_refused():
    assert problems(GOOD.iloc[:5]) == (
        "5 parameters of chinchilla need more than 5 different points, got 5 rows at 5 different "
        "points; a law of one variable has three: --law power_law_floor --x n_params",
    )


def test_one_size_only_is_refused():
    table = pd.DataFrame({"n_params": 1e6, "n_tokens": np.geomspace(1e7, 1e9, 9), "loss": LOSS})
    assert problems(table) == (
        "column 'n_params': n_params is 1e+06 in every row, so its exponent cannot be found; of "
        "'n_tokens' alone: --law power_law_floor --x n_tokens",
    )


def test_the_same_row_twice_is_refused():
    table = pd.concat([GOOD, GOOD.iloc[[0, 4]]], ignore_index=True)
    assert problems(table) == (
        "the same in every column as an earlier row: rows 10, 11 (--without 10,11 leaves them out; "
        "repeated runs need a column that tells them apart, e.g. their seed)",
    )


def test_losses_worse_than_chance_are_refused_where_the_vocabulary_is_known():
    assert problems(GOOD, vocabulary=200) == (
        "column 'loss' is above ln(200) = 5.298 nats, worse than chance: rows 1, 2, 3, 4, 5, 7",
    )


def test_billions_instead_of_parameters_are_refused():
    table = GOOD.assign(n_params=GOOD["n_params"] / 1e9 * 1.00001)
    assert problems(table) == (
        "column 'n_params' looks like billions of parameters (largest 0.100001); "
        "parameters are wanted, e.g. --column n_params='n_params*1e9'",
    )


def test_what_is_no_table_is_refused():
    with pytest.raises(
        UserError, match=r"is no table: a DataFrame or a mapping is needed, got int"
    ):
        fit_law(3)
