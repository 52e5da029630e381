"""Both charts answer mouse, keyboard and slider in a real browser, with the tables' values."""

import re

import numpy as np
import pytest
from tests import joint_study as grid

from isoloss.charts.text import science, short
from isoloss.laws import LAWS, published

STUDIES = {"grid": grid.TEXTS, "published": grid.PUBLISHED}
RUNS = grid.runs().set_index("run_id")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The path of a report whose runs follow a known law."""
    paths = grid.project(tmp_path_factory.mktemp("report"))
    paths.report.write_text(grid.page(STUDIES, paths), encoding="utf-8")
    return paths.report


@pytest.fixture
def page(opened):
    """The report in a window, without an error in its console when the test ends."""
    made = opened()
    yield made
    assert made.bad == []


def live(page, name):
    found = page.locator(f"[data-live={name}]")
    found.scroll_into_view_if_needed()
    return found


def told(chart):
    """What the chart says of a point: its tooltip, and the line for screen readers."""
    tip = chart.locator("[data-part=tip]")
    assert tip.is_visible()
    assert tip.text_content() == chart.locator("[data-part=said]").text_content()
    return tip.text_content()


def check_run(text):
    """The text has the numbers of the run that it names, as the tables have them."""
    row = RUNS.loc[text.splitlines()[-1]]
    assert f"N {short(row['n_params'])}, D {short(row['n_tokens'])}" in text
    assert f"C {science(row['compute_flops'])} FLOP" in text
    assert f"loss {row['loss']:.4f} nats per byte" in text
    law = LAWS["kaplan_nd"](grid.TRUTH, n_params=row["n_params"], n_tokens=row["n_tokens"])
    assert f"the law says {law:.4f}" in text
    return row.name


def test_a_run_answers_the_mouse(page):
    runs = live(page, "runs")
    for place in (0, 5, 11):
        box = runs.locator("circle").nth(place).bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2 + 2, box["y"] + box["height"] / 2 + 2)
        check_run(told(runs))


def test_arrow_keys_go_through_every_run_from_one_tab_stop(page):
    runs = live(page, "runs")
    assert runs.locator("svg [tabindex='0']").count() == 1
    runs.locator("svg [tabindex='0']").focus()
    seen = [check_run(told(runs))]
    for _ in range(len(RUNS) - 1):
        page.keyboard.press("ArrowRight")
        seen.append(check_run(told(runs)))
    assert sorted(seen) == sorted(RUNS.index)
    assert list(RUNS.loc[seen, "n_tokens"]) == sorted(RUNS["n_tokens"])  # from left to right
    assert runs.locator("svg [tabindex='0']").count() == 1
    page.keyboard.press("Home")
    assert check_run(told(runs)) == seen[0]
    page.keyboard.press("Escape")
    assert runs.locator("[data-part=tip]").is_hidden()


def test_axis_scale_law_and_size_are_chosen(page):
    runs = live(page, "runs")
    said = runs.locator("[data-part=misfit]")
    assert "misses these 12 runs by 1 %" in said.text_content()
    assert runs.locator("path.law").count() == len(grid.SIZES)
    runs.locator("input[value=N]").check()
    assert runs.locator("path.law").count() == len(grid.DATA)
    sizes = runs.locator("[data-part=sizes] input")
    assert sizes.count() == 1 + len(grid.SIZES)
    sizes.nth(2).check()
    assert runs.locator("circle:not(.faded)").count() == len(grid.DATA)
    runs.locator("input[value=C]").check()
    runs.locator("input[value=linear]").check()
    runs.locator("select").select_option("none")
    assert runs.locator("path.law").count() == 0
    assert said.text_content() == "No law is drawn."


def answers(budget):
    """The answer's terms and what stands beside them."""
    rows = budget.locator("[data-part=answer] > div")
    return {
        row.locator("dt").text_content(): row.locator("dd").text_content() for row in rows.all()
    }


def test_the_slider_moves_the_optimum_of_a_published_law_by_keys(page):
    budget = live(page, "budget")
    slider = budget.locator("input[type=range]")
    seen = []
    for key in ("Home", "ArrowRight", "End"):
        slider.press(key)
        seen.append(budget.locator("[data-part=compute]").text_content())
        assert slider.get_attribute("aria-valuetext") == seen[-1]
        compute = 10.0 ** (18 + int(slider.input_value()) / 20)
        at = LAWS["chinchilla"].optimum(published.surface("besiroglu"), np.array(compute))
        got = answers(budget)
        assert got["best size N*"] == short(float(at["n_params"]))
        assert got["data D* (tokens)"] == short(float(at["n_tokens"]))
        assert got["loss (nats per token)"] == f"{float(at['loss']):.3f}"
    assert seen[0] == "10¹⁸ FLOP" and seen[-1] == "10²⁶ FLOP"
    assert (
        "times the largest model of the fit" in budget.locator("[data-part=doubts]").text_content()
    )


def test_a_law_fitted_here_has_its_interval_and_says_how_far_it_is_extrapolated(page):
    budget = live(page, "budget")
    budget.locator("select").select_option(label="Kaplan 2020, Eq. 1.5")
    doubts = budget.locator("[data-part=doubts]")
    assert "10 times the compute of the largest run" in doubts.text_content()
    largest = 6.0 * max(grid.SIZES) * max(grid.DATA)
    at = LAWS["kaplan_nd"].optimum(grid.TRUTH, np.array(10 * largest))
    size = answers(budget)["best size N*"]
    value, low, high = re.fullmatch(r"(\S+) (\S+) to (\S+)", size).groups()
    assert value == short(float(at["n_params"])) and low != high
    budget.locator("input[type=range]").press("End")
    assert "100 times the compute of the largest run" in doubts.text_content()
    budget.locator("input[type=range]").press("Home")
    assert "lies within the runs" in doubts.text_content()
    budget.locator("select").select_option(label="Hoffmann 2022, Eq. 2")
    assert re.fullmatch(r"\S+ to \S+", answers(budget)["best size N*"])
    assert "not identified: many values fit these runs equally well" in doubts.text_content()


def test_models_stand_where_the_law_puts_them(page):
    budget = live(page, "budget")
    assert budget.locator("circle.model").count() == 2
    budget.locator("svg [tabindex='0']").focus()
    text = told(budget)
    loss = published.surface("besiroglu")
    endless = loss["E"] + loss["A"] / 1.558e9 ** loss["alpha"]
    assert (
        text
        == f"GPT-2 XL: N 1.56B, D not disclosed\nby this law the loss is at least {endless:.3f}"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_screen_and_a_tap_answers(opened, scheme):
    page = opened(390, 844, has_touch=True, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    runs = live(page, "runs")
    runs.locator("circle").nth(4).tap()
    check_run(told(runs))
    tip, stage = (runs.locator(one).bounding_box() for one in ("[data-part=tip]", ".stage"))
    assert tip["x"] >= stage["x"] and tip["x"] + tip["width"] <= stage["x"] + stage["width"] + 1
    assert page.bad == []


def test_without_scripts_the_charts_are_not_there_and_the_allocation_table_is(opened):
    page = opened(java_script_enabled=False)
    assert page.locator("[data-live=runs]").is_hidden()
    assert page.locator("#budget table.allocation").first.is_visible()
