"""One small example of every kind of figure: what is asked for, and the tables."""

import functools

from tests.exhibits import batch_cases, prediction_cases
from tests.exhibits.architectures import cases as architecture_cases
from tests.exhibits.chinchilla import cases as chinchilla_cases
from tests.exhibits.generic import cases as generic_cases
from tests.exhibits.kaplan import cases as kaplan_cases
from tests.exhibits.recipes import cases as recipe_cases

_CASES = {
    **generic_cases.CASES,
    **prediction_cases.CASES,
    **batch_cases.CASES,
    **chinchilla_cases.CASES,
    **kaplan_cases.CASES,
    **recipe_cases.CASES,
    **architecture_cases.CASES,
}
# Some are results of an analysis: each is made once for all tests of a process, and never changed.
CASES = {name: functools.cache(case) for name, case in _CASES.items()}
