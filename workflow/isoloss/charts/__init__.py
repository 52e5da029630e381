"""Drawing without knowledge of laws: axes that record their data, style, text of numbers, files."""

from isoloss.charts.panel import REFERENCE, Panel, Record, finish
from isoloss.charts.save import holds_data, save
from isoloss.charts.sheet import Drawing, Sheet
from isoloss.charts.style import (
    COLORS,
    GREY,
    MARKERS,
    WHITE,
    look_of,
    mark_synthetic,
    ordered_colors,
    placed_colors,
    styled,
)
from isoloss.charts.text import science, sentences, short, with_interval

__all__ = [
    "COLORS",
    "GREY",
    "MARKERS",
    "REFERENCE",
    "WHITE",
    "Drawing",
    "Panel",
    "Record",
    "Sheet",
    "finish",
    "holds_data",
    "look_of",
    "mark_synthetic",
    "ordered_colors",
    "placed_colors",
    "save",
    "science",
    "sentences",
    "short",
    "styled",
    "with_interval",
]
