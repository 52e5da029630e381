"""A law of the columns that a user names: a floor and a power law of each."""

from isoloss.errors import UserError
from isoloss.laws.base import coefficient, exponent, floor
from isoloss.laws.columns import listed, shape
from isoloss.laws.sums import Sum, Term

NAME = "powers"
MOST = 6  # terms; starts are a grid over their exponents
SHAPE = shape(NAME)


def powers(name: str) -> Sum:
    """The law of a name such as "powers:n_params,n_tokens,batch".

    Its parameters are E, and A_x and alpha_x of each column x: L = E + sum of A_x / x**alpha_x.

    Raises
    ------
    UserError
        No column is named, one is named twice or is the loss, or there are too many.
    """
    loss = {"loss": "the loss is what the law gives, and no column of its terms"}
    variables, problems = listed(name, NAME, MOST, loss)
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
