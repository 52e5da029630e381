"""How answers show themselves: as a command's text, and as tables in a notebook."""

from collections.abc import Iterable, Sequence
from html import escape

Rows = Sequence[Sequence[str]]  # of a table; the first row is its head
LINE = "border-top:1px solid rgba(128,128,128,.6)"
FOLDED = ("warning", "assumed")


class Shown:
    """An answer made of tables and of lines such as "answer: ..." and "warning: ..."."""

    def parts(self) -> Iterable[str | Rows]:
        """Tables (with a head) and lines of text, from top to bottom."""
        raise NotImplementedError

    def summary(self) -> str:
        """The answer as the command prints it."""
        from isoloss.fit.text import columns

        return "\n".join(one if isinstance(one, str) else columns(one) for one in self.parts())

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        """The same for a notebook; text and lines take the colours of its page."""
        shown, folded = [], []
        for one in self.parts():
            if not isinstance(one, str):
                shown.append(table(one))
            elif one.partition(":")[0] in FOLDED:
                folded.append(one)
            elif one:
                key, colon, text = one.partition(": ")
                said = f"<b>{escape(text)}</b>" if key == "answer" and colon else escape(one)
                shown.append(f"<div>{said}</div>")
        return f"<div>{''.join(shown)}{listed(folded)}</div>"


def listed(lines: Sequence[str]) -> str:
    """Warnings as a list, and assumptions folded under their number."""
    warnings = [one for one in lines if one.startswith("warning")]
    assumed = [one.partition(": ")[2] for one in lines if not one.startswith("warning")]
    found = _items(warnings) if warnings else ""
    if assumed:
        found += f"<details><summary>assumed: {len(assumed)}</summary>{_items(assumed)}</details>"
    return found


def table(rows: Rows) -> str:
    """A table as HTML, without scripts and external files; the first column is aligned left."""
    head, *body = rows
    lines = [_row(head, "th")] + [_row(cells, "td", LINE if cells[0] else "") for cells in body]
    return f'<table style="border-collapse:collapse;background:none">{"".join(lines)}</table>'


def _row(cells, tag, style=""):
    sides = ["left"] + ["right"] * (len(cells) - 1)
    inside = (
        f'<{tag} style="text-align:{side};padding:1px 10px">{escape(cell)}</{tag}>'
        for cell, side in zip(cells, sides, strict=True)
    )
    return f'<tr style="{style}">{"".join(inside)}</tr>'


def _items(texts):
    return f'<ul style="margin:0">{"".join(f"<li>{escape(text)}</li>" for text in texts)}</ul>'
