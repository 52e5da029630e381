"""Compute-optimal size, data and loss for budgets, each with an interval.

isoloss optimal losses.csv --law chinchilla --compute 1e21
"""

import json

from isoloss.cli.tables import add_table_arguments, read


def add_arguments(parser):
    add_table_arguments(parser)
    parser.add_argument(
        "--compute", type=float, nargs="+", required=True, metavar="FLOP", help="budgets"
    )
    parser.add_argument(
        "--flops-per-param-token",
        type=float,
        default=6.0,
        metavar="K",
        help="C = K N D (default: 6)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def run(args) -> int:
    from isoloss.cli import show
    from isoloss.fit import fit_law
    from isoloss.fit.result import plain

    table, settings = read(args)
    result = fit_law(table, args.law, **settings)
    found = result.optimum(args.compute, args.flops_per_param_token)
    records = plain(found.to_dict("records"))
    if args.json:
        print(json.dumps({"fit": result.to_dict(), "optimal": records}, allow_nan=False))
        return 0
    rows = [["C (FLOP)", "", "value", f"{100 * result.level:g} % from", "to"]]
    labels = {"n_params": "N*", "n_tokens": "D*", "tokens_per_param": "D*/N*", "loss": "loss"}
    for record in records:
        for name, label in labels.items():
            compute = show.number(record["compute"]) if name == "n_params" else ""
            rows.append(
                [
                    compute,
                    label,
                    *(show.number(record[f"{name}{end}"]) for end in ("", "_lo", "_hi")),
                ]
            )
    print(show.columns(rows))
    print(
        f"C = {args.flops_per_param_token:g} N D; {result.n_rows} rows; verdict: {result.verdict}"
    )
    for text in (
        *(f"warning: {w}" for w in result.warnings),
        *(f"assumed: {n}" for n in result.notes),
    ):
        print(text)
    return 0
