"""What tests of several folders share."""

import shutil

import pytest

from tests.workflow.project import REPOSITORY, Project


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
