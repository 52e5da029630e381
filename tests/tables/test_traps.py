"""What tables of real projects hide: units, names, rows that do not count, several experiments."""

import contextlib

import numpy as np
import pandas as pd
import pytest
from tests.tables.planted import LOSS, NATS, SIZE, TOKENS, D, N, data, found, refused, warned

from isoloss.cli.main import main
from isoloss.errors import UserError
from isoloss.fit import fit_law
from isoloss.laws import LAWS
from isoloss.tables.data import read
from isoloss.tables.rows import best_of, counted, matching, without_empty_losses
from isoloss.tables.shapes import turned


@pytest.mark.parametrize(
    "size",
    [
        {"total_parameters": N},
        {"model/num_parameters": N},
        {"params.n_params": N},
        {"N (non-emb)": N},
        {"N_no_emb": N},
        {"model_mparams": N / 1e6},
        {"model_param_count": N},
        {"Nonembed": N},
        {"model_size_m": N / 1e6},
        {"#params (10^6)": N / 1e6},
        {"N/1e6": N / 1e6},
        {"Params(M)": [f"{n / 1e6:.12g}M" for n in N]},
        {"Model": [f"{n / 1e6:.12g} Mio" for n in N]},
        {"Params": [12.0] + [None] * 15, "total non-emb params": N},
    ],
)
@pytest.mark.parametrize(
    "tokens",
    [
        {"throughput/total_tokens": D},
        {"D (tokens)": D},
        {"Pretraining Data Size (T)": D / 1e12},
        {"train/num_input_tokens_seen": D},
        {"metrics.tokens": D},
        {"MTok": D / 1e6},
        {"tokens_b": D / 1e9},
        {"D": D, "D/N": D / N},
        {"PF-days": 6 * N * D / 8.64e19},
        {"train FLOPs (P)": 6 * N * D / 1e15},
        {"total_steps": D / 2**19, "tokens_per_step": np.full(16, 2**19)},
        {"FLOPs (1E21)": 6 * N * D / 1e21},
        {"total_gflops": 6 * N * D / 1e9},
        {"samples_seen": D / 1024, "seq_len": np.full(len(N), 1024)},
        {"steps": D / 2**19, "batch_size": np.full(16, 256), "seq_len": np.full(16, 2048)},
    ],
)
def test_names_of_tools_are_understood_with_their_units(size, tokens):
    n, d, loss = found(size | tokens | {"validation_metrics/loss": LOSS})
    np.testing.assert_allclose(n, N)
    np.testing.assert_allclose(d, D)
    np.testing.assert_allclose(loss, LOSS)


@pytest.mark.parametrize(
    "held_out",
    [
        "best_val_loss",
        "metrics.val_loss",
        "eval/paloma/macro_loss",
        "lm loss validation",
        "loss/validation",
        "Loss (val)",
        "cross-entropy (test)",
        "Val Loss (1 epoch)",
        "heldout_nll",
    ],
)
@pytest.mark.parametrize(
    "other", ["train_loss", "train/loss", "loss_metrics/global_avg_loss", "loss"]
)
def test_a_held_out_loss_goes_before_another(held_out, other):
    *_, loss = found(SIZE | TOKENS | {other: LOSS / 2, held_out: LOSS})
    np.testing.assert_allclose(loss, LOSS)


def test_a_training_loss_is_fitted_with_a_warning_that_names_what_looks_held_out():
    columns = SIZE | TOKENS | {"train/loss": LOSS, "val/bpb": LOSS / 3}
    assert "column 'train/loss' is a training loss by its name" in warned(
        columns, named={"loss": "train/loss"}
    )
    assert "these look held-out: 'val/bpb'" in warned(columns, named={"loss": "train/loss"})
    np.testing.assert_allclose(found(columns)[2], LOSS / 3)


@pytest.mark.parametrize("planned", ["train_tokens", "total_tokens", "training_tokens"])
@pytest.mark.parametrize("seen", ["D", "tokens_seen"])
def test_tokens_seen_go_before_tokens_planned(planned, seen):
    columns = SIZE | {planned: np.full(len(N), D.max()), seen: D} | NATS
    np.testing.assert_allclose(found(columns)[1], D)


def test_a_counter_that_recorded_nothing_is_no_column_of_tokens():
    columns = SIZE | {"num_input_tokens_seen": np.zeros(len(N)), "train_tokens": D} | NATS
    np.testing.assert_allclose(found(columns)[1], D)


def test_both_sizes_of_a_mixture_of_experts_are_named_and_asked_for():
    columns = {"active_params": N, "total_params": 4 * N} | TOKENS | NATS
    (said,) = refused(columns).problems
    assert "--column n_params=active_params" in said
    assert "--column n_params=total_params" in said
    np.testing.assert_allclose(found(columns, named={"n_params": "total_params"})[0], 4 * N)


def test_assumptions_are_printed_with_an_error_too():
    error = refused({"params": N, "tokens": D, "loss": [*LOSS[:-1], "oops"]})
    assert "assumed: n_params: column 'params'" in str(error)
    assert str(error).endswith("--without 16")


@pytest.mark.parametrize("factor", ["1e9", "1e12", "1e15", "1e18"])
def test_compute_in_thousands_of_flop_is_named_with_the_factor(factor):
    said = warned(SIZE | TOKENS | NATS | {"compute": 6 * N * D / float(factor)})
    assert f"--column compute='compute*{factor}'" in said
    assert "compute*" not in warned(SIZE | TOKENS | NATS | {"compute": 8 * N * D})


def test_approach_2_takes_compute_that_is_off_by_thousands_times_its_factor(tmp_path, capsys):
    sizes = np.geomspace(0.2, 5, 7)
    rows = []
    for c in (1e18, 1e19, 1e20):
        n = (0.06 * c**0.51 * sizes).round()
        d = c / (6 * n)
        rows.append(pd.DataFrame({"params": n, "tokens": d, "flops": c / 1e12,
                                  "loss": 1.8 + 400 / n**0.34 + 1500 / d**0.36}))  # fmt: skip
    table = tmp_path / "isoflop.csv"
    pd.concat(rows).to_csv(table, index=False)
    said = ["optimal", str(table), "--approach", "2", "--compute", "1e21", "--draws", "30"]
    assert main(said) == 0
    out = capsys.readouterr().out
    optimum = float(next(line for line in out.splitlines() if " N* " in line).split()[2])
    exact = (400 * 0.34 / (1500 * 0.36)) ** (1 / 0.7) * (1e21 / 6) ** (0.36 / 0.7)
    assert optimum == pytest.approx(exact, rel=0.1)
    assert "--column compute='flops*1e12'" in out


def test_a_suggested_unit_of_compute_is_the_one_that_gives_likely_tokens():
    (said,) = refused(SIZE | NATS | {"compute": 6 * N * D / 1e18}).problems
    assert "for EFLOP add --column compute='compute*1e18' (50 tokens a parameter)" in said
    assert "1e15" not in said


def test_the_row_of_a_cell_beyond_the_columns_unit_is_named():
    cells = D / 1e12
    cells[7] = 627
    (said,) = refused(SIZE | {"Data Size (T)": cells} | NATS).problems
    assert "look at row 8 (--without 8 leaves them out)" in said


def test_total_flos_beside_a_total_size_is_warned_about():
    assert "leaves embeddings out" in warned(SIZE | {"train/total_flos": 6 * N * D} | NATS)


def test_bits_keep_their_unit_unless_nats_are_asked_for():
    columns = SIZE | TOKENS | {"val_bpb": LOSS / np.log(2)}
    np.testing.assert_allclose(found(columns)[2], LOSS / np.log(2))
    assert any("is in bits by its name" in note for note in data(columns).notes)
    np.testing.assert_allclose(found(columns, metric="bits")[2], LOSS)


def test_perplexity_becomes_its_logarithm_and_says_so():
    columns = SIZE | TOKENS | {"ppl": np.exp(LOSS)}
    np.testing.assert_allclose(found(columns)[2], LOSS)
    assert any("its logarithm" in note for note in data(columns).notes)
    np.testing.assert_allclose(found(columns, metric="nats")[2], np.exp(LOSS))


@pytest.mark.parametrize("percent", [1, 100])
def test_an_accuracy_is_asked_about_and_fitted_on_the_logit(percent):
    share = 1 / (1 + LOSS)
    columns = SIZE | TOKENS | {"accuracy": share * percent}
    named = {"loss": "accuracy"}
    assert any("--metric accuracy" in text for text in refused(columns, named).problems)
    logit = np.log(share / (1 - share))
    np.testing.assert_allclose(data(columns, named, metric="accuracy").log_loss, -logit)


def test_a_quantity_that_rises_is_refused_with_the_way_to_fit_it():
    x = np.geomspace(1e9, 1e11, 10)
    columns = {"D": x, "batch": 3e-3 * x**0.55}
    named = {"x": "D", "loss": "batch"}
    (said,) = refused(columns, named, law="power_law").problems
    assert said.startswith("column 'batch' rises with x")
    settings = {"law": "power_law", "columns": named, "metric": "inverse", "draws": 0}
    assert fit_law(columns, **settings).params["alpha"].value == pytest.approx(0.55, abs=1e-6)


@pytest.mark.parametrize(
    ("column", "cell"),
    [("State", "crashed"), ("status", "diverged"), ("run_status", "FAILED"), ("Training", 0),
     ("diverged", True), ("slurm_state", "OUT_OF_MEMORY"), ("state", "not converged"), ("ok", 0),
     ("note", "loss spike, ignore")],
)  # fmt: skip
def test_rows_that_do_not_count_are_left_out_and_said(column, cell):
    good = {0: 1, True: False}.get(cell, "finished") if not isinstance(cell, str) else "finished"
    cells = [cell if i in (2, 9) else good for i in range(len(N))]
    table = pd.DataFrame(SIZE | TOKENS | NATS | {column: cells})
    left = counted(table)
    assert [*left.index] == [i for i in range(len(N)) if i not in (2, 9)]
    assert any("rows 3, 10" in note for note in read(left, LAWS["chinchilla"], {}).notes)
    assert "rows 3, 10" in warned(table)  # in Python nothing is left out unasked


def test_rows_of_the_training_loss_alone_are_left_out():
    rows = []
    for n, d, loss in zip(N, D, LOSS, strict=True):
        rows.append({"n_params": n, "n_tokens": d, "train_loss": loss - 0.1})
        rows.append({"n_params": n, "n_tokens": d, "val_loss": loss})
    left = without_empty_losses(pd.DataFrame(rows), {})
    assert [*left.index] == [*range(1, 32, 2)]
    broken = pd.DataFrame(SIZE | TOKENS | {"val_loss": [None, *LOSS[1:]]})
    assert len(without_empty_losses(broken, {})) == len(broken)


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ('dataset == "dclm"', [0, 2]),
        ("dataset in ['dclm', 'pile'] and N >= 2", [1, 2]),
        ("not N < 2 or dataset != 'c4'", [0, 1, 2, 3]),
        ("1 < N <= 3", [1, 2]),
        ("`a b` == 'x'", [0, 3]),
    ],
)
def test_a_condition_keeps_the_rows_for_which_it_holds(condition, rows):
    table = pd.DataFrame({"dataset": ["dclm", "pile", "dclm", "c4"], "N": [1, 2, 3, 4],
                          "a b": ["x", "y", "y", "x"]})  # fmt: skip
    assert [*matching(table, condition).index] == rows


@pytest.mark.parametrize(
    "condition",
    ["__import__('os').system('true')", "N.__class__ == 1", "(lambda: 1)() == 1", "N +", "N == [1]",
     "M == 1", "N == 99", "f'{N}' == '1'", "N == (N := 2)", "`N == 1", "", "N[0] == 1"],
)  # fmt: skip
def test_a_condition_runs_no_code(condition):
    with pytest.raises(UserError):
        matching(pd.DataFrame({"N": [1, 2]}), condition)


def test_the_best_of_a_sweep_is_one_row_a_point_and_says_of_how_many():
    sweep = pd.DataFrame(SIZE | TOKENS).merge(pd.DataFrame({"lr": [1e-4, 1e-3, 1e-2]}), how="cross")
    floor = np.repeat(LOSS, 3)
    sweep["loss"] = floor * np.tile([1.04, 1.0, 1.02], 16)
    assert "48 rows at 16 points are 3 settings of lr each" in warned(sweep)
    assert "--best-of lr" in warned(sweep)
    best = best_of(sweep, ["lr"], {})
    np.testing.assert_allclose(best["loss"], LOSS)
    assert [*best.index] == [*range(1, 48, 3)]  # rows keep their numbers
    assert "16 points, 3 settings a point" in read(best, LAWS["chinchilla"], {}).notes[0]
    np.testing.assert_allclose(best_of(sweep, ["lr"], {}, mean=True)["loss"], 1.02 * LOSS)


def three(shift):
    rng = np.random.default_rng(1)
    tables = [
        pd.DataFrame(SIZE | TOKENS | {"dataset": name, "loss": LOSS * off})
        for name, off in (("c4", 1.0), ("pile", 1 + shift), ("web", 1 - shift))
    ]
    table = pd.concat(tables, ignore_index=True)
    table["loss"] *= np.exp(0.002 * rng.normal(size=len(table)))
    return table


def test_a_column_that_splits_the_residuals_is_named():
    said = " ".join(fit_law(three(0.03), draws=0).warnings)
    assert "column 'dataset' splits the rows into experiments" in said
    assert "--by dataset" in said
    assert "dataset" not in " ".join(fit_law(three(0.0), draws=0).warnings)


def test_a_second_name_of_each_run_tells_no_experiments_apart():
    table = three(0.03).assign(run_id=[f"run{i % 11}" for i in range(48)])
    table["source"] = table["run_id"] + "/metrics.csv"
    assert sorted(data(table).labels) == ["dataset"]
    assert sorted(data(table.drop(columns="run_id")).labels) == ["dataset", "source"]


def test_by_fits_each_group_and_tests_whether_they_share_exponents(tmp_path, capsys):
    import json

    three(0.03).to_csv(tmp_path / "three.csv", index=False)
    said = ["fit", str(tmp_path / "three.csv"), "--by", "dataset", "--draws", "40"]
    assert main([*said, "--json"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert list(out["groups"]) == ["c4", "pile", "web"]
    for one in out["groups"].values():
        assert one["n_rows"] == 16
    (alpha,) = (one for one in out["shared"] if one["name"] == "alpha")
    assert alpha["p_value"] > 0.01
    assert abs(alpha["value"] - 0.34) < 3 * alpha["se"]
    assert main([*said[:-3], "datast", "--draws", "40"]) == 2


def test_runs_may_be_named_by_several_columns():
    codes = data(
        SIZE | TOKENS | NATS | {"model": np.repeat([0, 1], 8), "lr": np.tile([1, 2], 8)},
        cluster="model,lr",
    ).clusters
    assert len(np.unique(codes)) == 4


def test_a_variable_that_hardly_varies_is_refused():
    columns = {"n_params": 2e9 * (1 + 2e-4 * np.arange(16))} | TOKENS | NATS
    assert refused(columns).problems == (
        "column 'n_params': n_params varies by 0.3% only, so its exponent cannot be found; of "
        "'n_tokens' alone: --law power_law_floor --x n_tokens",
    )


def test_designs_and_losses_that_cannot_tell_are_warned_about():
    sizes = np.geomspace(2e7, 2e9, 16)
    along = {"n_params": sizes, "n_tokens": 20 * sizes, "loss": 1.7 + 400 / sizes**0.34}
    assert "n_tokens follows n_params" in warned(along)
    budget = along | {"n_tokens": 4e18 / sizes}  # along it one term falls and the other rises
    assert "follows" not in warned(budget)
    assert "rounded to 0.01" in warned(SIZE | TOKENS | {"loss": LOSS.round(2)})
    assert "half precision" in warned(SIZE | TOKENS | {"loss": LOSS.astype(np.float16)})
    high = LOSS.copy()
    high[4] = 14
    assert "worse than chance for any vocabulary: row 5" in warned(SIZE | TOKENS | {"loss": high})
    two = {"vocab_size": np.repeat([32000, 50257], 8)}
    assert "has 2 vocabularies" in warned(SIZE | TOKENS | NATS | two)
    assert warned(SIZE | TOKENS | NATS) == ""


def test_a_long_table_is_turned():
    rows = [
        (f"run{i}", name, value)
        for i, values in enumerate(zip(N, D, LOSS, strict=True))
        for name, value in zip(("n_params", "n_tokens", "eval/loss"), values, strict=True)
    ]
    wide = turned(pd.DataFrame(rows, columns=["run", "metric", "value"]))
    np.testing.assert_allclose(found(wide)[2], LOSS)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["Step", "a - loss", "a - loss__MIN", "a - loss__MAX"], "is a chart that was exported"),
        (["Wall time", "Step", "Value"], "is one scalar of one run, as TensorBoard exports it"),
        (["epoch", "step", "train_loss", "val_loss"], "is the log of one run"),
    ],
)
def test_files_that_are_no_table_of_runs_are_named(columns, said):
    (problem,) = refused({name: np.arange(1, 9) for name in columns}).problems
    assert problem.startswith(said)


def test_odd_tables_end_in_a_user_error_or_a_table():
    rng = np.random.default_rng(11)
    odd = [None, np.nan, "", "x", [1], {"a": 1}, 0, -1, 1e300, np.inf, True, "1.000", "12 000",
           "crashed", 10**30, "nan", pd.NaT, pd.NA]  # fmt: skip
    names = ["n_params", "N", "tokens", "D", "loss", "val_loss", "train_loss", "State", "diverged",
             "run", "metric", "value", "lr", "flops", "ppl", "accuracy", "vocab_size", "steps",
             "active_params", "N (M)", "FLOPs (1E21)", ""]  # fmt: skip
    finished = 0
    for _ in range(120):
        columns = rng.choice(names, rng.integers(1, 8), replace=False)
        cells = {
            str(name): pd.Series(
                [odd[rng.integers(len(odd))] if rng.random() < 0.4 else rng.uniform(1, 1e9)
                 for _ in range(6)], dtype=object,
            )
            for name in columns
        }  # fmt: skip
        for choose in (
            lambda t: without_empty_losses(counted(turned(t)), {}),
            lambda t: best_of(t, ["lr"], {}),
            lambda t: matching(t, 'lr > 1 or State == "x" or loss in [1, "x"]'),
        ):
            with contextlib.suppress(UserError):
                read(choose(pd.DataFrame(cells)), LAWS["chinchilla"], {})
            finished += 1
    assert finished == 360


def tasks(n_tasks, **columns):
    """Runs of the same sizes on several tasks, each with a loss of its own."""
    rng, offs = np.random.default_rng(2), np.geomspace(0.7, 1.4, n_tasks)
    one = pd.DataFrame(SIZE | TOKENS | {"loss": LOSS})
    parts = [one.assign(Task=f"task{i}", loss=LOSS * off) for i, off in enumerate(offs)]
    table = pd.concat(parts, ignore_index=True)
    table["loss"] *= np.exp(0.002 * rng.normal(size=len(table)))
    return table.assign(**columns)


def test_a_column_of_many_tasks_or_with_a_few_rare_ones_is_found_under_any_name():
    many = tasks(30)
    assert "--by Task fits one law each" in " ".join(fit_law(many, draws=0).warnings)
    few = tasks(4)
    odd = few["Task"].where(few.index != 5, "typo").where(few.index != 9, None)
    said = " ".join(fit_law(few.assign(Task=odd), draws=0).warnings)
    assert "column 'Task' splits the rows" in said
    half = few["Task"].where(few["Task"] != "task0", None)
    said = " ".join(fit_law(few.assign(Task=half), draws=0).warnings)
    assert "(empty)" in said


def test_a_name_of_each_of_many_runs_is_no_column_of_experiments():
    sizes = np.repeat(np.geomspace(1e7, 1e9, 6), 60)
    steps = np.tile(np.geomspace(1e9, 1e10, 12), 30)
    loss = 1.7 + 400 / sizes**0.34 + 410 / steps**0.28
    columns = {"n_params": sizes, "n_tokens": steps, "loss": loss}
    assert data(columns | {"trunk": [f"run{i}" for i in np.repeat(range(30), 12)]}).labels == {}
