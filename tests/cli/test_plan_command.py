"""`isoloss plan`: what it counts against counts by hand, and what it says."""

import json
import math

import pytest
import yaml

from isoloss.cli.costs import Job
from isoloss.cli.machines import Core, Gpu
from isoloss.cli.main import main
from isoloss.config.load import parse
from isoloss.config.runs import Transformer
from isoloss.constants import LAUNCH_S
from isoloss.counting import transformer_flops, transformer_params
from isoloss.plan.cost import JOB_S, Cost
from isoloss.plan.gpu import GpuSpeed, gpu_percent
from isoloss.tasks import task_of
from isoloss.tasks.language.settings import LanguageRun

CONTEXT, BATCH, VOCAB = 8, 4, 256
TOKENS = CONTEXT * BATCH
STUDY = {
    "title": "t",
    "question": "q",
    "theory": "th",
    "settings": {
        "task": {"kind": "language", "corpus": "mine", "context": CONTEXT},
        "model": {"n_layer": 1, "d_model": 8, "n_head": 2},
        "data": {"n_tokens": 100 * TOKENS, "n_unique_tokens": "all", "n_heldout_tokens": 80},
        "training": {
            "peak_lr": 0.01,
            "schedule": "wsd",
            "warmup_steps": 5,
            "batch_size": BATCH,
            "n_evals": 1,
        },
    },
    "corpora": {"mine": {"kind": "files", "paths": ["mine.txt"]}},
    "sweeps": {"grid": {"grid": {"data.n_tokens": [100 * TOKENS, 200 * TOKENS, 400 * TOKENS]}}},
}
SHAPE = Transformer(n_layer=1, d_model=8, n_head=2)
STEP_FLOPS = BATCH * transformer_flops(SHAPE, VOCAB, CONTEXT).training
N_PARAMS = transformer_params(SHAPE, VOCAB, CONTEXT).total


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of one study; a function changes its file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config" / "studies").mkdir(parents=True)
    config = {"studies": ["mine"], "budget": {"flops": 1e18, "runs": 100}}
    (tmp_path / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "mine.txt").write_text("all work and no play " * 2000)

    def write(**changed):
        path = tmp_path / "config" / "studies" / "mine.yaml"
        path.write_text(yaml.safe_dump(STUDY | changed))

    write()
    return write


def planned(capsys, *arguments):
    assert main(["plan", "--machine", "gpu", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_trunks_are_counted_once_and_beside_it_what_runs_alone_would_cost(project, capsys):
    """Cooldowns begin after 80, 160 and 320 steps: 320 steps of trunk, 20 + 40 + 80 of cooldown."""
    total = planned(capsys)["total"]
    assert (total["runs"], total["jobs"]) == (3, 6)
    assert total["flops"] == (320 + 20 + 40 + 80) * STEP_FLOPS
    assert total["flops_if_alone"] == 700 * STEP_FLOPS


def test_what_two_sweeps_want_is_in_both_rows_and_once_in_the_total(project, capsys):
    more = {"twice": {"grid": {"data.n_tokens": [400 * TOKENS]}}}
    project(sweeps=STUDY["sweeps"] | more)
    found = planned(capsys)
    sweeps = found["studies"]["mine"]["sweeps"]
    assert sweeps["twice"]["flops"] == 400 * STEP_FLOPS
    assert sweeps["grid"] == found["studies"]["mine"]["total"] == found["total"]


def test_gpu_hours_are_those_of_the_stated_peak_and_utilisation(project, capsys):
    """With an evaluation each octave: 9 in the trunk, up to step 256, and one after each run."""
    training = STUDY["settings"]["training"] | {"evals_per_octave": 1, "n_evals": 20}
    project(settings=STUDY["settings"] | {"training": training})
    slow, fast = (
        planned(capsys, "--peak-flops", peak, "--utilisation", "0.5")["total"]
        for peak in ("1e3", "2e3")
    )
    evaluation_flops = 10 * transformer_flops(SHAPE, VOCAB, CONTEXT).forward  # 80 tokens held out
    flops = 460 * STEP_FLOPS + (9 + 3) * evaluation_flops
    assert 3600 * (slow["hours"] - fast["hours"]) == pytest.approx(flops / 1e3)


def test_trunks_keep_twelve_bytes_a_parameter_on_the_disk(project, capsys):
    with_trunks = planned(capsys)["total"]["disk_bytes"]
    settings = STUDY["settings"]
    project(settings=settings | {"training": settings["training"] | {"schedule": "cosine"}})
    assert with_trunks - planned(capsys)["total"]["disk_bytes"] == 3 * 12 * N_PARAMS


def test_the_longest_run_is_counted_with_its_trunk(project, capsys):
    total = planned(capsys, "--peak-flops", "1e30")["total"]
    assert total["longest"].startswith("language-L1-d8-D12800-")
    assert 3600 * total["longest_hours"] == pytest.approx(4 * JOB_S + 400 * LAUNCH_S)
    total = planned(capsys)["total"]
    on_many = planned(capsys, "--cores", "1000")
    assert on_many["wall_clock_hours"] == total["longest_hours"]
    slow = planned(capsys, "--cores", "1", "--peak-flops", "1e6")
    assert slow["wall_clock_hours"] == slow["total"]["hours"]


def test_runs_that_a_gpu_trains_side_by_side_are_counted(project, capsys, tmp_path):
    """Of each of two seeds, three pieces of a trunk and three cooldowns; other shapes are alone."""
    sweep = STUDY["sweeps"]["grid"] | {"seeds": 2}
    project(sweeps={"grid": sweep, "alone": {"grid": {"model.d_model": [16]}}})
    assert planned(capsys)["stacks"] == []
    config = {"studies": ["mine"], "budget": {"flops": 1e18, "runs": 100}, "device": "cuda"}
    (tmp_path / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    assert planned(capsys)["stacks"] == [2] * 6
    assert main(["plan"]) == 0
    assert "side by side: 12 of 14 jobs in 6 stacks of 2 to 2" in capsys.readouterr().out


def test_a_corpus_that_is_not_there_is_planned_without_it_and_named(project, capsys, tmp_path):
    (tmp_path / "mine.txt").unlink()
    found = planned(capsys)
    assert found["total"]["flops"] == 460 * STEP_FLOPS
    assert "mine.txt" in found["corpora_not_at_hand"]["mine"]
    assert main(["plan", "--machine", "gpu"]) == 0
    assert "not at hand: the corpus mine, so its size is not checked" in capsys.readouterr().out


def test_a_bad_setting_of_a_corpus_is_refused(project, capsys):
    project(corpora={"mine": {"kind": "files", "pathss": ["mine.txt"]}})
    assert main(["plan"]) == 2
    assert "pathss" in capsys.readouterr().err


def test_the_text_names_the_machine_and_every_sweep(project, capsys):
    assert main(["plan", "--cores", "2"]) == 0
    out = capsys.readouterr().out
    assert "core-hours: measured now: one core of this machine" in out
    assert "mine grid" in out
    assert "on 2 cores: " in out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--utilisation", "2", "--machine", "gpu"], "--utilisation 2: must be at most 1"),
        (["--peak-flops", "0", "--machine", "gpu"], "--peak-flops 0: must be positive"),
        (["--peak-flops", "1e14"], "--peak-flops: is for a GPU; add --machine gpu"),
        (["--cores", "0"], "--cores 0: must be at least 1"),
    ],
)
def test_a_mistake_is_said(project, capsys, arguments, problem):
    assert main(["plan", *arguments]) == 2
    assert problem in capsys.readouterr().err


def test_a_study_of_nothing_trained_costs_nothing_to_plan(project, capsys, tmp_path):
    published = {"source": "published", "title": "t", "question": "q", "theory": "th"}
    (tmp_path / "config" / "studies" / "mine.yaml").write_text(yaml.safe_dump(published))
    assert main(["plan"]) == 2
    assert "no study of the config trains anything" in capsys.readouterr().err


def job(steps, flops_per_step, evaluation_flops=0):
    return Job(
        job_id="one",
        run=parse(LanguageRun, STUDY["settings"], "run"),
        vocab_size=VOCAB,
        cost=Cost(steps, flops_per_step, evaluations=1, flops_per_evaluation=evaluation_flops),
        disk_bytes=0.0,
    )


def test_a_core_is_as_fast_as_measured_and_beyond_the_largest_size_as_fast_for_a_flop():
    steps = {"language": [(1e6, 1e-3), (1e8, 1e-2)]}
    core = Core(steps=steps, evaluations={"language": [(1e6, 1e-9), (1e8, 1e-10)]})
    assert core.seconds(job(100, 10**6)) == pytest.approx(JOB_S + 0.1)
    assert core.seconds(job(100, 10**7)) == pytest.approx(JOB_S + 100 * math.sqrt(1e-3 * 1e-2))
    assert core.seconds(job(100, 10**9)) == pytest.approx(JOB_S + 100 * 0.1)
    assert core.seconds(job(0, 10**9, 10**10)) == pytest.approx(JOB_S + 1.0)


def test_a_gpu_waits_for_its_kernels_or_computes():
    gpu = Gpu(GpuSpeed(peak_flops=1e12, utilisation=0.1))
    assert gpu.seconds(job(1000, 10)) == pytest.approx(JOB_S + 2.0)
    assert gpu.seconds(job(1, 10**14)) == pytest.approx(JOB_S + 1000, rel=1e-4)


def test_a_small_run_takes_the_share_of_the_gpu_that_it_keeps_busy():
    """A millisecond of computing beside two of waiting: a third, or what its memory takes."""
    speed = GpuSpeed(peak_flops=1e12, utilisation=0.1)
    run = job(1, 1).run
    assert speed.share(run, Cost(steps=50, flops_per_step=10**8), VOCAB) == pytest.approx(1 / 3)
    assert speed.share(run, Cost(steps=50, flops_per_step=10**14), VOCAB) == pytest.approx(
        1, rel=1e-5
    )
    tiny = GpuSpeed(memory_bytes=1e9)
    needed = task_of(run).memory_bytes(run, VOCAB, mixed=True)
    assert tiny.share(run, Cost(steps=50, flops_per_step=1), VOCAB) == needed / 1e9
    assert gpu_percent(run, Cost(steps=50, flops_per_step=1), VOCAB) == 1
