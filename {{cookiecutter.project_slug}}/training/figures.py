"""Numbers as people read them, for the gate's sentences and the report."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

MINUS = "\N{MINUS SIGN}"


def figure(value: float, apart_from: float | None = None, sign: bool = False, pad: bool = False) -> str:
    """Return a number in four digits, or in as many as it needs to differ in print from another one.

    `sign` puts a plus before a positive number, for differences; `pad` keeps zeros at the end, for columns.
    """
    text, size, other = "", abs(value), abs(value if apart_from is None else apart_from)
    for digits in (4, 6, 9):
        text = _digits(size, digits, pad)
        if size == other or text != _digits(other, digits, pad):
            break
    return (MINUS if value < 0 else "+" if sign and value > 0 else "") + text


def spread(low: float, high: float, sign: bool = False) -> str:
    """Return an interval in words."""
    return f"95% interval {figure(low, sign=sign, pad=True)} to {figure(high, sign=sign, pad=True)}"


def number(value: Any) -> float | None:
    """Return a finite number, or None for all else: null, NaN, a text, and true, which Python counts as 1."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known and isfinite(value) else None


def interval(entry: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the ends of an entry's interval, or None where one is missing."""
    low, high = number(entry.get("low")), number(entry.get("high"))
    return None if low is None or high is None else (low, high)


def _digits(value: float, digits: int, pad: bool) -> str:
    if not value:
        return "0"
    # Digits behind the point, not significant ones: 0.8912 beside 0.8900, and 0.0004 beside both.
    places = digits if value < 1 else max(0, digits - len(f"{value:.0f}"))
    text = f"{value:,.{places}f}"
    if not float(text.replace(",", "")):
        return f"{value:.2g}"  # smaller than its last place
    return text if pad or "." not in text else text.rstrip("0").rstrip(".")
