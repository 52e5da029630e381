"""Ask a fit: the loss of a run, the best run of a budget, or the compute that reaches a loss.

isoloss predict losses.csv --n-params 7e9 --n-tokens 1.4e11      # the loss of a run
isoloss predict losses.csv --compute 1e21                        # the best run of a budget
isoloss predict losses.csv --compute 1e21 --ratio 20             # with D = 20 N (or --n-params)
isoloss predict losses.csv --loss 2.1                            # the compute that reaches a loss
isoloss predict losses.csv --loss 2.1 --inference-tokens 1e13    # with what serving will cost
isoloss predict losses.csv --compute 1e21 --save fit.json        # then: isoloss predict fit.json
"""

import json
from pathlib import Path

from isoloss.cli import asked, averaged
from isoloss.cli.tables import add_table_arguments
from isoloss.errors import UserError

LABELS = {
    "n_params": "N",
    "n_tokens": "D",
    "tokens_per_param": "D/N",
    "compute": "C (FLOP)",
    "training_compute": "of it training",
    "device_hours": "device-hours",
    "money": "money",
    "loss": "loss",
    "loss_of_run": "loss of a run",
}
ENDINGS = (".csv", ".parquet")


def add_arguments(parser):
    """The arguments of `isoloss predict`."""
    add_table_arguments(parser, averaged.BEST, "; or the .json of a saved fit")
    parser.add_argument("--n-params", type=float, nargs="+", metavar="N", help="sizes of runs")
    parser.add_argument(
        "--n-tokens", type=float, nargs="+", metavar="D", help="training tokens of runs"
    )
    parser.add_argument(
        "--points", type=Path, metavar="FILE", help="a table of runs, by any two of N, D and C"
    )
    parser.add_argument("--compute", type=float, nargs="+", metavar="FLOP", help="budgets")
    parser.add_argument(
        "--budget-hours", type=float, nargs="+", metavar="HOURS", help="budgets in device-hours"
    )
    parser.add_argument(
        "--budget-money", type=float, nargs="+", metavar="MONEY", help="budgets in money"
    )
    parser.add_argument(
        "--loss", type=float, nargs="+", metavar="L", help="losses to reach for the least compute"
    )
    asked.add_path(parser)
    parser.add_argument(
        "--inference-tokens",
        type=float,
        metavar="TOKENS",
        help="tokens that the model will serve; compute is then 6 N D and 2 N for each of them",
    )
    asked.add_device(parser)
    asked.add_save(parser)
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write the answers: .csv or .parquet"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def run(args) -> int:
    """Print the answers; the exit code."""
    table, settings, problems = asked.settings_of(args)
    device = asked.Device(args.device_flops, args.utilisation, args.price)
    numbers = [(option, value) for option, values in _given(args).items() for value in values]
    problems += [*_problems(args), *device.problems(bool(args.budget_hours),
                                                    bool(args.budget_money))]  # fmt: skip
    found, k = asked.fits_of(args, table, settings, numbers, problems)
    replies = _replies(args, found, k, device, settings.columns)
    rows = [_priced(reply, device.factors()) for reply in replies]
    if args.output is not None:
        asked.write_rows(args.output, rows)
    asked.save(args, found, k)
    said = _json if args.json else _text
    print(said(found, k, replies, rows))
    return 0


def _given(args):
    """Option -> the numbers given."""
    many = ("n_params", "n_tokens", "compute", "budget_hours", "budget_money", "loss")
    one = ("ratio", "unique_tokens", "inference_tokens", "device_flops", "utilisation", "price")
    found = {name: getattr(args, name) or [] for name in many}
    found |= {name: [getattr(args, name)] for name in one if getattr(args, name) is not None}
    return {f"--{name.replace('_', '-')}": values for name, values in found.items()}


def _problems(args):
    """Contradictions between the options, and what is missing."""
    budgets = [name for name in ("compute", "budget_hours", "budget_money") if getattr(args, name)]
    along = bool(budgets or args.loss)
    if not (along or args.n_params or args.n_tokens or args.points):
        yield ("nothing is asked: --n-params with --n-tokens, --points, --compute, --budget-hours, "
               "--budget-money or --loss says what to predict")  # fmt: skip
    if along and args.n_tokens:
        yield "--n-tokens: says a run, with --n-params; with a budget or --loss, D follows"
    elif along and args.points:
        yield "--points: names whole runs, so it goes with no budget and no --loss"
    elif along and args.n_params and len(args.n_params) > 1:
        yield f"--n-params: a budget or --loss takes one size, got {len(args.n_params)}"
    elif not along and bool(args.n_params) != bool(args.n_tokens):
        given, missing = ("params", "tokens") if args.n_params else ("tokens", "params")
        yield f"--n-{given}: needs --n-{missing}" + (
            ", a budget (--compute) or --loss" if args.n_params else ""
        )
    elif args.n_params and args.n_tokens:
        n, d = len(args.n_params), len(args.n_tokens)
        if n != d and 1 not in (n, d):
            yield f"--n-params, --n-tokens: {n} sizes and {d} amounts of tokens are no runs"
    if args.ratio is not None and args.n_params:
        yield "--ratio, --n-params: one of them keeps the path; both leave nothing to choose"
    for name in ("ratio", "inference_tokens"):
        if getattr(args, name) is not None and not along:
            yield f"--{name.replace('_', '-')}: needs a budget (--compute) or --loss"
    if args.output is not None and args.output.suffix not in ENDINGS:
        yield f"--output: must end in {' or '.join(ENDINGS)}, got {str(args.output)!r}"


def _replies(args, found, k, device, columns):
    from isoloss.forecast import ask, paths

    given = {} if args.unique_tokens is None else {"n_unique_tokens": args.unique_tokens}
    n_params, n_tokens = _points(args, columns, k)
    replies = ask.at_points(found, n_params, n_tokens, k, **given)
    factors = device.factors()
    budgets = list(args.compute or [])
    budgets += [hours / factors["device_hours"] for hours in args.budget_hours or []]
    budgets += [money / factors["money"] for money in args.budget_money or []]
    if not (budgets or args.loss):
        return replies
    served = args.inference_tokens or 0.0
    if args.n_params:
        path = paths.of_size(args.n_params[0], k, given, served)
    elif args.ratio is not None:
        path = paths.of_ratio(args.ratio, k, given, served)
    else:
        path = paths.of_optimum(found, k, given, served)
    problems = []
    for ask_all, values in ((ask.at_budgets, budgets), (ask.reaching, args.loss or [])):
        try:
            replies += ask_all(found, path, values) if values else []
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError("predict", problems)
    return replies


def _points(args, columns, k):
    """N and D of the runs asked about."""
    if args.points is not None:
        from isoloss.tables.data import read_points
        from isoloss.tables.read import read_table

        table, where = read_table(args.points), str(args.points)
        sizes = ("n_params", "n_tokens", "compute")
        named = {name: columns[name] for name in sizes if columns.get(name) in table}
        points, _ = read_points(table, named, flops_per_param_token=k, where=where)
        return points["n_params"], points["n_tokens"]
    n_params, n_tokens = args.n_params or [], args.n_tokens or []
    if not (n_params and n_tokens):
        return [], []
    longest = max(len(n_params), len(n_tokens))
    return [values * (longest if len(values) == 1 else 1) for values in (n_params, n_tokens)]


def _priced(reply, factors):
    """The reply as a row, with device-hours and money where their prices are known."""
    row = reply.row()
    for name, factor in factors.items():
        for end in ("", "_lo", "_hi"):
            row[name + end] = row[f"compute{end}"] * factor
    return row


def _json(found, k, replies, rows):
    from isoloss.fit.result import plain

    content = {
        "compute": f"{k:g} N D",
        "level": found.level,
        **found.to_dict(),
        "answers": [
            row | {"sentences": list(reply.sentences)}
            for reply, row in zip(replies, rows, strict=True)
        ],
        "warnings": list(found.warnings),
        "notes": list(found.notes),
    }
    return json.dumps(plain(content), allow_nan=False)


def _text(found, k, replies, rows):
    from isoloss.cli import texts

    lines = []
    for reply, row in zip(replies, rows, strict=True):
        table = [[reply.asked, "value", f"{100 * found.level:g} % from", "to"]]
        for name, label in LABELS.items():
            if name in row:
                ends = [texts.number(row[name + end]) for end in ("", "_lo", "_hi")]
                if name in ("compute", "device_hours", "money") and row["never"]:
                    ends[2] = "open" if ends[2] == "-" else ends[2]
                table.append(["  " + label, *ends])
        lines += [texts.columns(table), *(f"answer: {text}" for text in reply.sentences), ""]
    result = found.members[0].result
    if len(found.members) > 1 or found.left_out:
        lines += averaged.laws(found)
    else:
        lines.append(f"{result.law.name}; verdict: {result.verdict}")
    return "\n".join(
        [
            *lines,
            f"C = {k:g} N D; {result.n_rows} rows",
            texts.ranges(result.problem.log_x),
            *(f"warning: {text}" for text in found.warnings),
            *(f"assumed: {text}" for text in found.notes),
        ]
    )
