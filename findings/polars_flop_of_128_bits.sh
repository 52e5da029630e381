#!/usr/bin/env bash
# polars 2.1.0: whole FLOP become 128-bit integers, and pyarrow 26.0.0 refuses the whole file.
#
# What one believes: a Parquet file that polars wrote can be read by pyarrow, pandas and others.
# What happens: whole numbers above 9.2e18, as 6 N D of nearly any language model is, become Int128
# when polars makes a frame of them or reads a CSV. write_parquet says nothing. pyarrow refuses to
# open the file, even for its other columns or its schema alone. The same product as an expression,
# 6 * pl.col(N) * pl.col(D), stays Int64 instead, and wraps round without a word.
# Output seen: ArrowNotImplementedError, "Integers with more than 64 bits not implemented". As an
# expression, 6 x 1e9 x 2e10 is -9127208515966861312, and 6 x 1e10 x 1e11 is 4.8e18 for 6e21.
# Why it matters for a fit: a table of runs is shared in this form, and another's tool calls it
# broken; a compute that wrapped to a positive number is not even seen.
# isoloss: says what the file holds and how to save it, for polars_int.parquet in
# test_a_case_that_cannot_be_fitted_is_named_for_what_it_is of
# tests/tables/test_as_people_have_them.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet polars==2.1.0 pyarrow==26.0.0
cd "$folder"
venv/bin/python -I - <<'PYTHON'
import sys
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

N, D = [10**9, 10**10], [2 * 10**10, 10**11]
flop = [6 * n * d for n, d in zip(N, D, strict=True)]
runs = pl.DataFrame({"compute": flop, "loss": [3.0, 2.9]})
runs.write_parquet("runs.parquet")
Path("runs.csv").write_text("".join(f"{row}\n" for row in ["compute", *flop]))
product = 6 * pl.col("n") * pl.col("d")


def refused(read):
    try:
        read()
    except pa.ArrowNotImplementedError as error:
        return str(error)


seen = {
    "type in a frame": str(runs.schema["compute"]),
    "type from a CSV": str(pl.read_csv("runs.csv").schema["compute"]),
    "read back by polars": pl.read_parquet("runs.parquet")["compute"].to_list(),
    "pyarrow, the loss alone": refused(lambda: pq.read_table("runs.parquet", columns=["loss"])),
    "pyarrow, the schema": refused(lambda: pq.read_schema("runs.parquet")),
    "as an expression": pl.DataFrame({"n": N, "d": D}).select(product).to_series().to_list(),
}
message = "Integers with more than 64 bits not implemented"
known = {
    "type in a frame": "Int128",
    "type from a CSV": "Int128",
    "read back by polars": [12 * 10**19, 6 * 10**21],
    "pyarrow, the loss alone": message,
    "pyarrow, the schema": message,
    "as an expression": [-9127208515966861312, 4808176044395724800],
}
for what, value in seen.items():
    print(f"{what}: {value}")
changed = [what for what in known if seen[what] != known[what]]
if changed:
    sys.exit(f"the behaviour has changed: {', '.join(changed)}")
PYTHON
