"""Put the stretches of each run together: resumed runs, and points that were logged twice."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from isoloss.logs.records import HELD_OUT, TRAINING, Log, Series


@dataclass
class Run:
    """A whole run: for each tag and step one value.

    Attributes
    ----------
    tags : dict of str to Series
        Steps rise, and none occurs twice.
    n_duplicates : dict of str to ndarray of int, shape (point,)
        How many further values each step of a tag had.
    """

    name: str
    source: str
    tags: dict[str, Series]
    n_duplicates: dict[str, np.ndarray]
    settings: dict[str, float]
    said: dict[str, str]
    status: str = ""
    notes: list[str] = field(default_factory=list)


def joined(logs: list[Log]) -> list[Run]:
    """The runs of a group of logs, in the order of their names.

    Stretches of one name are one run. So is a stretch that `may_resume`, if it begins where a
    stretch before it had been: then it goes on with that run.
    """
    by_name: dict[str, list[Log]] = {}
    notes: dict[str, list[str]] = {}
    for log in sorted(logs, key=_start):
        name = log.run
        if log.may_resume and name not in by_name:
            name = _resumed(log, by_name) or name
            if name != log.run:
                notes.setdefault(name, []).append(
                    f"{log.run} begins at step {_first(log):,} and is joined to it as a resumed run"
                )
        by_name.setdefault(name, []).append(log)
    return [_whole(name, by_name[name], notes.get(name, [])) for name in sorted(by_name)]


def _start(log: Log):
    """When a stretch was begun; where the tool writes no times, the place of its file."""
    times = [s.time_s.min() for s in log.tags.values() if s.time_s is not None and len(s.time_s)]
    return (min(times) if times else 0.0, _natural(str(log.source)))


def _natural(text: str) -> list:
    """A key by which version_10 comes after version_9."""
    parts, digits = [], ""
    for char in text + "\0":
        if char.isdigit() and char.isascii():
            digits += char
            continue
        if digits:
            parts.append((1, int(digits), ""))
            digits = ""
        parts.append((0, 0, char))
    return parts


def _first(log: Log) -> int:
    return min((int(s.step.min()) for s in log.tags.values() if len(s.step)), default=0)


def _last(log: Log) -> int:
    return max((int(s.step.max()) for s in log.tags.values() if len(s.step)), default=0)


def _spacing(log: Log) -> int:
    """The steps between points of the tag that has most of them."""
    longest = max(log.tags.values(), key=lambda s: len(np.unique(s.step)), default=None)
    if longest is None or len(np.unique(longest.step)) < 2:
        return 0
    return int(np.median(np.diff(np.unique(longest.step))))


def _resumed(log: Log, by_name) -> str | None:
    """The run that a stretch goes on with, the latest one if several fit."""
    first, spacing = _first(log), _spacing(log)
    if first <= max(spacing, 1):
        return None  # it begins at the beginning
    for name in reversed([*by_name]):
        begun = min(_first(other) for other in by_name[name])
        last = max(_last(other) for other in by_name[name])
        gap = max(spacing, *(_spacing(other) for other in by_name[name]), 1)
        if begun < first <= last + gap:
            return name
    return None


def _whole(name: str, logs: list[Log], notes: list[str]) -> Run:
    settings, said, status = {}, {}, ""
    for log in logs:  # what the latest stretch says of a setting holds
        settings |= log.settings
        said |= log.said
    for log in logs:
        notes = [*notes, *(note for note in log.notes if note not in notes)]
    if logs:
        status = logs[-1].status
    tags, duplicates = {}, {}
    replaced, abandoned = 0, []
    for tag in dict.fromkeys(tag for log in logs for tag in log.tags):
        one, again, n_replaced, left = _one_value_a_step(tag, logs)
        tags[tag], duplicates[tag] = one, again
        if one.kind in (HELD_OUT, TRAINING):
            replaced += n_replaced
            abandoned += left
    if replaced:
        timed = all(s.time_s is not None for log in logs for s in log.tags.values())
        kept = "of the latest time" if timed else "last written"
        notes.append(f"{replaced:,} losses were logged again at one step: that {kept} holds")
    if abandoned:
        notes.append(
            f"{len(abandoned):,} losses at steps {min(abandoned):,} to {max(abandoned):,} are left "
            "out: the run was resumed from an earlier step"
        )
    source = str(logs[-1].source)
    return Run(name, source, tags, duplicates, settings, said, status, notes)


def _one_value_a_step(tag, logs):
    """One point a step of a tag, how many others it had, and what was replaced or abandoned."""
    pieces = [(i, log.tags[tag]) for i, log in enumerate(logs) if tag in log.tags]
    steps = np.concatenate([s.step for _, s in pieces])
    values = np.concatenate([s.value for _, s in pieces])
    stretch = np.concatenate([np.full(len(s.step), i) for i, s in pieces])
    timed = all(s.time_s is not None for _, s in pieces)
    times = np.concatenate([s.time_s for _, s in pieces]) if timed else None
    means = all(s.n_averaged is not None for _, s in pieces)
    averaged = np.concatenate([s.n_averaged for _, s in pieces]) if means else None
    last = pieces[-1][1]
    whole = Series(steps, values, times, last.kind, last.ahead, averaged)

    holds = np.ones(len(steps), dtype=bool)
    for i, log in enumerate(logs):
        here = steps[stretch == i]
        begins = [int(here.min())] if len(here) else []
        begins += [log.purge_step] if log.purge_step is not None else []
        if i and begins:
            holds &= ~((stretch < i) & (steps >= min(begins)))
    counts = dict(zip(*np.unique(steps, return_counts=True), strict=True)) if len(steps) else {}
    # the latest of each step comes last
    keys = (np.arange(len(steps)), times, steps) if timed else (np.arange(len(steps)), steps)
    order = np.lexsort(keys)
    order = order[holds[order]]
    ends = np.append(np.diff(steps[order]) != 0, True)[: len(order)]
    order = order[ends]
    kept = steps[order]
    again = np.array([counts[step] - 1 for step in kept], dtype=np.int64)
    gone = np.setdiff1d(steps, kept)
    left = [int(step) for step in steps[np.isin(steps, gone)]]
    replaced = int(again.sum())
    return whole.rows(order), again, replaced, left
