"""The first screen, in a browser: three findings and the whole figure."""

import dataclasses
from pathlib import Path

import pytest
from tests.report.findings_cases import ND, TEXTS, TRUTH, analysed, grid, rows

from isoloss.exhibits.base import Tables
from isoloss.exhibits.generic.grid import LossGrid
from isoloss.exhibits.make import draw
from isoloss.files import write_parquet
from isoloss.report.build import build
from isoloss.report.findings import of_files
from isoloss.report.interactive.page import charts
from isoloss.report.study import Paths

CHROMIUM = Path("/usr/bin/chromium")
PLACES = """() => ({
  cards: [...document.querySelectorAll(".finding")].map(e => e.getBoundingClientRect().bottom),
  image: (e => (r => [r.top, r.bottom])(e.getBoundingClientRect()))(
    document.querySelector(".first img")),
  title: document.querySelector("h1").getBoundingClientRect().top,
  across: document.documentElement.scrollWidth,
})"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The report of a study with all that the first screen can have."""
    root = tmp_path_factory.mktemp("page")
    runs, folder = grid(), root / "results" / "studies" / "text"
    values = TRUTH | {"a": (0.45, 0.4, 0.5), "E": (1.8, 1.7, 1.9)}
    table = analysed({"analysis": "noise", "do": "seed_noise", "value": 0.0078, "lo": 0.005,
                      "hi": 0.013, "quantity": "relative sd of the loss"})  # fmt: skip
    write_parquet(folder / "runs.parquet", runs)
    write_parquet(folder / "fits.parquet", rows("surface", "chinchilla", values, runs))
    write_parquet(folder / "analyses.parquet", table)
    shown = LossGrid(draw="loss_grid", name="grid", title="Loss", caption="Runs.", sweeps=["grid"],
                     x_label="D", y_label="L", by="n_params", by_label="N")  # fmt: skip
    draw(shown, Tables(runs=runs), root / "figures" / "text" / "grid")
    texts = {"text": TEXTS | {
        "question": "?", "theory": "-", "notes": [], "errata": [], "fits": ["surface"],
        "variables": {"surface": ND}, "figures": ["grid"], "draws": {"grid": "loss_grid"},
        "analyses": True,
    }}  # fmt: skip
    paths = Paths(root / "results" / "report.html", root / "results", root / "figures")
    planned = {"text": list(runs["run_id"])}
    found = of_files(texts, paths, planned)
    assert [one.key for one in found.main] == ["best_size", "which_law", "floor"]
    wordy = dataclasses.replace(found, main=[*found.main, found.main[0]])  # as many as there can be
    live = charts(texts, paths)
    assert live.runs["text"].above == "grid"  # the figure that draws the same runs
    html = build(texts, paths=paths, planned=planned, code={}, found=wordy, live=live)
    paths.report.write_text(html, encoding="utf-8")
    return paths.report


@pytest.fixture(scope="module")
def browser():
    driver = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    with driver.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


def places(browser, page, width, height):
    tab = browser.new_page(viewport={"width": width, "height": height})
    tab.goto(page.as_uri())
    found = tab.evaluate(PLACES)
    tab.close()
    return found


def test_the_chart_of_the_runs_stands_once_in_its_study(page):
    html = page.read_text(encoding="utf-8")
    assert html.count('id="text-grid"') == html.count('id="text-explore"') == 1
    assert html.index('id="text-grid"') < html.index('id="text-explore"')
    assert html.index('id="text"') < html.index('id="text-explore"')


def test_a_desktop_shows_three_findings_and_the_whole_figure(browser, page):
    found = places(browser, page, 1280, 800)
    top, bottom = found["image"]
    assert len(found["cards"]) == 4 and max(found["cards"][:3]) < top
    assert found["title"] >= 0 and bottom < 800 and found["cards"][3] > bottom


def test_a_phone_shows_findings_before_the_figure_and_does_not_scroll_aside(browser, page):
    found = places(browser, page, 390, 844)
    assert found["cards"][2] < 844
    assert max(found["cards"][:3]) <= found["image"][0]
    assert found["across"] == 390
