"""Publish the runs of a finished study, so that anyone redraws it without training.

isoloss publish --configfile config/reference.yaml
isoloss publish --name mine --licence CC-BY-4.0

It writes results/published/NAME/: losses, learning curves, fits and analyses as Parquet, and
card.json, at most 5 MB together. A config whose key `published` names that folder restores these
runs, and trains only those that it does not have. The same results give the same bytes.
"""

import argparse
import re
from pathlib import Path
from typing import Any

from isoloss.corpus.registry import registered
from isoloss.corpus.spec import read_spec
from isoloss.errors import UserError
from isoloss.files import read_json
from isoloss.pipeline.project import read_project
from isoloss.pipeline.published import settings_of
from isoloss.pipeline.slices import Workflow
from isoloss.runs.publish import MOST_BYTES, Finished, publish

FOLDER = Path("results") / "published"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
MOST_SHOWN = 10  # runs that are missing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `isoloss publish`."""
    parser.add_argument(
        "--configfile",
        nargs="+",
        default=[],
        help="as for snakemake: changes to config/config.yaml",
    )
    parser.add_argument(
        "--name", help="of the folder (default: that of the last config file, or `default`)"
    )
    parser.add_argument("--title", help="of the card (default: the titles of the studies)")
    parser.add_argument(
        "--licence", default="MIT", help="of what is published (default: MIT, as isoloss itself)"
    )
    parser.add_argument(
        "--replace", action="store_true", help="put it in the place of what was published before"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the published folder, and say what is in it."""
    name = arguments.name or (
        Path(arguments.configfile[-1]).stem if arguments.configfile else "default"
    )
    if not NAME.fullmatch(name):
        problem = "has only letters, digits, '_', '-' and '.', and starts with none of '-' and '.'"
        raise UserError(f"--name {name}", [problem])
    # What is published is what is here, whatever was published before.
    workflow = read_project(".", arguments.configfile, {"published": []})
    about = {
        "title": arguments.title or "; ".join(s.title for s in workflow.studies.values()),
        "licence": arguments.licence,
        "studies": _studies(workflow),
    }
    card = publish(
        _finished(workflow, about), workflow.root / FOLDER / name, replace=arguments.replace
    )
    size = sum(file["bytes"] for file in card["files"].values())
    cost = card["cost"]
    print(
        f"{FOLDER / name}: {cost['runs']} runs, {cost['flops']:.3g} FLOP,"
        f" {cost['core_hours']:.3g} core-hours; {size / 1e6:.2f} MB of at most"
        f" {MOST_BYTES / 1e6:.0f} MB."
    )
    codes = {task: of for task, of in card["made_with"]["code"].items() if len(of) > 1}
    for task, of in codes.items():
        print(f"Runs of {task} are by {len(of)} versions of its code; the card counts them.")
    folder = (FOLDER / name).as_posix()
    print(f"The config that redraws it has: published: [{folder}]")
    return 0


def _studies(workflow: Workflow) -> dict[str, Any]:
    """What the studies ask, for readers of the card."""
    return {
        name: {
            "title": study.title,
            "question": study.question,
            "runs": len(workflow.plan.run_ids(name)),
        }
        for name, study in workflow.studies.items()
    }


def _finished(workflow: Workflow, about: dict[str, Any]) -> Finished:
    """The finished study.

    Raises
    ------
    UserError
        Runs, fits or analyses are missing.
    """
    if not workflow.plan.runs:
        raise UserError("the plan", ["no study of the config trains anything"])
    missing = [run_id for run_id in workflow.plan.runs if not workflow.is_done(run_id)]
    problems = [f"{run_id} is not trained yet" for run_id in missing[:MOST_SHOWN]]
    if len(missing) > MOST_SHOWN:
        problems.append(f"and {len(missing) - MOST_SHOWN} more")
    results = workflow.root / workflow.config.results
    tables = {
        "fits": [f"{workflow.config.results}/fits.parquet"],
        "analyses": [path for name in workflow.studies for path in workflow.analyses_of(name)],
    }
    problems += [
        f"{path} is missing"
        for paths in tables.values()
        for path in paths
        if not (workflow.root / path).exists()
    ]
    if problems:
        raise UserError("the study", problems, "snakemake, with the same config, finishes it.")
    return Finished(
        results=results,
        run_ids=list(workflow.plan.runs),
        trunk_ids=list(workflow.plan.trunks),
        corpora=_corpora(workflow),
        tables={name: [workflow.root / path for path in paths] for name, paths in tables.items()},
        about=about,
    )


def _corpora(workflow: Workflow) -> dict[str, dict[str, Any]]:
    """The corpora that the runs read, each with its card, its settings and words for people.

    The card is that in the runs' own files, so no prepared corpus is needed.
    """
    found = {}
    for run_id, run in workflow.plan.runs.items():
        if run.corpus_id is None or run.corpus_id in found:
            continue
        about = read_json(workflow.root / workflow.run(run_id, "about.json"))
        spec = workflow.specs[run.corpus_id]
        checked = read_spec(spec, workflow.root)
        found[run.corpus_id] = {"card": about["corpus"], "settings": settings_of(checked)}
        if spec.get("kind") == "registered":
            entry = registered(spec["name"], workflow.root)
            words = {key: getattr(entry, key) for key in ("title", "licence", "source", "note")}
            found[run.corpus_id] |= {"registered": spec["name"], **words}
    return found
