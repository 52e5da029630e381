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

    Stretches of one name are one run. So is a stretch that `may_resume`, if it begins where exactly
    one run before it had been: then it goes on with that run.
    """
    runs = _Runs()
    waiting = [log for log in sorted(logs, key=_start) if not runs.add(log)]
    for log in waiting:  # what it goes on with may have a name that comes later
        runs.add(log, last=True)
    return [_whole(name, runs.logs[name], runs.notes.get(name, [])) for name in sorted(runs.logs)]


class _Runs:
    """The stretches of each run, as they are added one after the other."""

    def __init__(self):
        self.logs: dict[str, list[Log]] = {}
        self.notes: dict[str, list[str]] = {}
        self.names: dict[str, str] = {}  # of a stretch -> of its run

    def add(self, log: Log, last: bool = False) -> bool:
        """Add a stretch to its run; False if it begins late and no run is there that it fits."""
        name = self.names.get(log.run, log.run)
        if log.may_resume and name not in self.logs and _begins_late(log):
            same = [
                other
                for other, before in self.logs.items()
                if _fits(log, before) and _settings_agree(log, before)
            ]
            if not same and not last:
                return False
            if len(same) == 1:
                (name,) = same
                said = "and is joined to it as a resumed run"
            elif len(same) > 1:
                said = f"and may go on with {' or '.join(same)}: it is a run of its own here"
            else:
                said = "and what is before it is in no other log here"
            self.notes.setdefault(name, []).append(
                f"{log.run} begins at step {_first(log):,} {said}"
            )
        self.names[log.run] = name
        self.logs.setdefault(name, []).append(log)
        return True


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


def _begins_late(log: Log) -> bool:
    """Whether a stretch begins later than its points are apart."""
    return _first(log) > max(_spacing(log), 1)


def _fits(log: Log, before: list[Log]) -> bool:
    """Whether a stretch begins where a run had been, or where its next point would be."""
    first = _first(log)
    gap = max(_spacing(log), *map(_spacing, before), 1)
    return min(map(_first, before)) < first <= max(map(_last, before)) + gap


def _settings_agree(log: Log, before: list[Log]) -> bool:
    """Whether no setting that a run and a stretch both say differs, but for the planned steps.

    A run is often resumed to go on for longer.
    """
    known = {name: value for other in before for name, value in other.settings.items()}
    known.pop("planned_steps", None)
    return all(known.get(name, value) == value for name, value in log.settings.items())


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
