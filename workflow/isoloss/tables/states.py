"""Rows that a table itself says do not count: crashed, diverged, unfinished or excluded runs."""

from collections.abc import Mapping

import numpy as np

from isoloss.tables.cells import is_empty
from isoloss.tables.grouping import plain_name

ENDED = (
    "crashed crash failed fail failure diverged divergence killed error nan oom memory aborted "
    "abort incomplete unfinished cancelled canceled preempted timeout timed invalid running "
    "pending queued scheduled stopped bad unstable exploded"
)
ENDED = frozenset(ENDED.split())
NEGATED = {"not", "no", "non", "un"}  # "not converged", "no divergence"
WELL = {"finished", "completed", "complete", "done", "converged", "ok", "success", "succeeded"}
# Of what people write in notes, such words alone are clear.
DISMISSED = {"ignore", "discard", "exclude", "excluded", "diverged", "crashed", "failed", "oom"}
STATES = ("state", "status")  # the last word of such a column's name
NOTES = ("note", "notes", "comment", "comments", "remark", "remarks")
BAD = "diverged is_diverged crashed failed is_failed outlier is_outlier excluded exclude unstable"
GOOD = (
    "training converged finished is_finished completed complete is_complete done ok valid is_valid "
    "success succeeded include included use used keep stable"
)
FLAGS = dict.fromkeys(BAD.split(), True) | dict.fromkeys(GOOD.split(), False)


def not_counted(named: Mapping[str, np.ndarray]) -> dict[str, tuple[list[int], str]]:
    """Rows that a column says do not count: column -> (rows from 0, what it says of them).

    A column of flags counts only if it has both kinds of rows.
    """
    found = {}
    for column, cells in named.items():
        name = plain_name(column)
        if name.rpartition("_")[2] in STATES or name in NOTES:
            has_ended = _is_dismissed if name in NOTES else _has_ended
            written = ["" if is_empty(cell) else str(cell) for cell in cells]
            ended = {text: has_ended(text) for text in set(written)}
            rows = [i for i, text in enumerate(written) if ended[text]]
            if rows:
                kinds = dict.fromkeys(str(cells[i]) for i in rows)
                found[column] = (rows, " or ".join(repr(kind) for kind in kinds))
        elif name in FLAGS:
            flags = [_flag(cell) for cell in cells]
            rows = [i for i, flag in enumerate(flags) if flag is FLAGS[name]]
            if rows and len(rows) < len(flags) and None not in flags:
                found[column] = (rows, repr(str(cells[rows[0]])))
    return found


def says_whether_it_counts(column: str) -> bool:
    """Whether a column is one of states or flags, by its name."""
    name = plain_name(column)
    return name.rpartition("_")[2] in STATES or name in FLAGS or name in NOTES


def _has_ended(text: str) -> bool:
    """Whether a state says that a run did not end well: "OUT_OF_MEMORY", "not converged"."""
    found = set(plain_name(text).split("_"))
    if found & NEGATED:
        return bool(found & WELL)
    return bool(found & ENDED)


def _is_dismissed(text: str) -> bool:
    found = set(plain_name(text).split("_"))
    return bool(found & DISMISSED) and not found & NEGATED


def _flag(cell) -> bool | None:
    text = "" if is_empty(cell) else str(cell).strip().lower()
    if text in ("1", "1.0", "true", "yes", "y"):
        return True
    return False if text in ("0", "0.0", "false", "no", "n") else None
