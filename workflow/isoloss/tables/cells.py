"""Read the cells of a column as positive numbers, such as '1.3B', '20,000,000' and '1,5'."""

import contextlib
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

RANGE = (1e-40, 1e60)  # of any quantity; numbers beyond are mistakes, and their powers overflow
COUNTS = frozenset({"n_params", "n_tokens", "compute", "n_unique_tokens", "n_steps"})
SUFFIXES = {"K": 1e3, "M": 1e6, "MN": 1e6, "MIO": 1e6, "B": 1e9, "BN": 1e9, "MRD": 1e9, "T": 1e12}
SUFFIXES |= {"THOUSAND": 1e3, "MILLION": 1e6, "BILLION": 1e9, "TRILLION": 1e12}
SUFFIX = "K|MN|MIO|MILLION|MRD|M|BN|BILLION|B|TRILLION|THOUSAND|T"

GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")
# Groups of a French or Swiss sheet cannot be decimals; those of a German one can.
SPACED = re.compile("[0-9]{1,3}(?:[ \u00a0\u2009\u202f'\u2019][0-9]{3})+(?:[.,][0-9]+)?")
DOTTED = re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+")
TWO_DOTS = re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3}){2,}")
SUFFIXED = re.compile(rf"([^a-z]*[0-9.])\s*({SUFFIX})\.?", re.IGNORECASE)
DECIMAL_COMMA = re.compile(
    rf"[+-]?[0-9]+,[0-9]+(?:e[+-]?[0-9]+)?(?:\s*(?:{SUFFIX})\.?)?", re.IGNORECASE
)
SPREAD = re.compile(r"(.*[0-9])\s*(?:\u00b1|\+/-|\+-)\s*[0-9.,]+")  # a value and its error
DECIMAL_POINT = re.compile(r"[+-]?[0-9]*\.[0-9]")


@dataclass
class Cells:
    """A column as numbers.

    Attributes
    ----------
    numbers : array, shape (row,)
        NaN where a cell holds no number.
    issues : list of (rows, text)
        Problems, each with its rows, counted from 0.
    examples : dict
        Notation of a cell that is no plain number -> (the first such cell, its number).
    """

    numbers: np.ndarray
    issues: list[tuple[Any, str]] = field(default_factory=list)
    examples: dict[str, tuple[str, float]] = field(default_factory=dict)


def is_empty(value) -> bool:
    """Whether a cell is empty: None, NaN, NaT, or a text of blanks."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, np.datetime64):
        return bool(np.isnat(value))
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def read_cells(
    values,
    quantity: str,
    *,
    factor: float = 1.0,
    decimal_comma: bool = False,
    dotted: bool = False,
    may_be_zero: bool = False,
) -> Cells:
    """Read positive finite numbers of a column, times `factor`, and collect problems by row.

    Parameters
    ----------
    quantity : str
        Decides the notation. Counts ("n_params", "n_tokens", "compute", ...) may have a suffix K,
        M, B or T, also in words, and commas between groups of three digits. The law's "x" may have
        a suffix. A loss may have neither. Each may have its error behind, as "2.51 \u00b1 0.02".
    decimal_comma : bool
        Whether commas are decimal, where no cell of the column has a decimal point.
    dotted : bool
        Whether the file writes decimals with commas, so that 25.000 in a count is 25000.
    may_be_zero : bool
        Whether zero is allowed.
    """
    is_number = getattr(values, "dtype", None) is not None and values.dtype.kind in "fiu"
    texts = [] if is_number else [value.strip() for value in values if isinstance(value, str)]
    comma = decimal_comma and has_decimal_commas(texts)
    dots = quantity in COUNTS and dots_group(texts, dotted)
    found = Cells(np.full(len(values), np.nan))
    empty, strange, twice = [], [], []
    if is_number:
        found.numbers = np.asarray(values, dtype=float) * factor
        empty = np.flatnonzero(np.isnan(found.numbers))
    for i, value in enumerate(() if is_number else values):
        if is_empty(value):
            empty.append(i)
            continue
        number, how = _number(value, quantity, comma, dots)
        if np.isnan(number):
            strange.append(i)
        elif how == "suffix" and factor != 1:
            twice.append(i)
        else:
            found.numbers[i] = number * factor
            if how:
                found.examples.setdefault(how, (value, number * factor))
    numbers = found.numbers
    unsure = _unsure(values, texts) if comma and quantity in COUNTS else []
    low = numbers < 0 if may_be_zero else numbers <= 0
    outside = (numbers > 0) & ((numbers < RANGE[0]) | (numbers > RANGE[1])) & np.isfinite(numbers)
    for rows, what in (
        (empty, "is empty or NaN"),
        (strange, _strange(values[strange[0]], decimal_comma) if strange else ""),
        (
            twice,
            f"has a unit of its own, e.g. {_short(values[twice[0]])}, beside the factor "
            f"{factor:g}: leave out one of them ('*1' is no factor)"
            if twice
            else "",
        ),
        (
            unsure,
            f"holds thousands or decimals, e.g. {_short(values[unsure[0]])}: write it without a "
            "comma"
            if unsure
            else "",
        ),
        (np.flatnonzero(np.isinf(numbers)), "is infinite"),
        (
            np.flatnonzero(np.isfinite(numbers) & low),
            "is negative" if may_be_zero else "is zero or negative",
        ),
        (np.flatnonzero(outside), f"is outside {RANGE[0]:g} to {RANGE[1]:g}"),
    ):
        if len(rows):
            found.issues.append((rows, what))
    return found


def dots_group(texts, dotted: bool) -> bool:
    """Whether dots stand between groups of three digits in all cells of a column.

    They do where one cell has two of them, and in a file with decimal commas (`dotted`).
    """
    with_dots = [text for text in texts if "." in text]
    if not with_dots or not all(DOTTED.fullmatch(text) for text in with_dots):
        return False
    return dotted or any(TWO_DOTS.fullmatch(text) for text in with_dots)


def has_decimal_commas(texts) -> bool:
    """Whether commas of a column are decimal: some are, no cell has a point or two commas."""
    return (
        any(DECIMAL_COMMA.fullmatch(text) for text in texts)
        and not any(DECIMAL_POINT.match(text) for text in texts)
        and not any(text.count(",") > 1 for text in texts)
    )


def _unsure(values, texts) -> list[int]:
    """Rows of a count such as "20,000", where no other cell shows whether commas are decimal."""
    if all(GROUPED.fullmatch(text) for text in texts if "," in text):
        return [i for i, value in enumerate(values) if isinstance(value, str) and "," in value]
    return []


def _number(value, quantity, comma, dots) -> tuple[float, str]:
    """A number or NaN, and its notation: "" for a number that Python reads itself."""
    if isinstance(value, bool | np.bool_):
        return np.nan, ""
    if dots and isinstance(value, str) and DOTTED.fullmatch(value.strip()):
        return float(value.replace(".", "")), "thousands"
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        return float(value), ""
    if not isinstance(value, str):
        return np.nan, ""
    text, how, factor = value.strip(), "", 1.0
    if spread := SPREAD.fullmatch(text):
        text, how = spread[1], "spread"
    suffixed = SUFFIXED.fullmatch(text)
    if suffixed and (quantity in COUNTS or quantity == "x"):
        text, how, factor = suffixed[1].strip(), "suffix", SUFFIXES[suffixed[2].upper()]
    if comma and DECIMAL_COMMA.fullmatch(text):
        text, how = text.replace(",", "."), how or "decimal comma"
    elif quantity in COUNTS and GROUPED.fullmatch(text):
        text, how = text.replace(",", ""), how or "thousands"
    elif quantity in COUNTS and SPACED.fullmatch(text):
        text = re.sub("[ \u00a0\u2009\u202f'\u2019]", "", text).replace(",", ".")
        how = how or "thousands"
    with contextlib.suppress(ValueError):
        return float(text) * factor, how
    return np.nan, ""


def _strange(value, decimal_comma) -> str:
    text = f"is not a number, e.g. {_short(value)}"
    if not isinstance(value, str):
        return text
    cell = value.strip()
    if DECIMAL_COMMA.fullmatch(cell) and decimal_comma:
        return f"{text} (decimal commas beside decimal points: write {cell.replace(',', '.')})"
    if DECIMAL_COMMA.fullmatch(cell):
        written = cell.replace(",", ".")
        return f"{text} (a decimal comma? write {written}, or put ; between columns)"
    if GROUPED.fullmatch(cell):
        return f"{text} (write it without commas)"
    return text


def _short(value) -> str:
    text = repr(value) if not isinstance(value, int) else "an integer of many digits"
    return text if len(text) <= 30 else f"{text[:27]}..."
