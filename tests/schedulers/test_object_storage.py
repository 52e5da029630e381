"""Where nothing is shared: pods bring their files from object storage, checkpoints too."""

import contextlib
import copy
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.schedulers.pretended_kubernetes import Kubernetes
from tests.slurm.submitted import curve, row
from tests.survival.started import wait_for
from tests.workflow.project import REPOSITORY, Project
from tests.workflow.test_staleness import LANGUAGE

PREFIX = "s3://bucket/isoloss"
STEPS = 10_000


def study():
    made = copy.deepcopy(LANGUAGE)
    made["sweeps"]["data"]["grid"]["data.n_tokens"] = [STEPS * 4 * 8]
    return made


def project_with_text(folder):
    folder.mkdir()
    (folder / "text.txt").write_text("abcdefgh" * (STEPS * 5))
    return Project(folder, {"text": study()})


def image(folder):
    """The environment variables in a pod: `pip` finds that the image has all."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "pip").write_text("#!/bin/sh\n")
    (folder / "bin" / "pip").chmod(0o755)
    path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(folder), "ISOLOSS_CHECKPOINT_S": "0.2"}


@contextlib.contextmanager
def snakemake(folder, *arguments, **environ):
    command = [sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile", *arguments]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("ISOLOSS_")}
    inherited["PYTHONPATH"] = str(folder / "workflow")
    with (folder / "output.txt").open("ab") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=inherited | environ, stdout=output, stderr=output
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def test_a_pod_that_is_ended_does_not_begin_again(bucket, tmp_path):
    for plugin in ("executor_plugin_kubernetes", "storage_plugin_s3"):
        pytest.importorskip(f"snakemake_{plugin}", reason=f"{plugin} is not installed")
    here = project_with_text(tmp_path / "here")
    assert here.jobs("results/studies/text/runs.parquet")["train"] == 1
    (run_id,) = (path.name for path in (here.folder / "results" / "runs").iterdir())

    project = project_with_text(tmp_path / "project")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "workflow", project.folder / "workflow", ignore=ignored)
    for name in ("results", "figures"):  # as in a clone
        (project.folder / name).mkdir()
        (project.folder / name / "README.md").touch()
    for command in (["init", "--quiet"], ["add", "."]):
        subprocess.run(["git", *command], cwd=project.folder, check=True)
    profile = project.folder / "workflow" / "profiles" / "kubernetes"
    options = yaml.safe_load((profile / "config.yaml").read_text())
    options["default-storage-prefix"] = PREFIX
    (profile / "config.yaml").write_text(yaml.safe_dump(options))

    arguments = (
        *("results/studies/text/runs.parquet", "--profile", str(profile)),
        *("--seconds-between-status-checks", "1"),
    )
    checkpoint = f"isoloss/results/checkpoints/{run_id}.safetensors"
    with Kubernetes(tmp_path / "kubernetes", image(tmp_path / "image")) as kubernetes:
        environ = {"KUBECONFIG": str(kubernetes.config)}
        with snakemake(project.folder, *arguments, **environ) as process:
            wait_for(lambda: checkpoint in bucket(), process)
            kubernetes.kill(0)
            process.wait(240)
        with snakemake(project.folder, *arguments, **environ) as process:
            code = process.wait(240)
        assert code == 0, (project.folder / "output.txt").read_text()
        last = len(kubernetes.pods) - 1
        log = kubernetes.workdir(last) / "results" / "logs" / "runs" / f"{run_id}.log"
        assert "going on from step" in log.read_text()
    assert row(project.folder, run_id) == row(here.folder, run_id)
    assert curve(project.folder, run_id).equals(curve(here.folder, run_id))
    assert checkpoint not in bucket()
