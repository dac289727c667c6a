"""data.lock as the release reads it: which files, which bytes. The jobs check what they get against it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import SettingsError


@dataclass(frozen=True)
class LockedFile:
    """One file of the data: its key below the prefix and its bytes."""

    key: str
    size: int
    sha256: str  # hex
    version_id: str | None = None  # recorded, never hashed: the same bytes are the same data


@dataclass(frozen=True)
class Lock:
    """The whole of data.lock, and its own bytes."""

    prefix: str  # below the bucket, and below the repository's root
    rows: int
    files: tuple[LockedFile, ...]
    text: bytes

    def snapshot_id(self) -> str:
        """Return the sha256 of every file's key, size and sha256."""
        facts = sorted((file.key, file.size, file.sha256) for file in self.files)
        return hashlib.sha256(json.dumps([self.prefix, facts]).encode()).hexdigest()


def read(path: Path) -> Lock:
    """Read data.lock, or raise SettingsError E502."""
    todo = "make it again: python -m data_checks.lock data/NAME --key KEY"
    try:
        text = path.read_bytes()
        facts = json.loads(text)
        files = tuple(
            LockedFile(item["key"], item["size"], item["sha256"], item.get("version_id"))
            for item in facts["files"]
        )
        lock = Lock(facts["prefix"].strip("/"), facts["rows"], files, text)
    except FileNotFoundError:
        raise SettingsError(
            "E502", f"there is no {path}", str(path), "it names the data of a release", todo
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"it is not as it must be ({type(error).__name__})"
        raise SettingsError("E502", f"{path} cannot be read", str(path), why, todo) from None
    if not files:
        raise SettingsError("E502", f"{path} names no file", str(path), "a release needs data", todo)
    return lock
