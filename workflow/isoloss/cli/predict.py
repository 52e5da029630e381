"""Ask a fit: the loss of a run, the best run of a budget, or the compute that reaches a loss.

isoloss predict losses.csv --n-params 7e9 --n-tokens 1.4e11      # the loss of a run
isoloss predict losses.csv --compute 1e21                        # the best run of a budget
isoloss predict losses.csv --compute 1e21 --ratio 20             # with D = 20 N (or --n-params)
isoloss predict losses.csv --loss 2.1                            # the compute that reaches a loss
isoloss predict losses.csv --loss 2.1 --inference-tokens 1e13    # with what serving will cost
isoloss predict losses.csv --compute 1e21 --save fit.json        # then: isoloss predict fit.json
"""

from pathlib import Path

from isoloss.cli import asked
from isoloss.cli.tables import add_table_arguments
from isoloss.fit.settings import AVERAGE_OF_LAWS

ENDINGS = (".csv", ".parquet")


def add_arguments(parser):
    """The arguments of `isoloss predict`."""
    add_table_arguments(parser, AVERAGE_OF_LAWS, "; or the .json of a saved fit")
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
    from isoloss.api.predict import Asked, predict

    table, settings, problems = asked.settings_of(args)
    question = Asked.of(args)
    problems += question.problems()
    if args.output is not None and args.output.suffix not in ENDINGS:
        problems.append(f"--output: must end in {' or '.join(ENDINGS)}, got {str(args.output)!r}")
    fits, k = asked.fits_of(args, table, settings, question.numbers(), problems)
    found = predict(fits, question, k, settings.columns)
    if args.output is not None:
        asked.write_table(args.output, found.table)
    asked.save(args, fits, k)
    asked.show(args, found)
    return 0
