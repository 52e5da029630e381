"""Text files of many makers: read as they were meant, or refused with the lines."""

import numpy as np
import pytest

from isoloss.errors import UserError
from isoloss.laws import LAWS
from isoloss.tables.data import read
from isoloss.tables.read import read_table

N = np.array([2e7, 5e7, 3.5e8, 7e8, 1.3e9, 2.7e9, 6.7e9])
D = np.array([4e8, 3e9, 1e10, 5e9, 4e10, 2e10, 3e11])
LOSS = np.round(1.7 + 400 / N**0.34 + 400 / D**0.28, 4)
ROWS = list(zip(N, D, LOSS, strict=True))


@pytest.fixture
def file(tmp_path):
    """A function: lines of text -> path of a file with them."""

    def write(*lines, name="runs.csv"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def lines(separator=",", form="{:.0f}{s}{:.0f}{s}{:.4f}", header=("n_params", "n_tokens", "loss")):
    return [separator.join(header), *(form.format(*row, s=separator) for row in ROWS)]


def losses(path):
    found = read(read_table(path), LAWS["chinchilla"], {})
    np.testing.assert_allclose(np.exp(found.log_x["n_params"]), N)
    return np.exp(found.log_loss), found.notes


def refused(path):
    with pytest.raises(UserError) as caught:
        read(read_table(path), LAWS["chinchilla"], {})
    return caught.value.problems


def test_unquoted_decimal_commas_are_refused_and_not_cut_off(file):
    commas = [line.replace(".", ",") for line in lines()]
    assert refused(file(*commas)) == (
        "lines 2, 3, 4, 5, 6, 7, 8 of the file: more cells than the header's 3 columns, e.g. "
        f"{commas[1]!r}; decimal commas (quote them, or put ; between columns) or a column "
        "without a name?",
    )


def test_a_surplus_cell_is_named_with_its_line_where_comments_and_blank_lines_stand_above(file):
    text = ["# exported", "", *lines()]
    text[5] += ",7"
    (said,) = refused(file(*text))
    assert said.startswith("line 6 of the file: more cells than the header's 3 columns, e.g. ")


@pytest.mark.parametrize("header", [",", ",,", ""])
def test_empty_cells_at_the_end_of_lines_do_no_harm(file, header):
    first, *rest = lines()
    found, _ = losses(file(first + header, *(f"{line},," for line in rest)))
    np.testing.assert_allclose(found, LOSS)


def test_a_cell_under_an_empty_header_at_the_end_is_surplus(file):
    first, *rest = lines()
    (said,) = refused(file(f"{first},", *(line.replace(".", ",") for line in rest)))
    assert said.startswith("lines 2, 3, 4, 5, 6, 7, 8 of the file: more cells")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_comments_above_the_header_are_skipped_and_four_separators_read(file, separator):
    found, _ = losses(file("# exported by me, today", "#", *lines(separator)))
    np.testing.assert_allclose(found, LOSS)


def test_columns_between_blanks_are_answered_with_the_separators_that_are_read(file):
    assert refused(file(*lines(" "), name="runs.txt")) == (
        "the header 'n_params n_tokens loss' is one column; comma, semicolon, tab or | must stand "
        "between columns",
    )


def test_a_file_without_names_of_columns_is_refused(file):
    (said,) = refused(file(*lines()[1:]))
    assert said.startswith("the first line holds numbers, not the names of columns: 20000000, ")


def test_decimal_commas_between_semicolons_are_read_with_a_note(file):
    text = [line.replace(".", ",") for line in lines(";", "{:.1f}{s}{:.3e}{s}{:.4f}")]
    found, notes = losses(file(*text))
    np.testing.assert_allclose(found, LOSS)
    assert f"loss: column 'loss', '{LOSS[0]:.4f}' is {LOSS[0]:g}".replace(".", ",", 1) in notes


def test_commas_that_may_be_thousands_or_decimals_are_refused(file):
    text = [line.replace(".", ",") for line in lines(";")]
    text[1:] = [f"{20 + i},000;{line.split(';', 1)[1]}" for i, line in enumerate(text[1:])]
    (said,) = refused(file(*text))
    assert said == (
        "column 'n_params' holds thousands or decimals, e.g. '20,000': write it without a comma: "
        "rows 1, 2, 3, 4, 5, 6, 7"
    )


def test_thousands_between_semicolons_are_thousands(file):
    text = lines(";", "{:,.0f}{s}{:,.0f}{s}{:.4f}")
    np.testing.assert_allclose(losses(file(*text))[0], LOSS)


def test_a_column_with_decimal_commas_and_points_is_refused(file):
    text = lines(";")
    text[3] = text[3].replace(".", ",")
    (said,) = refused(file(*text))
    written = text[3].rsplit(";", 1)[1]
    assert said == (
        f"column 'loss' is not a number, e.g. '{written}' (decimal commas beside decimal points: "
        f"write {written.replace(',', '.')}): row 3"
    )
