"""What holds for every kind of figure."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.text import Text
from PIL import Image

from isoloss.charts.style import PAGE_WIDTH, PIXELS, SINGLE_WIDTH
from isoloss.charts.text import superscripts
from isoloss.config.exhibits import FIGURES, UNIT
from isoloss.config.study import Figure
from isoloss.exhibits.make import draw, drawing
from tests.exhibits.cases import CASES

ROOT = Path(__file__).parents[2]
# They have the key of the figures like them, and draw no loss.
WITHOUT_LOSS = ("kaplan_excess", "kaplan_optimum", "kaplan_shares")
_DRAWN = {}


@pytest.fixture(params=list(CASES))
def drawn(request):
    """A figure of each kind, drawn once for all tests."""
    if request.param not in _DRAWN:
        spec, tables = CASES[request.param]()
        spec = in_bytes(spec)
        result = drawing(spec, tables)
        result.figure.draw_without_rendering()
        _DRAWN[request.param] = spec, result
    return _DRAWN[request.param]


def in_bytes(spec):
    """A figure's settings in a study whose losses are in nats per byte."""
    labels = {
        name: value.replace(UNIT, "nats per byte")
        for name, value in spec
        if name.endswith("_label") and isinstance(value, str)
    }
    return spec.model_copy(update=labels)


def panels(figure):
    """The axes that hold data: no colour bars, no empty places."""
    return [axes for axes in figure.axes if axes.get_xlabel()]


def test_there_is_an_example_of_every_kind():
    kinds = {get_args(kind.model_fields["draw"].annotation)[0]
             for kind in get_args(get_args(Figure)[0])}  # fmt: skip
    assert {spec.draw for spec, _ in (case() for case in CASES.values())} == kinds


def test_every_point_drawn_is_in_the_table(drawn):
    """As a point of the same panel: both of its coordinates stand in one row."""
    _, result = drawn
    for axes in panels(result.figure):
        rows = rows_of(result.table, axes)
        for line in axes.lines:
            on_x, on_y = line.get_transform().contains_branch_seperately(axes.transData)
            if on_x and on_y:
                assert_points(rows, axes, line.get_xydata())
            elif on_x or on_y:  # over the whole of the other axis, or at its edge
                values = line.get_xdata() if on_x else line.get_ydata()
                assert_numbers(rows, "x" if on_x else "y", values)
        for area in (found for found in axes.collections if isinstance(found, PolyCollection)):
            assert_points(rows, axes, area.get_paths()[0].vertices)
        for bar in axes.patches:
            assert_numbers(rows, "x", [bar.get_width()])


def rows_of(table, axes):
    """The rows of the table that are drawn on a pair of axes."""
    if "x_quantity" not in table.columns:  # a figure that is a table by nature
        return table
    if axes.yaxis_inverted():
        return table[table["panel"].fillna("") == axes.get_title(loc="left")]
    for name, label in (("x_quantity", axes.get_xlabel()), ("y_quantity", axes.get_ylabel())):
        if label:  # else the axis is that of the panel beside it, or has names
            table = table[table[name].map(superscripts) == label]
    named = table["panel"].fillna("") == axes.get_title(loc="left")
    return table[named] if named.any() else table


def assert_points(rows, axes, points):
    points = np.asarray(points, float)
    points = points[np.isfinite(points).all(axis=1)]
    if axes.yaxis_inverted():  # the places of names, which are no numbers of the table
        known = rows.select_dtypes("number").to_numpy(float).reshape(-1, 1)
        assert_near(points[:, :1], known)
        return
    ends = [rows[["x", end]].to_numpy(float) for end in ("y", "lo", "hi") if end in rows.columns]
    assert_near(points, np.concatenate(ends))


def assert_numbers(rows, axis, values):
    """`values` are those of one axis, or the ends of intervals along it."""
    columns = [name for name in (axis, "lo", "hi") if name in rows.columns]
    assert_near(np.asarray(values, float)[:, None], rows[columns].to_numpy(float).reshape(-1, 1))


def assert_near(points, known):
    known = known[np.isfinite(known).all(axis=1)]
    for point in points:
        assert np.isclose(known, point, rtol=1e-9, atol=1e-12).all(axis=1).any(), point


def test_the_table_has_no_empty_rows(drawn):
    _, result = drawn
    assert len(result.table)
    numbers = result.table.select_dtypes("number")
    assert numbers.notna().any(axis="columns").all()


def test_the_unit_of_losses_is_that_of_the_study(drawn):
    """Each label with a unit is a key of the figure, so that `loss_unit` sets it."""
    spec, result = drawn
    if FIGURES[spec.draw].startswith("isoloss.exhibits.published"):
        return  # the papers' losses are per token
    for axes in panels(result.figure):
        assert UNIT not in axes.get_xlabel() and UNIT not in axes.get_ylabel()


def test_axes_are_labelled_as_the_table_is(drawn):
    """What the table calls x and y stands on the axes that show them."""
    _, result = drawn
    if "x_quantity" not in result.table.columns:
        return
    for axes in panels(result.figure):
        assert len(rows_of(result.table, axes)), (axes.get_xlabel(), axes.get_ylabel())


def test_axes_are_labelled_as_asked(drawn):
    """Of kinds that are asked for labels; that of the loss may stand in the legend."""
    spec, result = drawn
    shown = [(axes.get_xlabel(), axes.get_ylabel()) for axes in panels(result.figure)]
    for place, key in enumerate(("x_label", "y_label")):
        if key in spec.model_fields_set:
            found = {labels[place] for labels in shown}
            assert superscripts(getattr(spec, key)) in found
            assert len(found) == 1 or spec.draw == "extrapolation"  # whose second panel is a ratio
    if hasattr(spec, "loss_label") and spec.draw not in WITHOUT_LOSS:
        every = [axes.get_ylabel() for axes in result.figure.axes]
        every += [axes.get_xlabel() for axes in result.figure.axes]
        every += [axes.get_title() for axes in result.figure.axes]  # of a key of colours
        every += [text.get_text() for legend in result.figure.legends for text in legend.texts]
        assert any(spec.loss_label in label for label in every)


def test_tick_labels_do_not_touch(drawn):
    _, result = drawn
    for axes in result.figure.axes:
        for axis, side in ((axes.xaxis, 0), (axes.yaxis, 1)):
            low, high = sorted(axis.get_view_interval())
            boxes = [
                label.get_window_extent().get_points()[:, side]
                for place, label in zip(axis.get_majorticklocs(), axis.get_ticklabels(),
                                        strict=True)
                if label.get_text() and low <= place <= high
            ]  # fmt: skip
            for left, right in itertools.pairwise(sorted(boxes, key=lambda box: box[0])):
                assert left[1] < right[0], f"{axes.get_xlabel()}, {axes.get_ylabel()}"


def test_text_is_readable_at_the_width_of_the_report(drawn):
    """A figure is shown at 100 pixels an inch; no text is smaller than 12 of these pixels."""
    _, result = drawn
    assert result.figure.get_figwidth() in (PAGE_WIDTH, SINGLE_WIDTH)
    for text in result.figure.findobj(Text):
        if text.get_text().strip():
            assert text.get_fontsize() / 72 * PIXELS >= 12, text.get_text()


def test_log_axes_have_at_least_two_labelled_ticks(drawn):
    _, result = drawn
    for axes in panels(result.figure):
        for axis, scale in ((axes.xaxis, axes.get_xscale()), (axes.yaxis, axes.get_yscale())):
            if scale == "log":
                assert len(axis.get_majorticklocs()) >= 2


def test_the_legend_covers_no_axes_and_lies_inside_the_figure(drawn):
    _, result = drawn
    for legend in result.figure.legends:
        box = legend.get_window_extent()
        assert not any(box.overlaps(axes.get_window_extent()) for axes in result.figure.axes)
        whole = result.figure.bbox
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0


def test_nothing_is_cut_off(drawn):
    _, result = drawn
    tight, whole = result.figure.get_tightbbox(), result.figure.bbox_inches
    assert tight.x0 >= -0.02 and tight.y0 >= -0.02
    assert tight.x1 <= whole.x1 + 0.02 and tight.y1 <= whole.y1 + 0.02


def test_the_same_figure_has_the_same_bytes_in_another_process(tmp_path):
    spec, tables = CASES["loss_against_x"]()
    here = draw(spec, tables, tmp_path / "here" / "f")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.exhibits.cases import CASES\n"
        "from isoloss.exhibits.make import draw\n"
        "draw(*CASES['loss_against_x'](), sys.argv[2])\n"
    )
    environment = os.environ | {
        "PYTHONHASHSEED": "12345",
        "TZ": "Asia/Tokyo",
        "SOURCE_DATE_EPOCH": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-c", script, str(ROOT), str(tmp_path / "there" / "f")]
    subprocess.run(command, check=True, env=environment, cwd=tmp_path)
    for path in here:
        assert path.read_bytes() == (tmp_path / "there" / path.name).read_bytes(), path.suffix


def test_a_user_setting_of_matplotlib_changes_nothing(tmp_path):
    import matplotlib

    spec, tables = CASES["doubling"]()
    first = draw(spec, tables, tmp_path / "a")
    with matplotlib.rc_context({"font.size": 20, "xtick.direction": "in"}):
        second = draw(spec, tables, tmp_path / "b")
        assert matplotlib.rcParams["font.size"] == 20
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_the_files_are_the_figure_its_table_and_its_texts(tmp_path):
    spec, tables = CASES["loss_against_x"]()
    paths = draw(spec, tables, tmp_path / "deep" / "er" / "f")
    assert [path.name for path in paths] == ["f.pdf", "f.png", "f.csv", "f.json"]
    assert paths[0].read_bytes().startswith(b"%PDF")
    assert b"CreationDate" not in paths[0].read_bytes()
    made = drawing(spec, tables)
    texts, table = json.loads(paths[3].read_text()), made.table
    with Image.open(paths[1]) as picture:
        assert picture.size == (2 * texts["width"], 2 * texts["height"])
    assert len(texts["parts"]) == len(panels(made.figure)) + 1  # the panels, and the legend
    (legend,) = made.figure.legends
    made.figure.draw_without_rendering()
    box, (left, top, width, height) = legend.get_window_extent(), texts["parts"][-1]
    assert (left + width / 2) * texts["width"] == pytest.approx((box.x0 + box.x1) / 2, abs=12)
    assert (1 - top - height / 2) * texts["height"] == pytest.approx((box.y0 + box.y1) / 2, abs=6)
    pd.testing.assert_frame_equal(pd.read_csv(paths[2])[["x", "y"]], table[["x", "y"]], rtol=1e-8)
    assert {path.name for path in paths[0].parent.iterdir()} == {path.name for path in paths}
