"""Compute-optimal size, data and loss for budgets, each with an interval.

isoloss optimal losses.csv --law chinchilla --compute 1e21
isoloss optimal losses.csv --approach 2 --compute 1e21                 # isoFLOP parabolas
isoloss optimal curves.csv --approach 1 --cluster run --compute 1e21   # learning curves
"""

import json
from dataclasses import asdict

from isoloss.cli.tables import add_table_arguments, read
from isoloss.errors import UserError


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
    parser.add_argument(
        "--approach",
        type=int,
        default=3,
        choices=(1, 2, 3),
        help="of Hoffmann et al. (2022): 1 envelope of learning curves (a row for each evaluation, "
        "--cluster names the run), 2 isoFLOP parabolas, 3 the law (default: 3)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def run(args) -> int:
    if args.approach != 3:
        return _without_law(args)
    import numpy as np

    from isoloss.cli import show
    from isoloss.fit import fit_law, forecast
    from isoloss.fit.result import plain

    table, settings = read(args)
    result = fit_law(table, args.law, **settings)
    found = result.optimum(args.compute, args.flops_per_param_token)
    said = forecast(result, {name: np.log(found[name].to_numpy()) for name in result.law.variables})
    found["loss_of_run_lo"], found["loss_of_run_hi"] = said.lo, said.hi
    records = plain(found.to_dict("records"))
    if args.json:
        drift = plain(asdict(said.drift))
        content = {"fit": result.to_dict(), "optimal": records, "drift": drift}
        print(json.dumps(content, allow_nan=False))
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
        ends = (show.number(record[f"loss_of_run{end}"]) for end in ("_lo", "_hi"))
        rows.append(["", "loss of a run", show.number(record["loss"]), *ends])
    print(show.columns(rows))
    per_e = 100 * said.drift.per_log_compute
    print(
        f"loss of a run: its noise counted, and drift from the law beyond the runs, {per_e:.2g} % "
        f"for each factor e of compute ({said.drift.source})"
    )
    print(
        f"C = {args.flops_per_param_token:g} N D; {result.n_rows} rows; verdict: {result.verdict}"
    )
    print(show.ranges(result.problem.log_x))
    for text in (
        *(f"warning: {w}" for w in result.warnings),
        *(f"assumed: {n}" for n in result.notes),
    ):
        print(text)
    return 0


def _without_law(args) -> int:
    import numpy as np

    from isoloss.analysis.of_table import by_curves, by_isoflops
    from isoloss.cli import show
    from isoloss.fit.result import plain

    data = _checked(args)
    rows = [*np.exp([data.log_x["n_params"], data.log_x["n_tokens"]]), np.exp(data.log_loss)]
    settings = {"draws": args.draws, "level": args.level, "seed": args.seed}
    if args.approach == 1:
        if data.clusters is None:
            raise UserError("--approach 1", ["--cluster must name the column of the runs"])
        found = by_curves(data.clusters, *rows, args.compute, where=str(args.table), **settings)
    else:
        found = by_isoflops(*rows, args.compute, **settings)
    if args.json:
        n_opt = [
            {"compute": c, **asdict(e)} for c, e in zip(args.compute, found.n_opt, strict=True)
        ]
        said = {"approach": args.approach, "how": found.how, "a": asdict(found.a),
                "coefficient": asdict(found.coefficient), "n_opt": n_opt}  # fmt: skip
        print(json.dumps(plain(said), allow_nan=False))
        return 0
    table = [["C (FLOP)", "", "value", f"{100 * args.level:g} % from", "to"]]
    named = [("", "a", found.a)]
    named += [(show.number(c), "N*", e) for c, e in zip(args.compute, found.n_opt, strict=True)]
    for compute, label, one in named:
        table.append([compute, label, *map(show.number, (one.value, one.lo, one.hi))])
    print(show.columns(table))
    print(f"N* = {show.number(found.coefficient.value)} C^a through {found.how}; C = 6 N D")
    print(show.ranges(data.log_x))
    for text in data.warnings:
        print(f"warning: {text}")
    for note in data.notes:
        print(f"assumed: {note}")
    return 0


def _checked(args):
    """N, D, the loss and the run of every row; other settings of a law do not apply."""
    from isoloss.fit.table import read as read_data
    from isoloss.laws import law

    table, settings = read(args)
    options = {"fixed": "--fix", "tied": "--tie", "weights": "--weights", "x": "--x"}
    unused = [
        f"{option}: has no meaning for approach {args.approach}"
        for name, option in options.items()
        if settings[name]
    ]
    if args.flops_per_param_token != 6.0:
        unused.append(f"--flops-per-param-token: is 6 in approach {args.approach}")
    if unused:
        raise UserError("arguments", unused)
    return read_data(
        table,
        law("chinchilla"),
        settings["columns"],
        cluster=settings["cluster"],
        vocabulary=settings["vocabulary"],
        where=settings["where"],
    )
