"""An edit of one subject's module makes that subject's analyses and figures again, and no other."""

import copy
import shutil
from pathlib import Path

import pytest
from tests.workflow.project import REPOSITORY, Project, run_module

from isoloss.config import exhibits

STUDY = {
    "title": "Planted",
    "source": "planted",
    "question": "What does an edit make again?",
    "theory": "Its subject.",
    "law": "chinchilla",
    "parameters": {"E": 1.8, "A": 480.0, "B": 2100.0, "alpha": 0.35, "beta": 0.37},
    "noise_sd": 0.01,
    "sweeps": {"grid": {"n_params": [1e6, 1e7, 1e8, 1e9], "n_tokens": [1e8, 1e9, 1e10]}},
    "analyses": [
        {"do": "curvature", "name": "curvature", "sweeps": ["grid"]},
        {"do": "approaches", "name": "approaches", "sweeps": ["grid"]},
        {"do": "learning_rate", "name": "learning_rate", "sweeps": ["grid"]},
    ],
    "figures": [
        {"draw": "chinchilla_curvature", "name": "curvature", "title": "a", "caption": "a.",
         "curvature": "curvature"},
        {"draw": "approaches_compared", "name": "approaches", "title": "b", "caption": "b.",
         "approaches": "approaches"},
        {"draw": "learning_rates", "name": "rates", "title": "c", "caption": "c.",
         "rates": "learning_rate"},
        {"draw": "loss_grid", "name": "grid", "title": "d", "caption": "d.", "by_label": "N",
         "x_label": "D", "y_label": "L"},
    ],
}  # fmt: skip
OF_A_SUBJECT = {"analyse": 1, "analyses": 1, "figure": 1, "report": 1}


class Copied(Project):
    """A project whose workflow is a copy of the repository's, to edit."""

    @property
    def repository(self):
        return self.folder.parent / "workflow of its own"

    def snakemake(self, *arguments, cores=2):
        """Run Snakemake with the copy's own Snakefile and package."""
        options = ["--snakefile", str(self.repository / "workflow" / "Snakefile")]
        options += ["--directory", str(self.folder), "--cores", str(cores), *arguments]
        code = str(self.repository / "workflow")
        return run_module("snakemake", options, Path.cwd(), PYTHONPATH=code)

    def edit(self, module: str) -> None:
        """Change what a module of the package computes, or at least its text."""
        path = self.repository / "workflow" / module.replace(".", "/")
        path = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
        path.write_text(path.read_text() + "\nEDITED = True\n")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A project that was made once by the copy of the workflow."""
    folder = tmp_path_factory.mktemp("edited") / "project"
    folder.mkdir()
    project = Copied.__new__(Copied)
    project.folder = folder
    shutil.copytree(
        REPOSITORY / "workflow",
        project.repository / "workflow",
        ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"),
    )
    shutil.copy(REPOSITORY / "Snakefile", project.repository)
    (project.repository / "profiles").symlink_to("workflow/profiles")
    project.__init__(folder, {"planted": copy.deepcopy(STUDY)})
    made = project.jobs()
    assert (made["analyse"], made["figure"]) == (3, 4)
    return project


@pytest.mark.parametrize("do", ["curvature", "learning_rate"])
def test_an_edit_of_a_subject_makes_its_analysis_and_its_figure_again(finished, do):
    finished.edit(exhibits.ANALYSES[do])
    assert finished.jobs() == OF_A_SUBJECT


def test_an_edit_of_a_subject_without_an_analysis_draws_its_figure_again(finished):
    finished.edit(exhibits.FIGURES["loss_grid"])
    assert finished.jobs() == {"figure": 1, "report": 1}


def test_an_edit_of_what_all_figures_share_draws_all_of_them_again_and_fits_nothing(finished):
    finished.edit("isoloss.charts.panel")
    again = finished.jobs()
    assert again["figure"] == 4
    assert not {"fit", "collect", "plan", "train", "predict"} & set(again)
