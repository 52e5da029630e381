"""Files of many formats give the same table, or are named for what they are."""

import gzip
import json
import sqlite3

import numpy as np
import pandas as pd
import pyarrow
import pytest

from isoloss.errors import UserError
from isoloss.laws import LAWS
from isoloss.tables.data import read
from isoloss.tables.read import read_table

N = np.array([20000, 50000, 350000, 700000, 1300000, 2700000, 6700000])
D = np.array([400000, 3000000, 10000000, 5000000, 40000000, 20000000, 300000000])
LOSS = np.round(1.7 + 40 / N**0.34 + 40 / D**0.28, 4)
TABLE = pd.DataFrame({"n_params": N, "n_tokens": D, "loss": LOSS})
RECORDS = TABLE.to_dict("records")


def values(path):
    found = read(read_table(path), LAWS["chinchilla"], {})
    return [np.exp(x) for x in (*found.log_x.values(), found.log_loss)]


def markdown(bars):
    rows = [TABLE.columns, ["---"] * 3, *TABLE.astype(str).to_numpy()]
    lines = [" | ".join(row) for row in rows]
    return "\n".join(f"| {line} |" if bars else line for line in lines) + "\n"


def grouped(sign, column):
    return [f"{x:,}".replace(",", sign) for x in column]


def sheet(sign):
    cells = zip(grouped(sign, N), grouped(sign, D), LOSS.astype(str), strict=True)
    lines = [f"{n};{d};{loss.replace('.', ',')}" for n, d, loss in cells]
    return "\n".join(["n_params;n_tokens;loss", *lines]) + "\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("runs.md", markdown(bars=True)),
        ("runs.md", f"# Results\n\nSome words.\n\n{markdown(bars=False)}\nMore words.\n"),
        ("runs.txt", markdown(bars=True)),
        ("runs.json", json.dumps(RECORDS)),
        ("runs.json", json.dumps({"runs": RECORDS})),
        ("runs.json", json.dumps(TABLE.to_dict("list"))),
        ("runs.json", json.dumps({f"run{i}": row for i, row in enumerate(RECORDS)})),
        ("runs.json", TABLE.to_json()),
        ("runs.json", json.dumps([{"config": {"n_params": r["n_params"]}, "summary": {
            "n_tokens": r["n_tokens"], "eval/loss": r["loss"]}} for r in RECORDS])),
        ("runs.jsonl", "\n".join(json.dumps({"cfg": {"n_params": r["n_params"]}, "n_tokens":
            r["n_tokens"], "loss": r["loss"]}) for r in RECORDS)),
        ("runs.csv", f"sep=;\n{TABLE.to_csv(index=False, sep=';')}"),
        ("runs.csv", sheet(".")),
        ("runs.csv", sheet("\u202f")),
        ("runs.csv", sheet("'")),
    ],
)  # fmt: skip
def test_a_table_is_read_from_text_of_many_forms(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    n, d, loss = values(path)
    np.testing.assert_allclose(n, N)
    np.testing.assert_allclose(d, D)
    np.testing.assert_allclose(loss, LOSS)


def test_groups_of_a_german_sheet_without_two_dots_are_thousands_and_said(tmp_path):
    rows = zip((N / 1000).astype(int), (D / 1000).astype(int) % 999 + 1, LOSS, strict=True)
    lines = [f"{n % 999 + 1}.000;{d}.000;{str(loss).replace('.', ',')}" for n, d, loss in rows]
    path = tmp_path / "de.csv"
    path.write_text("\n".join(["n_params;n_tokens;loss", *lines]))
    table = read(read_table(path), LAWS["chinchilla"], {})
    assert np.exp(table.log_x["n_params"][0]) == pytest.approx(21000)
    assert "n_params: column 'n_params', '21.000' is 21000" in table.notes


def test_cells_such_as_25_000_in_a_plain_file_are_warned_about_with_a_thousand(tmp_path):
    path = tmp_path / "plain.csv"
    rows = [f"{25 + i}.000,{10**9 * (i + 1)},{3 - i / 10}" for i in range(8)]
    path.write_text("\n".join(["n_params,n_tokens,loss", *rows]))
    said = " ".join(read(read_table(path), LAWS["chinchilla"], {}).warnings)
    assert "--column n_params='n_params*1e3'" in said or "n_params*1000" in said
    assert "1e6" not in said


def test_compressed_files_and_patterns_are_read(tmp_path):
    text = TABLE.to_csv(index=False)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    with pyarrow.output_stream(str(tmp_path / "b.csv.zst"), compression="zstd") as stream:
        stream.write(text.encode())
    (tmp_path / "c.csv").write_bytes(b"\xff\xfe" + text.encode("utf-16-le"))
    for path in tmp_path.iterdir():
        np.testing.assert_allclose(values(path)[0], N)
    for i, row in enumerate(RECORDS):
        (tmp_path / f"run{i}.csv").write_text(pd.DataFrame([row]).to_csv(index=False))
    np.testing.assert_allclose(values(tmp_path / "run*.csv")[2], LOSS)


def test_the_one_table_of_a_database_is_read_and_several_are_named(tmp_path):
    path = tmp_path / "runs.sqlite"
    with sqlite3.connect(path) as database:
        TABLE.to_sql("runs", database, index=False)
    np.testing.assert_allclose(values(path)[1], D)
    with sqlite3.connect(path) as database:
        TABLE.to_sql("more", database, index=False)
    with pytest.raises(UserError, match=r"has 2 tables \(more, runs\)"):
        read_table(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"log_history": [{"step": 5, "eval_loss": 2.5}]}, "trainer_state.json, .*2.5 at step 5"),
        ({"results": {"c4": {"bits_per_byte,none": 1}}, "config": {}}, "results file of lm-eval"),
        ([1, 2], "is no list of records"),
    ],
)
def test_json_that_is_no_table_is_named(tmp_path, content, said):
    path = tmp_path / "state.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=said):
        read_table(path)
