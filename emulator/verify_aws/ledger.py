"""What was made and is not yet gone, on disk before it is made: even after a power cut it can be cleaned."""

from __future__ import annotations

import json
from pathlib import Path


class Ledger:
    """Pairs of (kind, name) in the order of their making; the file is there as long as something is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.made: list[tuple[str, str]] = []
        if path.exists():
            self.made = [(kind, name) for kind, name in json.loads(path.read_text(encoding="utf-8"))]

    def add(self, kind: str, name: str) -> None:
        """Note something about to be made."""
        self.made.append((kind, name))
        self._write()

    def drop(self, kind: str, name: str) -> None:
        """Note that it is gone."""
        self.made.remove((kind, name))
        self._write()

    def _write(self) -> None:
        if self.made:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self.made, indent=1), encoding="utf-8")
        else:
            self.path.unlink(missing_ok=True)
