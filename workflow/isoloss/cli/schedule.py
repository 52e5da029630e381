"""Fit a law to learning curves of some schedules of the rate, and predict those of others.

isoloss schedule constant.csv cosine.csv planned.csv --fit constant cosine
isoloss schedule curves.csv --fit constant cosine --predict wsd --output predicted.csv
isoloss schedule curves.csv --fit constant cosine --law all

A table has a row for each evaluation: step, lr, loss, and run where a file holds several. Runs
without losses are schedules that were not trained: they are predicted.
"""

import json
from fnmatch import fnmatchcase
from pathlib import Path

from isoloss.errors import UserError, nearest


def add_arguments(parser):
    """The arguments of `isoloss schedule`."""
    from isoloss.schedules.laws import LAWS

    parser.add_argument("tables", type=Path, nargs="+", metavar="FILE", help="learning curves")
    parser.add_argument(
        "--fit",
        nargs="+",
        default=[],
        metavar="RUN",
        help="runs that the law is fitted to, by name or pattern (cosine*); a file without a "
        "column of runs is a run of its own name (default: all with losses, or all but --predict)",
    )
    parser.add_argument(
        "--predict", nargs="+", default=[], metavar="RUN", help="runs to predict (default: others)"
    )
    parser.add_argument(
        "--law",
        default="multi_power_share",
        help=f"one of {', '.join(LAWS)}, or all (default: multi_power_share)",
    )
    parser.add_argument(
        "--column", action="append", default=[], metavar="NAME=COLUMN", help="step, lr, loss or run"
    )
    parser.add_argument(
        "--warmup", type=float, metavar="STEPS", help="of a warm-up before the first row"
    )
    parser.add_argument("--draws", type=int, default=100, help="refits for intervals (100)")
    parser.add_argument("--level", type=float, default=0.9, help="of intervals (0.9)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (0)")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write every predicted row: .csv or .parquet"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def run(args) -> int:
    """Print the fit and the predictions; the exit code."""
    from isoloss.fit.result import plain
    from isoloss.schedules.fit import fit_curves
    from isoloss.schedules.laws import LAWS
    from isoloss.schedules.scores import score
    from isoloss.schedules.table import read_curves

    columns = _checked(args, LAWS)
    curves, notes = read_curves(args.tables, columns, args.warmup)
    fitted, predicted = _chosen(args, curves)
    made = []
    for law in LAWS if args.law == "all" else [args.law]:
        fit = fit_curves(fitted, law, draws=args.draws, level=args.level, seed=args.seed)
        made.append((fit, [score(fit, curve) for curve in (*fitted, *predicted)]))
    if args.output:
        _write(args.output, made)
    if args.json:
        said = {"fits": [_record(fit, scores) for fit, scores in made], "notes": notes}
        print(json.dumps(plain(said), allow_nan=False))
    else:
        print("\n\n".join([_text(fit, scores) for fit, scores in made]))
        for note in notes:
            print(f"assumed: {note}")
    return 0


def _checked(args, laws) -> dict[str, str]:
    """The columns named, once no argument has a problem."""
    problems, columns = [], {}
    if args.law != "all" and args.law not in laws:
        problems.append(f"--law: {args.law!r} is none of {', '.join(laws)}, all"
                        f"{nearest(args.law, laws)}")  # fmt: skip
    for text in args.column:
        name, equals, column = text.partition("=")
        if not (equals and name.strip() and column.strip()):
            problems.append(f"--column {text}: must be NAME=COLUMN")
        columns[name.strip()] = column.strip()
    if args.draws < 0 or 0 < args.draws < 20:
        problems.append(f"--draws: must be 0, or 20 or more, got {args.draws}")
    if not 0 < args.level < 1:
        problems.append(f"--level: must lie between 0 and 1, got {args.level:g}")
    if args.output and args.output.suffix not in (".csv", ".parquet"):
        problems.append(f"--output: must end in .csv or .parquet, got {args.output}")
    if problems:
        raise UserError("arguments", problems)
    return columns


def _chosen(args, curves):
    """The runs to fit, and those to predict."""
    problems = []

    def named(option, patterns):
        names = [curve.run for curve in curves]
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                there = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
                near = nearest(pattern, names)
                problems.append(f"{option} {pattern}: no run is called so{near}; there are {there}")
        return [c for c in curves if any(fnmatchcase(c.run, pattern) for pattern in patterns)]

    fitted, predicted = named("--fit", args.fit), named("--predict", args.predict)
    if not args.fit:
        fitted = [c for c in curves if c.measured.any() and c not in predicted]
    if not args.predict:
        predicted = [curve for curve in curves if curve not in fitted]
    problems += [f"--fit {c.run}: has no losses" for c in fitted if not c.measured.any()]
    problems += [f"{c.run}: is both in --fit and in --predict" for c in fitted if c in predicted]
    if not problems and not fitted:
        problems.append("no run has losses to fit")
    if problems:
        raise UserError("arguments", problems)
    return fitted, predicted


def _record(fit, scores):
    from dataclasses import asdict

    return {
        "law": fit.law.name,
        "formula": fit.law.formula,
        "source": fit.law.source,
        "params": {name: asdict(one) for name, one in fit.params.items()},
        "held": dict(fit.law.held),
        "verdict": str(fit.verdict),
        "noise": fit.noise,
        "departures": fit.departures,
        "level": fit.level,
        "runs": [one.record() for one in scores],
    }


def _text(fit, scores):
    from isoloss.cli import texts

    at = f"{100 * fit.level:g} %"
    rows = [["run", "", "last step", "measured", "predicted", f"{at} from", "to", "mean error",
             "worst"]]  # fmt: skip
    for one in scores:
        known = one.record()
        errors = (known["mean_error"], known["worst_error"])
        rows.append([
            one.run, "fitted" if one.run in {c.run for c in fit.curves} else "predicted",
            texts.number(known["last_step"]),
            *(texts.number(known[name]) for name in ("measured", "predicted", "lo", "hi")),
            *("-" if error is None else f"{100 * error:.3f} %" for error in errors),
        ])  # fmt: skip
    params = [["", "value", f"{at} from", "to"]]
    params += [[name, *map(texts.number, (e.value, e.lo, e.hi))] for name, e in fit.params.items()]
    held = ", ".join(f"{name} = {value:g}" for name, value in fit.law.held.items())
    lines = [
        f"{fit.law.name}: {fit.law.formula}   [{fit.law.source}]",
        texts.columns(rows, left=(0, 1)),
        "",
        texts.columns(params),
        *([f"held: {held}"] if held else []),
        f"verdict: {fit.verdict}",
        f"residuals: {100 * fit.noise:.2g} % of the loss (root mean square)",
    ]
    if fit.departures:
        apart = ", ".join(f"{run} {100 * x:.2g} %" for run, x in fit.departures.items())
        lines.append(f"left out one by one: {apart} (root mean square; in the intervals)")
    unknown = [one.run for one in scores if not one.found.verdict.identified]
    if unknown:
        lines.append(f"not known, as said by the verdict: {', '.join(unknown)}")
    lines += [f"{one.run}: {text}" for one in scores for text in one.found.notes]
    return "\n".join(lines)


def _write(path, made):
    import pandas as pd

    from isoloss.files import whole, write_parquet

    table = pd.concat([one.table(fit) for fit, scores in made for one in scores], ignore_index=True)
    if path.suffix == ".parquet":
        write_parquet(path, table)
        return
    with whole(path) as partial:
        table.to_csv(partial, index=False)
