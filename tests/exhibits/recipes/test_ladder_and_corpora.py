"""The ladder of Porian et al., corpora side by side and two rivals, on planted losses."""

import numpy as np
import pytest

from isoloss.errors import UserError
from isoloss.exhibits.chinchilla.corpora import Corpora
from isoloss.exhibits.chinchilla.head_to_head import HeadToHead
from isoloss.exhibits.chinchilla.ladder import readings
from tests.exhibits.made import rows_of
from tests.exhibits.recipes import planted as P
from tests.exhibits.recipes.cases import tables
from tests.rows import one, some

CORPORA = Corpora(do="corpora", sweeps=["code", "books"], draws=40)
RIVALS = HeadToHead(do="head_to_head", sweeps=[], kaplan=["kaplan"], ours=["ours"])


def planted_a(law):
    *_, alpha, beta = P.LAWS[law]
    return beta / (alpha + beta)


def exponent(rows, **group):
    text = ", ".join(f"{key}={value}" for key, value in group.items())
    return one(rows, "a", group=text)


@pytest.mark.parametrize("approach", [2, 3])
def test_kaplans_rung_has_the_planted_exponent_in_his_count(approach):
    rows = tables("ladder_trained").analyses
    found = exponent(rows, rung=1, approach=approach)
    assert found["value"] == pytest.approx(planted_a("kaplan"), abs=0.02)


@pytest.mark.parametrize("approach", [2, 3])
def test_only_what_differs_between_two_rungs_moves_the_exponent(approach):
    rows = tables("ladder_trained").analyses
    steps = {number: exponent_step(rows, number, approach) for number in range(2, 6)}
    assert steps[3]["warnings"] == "whether a changes cannot be told"  # the same planted law
    for number in (4, 5):
        assert steps[number]["hi"] < 0
    assert steps[2]["theory"] == pytest.approx(0.706 - 0.835)


def exponent_step(rows, number, approach):
    group = f"rung={number} - rung={number - 1}, approach={approach}"
    return one(rows, "a: difference", group=group)


def test_each_evaluation_is_read_as_a_run_that_ends_there():
    runs, curves = P.ladder()
    read = readings(runs[runs["sweep"] == "long"], curves, first_step=2000)
    assert len(read) == len(P.WIDTHS) * (len(P.TOKENS) - 1)
    some_run = read[read["width"] == 24].sort_values("n_tokens")
    assert list(some_run["n_tokens"]) == list(P.TOKENS[1:])
    per_token = some_run["compute_flops"] / some_run["n_tokens"]
    np.testing.assert_allclose(per_token, per_token.iloc[0])
    assert some_run["lineage"].nunique() == 1


def test_rows_of_the_ladder_name_runs_that_there_are():
    study = tables("ladder_trained")
    named = {run_id for ids in study.analyses["runs"].dropna() for run_id in ids.split()}
    assert named and named <= set(study.runs["run_id"])


@pytest.mark.parametrize("approach", [2, 3])
def test_each_corpus_has_the_exponent_of_its_own_law(approach):
    rows = tables("chinchilla_corpora").analyses
    for corpus, law in (("code-aaaa", "matched"), ("books-bbbb", "tuned")):
        found = exponent(rows, corpus=corpus, approach=approach)
        assert found["value"] == pytest.approx(planted_a(law), abs=0.02)
    apart = one(rows, "a: difference",
                group=f"corpus=books-bbbb - corpus=code-aaaa, approach={approach}")  # fmt: skip
    assert apart["warnings"] == "the exponents differ"
    assert apart["lo"] < planted_a("tuned") - planted_a("matched") < apart["hi"]


def test_one_corpus_is_not_compared():
    runs, curves = P.corpora()
    with pytest.raises(UserError, match="grids on two corpora"):
        rows_of(CORPORA, runs[runs["sweep"] == "code"], curves)


def test_kaplans_size_ends_above_ours_by_what_was_planted():
    rows = rows_of(RIVALS, *P.rivals(gap=0.05, noise=1e-9))
    assert one(rows, "loss increase")["value"] == pytest.approx(100 * np.expm1(0.05))
    sizes = some(rows, "n_opt").set_index("group")["value"]
    assert sizes.to_dict() == {"sweep=kaplan": 768.0, "sweep=ours": 24576.0}


def test_the_rules_size_is_that_of_the_papers_table():
    """1.3e9 (C_min / PF-day)^0.73 (Kaplan et al. 2020, Table 6)."""
    rules = some(rows_of(RIVALS, *P.rivals()), "size by a rule")
    np.testing.assert_allclose(rules["value"], 1.3e9 * (rules["x"] / 8.64e19) ** 0.73)
    assert rules["x"].iloc[0] == pytest.approx(2 * rules["x"].iloc[1])


def test_unequal_budgets_are_refused():
    runs, curves = P.rivals()
    runs.loc[runs["sweep"] == "ours", "compute_flops"] *= 1.1
    with pytest.raises(UserError, match="the budgets are not equal"):
        rows_of(RIVALS, runs, curves)
