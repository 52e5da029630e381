"""One small example of every kind of figure: what is asked for, and the tables."""

from tests.exhibits import batch_cases, prediction_cases
from tests.exhibits.architectures import cases as architecture_cases
from tests.exhibits.chinchilla import cases as chinchilla_cases
from tests.exhibits.generic import cases as generic_cases
from tests.exhibits.kaplan import cases as kaplan_cases
from tests.exhibits.recipes import cases as recipe_cases

CASES = {
    **generic_cases.CASES,
    **prediction_cases.CASES,
    **batch_cases.CASES,
    **chinchilla_cases.CASES,
    **kaplan_cases.CASES,
    **recipe_cases.CASES,
    **architecture_cases.CASES,
}
