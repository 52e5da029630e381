"""The smoke study, on the real Snakefile: every rule; and again elsewhere, with the same bytes."""

import json
import shutil

import pandas as pd
import pytest
from tests.workflow.project import REPOSITORY, Project

from isoloss.tables.schema import TIMED

# Made again in another folder: all runs, all laws, and what has no time of a clock in it.
AGAIN = {
    "copy": ("exact_match",),
    "frontier": ("compute",),
    "noise": ("data",),
    "planted": ("extrapolation",),
    "polynomial": ("variance_ratio",),
    "published": ("gpt3",),
    "sine": ("width",),
    "teacher": ("exponents",),
    "text": (
        *("cooldown", "collapse", "learning_rate", "prediction"),
        *("kaplan_03", "kaplan_04", "kaplan_09", "chinchilla_a3"),
    ),
}
FIGURES = [f"figures/smoke/{study}/{name}" for study, names in AGAIN.items() for name in names]


class Shipped(Project):
    """A folder with the project's own config."""

    def __init__(self, folder, prepared):
        self.folder, self.prepared = folder, prepared
        shutil.copytree(REPOSITORY / "config", folder / "config")

    def write(self):
        """The config is as it is shipped."""

    def smoke(self, *targets, cores):
        """Run the smoke study; the jobs that ran, by rule."""
        return self.jobs(*targets, "--configfile", "config/smoke.yaml", cores=cores)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder in which all of it has run with two cores, as a user starts it."""
    project = Shipped(tmp_path_factory.mktemp("whole"), prepared=False)
    assert set(project.smoke(cores=2)) == {
        *("corpus", "train", "plan", "collect", "losses", "complete"),
        *("trunk", "predict", "analyse", "analyses", "fit", "fits", "figure", "report"),
    }
    return project.folder


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """Another folder, in which one core has made all runs, all laws and some figures."""
    project = Shipped(tmp_path_factory.mktemp("again"), prepared=True)
    tables = ("results/smoke/losses.parquet", "results/smoke/fits.parquet")
    project.smoke(*tables, *(f"{name}.png" for name in FIGURES), cores=1)
    return project.folder


def files(folder, pattern):
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern))


def test_two_folders_and_any_number_of_cores_give_the_same_losses(whole, again):
    tables = [pd.read_parquet(folder / "results/smoke/losses.parquet") for folder in (whole, again)]
    untimed = [table.drop(columns=[*TIMED]) for table in tables]
    pd.testing.assert_frame_equal(*untimed, check_exact=True)
    assert tables[0]["status"].eq("done").all()


@pytest.mark.parametrize(
    "pattern",
    [
        "results/smoke/fits.parquet",
        "results/smoke/corpora/*/*",
        "results/smoke/studies/*/analyses/*.parquet",
        "results/smoke/studies/*/prediction.parquet",
    ],
)
def test_two_folders_give_the_same_bytes(whole, again, pattern):
    names = files(again, pattern)
    assert names
    assert set(names) <= set(files(whole, pattern))
    for name in names:
        assert (whole / name).read_bytes() == (again / name).read_bytes(), name


@pytest.mark.parametrize("ending", ["pdf", "png", "csv", "json"])
def test_two_folders_give_figures_of_the_same_bytes(whole, again, ending):
    assert {name.split("/")[2] for name in files(whole, "figures/smoke/*/*")} == set(AGAIN)
    for name in (f"{stem}.{ending}" for stem in FIGURES):
        assert (whole / name).read_bytes() == (again / name).read_bytes(), name


def test_the_report_is_one_file_that_needs_no_other(whole):
    html = (whole / "results/smoke/report.html").read_text()
    assert "<script src" not in html
    assert 'src="http' not in html
    assert "<link" not in html
    texts = [json.loads((whole / name).read_text()) for name in
             files(whole, "figures/smoke/*/*.json")]  # fmt: skip
    assert html.count("data:image/png;base64,") == sum(one["drawn"] for one in texts)
