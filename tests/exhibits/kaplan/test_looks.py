"""Text beside lines: readable, and where no data is."""

import numpy as np
import pytest

from isoloss.charts import Sheet, styled
from isoloss.exhibits.kaplan import looks


@pytest.fixture(autouse=True)
def style():
    with styled():
        yield


def panel_with(x, y):
    sheet = Sheet()
    panel = sheet.panel("x", "y", x_scale="linear", y_scale="linear")
    panel.line(x, y, "a", "line")
    return sheet, panel


@pytest.mark.parametrize(("y", "corner"), [
    ([1, 0], (0, 0)), ([0, 1], (1, 0)), ([1, 1e-9, 1], None),
])  # fmt: skip
def test_text_goes_into_the_emptiest_corner(y, corner):
    sheet, panel = panel_with(np.arange(len(y)), y)
    sheet.finish()
    looks.in_corner(panel, [("some words", "black"), ("more", "black")])
    sheet.figure.draw_without_rendering()
    (first, second) = panel.axes.texts
    inside = panel.axes.get_window_extent()
    assert all(inside.contains(*text.get_window_extent().get_points()[i])
               for text in (first, second) for i in (0, 1))  # fmt: skip
    assert first.get_window_extent().y0 > second.get_window_extent().y1 - 2
    if corner is not None:
        assert first.xy in (corner, (1 - corner[0], 1 - corner[1]))


def test_text_avoids_text():
    sheet, panel = panel_with([0, 1], [1, 0])
    sheet.finish()
    looks.name_ends(panel, [("a long name of a point here", 0.02, 0.04, "black")])
    looks.in_corner(panel, [("words", "black")])
    assert panel.axes.texts[-1].xy == (1, 1)


def test_room_for_text_leaves_the_data_their_place():
    sheet = Sheet()
    panel = sheet.panel("x", "y")
    panel.line([1, 10], [1, 10], "a", "line")
    looks.room(panel, 4)
    low, high = np.log(panel.axes.get_ylim())
    assert 4 * looks.LINE_GAP / looks.ROW < -low / (high - low) < 0.5
    assert 0 < (high - np.log(10)) / (high - low) < 0.1


@pytest.mark.parametrize("color", ["#fde725", "#addc30", "#000000", "#E69F00", "white"])
def test_text_has_contrast_to_white_and_its_hue(color):
    """WCAG 2: (L1 + 0.05) / (L2 + 0.05), L of linear sRGB."""
    from matplotlib.colors import rgb_to_hsv, to_rgb

    rgb = np.array(to_rgb(looks.for_text(color)))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    assert 1.05 / (np.dot(linear, [0.2126, 0.7152, 0.0722]) + 0.05) >= 3.95
    assert rgb_to_hsv(rgb)[0] == pytest.approx(rgb_to_hsv(to_rgb(color))[0], abs=0.02)


def test_names_of_lines_that_end_apart_keep_their_heights():
    sheet, panel = panel_with([0, 1], [1, 0])
    sheet.finish()
    looks.name_ends(panel, [("a", 0.0, 0.5, "black"), ("b", 1.0, 0.5, "black")])
    assert [text.get_position()[1] for text in panel.axes.texts] == [0, 0]
    looks.name_ends(panel, [("c", 1.0, 0.2, "black"), ("d", 1.0, 0.21, "black")])
    lower, upper = (text.get_position()[1] for text in panel.axes.texts[2:])
    assert upper > 0 > lower
