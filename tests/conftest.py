"""What tests of several folders share, and in which order they come."""

import os
import shutil

import numpy as np
import pytest
from filelock import FileLock

from tests.workflow.project import REPOSITORY, Project

# Some minutes each: they come first, so that no worker is left with one of them at the end.
LONGEST = ("slurm/test_slurm_study", "slurm/", "workflow/test_smoke", "survival", "workflow")


def pytest_collection_modifyitems(items):
    """Begin with the longest files."""

    def place(item):
        file = item.nodeid.removeprefix("tests/")
        return next((i for i, name in enumerate(LONGEST) if file.startswith(name)), len(LONGEST))

    items.sort(key=place)


class Shipped(Project):
    """A folder with the project's own config."""

    def __init__(self, folder, prepared):
        self.folder, self.prepared = folder, prepared
        shutil.copytree(REPOSITORY / "config", folder / "config")

    def write(self):
        """The config is as it is shipped."""


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The folders in which the smoke study has run with one and with two cores."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # the first worker that needs it runs it for all
    folders = {cores: base / f"smoke{cores}" for cores in (1, 2)}
    with FileLock(base / "smoke.lock"):
        for cores, folder in folders.items():
            if not folder.exists():
                run_smoke(folder, cores)
    return folders


def run_smoke(folder, cores):
    """Every rule runs; a folder is there when all of them have.

    With two cores, Snakemake starts as a user starts it. With one, it is forked as most tests do.
    """
    unfinished = folder.with_suffix(".unfinished")
    unfinished.mkdir()
    jobs = Shipped(unfinished, prepared=cores == 1).jobs(
        "--configfile", "config/smoke.yaml", cores=cores
    )
    assert set(jobs) == {
        *("corpus", "train", "plan", "collect", "losses", "complete"),
        *("trunk", "predict", "analyse", "analyses", "fit", "fits", "figure", "report"),
    }
    unfinished.rename(folder)


@pytest.fixture
def rng():
    """The same random numbers in every test."""
    return np.random.default_rng(12345)
