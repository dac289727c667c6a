"""Model archives: pack one whose bytes depend on its files alone. data_checks/archive.py unpacks them."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from data_checks.archive import ArchiveError, unpack

__all__ = ["ArchiveError", "pack", "sha256", "unpack"]


def pack(files: Mapping[str, bytes], archive: Path) -> str:
    """Write a model.tar.gz and return its sha256; the same files give the same bytes, always."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with (
        archive.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name in sorted(files):
            member = tarfile.TarInfo(name)  # owner 0, mode 644, time 0: nothing of this machine
            member.size = len(files[name])
            tar.addfile(member, io.BytesIO(files[name]))
    return sha256(archive.read_bytes())


def sha256(content: bytes) -> str:
    """Return the hash that hashes.json and evaluation.json hold."""
    return hashlib.sha256(content).hexdigest()
