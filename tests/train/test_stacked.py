"""A stack against the same runs alone, by PyTorch's path, which defines what they compute."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.train.test_engines import copy, function, language

from isoloss.errors import Interrupted, UserError
from isoloss.models.precision import Precision
from isoloss.tasks import task_of
from isoloss.train.engines.pytorch import PyTorch
from isoloss.train.loop import Trainer
from isoloss.train.schedule import learning_rate
from isoloss.train.stacked import session
from isoloss.train.stacked.batches import FromCorpus, batches_of
from isoloss.train.stacked.engine import Member, Stack

CPU, SEEDS = torch.device("cpu"), (0, 1, 5)
# What runs of a stack may differ in, beside the seed.
CHANGES = (
    {},
    {"peak_lr": 1e-2, "weight_decay": 0.0, "clip_norm": None, "schedule": "constant"},
    {"peak_lr": 1e-3, "beta1": 0.8, "beta2": 0.98, "warmup_fraction": 0.2, "clip_norm": 0.01},
)
RECURRENT = {"kind": "recurrent_transformer", "n_loop": 2, "tie_embeddings": True, "d_ff": 20}
MODELS = {
    "language": language,
    "tied, recurrent": lambda path, **k: language(path, RECURRENT, **k),
    "copy": copy,
    "mlp": function,
}


def members(name, path=Path()):
    """The runs of a stack, and their corpus."""
    made = [MODELS[name](path, **change) for change in CHANGES]
    return [run for run, _ in made], made[0][1]


def stack_of(runs, corpus, dtype=torch.float32, **options):
    problems = [
        task_of(run).arrays(run, seed, corpus) for run, seed in zip(runs, SEEDS, strict=True)
    ]
    batches = batches_of(problems, runs, SEEDS, corpus, CPU, dtype)
    return Stack(problems, [run.training for run in runs], batches, dtype=dtype, **options)


def alone(run, seed, corpus, dtype):
    """The engine of a run that is trained alone, in a number format."""
    problem = task_of(run).build(run, seed, corpus, CPU)
    problem.model.to(dtype)
    batch = problem.batch

    def converted(step):
        return tuple(x.to(dtype) if x.is_floating_point() else x for x in batch(step))

    return PyTorch(replace(problem, batch=converted), run.training)


def rates_of(runs, step, facts):
    return [learning_rate(run.training, step, facts.steps, facts.width) for run in runs]


def apart(ours, theirs):
    """The largest difference of a tensor, as a share of its norm; sums are in float32."""
    assert list(ours) == list(theirs)
    return max(
        np.linalg.norm(ours[name] - theirs[name]) / max(np.linalg.norm(theirs[name]), 1e-300)
        for name in ours.keys() - {"sums"}
    )


@pytest.mark.parametrize("name", MODELS)
def test_thirty_steps_of_a_stack_are_those_of_each_run_alone(name):
    """In float64, what is left is rounding; and so is a loss that is evaluated with the others."""
    runs, corpus = members(name)
    stack = stack_of(runs, corpus, torch.float64)
    singles = [alone(run, s, corpus, torch.float64) for run, s in zip(runs, SEEDS, strict=True)]
    for step in range(1, 31):
        rates = rates_of(runs, step, stack.problems[0])
        stack.step([step] * len(runs), rates)
        for single, rate in zip(singles, rates, strict=True):
            single.step(step, rate)
    for i, single in enumerate(singles):
        member = Member(stack, i)
        assert apart(member.tensors(), single.tensors()) < 1e-12
        assert member.sums().loss == pytest.approx(single.sums().loss, rel=1e-6)
        if name != "mlp":  # whose prediction is in float32
            found, expected = member.evaluate(), single.evaluate()
            assert found.keys() == expected.keys()
            assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_gradients_in_float32_are_those_of_each_run_alone(name):
    runs, corpus = members(name)
    stack = stack_of(runs, corpus)
    rng = np.random.default_rng(3)
    for i, (run, seed) in enumerate(zip(runs, SEEDS, strict=True)):
        single = alone(run, seed, corpus, torch.float32)
        tensors = single.tensors()
        moved = {
            key: values + (0.3 * rng.standard_normal(values.shape)).astype(np.float32)
            if key.startswith("model.")
            else values
            for key, values in tensors.items()
        }
        single.load(moved)
        Member(stack, i).load(moved)
        expected = single._gradients(single.problem.batch(1)).item()
        stack.batches.fill([1] * len(runs))
        losses, gradients = stack.gradients()
        found = stack._layout.parts(gradients[i].numpy())
        assert losses[i].item() == pytest.approx(expected, rel=1e-6)
        for key, parameter in single.problem.model.named_parameters():
            difference = np.linalg.norm(found[key] - parameter.grad.numpy())
            assert difference < 1e-6 * np.linalg.norm(parameter.grad)


def test_in_mixed_precision_the_loss_is_that_of_a_run_alone_to_two_digits():
    runs, corpus = members("language")
    stack = stack_of(runs, corpus, precision=Precision(torch.bfloat16))
    single = alone(runs[0], SEEDS[0], corpus, torch.float32)
    single.problem.model.autocast = torch.bfloat16
    for step in range(1, 6):
        rates = rates_of(runs, step, stack.problems[0])
        stack.step([step] * 3, rates)
        single.step(step, rates[0])
    assert Member(stack, 0).sums().loss == pytest.approx(single.sums().loss, rel=1e-2)
    assert Member(stack, 0).evaluate() == pytest.approx(single.evaluate(), rel=1e-2)


@pytest.mark.parametrize("name", ["language", "mlp"])
def test_a_neighbour_that_is_lost_changes_no_bit_of_the_others(name):
    runs, corpus = members(name)
    stacks = [stack_of(runs, corpus) for _ in range(2)]
    for step in range(1, 9):
        if step == 4:
            with torch.no_grad():
                stacks[1].parameters[1] = torch.nan
        for stack in stacks:
            stack.step([step] * 3, rates_of(runs, step, stack.problems[0]))
    assert np.isnan(Member(stacks[1], 1).evaluate()["loss"])
    for i in (0, 2):
        whole, beside = (Member(stack, i) for stack in stacks)
        assert whole.evaluate() == beside.evaluate()
        others = beside.tensors()
        assert all(np.array_equal(v, others[key]) for key, v in whole.tensors().items())


def test_batches_of_a_text_are_those_of_a_run_alone_in_each_epoch(tmp_path):
    run, corpus = language(tmp_path)
    settings = run.model_dump()
    runs = [
        type(run).model_validate(settings | {"data": settings["data"] | {"n_unique_tokens": n}})
        for n in (None, 400, "all")
    ]
    problems = [task_of(r).arrays(r, s, corpus) for r, s in zip(runs, SEEDS, strict=True)]
    batches = batches_of(problems, runs, SEEDS, corpus, CPU, torch.float32)
    assert isinstance(batches, FromCorpus)
    for step in (1, 2, 30, 77):
        batches.fill([step, step + 1, step + 2])
        for i, problem in enumerate(problems):
            for ours, theirs in zip(
                (batches.inputs, batches.targets), problem.batch(step + i), strict=True
            ):
                assert np.array_equal(ours[i], theirs)


def test_what_an_evaluation_asks_for_by_position_is_answered_too(tmp_path):
    run, corpus = language(tmp_path)
    task = run.task.model_copy(update={"by_position": True})
    runs = [run.model_copy(update={"task": task})] * 3
    stack = stack_of(runs, corpus, torch.float64)
    for i, seed in enumerate(SEEDS):
        found = Member(stack, i).evaluate()
        expected = alone(runs[i], seed, corpus, torch.float64).evaluate()
        assert found["loss"] == pytest.approx(expected["loss"], rel=1e-12)
        for ours, theirs in zip(found["further"], expected["further"], strict=True):
            assert ours == pytest.approx(theirs, rel=1e-12)


def test_members_with_different_held_out_data_are_refused():
    run, _ = function(None)
    other = run.model_copy(update={"data": run.data.model_copy(update={"n_heldout": 7})})
    runs = [run, run, other]
    with pytest.raises(ValueError, match=r"^members of a stack have different held-out data$"):
        stack_of(runs, None)


def recorded(compute):
    def replay():
        compute()

    return replay


def forgets_the_batch(compute):
    return lambda: None


def refuses(compute):
    compute()
    raise RuntimeError("operation not permitted when stream is capturing")


@pytest.mark.parametrize(
    ("record", "used", "said"),
    [
        (recorded, True, ""),
        (forgets_the_batch, False, "the CUDA graph of a step is 1 off; going on without"),
        (refuses, False, "no CUDA graph of a step (operation not permitted"),
    ],
)
def test_a_recording_that_does_not_do_what_the_step_does_is_not_used(record, used, said, capsys):
    runs, corpus = members("language")
    plain, with_record = stack_of(runs, corpus), stack_of(runs, corpus, record=record)
    for step in (1, 2, 3):
        for stack in (plain, with_record):
            stack.step([step] * 3, rates_of(runs, step, stack.problems[0]))
    assert with_record.recorded is used
    assert with_record.about()["stack"] == {"runs": 3, "cuda_graph": used}
    assert said in capsys.readouterr().err
    assert torch.equal(plain.parameters, with_record.parameters)
    assert torch.equal(plain.optimizer.second, with_record.optimizer.second)


def jobs_of(runs, corpus, folder, trunk=""):
    return [
        session.prepared(
            {
                "job_id": f"run{i}",
                "seed": seed,
                "checkpoint": str(folder / f"run{i}.safetensors"),
                "trunk": trunk,
                "to_be_continued": False,
            },
            run,
            corpus,
        )
        for i, (run, seed) in enumerate(zip(runs, SEEDS, strict=True))
    ]


def trained(runs, corpus, folder):
    """Run -> its rows without times, and why it ended."""
    found = {}

    def ended(one):
        rows = [{k: v for k, v in row.items() if k != "elapsed_s"} for row in one.trainer.rows]
        found[one.job.job_id] = rows, one.reason, one.trainer.stopped_early

    session.train_together(jobs_of(runs, corpus, folder), corpus, "cpu", ended)
    return [found[f"run{i}"] for i in range(len(runs))]


def test_each_run_has_the_curve_that_it_has_alone_and_ends_by_itself(tmp_path):
    """One diverges, one has lost its patience; the third goes on to its last step."""
    settings = language(tmp_path)[0].model_dump()
    settings["data"] |= {"n_tokens": 4 * 16 * 60, "n_unique_tokens": 64}
    impatient = {"patience": 1, "n_evals": 12, "peak_lr": 3e-2, "schedule": "constant"}
    run, corpus = language(tmp_path)
    runs = [
        type(run).model_validate(settings | {"training": settings["training"] | change})
        for change in ({"n_evals": 12}, impatient, {"n_evals": 12, "peak_lr": 1e20})
    ]
    (rows, reason, _), (short, _, stopped), (_, lost, _) = trained(runs, corpus, tmp_path)
    assert reason is None
    assert rows[-1]["step"] == 60
    assert stopped
    assert short[-1]["step"] < 60
    assert "loss was nan at step " in lost
    for found, run, seed in ((rows, runs[0], 0), (short, runs[1], 1)):
        single = Trainer(PyTorch(task_of(run).build(run, seed, corpus, CPU), run.training),
                         run.training)  # fmt: skip
        single.run()
        assert len(found) == len(single.rows)
        for ours, theirs in zip(found, single.rows, strict=True):
            assert ours == pytest.approx({key: theirs[key] for key in ours}, rel=1e-4)


def test_runs_that_were_interrupted_go_on_each_from_its_own_step(tmp_path, monkeypatch):
    runs, corpus = members("language")
    whole = trained(runs, corpus, tmp_path / "whole")
    step, number = Stack.step, {"steps": 0}

    def interrupted(self, steps, rates):
        step(self, steps, rates)
        number["steps"] += 1
        if number["steps"] == 11:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Stack, "step", interrupted)
    with pytest.raises(Interrupted, match=r"^SIGTERM: 3 states kept in "):
        trained(runs, corpus, tmp_path)
    monkeypatch.setattr(Stack, "step", step)
    (tmp_path / "run1.safetensors").unlink()  # it begins at step 1, and the others at step 12
    assert trained(runs, corpus, tmp_path) == whole


def test_a_run_that_goes_on_from_a_trunk_that_is_not_there_is_refused(tmp_path):
    runs, corpus = members("language")
    with pytest.raises(UserError, match=r"gone\.safetensors") as raised:
        jobs_of(runs, corpus, tmp_path, trunk=str(tmp_path / "gone.safetensors"))
    assert raised.value.problems[0].endswith("remove the file to redo it")
