"""A project of a user's own, and Snakemake run in it."""

import collections
import copy
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from tests.workflow.prepared import Prepared

from isoloss.jobs import train
from isoloss.pipeline.project import read_project

REPOSITORY = Path(__file__).parents[2]
SNAKEFILE = REPOSITORY / "workflow" / "Snakefile"
FINISHED = re.compile(r"^Finished jobid: \d+ \(Rule: (\w+)\)$", re.MULTILINE)


def run_module(
    module: str, arguments: Sequence[str], folder: Path, prepared: bool = True, **environ: str
) -> subprocess.CompletedProcess:
    """Run `python -m module` in a folder.

    Parameters
    ----------
    module : str
        Its name, such as "snakemake".
    arguments : sequence of str
        Of the command.
    folder : path
        In which it runs.
    prepared : bool
        Whether it runs in a process that has imported its libraries already.
    **environ : str
        Further environment variables.
    """
    # A job's own worker pool, commit and Python belong to the run that it is part of.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("ISOLOSS_")} | environ
    if prepared and sys.platform == "linux":
        return Prepared.get().run(module, list(arguments), folder, inherited)
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=folder, env=inherited, capture_output=True, text=True)


def trained(folder: Path, studies: dict) -> Path:
    """A project whose runs are trained, in this process and without Snakemake."""
    Project(folder, copy.deepcopy(studies))
    workflow = read_project(folder)
    for study in studies:
        for run_id in workflow.plan.run_ids(study):
            train.main(
                ["--run-id", run_id, "--settings", workflow.settings(run_id), "--seed",
                 str(workflow.seed(run_id)), "--folder", str(folder / "results" / "runs" / run_id)]
            )  # fmt: skip
    return folder


class Project:
    """A folder with a config, in which the workflow runs.

    Attributes
    ----------
    prepared : bool
        Whether Snakemake starts in a process that has imported its libraries.
    """

    prepared = True

    def __init__(self, folder: Path, studies: dict, **config):
        self.folder = folder
        (folder / "config" / "studies").mkdir(parents=True)
        self.studies = studies
        self.config = {"budget": {"flops": 1e13, "runs": 100}} | config
        self.write()

    def write(self) -> None:
        """Write the config as it is now."""
        config = {"studies": list(self.studies)} | self.config
        (self.folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))
        for name, study in self.studies.items():
            path = self.folder / "config" / "studies" / f"{name}.yaml"
            path.write_text(yaml.safe_dump(study))

    def snakemake(
        self, *arguments: str, cores: int = 2, snakefile: Path = SNAKEFILE
    ) -> subprocess.CompletedProcess:
        """Run Snakemake with a Snakefile, by default the workflow's."""
        options = ["--snakefile", str(snakefile), "--directory", str(self.folder)]
        options += ["--cores", str(cores), *arguments]
        return run_module("snakemake", options, Path.cwd(), self.prepared)

    def jobs(self, *arguments: str, cores: int = 2) -> dict[str, int]:
        """Run Snakemake, which must succeed, and count the jobs that ran, by rule."""
        self.write()
        before = set(self._logs())
        finished = self.snakemake(*arguments, cores=cores)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        text = "".join(log.read_text() for log in set(self._logs()) - before)
        counts = collections.Counter(FINISHED.findall(text))
        for target in ("all", "figures"):
            counts.pop(target, None)
        return dict(counts)

    def _logs(self) -> list[Path]:
        return list((self.folder / ".snakemake" / "log").glob("*.log"))
