""".dockerignore: which files of a context a COPY may see."""

from __future__ import annotations

import re
from pathlib import Path


class Ignore:
    """The rules of one .dockerignore; the last one that matches decides."""

    def __init__(self, lines: list[str]) -> None:
        self._rules: list[tuple[bool, re.Pattern[str]]] = []
        for line in lines:
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            keep = line.startswith("!")
            pattern = line.lstrip("!").strip().strip("/")
            if pattern.startswith("./"):
                pattern = pattern[2:]
            if pattern and pattern != ".":
                self._rules.append((keep, re.compile(_regex(pattern))))

    @classmethod
    def read(cls, context: Path, dockerfile: Path) -> Ignore:
        """Read `<Dockerfile>.dockerignore` or the context's own; none means that nothing is ignored."""
        for path in (dockerfile.with_name(dockerfile.name + ".dockerignore"), context / ".dockerignore"):
            if path.is_file():
                return cls(path.read_text(encoding="utf-8").splitlines())
        return cls([])

    def hides(self, path: str) -> bool:
        """Return whether the file at `path`, relative to the context, is left out."""
        hidden = False
        for keep, pattern in self._rules:
            if pattern.match(path):
                hidden = not keep
        return hidden


def _regex(pattern: str) -> str:
    """Translate Go's filepath.Match with `**`; a pattern that names a folder covers what lies in it."""
    out = ""
    index = 0
    while index < len(pattern):
        if pattern.startswith("**/", index):
            out, index = out + "(?:.*/)?", index + 3
        elif pattern.startswith("**", index):
            out, index = out + ".*", index + 2
        elif pattern[index] == "*":
            out, index = out + "[^/]*", index + 1
        elif pattern[index] == "?":
            out, index = out + "[^/]", index + 1
        elif pattern[index] == "[" and "]" in pattern[index:]:
            end = pattern.index("]", index)
            out, index = out + pattern[index : end + 1], end + 1
        else:
            out, index = out + re.escape(pattern[index]), index + 1
    return out + "(?:/.*)?$"
