"""A project of a user's own, and Snakemake run in it."""

import collections
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[2]
SNAKEFILE = REPOSITORY / "workflow" / "Snakefile"
FINISHED = re.compile(r"^Finished jobid: \d+ \(Rule: (\w+)\)$", re.MULTILINE)


class Project:
    """A folder with a config, in which the workflow runs."""

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
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile)]
        command += ["--directory", str(self.folder), "--cores", str(cores), *arguments]
        # A job's own worker pool, commit and Python belong to the run that it is part of.
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("ISOLOSS_")}
        return subprocess.run(command, env=inherited, capture_output=True, text=True)

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
