"""A training job does not learn from a text that is damaged."""

import json

import numpy as np
import pytest

from isoloss.corpus.prepare import prepare
from isoloss.errors import UserError
from isoloss.jobs.train import main

SETTINGS = {
    "task": {"kind": "language", "corpus": "mine", "context": 8},
    "model": {"n_layer": 1, "d_model": 8, "n_head": 2},
    "data": {"n_tokens": 320, "n_heldout_tokens": 100},
    "training": {"peak_lr": 0.01, "schedule": "cosine", "batch_size": 4},
}


def test_a_damaged_text_is_refused_by_name_with_what_to_do(tmp_path):
    (tmp_path / "one.txt").write_text("a line of text\n" * 200)
    prepare({"kind": "files", "paths": ["one.txt"]}, tmp_path, tmp_path / "corpus")
    arguments = ["--run-id", "r", "--seed", "0", "--corpus", str(tmp_path / "corpus")]
    arguments += ["--settings", json.dumps(SETTINGS), "--folder", str(tmp_path / "run")]
    main(arguments)
    tokens = np.load(tmp_path / "corpus" / "train.npy")
    np.save(tmp_path / "corpus" / "train.npy", np.zeros_like(tokens))
    with pytest.raises(UserError, match=r"train\.npy is damaged: .*\n.*Remove the folder .*corpus"):
        main(arguments)
