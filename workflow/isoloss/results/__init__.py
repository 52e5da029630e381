"""Typed results of a study: quantities, groups and verdicts, written and read in one place.

This package exports the names that most analyses and figures need; `results.verdict` has the
functions that judge a number. Each name is imported when it is first asked for: a fit needs the
verdicts alone.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
_HOMES = {
    "analysed": ("Analysed", "identified", "undetermined"),
    "group": ("G", "Group", "Label"),
    "quantity": ("Axis", "Kind", "Q", "Quantity", "X"),
    "rows": ("Row", "estimated", "points", "row"),
    "verdict": ("IDENTIFIED", "Status", "Verdict"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"isoloss.results.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
