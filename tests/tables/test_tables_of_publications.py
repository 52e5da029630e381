"""Tables as repositories of papers have them: logarithms, nameless columns, rows set aside."""

import numpy as np
import pandas as pd
import pytest

from isoloss.cli.main import main
from isoloss.errors import UserError
from isoloss.laws import LAWS
from isoloss.tables.data import read
from isoloss.tables.read import read_table

CHINCHILLA = LAWS["chinchilla"]
N = np.tile([2e7, 6e7, 2e8, 6e8], 4)
D = np.repeat([4e8, 2e9, 1e10, 5e10], 4)
LOSS = 1.7 + 400 / N**0.34 + 410 / D**0.28
TABLE = pd.DataFrame({"n_params": N, "n_tokens": D, "loss": LOSS})


def said(path, capsys, *options):
    code = main(["fit", str(path), "--draws", "0", *options])
    out, err = capsys.readouterr()
    return code, out + err


def written(tmp_path, table):
    path = tmp_path / "runs.csv"
    table.to_csv(path, index=False)
    return path


def test_logarithms_of_tokens_and_compute_are_named_and_read(tmp_path, capsys):
    """IBM/ColPret writes log10 of both; as ZFLOP they gave plausible tokens a parameter."""
    table = TABLE.assign(num_token=np.log10(D), flops=np.log10(6 * N * D))
    path = written(tmp_path, table.drop(columns="n_tokens"))
    code, text = said(path, capsys)
    assert code == 2
    assert "looks like log10 of tokens" in text
    assert "--column n_tokens='10**num_token'" in text
    code, text = said(path, capsys, "--column", "n_tokens=10**num_token")
    assert code == 0
    read_in = read(read_table(path), CHINCHILLA, {"n_tokens": "10**num_token"})
    assert np.allclose(read_in.log_x["n_tokens"], np.log(D), rtol=1e-12)


def test_a_logarithm_of_compute_alone_is_no_zflop(tmp_path, capsys):
    table = TABLE.assign(flops=np.log10(6 * N * D)).drop(columns="n_tokens")
    path = written(tmp_path, table)
    code, text = said(path, capsys)
    assert code == 2
    assert "--column compute='10**flops'" in text
    assert "ZFLOP" not in text
    read_in = read(read_table(path), CHINCHILLA, {"compute": "10**flops"})
    assert np.allclose(read_in.log_x["n_tokens"], np.log(D), rtol=1e-9)


def test_a_power_beyond_all_quantities_is_a_problem_of_its_row():
    table = TABLE.assign(logs=np.where(np.arange(16) == 3, 400.0, np.log10(D)))
    with pytest.raises(UserError, match=r"column 'logs' is no logarithm of a quantity: row 4"):
        read(table, CHINCHILLA, {"n_tokens": "10**logs"})


def test_rows_that_the_authors_set_aside_do_not_count(tmp_path, capsys):
    path = written(tmp_path, TABLE.assign(outlier=np.arange(16) == 5))
    code, text = said(path, capsys)
    assert code == 0
    assert "1 of 16 rows do not count, as column 'outlier' is 'True': row 6" in text


def test_lines_of_empty_cells_are_left_out(tmp_path, capsys):
    lines = TABLE.to_csv(index=False).splitlines()
    path = tmp_path / "runs.csv"
    path.write_text("\n".join([*lines[:5], ",,", *lines[5:]]) + "\n")
    code, text = said(path, capsys)
    assert code == 0
    assert "16 rows: N 2e+07 to 6e+08" in text
    assert "empty in every column, and left out: row 5" in text


def test_joined_cells_of_a_header_are_named_for_what_they_are(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("model,N,D,wiki,,hella,,loss\n,,,ppl,bpb,acc,norm,\n")
    with pytest.raises(UserError, match=r"2 columns have no name \(cells that were joined\?\)"):
        read_table(path)


def test_metrics_inside_paths_are_offered_as_a_loss(tmp_path, capsys):
    column = "eval/ppl//data/c4.jsonl"
    path = written(tmp_path, TABLE.rename(columns={"loss": column}))
    code, text = said(path, capsys)
    assert code == 2
    assert f"these may be one: '{column}'" in text


def test_a_table_without_sizes_is_told_of_laws_of_one_variable(tmp_path, capsys):
    path = written(tmp_path, pd.DataFrame({"Seen Examples": D[::4], "Loss": LOSS[::4]}))
    code, text = said(path, capsys)
    assert code == 2
    assert "or a law of one variable: --law power_law_floor --x COLUMN" in text
