"""Which runs to do next, so that the optimal size at a target budget is known best for the cost.

isoloss next losses.csv --target 1e21 --budget 1e19
"""

import json

from isoloss.cli.tables import add_table_arguments, read


def add_arguments(parser):
    add_table_arguments(parser)
    parser.add_argument(
        "--target",
        type=float,
        required=True,
        metavar="FLOP",
        help="the budget whose optimal size is to be known",
    )
    parser.add_argument(
        "--budget",
        type=float,
        required=True,
        metavar="FLOP",
        help="what the next runs may cost in all (6 N D)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def run(args) -> int:
    from isoloss.cli import show
    from isoloss.fit import fit_law
    from isoloss.fit.next_runs import next_runs
    from isoloss.fit.result import plain

    table, settings = read(args)
    result = fit_law(table, args.law, **settings)
    plan = next_runs(result, args.target, args.budget)
    if args.json:
        print(
            json.dumps(
                plain(
                    {
                        "factor_now": plan.factor_now,
                        "stopped": plan.stopped,
                        "runs": plan.runs.to_dict("records"),
                    }
                ),
                allow_nan=False,
            )
        )
        return 0
    print(
        f"N* at {show.number(args.target)} FLOP is known within a factor of "
        f"{plan.factor_now:.3f} ({100 * result.level:g} % interval, end to end)"
    )
    rows = [["run", "N", "D", "FLOP", "factor after it"]]
    for i, row in enumerate(plan.runs.to_dict("records"), start=1):
        rows.append(
            [
                str(i),
                *(show.number(row[name]) for name in ("n_params", "n_tokens", "compute")),
                f"{row['factor']:.3f}",
            ]
        )
    if len(rows) > 1:
        print(show.columns(rows))
    print(f"no more runs: {plan.stopped}")
    return 0
