"""For analyses that still give dictionaries: their rows, typed."""

from isoloss.exhibits.base import Inputs
from isoloss.results.group import Group
from isoloss.results.quantity import Axis, Kind, Quantity
from isoloss.results.rows import Row
from isoloss.results.verdict import Verdict

READ = {"quantity": Quantity.read, "kind": Kind, "group": Group.read, "x_quantity": Axis.read,
        "verdict": Verdict.read}  # fmt: skip


def of_dicts(function):
    """An analysis of (spec, runs, curves, done) as one of (spec, inputs)."""

    def analyse(spec, inputs: Inputs) -> list[Row]:
        found = function(spec, inputs.runs, inputs.curves, inputs.done)
        return [typed(row) for row in found]

    return analyse


def typed(row: dict) -> Row:
    """A dictionary as a row."""
    known = {name: value for name, value in row.items() if value is not None and value == value}
    return Row(**{name: READ[name](str(x)) if name in READ else x for name, x in known.items()})
