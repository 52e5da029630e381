"""Compute-optimal size, data and loss for budgets, each with an interval.

isoloss optimal losses.csv --compute 1e21                              # an average of laws
isoloss optimal losses.csv --law chinchilla --compute 1e21             # one law
isoloss optimal losses.csv --approach 2 --compute 1e21                 # isoFLOP parabolas
isoloss optimal curves.csv --approach 1 --cluster run --compute 1e21   # learning curves
"""

import dataclasses
import json
from dataclasses import asdict

from isoloss.cli import approaches, asked, averaged
from isoloss.cli.arguments import check
from isoloss.cli.compute import compute_notes
from isoloss.cli.tables import add_table_arguments, read
from isoloss.errors import UserError


def add_arguments(parser):
    """The arguments of `isoloss optimal`."""
    add_table_arguments(parser, averaged.BEST)
    parser.add_argument(
        "--compute", type=float, nargs="+", required=True, metavar="FLOP", help="budgets"
    )
    parser.add_argument(
        "--approach",
        type=int,
        default=3,
        choices=(1, 2, 3),
        help="of Hoffmann et al. (2022): 1 envelope of learning curves (a row for each evaluation, "
        "--cluster names the run), 2 isoFLOP parabolas, 3 the law (default: 3)",
    )
    parser.add_argument(
        "--unique-tokens",
        type=float,
        metavar="TOKENS",
        help="tokens that can be had, for laws of repeated data (default: endless)",
    )
    asked.add_save(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def run(args) -> int:
    """Print the optimum of each budget; the exit code."""
    if args.approach != 3:
        return approaches.run(args)
    import numpy as np

    from isoloss.fit import fit_law
    from isoloss.fit.result import plain
    from isoloss.forecast import forecast
    from isoloss.laws.base import no_optimum

    table, settings = read(args)
    k = settings.flops_per_param_token
    given = {} if args.unique_tokens is None else {"n_unique_tokens": args.unique_tokens}
    budgets = [("--compute", c) for c in args.compute]
    budgets += [("--unique-tokens", tokens) for tokens in given.values()]
    problems = asked.wrong_options(args, settings)
    check(settings, budgets, problems, optimum=True)
    if settings.law == averaged.BEST:
        from isoloss.forecast.average import average

        found = average(table, settings)
        notes = [*compute_notes(table, settings, found.members[0].result, k)]
        found = dataclasses.replace(found, notes=(*found.notes, *notes))
        asked.save(args, found, k)
        return averaged.optimum(args, found, k, given)
    result = fit_law(table, settings=settings)
    found = result.optimum(args.compute, k, **given)
    there = found["n_params"].notna().to_numpy()
    without = [no_optimum(result.law, c) for c in found["compute"][~there]]
    if not there.any():
        raise UserError("optimum", without)
    at = {name: np.log(found[name].to_numpy()[there]) for name in result.law.variables}
    said = forecast(result, at, at_optimum=True)
    for end, values in (("lo", said.lo), ("hi", said.hi)):
        found[f"loss_of_run_{end}"] = np.nan
        found.loc[there, f"loss_of_run_{end}"] = values
    records = plain(found.to_dict("records"))
    warnings = [*without, *result.warnings]
    notes = [*result.notes, *compute_notes(table, settings, result, k)]
    if args.save is not None:
        from isoloss.forecast.average import alone

        asked.save(args, alone(dataclasses.replace(result, notes=tuple(notes))), k)
    if args.json:
        content = {
            "approach": 3,
            "compute": f"{k:g} N D",
            "level": result.level,
            "fit": result.to_dict(),
            "optimal": records,
            "answers": plain([asdict(answer) for answer in result.answers(args.compute, k)]),
            "drift": plain(said.drift.to_dict()),
            "warnings": warnings,
            "notes": notes,
        }
        print(json.dumps(content, allow_nan=False))
    else:
        answers = result.answers(args.compute, k)
        print(_text(records, result, said.drift, k, warnings, notes, answers))
    return 0


def _text(records, result, drift, flops_per_param_token, warnings, notes, answers):
    from isoloss.cli import texts

    rows = [["C (FLOP)", "", "value", f"{100 * result.level:g} % from", "to"]]
    labels = {"n_params": "N*", "n_tokens": "D*", "tokens_per_param": "D*/N*", "loss": "loss"}
    for record in records:
        for name, label in labels.items():
            compute = texts.number(record["compute"]) if name == "n_params" else ""
            ends = (texts.number(record[f"{name}{end}"]) for end in ("", "_lo", "_hi"))
            rows.append([compute, label, *ends])
        ends = (texts.number(record[f"loss_of_run{end}"]) for end in ("_lo", "_hi"))
        rows.append(["", "loss of a run", texts.number(record["loss"]), *ends])
    return "\n".join(
        [
            texts.columns(rows),
            "loss of a run: its noise counted, and drift from the law beyond the runs, "
            f"{100 * drift.per_log_compute:.2g} % for each factor e of compute ({drift.source})",
            f"C = {flops_per_param_token:g} N D; {result.n_rows} rows; verdict: {result.verdict}",
            *(f"answer: {answer.sentence}" for answer in answers if " at " in answer.question),
            texts.ranges(result.problem.log_x),
            *(f"warning: {text}" for text in warnings),
            *(f"assumed: {text}" for text in notes),
        ]
    )
