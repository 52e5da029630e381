"""Text of studies and of tables as HTML: symbols, powers, numbers, links and verdicts."""

import html
import re
from typing import Any

from markupsafe import Markup, escape

from isoloss.charts.text import plain_or_science
from isoloss.results.verdict import Status

CODE = re.compile(r"`([^`]{1,200})`")
CARET = re.compile(r"\^(\{[^{}]{1,40}\}|\([^()]{1,40}\)|[-−+]?\w+(?:[./]\w+)*)")
STARS = re.compile(r"\*\*(\([^()]{1,40}\)|\w+)")  # powers in formulas as code writes them
SCIENCE = re.compile(r"(?<![\w.])\d+(?:\.\d+)?e[-+]?\d+\b")
RAISED = re.compile("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
MINUS = re.compile(r"(?<![\w.)\]-])-(?=\.?\d)")
PERCENT = re.compile(r"(?<=\d) ?%")
GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "sigma": "σ"}
SYMBOL = re.compile(rf"\b({'|'.join(GREEK)})(?:_(\w+))?\b")
SUBSCRIPT = re.compile(r"\b([A-Z]|[αβγδσ])_([A-Za-z]+)\b")
ARXIV = re.compile(r"\barXiv:(\d{4}\.\d{4,5}|[a-z-]+/\d{7})\b")
GITHUB = re.compile(r"(?<![/\w.])github\.com/[\w-]+/[\w.-]*\w")
DIGITS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "−0123456789")
RANGE = re.compile(r"(?:may be )?anything from \S+ to \S+?(?: fits as well)?( \(it may be zero\))?")
DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")  # marks that turn what follows a text
STATUSES = sorted(Status, key=len, reverse=True)


def prose(value: Any) -> Markup:
    """Text as HTML: escaped, then marked up.

    `code`, powers (x^-0.5, x**a), numbers (1.3e9, -2, 90%), Greek letters, subscripts (C_min) and
    addresses at arXiv and GitHub are marked up. Marks of a direction of writing are left out.
    """
    parts = CODE.split(DIRECTION.sub("", str(escape(value))))
    marked = [f"<code>{part}</code>" if i % 2 else _marked(part) for i, part in enumerate(parts)]
    return Markup("".join(marked))


def _marked(page: str) -> str:
    def science(found: re.Match) -> str:
        return plain_or_science(found[0])

    def superscript(found: re.Match) -> str:
        return f"<sup>{found[1].strip('{}()').replace('-', '−')}</sup>"

    def raised(found: re.Match) -> str:
        return f"<sup>{found[0].translate(DIGITS)}</sup>"

    def greek(found: re.Match) -> str:
        below = f"<sub>{found[2]}</sub>" if found[2] else ""
        return GREEK[found[1]] + below

    page = RAISED.sub(raised, SCIENCE.sub(science, page))
    page = CARET.sub(superscript, STARS.sub(superscript, page))
    page = SUBSCRIPT.sub(r"\1<sub>\2</sub>", SYMBOL.sub(greek, page))
    page = PERCENT.sub("\N{NO-BREAK SPACE}%", MINUS.sub("−", page))
    page = GITHUB.sub(r'<a href="https://\g<0>">\g<0></a>', page)
    return ARXIV.sub(r'<a href="https://arxiv.org/abs/\1">arXiv:\1</a>', page)


def verdict(text: str, beside: bool = False) -> Markup:
    """A verdict, with the meaning of its status where a pointer or a reader asks for it.

    With `beside`, a reason that only repeats the interval beside it is left out.
    """
    status = next((one for one in STATUSES if str(text).startswith(one)), None)
    if status is None:
        return prose(text)
    reason = str(text)[len(status) :]
    if beside and (found := RANGE.fullmatch(reason.removeprefix(": "))):
        reason = found[1] or ""
    return Markup('<abbr title="{}">{}</abbr>{}').format(status.meaning, status, prose(reason))


def linked(text: str, anchor: str) -> Markup:
    """Text as HTML, with a link to an anchor; a dash or an empty text has none."""
    if not anchor or text in ("", "–"):
        return prose(text)
    return Markup('<a href="#{}">{}</a>').format(anchor, prose(text))


def plain(value: Any) -> str:
    """The same text without any markup, for attributes."""
    return html.unescape(re.sub(r"<[^>]*>", "", str(prose(value))))


def seconds(value: float) -> str:
    """A duration as text: 9.9 s, 17 min, 2.0 h."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def count(number: int, noun: str) -> str:
    """A number of things: 1 run, 35 runs, 2 studies, 3 analyses."""
    if number == 1:
        return f"1 {noun}"
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    many = f"{noun[:-2]}es" if noun.endswith("is") else many
    return f"{number:,} {many}"
