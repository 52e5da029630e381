"""The job that writes the list of runs of a study, which the study's other jobs read."""

import argparse
import json

from isoloss.config.load import parse
from isoloss.config.study import Grid
from isoloss.files import write_json
from isoloss.plan.plan import KnownCorpus, runs_of


def main(argv: list[str]) -> None:
    """Write the members of the study that the arguments describe."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job plan", description=__doc__)
    parser.add_argument("--grid", required=True, help="JSON: the study's settings and sweeps")
    parser.add_argument("--corpora", required=True, help="JSON: name -> identity")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args(argv)
    grid = parse(Grid, json.loads(arguments.grid), arguments.out)
    corpora = json.loads(arguments.corpora)
    known = {name: KnownCorpus(corpus_id) for name, corpus_id in corpora.items()}
    found = runs_of(grid, known)
    members = [[sweep, run.run_id] for sweep, run in found]
    trunks = dict.fromkeys(run.trunk.trunk_id for _, run in found if run.trunk)
    lineages = {run.run_id: run.trunk.line for _, run in found if run.trunk}
    write_json(arguments.out, {"members": members, "trunks": list(trunks), "lineages": lineages})
