"""Write a figure as PDF, PNG, CSV and JSON: whole files, with the same bytes every time."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoloss.charts.parts import parts
from isoloss.charts.style import PAGE_WIDTH, PIXELS, styled
from isoloss.files import whole, write_json, write_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SUFFIXES = (".pdf", ".png", ".csv", ".json")
GUIDES = ("level", "slope")  # what is drawn to compare with, and means nothing alone


def holds_data(table: pd.DataFrame) -> bool:
    """Whether the table of a figure has a row that is more than a guide for the eye."""
    return len(table) > 0 and not ("what" in table.columns and table["what"].isin(GUIDES).all())


def save(
    stem: str | Path, figure: Figure, table: pd.DataFrame, texts: dict[str, Any]
) -> list[Path]:
    """Write <stem>.pdf, .png, .csv and .json; return their paths.

    If `table` holds no data, there is nothing to draw. Then PDF, PNG and CSV have no axes and no
    numbers, but the sentences that say why.

    Parameters
    ----------
    stem : path
        Without its ending.
    figure, table
        The figure, and the numbers that it draws.
    texts : dict
        Content of the JSON: the title, the caption, the notes. `save` adds `drawn`: whether there
        was anything to draw; if not, the notes say why. It also adds the `width` and `height` at
        which its text has the size of all figures', in pixels of a page, and its `parts` (see
        `isoloss.charts.parts`). No file has a date or a version.

    Raises
    ------
    UserError
        A file could not be written; the old file is unchanged.
    """
    stem = Path(stem)
    pdf, png, csv, json = (stem.with_name(stem.name + suffix) for suffix in SUFFIXES)
    texts = texts | {"drawn": holds_data(table)}
    if not texts["drawn"]:
        figure, table = _nothing(texts["title"], texts["notes"])
    write_text(csv, table.to_csv(index=False, float_format="%.9g", lineterminator="\n"))
    with styled():
        _write_png(png, figure)
        # Both files use the layout of the first: a second layout would move elements.
        figure.set_layout_engine("none")
        with whole(pdf) as partial:
            undated = dict.fromkeys(("CreationDate", "Creator", "Producer"))
            figure.savefig(partial, format="pdf", metadata=undated | {"Title": texts["title"]})
        figure.draw_without_rendering()  # legends keep the places of the last drawing
    width, height = (round(PIXELS * size) for size in figure.get_size_inches())
    write_json(json, texts | {"width": width, "height": height, "parts": parts(figure)})
    return [pdf, png, csv, json]


def _nothing(title: str, reasons: list[str]) -> tuple[Figure, pd.DataFrame]:
    """A page of text in place of a figure without data, and a table of the same reasons."""
    import pandas as pd
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    said = [textwrap.fill(one, 96) for one in (f"{title}: not drawn.", *reasons)]
    text = "\n\n".join(said)
    with styled():
        figure = Figure(figsize=(PAGE_WIDTH, 0.3 + 0.18 * (1 + text.count("\n"))))
        FigureCanvasAgg(figure)
        figure.text(0.02, 0.5, text, va="center", parse_math=False)
    return figure, pd.DataFrame({"not_drawn_because": reasons})


def _write_png(path: Path, figure: Figure) -> None:
    """The figure with a palette of 256 colours, which takes a third of the space."""
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", metadata={"Software": None})
    with Image.open(drawn) as image, whole(path) as partial:
        image.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
            partial, format="PNG", optimize=True
        )
