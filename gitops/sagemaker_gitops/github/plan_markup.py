"""What a plan adds to markup.py: inline code, diffs that open on a click, the length of a comment.

A reader decides by a diff, so signs that would hide or reorder parts of it are shown by their numbers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LIMIT = 65_536  # characters of a comment, by GitHub
BYTES = 120_000  # of one variable, by which a plan comes to the job that posts it: Linux takes 131,072
LONGEST = 300  # characters of one thing that somebody else wrote
UNSEEN = ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")  # they can reorder or hide what a reader sees


@dataclass(frozen=True)
class Section:
    """A part that opens on a click: a title of our own words, and lines of a diff."""

    title: str
    lines: Sequence[str]
    opened: bool = False


def visible(value: Any, longest: int = LONGEST) -> str:
    """Return text on one line in which nothing is hidden, shortened in its middle."""
    text, half = " ".join(str(value).split()), longest // 2
    text = text if len(text) <= longest else f"{text[:half]} … {text[-half:]}"
    if text.isprintable():
        return text
    return "".join(f"\\u{ord(sign):04x}" if unicodedata.category(sign) in UNSEEN else sign for sign in text)


def code(value: Any) -> str:
    """Return text as inline code, in a sentence or a cell of a table."""
    text = visible(value) or "(empty)"
    if not re.search(r"[`|\\]", text):
        return f"`{text}`"
    return f"<code>{re.sub(r'[^A-Za-z0-9 ]', lambda found: f'&#{ord(found[0])};', text)}</code>"


def fold(section: Section, characters: int = LIMIT) -> str:
    """Return a section in at most so many characters, its title at least; what is left out is said."""
    shown = [f"{line[:1]}{_indented(line[1:])}" for line in section.lines[:LIMIT]]
    fence = "`" * max(3, 1 + max((len(run) for line in shown for run in re.findall("`+", line)), default=0))
    total = len(section.lines)
    room = characters - len(_folded(section, fence, [], total))
    kept = 0
    for line in shown:
        room -= len(line) + 1
        if room < 0:
            break
        kept += 1
    return _folded(section, fence, shown[:kept], total - kept)


def fit(start: str, sections: Sequence[Section], end: str, limit: int = LIMIT) -> str:
    """Return all parts within the limit: short sections stay whole, long ones share what is left."""
    left = limit - len(start) - len(end) - 2 * (len(sections) + 1)
    whole = {place: len(fold(section, LIMIT)) for place, section in enumerate(sections)}
    shown: dict[int, str] = {}
    for done, place in enumerate(sorted(whole, key=lambda key: whole[key])):
        shown[place] = fold(sections[place], left // (len(sections) - done))
        left -= len(shown[place])
    return cut("\n\n".join([start, *(shown[place] for place in range(len(sections))), end]), limit)


def cut(text: str, limit: int = LIMIT) -> str:
    """Return text that GitHub takes, whoever made it."""
    told = "\n\n(shortened: GitHub takes no longer comment)"
    body = text.encode()
    if len(text) <= limit and len(body) <= BYTES:
        return text
    return body[: BYTES - len(told)].decode(errors="ignore")[: limit - len(told)] + told


def _folded(section: Section, fence: str, kept: Sequence[str], out: int) -> str:
    opened = " open" if section.opened else ""
    block = "\n".join([f"{fence}diff", *kept, fence])
    lost = f"Left out: {out:,} of {out + len(kept):,} lines; a comment holds {LIMIT:,} characters."
    told = f"\n\n{lost}" if out else ""
    return f"<details{opened}><summary>{section.title}</summary>\n\n{block}{told}\n</details>"


def _indented(rest: str) -> str:
    return rest[: len(rest) - len(rest.lstrip(" "))] + visible(rest)
