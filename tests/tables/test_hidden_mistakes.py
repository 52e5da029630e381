"""Mistakes that leave a table readable, and that a message must name."""

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from tests.tables.spoilt import LOSS, D, N

from isoloss.errors import UserError
from isoloss.laws import LAWS
from isoloss.tables.data import read
from isoloss.tables.read import read_table

TABLE = pd.DataFrame(
    {"run": [f"run{i}" for i in range(16)], "n_params": N, "n_tokens": D, "loss": LOSS}
)
LINES = TABLE.to_csv(index=False).splitlines(keepends=True)


def data(table):
    return read(table, LAWS["chinchilla"], {})


@pytest.mark.parametrize("second", [5, 9])
def test_two_quotes_that_are_not_closed_hide_no_rows(tmp_path, second):
    """A quote takes in all lines down to the next: 13 rows were fitted without a word."""
    lines = [f'"{line}' if i in (4, second) else line for i, line in enumerate(LINES)]
    path = tmp_path / "runs.csv"
    path.write_text("".join(lines))
    with pytest.raises(UserError, match=r"line 5 of the file has a quote that is not closed"):
        read_table(path)


def test_a_cell_of_several_lines_is_read(tmp_path):
    path = tmp_path / "runs.csv"
    table = TABLE.assign(run=["two\nlines, here" if i == 3 else f"run{i}" for i in range(16)])
    table.to_csv(path, index=False)
    assert len(read_table(path)) == 16


def test_quotes_of_markdown_quote_nothing(tmp_path):
    rows = ["| " + " | ".join(line.strip().split(",")) + " |" for line in LINES]
    rows = [row.replace("run3 ", '"run3 ').replace("run7 ", '"run7 ') for row in rows]
    path = tmp_path / "runs.md"
    path.write_text("\n".join([rows[0], "|---|---|---|---|", *rows[1:]]) + "\n")
    assert len(read_table(path)) == 16


def test_a_row_in_another_unit_is_named():
    far = TABLE.assign(n_tokens=np.where(np.arange(16) == 6, D * 1e-6, D))
    assert any("row 7: n_tokens 8100 is 5.31e+04 times smaller" in w for w in data(far).warnings)
    near = TABLE.assign(n_params=np.where(np.arange(16) == 15, N * 1e-3, N))
    assert any("row 16: n_params 9e+05 is 22.2 times smaller" in w for w in data(near).warnings)


def test_a_large_run_on_the_law_of_the_others_is_no_slip_of_units():
    n, d = np.append(N, 2e10), np.append(D, 3.6e10)
    loss = 1.7 + 406 / n**0.34 + 411 / d**0.28
    found = data(pd.DataFrame({"n_params": n, "n_tokens": d, "loss": loss}))
    assert not any("another unit" in warning for warning in found.warnings)


def test_sizes_that_are_called_tokens_are_warned_about():
    found = data(TABLE.rename(columns={"n_params": "n_tokens", "n_tokens": "n_params"}))
    assert any("tokens per parameter in median" in warning for warning in found.warnings)


@pytest.mark.parametrize(("left", "warned"), [(4, True), (1, False)])
def test_a_file_that_ends_inside_of_a_number_is_warned_about(tmp_path, left, warned):
    """Only the last line's missing end and its short cell tell."""
    path = tmp_path / "runs.csv"
    path.write_text("".join(LINES)[:-left])
    found = data(read_table(path)).warnings
    assert any("was the file cut off?" in warning for warning in found) == warned


def test_one_run_in_two_files_of_a_pattern_is_one(tmp_path):
    for i in range(16):
        (tmp_path / f"run{i:02}.csv").write_text(LINES[0] + LINES[i + 1])
    (tmp_path / "run99.csv").write_text(LINES[0] + LINES[4])
    with pytest.raises(UserError, match="the same in every column as an earlier row: row 17"):
        data(read_table(tmp_path / "run*.csv"))


def test_damaged_metadata_of_pandas_are_no_traceback(tmp_path):
    path = tmp_path / "runs.parquet"
    whole = pyarrow.Table.from_pandas(TABLE)
    broken = {b"pandas": whole.schema.metadata[b"pandas"].replace(b'"', b"'")}
    pyarrow.parquet.write_table(whole.replace_schema_metadata(broken), path)
    with pytest.raises(UserError, match="is not whole Parquet"):
        read_table(path)


def test_a_changed_bit_of_parquet_with_checksums_is_seen(tmp_path):
    path = tmp_path / "runs.parquet"
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pandas(TABLE), path, write_page_checksum=True, compression="none",
        use_dictionary=False,
    )  # fmt: skip
    content = bytearray(path.read_bytes())
    content[content.index(np.float64(LOSS[3]).tobytes()) + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="CRC checksum"):
        read_table(path)


def wrapping():
    """6 N D in whole numbers of 64 bits, as NumPy and pandas multiply."""
    n, d = N.astype(np.int64), (D * 12).astype(np.int64)
    with np.errstate(over="ignore"):
        return TABLE.assign(n_tokens=d, flops=6 * n * d)


def test_compute_that_wraps_around_in_64_bits_is_named_where_it_gives_the_tokens():
    table = wrapping().drop(columns="n_tokens")
    assert table["flops"].min() < 0
    with pytest.raises(UserError, match=r"'flops' is zero or negative, as products .* 64 bits"):
        data(table)


def test_compute_that_wraps_around_in_64_bits_is_warned_about_beside_the_tokens():
    warnings = data(wrapping()).warnings
    assert any("'flops' has negative numbers, as products" in text for text in warnings)
    positive = wrapping().assign(flops=lambda t: t["flops"].abs())
    warnings = data(positive).warnings
    assert any("'flops' is far from 6 N D where that is beyond 9.22e+18" in w for w in warnings)
