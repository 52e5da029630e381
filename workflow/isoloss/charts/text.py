"""Numbers as text, for people."""

import math
import re

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
POWER = re.compile(r"\^(-?\d+)(?![.\d/])")
PARTS = re.compile(r"; (?![^(]*\))")  # of a message; a semicolon in brackets parts nothing
SYMBOLS = frozenset(("alpha", "beta", "gamma"))  # words that are names of parameters
SUFFIXES = ((1e12, 1e12, "T"), (1e9, 1e9, "B"), (1e6, 1e6, "M"), (1e4, 1e3, "k"))


def superscripts(text: str) -> str:
    """Text with its numeric powers raised: N^-4 is N⁻⁴."""
    return POWER.sub(lambda found: found[1].translate(SUPERSCRIPT), text)


def sentences(message: str) -> str:
    """A message, whose parts are separated by semicolons, as sentences.

    >>> sentences("runs of one trunk are one cluster; alpha = 0.1 lies at its bound")
    'Runs of one trunk are one cluster. alpha = 0.1 lies at its bound.'
    """
    parts = [part.strip().rstrip(".") for part in PARTS.split(message) if part.strip()]
    return " ".join(f"{_capital(part)}." for part in parts)


def _capital(text: str) -> str:
    """Text with a capital letter at its start, unless it starts with a symbol."""
    word = text.split(" ")[0]
    plain = len(word) > 1 and word.isalpha() and word not in SYMBOLS
    return text[0].upper() + text[1:] if plain else text


def power_of_ten(exponent: int) -> str:
    """10 to the given power, as text: 10³."""
    return "10" + str(exponent).translate(SUPERSCRIPT)


def short(value: float | str) -> str:
    """A number in few characters: 0.02, 512, 4.35k, 1.5M, 175B, 1.4T, 3×10²³. Text is as it is."""
    if isinstance(value, str):
        return value
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    size = abs(value)
    for limit, factor, suffix in SUFFIXES:
        if limit * 0.9995 <= size < 1e15:
            return f"{value / factor:.3g}{suffix}"
    if 1e-3 <= size < 1e4:
        return f"{value:.4g}"
    return ("−" if value < 0 else "") + science(size)


def counted(value: float) -> str:
    """A count in few characters, with k from 1,000 on: 500, 2k, 1.5M."""
    return f"{value / 1e3:.3g}k" if 1e3 <= value < 1e4 else short(value)


def science(value: float) -> str:
    """A number as a power of ten: 3.1×10⁸; for compute, whose sizes have no names."""
    exponent = math.floor(math.log10(value) + 1e-9)
    lead = f"{value / 10.0**exponent:.3g}"
    return power_of_ten(exponent) if lead == "1" else f"{lead}×{power_of_ten(exponent)}"


def with_interval(
    value: float, lo: float | None = None, hi: float | None = None
) -> tuple[str, str]:
    """A value and its interval, as text, to the digits that the interval's width supports.

    Two significant digits of half the width; without an interval, three of the value. A number
    that these digits would show as zero has two digits of its own. Each number has its own power
    of ten. The second text is "" without an interval.

    >>> with_interval(0.34781, 0.317, 0.3729)
    ('0.348', '0.317 to 0.373')
    >>> with_interval(4.1e6, 5.7, 2.6e10)
    ('4.1×10⁶', '5.7 to 2.6×10¹⁰')
    """
    if value is None or not math.isfinite(value):
        return "–", ""
    known = all(end is not None and math.isfinite(end) for end in (lo, hi))
    width = (hi - lo) / 2 if known else 0.0
    size = max(abs(value), abs(lo), abs(hi)) if known else abs(value)
    if size == 0:
        return "0", "0 to 0" if known else ""
    step = width if width > 0 else abs(value) / 10 or size / 10
    place = math.floor(math.log10(step)) - 1
    ends = f"{_to_place(lo, place)} to {_to_place(hi, place)}" if known else ""
    return _to_place(value, place), ends


def plain_or_science(text: str) -> str:
    """A number as code writes it (1.3e9, 8.99e+03), with its digits, as people read it.

    >>> plain_or_science("1.3e9"), plain_or_science("8.99e+03")
    ('1.3×10⁹', '8,990')
    """
    mantissa, _, power = text.partition("e")
    digits = len(mantissa.partition(".")[2])
    return _to_place(float(text), int(power) - digits)


def _to_place(number: float, place: int) -> str:
    """A number to the digit of 10^place: plain from 0.0001 to 999,999, else with its power."""
    if number and abs(number) < 0.5 * 10.0**place:
        place = math.floor(math.log10(abs(number))) - 1
    # Above 8 digits behind the point a float's own error shows.
    exponent = math.floor(math.log10(abs(number)) + 1e-12) if number else 0
    place = max(place, exponent - 8 if not -4 <= exponent < 6 else -8)
    rounded = round(number, -place)
    exponent = math.floor(math.log10(abs(rounded)) + 1e-12) if rounded else 0
    if -4 <= exponent < 6:
        return f"{rounded:,.{max(0, -place)}f}".replace("-", "−")
    lead = f"{abs(rounded) / 10.0**exponent:.{max(0, exponent - place)}f}"
    sign = "−" if number < 0 else ""
    tail = power_of_ten(exponent)
    return sign + (tail if lead == "1" else f"{lead}×{tail}")
