"""The laws that `laws.js` has as formulas, and numbers as JSON that a page can hold."""

import json
import math
from collections.abc import Mapping
from typing import Any

LABELS = {
    "kaplan_nd": "Kaplan 2020, Eq. 1.5",
    "chinchilla": "Hoffmann 2022, Eq. 2",
    "skaling": "Skaling (Videau 2026)",
}
IN_SCRIPT = ("kaplan_nd", "chinchilla", "skaling")  # the laws of laws.js
DIGITS = 9  # significant digits: rounded again on the page, they round as the exact number
EXACT = 12  # of parameters, from which the scripts compute
WHOLE = 15  # of counts
UNSAFE = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026",
          0x2028: "\\u2028", 0x2029: "\\u2029"}  # fmt: skip


def rounded(value: float | None, digits: int = DIGITS) -> float | int | None:
    """A number with few significant digits; None where it is not finite."""
    if value is None or not math.isfinite(value):
        return None
    short = float(f"{value:.{digits - 1}e}")
    return int(short) if short == int(short) and abs(short) < 1e15 else short


def embedded(data: Mapping[str, Any]) -> str:
    """JSON in the order of the mapping, in which no text can end the element that holds it.

    >>> embedded({"a": "</script>"})
    '{"a":"\\\\u003c/script\\\\u003e"}'
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(UNSAFE)
