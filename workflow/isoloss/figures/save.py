"""Write a figure: PDF, PNG, the table drawn and its texts; whole, and the same bytes every time."""

from pathlib import Path

from isoloss.config.drawn import Drawn
from isoloss.figures.style import styled
from isoloss.figures.tables import Drawing
from isoloss.files import whole, write_json, write_text

SUFFIXES = (".pdf", ".png", ".csv", ".json")


def save(spec: Drawn, drawing: Drawing, stem: str | Path) -> list[Path]:
    """Write <stem>.pdf, .png, .csv and .json; give their paths.

    The JSON has the title, the caption and the notes. No file holds a date or a version.

    Raises
    ------
    UserError
        A file could not be written; it is as it was before.
    """
    stem = Path(stem)
    pdf, png, csv, json = (stem.with_name(stem.name + suffix) for suffix in SUFFIXES)
    write_text(csv, drawing.table.to_csv(index=False, float_format="%.9g", lineterminator="\n"))
    with styled():
        with whole(png) as partial:
            drawing.figure.savefig(partial, format="png", metadata={"Software": None})
        # Both files have the layout that the first one found: laying out again would move things.
        drawing.figure.set_layout_engine("none")
        with whole(pdf) as partial:
            metadata = {
                "CreationDate": None,
                "Creator": None,
                "Producer": None,
                "Title": spec.title,
            }
            drawing.figure.savefig(partial, format="pdf", metadata=metadata)
    texts = {"title": spec.title, "caption": spec.caption, "notes": drawing.notes,
             "tabulate": spec.tabulate}  # fmt: skip
    write_json(json, texts)
    return [pdf, png, csv, json]
