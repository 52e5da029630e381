"""Findings of experiments say the planted differences, and whether they are differences."""

import pytest
from tests.exhibits.architectures import cases as architectures
from tests.exhibits.made import rows_of
from tests.exhibits.recipes import planted as P
from tests.exhibits.recipes.cases import OF, tables
from tests.exhibits.recipes.test_ladder_and_corpora import RIVALS

from isoloss.report.findings.base import KNOWN, OPEN, Results
from isoloss.report.findings.experiments import EXPERIMENTS, experiments


def results(analyses, **texts):
    return Results(name="s", texts={"source": "training", "title": "T"} | texts, analyses=analyses)


@pytest.mark.parametrize("draw", list(OF))
def test_each_experiment_has_a_finding_that_names_its_runs(draw):
    study = tables(draw)
    (found,) = experiments(results(study.analyses))
    (kind,) = (one for one in EXPERIMENTS if one.figure == draw)
    assert (found.key, found.label) == (kind.do, kind.label)
    assert found.headline in found.sentence
    assert set(found.runs.split()) <= set(study.runs["run_id"])


def test_a_planted_gap_is_said_with_its_side():
    (found,) = experiments(results(rows_of(RIVALS, *P.rivals(gap=0.05, noise=1e-6))))
    assert found.status == KNOWN
    assert "ends 5.127" in found.sentence and "above ours." in found.sentence
    (found,) = experiments(results(rows_of(RIVALS, *P.rivals(gap=-0.05, noise=1e-6))))
    assert "ends 4.877" in found.sentence and "below ours." in found.sentence


def test_a_gap_within_the_scatter_cannot_be_told():
    (found,) = experiments(results(rows_of(RIVALS, *P.rivals(gap=0.001, noise=0.02))))
    assert found.status == OPEN
    assert found.sentence.endswith("Whether that is a difference cannot be told.")


def test_architectures_positions_and_other_texts_have_findings():
    lstm, sizes, texts = (
        experiments(results(architectures.tables(draw).analyses))[0]
        for draw in ("kaplan_lstm", "kaplan_context_sizes", "kaplan_transfer")
    )
    assert "lstm_1 ends" in lstm.sentence and "transformer" in lstm.sentence
    assert "From 1 to 200 tokens of context" in sizes.sentence and sizes.status == KNOWN
    assert "On the text headers" in texts.sentence and texts.headline.startswith("0.8")


def test_a_study_without_experiments_has_none():
    assert experiments(results(None)) == []
