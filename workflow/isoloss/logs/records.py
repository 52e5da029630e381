"""What a log of another tool holds, whatever its format: series of values, and settings."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from isoloss.errors import UserError

HELD_OUT, TRAINING, TOKENS, FLOP, OTHER = "held-out", "training", "tokens", "flop", "other"
SAMPLES = "samples"  # sequences seen so far, of a length that the log does not say
LARGEST = 10**300
NO_STEP = "no_step"  # a setting: nothing says the step of an evaluation
SETTINGS = (
    *("n_params", "n_params_non_embedding", "tokens_per_step", "batch_size", "context"),
    *("learning_rate", "planned_steps", "n_tokens", "n_params_of_flop", NO_STEP),
)


@dataclass(frozen=True)
class Place:
    """The files of one run, or of some that may be stretches of one.

    Attributes
    ----------
    folder : Path
    files : tuple of Path
        In the order of their names.
    name : str
        Of the run, or the start of its name.
    """

    folder: Path
    files: tuple[Path, ...]
    name: str


@dataclass
class Series:
    """One metric of a run, in the order in which it was written.

    Attributes
    ----------
    step : ndarray of int, shape (point,)
        As the tool writes it.
    value : ndarray, shape (point,)
    time_s : ndarray, shape (point,), optional
        Seconds since 1970; None where the tool writes none.
    kind : str
        HELD_OUT, TRAINING (losses), TOKENS, SAMPLES (seen so far), FLOP (spent so far) or OTHER.
    ahead : int
        Optimizer steps done before the value was measured, minus `step`.
    n_averaged : ndarray of int, shape (point,), optional
        Steps over which each value is a mean.
    """

    step: np.ndarray
    value: np.ndarray
    time_s: np.ndarray | None = None
    kind: str = OTHER
    ahead: int = 0
    n_averaged: np.ndarray | None = None

    def rows(self, chosen: np.ndarray) -> Series:
        """The points at some indices, or where a mask is true."""
        time_s = None if self.time_s is None else self.time_s[chosen]
        averaged = None if self.n_averaged is None else self.n_averaged[chosen]
        return Series(
            self.step[chosen], self.value[chosen], time_s, self.kind, self.ahead, averaged
        )


def series(points: Sequence[tuple], kind: str = OTHER, ahead: int = 0) -> Series:
    """A series of (step, value), (step, value, time_s) or (..., n_averaged)."""
    columns = list(zip(*points, strict=True)) or [(), ()]
    time_s = np.array(columns[2], dtype=float) if len(columns) > 2 else None
    averaged = np.array(columns[3], dtype=np.int64) if len(columns) > 3 else None
    if time_s is not None and np.isnan(time_s).any():
        time_s = None
    step, value = np.array(columns[0], dtype=np.int64), np.array(columns[1], dtype=float)
    return Series(step, value, time_s, kind, ahead, averaged)


@dataclass
class Log:
    """One stretch of a run: what one process wrote.

    Attributes
    ----------
    run : str
        Its name. Logs of a name are one run.
    source : Path
    tags : dict of str to Series
    settings : dict of str to float
        Some of SETTINGS, as the log or a config beside it says.
    said : dict of str to str
        Where a setting comes from: "config.json".
    status : str
        "", or "diverged" or "incomplete" where the tool says so.
    purge_step : int, optional
        Steps from here on that earlier stretches wrote do not count.
    may_resume : bool
        Whether this stretch may go on with that of another name in the same group.
    notes : list of str
        Sentences about what was assumed or left out.
    """

    run: str
    source: Path
    tags: dict[str, Series] = field(default_factory=dict)
    settings: dict[str, float] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    status: str = ""
    purge_step: int | None = None
    may_resume: bool = False
    notes: list[str] = field(default_factory=list)

    def set(self, name: str, value: float | None, where: str) -> None:
        """Take a setting that is a positive number, unless it is there already."""
        if value is not None and name not in self.settings and is_count(value):
            self.settings[name] = float(value)
            self.said[name] = where


def is_number(value) -> bool:
    """Whether a value is a number and no bool; a whole number must not be too large for a float."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return False
    return not isinstance(value, int) or abs(value) < LARGEST


def is_count(value) -> bool:
    """Whether a value is a positive, finite number and no bool."""
    return is_number(value) and math.isfinite(value) and value > 0


def number(text) -> float | None:
    """The positive number that a setting holds, also as text; None for anything else."""
    if isinstance(text, str):
        try:
            text = float(text.replace(",", "").replace("_", ""))
        except ValueError:
            return None
    return float(text) if is_count(text) else None


@dataclass(frozen=True)
class PerRun:
    """A number for all runs, or for those whose names match a pattern; the first match counts."""

    option: str
    given: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, option: str, texts: Sequence[str]) -> PerRun:
        """Read "NUMBER" and "PATTERN=NUMBER".

        Raises
        ------
        UserError
            A text is neither.
        """
        given, problems = [], []
        for text in texts:
            pattern, _, value = text.rpartition("=")
            found = number(value)
            if found is None:
                problems.append(f"must be a positive number or PATTERN=NUMBER, got {text!r}")
            given.append((pattern or "*", found))
        if problems:
            raise UserError(option, problems)
        return cls(option, tuple(given))

    def of_run(self, run: str) -> float | None:
        """The number for a run, or None."""
        matches = (value for pattern, value in self.given if fnmatch.fnmatchcase(run, pattern))
        return next(matches, None)

    def unused(self, runs: Sequence[str]) -> list[str]:
        """Patterns that match no run."""
        return [p for p, _ in self.given if not any(fnmatch.fnmatchcase(r, p) for r in runs)]


@dataclass(frozen=True)
class Options:
    """What a user says about logs.

    Attributes
    ----------
    loss : tuple of str
        Tags of the loss, or patterns of tags; a run takes the first that it has.
    tokens_per_step, tokens, n_params, n_params_non_embedding : PerRun
    batch_size, context : float, optional
        Sequences in a step, over all devices and accumulation; tokens in a sequence.
    step : str, optional
        The column of steps, for tables whose steps count something else.
    average_tokens : float, optional
        Tokens over which a training loss is averaged.
    """

    loss: tuple[str, ...] = ()
    tokens_per_step: PerRun = PerRun("--tokens-per-step")
    tokens: PerRun = PerRun("--tokens")
    n_params: PerRun = PerRun("--n-params")
    n_params_non_embedding: PerRun = PerRun("--n-params-non-embedding")
    batch_size: float | None = None
    context: float | None = None
    step: str | None = None
    average_tokens: float | None = None

    def key(self) -> Mapping[str, object]:
        """The options as plain values, to be compared and saved."""
        plain = {}
        for name, value in vars(self).items():
            plain[name] = [list(p) for p in value.given] if isinstance(value, PerRun) else value
        return {**plain, "loss": list(self.loss)}
