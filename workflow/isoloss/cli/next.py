"""Which runs to do next, so that a decision at a target budget is known best for the cost.

isoloss next losses.csv --target 1e21 --budget 1e19
isoloss next losses.csv --target 1e21 --budget 1e19 --decision loss --candidates possible.csv
isoloss next losses.csv --target 1e21 --budget 36000 --cost train_seconds
"""

import json
from pathlib import Path

from isoloss.cli.tables import add_table_arguments, read

KNOWN = {  # the decision -> how it reads, and how its interval's width does
    "n_params": ("N* at {target} FLOP", "a factor of ", "factor"),
    "loss": ("the loss at {target} FLOP", "", "width"),
    "a": ("a of N* ~ C**a", "", "width"),
}


def add_arguments(parser):
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
        help="what the next runs may cost in all: FLOP (6 N D), or the unit of --cost",
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
        help="a table of the runs to choose among (default: a grid where runs are, and larger)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def run(args) -> int:
    from isoloss.fit import fit_law
    from isoloss.fit.next_runs import next_runs
    from isoloss.fit.result import plain

    table, settings = read(args)
    result = fit_law(table, args.law, **settings)
    cost = _cost(args, table, result)
    candidates = _candidates(args, cost)
    plan = next_runs(
        result,
        args.target,
        args.budget,
        decision=args.decision,
        cost=cost,
        candidates=candidates,
    )
    if args.json:
        said = {
            "decision": plan.decision,
            "target": plan.target,
            "width_now": plan.width_now,
            "width_least": plan.width_least,
            "cost": str(plan.cost),
            "stopped": plan.stopped,
            "warnings": list(plan.warnings),
            "runs": plan.runs.to_dict("records"),
        }
        print(json.dumps(plain(said), allow_nan=False))
    else:
        print(_text(plan, result.level))
    return 0


def _cost(args, table, result):
    from isoloss.errors import UserError, nearest
    from isoloss.fit.candidates import flops, measured

    if args.cost is None:
        return flops()
    if args.cost not in table:
        found = f"--cost: there is no column {args.cost!r}{nearest(args.cost, table.columns)}"
        raise UserError(str(args.table), [f"{found} (columns: {', '.join(table.columns)})"])
    import numpy as np

    n_params, n_tokens = (np.exp(result.problem.log_x[name]) for name in ("n_params", "n_tokens"))
    return measured(n_params, n_tokens, table[args.cost], args.cost)


def _candidates(args, cost):
    """The runs of a file, their columns recognised as those of the table are."""
    if args.candidates is None:
        return None
    from isoloss.fit.candidates import of_table
    from isoloss.fit.table import recognise
    from isoloss.tables import read_table

    table = read_table(args.candidates)
    columns = {name: recognise(name, table) for name in ("n_params", "n_tokens")}
    if args.cost in table:
        columns["cost"] = args.cost
    named = {name: table[column] for name, column in columns.items() if column is not None}
    return of_table(named, cost, where=str(args.candidates))


def _text(plan, level):
    from isoloss.cli import show

    known, factor, width = KNOWN[plan.decision]
    known = known.format(target=show.number(plan.target))
    if plan.width_now == plan.width_now:
        within = f"is known within {factor}{plan.width_now:.3f}"
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
        lines.append(
            f"all {plan.n_candidates} candidates together would leave {plan.width_least:.3f}"
        )
    return "\n".join([*lines, *(f"warning: {text}" for text in plan.warnings)])


def _width(value):
    return f"{value:.3f}" if value == value else "-"
