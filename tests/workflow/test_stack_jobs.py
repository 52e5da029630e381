"""The job of a stack, and the jobs of its runs, which take their parts."""

import copy
import json

import numpy as np
import pytest
import yaml
from tests.workflow.project import Project
from tests.workflow.test_trunk_jobs import STUDY

import isoloss.pipeline
from isoloss.corpus.load import Corpus
from isoloss.files import read_json, read_parquet, write_json
from isoloss.jobs import stack, train, trunk
from isoloss.pipeline import cluster
from isoloss.pipeline.jobs import OTHER_KERNEL
from isoloss.pipeline.stacks import remove_taken
from isoloss.runtime.fingerprint import stack_fingerprint
from isoloss.runtime.job import DEVICE, KERNEL
from isoloss.train.state import load_state


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Three seeds of two lengths on cuda: two stacks of trunks' pieces, two of cooldowns.

    The jobs train on the CPU, and with a text that no corpus job has prepared.
    """
    study = copy.deepcopy(STUDY)
    study["sweeps"]["data"] |= {"grid": {"data.n_tokens": [320, 640]}, "seeds": 3}
    made = Project(tmp_path, {"text": study}, device="cuda")
    (tmp_path / "text.txt").write_text("abcdefgh" * 800)
    config = yaml.safe_load((tmp_path / "config" / "config.yaml").read_text())
    tokens = np.random.default_rng(0).integers(31, size=3000, dtype=np.uint8)
    card = {"vocab_size": 31, "corpus_id": "text"}
    corpus = Corpus(train=tokens[200:], heldout=tokens[:200], card=card, folder=tmp_path)
    for module in (stack, train, trunk):
        monkeypatch.setattr(module, "corpus_of", lambda _: corpus)
    monkeypatch.setenv(DEVICE, "cpu")
    monkeypatch.setenv(KERNEL, "torch")
    monkeypatch.chdir(tmp_path)
    return isoloss.pipeline.load_project(config, made.folder)


def train_stack(project, stack_id):
    """Run the job of a stack."""
    stack.main(["--jobs", project.jobs_of_stack(stack_id), "--out", project.stack_file(stack_id)])


def take(project, job_id):
    """Run the job of a run or of a piece of a trunk."""
    options = {
        "--settings": project.settings(job_id),
        "--seed": project.seed(job_id),
        "--checkpoint": project.checkpoint(job_id),
        "--trunk": "".join(project.trunk_of(job_id)),
        "--stack": "".join(project.stack_of(job_id)),
    }
    if job_id in project.plan.trunks:
        options |= {"--trunk-id": job_id, "--out": project.trunk_file(job_id)}
    else:
        options |= {"--run-id": job_id, "--folder": f"results/runs/{job_id}"}
    job = trunk if job_id in project.plan.trunks else train
    job.main([str(word) for option in options.items() for word in option])


def in_order(project):
    """The stacks from the first pieces of trunks to the last runs."""

    def place(stack_id):
        first = project.job(project.stacks[stack_id][0])
        return [bool(project.trunk_of(project.stacks[stack_id][0])), first.cost.steps]

    pieces = [s for s, ids in project.stacks.items() if ids[0] in project.plan.trunks]
    return [*sorted(pieces, key=place), *(s for s in project.stacks if s not in pieces)]


def test_runs_have_the_files_that_they_have_alone_and_say_that_they_were_in_a_stack(
    project, monkeypatch
):
    assert [len(ids) for ids in project.stacks.values()] == [3, 3, 3, 3]
    for stack_id in in_order(project):
        train_stack(project, stack_id)
        for job_id in project.stacks[stack_id]:
            take(project, job_id)
            assert project.is_done(job_id)
            assert project.stack_of(job_id) == []
    kernel = f"stack {stack_fingerprint()}"
    rows = {run_id: read_json(f"results/runs/{run_id}/row.json") for run_id in project.plan.runs}
    for run_id, row in rows.items():
        about = read_json(f"results/runs/{run_id}/about.json")
        assert about["stack"] == {"runs": 3, "cuda_graph": False}
        assert row["kernel"].endswith(kernel)
        assert row["trunk"] == project.plan.runs[run_id].trunk.trunk_id
        assert row["status"] == "done"
        curve = read_parquet(f"results/runs/{run_id}/curve.parquet")
        assert curve["loss"].iloc[-1] == row["loss"]
    assert project.trained_by_other_code() == {}

    # What stays is one file of parts a stack, until all parts are taken.
    left = {path.name for path in (project.root / "results" / "stacks").iterdir()}
    assert left == {f"{stack_id}.json" for stack_id in project.stacks}
    remove_taken(project.root / "results")
    assert list((project.root / "results" / "stacks").iterdir()) == []

    # Alone, and on from the trunk of a stack: the same up to rounding, with columns of its own.
    run_id, *_ = project.plan.runs
    for name in ("row.json", "curve.parquet", "about.json"):
        (project.root / "results" / "runs" / run_id / name).unlink()
    monkeypatch.setattr(type(project), "stack_of", lambda *_: [])
    take(project, run_id)
    alone = read_json(f"results/runs/{run_id}/row.json")
    assert alone.keys() == rows[run_id].keys()
    assert alone["loss"] == pytest.approx(rows[run_id]["loss"], rel=1e-5)
    assert ", then torch" in alone["kernel"]


def test_a_run_by_other_code_of_stacks_is_one_by_another_kernel(project):
    run_id, *_ = project.plan.runs
    row = {"code": train.training_fingerprint("language"), "device": "cuda"}
    for kernel, other in (
        (f"torch 2 stack {stack_fingerprint()}", {}),
        (f"torch 2 stack {stack_fingerprint()}, then torch 2", {}),
        ("torch 2 stack 0123456789", {run_id: OTHER_KERNEL}),
        ("torch 2, then torch 3", {run_id: OTHER_KERNEL}),
    ):
        write_json(project.root / project.run(run_id, "row.json"), row | {"kernel": kernel})
        assert project.trained_by_other_code() == other


def test_what_is_done_stays_and_a_trunk_that_no_run_needs_is_not_made(project):
    pieces, *_ = in_order(project)
    first, *others = project.stacks[pieces]
    assert project.waiting_in(pieces) == [first, *others]
    needing = [r for r in project.plan.runs if first in project.plan.chain(project.plan.runs[r])]
    for run_id in needing:
        for path in project.files_of(run_id):
            write_json(project.root / path, {})
    assert project.waiting_in(pieces) == others
    assert {job["job_id"] for job in json.loads(project.jobs_of_stack(pieces))} == set(others)
    planned = project.untrained_core_s()
    assert pieces in planned
    assert not set(others) & set(planned)


def test_a_run_that_is_refused_leaves_the_others_and_is_then_refused_by_itself(project, capsys):
    train_stack(project, in_order(project)[0])
    (stack_id,) = (s for s in in_order(project)[2:] if "D320" in s)
    lost, *others = project.stacks[stack_id]
    for job_id in others:
        take(project, *project.plan.chain(project.plan.runs[job_id]))
    train_stack(project, stack_id)
    assert read_json(project.stack_file(stack_id)).keys() == set(others)
    assert f"{lost} is left out" in capsys.readouterr().err
    with pytest.raises(isoloss.UserError, match="remove the file to redo it"):
        take(project, lost)
    take(project, others[0])
    assert project.is_done(others[0])


def test_where_the_stack_cannot_be_trained_each_run_is_trained_alone(project, monkeypatch, capsys):
    def out_of_memory(*_):
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr("isoloss.train.stacked.session.train_together", out_of_memory)
    pieces, *_ = in_order(project)
    train_stack(project, pieces)
    assert "3 runs could not be trained together: CUDA out of memory" in capsys.readouterr().err
    job_id, *_ = project.stacks[pieces]
    take(project, job_id)
    assert f"{job_id} has no part in results/stacks" in capsys.readouterr().err
    assert "stack" not in load_state(project.trunk_file(job_id)).about["kernel"]


def test_a_stack_and_all_that_goes_on_from_it_share_an_allocation(project):
    known = ("short", "medium", "long")
    groups = cluster.Groups(project.plan, "cuda", project.stacks)
    jobs = [*project.stacks, *project.plan.runs, *project.plan.trunks]
    assert {groups.of(job_id, known) for job_id in jobs} == {"short"}
    assert {groups.of(job_id, ("long",)) for job_id in jobs} == {"long"}
    assert {groups.of(job_id, ()) for job_id in jobs} == {None}
    # However long they are: what only takes its part is no allocation of its own.
    seconds = dict.fromkeys(set(groups._family.values()), 1e6)
    groups.__dict__["_seconds"] = seconds
    assert {groups.of(job_id, known) for job_id in jobs} == {"long"}


def test_on_another_device_or_without_stacks_each_run_is_trained_alone(project):
    for change in ({"device": "cpu"}, {"stack": 1}):
        config = project.config.model_copy(update=change)
        other = type(project)(**vars(project) | {"config": config})
        assert other.stacks == {}
        assert other.stack_of(next(iter(project.plan.runs))) == []
