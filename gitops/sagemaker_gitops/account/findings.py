"""What doctor finds: each with its verdict, what is so, why that matters, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.text import Text

from sagemaker_gitops.story import typed

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


def lines(found: Iterable[Finding]) -> Iterator[Text]:
    """Yield the findings for a reader, each line whole: a link or a command that is cut helps nobody."""
    found = list(found)
    width = max((len(item.about) for item in found), default=0)
    for item in found:
        mark, colour = MARKS[item.verdict]
        yield Text.assemble((f"  {mark}  ", colour), f"{item.about:{width}}  {item.what}")
        indent = " " * (width + 7)
        yield from (Text(f"{indent}{why}", "dim") for why in item.why)
        if item.fix:
            yield Text(f"{indent}→ {typed(item.fix)}")
