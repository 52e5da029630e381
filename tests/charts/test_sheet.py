"""A figure while it is drawn: what it records, how it ends, and where its parts are."""

import numpy as np
import pandas as pd
import pytest

from isoloss.charts import Sheet, styled
from isoloss.charts.panel import NOTHING, apart
from isoloss.charts.parts import parts
from isoloss.charts.style import PAGE_WIDTH, PANEL_WIDTH, PIXELS, SINGLE_WIDTH


@pytest.fixture(autouse=True)
def style():
    with styled():
        yield


def rows(**columns):
    """Rows of an analysis; without an interval where none is given."""
    return pd.DataFrame({"lo": np.nan, "hi": np.nan} | columns)


def test_panels_take_the_axes_row_by_row_and_the_rest_is_hidden():
    sheet = Sheet(3)
    for x in (1.0, 2.0, 3.0):
        sheet.panel("x", "y", f"{x:g}").points([x], [x], "a", "point")
    figure = sheet.drawing().figure
    assert [axes.get_title(loc="left") for axes in figure.axes[:3]] == ["1", "2", "3"]
    assert [axes.axison for axes in figure.axes] == [True, True, True, False]


def test_a_panel_without_a_point_says_so_and_one_with_points_does_not():
    sheet = Sheet(2)
    sheet.panel("x", "y", "empty").points([], [], "a", "point")
    sheet.panel("x", "y", "full").points([1.0, 2.0], [1.0, 2.0], "a", "point")
    empty, full = sheet.drawing().figure.axes
    assert [text.get_text() for text in empty.texts] == [NOTHING]
    assert not len(empty.get_xticks()) and len(full.get_xticks())
    assert not full.texts


def test_rows_are_drawn_with_the_intervals_that_they_have():
    sheet = Sheet()
    panel = sheet.panel("x", "y")
    assert not panel.line_of(rows(x=[], value=[]), "none", "line", color="black")
    panel.intervals_of(rows(x=[], value=[]), "none", "points")
    assert panel.line_of(rows(x=[1.0, 2.0], value=[3.0, 4.0]), "bare", "line", color="black")
    with_band = rows(x=[1.0, 2.0], value=[3.0, 4.0], lo=[2.0, 3.0], hi=[5.0, 6.0])
    panel.line_of(with_band, "known", "line", color="black")
    panel.line_of(with_band, "plain", "line", band=False, color="black")
    table = sheet.drawing().table
    drawn = table.groupby("series", sort=False)["what"].unique().map(list).to_dict()
    assert drawn == {"bare": ["line"], "known": ["line, 90 % band", "line"], "plain": ["line"]}


def test_a_key_of_values_needs_values():
    sheet = Sheet()
    sheet.panel("x", "y").points([1.0], [1.0], "a", "point")
    sheet.key_of_values([], [], "size")
    assert len(sheet.figure.axes) == 1
    sheet.key_of_values([10.0, 20.0], ["black", "red"], "size")
    assert sheet.figure.axes[1].get_ylabel() == "size"


def test_panels_stand_two_side_by_side_on_a_page_of_one_width():
    assert Sheet().figure.get_figwidth() == SINGLE_WIDTH
    for count in (2, 3, 6):
        sheet = Sheet(count, height=3.0)
        assert sheet.axes.shape == (-(-count // 2), 2)
        assert sheet.figure.get_figwidth() == PAGE_WIDTH == 736 / PIXELS
        assert sheet.figure.get_figheight() == pytest.approx(3.0 * sheet.axes.shape[0])


def test_keys_and_legends_leave_the_panels_their_height():
    heights = []
    for more in (False, True):
        sheet = Sheet(2)
        for name in ("a", "b"):
            sheet.panel("x", "y", name).points([1.0, 9.0], [1.0, 9.0], "s", "point")
        if more:
            sheet.key_of_values([1.0, 2.0], ["black", "red"], "size")
        figure = sheet.drawing([("s", {"marker": "o"})] * more).figure
        figure.draw_without_rendering()
        heights.append(figure.axes[0].get_window_extent().height)
    assert heights[1] == pytest.approx(heights[0], rel=0.08)


def test_parts_hold_each_panel_key_and_column_of_the_legend_and_fit_a_narrow_screen():
    sheet = Sheet(3)
    for name in ("a", "b", "c"):
        sheet.panel("x", "y", name).points([1.0, 9.0], [1.0, 9.0], "s", "point")
    sheet.key_of_values([1.0, 2.0], ["black", "red"], "size")
    figure = sheet.drawing([("s", {"marker": "o"})]).figure
    figure.draw_without_rendering()
    found = parts(figure)
    assert len(found) == 5  # three panels, the key, the legend
    left, top, width, height = np.array(found).T
    assert (left >= 0).all() and (top >= 0).all()
    assert (left + width <= 1.0001).all() and (top + height <= 1.0001).all()
    assert (width * PAGE_WIDTH <= 1.06 * PANEL_WIDTH).all()
    assert left[0] < 0.1 < 0.4 < left[1] and top[0] < 0.1 and top[2] > 0.3 and left[2] < 0.1


def test_names_that_overlap_are_moved_apart_about_their_middle():
    assert apart([0.0, 1.0], 0.5) == [0.0, 1.0]
    assert apart([1.0, 1.0, 5.0], 1.0) == [0.5, 1.5, 5.0]
    assert apart([1.2, 1.0], 1.0) == pytest.approx([1.6, 0.6])
    chain = apart([0.0, 0.9, 1.0], 1.0)
    assert np.mean(chain) == pytest.approx(1.9 / 3) and np.diff(chain) == pytest.approx(1.0)


def test_names_stand_right_of_the_axes_at_the_ends_of_their_lines():
    sheet = Sheet()
    panel = sheet.panel("x", "y")
    panel.line([1.0, 10.0], [1.0, 100.0], "a", "line")
    panel.name_end("low", 10.0, 1.0)
    panel.name_end("middle", 10.0, 10.0)
    figure = sheet.drawing().figure
    figure.draw_without_rendering()
    low, middle = panel.axes.texts
    assert low.get_window_extent().x0 > panel.axes.get_window_extent().x1
    height = panel.axes.transData.transform((1.0, 10.0))[1]
    box = middle.get_window_extent()
    assert box.y0 < height < box.y1
    assert box.x1 < figure.bbox.x1
