"""The columns of the tables that the workflow writes: names, types, units, meaning."""

from dataclasses import dataclass

from isoloss.errors import UserError


@dataclass(frozen=True)
class Column:
    """One column of a table: name, type, unit and meaning."""

    name: str
    dtype: str  # the type's name in pandas
    unit: str
    meaning: str


ASSUMED = "assumed.json"  # assumptions about a user's table, beside the study's tables
TEXT, WHOLE, REAL, FLAG = "string", "Int64", "Float64", "boolean"

RUN_COLUMNS = [
    Column("run_id", TEXT, "", "who the run is: a readable name, the seed, a hash of its settings"),
    Column("task", TEXT, "", "function, polynomial, copy, language, planted or table"),
    Column("target", TEXT, "", "the function that is learned; for language, the corpus"),
    Column("seed", WHOLE, "", "of the initial weights, the data's order and drawn data"),
    Column("n_inputs", WHOLE, "", "input dimensions of a function"),
    Column("noise_sd", REAL, "", "standard deviation of the noise on the targets"),
    Column("degree", WHOLE, "", "of a polynomial"),
    Column("model", TEXT, "", "of a language model: transformer, recurrent_transformer or lstm"),
    Column("width", WHOLE, "", "hidden units of an MLP, d_model of a language model"),
    Column("n_layer", WHOLE, "", "hidden layers of an MLP, blocks of a transformer"),
    Column("n_loop", WHOLE, "", "times that a language model applies its layers"),
    Column("context", WHOLE, "tokens", "that a prediction of a language model can see"),
    Column("vocab_size", WHOLE, "tokens", "different tokens"),
    Column("dropout", REAL, "share", "of the activations that are set to zero in training"),
    Column("n_head", WHOLE, "", "attention heads of a block"),
    Column("d_ff", WHOLE, "", "width of a block's feed-forward layer"),
    Column("n_params", WHOLE, "parameters", "all of them, embeddings too"),
    Column("n_params_non_embedding", WHOLE, "parameters", "without token and position embeddings"),
    Column("n_samples", WHOLE, "samples", "samples or sequences to learn from, each counted once"),
    Column("n_tokens", WHOLE, "tokens", "targets trained on, counted each time"),
    Column("n_unique_tokens", WHOLE, "tokens", "of the corpus that were used"),
    Column("steps", WHOLE, "steps", "of the optimiser"),
    Column("batch_size", WHOLE, "samples", "samples or sequences a step"),
    Column("schedule", TEXT, "", "of the learning rate: constant, cosine, linear or wsd"),
    Column("peak_lr", REAL, "", "largest learning rate, at the run's own width"),
    Column("lr_sum", REAL, "", "sum of the learning rates of all steps"),
    Column("warmup_steps", WHOLE, "steps", "with a growing learning rate"),
    Column("weight_decay", REAL, "", "decoupled, of matrices: Adam has 0, AdamW more"),
    Column("trunk", TEXT, "", "the trunk that the run continued; null: it began at step 0"),
    Column("lineage", TEXT, "", "the same for all runs that share a trunk; null: the run has none"),
    Column("trunk_flops", REAL, "FLOP", "of compute_flops, what the trunk had paid"),
    Column("compute_flops", REAL, "FLOP", "of training, forward and backward, counted exactly"),
    Column("compute_6nd_flops", REAL, "FLOP", "6 n_params D (Hoffmann et al. 2022)"),
    Column(
        "compute_6nd_non_embedding_flops",
        REAL,
        "FLOP",
        "6 n_params_non_embedding D (Kaplan et al. 2020)",
    ),
    Column(
        "compute_6nd_logits_flops",
        REAL,
        "FLOP",
        "6 (n_params_non_embedding + vocab_size width) D: Kaplan's, and the output layer "
        "(Porian et al. 2024)",
    ),
    Column("loss", REAL, "nats per token, or squared error", "final, held-out"),
    Column("best_loss", REAL, "as loss", "lowest held-out loss of the curve: early stopping"),
    Column("best_step", WHOLE, "steps", "where it was"),
    Column("loss_se", REAL, "as loss", "standard error, where a run is a mean of repeats"),
    Column("train_loss", REAL, "as loss", "mean over the last steps of training"),
    Column("excess_loss", REAL, "as loss", "error against the noiseless function"),
    Column("approximation_loss", REAL, "as loss", "excess of a polynomial fitted without noise"),
    Column("variance_loss", REAL, "as loss", "what noise adds to a polynomial's excess"),
    Column("variance_loss_se", REAL, "as loss", "its standard error about theory_loss"),
    Column("theory_loss", REAL, "as loss", "what theory says of variance_loss; the planted loss"),
    Column("exact_match", REAL, "share", "sequences copied without a mistake"),
    Column("status", TEXT, "", "done or diverged"),
    Column("reason", TEXT, "", "why a run is not done"),
    Column("elapsed_s", REAL, "s", "wall-clock time of the training; differs between repetitions"),
    Column("train_cpu_s", REAL, "s", "CPU time of the training; differs between repetitions"),
    Column("job_cpu_s", REAL, "s", "CPU time of the whole job; differs between repetitions"),
    Column("max_rss_mb", REAL, "MB", "largest memory of the job; differs between repetitions"),
    Column("device", TEXT, "", "cpu, cuda or mps"),
    Column("kernel", TEXT, "", "what computed the training: native or torch, with its version"),
    Column("code", TEXT, "", "fingerprint of the code that trained the run"),
]
NUMBERS = {c.name: c.dtype for c in RUN_COLUMNS if c.dtype in (WHOLE, REAL)}
# Numbers of a run that may be zero; all others are positive, and have log axes.
MAY_BE_ZERO = {
    *("seed", "noise_sd", "degree", "dropout", "trunk_flops", "best_step", "loss_se"),
    *("warmup_steps", "weight_decay"),
    *("train_loss", "excess_loss", "approximation_loss", "variance_loss", "variance_loss_se"),
    *("theory_loss", "exact_match", "n_params_non_embedding"),
}
TIMED = ("elapsed_s", "train_cpu_s", "job_cpu_s", "max_rss_mb")

CURVE_COLUMNS = [
    Column("run_id", TEXT, "", "the run"),
    Column("step", WHOLE, "steps", "of the optimiser, from 1"),
    Column("n_samples_seen", WHOLE, "samples", "trained on, counted each time"),
    Column("n_tokens", WHOLE, "tokens", "targets trained on, counted each time"),
    Column("compute_flops", REAL, "FLOP", "until then, counted exactly"),
    Column("lr", REAL, "", "learning rate of the step"),
    Column("train_loss", REAL, "as loss", "mean over the steps since the last row"),
    Column("loss", REAL, "nats per token, or squared error", "held-out"),
    Column("excess_loss", REAL, "as loss", "error against the noiseless function"),
    Column("exact_match", REAL, "share", "sequences copied without a mistake"),
    Column("grad_sq", REAL, "", "|G|^2 of the true gradient, unbiased, mean since the last row"),
    Column("grad_noise", REAL, "", "trace of a sequence's gradient covariance, likewise"),
    Column("elapsed_s", REAL, "s", "since the training began; differs between repetitions"),
]

EVALUATION_COLUMNS = [
    Column("run_id", TEXT, "", "the run"),
    Column("step", WHOLE, "steps", "of the optimiser, from 1"),
    Column("n_tokens", WHOLE, "tokens", "targets trained on, counted each time"),
    Column("compute_flops", REAL, "FLOP", "until then, counted exactly"),
    Column("text", TEXT, "", "whose held-out part was read; null: that of the run's own corpus"),
    Column("first_position", WHOLE, "tokens", "of the targets in the context, from 1"),
    Column("last_position", WHOLE, "tokens", "of the targets in the context"),
    Column("n_targets", WHOLE, "tokens", "that `loss` is the mean of"),
    Column("loss", REAL, "nats per token", "held-out"),
]

_OF_THE_PACKAGE = frozenset(c.name for c in (*RUN_COLUMNS, *CURVE_COLUMNS))

ESTIMATE = (
    Column("value", REAL, "as `unit`", "the estimate"),
    Column("lo", REAL, "as `unit`", "lower end of the interval"),
    Column("hi", REAL, "as `unit`", "upper end of the interval"),
    Column("se", REAL, "as `unit`", "standard error"),
    Column("unit", TEXT, "", "of value, lo, hi and se"),
    Column("level", REAL, "", "of the interval"),
)
BELIEF = (
    Column("verdict", TEXT, "", "identified, or why the number is not to be used"),
    Column("status", TEXT, "", "the verdict without its reason: identified, not identified, ..."),
    Column("warnings", TEXT, "", "what a reader must know, separated by semicolons"),
)

FIT_COLUMNS = (
    Column("study", TEXT, "", "the study"),
    Column("fit", TEXT, "", "the fit's name in the study"),
    Column("group", TEXT, "", "which runs, where there is a fit for each value of a column"),
    Column("law", TEXT, "", "as `isoloss fit --law` names it"),
    Column("kind", TEXT, "", "parameter, or derived from the parameters"),
    Column("parameter", TEXT, "", "its name; null where the data allow no fit"),
    *ESTIMATE,
    Column("method", TEXT, "", "of the interval: residual or cluster resampling"),
    Column("objective", TEXT, "", "what was minimised: huber, lad, lsq or lsq_raw"),
    Column("n_runs", WHOLE, "runs", "that were fitted"),
    *BELIEF,
    Column("fit_verdict", TEXT, "", "the verdict on all parameters of the fit at once"),
    Column("theory", REAL, "as `unit`", "what is expected of the parameter"),
    Column("theory_source", TEXT, "", "who expects it"),
    Column("diagnostics", TEXT, "", "JSON, in the first row: certificate, misfit, some draws"),
    Column("runs", TEXT, "", "ids of the runs that were fitted, separated by spaces"),
)

ANALYSIS_COLUMNS = (
    Column("study", TEXT, "", "the study"),
    Column("analysis", TEXT, "", "the analysis's name in the study"),
    Column("do", TEXT, "", "what kind of analysis it is"),
    Column("group", TEXT, "", "which part of it"),
    Column("kind", TEXT, "", "parameter; point, measured; or line, calculated"),
    Column("quantity", TEXT, "", "what `value` is"),
    Column("x_quantity", TEXT, "", "what `x` is, for points and lines"),
    Column("x", REAL, "as x_quantity", "where the value holds"),
    *ESTIMATE,
    Column("method", TEXT, "", "of the interval"),
    Column("n_runs", WHOLE, "runs", "that the number is made from"),
    *BELIEF,
    Column("theory", REAL, "as `unit`", "what is expected of it"),
    Column("theory_source", TEXT, "", "who expects it"),
    Column("runs", TEXT, "", "ids of the runs behind a measured number, separated by spaces"),
)

PREDICTION_COLUMNS = (
    Column("study", TEXT, "", "the study"),
    Column("fit", TEXT, "", "the name of the law in the study's `prediction`"),
    Column("law", TEXT, "", "as `isoloss fit --law` names it"),
    Column("run_ids", TEXT, "", "the runs that are predicted: one, or its seeds"),
    Column(
        "made_before", FLAG, "", "whether these runs had no result yet when this was first said"
    ),
    Column("loss", REAL, "nats per token", "predicted"),
    Column("lo", REAL, "nats per token", "lower end of the interval of a new run"),
    Column("hi", REAL, "nats per token", "upper end"),
    Column("law_lo", REAL, "nats per token", "lower end if the law goes on without drift"),
    Column("law_hi", REAL, "nats per token", "upper end, likewise"),
    Column("drift", REAL, "1", "standard deviation of ln L for each unit of ln C beyond"),
    Column("level", REAL, "", "of the interval"),
    Column("method", TEXT, "", "of the interval"),
    Column("verdict", TEXT, "", "identified, or why the fit is not to be trusted"),
    Column("compute_flops", REAL, "FLOP", "of the run that is predicted"),
    Column("fitted_compute_flops", REAL, "FLOP", "largest of the runs that were fitted"),
    Column("n_runs", WHOLE, "runs", "that were fitted"),
    Column("runs", TEXT, "", "their ids, separated by spaces"),
)

SWEEP = Column("sweep", TEXT, "", "the sweep of the study that wants the run")
STUDIES = Column("studies", TEXT, "", "the studies that want the run, separated by spaces")


def declare(columns) -> None:
    """Add columns of runs and of curves that a task of the user's own measures.

    Parameters
    ----------
    columns : iterable of Column
        A column replaces one of the same name that was declared before.

    Raises
    ------
    UserError
        The package has a column of that name.
    """
    columns = list(columns)
    taken = [column.name for column in columns if column.name in _OF_THE_PACKAGE]
    if taken:
        raise UserError("columns", [f"there is already a column {name!r}" for name in taken])
    for column in columns:
        for table in (RUN_COLUMNS, CURVE_COLUMNS):
            table[:] = [*(other for other in table if other.name != column.name), column]
        if column.dtype in (WHOLE, REAL):
            NUMBERS[column.name] = column.dtype
            MAY_BE_ZERO.add(column.name)


def typed(rows, columns):
    """A DataFrame with exactly `columns`, in order and of their types; missing values are null.

    Raises
    ------
    KeyError
        A row has a column that is not declared, and would be lost.
    """
    import pandas as pd

    _declared(rows, columns)
    return pd.DataFrame(
        {
            column.name: pd.array([row.get(column.name) for row in rows], dtype=column.dtype)
            for column in columns
        }
    )


def arrow_table(rows, columns):
    """The table of `typed` as one of pyarrow, made without pandas, which takes long to import.

    Raises
    ------
    KeyError
        A row has a column that is not declared, and would be lost.
    """
    import pyarrow

    _declared(rows, columns)
    values = {column: [row.get(column.name) for row in rows] for column in columns}
    arrays = [_arrow_array(values[column], column.dtype) for column in columns]
    return pyarrow.table(arrays, names=[column.name for column in columns])


def _arrow_array(values: list, dtype: str):
    """Values as pyarrow's array. From buffers, because `pyarrow.array` imports pandas."""
    import numpy as np
    import pyarrow

    there = np.array([value is not None for value in values], bool)
    if dtype == TEXT:
        texts = [(value or "").encode() for value in values]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        kind, buffers = pyarrow.large_string(), [ends, np.frombuffer(b"".join(texts), np.uint8)]
    else:
        kind = {WHOLE: pyarrow.int64(), REAL: pyarrow.float64()}[dtype]
        numbers = np.array([value or 0 for value in values])
        buffers = [numbers.astype({WHOLE: np.int64, REAL: np.float64}[dtype])]
    buffers = [np.packbits(there, bitorder="little"), *buffers]
    return pyarrow.Array.from_buffers(kind, len(values), [pyarrow.py_buffer(b) for b in buffers])


def _declared(rows, columns) -> None:
    undeclared = {name for row in rows for name in row} - {column.name for column in columns}
    if undeclared:
        raise KeyError(f"columns that are not declared: {', '.join(sorted(undeclared))}")


def completed(table, columns):
    """A table with exactly `columns`, in order; missing ones are null, others are dropped."""
    import pandas as pd

    lacking = {
        column.name: pd.array([None] * len(table), dtype=column.dtype)
        for column in columns
        if column.name not in table.columns
    }
    return table.assign(**lacking)[[column.name for column in columns]]


def with_values(table, where):
    """The rows of a table whose columns have one of the wanted values.

    Parameters
    ----------
    table : DataFrame
    where : mapping
        Column -> values; `largest` and `smallest` mean those of the column in the whole table.
    """
    whole = table
    for name, values in where.items():
        column = whole[name]
        extremes = {"largest": column.max, "smallest": column.min}
        wanted = [extremes[value]() if value in extremes else value for value in values]
        table = table[table[name].isin(wanted)]
    return table
