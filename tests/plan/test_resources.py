"""What a job may take of a machine."""

import pytest

from isoloss.plan.cost import cost_of
from isoloss.plan.gpu import gpu_percent
from isoloss.plan.resources import resources_of
from isoloss.tasks import task_of
from isoloss.tasks.language.settings import LanguageRun


def language(d_model, batch_size=8, context=64):
    return LanguageRun.model_validate(
        {
            "task": {"kind": "language", "corpus": "books", "context": context},
            "model": {"n_layer": 12, "d_model": d_model, "n_head": d_model // 64},
            "data": {"n_tokens": 100 * batch_size * context},
            "training": {
                "peak_lr": 1e-3,
                "schedule": "constant",
                "batch_size": batch_size,
                "n_evals": 1,
            },
        }
    )


def test_a_large_run_may_take_more_memory_than_a_small_one_and_many_times_its_time():
    large, small = language(768, 64, 512), language(64)
    for run in (large, small):
        cost = cost_of(run, 256)
        found = resources_of(run, cost, "cpu", 256)
        assert found.mem_mb == pytest.approx(
            max(2000, 1.5e-6 * task_of(run).memory_bytes(run, 256)), abs=1
        )
        assert found.runtime_min == 5 + round(cost.core_s)
        assert found.gpu_percent == 0
    assert resources_of(large, cost_of(large, 256), "cpu", 256).mem_mb > 2000


def test_on_a_gpu_runs_share_it_and_are_given_the_gpus_time():
    large, small = language(768, 64, 512), language(64)
    costs = [cost_of(run, 256) for run in (large, small)]
    found = [
        resources_of(run, cost, "cuda", 256)
        for run, cost in zip((large, small), costs, strict=True)
    ]
    assert found[0].runtime_min < resources_of(large, costs[0], "cpu", 256).runtime_min
    assert found[0].gpu_percent == gpu_percent(large, costs[0], 256) > 50
    assert found[1].gpu_percent < 5
