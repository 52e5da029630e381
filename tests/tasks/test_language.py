"""Batches that cover their corpus exactly, resume exactly, and are judged on fixed text."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.train.engines import KERNELS, trainer_of

from isoloss.config.load import parse
from isoloss.corpus.load import Corpus
from isoloss.errors import UserError
from isoloss.tasks.language import data as language
from isoloss.tasks.language.settings import LanguageRun
from isoloss.tasks.pytorch import problem_of

CONTEXT, BATCH = 8, 4


def corpus(n=4000, vocab_size=256, dtype=np.uint8):
    tokens = np.arange(n, dtype=np.int64) % vocab_size
    return Corpus(
        train=tokens.astype(dtype),
        heldout=tokens[100:].astype(dtype),
        card={"vocab_size": vocab_size},
        folder=Path("nowhere"),
    )


def run(data, **training):
    return parse(
        LanguageRun,
        {
            "task": {"kind": "language", "corpus": "counting", "context": CONTEXT},
            "model": {"n_layer": 1, "d_model": 16, "n_head": 1},
            "data": {"n_heldout_tokens": 800} | data,
            "training": {"peak_lr": 1e-2, "schedule": "wsd", "batch_size": BATCH, "n_evals": 3}
            | training,
        },
        "run",
    )


def starts(problem, steps):
    """The first token of every window of the batches, on a corpus whose tokens count up."""
    return [i.item() for step in steps for i in problem.batch(step)[0][:, 0]]


def build(data, seed=0, text=None, **training):
    return language.arrays(run(data, **training), seed, text or corpus())


def in_pytorch(arrays):
    return problem_of(arrays, torch.device("cpu"))


def test_one_epoch_trains_on_every_token_once():
    text = corpus(vocab_size=4001, dtype=np.uint16)
    problem = build({"n_tokens": 3200}, text=text)
    targets = np.concatenate([problem.batch(s)[1] for s in range(1, problem.steps + 1)]).flatten()
    assert problem.steps == 3200 // (CONTEXT * BATCH)
    assert sorted(targets.tolist()) == list(range(1, 3201))
    assert problem.counts["n_tokens"] == problem.counts["n_unique_tokens"] == 3200


def test_targets_follow_their_inputs():
    inputs, targets = build({"n_tokens": 3200}).batch(3)
    assert inputs.shape == targets.shape == (BATCH, CONTEXT)
    assert np.array_equal(targets, (inputs + 1) % 256)


def test_every_epoch_is_whole_and_in_another_order():
    """8 windows, 3 epochs, and batches of 5 that end inside the epochs."""
    text = corpus(vocab_size=4001, dtype=np.uint16)
    data = {"n_tokens": 3 * 64 + 16, "n_unique_tokens": 64}
    problem = build(data, text=text, batch_size=5)
    seen = starts(problem, range(1, 6))
    epochs = [seen[i : i + 8] for i in (0, 8, 16)]
    assert all(sorted(epoch) == list(range(0, 64, 8)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert problem.counts["n_unique_tokens"] == 64


def test_a_batch_larger_than_the_unique_tokens_spans_epochs():
    problem = build({"n_tokens": 320, "n_unique_tokens": 16}, batch_size=5)
    assert sorted(starts(problem, [1, 2])) == [0] * 5 + [8] * 5


def test_a_batch_depends_on_seed_and_step_alone():
    data = {"n_tokens": 3200, "n_unique_tokens": 640}
    first, resumed = build(data), build(data)
    expected = {step: first.batch(step) for step in range(1, 41)}
    for step in (40, 17, 18, 3):
        for mine, theirs in zip(resumed.batch(step), expected[step], strict=True):
            assert np.array_equal(mine, theirs)
    assert starts(build(data, seed=1), [1, 2]) != starts(first, [1, 2])


def test_weights_come_from_the_seed_and_not_from_the_budget():
    small, large, other = (
        build({"n_tokens": 640}),
        build({"n_tokens": 3200}),
        build({"n_tokens": 640}, seed=1),
    )
    assert np.array_equal(small.weights["tokens"], large.weights["tokens"])
    assert not np.array_equal(small.weights["tokens"], other.weights["tokens"])


def test_heldout_loss_is_the_mean_over_the_first_tokens_of_the_heldout_part():
    problem = in_pytorch(build({"n_tokens": 640, "n_heldout_tokens": 810}))
    held = torch.from_numpy(corpus().heldout.astype(np.int64))
    windows = torch.stack([held[i : i + CONTEXT + 1] for i in range(0, 808, CONTEXT)])
    with torch.no_grad():
        log_p = problem.model(windows[:, :-1]).log_softmax(-1)
        expected = -log_p.gather(2, windows[:, 1:, None]).mean().item()
    assert problem.evaluate(problem.model)["loss"] == pytest.approx(expected, rel=1e-5)


def test_heldout_loss_does_not_depend_on_how_it_is_split(monkeypatch):
    problem = in_pytorch(build({"n_tokens": 640}))
    whole = problem.evaluate(problem.model)["loss"]
    monkeypatch.setattr(language, "PIECE", 56)  # 7 windows, the last part smaller
    assert build({"n_tokens": 640}).evaluate(problem.model)["loss"] == pytest.approx(whole)


@pytest.mark.parametrize("kernel", KERNELS)
def test_learns_to_count(kernel):
    """In steps of one, modulo 31: after some epochs the next token is certain."""
    settings = run({"n_tokens": 3200}, peak_lr=2e-2, beta2=0.95)
    trainer = trainer_of(settings, corpus=corpus(vocab_size=31), kernel=kernel)
    assert trainer.engine.evaluate()["loss"] == pytest.approx(math.log(31), abs=0.1)
    trainer.run()
    assert trainer.rows[-1]["loss"] < math.log(31) / 4


def test_a_corpus_that_is_too_short_is_refused_with_both_numbers():
    with pytest.raises(UserError) as error:
        build({"n_tokens": 4000, "n_heldout_tokens": 5000})
    assert error.value.problems == (
        "data.n_tokens: 4000 needs 4001 tokens, but the training part of corpus counting has 4000",
        "data.n_heldout_tokens: 5000 needs 5001 tokens, but the held-out part of corpus counting "
        "has 3900",
    )


def test_a_corpus_of_less_than_a_context_is_refused():
    whole = corpus()
    tiny = Corpus(**vars(whole) | {"train": whole.train[:7]})
    with pytest.raises(UserError) as error:
        build({"n_tokens": 3200, "n_unique_tokens": "all"}, text=tiny)
    assert error.value.problems == ("data.n_unique_tokens: 6 is smaller than one context of 8",)


def test_bands_of_positions_cover_the_context_once_and_are_half_an_octave_wide():
    for context in (2, 8, 64, 100, 256):
        covered = [p for first, last in language.bands(context) for p in range(first, last + 1)]
        assert covered == list(range(1, context + 1))
    firsts = [first for first, _ in language.bands(16)]
    assert firsts == [1, 2, 4, 5, 8, 11, 16]


@pytest.mark.parametrize("kernel", KERNELS)
def test_losses_by_position_are_those_of_the_targets_at_these_positions(kernel):
    settings = run({"n_tokens": 3200})
    whole = trainer_of(settings, corpus=corpus(), kernel=kernel).engine
    windows = language.windows(corpus().heldout, 800, CONTEXT)
    ids, targets = language.inputs_and_targets(windows)
    measured = language.heldout(windows, by_position=True)(whole_model(whole))
    assert measured["loss"] == pytest.approx(whole.evaluate()["loss"], rel=1e-6)
    last = measured["further"][-1]
    assert (last["first_position"], last["last_position"]) == (8, 8)
    assert last["n_targets"] == len(windows) == 100
    alone = whole_model(whole).loss_sum(ids, targets) - whole_model(whole).loss_sum(
        np.ascontiguousarray(ids[:, :-1]), np.ascontiguousarray(targets[:, :-1])
    )
    assert last["loss"] == pytest.approx(alone / 100, rel=1e-4)


def whole_model(engine):
    """What an engine's evaluations judge."""
    return engine if hasattr(engine, "loss_sum") else engine.problem.model


def elsewhere(names, kernel=KERNELS[0], **texts):
    """An engine whose evaluations judge other texts, and its corpus."""
    text = corpus()
    card = text.card | {"elsewhere_missing": {"gone": "it is not here"}}
    text = Corpus(**vars(text) | {"elsewhere": texts, "card": card})
    settings = run({"n_tokens": 3200})
    task = settings.task.model_copy(update={"elsewhere": names})
    settings = settings.model_copy(update={"task": task})
    return trainer_of(settings, corpus=text, kernel=kernel).engine


@pytest.mark.parametrize("kernel", KERNELS)
def test_losses_elsewhere_are_those_of_the_other_texts(kernel):
    """The corpus's own held-out part as another text has the corpus's own loss."""
    same = corpus().heldout[:801]
    measured = elsewhere(["same", "gone", "short"], kernel, same=same, short=same[:100]).evaluate()
    rows = {row["text"]: row for row in measured["further"]}
    assert set(rows) == {"same", "short"}  # one is missing
    assert rows["same"]["loss"] == pytest.approx(measured["loss"], rel=1e-6)
    assert (rows["same"]["n_targets"], rows["short"]["n_targets"]) == (800, 96)
    assert rows["short"]["loss"] != rows["same"]["loss"]


def test_another_text_that_the_corpus_does_not_have_is_refused():
    with pytest.raises(UserError) as error:
        elsewhere(["other", "tiny"], tiny=corpus().heldout[:5])
    assert error.value.problems == (
        "task.elsewhere: 'other' is no other text of the corpus counting",
        "task.elsewhere: 'tiny' has only 5 tokens of the corpus counting",
    )
