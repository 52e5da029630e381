"""Typed results of a study: quantities, groups and verdicts, written and read in one place.

This package exports the names that most analyses and figures need; `results.verdict` has the
functions that judge a number.
"""

from isoloss.results.analysed import Analysed, identified, undetermined
from isoloss.results.group import G, Group, Label
from isoloss.results.quantity import Axis, Kind, Q, Quantity, X
from isoloss.results.rows import Row, estimated, points, row
from isoloss.results.verdict import IDENTIFIED, Status, Verdict

__all__ = [
    "IDENTIFIED",
    "Analysed",
    "Axis",
    "G",
    "Group",
    "Kind",
    "Label",
    "Q",
    "Quantity",
    "Row",
    "Status",
    "Verdict",
    "X",
    "estimated",
    "identified",
    "points",
    "row",
    "undetermined",
]
