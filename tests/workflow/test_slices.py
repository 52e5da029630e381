"""Each rule's slice of the config: what it holds, and what it does not."""

import copy
import json

import pytest
from tests.workflow.project import Project
from tests.workflow.test_staleness import FUNCTION

from isoloss.errors import UserError
from isoloss.jobs import predict
from isoloss.pipeline import load_project


@pytest.fixture
def workflow(tmp_path):
    study = copy.deepcopy(FUNCTION)
    study["figures"][0]["caption"] = "|x| falls as N_c*2."
    project = Project(tmp_path, {"sine": study})
    return load_project({"studies": ["sine"]} | project.config, tmp_path)


def test_a_runs_settings_are_those_that_are_not_at_their_defaults(workflow):
    run_id = workflow.plan.run_ids("sine")[0]
    assert json.loads(workflow.settings(run_id)) == FUNCTION["settings"] | {"model": {"width": 2}}


def test_the_slices_of_tables_fits_and_figures_do_not_overlap(workflow):
    assert json.loads(workflow.source("sine")) == {"source": "training"}
    assert "figures" not in workflow.grid("sine")
    assert "caption" not in workflow.fits("sine")
    assert "objective" not in workflow.figure("sine", "width")


def test_snakemakes_report_takes_a_caption_for_text_and_not_for_markup(workflow):
    assert workflow.caption("sine", "width") == r"\|x\| falls as N\_c\*2."


def test_what_no_study_wants_is_named_with_what_is_near(workflow):
    with pytest.raises(UserError, match="sine has no figure 'widht'; did you mean 'width'"):
        workflow.figure("sine", "widht")
    with pytest.raises(UserError, match="nonsense is not a run of any study of the config"):
        workflow.settings("nonsense")


def test_a_text_that_no_command_can_take_travels_in_a_file(workflow):
    """Linux takes 128 KiB an argument; a prediction names all runs that it is fitted to."""
    short, long = '{"runs":["a"]}', json.dumps([f"run-{i:06d}-s0" for i in range(10_000)])
    assert workflow.argument(short, write=True) == short
    path = workflow.argument(long, write=False)
    assert len(path) < 100
    assert not (workflow.root / path[1:]).exists()  # of a dry run
    assert workflow.argument(long, write=True) == path
    assert (workflow.root / path[1:]).read_text() == long
    assert predict._read(path.replace("@", f"@{workflow.root}/")) == json.loads(long)
    assert predict._read(short) == json.loads(short)
    assert workflow.argument(long + " ", write=False) != path


def test_the_untrained_cost_is_that_of_the_runs_without_a_result(workflow):
    run_ids = workflow.plan.run_ids("sine")
    everything = sum(run.cost.core_s for run in workflow.plan.runs.values())
    assert sum(workflow.untrained_core_s().values()) == pytest.approx(everything)
    row = workflow.root / workflow.run(run_ids[0], "row.json")
    row.parent.mkdir(parents=True)
    row.write_text("{}")
    first = workflow.plan.runs[run_ids[0]].cost.core_s
    assert run_ids[0] not in workflow.untrained_core_s()
    assert workflow.priority(run_ids[0]) == round(1000 * first)
