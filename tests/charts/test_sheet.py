"""A figure while it is drawn: what it records, and how it ends."""

import numpy as np
import pandas as pd
import pytest

from isoloss.charts import Sheet, styled
from isoloss.charts.panel import NOTHING


@pytest.fixture(autouse=True)
def style():
    with styled():
        yield


def rows(**columns):
    """Rows of an analysis; without an interval where none is given."""
    return pd.DataFrame({"lo": np.nan, "hi": np.nan} | columns)


def test_panels_take_the_axes_row_by_row_and_the_rest_is_hidden():
    sheet = Sheet(2, 2)
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


def test_a_second_axis_spans_the_same_ratio_as_the_first():
    sheet = Sheet()
    panel = sheet.panel("x", "ours")
    panel.line([1.0, 10.0], [1.0, 3.0], "a", "line")
    other = panel.second_axis("theirs", 5.0, "black")
    other.line([1.0, 10.0], [2.0, 40.0], "b", "line")
    sheet.drawing()
    ours, theirs = np.array(panel.axes.get_ylim()), np.array(other.axes.get_ylim())
    np.testing.assert_allclose(theirs, 5.0 * ours)
    assert theirs[0] <= 2.0 and theirs[1] >= 40.0


def test_a_key_of_values_needs_values():
    sheet = Sheet()
    sheet.panel("x", "y").points([1.0], [1.0], "a", "point")
    sheet.key_of_values([], [], "size")
    assert len(sheet.figure.axes) == 1
    sheet.key_of_values([10.0, 20.0], ["black", "red"], "size")
    assert sheet.figure.axes[1].get_ylabel() == "size"
