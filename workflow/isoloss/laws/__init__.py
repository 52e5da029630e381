"""Scaling laws: formulas, parameters, units and sources. No data and no optimiser.

`law(name)` returns a law by its name; `LAWS` holds all of them. A law of your own is a frozen
dataclass that subclasses `isoloss.laws.base.Law`, or an `isoloss.laws.sums.Sum` of power laws.
"""

from isoloss import extensions
from isoloss.errors import UserError, nearest
from isoloss.laws import powers, tuned
from isoloss.laws.base import Law, Parameter, coefficient, exponent, floor
from isoloss.laws.broken import BNSL_1, BNSL_2
from isoloss.laws.chinchilla import CHINCHILLA
from isoloss.laws.data_constrained import DATA_CONSTRAINED
from isoloss.laws.kaplan import (
    KAPLAN_B_CRIT,
    KAPLAN_C,
    KAPLAN_C_MIN,
    KAPLAN_D,
    KAPLAN_N,
    KAPLAN_ND,
    KAPLAN_NS,
)
from isoloss.laws.one_variable import LOGARITHMIC, POWER_LAW, POWER_LAW_FLOOR, SHIFTED_POWER
from isoloss.laws.repetition import REPETITION_PENALTY
from isoloss.laws.saturating import M3_LAW, M4_LAW
from isoloss.laws.skaling import SKALING
from isoloss.laws.sums import Sum, Term

LAWS = {
    law.name: law
    for law in (
        POWER_LAW,
        POWER_LAW_FLOOR,
        SHIFTED_POWER,
        LOGARITHMIC,
        M3_LAW,
        M4_LAW,
        BNSL_1,
        BNSL_2,
        CHINCHILLA,
        SKALING,
        KAPLAN_ND,
        KAPLAN_NS,
        KAPLAN_N,
        KAPLAN_D,
        KAPLAN_C,
        KAPLAN_C_MIN,
        KAPLAN_B_CRIT,
        DATA_CONSTRAINED,
        REPETITION_PENALTY,
    )
}
NAMED = {powers.NAME: powers.powers, tuned.NAME: tuned.tuned}


def known(name: str) -> Law | None:
    """The law of a name, or None where there is none."""
    try:
        return law(name)
    except UserError:
        return None


def law(name: str | Law) -> Law:
    """The law of a name; a law object is returned as it is.

    "powers:COLUMN,COLUMN" is a floor and a power law of each column. "tuned:COLUMN,COLUMN" is
    Hoffmann's sum with settings, such as the learning rate, that have a best value.

    Raises
    ------
    UserError
        There is no law of that name.
    """
    if isinstance(name, Law):
        return name
    for kind, named in NAMED.items():
        if str(name).partition(":")[0] == kind:
            return named(name)
    if not isinstance(name, str) or name not in LAWS:
        allowed = ", ".join([*LAWS, powers.SHAPE, tuned.SHAPE])
        raise UserError("law", [f"there is no law {name!r}{nearest(name, LAWS)} (laws: {allowed})"])
    return LAWS[name]


def register(own: Law) -> None:
    """Add a law from outside the package, for studies and commands to name.

    Raises
    ------
    UserError
        A law of that name exists already.
    """
    if not isinstance(own, Law):
        raise UserError("law", [f"must be an isoloss.laws.Law, got {own!r}"])
    extensions.add(LAWS, own.name, own, "law")


__all__ = [
    "LAWS",
    "Law",
    "Parameter",
    "Sum",
    "Term",
    "coefficient",
    "exponent",
    "floor",
    "known",
    "law",
    "register",
]
