"""The job that writes the report."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

from isoloss import __version__
from isoloss.files import read_json, write_json, write_text
from isoloss.report.build import build
from isoloss.report.findings import of_files
from isoloss.report.interactive.page import charts, save_allocation
from isoloss.report.study import Paths
from isoloss.report.unfinished import unfinished
from isoloss.tables.schema import ASSUMED

# Column about the machine of a run -> its label in the report.
MACHINE = {
    "python": "Python",
    "torch": "PyTorch",
    "kernel": "kernel",
    "processor": "processor",
    "device": "device",
    "device_name": "device's name",
    "platform": "system",
    "threads": "threads a run",
    "commit": "commit",
}


def main(argv: list[str]) -> None:
    """Write the report on the studies that the arguments describe."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job report", description=__doc__)
    parser.add_argument("--texts", required=True, help="JSON: the studies' texts, in order")
    parser.add_argument("--code", required=True, help="JSON: task -> fingerprint of the code")
    parser.add_argument("--results", required=True)
    parser.add_argument("--figures", required=True)
    parser.add_argument("--options", default="", help="options that the reader's commands need")
    parser.add_argument("--allocation", required=True, help="CSV of the allocation table")
    parser.add_argument("--out", required=True)
    parser.add_argument("--findings", required=True, help="the findings as JSON, beside it")
    arguments = parser.parse_args(argv)
    studies = {texts["name"]: texts for texts in json.loads(arguments.texts)}
    lack = unfinished()
    paths = Paths(
        report=Path(arguments.out),
        results=Path(arguments.results),
        figures=Path(arguments.figures),
        missing=lack.missing,
    )
    for study, texts in studies.items():
        if texts["source"] == "table":
            texts["notes"] += assumed(paths.study(study, ASSUMED))
    planned = {study: _planned(paths.study(study, "plan.json")) for study in studies}
    run_ids = sorted({run_id for ids in planned.values() for run_id in ids if paths.has(run_id)})
    trunks = {study: _trunks(paths, study) for study in studies}
    live = charts(studies, paths)
    found = of_files(studies, paths, planned)
    html = build(
        studies,
        paths=paths,
        planned=planned,
        trunks=trunks,
        code=json.loads(arguments.code),
        lack=lack,
        live=live,
        found=found,
        about=_about(paths.results / "runs", run_ids),
        # The target first: --configfile takes all words that follow it.
        command=f"snakemake study_{{study}} --cores all {arguments.options}".rstrip(),
    )
    save_allocation(live.rows, arguments.allocation)
    write_json(arguments.findings, found.data(len(lack.failed)))
    write_text(arguments.out, html)


def _planned(plan: Path) -> list[str]:
    """The runs that a study wants; none for a study without training."""
    if not plan.exists():
        return []
    return list(dict.fromkeys(run_id for _, run_id in read_json(plan)["members"]))


def assumed(path: Path) -> list[str]:
    """The assumptions about the user's table of a study."""
    notes = read_json(path) if path.exists() else []
    return [f"Read from the table of this study: {note}." for note in notes]


def _trunks(paths: Paths, study: str) -> dict[str, float]:
    """CPU time in seconds of each trunk that a study's runs continue, if it still exists."""
    plan = paths.study(study, "plan.json")
    ids = read_json(plan)["trunks"] if plan.exists() else []
    files = {trunk_id: paths.results / "trunks" / f"{trunk_id}.json" for trunk_id in ids}
    return {
        trunk_id: read_json(path)["timed"]["train_cpu_s"]
        for trunk_id, path in files.items()
        if path.exists()
    }


def _about(runs: Path, run_ids: Iterable[str]) -> list[tuple[str, str]]:
    """The machines of the runs: all values of each column."""
    found: dict[str, set[str]] = {label: set() for label in MACHINE.values()}
    for run_id in run_ids:
        about = read_json(runs / run_id / "about.json")
        for key, label in MACHINE.items():
            if about.get(key) is not None:
                found[label].add(str(about[key]))
    said = [(label, ", ".join(sorted(values))) for label, values in found.items() if values]
    return [("isoloss", __version__), *said]
