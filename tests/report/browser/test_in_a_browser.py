"""The report in a real browser: links land, numbers lead to runs, and nobody is shut out."""

from urllib.parse import urldefrag

import pytest

WIDTHS = {1280: 800, 390: 844}  # of a desktop and of a phone, with their heights
NEAR = 2  # pixels between a heading and the place where a link lands
TOP = """id => {
  const bar = document.querySelector(".contents").getBoundingClientRect();
  const below = bar.width < innerWidth ? 0 : bar.bottom;
  return document.getElementById(id).getBoundingClientRect().top - below;
}"""


def contents(page):
    return page.locator(".contents ol a")


def open_contents(page, width):
    if width < 1000:
        page.locator(".contents summary").click()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("how", ["mouse", "keyboard"])
def test_every_link_of_the_contents_lands_on_its_heading(opened, width, how):
    page = opened(width, WIDTHS[width])
    links = contents(page)
    assert links.count() >= 8
    for place in range(links.count()):
        link = links.nth(place)
        anchor = urldefrag(link.get_attribute("href")).fragment
        open_contents(page, width)
        if how == "mouse":
            link.click()
        else:
            link.focus()
            page.keyboard.press("Enter")
        page.wait_for_function("id => location.hash === '#' + id", arg=anchor)
        assert abs(page.evaluate(TOP, anchor)) <= NEAR, anchor
        # A heading has text in its first line, and nothing lies over it.
        if width < 1000:
            assert page.locator(".contents details").get_attribute("open") is None
    assert page.bad == []


def test_the_address_of_a_study_lands_on_its_heading(opened, report):
    page = opened()
    page.goto(f"{report.as_uri()}#published")
    assert abs(page.evaluate(TOP, "published")) <= NEAR


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_number_leads_to_the_runs_behind_it_and_back(opened, scripts):
    page = opened(java_script_enabled=scripts)
    page.locator(".comparison td a").first.click()
    runs = page.locator(".runs:has-text('8 runs of the sweep grid: behind α')")
    assert runs.get_by_text("run-7").is_visible()
    assert abs(page.evaluate(TOP, runs.get_attribute("id"))) <= NEAR
    runs.get_by_text("Back to the numbers").click()
    assert page.locator(".comparison").is_visible()
    assert page.bad == []


def test_without_scripts_every_figure_is_there(opened):
    page = opened(java_script_enabled=False)
    images = page.locator("figure img")
    assert images.count() == 4
    for place in range(images.count()):
        images.nth(place).scroll_into_view_if_needed()
        assert images.nth(place).evaluate("image => image.decode().then(() => image.naturalWidth)")


def test_the_first_key_skips_to_the_findings_and_few_stops_follow(opened):
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#page-start"
    stops = "[...document.querySelectorAll('a[href], summary, [tabindex=\"0\"]')]"
    seen = f"{stops}.filter(one => one.checkVisibility({{contentVisibilityAuto: true}})).length"
    assert page.evaluate(seen) < 40


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_no_serious_violation(opened, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = opened(width, WIDTHS[width], color_scheme=scheme)
    page.evaluate("document.querySelectorAll('main details').forEach(one => { one.open = true })")
    found = axe.Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


def test_nothing_is_wider_than_a_phone(opened):
    page = opened(390, 844)
    page.evaluate("document.querySelectorAll('main details').forEach(one => { one.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_what_is_folded_is_printed_but_for_lists_of_runs(opened):
    page = opened()
    page.emulate_media(media="print")
    assert page.get_by_text("No seed.").first.is_visible()
    assert not page.get_by_text("run-7").first.is_visible()


def test_on_a_phone_panels_stand_one_under_the_other_at_their_size(opened):
    page = opened(390, WIDTHS[390])
    figure = page.locator("#text-valleys")
    assert not figure.locator("img").is_visible()
    first, second = (figure.locator(".stack > div").nth(place).bounding_box() for place in (0, 1))
    assert second["y"] >= first["y"] + first["height"]
    assert first["x"] == second["x"]
    # A panel of 368 by 324 pixels, whose text is not smaller than that of a desktop by more than
    # the margins of the page ask for.
    assert first["width"] > 0.9 * 368
    assert first["height"] / first["width"] == pytest.approx(324 / 368, rel=0.01)
    assert figure.locator(".stack").get_attribute("aria-label").startswith("Loss: valleys.")
    assert page.locator("#text-size img").is_visible()  # one panel: the image itself
    assert page.bad == []


def test_on_a_desktop_a_figure_is_one_image(opened):
    page = opened()
    assert page.locator("#text-valleys img").is_visible()
    assert page.locator(".stack").count() == 0
