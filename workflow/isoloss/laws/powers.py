"""A law of the columns that a user names: a floor and a power law of each."""

from isoloss.errors import UserError
from isoloss.laws.base import coefficient, exponent, floor
from isoloss.laws.sums import Sum, Term

NAME = "powers"
MOST = 6  # terms; starts are a grid over their exponents
SHAPE = f"{NAME}:COLUMN,COLUMN,..."


def powers(name: str) -> Sum:
    """The law of a name such as "powers:n_params,n_tokens,batch".

    Its parameters are E, and A_x and alpha_x of each column x: L = E + sum of A_x / x**alpha_x.

    Raises
    ------
    UserError
        No column is named, one is named twice or is the loss, or there are too many.
    """
    kind, _, listed = name.partition(":")
    variables = tuple(text.strip() for text in listed.split(","))
    problems = []
    if kind.strip() != NAME or not all(variables):
        problems.append(f"must be {SHAPE}, got {name!r}")
    twice = sorted({one for one in variables if one and variables.count(one) > 1})
    problems += [f"{NAME}: column {one!r} is named twice" for one in twice]
    if "loss" in variables:
        problems.append(f"{NAME}: the loss is what the law gives, and no column of its terms")
    if len(variables) > MOST:
        problems.append(f"{NAME}: at most {MOST} columns, got {len(variables)}")
    if problems:
        raise UserError("law", problems)
    terms = tuple(Term(f"A_{x}", x, f"alpha_{x}") for x in variables)
    return Sum(
        name=f"{NAME}:{','.join(variables)}",
        formula=" + ".join(["L = E", *(f"A_{x} / {x}**alpha_{x}" for x in variables)]),
        source="no publication; the terms are the user's",
        variables=variables,
        parameters=(
            *(coefficient(term.coefficient, "loss", f"at {term.variable} = 1") for term in terms),
            floor(),
            *(exponent(t.exponent, f"how fast loss falls with {t.variable}") for t in terms),
        ),
        terms=terms,
        floor="E",
    )
