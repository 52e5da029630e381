"""`isoloss optimal --approach 1` and `2`: the compute optimum without a parametric law."""

import argparse
import dataclasses
import json
from dataclasses import asdict

from isoloss.cli.arguments import check
from isoloss.cli.averaged import BEST
from isoloss.cli.compute import column_of, difference, flop_of
from isoloss.cli.tables import add_table_arguments, read
from isoloss.errors import UserError
from isoloss.fit.settings import FitSettings
from isoloss.tables.asking import INDEPENDENT

OF_A_LAW = ("law", "objective", "delta", "method", "intervals", "fixed", "tied", "weights", "x")


def run(args) -> int:
    """Print N* at budgets by Approach 1 or 2."""
    import numpy as np

    from isoloss.exhibits.chinchilla.of_table import by_curves, by_isoflops
    from isoloss.tables.traps import compute_scale, scale_text

    table, settings = read(args)
    check(settings, [("--compute", c) for c in args.compute], _problems(args))
    data = _data(table, settings)
    rows = [*np.exp([data.log_x["n_params"], data.log_x["n_tokens"]]), np.exp(data.log_loss)]
    k = settings.flops_per_param_token
    counted, flop, notes = f"{k:g} N D", None, list(data.notes)
    column = column_of(table, settings)
    if column is not None and args.approach == 2:
        counted, flop = f"column {column!r}", flop_of(table, column, settings)
        scale = compute_scale(flop, *rows[:2], k)
        if scale is not None:
            flop = flop * scale
            applied = f"{scale_text(column, scale)}; this result takes it so"
            said = [one for one in data.warnings if not one.startswith(scale_text(column, scale))]
            data = dataclasses.replace(data, warnings=(*said, applied))
        off = difference(flop, data.log_x, k)
        notes = [note for note in notes if not note.startswith("compute: ")]
        notes.append(f"compute: column {column!r}" + (f", {off}" if off else ""))
    same = {"draws": args.draws, "level": args.level, "seed": args.seed,
            "flops_per_param_token": k}  # fmt: skip
    if args.approach == 1:
        found = by_curves(data.clusters, *rows, args.compute, where=str(args.table), **same)
    else:
        try:
            found = by_isoflops(*rows, args.compute, run_compute=flop, **same)
        except UserError as error:
            first, *more = error.problems[0].split("\n")
            said = "\n".join([f"{first} (budgets are {counted})", *more])
            raise UserError(str(args.table), [said]) from None
    say = _json if args.json else _text
    print(say(args, data, found, counted, notes))
    return 0


def _problems(args):
    """Problems: arguments without effect, and a missing argument."""
    parser = argparse.ArgumentParser()
    add_table_arguments(parser, BEST)
    problems = [
        f"{FitSettings.about()[name][0].option}: has no meaning for approach {args.approach}"
        for name in OF_A_LAW
        if getattr(args, name) != parser.get_default(name)
    ]
    if args.save is not None:
        problems.append(f"--save: approach {args.approach} fits no law that could be saved")
    if args.approach == 1 and args.cluster in (None, INDEPENDENT):
        problems.append("--approach 1: --cluster must name the column of the runs")
    return problems


def _data(table, settings):
    """N, D, the loss and the run of every row."""
    from isoloss.laws import law
    from isoloss.tables.data import read as read_data

    chinchilla = law("chinchilla")
    return read_data(
        table,
        chinchilla,
        settings.columns_of(chinchilla),
        cluster=settings.cluster,
        vocabulary=settings.vocabulary,
        flops_per_param_token=settings.flops_per_param_token,
        metric=settings.metric,
        where=settings.where,
    )


def _json(args, data, found, counted, notes):
    from isoloss.fit.result import plain

    n_opt = [{"compute": c, **asdict(e)} for c, e in zip(args.compute, found.n_opt, strict=True)]
    said = {
        "approach": args.approach,
        "how": found.how,
        "compute": counted,
        "level": args.level,
        "a": asdict(found.a),
        "coefficient": asdict(found.coefficient),
        "n_opt": n_opt,
        "verdict": found.verdict,
        "verdicts": found.verdicts,
        **(_valleys(args, found) if args.approach == 2 else {}),
        "warnings": list(data.warnings),
        "notes": notes,
    }
    return json.dumps(plain(said), allow_nan=False)


def _valleys(args, found):
    """What approach 2 says besides: D*, and a record for each budget."""
    return {
        "b": asdict(found.b),
        "d_opt": [
            {"compute": c, **asdict(e)} for c, e in zip(args.compute, found.d_opt, strict=True)
        ],
        "said": found.notes,
        "skew": asdict(found.valleys.skew),
        "noise": found.valleys.sd,
        "budgets": [asdict(one) for one in found.valleys.budgets],
    }


def _text(args, data, found, counted, notes):
    from isoloss.cli import texts

    rows = [["C (FLOP)", "", "value", f"{100 * args.level:g} % from", "to"]]
    named = [("", "a", found.a)]
    named += [(texts.number(c), "N*", e) for c, e in zip(args.compute, found.n_opt, strict=True)]
    more = _verdicts(args, found)
    if args.approach == 2:
        named.insert(1, ("", "b", found.b))
        named += [
            (texts.number(c), "D*", e) for c, e in zip(args.compute, found.d_opt, strict=True)
        ]
        more += _budgets(args, found)
    for compute, label, one in named:
        rows.append([compute, label, *map(texts.number, (one.value, one.lo, one.hi))])
    is_column = counted.startswith("column")
    return "\n".join(
        [
            texts.columns(rows),
            f"N* = {texts.number(found.coefficient.value)} C^a through {found.how}; "
            f"C {'is' if is_column else '='} {counted}",
            *more,
            texts.ranges(data.log_x),
            *(f"warning: {text}" for text in data.warnings),
            *(f"assumed: {note}" for note in notes),
        ]
    )


def _verdicts(args, found):
    from isoloss.cli import texts

    return [
        f"verdict: a is {found.verdict}",
        *(
            f"verdict: N* at {texts.number(c)} is {verdict}"
            for c, verdict in zip(args.compute, found.verdicts, strict=True)
        ),
    ]


def _budgets(args, found):
    """A line for each budget of the runs: what was fitted, or why nothing was."""
    from isoloss.cli import texts

    share = f"{100 * args.level:g} %"
    rows = [["budget", "runs", "fitted", "N from", "to", "apart", "N*", f"{share} from", "to", "D*",
             "parabola", ""]]  # fmt: skip
    for one in found.valleys.budgets:
        fitted = [one.compute, one.n_runs, one.n_fitted, one.low, one.high, f"x{one.spacing:.2g}"]
        minimum = [""] * 5
        if one.used:
            n = one.n_opt
            minimum = [n.value, n.lo, n.hi, one.d_opt.value, one.parabola]
        said = "" if one.used else str(one.verdict)
        rows.append(
            [x if isinstance(x, str) else texts.number(x) for x in (*fitted, *minimum, said)]
        )
    skew = found.valleys.skew
    between = "" if skew.lo is None else f", {share} from {skew.lo:.2f} to {skew.hi:.2f}"
    return [
        f"valleys of one shape, lopsided by beta - alpha = {skew.value:.2f}{between}; "
        f"noise {found.valleys.sd:.2%}",
        *found.notes,
        "",
        texts.columns(rows),
        "",
    ]
