"""A training that was interrupted and went on is, to the last bit, one that was not."""

import numpy as np
import pytest
from tests.train.engines import KERNELS, trainer_of

from isoloss.config.load import parse
from isoloss.corpus.load import Corpus
from isoloss.errors import UserError
from isoloss.tasks.copy.settings import CopyRun
from isoloss.tasks.evaluations import octave_steps
from isoloss.tasks.function.settings import FunctionRun
from isoloss.tasks.language.settings import LanguageRun
from isoloss.train.loop import Trainer
from isoloss.train.state import load_state, save_state

LANGUAGE = {
    "task": {"kind": "language", "corpus": "random", "context": 8},
    "model": {"n_layer": 1, "d_model": 16, "n_head": 1},
    "data": {"n_tokens": 2560, "n_unique_tokens": "all", "n_heldout_tokens": 160},
    "training": {"peak_lr": 1e-2, "schedule": "wsd", "warmup_steps": 5, "cooldown_fraction": 0.25,
                 "batch_size": 4, "evals_per_octave": 1, "first_eval": 4},
}  # fmt: skip


def with_changes(settings, **sections):
    return settings | {name: settings[name] | change for name, change in sections.items()}


def language(settings, tmp_path, kernel, seed=3):
    rng = np.random.default_rng(0)
    train, heldout = (rng.integers(31, size=n, dtype=np.uint8) for n in (3000, 200))
    corpus = Corpus(train=train, heldout=heldout, card={"vocab_size": 31}, folder=tmp_path)
    return trainer_of(parse(LanguageRun, settings, "run"), seed, corpus, kernel)


def function(_, kernel, seed=3):
    settings = {
        "task": {"kind": "function", "target": "sine"},
        "model": {"width": 8},
        "data": {"n_samples": 64, "n_heldout": 32},
        "training": {"peak_lr": 1e-2, "schedule": "cosine", "steps": 50, "batch_size": 8},
    }
    return trainer_of(parse(FunctionRun, settings, "run"), seed, None, kernel)


def copy(_, kernel, seed=3):
    settings = {
        "task": {"kind": "copy", "n_symbols": 5, "length": 3},
        "model": {"n_layer": 1, "d_model": 8, "n_head": 1},
        "data": {"n_samples": 200, "n_heldout": 16},
        "training": {"peak_lr": 1e-2, "schedule": "linear", "batch_size": 4},
    }
    return trainer_of(parse(CopyRun, settings, "run"), seed, None, kernel)


def plain(tmp_path, kernel):
    return language(LANGUAGE, tmp_path, kernel)


def dropped(tmp_path, kernel):
    if kernel == "native":
        pytest.skip("the native kernel has no dropout")
    return language(with_changes(LANGUAGE, model={"dropout": 0.2}), tmp_path, kernel)


def measuring_noise(tmp_path, kernel):
    settings = with_changes(LANGUAGE, training={"noise_scale": True, "clip_norm": 1.0})
    return language(settings, tmp_path, kernel)


def impatient(tmp_path, kernel):
    settings = with_changes(LANGUAGE, data={"n_unique_tokens": 64}, training={"patience": 2})
    return language(settings, tmp_path, kernel)


class Stop(Exception):
    pass


def stop_at(step):
    def after_step(trainer):
        if trainer.step == step:
            raise Stop

    return after_step


def result(trainer):
    rows = [{k: v for k, v in row.items() if k != "elapsed_s"} for row in trainer.rows]
    return rows, {name: values.copy() for name, values in trainer.engine.tensors().items()}


def same(one, other):
    (rows, tensors), (other_rows, other_tensors) = one, other
    return rows == other_rows and all(
        np.array_equal(values, other_tensors[name]) for name, values in tensors.items()
    )


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("at", [1, 7, 16, 37])
@pytest.mark.parametrize(
    "build",
    [plain, dropped, measuring_noise, impatient, function, copy],
    ids=["language", "dropout", "noise scale", "patience", "function", "copy"],
)
def test_a_training_that_goes_on_from_a_file_ends_as_one_that_was_not_interrupted(
    build, at, kernel, tmp_path
):
    whole = build(tmp_path, kernel)
    whole.run()
    first = build(tmp_path, kernel)
    if whole.step <= at:
        pytest.skip("the patience was over before")
    with pytest.raises(Stop):
        first.run(after_step=stop_at(at))
    save_state(tmp_path / "state.safetensors", first.state(), {})
    second = build(tmp_path, kernel)
    second.load(load_state(tmp_path / "state.safetensors"))
    second.run()
    assert same(result(whole), result(second))


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_cooldown_from_a_trunk_is_the_run_that_was_never_branched(kernel, tmp_path):
    whole = plain(tmp_path, kernel)
    whole.run()
    branch = 60  # of 80 steps, a quarter cools down
    constant = with_changes(
        LANGUAGE, data={"n_tokens": branch * 4 * 8}, training={"schedule": "constant"}
    )
    trunk = language(constant, tmp_path, kernel)
    trunk.run(octave_steps(branch, trunk.training))
    cooled = plain(tmp_path, kernel)
    cooled.load(trunk.state())
    cooled.run()
    assert same(result(whole), result(cooled))


@pytest.mark.parametrize("kernel", KERNELS)
def test_another_seed_ends_elsewhere(kernel, tmp_path):
    one, other = (language(LANGUAGE, tmp_path, kernel, seed=seed) for seed in (0, 1))
    one.run()
    other.run()
    assert not same(result(one), result(other))


@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
def test_a_damaged_checkpoint_is_refused_by_its_name(damage, tmp_path):
    path = tmp_path / "state.safetensors"
    trainer = function(tmp_path, "torch")
    save_state(path, trainer.state(), {})
    content = path.read_bytes()
    match damage:
        case "cut":
            path.write_bytes(content[:-10])
        case "changed":
            path.write_bytes(content[:-10] + bytes(10))
            trainer.run()
            save_state(path, trainer.state(), {})
            content = bytearray(path.read_bytes())
            content[-5] ^= 1
            path.write_bytes(content)
        case "missing":
            path.unlink()
    with pytest.raises(UserError) as raised:
        load_state(path)
    assert raised.value.where == str(path)


def test_the_patience_ends_a_run_that_only_memorises(tmp_path):
    settings = with_changes(
        LANGUAGE,
        data={"n_unique_tokens": 64, "n_tokens": 25600},
        training={"patience": 2, "evals_per_octave": 2},
    )
    trainer = language(settings, tmp_path, "torch")
    trainer.run()
    losses = [row["loss"] for row in trainer.rows]
    assert trainer.stopped_early
    assert losses.index(min(losses)) == len(losses) - 3


def test_the_parts_of_the_noise_scale_are_unbiased_for_a_known_gradient():
    """Loss |w - x|^2 / 2 with x ~ N(0, I_3): at w the gradient is w, and its covariance I."""
    import torch

    from isoloss.config.runs import Optimisation
    from isoloss.tasks.problem import Problem
    from isoloss.train.engines.pytorch import PyTorch

    model = torch.nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.5, 0.0, 1.0]]))
    generator = torch.Generator().manual_seed(0)
    problem = Problem(
        model=model, width=3, steps=4000,
        batch=lambda step: (torch.randn(6, 3, generator=generator),),
        loss=lambda m, x: ((m.weight - x) ** 2).sum(1).mean() / 2,
        evaluate=lambda m: {"loss": 0.0}, samples_per_step=6, tokens_per_step=None,
        flops_per_step=1.0, counts={},
    )  # fmt: skip
    training = Optimisation(peak_lr=1e-12, schedule="constant", batch_size=6, n_evals=1,
                            noise_scale=True)  # fmt: skip
    trainer = Trainer(PyTorch(problem, training), training)
    trainer.run()
    assert trainer.rows[-1]["grad_sq"] == pytest.approx(1.25, rel=0.05)
    assert trainer.rows[-1]["grad_noise"] == pytest.approx(3.0, rel=0.05)
