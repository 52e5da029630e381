"""Spoilt logs are read, or refused with a sentence that names the file; nothing else happens.

ISOLOSS_SPOILT=1000 spoils that many files of each format, and prints what became of them.
"""

import collections
import os
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.logs.imports import points, said
from tests.logs.mutations import spoilt, whole_logs

from isoloss.files import read_parquet, sha256

EXAMPLES = int(os.environ.get("ISOLOSS_SPOILT", "6"))
OPTIONS = ("--tokens-per-step", 64, "--tokens", 64)


def read(folder, output):
    return said("import", folder, "--output", output, *OPTIONS)


def outcome(folder, path, output, true):
    """What became of a spoilt file; anything but a table or a sentence is an error."""
    before = sha256(path)
    output.unlink(missing_ok=True)
    output.with_name(f"{output.name}.index.json").unlink(missing_ok=True)
    code, out, err = read(folder, output)
    assert sha256(path) == before
    assert "Traceback" not in err
    if code == 2:
        assert not out
        assert not output.exists()
        assert str(folder) in err or "run has" in err or "held-out losses" in err, err
        assert len(err) < 20_000
        return "refused" if str(path) in err else "no loss is left"
    assert (code, err) == (0, "")
    table = read_parquet(output)
    tokens = table["n_tokens"].to_numpy()
    assert (tokens > 0).all()
    assert np.isfinite(tokens).all()
    if true:  # checksums show every change
        assert set(points(table, "step", "eval_loss")) <= true
    return "read, and said" if "note: " in out else "read"


@pytest.mark.parametrize(
    "name",
    ["huggingface", "lightning", "lm-eval", "mlflow", "mlflow-sqlite", "dvclive", "tensorboard",
     "wandb", "wandb-offline", "printed-nanogpt", "printed-llmc", "printed-nanochat",
     "printed-titan", "printed-megatron"],
)  # fmt: skip
def test_a_spoilt_log_is_read_or_refused_with_its_name(tmp_path, name):
    path, folder = whole_logs(tmp_path / "whole")[name]
    output = tmp_path / "runs.parquet"
    code, _, err = read(folder, output)
    assert (code, err) == (0, "")  # what is spoilt was whole
    table = read_parquet(output)
    has_checksums = name in ("tensorboard", "wandb-offline")
    true = set(points(table, "step", "eval_loss")) if has_checksums else set()
    content, tally = path.read_bytes(), collections.Counter()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def attempt(data):
        path.write_bytes(data.draw(spoilt(content)))
        tally[outcome(folder, path, output, true)] += 1

    attempt()
    shutil.rmtree(folder)
    print(name, dict(tally))
    assert sum(tally.values()) >= 1
