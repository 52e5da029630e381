"""What public tables of scaling experiments hide: settings, shapes, gaps, and what is missing."""

import json

import numpy as np
import pandas as pd
import pytest
from tests.tables.planted import LOSS, NATS, SIZE, TOKENS, D, N, data, found, refused, warned

from isoloss.api.runs import chosen
from isoloss.cli.main import main
from isoloss.errors import UserError
from isoloss.fit import fit_law
from isoloss.fit.settings import FitSettings
from isoloss.laws import LAWS
from isoloss.tables.data import read
from isoloss.tables.read import read_table
from isoloss.tables.rows import best_of
from isoloss.tables.shapes import turned

TABLE = pd.DataFrame(SIZE | TOKENS | NATS)


def crossed(**columns):
    """Each run once for each value of the columns, which are of one length."""
    table = TABLE.merge(pd.DataFrame(columns), how="cross")
    return table.assign(loss=table["loss"] * (1 + 0.01 * (np.arange(len(table)) % 3)))


@pytest.mark.parametrize("name", ["max_learning_rate", "optim.lr", "hparams/weight_decay", "eta"])
def test_a_sweep_is_noticed_whatever_its_column_is_called(name):
    sweep = crossed(**{name: [1e-4, 1e-3, 1e-2, 1e-1]})
    assert f"64 rows at 16 points are 4 settings of {name} each" in warned(sweep)
    assert "--best-of" in warned(sweep)


@pytest.mark.parametrize("name", ["seed", "rep", "random_seed"])
def test_repeated_runs_are_no_sweep(name):
    assert "--best-of" not in warned(crossed(**{name: [0, 1, 2, 3]}))


@pytest.mark.parametrize(("n_settings", "where"), [
    (3, "here are as few as 3"), (40, "40 lie between, nearer to the few"),
    (100, "100 lie between, nearer to the many"), (256, "here are no fewer than 256"),
])  # fmt: skip
def test_the_best_of_a_sweep_says_where_it_stands_between_too_few_and_enough(n_settings, where):
    sweep = TABLE.head(2).merge(pd.DataFrame({"lr": np.arange(n_settings) + 1.0}), how="cross")
    (note,) = best_of(sweep, ["lr"], {}).attrs["notes"]
    assert where in note


@pytest.mark.parametrize(("name", "values"), [
    ("n_epochs", [1, 2, 8]), ("context_length", [1024, 2048, 4096]), ("lang_id", [0, 1]),
])  # fmt: skip
def test_experiments_are_told_apart_by_a_column_of_numbers(name, values):
    kinds = pd.DataFrame({name: values, "off": [0.97, 1.03, 1.0][: len(values)]})
    table = TABLE.merge(kinds, how="cross")
    rng = np.random.default_rng(4)
    table["loss"] *= table.pop("off") * np.exp(0.002 * rng.normal(size=len(table)))
    assert f"column '{name}' splits the rows into experiments" in " ".join(
        fit_law(table, draws=0).warnings
    )


def checkpoints():
    """Sixteen runs, told apart by size, rate and length, with an offset of 1 % each."""
    rng, rows = np.random.default_rng(5), []
    for n in np.geomspace(2e7, 1e9, 4):
        for lr in (1e-3, 3e-4):
            for length in (1e10, 4e10):
                off = np.exp(0.01 * rng.normal())
                for share in (0.25, 0.5, 0.75, 1.0):
                    loss = off * (1.8 + 400 / n**0.34 + 1500 / (length * share) ** 0.36)
                    rows.append((f"{n:.0f}", n, lr, length, length * share, loss))
    return pd.DataFrame(rows, columns=["model", "params", "lr", "length", "tokens", "val_loss"])


def test_runs_that_several_columns_name_together_are_found():
    grouping = data(checkpoints()).grouping
    assert (grouping.n_groups, grouping.option) == (16, "params,lr,length")
    assert "are taken as 16 runs" in " ".join(fit_law(checkpoints(), draws=9).notes)


@pytest.mark.parametrize("active", ["Na", "N_act", "dense_parameter_count", "params_active_b"])
def test_the_active_parameters_are_asked_for_in_their_unit(active):
    unit = 1e9 if active.endswith("_b") else 1
    columns = {"N": 6 * N, active: N / unit} | TOKENS | NATS
    (said,) = refused(columns).problems
    option = said.split("--column n_params=")[1].split(" (")[0].strip("'")
    np.testing.assert_allclose(found(columns, named={"n_params": option})[0], N)


def test_a_loss_at_the_end_of_numbered_columns_is_the_last():
    columns = SIZE | TOKENS | {f"eval/{i}/loss": LOSS + 40 - i for i in (10, 40, 20)}
    np.testing.assert_allclose(found(columns)[2], LOSS)


def test_the_first_loss_of_a_run_is_not_its_loss():
    columns = SIZE | TOKENS | {"first_val_loss": LOSS + 5, "last_val_loss": LOSS}
    np.testing.assert_allclose(found(columns)[2], LOSS)


def wide(kind):
    """The table in another shape."""
    if kind == "matrix of tokens":
        table = TABLE.pivot(index="n_params", columns="n_tokens", values="loss")
        return table.rename(columns="{:.0f}".format).rename_axis(columns=None).reset_index()
    if kind == "matrix of sizes":
        table = TABLE.pivot(index="n_tokens", columns="n_params", values="loss")
        names = {n: f"{n / 1e6:.12g}M" for n in N}
        return table.rename(columns=names).rename_axis(index="D", columns=None).reset_index()
    if kind == "transposed":
        table = TABLE.T.set_axis([f"run{i}" for i in range(16)], axis=1)
        return table.rename_axis("metric").reset_index()
    long = TABLE.assign(run=range(16)).melt("run", var_name="name", value_name="value")
    return long.sample(frac=1, random_state=3)


@pytest.mark.parametrize(
    "kind", ["matrix of tokens", "matrix of sizes", "transposed", "long by name"]
)
def test_tables_of_other_shapes_are_turned(kind):
    shaped = turned(wide(kind))
    assert "rows are numbered so" in shaped.attrs["notes"][-1]
    n, d, loss = found(shaped)
    order, right = np.lexsort([d, n]), np.lexsort([D, N])
    for got, truth in ((n, N), (d, D), (loss, LOSS)):
        np.testing.assert_allclose(got[order], truth[right])


ROWS = TABLE.to_numpy().tolist()
RECORDS = TABLE.to_dict("records")


@pytest.mark.parametrize("content", [
    {"runs": RECORDS, "date": "2025-01-01"},
    {"columns": [*TABLE], "index": [*range(16)], "data": ROWS},
    [[*TABLE], *ROWS],
    {"a": RECORDS[:5], "b": RECORDS[5:]},
    {"best_lr": 0.003, **{key: {f"run{i}": row for i, row in enumerate(rows)}
                          for key, rows in (("sp", RECORDS[:5]), ("mup", RECORDS[5:]))}},
    [{"config": {"N": n, "D": d}, "losses": {str(i): {"val_loss": loss + 9 - i} for i in range(10)}}
     for n, d, loss in ROWS],
])  # fmt: skip
def test_json_of_other_forms_is_read(tmp_path, content):
    path = tmp_path / "runs.json"
    path.write_text(json.dumps(content))
    for got, truth in zip(found(read_table(path)), (N, D, LOSS), strict=True):
        np.testing.assert_allclose(got, truth)


@pytest.mark.parametrize(
    "curve", [[[100, 4.0], [200, 3.5]], [{"step": 100, "value": 4.0}, {"step": 200, "value": 3.5}]]
)
def test_a_json_file_of_one_runs_curves_is_named(tmp_path, curve):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"Model/Total Parameters": curve[:1], "eval_loss": curve}))
    with pytest.raises(UserError, match="is the log of one run: 'eval_loss' holds 2 points"):
        read_table(path)


@pytest.mark.parametrize("text", [
    "# N,D,loss\n{}", "#params (10^6),#tokens (10^6),val_loss\n{}",
])  # fmt: skip
def test_a_header_behind_a_sign_of_comment_is_the_header(tmp_path, text):
    unit = 1e6 if "10^6" in text else 1
    rows = "".join(f"{n / unit!r},{d / unit!r},{x!r}\n" for n, d, x in ROWS)
    path = tmp_path / "runs.csv"
    path.write_text(text.format(rows))
    np.testing.assert_allclose(found(read_table(path))[0], N)


def test_a_sheet_in_windows_code_is_read_and_said(tmp_path):
    rows = "".join(f"é;{n:.0f};{d:.0f};{str(x).replace('.', ',')}\n" for n, d, x in ROWS)
    path = tmp_path / "runs.csv"
    path.write_bytes(f"Modèle;n_params;n_tokens;loss\n{rows}".encode("cp1252"))
    got = read(read_table(path), LAWS["chinchilla"], {})
    np.testing.assert_allclose(np.exp(got.log_loss), LOSS)
    assert "read as Windows-1252" in got.notes[0]


def test_a_loss_with_its_error_behind_is_its_value():
    columns = SIZE | TOKENS | {"loss": [f"{x:.12g} \u00b1 0.002" for x in LOSS]}
    np.testing.assert_allclose(found(columns)[2], LOSS)


@pytest.mark.parametrize(("columns", "said"), [
    ({"d_model": N, "num_layers": D} | NATS, "--column n_params='num_layers*d_model*d_model*12'"),
    (SIZE | {"samples_seen": D} | NATS, "--column n_tokens=samples_seen counts data otherwise"),
    ({"size_b": N / 1e9} | TOKENS | NATS, "still free: --column n_params='size_b*1e9'"),
    ({"log10 N": np.log10(N)} | TOKENS | NATS, "--column n_params='10**log10 N'"),
    (SIZE | NATS, "or a law of one variable: --law power_law_floor --x n_params"),
    (SIZE | TOKENS | {"Verlust": LOSS, "gpu_hours": LOSS}, "still free: --column loss=Verlust"),
    ({"size": N} | TOKENS | NATS, "still free: --column n_params=size"),
    (SIZE | TOKENS | {"loss": -LOSS}, "a log-likelihood is minus a loss"),
    (SIZE | {"D": np.full(16, 1e9)} | NATS, "of 'n_params' alone: --law power_law_floor --x n_par"),
    (SIZE | {"tokens": D / 1e12 + 1e-9} | NATS, "e.g. --column n_tokens='tokens*1e12'"),
])  # fmt: skip
def test_a_message_names_what_the_table_has_instead(columns, said):
    text = "\n".join(refused(columns).problems)
    assert said in text
    assert "gpu_hours" not in text.replace("Verlust, gpu_hours", "")


def test_many_empty_rows_are_left_out_by_a_condition():
    gaps = np.arange(16) % 4 == 1
    table = pd.concat([TABLE, TABLE.assign(loss=np.where(gaps, np.nan, LOSS + 1e-9))] * 2)
    table = pd.concat([table, TABLE.assign(loss=np.nan)], ignore_index=True)
    table["run"] = range(len(table))
    said = str(refused(table))
    assert said.endswith("to leave these rows out: --where 'loss > 0'")
    left = chosen(table, FitSettings(), {"where": "loss > 0"})
    assert data(left).n_rows == 56


def test_each_of_several_conditions_must_hold(tmp_path, capsys):
    path = tmp_path / "runs.csv"
    TABLE.to_csv(path, index=False)
    first = ["fit", str(path), "--method", "none", "--json", "--where", "n_params > 3e7"]
    assert main([*first, "--where", "n_tokens > 2e9 or loss < 0"]) == 0
    assert json.loads(capsys.readouterr().out)["n_rows"] == 9


def test_an_accuracy_under_any_name_is_fitted_in_two_commands(tmp_path, capsys):
    path = tmp_path / "runs.csv"
    TABLE.rename(columns={"loss": "mmlu"}).assign(mmlu=100 / (1 + LOSS)).to_csv(path, index=False)
    first = ["fit", str(path), "--draws", "20", "--column", "loss=mmlu"]
    assert main(first) == 2
    assert "column 'mmlu' rises with n_params and n_tokens" in capsys.readouterr().err
    assert main([*first, "--metric", "accuracy", "--json"]) == 0
    params = json.loads(capsys.readouterr().out)["params"]
    assert params["alpha"]["value"] == pytest.approx(0.34, abs=1e-3)


def test_the_delta_for_a_rounded_loss_is_as_large_as_the_step():
    assert "rounded to 0.1, " in warned(SIZE | TOKENS | {"loss": LOSS.round(1)})
    assert "--delta 0.03" in warned(SIZE | TOKENS | {"loss": LOSS.round(1)})
    said = warned(SIZE | TOKENS | {"ppl": np.exp(LOSS).round()})
    assert "column 'ppl' is rounded to 1, " in said


def test_total_flos_names_the_size_that_goes_with_them():
    columns = {"num_parameters": 2 * N, "num_non_embedding_parameters": N,
               "total_flos": 6 * N * D} | NATS  # fmt: skip
    assert "--column n_params=num_non_embedding_parameters" in warned(columns)
    _, d, _ = found(columns, named={"n_params": "num_non_embedding_parameters"})
    np.testing.assert_allclose(d, D)


def test_units_that_nothing_tells_apart_are_all_named():
    said = warned({"N": np.round(N / 1e6), "D": np.round(D / 1e9)} | NATS)
    assert "millions or billions of parameters, add --column n_params='N*1e6' or 'N*1e9'" in said
    assert "--column n_tokens='D*1e6' or 'D*1e9' or 'D*1e12'" in said
    assert "if these are billions of tokens, add" in warned({"N": N, "D": np.round(D / 1e9)} | NATS)


def test_two_sizes_are_said_to_be_too_few_for_an_exponent():
    two = TABLE[TABLE["n_params"].isin([N.min(), N.max()])]
    assert "n_params has two values only" in warned(two)
