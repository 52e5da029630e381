"""Tables with invented numbers that stand for what people's files are like; truth is known."""

from pathlib import Path

import pytest

from isoloss.cli.tables import add_table_arguments, read
from isoloss.errors import UserError
from isoloss.fit import fit_law

CASES = Path(__file__).parents[3] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.exists(), reason="needs ../shared/cases")
# alpha that is planted, options that the messages name, and a part of what is said.
RIGHT = {
    "tables/r02b_three_corpora.csv": ([], None, "column 'dataset' splits"),
    "tables/r03_gflops.csv": ([], 0.34, "--column compute='flops*1e9'"),
    "tables/r05_sweep.csv": (["--best-of", "lr,bs"], 0.34, "12 points, 25 settings a point"),
    "tables/r08_markdown.md": ([], 0.34, "'10.0M' is 1e+07"),
    "tables/r10_long.csv": ([], 0.34, "the table is long"),
    "tables/r11_sparse.csv": ([], 0.34, "25 of 50 rows have no 'val_loss'"),
    "tables/r13_bpb.csv": ([], 0.34, "column 'val_bpb', is in bits"),
    "tables/r14_steps.csv": ([], 0.34, "'steps' x 'batch_size' x 'seq_len'"),
    "tables/r15_moe.csv": (["--column", "n_params=active_params"], 0.34, ""),
    "tables/r16_planned_tokens.csv": ([], 0.34, "n_tokens: column 'D' (not 'train_tokens')"),
    "tables/r18_table.csv.gz": ([], 0.34, ""),
    "tables/r18_table.json": ([], 0.34, ""),
    "tables/r23_train_loss.csv": ([], 0.34, "column 'best_val_loss' (not 'train_loss')"),
    "tables/r24_described.csv": ([], 0.34, "n_params: column 'N (non-emb)'"),
    "tables/r25b_zflop_named.csv": ([], 0.34, "column 'FLOPs (1E21)', times 1e21"),
    "tables/r29_state.csv": ([], 0.34, "rows 3, 4, 19, 34"),
    "tables/r31_status.csv": ([], 0.34, "rows 3, 4, 19, 34"),
    "runlogs/de_group.csv": ([], None, "'1.500' is 1500"),
    "runlogs/de_group2.csv": ([], None, "'25.000' is 25000"),
    "runlogs/flos.csv": ([], None, "leaves embeddings out"),
    "runlogs/lmeval.csv": ([], 0.34, "n_params: column 'model_num_parameters'"),
    "runlogs/mlflow_runs.csv": ([], 0.34, "column 'metrics.val_loss'"),
    "runlogs/round2.csv": ([], None, "rounded to 0.01"),
    "runlogs/wandb_hf.csv": ([], 0.34, "column 'train/num_input_tokens_seen'"),
    "runlogs/wandb_nanochat.csv": ([], 0.34, "column 'val/bpb' (not 'train/loss')"),
    "runlogs/wandb_titan.csv": ([], 0.34, "column 'validation_metrics/loss'"),
}
NAMED = {
    "tables/r09_wandb_chart.csv": "is a chart that was exported",
    "tables/r15_moe.csv": "--column n_params=active_params",
    "tables/r18_trainer_state.json": "trainer_state.json",
    "tables/r19_one_size.csv": "n_params varies by 0.2% only",
    "tables/r20_one_cell.csv": "row 8",
    "tables/r32_tensorboard.csv": "as TensorBoard exports it",
    "tables/r33_lightning.csv": "the log of one run",
    "runlogs/polars_int.parquet": "integers of 128 bits",
}


def fitted(name, options=()):
    import argparse

    parser = argparse.ArgumentParser()
    add_table_arguments(parser)
    table, settings = read(parser.parse_args([str(CASES / name), "--method", "none", *options]))
    return fit_law(table, settings=settings)


@pytest.mark.parametrize("name", RIGHT)
def test_a_case_gives_what_was_planted_and_says_what_it_assumed(name):
    options, alpha, said = RIGHT[name]
    result = fitted(name, options)
    assert said in "\n".join([*result.notes, *result.warnings])
    if alpha is not None:
        assert result.params["alpha"].value == pytest.approx(alpha, abs=0.012)


@pytest.mark.parametrize("name", NAMED)
def test_a_case_that_cannot_be_fitted_is_named_for_what_it_is(name):
    with pytest.raises(UserError) as caught:
        fitted(name)
    assert NAMED[name] in str(caught.value)
