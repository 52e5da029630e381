"""The presets that are shipped, planned: what their names promise."""

import json
from math import log

import pytest

from isoloss.cli.main import main
from isoloss.config.load import merged, parse_config, read_yaml, whole_studies
from isoloss.plan.grid import expand
from isoloss.tasks import cost_of
from isoloss.tasks.language.settings import LanguageRun


def sweeps_of(preset, study):
    config = parse_config(merged(read_yaml("config/config.yaml"), read_yaml(f"config/{preset}")))
    studies, problems = whole_studies(config, "config/studies")
    assert problems == []
    return expand(studies[study])


def runs_of(preset):
    return sweeps_of(preset, "text")["grid"]


def kaplans():
    return [run for sweep in sweeps_of("paper.yaml", "kaplan").values() for run in sweep]


def planned(capsys, *arguments):
    assert main(["plan", "--machine", "gpu", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("preset", ["workstation.yaml", "gpu.yaml"])
def test_every_run_takes_a_thousand_steps_and_the_grid_shares_its_trunks(preset, capsys):
    assert min(run.steps for run in runs_of(preset)) >= 1000
    found = planned(capsys, "--configfile", f"config/{preset}")
    grid = found["studies"]["text"]["sweeps"]["grid"]
    assert grid["flops"] <= 0.6 * grid["flops_if_alone"]
    assert found["corpora_not_at_hand"] == {}  # its size and content are known before a download
    assert list(found["studies"]) == ["text"]


def test_the_gpu_preset_spans_its_sizes_and_budgets_on_one_gpu(capsys):
    costs = [cost_of(run, 256) for run in runs_of("gpu.yaml")]
    sizes = [cost.n_params_non_embedding for cost in costs]
    assert min(sizes) == pytest.approx(1e5, rel=0.1)
    assert max(sizes) == pytest.approx(1e8, rel=0.2)
    budgets = [cost.flops for cost in costs]
    assert min(budgets) < 1e14 < 1e17 < max(budgets)
    found = planned(capsys, "--configfile", "config/gpu.yaml", "--cores", "1")
    assert found["wall_clock_hours"] < 0.6
    assert found["total"]["memory_bytes"] < 80e9


def test_the_full_preset_has_the_runs_that_its_figures_need(capsys):
    """Six sizes and four budgets over 1.5 decades; 5 x 5 repeated data; 5 depths; 3 seeds."""
    grid, limited = (sweeps_of("full.yaml", "text")[name] for name in ("grid", "limited"))
    assert len({run.model.d_model for run in grid}) >= 6
    tokens = {run.data.n_tokens for run in grid}
    assert len(tokens) >= 4 and max(tokens) > 25 * min(tokens)
    assert len({run.model.d_model for run in limited}) == 5
    assert len({run.data.n_unique_tokens for run in limited}) == 5
    depths = {run.model.n_layer for run in sweeps_of("full.yaml", "text")["depth"]}
    assert len(depths | {run.model.n_layer for run in grid}) == 5
    found = planned(capsys, "--configfile", "config/full.yaml")
    assert found["corpora_not_at_hand"] == {}


def test_the_sizes_that_meet_at_one_budget_cost_the_same():
    sweeps = sweeps_of("full.yaml", "ladder")
    small, large = (cost_of(sweeps[name][0], 256) for name in ("kaplan_size", "our_size"))
    assert small.flops == pytest.approx(2e11, rel=1e-3) == large.flops
    assert small.n_params_non_embedding == 768


def test_schedules_that_are_compared_have_equal_sums():
    from isoloss.train.schedule import learning_rate

    sums = {}
    for name, runs in sweeps_of("full.yaml", "recipe").items():
        if name in ("length", "optimiser", "tuning", "own"):
            continue
        for run in runs:
            rates = (learning_rate(run.training, step, run.steps, run.model.d_model)
                     for step in range(1, run.steps + 1))  # fmt: skip
            sums.setdefault(name, []).append(sum(rates))
    assert len(sums) == 9
    for found in sums.values():
        assert found == pytest.approx([0.7, 1.75, 4.4, 11, 27.5], rel=0.01)


def test_shapes_that_are_compared_have_one_size():
    for name, runs in sweeps_of("full.yaml", "shape").items():
        sizes = [cost_of(run, 256).n_params_non_embedding for run in runs]
        assert sizes == pytest.approx(
            [110_592 if "large" in name else 27_648] * len(runs), rel=4e-3
        )


def test_no_width_is_too_narrow_for_tensor_cores_in_the_gpu_preset():
    """Heads of a multiple of 8 dimensions, for the fused attention in bfloat16."""
    assert all(run.model.d_model // run.model.n_head % 8 == 0 for run in runs_of("gpu.yaml"))


def test_the_paper_preset_has_kaplans_sizes_and_tokens(capsys):
    """Sizes of the labels of their Figs. 4 and 9, 1.31e11 tokens a run, 2^19 tokens a step."""
    found = planned(capsys, "--configfile", "config/paper.yaml")
    assert "webtext2" in found["corpora_not_at_hand"]
    runs = kaplans()
    assert all(isinstance(run, LanguageRun) for run in runs)
    sizes = {12 * run.model.n_layer * run.model.d_model**2 for run in runs}
    named = [768, 393_216, 3e6, 25e6, 85e6, 302e6, 708e6, 1.475e9, 1.324e9, 1.465e9]
    assert sorted(sizes) == pytest.approx(sorted(named), rel=0.05)
    assert {run.data.n_tokens for run in runs} == {250_000 * 2**19}
    assert found["total"]["longest_hours"] > 24


def test_the_paper_presets_rates_are_those_of_kaplans_rule():
    """LR(N) = 0.003239 - 0.0001395 ln N (Eq. D.1)."""
    for run in kaplans():
        n = 12 * run.model.n_layer * run.model.d_model**2
        assert run.training.peak_lr == pytest.approx(0.003239 - 0.0001395 * log(n), rel=0.01)
