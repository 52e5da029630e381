"""`isoloss fit`, as a user with a table of their own meets it."""

import json
import subprocess
import sys

import numpy as np
import pytest
from planted_cases import TRUE, runs

from isoloss.cli.main import main
from isoloss.fit import load_fit


def test_one_json_object_says_all(table, capsys):
    n, d, loss = runs(0.002)
    path = table({"Model Size": n, "train tokens": d, "final loss": loss})
    assert main(["fit", path, "--law", "chinchilla", "--json", "--draws", "100"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {
        "law",
        "objective",
        "n_rows",
        "params",
        "level",
        "optimum",
        "certificate",
        "verdict",
        "warnings",
    } <= set(found)
    for name, value in TRUE.items():
        assert found["params"][name]["value"] == pytest.approx(value, rel=0.2), name
    assert found["notes"][:3] == [
        "n_params: column 'Model Size'",
        "n_tokens: column 'train tokens'",
        "loss: column 'final loss'",
    ]


def test_semicolons_and_other_names_do_not_matter(table, capsys):
    n, d, loss = runs()
    path = table({"N": n, "flops": 6 * n * d, "val_loss": loss}, separator=";")
    assert main(["fit", path, "--draws", "0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["params"]
    assert {name: e["value"] for name, e in found.items()} == pytest.approx(TRUE, rel=1e-6)


def test_a_broken_table_is_answered_with_all_its_problems(table, capsys):
    n, d, loss = map(list, runs())
    loss[2], loss[7], d[4], n[5] = "oops", "", -1.0, "inf"
    path = table({"parms": n, "tokens": d, "loss": loss})
    assert main(["fit", path, "--column", "n_params=parms"]) == 2
    assert capsys.readouterr().err == (
        f"{path}: 4 problems\n"
        "  - column 'parms' is infinite: row 6\n"
        "  - column 'tokens' is zero or negative: row 5\n"
        "  - column 'loss' is empty or NaN: row 8\n"
        "  - column 'loss' is not a number, e.g. 'oops': row 3\n"
        "assumed: n_tokens: column 'tokens'\n"
        "to leave these rows out: --without 3,5,6,8\n"
    )


def test_a_missing_column_is_answered_with_the_nearest_name(table, capsys):
    n, d, loss = runs()
    path = table({"n_parms": n, "n_tokens": d, "loss": loss})
    assert main(["fit", path]) == 2
    assert capsys.readouterr().err == (
        f"{path}: 1 problem\n"
        "  - no column for n_params was recognised; did you mean 'n_parms'? Name it, "
        "e.g. --column n_params=COLUMN (columns: n_parms, n_tokens, loss)\n"
    )


def test_the_messages_alone_lead_from_a_foreign_table_to_a_result(table, capsys):
    """Other names, millions and billions, broken rows: do what is said until there is a fit."""
    n, d, loss = map(list, runs(0.002))
    n, d = [x / 1e6 for x in n], [x / 1e9 for x in d]
    loss[2], loss[7], d[4], n[5] = "NaN", "diverged", -1.0, ""
    path = table({"run": range(36), "weights_m": n, "Corpus (B)": d, "CE": loss})
    command = ["fit", path, "--draws", "50", "--json"]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "--column n_params=COLUMN (columns: run, weights_m, Corpus (B), CE)" in said
    named = ["n_params=weights_m", "n_tokens=Corpus (B)", "loss=CE"]
    assert main(command + [word for name in named for word in ("--column", name)]) == 2
    said = capsys.readouterr().err
    without = said.splitlines()[-1].removeprefix("to leave these rows out: ").split()
    assert without == ["--without", "3,5,6,8"]
    command += without
    assert main(command + [word for name in named for word in ("--column", name)]) == 2
    said = capsys.readouterr().err
    assert "parameters are wanted, e.g. --column n_params='weights_m*1e6'" in said
    named[0] = "n_params=weights_m*1e6"
    assert main(command + [word for name in named for word in ("--column", name)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n_rows"] == 32
    assert "n_tokens: column 'Corpus (B)', times 1e9" in found["notes"]
    assert found["params"]["alpha"]["value"] == pytest.approx(TRUE["alpha"], rel=0.2)


def test_rows_keep_their_numbers_when_others_are_left_out(table, capsys):
    n, d, loss = map(list, runs(0.002))
    loss[20] = "oops"
    path = table({"n_params": n + n[-1:], "n_tokens": d + d[-1:], "loss": loss + loss[-1:]})
    assert main(["fit", path, "--without", "1-3"]) == 2
    assert "'oops': row 21\nto leave these rows out: --without 21" in capsys.readouterr().err
    assert main(["fit", path, "--without", "1-3,21"]) == 2
    assert "the same in every column as an earlier row: row 37" in capsys.readouterr().err
    loss = list(runs(0.002)[2])
    loss[30] *= 1.5
    path = table({"n_params": n, "n_tokens": d, "loss": loss})
    assert main(["fit", path, "--without", "1-3", "--objective", "lsq", "--json"]) == 0
    moved = json.loads(capsys.readouterr().out)["influence"]
    assert moved and all(31 in one["left_out"] for one in moved)


def test_tokens_follow_from_compute_counted_as_the_user_says(table, capsys):
    n, d, loss = runs()
    path = table({"N": n, "flops": 8 * n * d, "loss": loss})
    more = ["--flops-per-param-token", "8", "--draws", "0", "--json"]
    assert main(["fit", path, *more]) == 0
    found = json.loads(capsys.readouterr().out)
    values = {name: e["value"] for name, e in found["params"].items()}
    assert values == pytest.approx(TRUE, rel=1e-6)
    assert "n_tokens = compute / (8 n_params)" in found["notes"]


@pytest.mark.parametrize("value", ["0.0", "-6.0", "nan", "inf"])
def test_a_constant_that_gives_no_compute_is_refused_with_all_else_that_is_wrong(
    table, capsys, value
):
    n, d, loss = runs()
    path = table({"N": n, "flops": 6 * n * d, "loss": loss})
    more = ["--flops-per-param-token", value, "--level", "2", "--seed", "-1"]
    for command in (["fit", path], ["optimal", path, "--compute", "1e18"]):
        assert main([*command, *more]) == 2
        assert capsys.readouterr().err == (
            "arguments: 3 problems\n"
            "  - --level: must lie between 0 and 1, got 2.0\n"
            "  - --seed: must not be negative, got -1\n"
            f"  - --flops-per-param-token: must be positive and finite, got {value}\n"
        )


def test_everything_is_written_to_the_output_folder(table, tmp_path, capsys):
    import pandas as pd

    n, d, loss = runs(0.002)
    path = table({"n_params": n, "n_tokens": d, "loss": loss})
    assert main(["fit", path, "--output", str(tmp_path / "out"), "--draws", "50"]) == 0
    found = json.loads((tmp_path / "out" / "fit.json").read_text())
    assert found["n_rows"] == 36
    saved = load_fit(tmp_path / "out" / "saved_fit.json").to_dict()
    assert saved == {name: value for name, value in found.items() if name != "influence"}
    assert len(pd.read_parquet(tmp_path / "out" / "residuals.parquet")) == 36
    assert len(pd.read_parquet(tmp_path / "out" / "leave_one_out.parquet")) == 36
    assert capsys.readouterr().out.startswith("L(N, D) = E + A / N**alpha + B / D**beta   [")


def test_residuals_name_the_rows_of_the_file(table, tmp_path):
    import pandas as pd

    n, d, loss = runs(0.002)
    path = table({"n_params": n, "n_tokens": d, "loss": loss})
    more = ["--without", "2-4", "--output", str(tmp_path / "out"), "--draws", "50"]
    assert main(["fit", path, *more]) == 0
    found = pd.read_parquet(tmp_path / "out" / "residuals.parquet")
    assert found["row"].tolist() == [1, *range(5, 37)]
    assert found["loss"].to_numpy() == pytest.approx(loss[found["row"] - 1])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x00\x01", "is no text: it holds zero bytes"),
        (b"\xff\xfe\x00", "is no text in UTF-8 (byte 0)"),
        (b"loss,loss\n1,2\n", "the header names column 'loss' 2 times"),
    ],
)
def test_an_unreadable_file_is_named_with_the_reason(tmp_path, capsys, content, message):
    path = tmp_path / "runs.csv"
    path.write_bytes(content)
    assert main(["fit", str(path)]) == 2
    assert capsys.readouterr().err == f"{path}: 1 problem\n  - {message}\n"


def test_an_unknown_subcommand_is_answered_with_the_nearest(capsys):
    assert main(["fti"]) == 2
    assert capsys.readouterr().err.startswith("isoloss: no subcommand 'fti'; did you mean 'fit'?")


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from isoloss.cli.main import main; main(['--help']);"
        "heavy = {'numpy', 'pandas', 'scipy', 'torch', 'matplotlib'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_ranges_are_printed_from_which_a_wrong_unit_can_be_seen(table, capsys):
    n, d, loss = runs(0.002)
    path = table({"n_params": n, "n_tokens": d, "loss": loss})
    line = "36 rows: N 1e+05 to 1e+08, D 1e+07 to 1e+10, C = 6 N D 6e+12 to 6e+18, D/N 0.1 to 1e+05"
    budget = ["--compute", "1e18"]
    for command in (["fit", path], ["optimal", path, *budget]):
        assert main([*command, "--draws", "20"]) == 0
        assert line in capsys.readouterr().out.splitlines(), command


def test_warnings_about_units_are_printed_without_a_law_too(table, capsys):
    n = np.round(np.geomspace(20, 2000, 25))
    n, c = (a.ravel() for a in np.meshgrid(n, [1e12, 1e13, 1e14]))
    loss = 2 + 0.1 * np.log(n / (200 * (c / 1e13) ** 0.5)) ** 2
    path = table({"N": n, "compute": c, "loss": loss})
    assert main(["optimal", path, "--approach", "2", "--compute", "1e13", "--draws", "9"]) == 0
    assert "warning: n_params goes from 20 to 2000: if these are mill" in capsys.readouterr().out


def test_a_range_of_rows_longer_than_memory_is_answered_at_once(table, capsys):
    n, d, loss = runs()
    path = table({"n_params": n, "n_tokens": d, "loss": loss})
    assert main(["fit", path, "--without", "1-99999999999999"]) == 2
    assert capsys.readouterr().err == (
        "--without: 1 problem\n  - there is no row 37; the table has 36\n"
    )
    assert main(["fit", path, "--without", "5-3,0,x"]) == 2
    assert capsys.readouterr().err.count("is no row or range such as 3 or 1-5") == 3


def test_the_variable_of_a_law_may_have_a_factor_on_the_command_line(table, capsys):
    x = np.geomspace(1e18, 1e21, 9)
    path = table({"flops": x, "loss": 3.0 * (x / 1e18) ** -0.1})
    command = ["fit", path, "--law", "power_law", "--draws", "0", "--json"]
    for option in (["--x", "flops*1e-18"], ["--column", "x=flops*1e-18"]):
        assert main([*command, *option]) == 0
        found = json.loads(capsys.readouterr().out)["params"]
        assert found["A"]["value"] == pytest.approx(3.0), option


def test_the_message_about_rows_that_are_there_twice_leaves_them_out(table, capsys):
    n, d, loss = map(list, runs(0.002))
    path = table({name: x + x[:6] for name, x in (("N", n), ("D", d), ("loss", loss))})
    assert main(["fit", path]) == 2
    said = capsys.readouterr().err
    assert "(--without 37-42 leaves them out; " in said
    assert main(["fit", path, "--without", "37-42", "--draws", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_rows"] == 36
