"""Analyses of runs that lack columns say why they are not made, and end in no traceback."""

import pytest

from isoloss.config import exhibits
from isoloss.config.load import parse_study
from isoloss.exhibits.base import Inputs
from isoloss.exhibits.make import analyse
from isoloss.tables.schema import (
    ANALYSIS_COLUMNS,
    CURVE_COLUMNS,
    RUN_COLUMNS,
    SWEEP,
    completed,
    typed,
)
from isoloss.tasks.planted import simulate

ASKED = sorted(set(exhibits.ANALYSES) - exhibits.AUTOMATIC)
RUNGS = ("long_warmup", "short_warmup", "matched", "tuned")
MORE = {
    "cooldown_check": {"cooled": ["grid"], "independent": ["grid"]},
    "depth_elsewhere": {"line": ["grid"]},
    "families": {"reference": "grid"},
    "head_to_head": {"kaplan": ["grid"], "ours": ["grid"]},
    "ladder": {key: ["grid"] for key in RUNGS},
}
PLANTED = {
    "title": "Planted",
    "source": "planted",
    "question": "What if runs lack columns?",
    "theory": "It is said.",
    "law": "chinchilla",
    "parameters": {"E": 1.8, "A": 480.0, "B": 2100.0, "alpha": 0.35, "beta": 0.37},
    "noise_sd": 0.005,
    "sweeps": {"grid": {"n_params": [1e6, 1e7, 1e8, 1e9], "n_tokens": [1e8, 1e9, 1e10, 1e11]}},
}


@pytest.mark.parametrize("do", ASKED)
def test_an_analysis_of_planted_losses_is_made_or_says_why_not(do):
    analysis = {"do": do, "sweeps": ["grid"]} | MORE.get(do, {})
    study = parse_study(PLANTED | {"analyses": [analysis]}, "planted")
    made = analyse(
        "planted",
        study.analyses[0],
        Inputs(
            runs=completed(simulate(study), (SWEEP, *RUN_COLUMNS)),
            curves=typed([], CURVE_COLUMNS),
            done=typed([], ANALYSIS_COLUMNS),
        ),
    )
    assert len(made)
    if made["quantity"].isna().all():
        assert made["verdict"].str.startswith("not made: ").all()
    if do == "size_laws":
        assert (made["kind"] == "point").sum() == 16


def test_a_count_that_runs_lack_is_named():
    study = parse_study(PLANTED | {"analyses": [{"do": "recount", "sweeps": ["grid"]}]}, "planted")
    runs = completed(simulate(study), (SWEEP, *RUN_COLUMNS))
    nothing = typed([], CURVE_COLUMNS), typed([], ANALYSIS_COLUMNS)
    inputs = Inputs(runs=runs, curves=nothing[0], done=nothing[1])
    verdict = analyse("planted", study.analyses[0], inputs)["verdict"].item()
    assert (
        "16 of 16 runs have no compute_6nd_logits_flops, which the count 'logits' needs" in verdict
    )
