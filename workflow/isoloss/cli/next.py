"""Choose the next runs: those that narrow the interval of a decision most for their cost.

isoloss next losses.csv --target 1e21 --budget 1e19                    # an average of laws
isoloss next losses.csv --law chinchilla --target 1e21 --budget 1e19   # one law
isoloss next losses.csv --target 1e21 --budget 1e19 --decision loss --candidates possible.csv
isoloss next losses.csv --target 1e21 --budget 36000 --cost train_seconds
isoloss next losses.csv --law data_constrained --candidates pool.csv --target wanted.csv ...
"""

from pathlib import Path

from isoloss.cli import asked
from isoloss.cli.tables import add_table_arguments, read
from isoloss.fit.settings import AVERAGE_OF_LAWS


def add_arguments(parser):
    """The arguments of `isoloss next`."""
    add_table_arguments(parser, AVERAGE_OF_LAWS)
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
    from isoloss.api.checks import check, of_laws
    from isoloss.api.fitted import Fit
    from isoloss.api.next_runs import Asked

    table, settings = read(args)
    question = Asked(target=args.target, budget=args.budget, decision=args.decision,
                     cost=args.cost, candidates=args.candidates)  # fmt: skip
    problems = [*question.problems(), *of_laws(settings)]
    check(settings, question.numbers(), problems, optimum=question.number is not None)
    found = Fit(table, settings).planned(question)
    if args.save is not None:
        found.result.save(args.save)
    asked.show(args, found)
    return 0
