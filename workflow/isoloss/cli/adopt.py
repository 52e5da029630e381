"""Take over the finished runs of another folder, so that nothing is trained twice.

Each run is checked first: its files are whole, its name is the hash of its settings, and its row is
what these settings give. Trunks and the records of predictions come along. Where anything is wrong,
nothing is copied. The other folder is only read.

isoloss adopt ../elsewhere
isoloss adopt ../elsewhere --dry-run
"""

import argparse
from pathlib import Path

from isoloss.errors import UserError
from isoloss.pipeline.project import read_project
from isoloss.runs import adopt

MOST_SHOWN = 20  # problems


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `isoloss adopt`."""
    parser.add_argument(
        "folder", type=Path, help="another project, or its folder of results, which holds runs/"
    )
    parser.add_argument(
        "--configfile",
        nargs="+",
        default=[],
        help="as for snakemake: changes to config/config.yaml",
    )
    parser.add_argument("--dry-run", "-n", action="store_true", help="only say what would be taken")
    parser.add_argument(
        "--without-bad", action="store_true", help="take the other runs where some have problems"
    )
    parser.add_argument(
        "--other-code", action="store_true", help="also take runs that other training code made"
    )


def run(arguments: argparse.Namespace) -> int:
    """Check the runs of the other folder, and copy those that are not here."""
    workflow = read_project(".", arguments.configfile, corpora_needed=False)
    results = workflow.root / workflow.config.results
    source = _results_of(arguments.folder, workflow.config.results)
    if source.resolve() == results.resolve():
        raise UserError(str(arguments.folder), ["is the present project"])
    found = adopt.look_at(source, results, other_code=arguments.other_code)
    if found.problems and not arguments.without_bad:
        problems = found.problems[:MOST_SHOWN]
        if len(found.problems) > MOST_SHOWN:
            problems.append(f"and {len(found.problems) - MOST_SHOWN} more")
        raise UserError(
            str(source), problems, "Nothing was copied; --without-bad takes all other runs."
        )
    for problem in found.problems:
        print(f"left: {problem}")
    if not arguments.dry_run:
        adopt.take(found, source, results)
    runs = [path.name for path in found.new if path.parent.name == "runs"]
    wanted = sum(name in workflow.plan.runs for name in runs)
    others = len(found.new) - len(runs)
    print(
        f"{'would take' if arguments.dry_run else 'took'} {len(runs)} runs"
        f" ({wanted} of them wanted by the present config) and {others} trunks and predictions;"
        f" {len(found.here)} were here already; {len(found.bad)} left."
    )
    return 0


def _results_of(folder: Path, usual: str) -> Path:
    """The folder that holds runs/: the given one, or that of the project in it."""
    for place in (folder, folder / usual, folder / "results"):
        if (place / "runs").is_dir():
            return place
    raise UserError(str(folder), [f"holds no runs: there is neither runs/ nor {usual}/runs/ in it"])
