"""The examples of docs/python.md run one after the other, and give what their law says."""

import re
from pathlib import Path

import pytest

import isoloss

PAGE = (Path(__file__).parents[1] / "docs" / "python.md").read_text(encoding="utf-8")
LAW = {"E": 1.8, "A": 400, "B": 2000, "alpha": 0.34, "beta": 0.37}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The names that the examples leave behind, and the files that they write."""
    names = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("page"))
        for example in re.findall(r"```python\n(.+?)```", PAGE, flags=re.DOTALL):
            exec(compile(example, "docs/python.md", "exec"), names)
        names["drawn"] = Path("fit.png").stat().st_size
    return names


def test_the_fit_finds_the_law_that_the_page_planted(page):
    fit = page["fit"]
    for name, true in LAW.items():
        assert fit.params[name].lo < true < fit.params[name].hi, name
    assert any("Params (M)" in note for note in page["runs"].notes)
    assert page["drawn"]


def test_predictions_and_optima_hold_the_planted_law(page):
    row = page["far"].table.iloc[0]
    true = 1.8 + 400 / 3e9**0.34 + 2000 / 6e10**0.37
    assert row["loss_lo"] < true < row["loss_hi"]
    power = 1 / (0.34 + 0.37)
    optimum = (0.34 * 400 / (0.37 * 2000)) ** power * (1e22 / 6) ** (0.37 * power)
    found = page["best"].table.iloc[1]
    assert found["n_params_lo"] < optimum < found["n_params_hi"]


def test_the_plan_spends_at_most_the_budget_and_narrows_the_interval(page):
    runs = page["plan"].table
    assert 0 < runs["cost"].sum() <= 2e20
    assert runs["width"].iloc[-1] < page["plan"].plan.width_now


def test_the_better_recipe_is_faster(page):
    assert page["faster"].table["speed_up_lo"].iloc[0] > 1


def test_the_page_catches_all_problems_at_once(page):
    with pytest.raises(isoloss.UserError) as raised:
        isoloss.fit(page["runs"], law="chinchila", draws=-1)
    assert len(raised.value.problems) == 2


def test_the_table_names_what_a_fit_has():
    for name in re.findall(r"`fit\.(\w+)", PAGE):
        assert hasattr(isoloss.Fit, name), name


@pytest.mark.parametrize("function", [isoloss.average, isoloss.rank_laws])
def test_functions_of_several_laws_take_keywords_and_check_them(function):
    """Before any fit: the table is not even looked at."""
    with pytest.raises(isoloss.UserError) as raised:
        function(None, level=2, drawz=3)
    assert raised.value.problems == ("drawz: there is no such setting; did you mean 'draws'?",)
    with pytest.raises(isoloss.UserError) as raised:
        function(None, columns=3, level=2)
    assert [text.partition(":")[0] for text in raised.value.problems] == ["columns", "level"]
    with pytest.raises(isoloss.UserError, match="factor above 1"):
        isoloss.rank_laws(None, 0.5)


def test_a_name_that_is_not_there_is_an_attribute_error():
    assert set(isoloss.__all__) <= set(dir(isoloss))
    with pytest.raises(AttributeError, match="'isoloss' has no attribute 'fit_laws'"):
        isoloss.fit_laws  # noqa: B018
