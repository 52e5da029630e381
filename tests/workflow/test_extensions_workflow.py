"""Tasks and a law from outside the package, in a real workflow."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest
from tests.workflow.project import Project, run_module

OWN = Path(__file__).parent / "own.py"
N_FEATURES, SIZES = 500, [1, 2, 4, 8, 16, 32]
SPECTRUM = {
    "title": "Spectrum",
    "question": "How does the loss fall?",
    "theory": "As the tail of a sum.",
    "settings": {
        "task": {"kind": "spectrum", "n_features": N_FEATURES},
        "data": {"n_samples": N_FEATURES},
    },
    "sweeps": {"size": {"grid": {"model.n_features": SIZES}}},
    "fits": [{"name": "size", "law": "tail", "variables": {"x": "n_params", "loss": "loss"}}],
}
SLOPE = {
    "title": "Slope",
    "question": "Is it found?",
    "theory": "It is.",
    "settings": {
        "task": {"kind": "slope"},
        "training": {"steps": 600, "peak_lr": 0.05, "schedule": "cosine"},
    },
    "sweeps": {"samples": {"grid": {"data.n_samples": [2, 4]}}},
    "fits": [
        {
            "name": "slope",
            "law": "power_law",
            "where": {"slope": ["largest"]},
            "variables": {"x": "n_samples", "loss": "loss"},
        }
    ],
}
TARGETS = ("results/studies/spectrum/fits.parquet", "results/studies/slope/fits.parquet")


def project(folder):
    made = Project(folder, {"spectrum": SPECTRUM, "slope": SLOPE}, extensions=["code/own.py"])
    (folder / "code").mkdir()
    (folder / "code" / "own.py").write_text(OWN.read_text())
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project that has run, and the jobs that it took."""
    made = project(tmp_path_factory.mktemp("own"))
    return made, made.jobs(*TARGETS)


def test_tasks_of_a_users_own_are_planned_and_trained_and_have_the_losses_of_theory(made):
    """The variance of the features that are left out; and that of the noise about a line."""
    made, ran = made
    assert ran == {"train": 8, "plan": 2, "collect": 2, "fit": 2}
    runs = pd.read_parquet(made.folder / "results/studies/spectrum/runs.parquet")
    left_out = [math.fsum(i**-2 for i in range(p + 1, N_FEATURES + 1)) for p in SIZES]
    assert list(runs["loss"]) == pytest.approx(left_out, rel=1e-9)
    assert list(runs["n_params"]) == SIZES
    assert all(runs["run_id"].str.startswith("spectrum-p"))
    trained = pd.read_parquet(made.folder / "results/studies/slope/runs.parquet")
    assert list(trained["loss"]) == pytest.approx([0.25, 0.25], rel=1e-5)
    assert list(trained["slope"]) == pytest.approx([3, 3], rel=1e-3)
    assert list(trained["compute_flops"]) == [600 * 6 * 2, 600 * 6 * 4]


def test_a_law_of_a_users_own_is_fitted(made):
    """Euler and Maclaurin: the tail of the sum of 1 / i**2 beyond x is 1 / (x + 1/2), nearly."""
    made, _ = made
    fits = pd.read_parquet(made.folder / TARGETS[0]).set_index("parameter")
    assert fits.loc["alpha", "value"] == pytest.approx(1, abs=0.05)
    assert fits.loc["A", "value"] == pytest.approx(1, abs=0.05)


def test_the_command_line_plans_and_fits_with_them(made):
    made, _ = made

    def isoloss(*arguments):
        done = run_module("isoloss.cli.main", arguments, made.folder)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    planned = isoloss("plan", "--json", "--machine", "cpu")
    assert planned["total"]["runs"] == 8
    assert planned["studies"]["slope"]["total"]["flops"] == 600 * 6 * (2 + 4)
    runs = "results/studies/spectrum/runs.parquet"
    found = isoloss("fit", runs, "--law", "tail", "--extension", "code/own.py", "--x", "n_params",
                    "--json", "--draws", "20")  # fmt: skip
    assert found["law"] == "tail"


def test_an_edit_of_the_file_is_code_of_tables_and_fits_and_other_training_code(made):
    made, _ = made
    assert made.jobs(*TARGETS) == {}
    path = made.folder / "code" / "own.py"
    text = path.read_text()
    path.write_text(text.replace("5 * (-1.0)", "25 * (-1.0)"))
    assert made.jobs(*TARGETS) == {"plan": 2, "collect": 2, "fit": 2}
    said = made.snakemake("-n", *TARGETS)
    assert "8 of 8 runs were trained by other code" in said.stdout + said.stderr
    path.write_text(text + "\n# A comment.\n")
    said = made.snakemake("-n", *TARGETS)
    assert "trained by other code" not in said.stdout + said.stderr


def test_a_mistake_in_the_file_is_said_with_its_line_before_any_job(tmp_path):
    made = project(tmp_path)
    text = OWN.read_text().replace("isoloss.laws.register(Tail())", "isoloss.laws.regster(Tail())")
    (tmp_path / "code" / "own.py").write_text(text)
    made.config["extensions"] = ["code/own.py", "code/missing.py", "../own.py"]
    made.write()
    done = made.snakemake("-n")
    said = done.stdout + done.stderr
    assert done.returncode == 1
    line = len(text.splitlines())
    assert f"code/own.py, line {line}: AttributeError: module 'isoloss.laws' has no" in said
    assert "code/missing.py: there is no such file" in said
    assert "../own.py: must be a file inside the project" in said
    assert "Traceback" not in said
