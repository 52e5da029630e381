"""Runs as rows: one for each evaluation, with its tokens, its sizes and its state."""

from __future__ import annotations

from typing import Any

import numpy as np

from isoloss.logs import tags
from isoloss.logs.join import Run
from isoloss.logs.records import FLOP, NO_STEP, SAMPLES, TOKENS, TRAINING, Options, Series
from isoloss.tables import names

FLOPS = 6.0  # of each parameter and token
AVERAGED = 0.01  # of a run's tokens, over which a training loss is averaged
AGREE = 0.02  # tokens by FLOP and by steps differ by more where one of them is wrong
COLUMNS = (
    *("run_id", "step", "n_tokens", "n_params", "n_params_non_embedding", "compute"),
    "learning_rate",
    *("train_loss", "eval_loss", "loss_tag", "status", "is_last", "n_duplicates", "n_averaged"),
    *("format", "source", "assumed"),
)
UNITS = {"nats": "eval_loss", "bits": "eval_bits_per_byte", "perplexity": "eval_perplexity"}


class NoTokens(Exception):
    """Nothing says how many tokens a run had seen."""


def rows(run: Run, tag: str, form: str, options: Options) -> dict[str, Any]:
    """The columns of a run's rows: an array for each, or one value for all rows.

    Parameters
    ----------
    tag : str
        Of the loss. A training loss is averaged over `options.average_tokens`.
    form : str
        The name of the format.

    Raises
    ------
    NoTokens
        Neither the log nor the user says tokens.
    """
    one = run.tags[tag]
    assumed: list[str] = []
    again = run.n_duplicates[tag]
    seen, how = tokens_of(run, one, options)
    assumed.append(how)
    sizes = _sizes(run, options, assumed)
    columns: dict[str, Any] = {"run_id": run.name, "loss_tag": tag, "format": form}
    is_training = one.kind == TRAINING
    if is_training:
        one, seen, again, averaged = _averaged(one, seen, again, options, assumed)
        columns["train_loss"] = one.value
        loss = one.value
    else:
        columns[UNITS.get(names.metric_of(tag), "eval_loss")] = one.value
        loss = one.value
        before, averaged = _training_before(run, one, assumed)
        columns["train_loss"] = before
    n_params, n_non_embedding = sizes
    compute = _flop_of(run, one, assumed)
    if compute is None:
        compute = FLOPS * n_params * seen
        if np.isfinite(n_params):
            assumed.append("compute = 6 n_params n_tokens")
    columns |= {
        "step": one.step,
        "n_tokens": seen,
        "n_params": n_params,
        "n_params_non_embedding": n_non_embedding,
        "compute": compute,
        "learning_rate": run.settings.get("learning_rate", np.nan),
        "status": _status(run, loss),
        "is_last": np.arange(len(one.step)) == len(one.step) - 1,
        "n_duplicates": again,
        "n_averaged": averaged,
        "source": run.source,
    }
    if "learning_rate" in run.settings:
        assumed.append(f"learning_rate by {run.said['learning_rate']}")
    columns["assumed"] = "; ".join(assumed)
    return _trained(columns)


def _trained(columns):
    """The rows after at least one step; a loss that is no number is empty."""
    seen = columns["n_tokens"]
    kept = seen > 0
    for name in ("train_loss", *UNITS.values()):
        if name in columns:
            columns[name] = np.where(np.isfinite(columns[name]), columns[name], np.nan)
    return {
        name: value[kept] if isinstance(value, np.ndarray) and value.ndim else value
        for name, value in columns.items()
    } | {"n_untrained": int((~kept).sum())}


def tokens_of(run: Run, one: Series, options: Options) -> tuple[np.ndarray, str]:
    """Tokens seen before each value of a series, shape (point,), and how they are known."""
    done = (one.step + one.ahead).astype(float)
    total = options.tokens.of_run(run.name)
    if total is not None and len(done) == 1:
        return np.full(len(done), total), "tokens by --tokens"
    if NO_STEP in run.settings:
        if "n_tokens" in run.settings and len(done) == 1:
            return np.full(1, run.settings["n_tokens"]), f"tokens by {run.said['n_tokens']}"
        raise NoTokens
    step = options.tokens_per_step.of_run(run.name)
    if step is not None:
        return done * step, f"{step:,.15g} tokens a step (--tokens-per-step)"
    if options.batch_size and options.context:
        step = options.batch_size * options.context
        return done * step, f"{step:,.15g} tokens a step (--batch-size x --context)"
    recorded = _of_kind(run, TOKENS)
    if recorded is not None:
        tag, counted = recorded
        return _at(counted, done), f"tokens of tag {tag!r}"
    samples = _of_kind(run, SAMPLES)
    if samples is not None and options.context:
        tag, counted = samples
        return options.context * _at(counted, done), f"tokens = {tag} x --context"
    said = run.settings
    if "tokens_per_step" in said and np.any(done > 0):
        step = said["tokens_per_step"]
        return done * step, f"{step:,.15g} tokens a step ({run.said['tokens_per_step']})"
    batch, context = options.batch_size or said.get("batch_size"), said.get("context")
    context = options.context or context
    if batch and context and np.any(done > 0):
        where = run.said.get("batch_size") or run.said.get("context", "")
        return done * batch * context, f"{batch:,.15g} x {context:,.15g} tokens a step ({where})"
    spent = _of_kind(run, FLOP)
    if spent is not None and "n_params_of_flop" in said:
        tag, counted = spent
        counted = counted.rows(slice(None))
        counted.value = counted.value / (FLOPS * said["n_params_of_flop"])
        return _at(counted, done), (
            f"tokens = {tag} / (6 N without embeddings), which counts padding"
        )
    if "n_tokens" in said and len(done) == 1:
        return np.full(1, said["n_tokens"]), f"tokens by {run.said['n_tokens']}"
    raise NoTokens


def _of_kind(run: Run, kind: str) -> tuple[str, Series] | None:
    """The first series of a kind that recorded anything."""
    for tag, one in run.tags.items():
        good = np.isfinite(one.value) & (one.value > 0)
        if one.kind == kind and good.any():
            return tag, one.rows(good)
    return None


def _at(counted: Series, done: np.ndarray) -> np.ndarray:
    """A count at numbers of steps: as logged, in proportion between and beyond."""
    x = (counted.step + counted.ahead).astype(float)
    y = counted.value
    if x[0] > 0:
        x, y = np.append(0.0, x), np.append(0.0, y)
    found = np.interp(done, x, y)
    beyond = done > x[-1]
    if beyond.any():
        slope = (y[-1] - y[-2]) / (x[-1] - x[-2]) if len(x) > 1 else 0.0
        found[beyond] = y[-1] + slope * (done[beyond] - x[-1])
    return found


def disagreement(run: Run, one: Series, seen: np.ndarray) -> str:
    """What Hugging Face's count of FLOP says against the tokens, "" where both agree."""
    spent = _of_kind(run, FLOP)
    if spent is None or "n_params_of_flop" not in run.settings or not len(seen):
        return ""
    counted = spent[1].rows(slice(None))
    counted.value = counted.value / (FLOPS * run.settings["n_params_of_flop"])
    last = float(_at(counted, (one.step + one.ahead).astype(float))[-1])
    if not seen[-1] > 0 or abs(last / seen[-1] - 1) < AGREE:
        return ""
    return (
        f"total_flos counts {last:.4g} tokens by its last evaluation, and the table has "
        f"{seen[-1]:.4g}: check the tokens a step"
    )


def _sizes(run: Run, options: Options, assumed) -> tuple[float, float]:
    found = []
    for name, given in (
        ("n_params", options.n_params),
        ("n_params_non_embedding", options.n_params_non_embedding),
    ):
        value = given.of_run(run.name)
        if value is None and name in run.settings:
            value = run.settings[name]
            assumed.append(f"{name} by {run.said[name]}")
        elif value is not None:
            assumed.append(f"{name} by {given.option}")
        found.append(np.nan if value is None else value)
    return found[0], found[1]


def _flop_of(run: Run, one: Series, assumed):
    """FLOP as logged, where they are logged along the run and count all parameters."""
    spent = _of_kind(run, FLOP)
    if spent is None or "n_params_of_flop" in run.settings or len(spent[1].step) < 2:
        return None
    assumed.append(f"compute of tag {spent[0]!r}")
    return _at(spent[1], (one.step + one.ahead).astype(float))


def _training_before(run: Run, one: Series, assumed):
    """The last training loss before each evaluation, and over how many steps it is a mean."""
    missing = np.full(len(one.step), np.nan)
    tag = tags.training(run)
    if tag is None:
        return missing, missing
    losses = run.tags[tag]
    at = np.searchsorted(losses.step + losses.ahead, one.step + one.ahead, side="right") - 1
    found = np.where(at >= 0, losses.value[np.maximum(at, 0)], np.nan)
    found[~np.isfinite(found)] = np.nan
    assumed.append(f"train_loss of tag {tag!r}")
    if losses.n_averaged is None:
        return found, missing
    return found, np.where(at >= 0, losses.n_averaged[np.maximum(at, 0)], np.nan)


def _averaged(one, seen, again, options: Options, assumed):
    """A training loss as means over tokens: windows of a run, one after the other from its end."""
    width = options.average_tokens or AVERAGED * float(seen[-1])
    window = np.floor((seen[-1] - seen) / width) if width > 0 else np.zeros(len(seen))
    good = np.isfinite(one.value)
    starts = np.flatnonzero(np.append(True, np.diff(window) != 0))
    ends = np.append(starts[1:], len(window)) - 1
    sums = np.add.reduceat(np.where(good, one.value, 0.0), starts)
    counts = np.add.reduceat(good.astype(np.int64), starts)
    bad = np.add.reduceat((~good).astype(np.int64), starts)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(bad == 0, sums / counts, np.nan)
    steps = np.ones(len(good)) if one.n_averaged is None else one.n_averaged
    assumed.append(f"a mean over the last {width:.4g} tokens before n_tokens")
    kept = Series(one.step[ends], means, None, one.kind, one.ahead)
    return kept, seen[ends], np.add.reduceat(again, starts), np.add.reduceat(steps, starts)


def _status(run: Run, loss: np.ndarray) -> np.ndarray:
    """The state of each row: of its run, and "diverged" where its own loss is no number."""
    found = _state_of(run)
    status = found if found == "diverged" else run.status or found
    state = np.array([status] * len(loss), dtype=object)
    state[~np.isfinite(loss)] = "diverged"
    return state


def _state_of(run: Run) -> str:
    last = 0
    for one in run.tags.values():
        if len(one.step) and one.kind in ("held-out", "training"):
            if not np.isfinite(one.value[-1]):
                return "diverged"
            last = max(last, int(one.step[-1] + max(one.ahead, 0)))
    planned = run.settings.get("planned_steps")
    # some tools count from zero, so that their last step is one less
    return "incomplete" if planned is not None and last < planned - 1 else "done"
