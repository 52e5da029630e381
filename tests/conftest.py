"""What tests of several folders share, and which of them go together to one of pytest's workers."""

import shutil

import pytest

from tests.workflow.project import REPOSITORY, Project

# Some minutes each: they come first, so that no worker is left with one of them at the end.
LONGEST = ("slurm/test_slurm_study", "slurm/test_slurm_events", "survival", "workflow", "hostile")
SMOKE = {"workflow/test_smoke", "slurm/test_slurm_study"}  # of the fixture `smoke`


@pytest.hookimpl(tryfirst=True)  # before the workers read the groups
def pytest_collection_modifyitems(items):
    """Order the files, and keep the tests of a file, and those of a long fixture, together."""

    def file_of(item):
        return item.nodeid.split(".py::")[0].removeprefix("tests/")

    def place(item):
        longest = (i for i, name in enumerate(LONGEST) if file_of(item).startswith(name))
        return -1 if file_of(item) in SMOKE else next(longest, len(LONGEST))

    items.sort(key=place)
    for item in items:
        group = "smoke" if file_of(item) in SMOKE else file_of(item)
        item.add_marker(pytest.mark.xdist_group(group))


class Shipped(Project):
    """A folder with the project's own config."""

    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(REPOSITORY / "config", folder / "config")

    def write(self):
        """The config is as it is shipped."""


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The folders in which the smoke study has run with one and with two cores."""
    folders = {}
    for cores in (1, 2):
        folder = tmp_path_factory.mktemp(f"cores{cores}")
        project = Shipped(folder)
        jobs = project.jobs("--configfile", "config/smoke.yaml", cores=cores)
        assert set(jobs) == {
            *("corpus", "train", "plan", "collect", "losses", "complete"),
            *("trunk", "predict", "analyse", "fit", "fits", "figure", "report"),
        }
        folders[cores] = folder
    return folders
