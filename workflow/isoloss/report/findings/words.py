"""Numbers and lists as words of a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

from isoloss.charts import with_interval
from isoloss.report.study import known
from isoloss.results.fits import FittedNumber

__all__ = ["brief", "capital", "count", "inside", "known", "like", "listed", "percent", "times"]

# Columns of runs as a reader knows them.
COLUMNS = {
    "n_params": "N", "n_params_non_embedding": "N", "n_tokens": "D", "n_unique_tokens": "D",
    "n_samples": "D", "compute_flops": "C", "degree": "degree", "n_inputs": "dimensions",
    "width": "width", "steps": "steps",
}  # fmt: skip

MOST = 4  # significant digits of a number in a sentence


def percent(share: float) -> str:
    """A share as a percentage with two digits.

    >>> percent(0.00934), percent(0.1234), percent(0)
    ('0.93 %', '12 %', '0 %')
    """
    value = 100 * share
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f} %"
    digits = max(0, 1 - math.floor(math.log10(abs(value)) + 1e-9))
    return f"{value:.{digits}f} %".replace("-", "−")


def times(ratio: float) -> str:
    """A factor with two digits, or whole above ten.

    >>> times(3.4641), times(10.79), times(12345)
    ('3.5', '11', '12,345')
    """
    return f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:,.0f}"


def listed(parts: Sequence[str]) -> str:
    """Parts of a sentence in a row: "a", "a and b", "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + f" and {parts[-1]}"


def count(number: int, noun: str) -> str:
    """A number of things: "1 run", "24 runs", "1,024 runs"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def brief(
    value: float, lo: float | None = None, hi: float | None = None, least: int = 0
) -> tuple[str, str]:
    """A value and its interval with the digits that a sentence needs: one or two of half the width.

    `least` is how many significant digits the value has at least.

    >>> brief(0.53966, 0.4613, 0.6535), brief(0.62, 0, 1.43), brief(2.763, 0.05, 3.07, least=3)
    (('0.54', '0.46 to 0.65'), ('0.6', '0 to 1.4'), ('2.76', '0.05 to 3.07'))
    """
    plain = known(value) and (value == 0 or 1e-4 <= abs(value) < 1e6)
    if not (plain and known(lo) and known(hi) and hi > lo and max(abs(lo), abs(hi)) < 1e6):
        return with_interval(value, lo if known(lo) else None, hi if known(hi) else None)
    half = (hi - lo) / 2
    power = math.floor(math.log10(half) + 1e-9)
    digits = max(0, -power + (half < 5 * 10.0**power))
    if value:
        first = -math.floor(math.log10(abs(value)) + 1e-9)  # decimal of its first digit
        digits = max(0, min(max(digits, first + least - 1), first + MOST - 1))

    def text(number: float) -> str:
        return "0" if number == 0 else f"{number:.{digits}f}".replace("-", "−")

    return text(value), f"{text(lo)} to {text(hi)}"


def like(value: float, as_text: str) -> str:
    """A number with as many decimals as another one has.

    >>> like(1.45408, "1.48")
    '1.45'
    """
    plain = as_text.lstrip("−-")
    if not plain.replace(".", "", 1).isdigit():
        return with_interval(value)[0]
    return f"{value:.{len(plain.partition('.')[2])}f}".replace("-", "−")


def capital(sentence: str) -> str:
    """A sentence with a capital at its start."""
    return sentence[:1].upper() + sentence[1:]


def inside(number: FittedNumber) -> bool:
    """Whether the interval of a number holds the value that theory expects."""
    return number.lo <= number.theory <= number.hi
