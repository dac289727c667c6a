"""What doctor finds: each with its verdict, what is so, why that matters, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "bad": ("✗", "red")}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    about: str
    verdict: str  # ok, warn, bad
    what: str
    why: tuple[str, ...] = ()
    fix: str = ""


def ok(about: str, what: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding(about, "ok", what)


def warn(about: str, what: str, *why: str, fix: str = "") -> Finding:
    """Return a finding that stops nothing, or that nobody could look at."""
    return Finding(about, "warn", what, why, fix)


def bad(about: str, what: str, *why: str, fix: str) -> Finding:
    """Return a finding that will stop a release."""
    return Finding(about, "bad", what, why, fix)


def table(found: Iterable[Finding]) -> Table:
    """Return the findings for a reader."""
    shown = Table.grid(padding=(0, 2))
    for item in found:
        mark, colour = MARKS[item.verdict]
        shown.add_row(Text(f"  {mark}", colour), item.about, Text(item.what))
        for line in (*item.why, item.fix):
            if line:
                shown.add_row("", "", Text(f"  {line}", "dim" if line != item.fix else ""))
    return shown
