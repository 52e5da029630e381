"""Published constants give the numbers that their papers, and papers about them, print."""

from pathlib import Path

import numpy as np
import pytest

from isoloss.config.load import parse_study, read_yaml
from isoloss.exhibits.base import Tables
from isoloss.exhibits.make import drawing
from isoloss.laws import CHINCHILLA
from isoloss.laws import published as P
from tests.exhibits.generic.cases import CASES
from tests.rows import some

STUDIES = Path(__file__).parents[3] / "config" / "studies"


@pytest.mark.parametrize(
    ("given", "loss"),
    [({"n_params": 1e4}, 5.70), ({"n_params": 1e6}, 4.02), ({"n_params": 1e9}, 2.38),
     ({"n_tokens": 1e6}, 5.43), ({"n_tokens": 1e8}, 3.50), ({"n_tokens": 1e10}, 2.26),
     ({"compute_min_flops": 1e14}, 5.27), ({"compute_min_flops": 1e18}, 3.32),
     ({"compute_min_flops": 1e21}, 2.35)],
)  # fmt: skip
def test_kaplans_losses(given, loss):
    assert P.kaplan_loss(**given) == pytest.approx(loss, abs=0.006)


def test_gpt3_is_predicted_in_the_units_of_the_laws():
    assert round(P.kaplan_loss(n_params=175e9), 3) == 1.604
    assert round(P.kaplan_loss(n_tokens=300e9), 3) == 1.638
    assert round(P.kaplan_loss(compute_min_flops=3.14e23), 3) == 1.764
    assert P.pf_days(3.14e23) == pytest.approx(3634, abs=0.5)


def test_the_figure_shows_the_predictions_and_the_loss_of_the_wrong_unit():
    table = drawing(*CASES["predictions"]()).table
    assert [round(x, 3) for x in table["x"]] == [1.604, 1.638, 1.764, 0.178]
    assert list(table["what"]) == ["prediction"] * 3 + ["wrong unit"]


def test_exactly_one_quantity_gives_a_loss():
    with pytest.raises(ValueError, match=r"^one of n_params, .* is needed, got 2$"):
        P.kaplan_loss(n_params=1e6, n_tokens=1e6)


@pytest.mark.parametrize(
    ("compute", "at_c_min", "at_2_c_min", "ratio"),
    [(1e18, 5.0e7, 3.0e7, 66), (1e20, 1.45e9, 8.7e8, 8.0), (1e21, 7.8e9, 4.68e9, 2.8),
     (3.14e23, 5.2e11, 3.1e11, 0.20)],
)  # fmt: skip
def test_kaplans_allocation_in_both_conventions(compute, at_c_min, at_2_c_min, ratio):
    n_params, n_tokens = P.kaplan_allocation(compute, c_over_c_min=1.0)
    assert n_params == pytest.approx(at_c_min, rel=0.012)
    assert n_tokens / n_params == pytest.approx(ratio, rel=0.03)
    assert P.kaplan_allocation(compute)[0] == pytest.approx(at_2_c_min, rel=0.012)
    assert 6 * n_params * n_tokens == pytest.approx(compute)


def test_hoffmanns_reading_of_kaplan_at_1e21_to_the_digit():
    """They print 4.68 billion parameters (App. D.4, Fig. A4)."""
    assert P.kaplan_allocation(1e21)[0] == pytest.approx(4.683e9, rel=2e-4)


def test_twenty_tokens_per_parameter():
    n_params, n_tokens = P.chinchilla_allocation(3.14e23)
    assert (n_params, n_tokens) == pytest.approx((5.1e10, 1.0e12), rel=0.03)
    assert n_params == pytest.approx((3.14e23 / 120) ** 0.5)


def test_the_parametric_optima():
    """Besiroglu et al. at 1e18 and 1e20 FLOP; Hoffmann et al. as printed at Chinchilla's budget."""
    refit = CHINCHILLA.optimum(P.surface("besiroglu"), np.array([1e18, 1e20]))
    np.testing.assert_allclose(refit["n_params"], [8.1e7, 8.5e8], rtol=0.02)
    np.testing.assert_allclose(refit["loss"], [3.49, 2.55], atol=0.006)
    printed = CHINCHILLA.optimum(P.surface("hoffmann"), 5.76e23)
    assert printed["n_params"] == pytest.approx(3.2e10, rel=0.02)
    assert printed["tokens_per_param"] == pytest.approx(93, rel=0.02)


def test_doubling():
    table = drawing(*CASES["doubling"]()).table
    assert [round(x, 1) for x in table["x"]] == [5.1, 6.4, 3.4, 3.9]


def test_every_constant_has_a_source_and_a_unit_where_it_has_a_dimension():
    for constant in P.CONSTANTS:
        assert constant.source.split(" (")[0] in {"Kaplan et al.", "Hoffmann et al.",
                                                  "Besiroglu et al."}  # fmt: skip
        assert constant.unit or "expon" in constant.meaning or "~" in constant.meaning
    assert len(P.VALUES) == len(P.CONSTANTS)


def test_the_articles_shapes_have_these_counts():
    study = parse_study(read_yaml(STUDIES / "published.yaml"), "published")
    asked = next(figure for figure in study.figures if figure.name == "configurations")
    table = drawing(asked, Tables()).table.set_index("model")
    assert table.loc["small", "n_params"] == 124_439_808
    millions = (table[["n_params", "n_params_non_embedding"]] / 1e6).round(1)
    assert list(millions.loc[["small", "medium", "large", "xl"], "n_params"]) == [
        124.4, 354.8, 774.0, 1557.6]  # fmt: skip
    assert list(millions["n_params_non_embedding"]) == [
        0.8, 84.9, 302.0, 707.8, 1474.6, 118.0, 115.6, 118.0]  # fmt: skip


def test_deviations_from_claims_are_those_of_the_counts():
    study = parse_study(read_yaml(STUDIES / "published.yaml"), "published")
    asked = next(figure for figure in study.figures if figure.name == "configurations")
    result = drawing(asked, Tables())
    table = result.table.set_index("model")
    assert table.loc["small", "off_claim_percent"] == pytest.approx(100 * (124_439_808 / 117e6 - 1))
    off_axis = [text.get_text() for text in result.figure.axes[0].texts]
    tiny = table.loc["tiny", "off_claim_percent"]
    assert off_axis == [f"{tiny:+.0f} % →"]  # the only one; all others are points
    points = sum(len(line.get_xdata()) for line in result.figure.axes[0].lines)
    assert points == 2 * len(table) - 1


def test_models_on_lines_of_equal_loss_lie_at_their_n_and_d():
    study = parse_study(read_yaml(STUDIES / "published.yaml"), "published")
    result = drawing(next(f for f in study.figures if f.name == "iso_loss"), Tables())
    models = some(result.table, what="model").set_index("series")
    assert tuple(models.loc["Chinchilla", ["x", "y"]]) == (70e9, 1.4e12)


def test_models_lie_at_six_n_d_and_those_with_undisclosed_data_at_the_axis():
    study = parse_study(read_yaml(STUDIES / "published.yaml"), "published")
    result = drawing(next(f for f in study.figures if f.name == "models"), Tables())
    points = result.table[result.table["what"] == "model"].set_index(["panel", "series"])
    compute = points.loc["Compute and size", "x"]
    for name, flops in (("GPT-3", 3.15e23), ("Chinchilla", 5.88e23), ("MT-NLG", 8.6e23),
                        ("PaLM", 2.53e24), ("LLaMA-3.1 405B", 3.8e25)):  # fmt: skip
        assert compute[name] == pytest.approx(flops, rel=0.01)
    hidden = some(result.table, what="size only")
    assert set(hidden["series"]) == {"GPT-2 S", "GPT-2 M", "GPT-2 L", "GPT-2 XL"}
    assert hidden[["x", "y"]].isna().any(axis="columns").all()
    assert any("not disclosed" in note for note in result.notes)


@pytest.mark.parametrize("name", ["published", "frontier"])
def test_the_studies_without_training_are_valid(name):
    study = parse_study(read_yaml(STUDIES / f"{name}.yaml"), name)
    assert study.figures and study.question.endswith("?")
