"""Choose the next runs: those that narrow the interval of a decision most for their cost.

isoloss next losses.csv --target 1e21 --budget 1e19
isoloss next losses.csv --target 1e21 --budget 1e19 --decision loss --candidates possible.csv
isoloss next losses.csv --target 1e21 --budget 36000 --cost train_seconds
"""

import json
from pathlib import Path

from isoloss.cli.arguments import check
from isoloss.cli.tables import add_table_arguments, number, read

KNOWN = {  # the decision -> its text, and the text of its interval's width
    "n_params": ("N* at {target} FLOP", "a factor of ", "factor"),
    "loss": ("the loss at {target} FLOP", "", "width"),
    "a": ("a of N* ~ C**a", "", "width"),
}


def add_arguments(parser):
    """The arguments of `isoloss next`."""
    add_table_arguments(parser)
    parser.add_argument(
        "--target",
        type=float,
        required=True,
        metavar="FLOP",
        help="the budget at which the decision will be made",
    )
    parser.add_argument(
        "--budget",
        type=float,
        required=True,
        metavar="COST",
        help="what the next runs may cost in all: FLOP (K N D), or the unit of --cost",
    )
    parser.add_argument(
        "--decision",
        default="n_params",
        help="what is to be known: n_params (the optimal size), loss or a (default: n_params)",
    )
    parser.add_argument(
        "--cost",
        metavar="COLUMN",
        help="what the runs of the table took, e.g. seconds: candidates are costed by it",
    )
    parser.add_argument(
        "--candidates",
        type=Path,
        metavar="FILE",
        help="a table of the runs to choose among, with any two of N, D and C (default: a grid "
        "where runs are, and larger)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def run(args) -> int:
    """Print the next runs; the exit code."""
    from isoloss.decide.next_runs import next_runs
    from isoloss.fit import fit_law
    from isoloss.fit.result import plain

    table, settings = read(args)
    budgets = [("--target", args.target), ("--budget", args.budget)]
    check(settings, budgets, _problems(args), optimum=True)
    result = fit_law(table, settings=settings)
    cost = _cost(args, table, result)
    candidates, assumed = _candidates(args, cost, settings.columns)
    plan = next_runs(
        result,
        args.target,
        args.budget,
        decision=args.decision,
        cost=cost,
        candidates=candidates,
        flops_per_param_token=args.flops_per_param_token,
    )
    notes = [*plan.notes, *assumed]
    if args.json:
        said = {
            "decision": plan.decision,
            "target": plan.target,
            "budget": args.budget,
            "level": result.level,
            "width_now": plan.width_now,
            "width_least": plan.width_least,
            "cost": str(plan.cost),
            "cost_unit": plan.cost.unit,
            "stopped": plan.stopped,
            "warnings": list(plan.warnings),
            "notes": notes,
            "runs": plan.runs.to_dict("records"),
        }
        print(json.dumps(plain(said), allow_nan=False))
    else:
        print(_text(plan, result.level, notes))
    return 0


def _problems(args):
    from isoloss.errors import nearest

    if args.decision in KNOWN:
        return []
    found = f"--decision: {args.decision!r} is none of {', '.join(KNOWN)}"
    return [f"{found}{nearest(args.decision, KNOWN)}"]


def _cost(args, table, result):
    from isoloss.decide.candidates import flops, measured
    from isoloss.errors import UserError, nearest

    if args.cost is None:
        return flops(args.flops_per_param_token)
    if args.cost not in table:
        found = f"--cost: there is no column {args.cost!r}{nearest(args.cost, table.columns)}"
        raise UserError(str(args.table), [f"{found} (columns: {', '.join(table.columns)})"])
    import numpy as np

    n_params, n_tokens = (np.exp(result.problem.log_x[name]) for name in ("n_params", "n_tokens"))
    numbers = [number(table, row) for row in range(1, len(table) + 1)]
    return measured(n_params, n_tokens, table[args.cost], args.cost, numbers)


def _candidates(args, cost, columns):
    """The runs of a file, and the assumptions; --column applies to columns that the file has."""
    if args.candidates is None:
        return None, []
    from isoloss.decide.candidates import of_table
    from isoloss.errors import UserError
    from isoloss.tables.data import read_points
    from isoloss.tables.read import read_table

    table, where = read_table(args.candidates), str(args.candidates)
    sizes = {"n_params", "n_tokens", "compute"}
    given = {name: text for name, text in columns.items() if name in sizes and _has(table, text)}
    k = args.flops_per_param_token
    try:
        points, notes = read_points(table, given, flops_per_param_token=k, where=where)
    except UserError as error:  # without its hint: --without is about the table of runs
        raise UserError(where, error.problems) from None
    if args.cost in table:
        points["cost"] = table[args.cost]
    return of_table(points, cost, where), [f"candidates: {note}" for note in notes]


def _has(table, text):
    """Whether a table has the column of "COLUMN" or "COLUMN*FACTOR"."""
    return text in table or text.rpartition("*")[0] in table


def _text(plan, level, notes):
    from isoloss.cli import show

    known, factor, width = KNOWN[plan.decision]
    known = known.format(target=show.number(plan.target))
    if plan.width_now == plan.width_now:
        within = f"is known within {factor}{_width(plan.width_now)}"
        lines = [f"{known} {within} ({100 * level:g} % interval, end to end); cost: {plan.cost}"]
    else:
        lines = [f"{known} cannot be known from these runs; cost: {plan.cost}"]
    rows = [["run", "N", "D", plan.cost.unit, f"{width} after it"]]
    for i, row in enumerate(plan.runs.to_dict("records"), start=1):
        numbers = (show.number(row[name]) for name in ("n_params", "n_tokens", "cost"))
        rows.append([str(i), *numbers, _width(row["width"])])
    if len(rows) > 1:
        lines.append(show.columns(rows))
    lines.append(f"no more runs: {plan.stopped}")
    if plan.width_least == plan.width_least:
        least = _width(plan.width_least)
        lines.append(f"all {plan.n_candidates} candidates together would leave {least}")
    lines += [f"warning: {text}" for text in plan.warnings]
    lines += [f"assumed: {text}" for text in notes]
    return "\n".join(lines)


def _width(value):
    """A width with four significant digits, because a factor may be only slightly above 1."""
    return f"{value:#.4g}".rstrip(".") if value == value else "-"
