"""What a study finds, typed: quantities, groups and verdicts, written and read in one place.

What most analyses and figures need is here by name; how a number is judged is `results.verdict`.
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
