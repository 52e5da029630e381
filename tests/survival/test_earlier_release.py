"""A folder that the code of 26 November 2026 has written goes on: its runs are read as they are."""

import json
from pathlib import Path

import pandas as pd
import pytest
from tests.workflow.project import Project

from isoloss.files import read_parquet, write_json, write_parquet
from isoloss.jobs import collect, fit, plan
from isoloss.pipeline.jobs import OTHER_CODE
from isoloss.pipeline.project import read_project

EARLIER = json.loads(Path(__file__).with_name("earlier_release.json").read_text())
# What that code did not write of a run.
LATER = ["model", "n_loop", "n_head", "d_ff", "lr_sum", "warmup_steps", "weight_decay", "kernel"]


@pytest.fixture
def earlier(tmp_path, monkeypatch):
    """The project with its runs, read by the present code."""
    monkeypatch.chdir(tmp_path)
    text = "".join(chr(97 + (i * i // 7) % 26) for i in range(6000))
    (tmp_path / "text.txt").write_text(text)
    Project(tmp_path, EARLIER["studies"])
    for run_id, wrote in EARLIER["runs"].items():
        folder = tmp_path / "results" / "runs" / run_id
        write_json(folder / "row.json", wrote["row"])
        write_parquet(folder / "curve.parquet", pd.DataFrame(wrote["curve"]))
    return read_project(tmp_path)


def test_every_run_is_found_by_its_name_kept_and_known_to_be_of_other_code(earlier):
    assert set(earlier.plan.runs) == set(EARLIER["runs"])
    assert earlier.untrained_core_s() == {}
    assert earlier.trained_by_other_code() == dict.fromkeys(EARLIER["runs"], OTHER_CODE)


@pytest.mark.parametrize("study", ["text", "sine"])
def test_its_runs_are_tables_and_fits_of_the_present_form(earlier, study):
    out = Path("results/studies") / study
    plan.main(["--grid", earlier.grid(study), "--corpora", earlier.corpora_json(study),
               "--out", str(out / "plan.json")])  # fmt: skip
    collect.main(["--study", earlier.source(study), "--studies-folder", "results/studies",
                  "--runs-folder", "results/runs", "--out", str(out)])  # fmt: skip
    runs = read_parquet(out / "runs.parquet").set_index("run_id")
    for run_id, run in runs.iterrows():
        wrote = EARLIER["runs"][run_id]["row"]
        assert {name: run[name] for name in ("loss", "n_params", "compute_flops", "code")} == {
            name: wrote[name] for name in ("loss", "n_params", "compute_flops", "code")
        }
    assert runs[LATER].isna().all(axis=None)
    assert set(read_parquet(out / "curves.parquet")["run_id"]) == set(runs.index)

    fit.main(["--study", study, "--fits", earlier.fits(study),
              "--runs", str(out / "runs.parquet"), "--out", str(out / "fits.parquet")])  # fmt: skip
    fitted = read_parquet(out / "fits.parquet").set_index("parameter")["value"]
    for known in EARLIER["fitted"]:
        if known["study"] == study:
            assert fitted[known["parameter"]] == pytest.approx(known["value"], rel=1e-5)
