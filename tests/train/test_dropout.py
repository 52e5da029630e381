"""A run with dropout is judged without it."""

import numpy as np
import pytest
from tests.train.engines import trainer_of

from isoloss.config.load import parse
from isoloss.corpus.load import Corpus
from isoloss.tasks.language.settings import LanguageRun


def test_the_heldout_loss_is_that_of_the_trained_model_without_dropout(tmp_path):
    settings = {
        "task": {"kind": "language", "corpus": "counting", "context": 8},
        "model": {"n_layer": 1, "d_model": 16, "n_head": 1, "dropout": 0.5},
        "data": {"n_tokens": 1024, "n_heldout_tokens": 800},
        "training": {"peak_lr": 1e-2, "schedule": "constant", "batch_size": 4, "n_evals": 2},
    }
    run = parse(LanguageRun, settings, "run")
    tokens = (np.arange(2000) % 31).astype(np.uint8)
    corpus = Corpus(train=tokens, heldout=tokens, card={"vocab_size": 31}, folder=tmp_path)
    trainer = trainer_of(run, corpus=corpus)
    trainer.run()
    problem = trainer.engine.problem
    with_dropout = problem.evaluate(problem.model)["loss"]
    without = problem.evaluate(problem.model.eval())["loss"]
    assert trainer.rows[-1]["loss"] == without
    assert with_dropout != pytest.approx(without, rel=1e-3)
