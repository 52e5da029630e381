"""The native kernel against PyTorch, which defines what a training computes."""

import numpy as np
import pytest
from tests.train.engines import NO_LIBRARY, trainer_of

from isoloss.config.load import parse
from isoloss.corpus.load import Corpus
from isoloss.tasks.copy.settings import CopyRun
from isoloss.tasks.function.settings import FunctionRun
from isoloss.tasks.kernel import NATIVE, TORCH, is_native, kernel_for
from isoloss.tasks.language.settings import LanguageRun

TRAINING = {"peak_lr": 3e-3, "schedule": "cosine", "batch_size": 4, "n_evals": 4,
            "weight_decay": 0.1, "clip_norm": 0.5}  # fmt: skip


def language(tmp_path, model=None, **training):
    settings = {
        "task": {"kind": "language", "corpus": "random", "context": 16},
        "model": {"n_layer": 2, "d_model": 12, "n_head": 2} | (model or {}),
        "data": {"n_tokens": 4 * 16 * 30, "n_heldout_tokens": 160},
        "training": TRAINING | training,
    }
    rng = np.random.default_rng(0)
    train, heldout = (rng.integers(31, size=n, dtype=np.uint8) for n in (3000, 200))
    corpus = Corpus(train=train, heldout=heldout, card={"vocab_size": 31}, folder=tmp_path)
    return parse(LanguageRun, settings, "run"), corpus


def copy(_, **training):
    settings = {
        "task": {"kind": "copy", "n_symbols": 5, "length": 3},
        "model": {"n_layer": 1, "d_model": 16, "n_head": 2, "tie_embeddings": True},
        "data": {"n_samples": 120, "n_heldout": 300},
        "training": TRAINING | training,
    }
    return parse(CopyRun, settings, "run"), None


def function(_, activation="tanh", **training):
    settings = {
        "task": {"kind": "function", "target": "teacher", "n_inputs": 3, "noise_sd": 0.1},
        "model": {"width": 8, "activation": activation},
        "data": {"n_samples": 64, "n_heldout": 300},
        "training": TRAINING | {"steps": 30} | training,
    }
    return parse(FunctionRun, settings, "run"), None


RUNS = {
    "language": language,
    "tied": lambda path: language(path, {"tie_embeddings": True, "d_ff": 20}),
    "noise scale": lambda path: language(path, noise_scale=True),
    "no clipping": lambda path: language(path, clip_norm=None),
    "copy": copy,
    "tanh": function,
    "relu": lambda path: function(path, "relu"),
}


@NO_LIBRARY
@pytest.mark.parametrize("name", RUNS)
def test_both_kernels_have_the_same_curves_up_to_rounding(name, tmp_path):
    run, corpus = RUNS[name](tmp_path)
    native, torch = (trainer_of(run, 1, corpus, kernel) for kernel in (NATIVE, TORCH))
    native.run()
    torch.run()
    assert len(native.rows) == len(torch.rows) > 2
    for ours, theirs in zip(native.rows, torch.rows, strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours.keys() - {"elapsed_s"}:
            assert theirs[name] is None or ours[name] == pytest.approx(theirs[name], rel=2e-5)


@NO_LIBRARY
@pytest.mark.parametrize("name", ["language", "tanh"])
def test_both_kernels_begin_with_the_same_weights_and_batches(name, tmp_path):
    run, corpus = RUNS[name](tmp_path)
    native, torch = (trainer_of(run, 1, corpus, kernel).engine for kernel in (NATIVE, TORCH))
    weights = torch.tensors()
    for key, values in native.tensors().items():
        assert not key.startswith("model.") or np.array_equal(values, weights[key])
    for ours, theirs in zip(native.problem.batch(7), torch.problem.batch(7), strict=True):
        assert np.array_equal(ours, theirs.numpy())


def test_settings_decide_what_the_native_kernel_trains(tmp_path, monkeypatch):
    plain, dropped = language(tmp_path)[0], language(tmp_path, {"dropout": 0.1})[0]
    assert [is_native(run) for run in (plain, dropped, function(None)[0])] == [True, False, True]
    monkeypatch.setattr("isoloss.native.build.library", lambda: "a library")
    assert kernel_for(plain, asked="auto", device="cpu") == NATIVE
    assert kernel_for(plain, asked="native", device="cpu") == NATIVE
    assert kernel_for(plain, asked="torch", device="cpu") == TORCH
    assert kernel_for(plain, asked="auto", device="cuda") == TORCH
    assert kernel_for(dropped, asked="native", device="cpu") == TORCH
    monkeypatch.setattr("isoloss.native.build.library", lambda: None)
    assert kernel_for(plain, asked="auto", device="cpu") == TORCH
