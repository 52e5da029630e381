"""The figures of a study, each with its texts and all its numbers, for a page that stands alone."""

import base64
import gzip
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from isoloss.charts.style import PIXELS, SINGLE_WIDTH
from isoloss.errors import UserError
from isoloss.files import read_json
from isoloss.report.markup import plain
from isoloss.report.study import Paths

MOST_ROWS = 60  # the most rows of a table that the report shows whole
MOST_SAID = 500  # characters of the text in place of an image, beyond its title
SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass
class FigureShown:
    """One figure. `image` is "" where it was not drawn; then `notes` may say why.

    Attributes
    ----------
    number : int
        Its place among all figures of the report, from 1 on.
    width, height : int
        Of the image, in pixels, so that a page has its length before images are decoded.
    parts : str
        Of a figure that is wider than a narrow screen: its parts in reading order, for `report.js`
        to stack. Each is left, top, width and height, as shares of the image.
    data : str
        The drawn numbers as a compressed CSV file inside the page.
    """

    name: str
    title: str
    caption: str = ""
    notes: list[str] = field(default_factory=list)
    image: str = ""
    links: list[tuple[str, str]] = field(default_factory=list)
    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    number: int = 0
    width: int = 0
    height: int = 0
    parts: str = ""
    data: str = ""

    @property
    def headline(self) -> str:
        """The title, with a full stop where it has no end."""
        return self.title + ("" if self.title[-1:] in "?!." else ".")

    @property
    def seen(self) -> str:
        """The text in place of the image: the title, how it is drawn, and what was computed."""
        said = [self.headline, _first_sentence(self.caption)]
        for note in map(plain, self.notes):
            if sum(map(len, said)) + len(note) <= MOST_SAID + len(self.title):
                said.append(note)
        return " ".join(plain(one) for one in said if one)


@dataclass
class PartShown:
    """The figures of one part of a study; `name` is "" where the study has one part only."""

    name: str
    anchor: str
    figures: list[FigureShown]


def figure(paths: Paths, study: str, name: str) -> FigureShown:
    """A figure with its texts; for a missing figure, the reason."""
    stem = paths.figures / study / name
    png, text = stem.with_name(name + ".png"), stem.with_name(name + ".json")
    if png in paths.missing:
        return FigureShown(name, name)
    try:
        texts, image = read_json(text), png.read_bytes()
    except (UserError, OSError):
        return FigureShown(name, name)
    if not texts.get("drawn", True):
        return FigureShown(name, texts["title"], notes=texts["notes"])
    width, height = size(image)
    shown = FigureShown(
        name, texts["title"], texts["caption"], texts["notes"],
        "data:image/png;base64," + base64.b64encode(image).decode(),
        [(end, paths.link(stem.with_name(f"{name}.{end}"))) for end in ("pdf", "png", "csv")],
        width=texts.get("width", width), height=texts.get("height", height),
    )  # fmt: skip
    if shown.width > PIXELS * SINGLE_WIDTH:
        shown.parts = ";".join(" ".join(map(str, part)) for part in texts.get("parts", []))
    numbers = stem.with_name(name + ".csv")
    shown.data = packed(numbers)
    if texts.get("tabulate"):
        table = pd.read_csv(numbers, keep_default_na=False)
        if len(table) <= MOST_ROWS:
            shown.header = [column.replace("_", " ") for column in table.columns]
            shown.rows = [[cell(value) for value in row] for row in table.itertuples(index=False)]
    return shown


def parts(study: str, figures: Sequence[FigureShown], of: Mapping[str, str]) -> list[PartShown]:
    """The parts of a study in the order of their first figures; `of` has each figure's part."""
    found: dict[str, list[FigureShown]] = {}
    for one in figures:
        found.setdefault(of.get(one.name, ""), []).append(one)
    if len(found) == 1:
        found = {"": list(figures)}
    return [
        PartShown(name, f"{study}-part-{place}", shown)
        for place, (name, shown) in enumerate(found.items(), 1)
    ]


def size(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG image, from its header; 0 and 0 where it has none."""
    if png[:8] != SIGNATURE or len(png) < 24:
        return 0, 0
    return struct.unpack(">II", png[16:24])


def packed(path: Path) -> str:
    """A file, compressed, as an address that holds it; "" where there is none."""
    if not path.is_file():
        return ""
    small = gzip.compress(path.read_bytes(), 9, mtime=0)
    return "data:application/gzip;base64," + base64.b64encode(small).decode()


def cell(value: Any) -> str:
    """A cell of a table as the report shows it."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    if not math.isfinite(number):
        return "–"
    if number == int(number) and abs(number) < 1e15:
        return f"{int(number):,}"
    return f"{number:.4g}"


def _first_sentence(text: str) -> str:
    end = text.find(". ")
    return text if end < 0 else text[: end + 1]
