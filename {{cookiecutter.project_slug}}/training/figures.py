"""Numbers as people read them, for the gate's sentences and the report."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

MINUS = "\N{MINUS SIGN}"


def figure(value: float, apart_from: float | None = None, sign: bool = False) -> str:
    """Return a number in four digits, or in as many as it needs to differ in print from another one.

    `sign` puts a plus before a positive number, for differences.
    """
    text = ""
    for digits in (4, 6, 9):
        text = _digits(abs(value), digits)
        if apart_from is None or abs(value) == abs(apart_from) or text != _digits(abs(apart_from), digits):
            break
    return {True: MINUS, False: "+" if sign and value > 0 else ""}[value < 0] + text


def spread(low: float, high: float, sign: bool = False) -> str:
    """Return an interval in words."""
    return f"95% interval {figure(low, sign=sign)} to {figure(high, sign=sign)}"


def number(value: Any) -> float | None:
    """Return a finite number, or None for everything else that JSON can hold."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    return float(value) if good else None


def interval(entry: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the ends of an entry's interval, or None where one is missing."""
    low, high = number(entry.get("low")), number(entry.get("high"))
    return None if low is None or high is None or low > high else (low, high)


def _digits(value: float, digits: int) -> str:
    if value >= 10**digits:
        return f"{value:,.0f}"
    # Digits behind the point, not significant ones: 0.8912 beside 0.8900, and 0.0004 beside both.
    places = digits if value < 1 else max(0, digits - len(f"{value:.0f}"))
    text = f"{value:,.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.2g}" if text == "0" and value else text
