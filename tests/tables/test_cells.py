"""Cells that are no plain numbers: read where they can mean one thing only, and else refused."""

import numpy as np
import pandas as pd
import pytest

from isoloss.errors import UserError
from isoloss.laws import LAWS
from isoloss.tables.data import read

N = np.array([2e7, 5e7, 3.5e8, 7e8, 1.3e9, 2.7e9, 6.7e9])
D = np.array([4e8, 3e9, 1e10, 5e9, 4e10, 2e10, 3e11])
LOSS = 1.7 + 400 / N**0.34 + 400 / D**0.28


def data(cells, named=None, **settings):
    table = pd.DataFrame({"n_params": N, "n_tokens": D, "loss": LOSS} | cells)
    return read(table, LAWS["chinchilla"], named or {}, **settings)


def refused(cells, named=None, **settings):
    with pytest.raises(UserError) as caught:
        data(cells, named, **settings)
    return caught.value.problems, caught.value.hint


@pytest.mark.parametrize(
    "cells",
    [
        ["20M", "50M", "350M", "700 M", "1.3B", "2.7b", "6.7B"],
        ["20000K", "50M", "0.35B", "700M", "1,300M", "0.0027T", "6.7B"],
        [f"{int(n):,}" for n in N],
        ["20000000", 5e7, "3.5e8", "700,000,000", "1.3B", 2_700_000_000, " 6.7B "],
    ],
)
def test_suffixes_and_thousands_are_read_in_counts_with_an_example_in_a_note(cells):
    found = data({"n_params": cells})
    np.testing.assert_allclose(np.exp(found.log_x["n_params"]), N)
    assert found.notes
    assert all(note.startswith("n_params: column 'n_params', ") for note in found.notes)


def test_the_note_shows_what_a_cell_was_read_as():
    assert data({"n_tokens": ["0.4B", *D[1:]]}).notes == (
        "n_tokens: column 'n_tokens', '0.4B' is 4e+08",
    )


@pytest.mark.parametrize("cell", ["1,30", "1300,000,00", "13,00,000", "1.3G", "B", "1.3MM"])
def test_what_is_neither_a_suffix_nor_thousands_is_refused_in_counts(cell):
    problems, hint = refused({"n_params": [*N[:4], cell, *N[5:]]})
    assert problems[0].startswith(f"column 'n_params' is not a number, e.g. '{cell}'")
    assert problems[0].endswith(": row 5")
    assert hint == "to leave these rows out: --without 5"


@pytest.mark.parametrize("cell", ["3M", "3,000", "3.1B", "3,1"])
def test_a_loss_is_never_read_so(cell):
    (problem,), _ = refused({"loss": [*LOSS[:2], cell, *LOSS[3:]]})
    assert problem.startswith(f"column 'loss' is not a number, e.g. '{cell}'")


def test_a_decimal_comma_is_answered_with_what_to_do():
    (problem,), _ = refused({"loss": [f"{loss:.4f}".replace(".", ",") for loss in LOSS]})
    first = f"{LOSS[0]:.4f}"
    assert problem == (
        f"column 'loss' is not a number, e.g. '{first.replace('.', ',')}' (a decimal comma? write "
        f"{first}, or put ; between columns): rows 1, 2, 3, 4, 5, 6, 7"
    )


def test_a_cell_with_a_unit_is_not_multiplied_once_more():
    cells = [*(N / 1e6)[:4], "1.3B", *(N / 1e6)[5:]]
    problems, hint = refused({"n_params": cells}, {"n_params": "n_params*1e6"})
    assert problems == (
        "column 'n_params' has a unit of its own, e.g. '1.3B', beside the factor 1e+06: leave out "
        "one of them ('*1' is no factor): row 5",
    )
    assert hint == "to leave these rows out: --without 5"


def test_rows_keep_their_numbers_under_a_factor():
    table = pd.DataFrame({"N": [*N[:2], "x", *N[3:]], "n_tokens": D, "loss": LOSS}).drop(index=[0])
    with pytest.raises(UserError) as caught:
        read(table, LAWS["chinchilla"], {"n_params": "N*1e0"})
    assert caught.value.problems == ("column 'N' is not a number, e.g. 'x': row 3",)


@pytest.mark.parametrize("missing", [None, np.nan, "", " ", pd.NA, pd.NaT])
def test_rows_that_do_not_say_their_run_are_named(missing):
    runs = ["a", missing, "b", "b", "c", missing, "d"]
    problems, hint = refused({"run": pd.Series(runs, dtype=object)}, cluster="run")
    assert problems == ("column 'run' does not say which run: rows 2, 6",)
    assert hint == "to leave these rows out: --without 2,6"
