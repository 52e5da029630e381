"""Choose the next runs: those that narrow the interval of a decision most for their cost.

isoloss next losses.csv --target 1e21 --budget 1e19                    # an average of laws
isoloss next losses.csv --law chinchilla --target 1e21 --budget 1e19   # one law
isoloss next losses.csv --target 1e21 --budget 1e19 --decision loss --candidates possible.csv
isoloss next losses.csv --target 1e21 --budget 36000 --cost train_seconds
isoloss next losses.csv --law data_constrained --candidates pool.csv --target wanted.csv ...
"""

import json
from pathlib import Path

from isoloss.cli import averaged
from isoloss.cli.arguments import check
from isoloss.cli.tables import add_table_arguments, number, read

KNOWN = {  # the decision -> its text, and the text of its interval's width
    "n_params": ("N* at {target} FLOP", "a factor of ", "factor"),
    "loss": ("the loss at {target} FLOP", "", "width"),
    "a": ("a of N* ~ C**a", "", "width"),
    "region": ("the loss of the runs of {target}", "a factor of ", "factor"),
}
SHORT = {"n_params": "N", "n_tokens": "D"}


def add_arguments(parser):
    """The arguments of `isoloss next`."""
    add_table_arguments(parser, averaged.BEST)
    parser.add_argument(
        "--target",
        required=True,
        metavar="FLOP|FILE",
        help="the budget at which the decision will be made; or a table of runs, whose losses are "
        "then to be known, by any law",
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
        help="a table of the runs to choose among, with the law's variables or any two of N, D and "
        "C, and --cost's column if it knows their cost (default: a grid about the optimum)",
    )
    parser.add_argument(
        "--save", metavar="FILE", help="write the fit as JSON, for isoloss predict and load_fit"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def run(args) -> int:
    """Print the next runs; the exit code."""
    from isoloss.decide.next_runs import next_runs
    from isoloss.fit.result import plain

    table, settings = read(args)
    target = _number(args.target)
    budgets = [] if target is None else [("--target", target)]
    check(
        settings,
        [*budgets, ("--budget", args.budget)],
        [*_problems(args, target), *averaged.problems(args, settings)],
        optimum=target is not None,
    )
    found = _fitted(table, settings)
    best = settings.law == averaged.BEST
    result = found.members[0].result if best else found
    question, notes = _question(args, target, settings, result.law)
    counted, fits = None, {}
    if best:
        from isoloss.decide.mixture import mixture

        counted = mixture(found, question)
        result = counted.fits[0]
        fits = {"others": counted.fits[1:], "weights": counted.weights, "drift": counted.drifts}
    cost = _cost(args, table, result)
    candidates, more = _candidates(args, cost, settings.columns, result.law)
    plan = next_runs(result, question, args.budget, cost=cost, candidates=candidates, **fits)
    notes = [*plan.notes, *notes, *more]
    if args.save is not None:
        result.save(args.save)
    if args.json:
        said = {
            "decision": question.decision,
            "target": args.target if target is None else target,
            "budget": args.budget,
            "level": result.level,
            "width_now": plan.width_now,
            "width_least": plan.width_least,
            "drift": plan.drift,
            "law": settings.law,
            "laws": plan.laws,
            "left_out": dict(counted.left_out) if best else {},
            "cost": "column" if cost is None else str(cost),
            "cost_unit": _unit(args, cost),
            "stopped": plan.stopped,
            "baselines": [vars(one) for one in plan.baselines],
            "warnings": list(plan.warnings),
            "notes": notes,
            "runs": plan.runs.to_dict("records"),
        }
        print(json.dumps(plain(said), allow_nan=False))
    else:
        shown = args.target if target is None else None
        of_laws = _of_laws(plan, found, counted) if best else []
        print(_text(plan, result, notes, cost, _unit(args, cost), shown, of_laws))
    return 0


def _fitted(table, settings):
    """The fit of the law, or of all laws at hand."""
    from isoloss.fit import fit_law

    if settings.law != averaged.BEST:
        return fit_law(table, settings=settings)
    from isoloss.forecast.average import average

    return average(table, settings)


def _question(args, target, settings, law):
    """The question, and the assumptions about the runs that are asked for."""
    from isoloss.decide.question import Question

    if target is not None:
        return Question(args.decision, target, None, args.flops_per_param_token), []
    region, notes = _points(args, Path(args.target), settings.columns, law, "target")
    return Question("region", region=_logs(region, law)), notes


def _of_laws(plan, found, counted):
    """Lines on the laws that the plan counts."""
    shares = ", ".join(f"{name} {weight:.2f}" for name, weight in plan.laws.items())
    yield f"laws, by weight at the target: {shares} ({found.evidence})"
    for name, text in counted.left_out.items():
        yield f"not counted: {name}: {text}"


def _number(text):
    """The target as a number; None where it is a file."""
    try:
        return float(text)
    except ValueError:
        return None


def _unit(args, cost):
    return args.cost if cost is None else cost.unit


def _problems(args, target):
    from isoloss.decide.question import OF_OPTIMUM
    from isoloss.errors import nearest

    if args.decision not in OF_OPTIMUM:
        found = f"--decision: {args.decision!r} is none of {', '.join(OF_OPTIMUM)}"
        yield f"{found}{nearest(args.decision, OF_OPTIMUM)}"
    if target is not None:
        return
    if not Path(args.target).is_file():
        yield f"--target: {args.target!r} is neither a number nor a file"
    elif args.candidates is None:
        yield "--target: a table of runs needs --candidates, the runs to choose among"


def _cost(args, table, result):
    """The cost of a run of N and D; None where only the candidates' own column says it."""
    from isoloss.decide.candidates import flops, measured
    from isoloss.errors import UserError, nearest

    sized = {"n_params", "n_tokens"} <= set(result.law.variables)
    if args.cost is None and sized:
        return flops(args.flops_per_param_token)
    if args.cost is None:
        found = f"--cost: is needed, because {result.law.name} does not depend on N and D"
        raise UserError("arguments", [f"{found}: the column of --candidates with their cost"])
    if args.cost not in table:
        if args.candidates is not None:  # its own column, or an error that names it
            return None
        found = f"--cost: there is no column {args.cost!r}{nearest(args.cost, table.columns)}"
        raise UserError(str(args.table), [f"{found} (columns: {', '.join(table.columns)})"])
    if not sized:
        return None
    import numpy as np

    n_params, n_tokens = (np.exp(result.problem.log_x[name]) for name in ("n_params", "n_tokens"))
    numbers = [number(table, row) for row in range(1, len(table) + 1)]
    return measured(n_params, n_tokens, table[args.cost], args.cost, numbers)


def _candidates(args, cost, columns, law):
    """The runs of a file, and the assumptions; --column applies to columns that the file has."""
    if args.candidates is None:
        return None, []
    from isoloss.decide.candidates import of_table
    from isoloss.errors import UserError, nearest
    from isoloss.tables.read import read_table

    points, notes = _points(args, args.candidates, columns, law, "candidates")
    table, where = read_table(args.candidates), str(args.candidates)
    if args.cost in table:
        points["cost"] = table[args.cost]
    elif cost is None:
        found = f"--cost: there is no column {args.cost!r}{nearest(args.cost, table.columns)}"
        raise UserError(where, [f"{found} (columns: {', '.join(table.columns)})"])
    return of_table(points, cost, where, law.variables), notes


def _points(args, path, columns, law, what):
    """The law's variables of the runs of a file, and the assumptions."""
    from isoloss.errors import UserError
    from isoloss.tables.data import read_points
    from isoloss.tables.read import read_table

    table, where = read_table(path), str(path)
    sizes = {"n_params", "n_tokens"}
    points, notes = {}, ()
    if sizes <= set(law.variables):
        asked = sizes | {"compute"}
        given = {
            name: text for name, text in columns.items() if name in asked and _has(table, text)
        }
        k = args.flops_per_param_token
        try:
            points, notes = read_points(table, given, flops_per_param_token=k, where=where)
        except UserError as error:  # without its hint: --without is about the table of runs
            raise UserError(where, error.problems) from None
    for name in law.variables:
        if name not in points and (column := _column(table, name, columns)) is not None:
            points[name] = column
    if missing := [name for name in law.variables if name not in points]:
        raise UserError(where, [f"no column for {name} was recognised" for name in missing])
    return points, [f"{what}: {note}" for note in notes]


def _column(table, name, columns):
    """A variable's column, as --column names it ("COLUMN*FACTOR") or by the variable's name."""
    text = columns.get(name, name)
    column, star, factor = text.rpartition("*")
    if text in table:
        return table[text]
    return table[column] * float(factor) if star and column in table else None


def _logs(points, law):
    """ln of the law's variables, checked."""
    from isoloss.decide.candidates import of_table

    return of_table({**points, "cost": [1.0] * len(points[law.variables[0]])}, None, "--target",
                    law.variables).log_x  # fmt: skip


def _has(table, text):
    """Whether a table has the column of "COLUMN" or "COLUMN*FACTOR"."""
    return text in table or text.rpartition("*")[0] in table


def _text(plan, result, notes, cost, unit, file, of_laws):
    from isoloss.cli import texts

    known, factor, width = KNOWN[plan.question.decision]
    target = texts.number(plan.question.target) if file is None else file
    known, level = known.format(target=target), result.level
    costed = f"column {unit!r}" if cost is None else cost
    if plan.width_now == plan.width_now:
        within = f"is known within {factor}{_width(plan.width_now)}"
        lines = [f"{known} {within} ({100 * level:g} % interval, end to end); cost: {costed}"]
    else:
        lines = [f"{known} cannot be known from these runs; cost: {costed}"]
    lines += of_laws
    variables = result.law.variables
    names = [SHORT.get(name, name) for name in variables]
    rows = [["run", *names, unit, f"{width} after it"]]
    for i, row in enumerate(plan.runs.to_dict("records"), start=1):
        numbers = (texts.number(row[name]) for name in (*variables, "cost"))
        rows.append([str(i), *numbers, _width(row["width"])])
    if len(rows) > 1:
        lines.append(texts.columns(rows))
    lines.append(f"no more runs: {plan.stopped}")
    if plan.width_least == plan.width_least:
        least = _width(plan.width_least)
        lines.append(f"all {plan.n_candidates} candidates together would leave {least}")
    if plan.baselines:
        lines.append("other designs for the same budget, if the law holds:")
        last = _width(plan.runs["width"].iloc[-1])
        head = [["design", "runs", unit, f"{width} after them"]]
        own = [["this plan", str(len(plan.runs)), texts.number(plan.runs["cost"].sum()), last]]
        others = [
            [one.name, str(one.n_runs), texts.number(one.cost), _width(one.width)]
            for one in plan.baselines
        ]
        lines.append(texts.columns(head + own + others))
    if plan.drift == plan.drift:
        drift = f"{100 * plan.drift:.2g} % of the loss"
        lines.append(f"counted: losses drift from the law by {drift} for each factor e of compute")
    lines += [f"warning: {text}" for text in plan.warnings]
    lines += [f"assumed: {text}" for text in notes]
    return "\n".join(lines)


def _width(value):
    """A width with four significant digits, because a factor may be only slightly above 1."""
    return f"{value:#.4g}".rstrip(".") if value == value else "-"
