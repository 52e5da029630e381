"""Set aside the runs that other training code made, so that `snakemake` trains them again."""

import argparse
from pathlib import Path

from isoloss.errors import UserError
from isoloss.files import read_json
from isoloss.pipeline.jobs import OTHER_KERNEL
from isoloss.pipeline.project import read_project
from isoloss.pipeline.slices import Workflow
from isoloss.runtime.fingerprint import training_fingerprint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `isoloss retrain`."""
    parser.add_argument(
        "--configfile",
        nargs="+",
        default=[],
        help="as for snakemake: changes to config/config.yaml",
    )
    parser.add_argument("--dry-run", "-n", action="store_true", help="only say what would be moved")


def run(arguments: argparse.Namespace) -> int:
    """Move the runs that other code trained, and their trunks, to `superseded/` in the results."""
    workflow = read_project(".", arguments.configfile)
    stale = workflow.trained_by_other_code()
    for run_id in stale:
        target = superseded(workflow, run_id)
        print(f"{run_id} -> {target}")
        if not arguments.dry_run:
            _move(workflow.root / workflow.run(run_id, ""), workflow.root / target)
    for trunk_id, code in workflow.trunks_by_other_code().items():
        for name in (f"{trunk_id}.safetensors", f"{trunk_id}.json"):
            path = workflow.root / workflow.trunk_file(trunk_id)
            target = f"{workflow.config.results}/superseded/{code}-{name}"
            print(f"{name} -> {target}")
            if not arguments.dry_run and path.with_name(name).exists():
                _move(path.with_name(name), workflow.root / target)
    by = "other code" + " or another kernel" * (OTHER_KERNEL in stale.values())
    print(f"{len(stale)} of {len(workflow.plan.runs)} runs were trained by {by}.")
    return 0


def superseded(workflow: Workflow, run_id: str) -> str:
    """The folder for a run that is set aside, named by the run and by its training code.

    A run of the present code, but of another kernel, is named by the kernel too.
    """
    row = read_json(workflow.root / workflow.run(run_id, "row.json"))
    code, present = row.get("code"), training_fingerprint(row["task"])
    by = f"{code}.{str(row.get('kernel')).split()[0]}" if code == present else code
    return f"{workflow.config.results}/superseded/{run_id}-{by}"


def _move(folder: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(target)
    except OSError as error:
        raise UserError(
            str(folder), [f"could not be moved to {target}: {error.strerror}"]
        ) from error
