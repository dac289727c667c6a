"""Text that others wrote, as Markdown and Mermaid that show it and do nothing else.

A commit's title, a branch, a release's name: none of it becomes markup, pings a person, refers to an issue or
closes one, or becomes a link.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import quote

BREAK = "&#8203;"  # nothing that is seen: what stands on both sides is no longer one word
SPECIAL = re.compile(r"://|www\.|\bGH-(?=\d)|[@#&<>\\`*_\[\](){}|~$!^]", re.IGNORECASE)
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
LONGEST = 300


def one_line(value: object, most: int = LONGEST) -> str:
    """Return what can be seen of a value, on one line."""
    words = " ".join(str(value).split())
    seen = "".join(char for char in words if unicodedata.category(char)[0] != "C")
    return seen if len(seen) <= most else f"{seen[: most - 1]}…"


def text(value: object, most: int = LONGEST) -> str:
    """Return Markdown that shows a value as it is, also in a table's cell."""
    return SPECIAL.sub(_plain, one_line(value, most))


def _plain(found: re.Match[str]) -> str:
    """Return one special character, or the beginning of a link or a reference, as text."""
    special = found[0]
    if special in ENTITIES:
        return ENTITIES[special]
    if special == "@":
        return f"@{BREAK}"
    if special in "#$":
        return f"\\{special}{BREAK}"
    if len(special) > 1:
        return special[:-1] + BREAK + special[-1] if special != "://" else f":{BREAK}//"
    return f"\\{special}"


def link(shown: object, url: str) -> str:
    """Return a link; a URL cannot leave its brackets."""
    return f"[{text(shown)}]({quote(url, safe=':/?#&=%@+,;~')})"


def block(lines: Sequence[str]) -> str:
    """Return lines as they are, in a block that none of them can end."""
    shown = [one_line(line, 2000) for line in lines]
    ticks = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, ticks + 1)
    return "\n".join([f"{fence}text", *shown, fence])


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table; its cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def label(*lines: object) -> str:
    """Return a Mermaid label: letters, digits and numbers' points stay, all else is written by its number."""
    shown = [one_line(line, 60) for line in lines if line]
    return f'"{"<br>".join(re.sub(r"[^A-Za-z0-9 ]", _numbered, line) for line in shown)}"'


def _numbered(found: re.Match[str]) -> str:
    inside = found.string[max(0, found.start() - 1) : found.end() + 1]
    return found[0] if re.fullmatch(r"\d[.,]\d", inside) else f"#{ord(found[0])};"
