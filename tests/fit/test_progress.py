"""A fit that takes long says what it does, on a terminal alone."""

import io
import itertools
import json

import numpy as np
import pytest

from isoloss.cli.main import main
from isoloss.fit import fit_law, progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def table(rng):
    x = np.geomspace(1e3, 1e6, 40)
    return {"x": x, "loss": (2 + 7 * x**-0.3) * np.exp(0.01 * rng.standard_normal(40))}


def said(table, stream, step_s):
    """What a stream holds after a fit during which each look at the clock takes `step_s`."""
    ticks = itertools.count()
    with progress.shown(stream, "isoloss fit", clock=lambda: step_s * next(ticks)):
        fit_law(table, "power_law_floor", draws=100)
    return stream.getvalue()


def test_a_fit_of_more_than_two_seconds_says_what_it_does_and_wipes_the_line(table):
    text = said(table, Terminal(), 3.0)
    shown = [part.strip() for part in text.split("\r") if part.strip()]
    assert shown[0] == "isoloss fit: search for the optimum (3 s)"
    assert any("100 of 100 resampled tables" in line for line in shown)
    assert "\n" not in text
    assert text.endswith("\r")
    assert not text.split("\r")[-2].strip()


def test_a_short_fit_says_nothing(table):
    assert said(table, Terminal(), 1e-4) == ""


def test_a_log_that_is_no_terminal_gets_no_progress(table):
    assert said(table, io.StringIO(), 3.0) == ""


def test_progress_is_never_in_the_json(table, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(progress, "AFTER_S", 0.0)
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    rows = "\n".join(f"{x},{loss}" for x, loss in zip(*table.values(), strict=True))
    (tmp_path / "table.csv").write_text(f"x,loss\n{rows}\n")
    path = str(tmp_path / "table.csv")
    assert (
        main(["fit", path, "--law", "power_law_floor", "--x", "x", "--json", "--draws", "50"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["law"] == "power_law_floor"
    assert "resampled tables" in stream.getvalue()
