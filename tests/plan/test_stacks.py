"""Who is trained with whom on a GPU: by the plan alone."""

import pytest

from isoloss.config.load import parse_config, parse_study
from isoloss.config.study import Budget
from isoloss.errors import UserError
from isoloss.plan.gpu import GpuSpeed
from isoloss.plan.plan import KnownCorpus, make_plan
from isoloss.plan.resources import resources_of_stack
from isoloss.plan.stacks import can_be_stacked, settings_of, stacks_of
from isoloss.tasks import run_of

FIT = {"name": "law", "law": "power_law", "variables": {"x": "n_tokens", "loss": "loss"}}
STUDY = {
    "title": "t", "question": "q", "theory": "h",
    "corpora": {"text": {"kind": "files", "path": "text.txt"}},
    "settings": {
        "task": {"kind": "language", "corpus": "text", "context": 8},
        "model": {"n_layer": 1, "d_model": 8, "n_head": 2},
        "data": {"n_tokens": 640, "n_unique_tokens": "all", "n_heldout_tokens": 64},
        "training": {"peak_lr": 1e-2, "schedule": "constant", "batch_size": 4, "n_evals": 1},
    },
}  # fmt: skip
TRUNKS = {"training.schedule": "wsd", "training.warmup_steps": 1}


def plan_of(sweeps, **changes):
    study = parse_study(STUDY | {"sweeps": sweeps} | changes, "study")
    known = {"study": {"text": KnownCorpus("text-1", 10_000, 1_000)}}
    return make_plan({"study": study}, known, Budget(flops=1e20, runs=1000))


def sizes(plan, asked="auto"):
    return sorted(len(job_ids) for job_ids in stacks_of(plan, asked, {"text-1": 256}).values())


def one(key, values, **set_):
    return {"sweep": {"grid": {key: values}, "set": set_}}


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("training.peak_lr", [1e-3, 2e-3, 4e-3]),
        ("training.schedule", ["constant", "cosine", "linear"]),
        ("training.weight_decay", [0.0, 0.1, 0.2]),
        ("training.clip_norm", [None, 0.5, 1.0]),
        ("training.beta2", [0.9, 0.95, 0.99]),
        ("training.warmup_fraction", [0.0, 0.1, 0.2]),
        ("data.n_unique_tokens", [64, 320, "all"]),
    ],
)
def test_runs_that_differ_in_data_or_optimiser_are_trained_side_by_side(key, values):
    assert sizes(plan_of(one(key, values))) == [3]


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("model.d_model", [8, 16]),
        ("data.n_tokens", [320, 640]),
        ("task.context", [8, 16]),
        ("training.batch_size", [2, 4]),
        ("training.n_evals", [1, 2]),
        ("data.n_heldout_tokens", [32, 64]),
    ],
)
def test_runs_of_other_shapes_or_lengths_are_not(key, values):
    assert sizes(plan_of(one(key, values))) == []


@pytest.mark.parametrize(
    "set_",
    [
        {"model.dropout": 0.1},
        {"training.noise_scale": True},
        {"model": {"kind": "lstm", "n_layer": 1, "d_model": 8}},
    ],
)
def test_runs_that_only_a_run_alone_can_train_are_left_alone(set_):
    settings = {k: v for k, v in STUDY["settings"].items() if k != "model" or "model" not in set_}
    plan = plan_of({"sweep": {"grid": {"training.peak_lr": [1e-3, 2e-3]}, "set": set_}},
                   settings=settings)  # fmt: skip
    assert sizes(plan) == []
    assert not any(can_be_stacked(run_of(run.settings)) for run in plan.runs.values())


def test_pieces_of_trunks_are_stacked_by_where_they_begin_and_end():
    """Three seeds of two lengths: two pieces, and two cooldowns."""
    sweeps = {"sweep": {"grid": {"data.n_tokens": [640, 1280]}, "set": TRUNKS, "seeds": 3}}
    plan = plan_of(sweeps)
    found = stacks_of(plan, "auto", {"text-1": 256})
    assert [len(job_ids) for job_ids in found.values()] == [3, 3, 3, 3]
    jobs = plan.runs | plan.trunks
    for job_ids in found.values():
        kinds = {job_id in plan.trunks for job_id in job_ids}
        lengths = {settings_of(jobs[job_id])["data"]["n_tokens"] for job_id in job_ids}
        seeds = {job_id.split("-s")[1].split("-")[0] for job_id in job_ids}
        assert (len(kinds), len(lengths), len(seeds)) == (1, 1, 3)


def test_what_waits_for_a_prediction_is_not_trained_with_what_it_is_made_from():
    sweeps = {
        "small": {"grid": {"data.n_tokens": [64, 128, 192, 256, 320]}},
        "held": {"grid": {"data.n_tokens": [6400]}, "seeds": 2},
        "beside": {"grid": {"training.peak_lr": [1e-3, 2e-3]}, "set": {"data.n_tokens": 6400}},
    }
    prediction = {"sweep": "held", "at_most": 0.6, "sweeps": ["small"], "fits": [FIT]}
    plan = plan_of(sweeps, prediction=prediction)
    (_, held), (_, beside) = sorted(
        (job_ids[0] not in plan.predicted_by, set(job_ids))
        for job_ids in stacks_of(plan, "auto", {"text-1": 256}).values()
    )
    assert held == set(plan.held_out["study"].run_ids)
    assert beside == {run_id for sweep, run_id in plan.members["study"] if sweep == "beside"}


def test_a_stack_is_at_most_as_large_as_asked_and_others_are_alike():
    plan = plan_of({"sweep": {"grid": {"training.peak_lr": [1e-3]}, "seeds": 10}})
    assert sizes(plan, 4) == [3, 3, 4]
    assert sizes(plan, 9) == [5, 5]
    assert sizes(plan) == [10]
    assert sizes(plan_of({"sweep": {"grid": {"training.peak_lr": [1e-3]}, "seeds": 130}})) == [
        43, 43, 44,
    ]  # fmt: skip


def test_the_stacks_of_a_plan_do_not_depend_on_other_models():
    lr = {"grid": {"training.peak_lr": [1e-3, 2e-3]}}
    few = stacks_of(plan_of({"sweep": lr}), "auto", {"text-1": 256})
    more = plan_of({"other": {"grid": {"model.d_model": [16]}, "seeds": 5}, "sweep": lr})
    assert set(few.items()) < set(stacks_of(more, "auto", {"text-1": 256}).items())


def test_as_many_runs_as_fill_a_gpu_share_it():
    """Its time for models of 1e7, its memory where there is little; one of 1e8 fills it alone."""

    def most(model, memory_bytes=80e9):
        settings = STUDY["settings"] | {"model": model}
        settings["task"] = settings["task"] | {"context": 512}
        settings["training"] = settings["training"] | {"batch_size": 16}
        settings["data"] = settings["data"] | {"n_tokens": 81920, "n_heldout_tokens": 512}
        plan = plan_of(one("training.peak_lr", [1e-3]), settings=settings)
        (run,) = plan.runs.values()
        found = run_of(run.settings), run.cost, 256
        return GpuSpeed(memory_bytes=memory_bytes).filled_by(*found), found

    small, large = ({"n_layer": n, "d_model": d, "n_head": 4} for n, d in ((6, 256), (12, 768)))
    in_time, (run, cost, vocab_size) = most(small)
    assert 5 < in_time < 64
    assert most(small, 2e9)[0] < in_time
    assert most(large)[0] == 1
    alone, many = (resources_of_stack(run, cost, n, vocab_size) for n in (2, 16))
    assert alone.gpu_percent < many.gpu_percent <= 100
    assert alone.mem_mb < many.mem_mb


def test_a_stack_is_refused_where_no_run_could_be_in_one():
    config = {"studies": ["text"], "budget": {"flops": 1e12, "runs": 10}}
    assert parse_config(config | {"device": "cuda", "stack": 8}).stack == 8
    assert parse_config(config | {"stack": 1}).stack == 1
    with pytest.raises(UserError) as raised:
        parse_config(config | {"stack": 8})
    assert raised.value.problems == (
        "stack: 8, but the device is cpu: only runs on cuda are trained side by side; leave"
        " `stack` out, or set it to 1",
    )
    with pytest.raises(UserError) as raised:
        parse_config(config | {"device": "cuda", "stack": 0})
    assert len(raised.value.problems) == 1
    print(raised.value.problems)
