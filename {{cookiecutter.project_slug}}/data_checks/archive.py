"""Take files out of a model archive that may be hostile.

A model.tar.gz lies in a bucket and may be truncated, swapped or a bomb, so only the named members are
taken, of at most a given size, and never outside the folder they are for.
"""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, cast

MAX_BYTES = 4 * 1024**3  # of an archive, unpacked; what a graph without external data can hold is half of it
MAX_TEXT_BYTES = 64 * 1024**2  # of one JSON file in it: those are read whole
MEMBERS = ("model.json", "model.onnx", "golden.json", "hashes.json")


class ArchiveError(Exception):
    """The archive is missing, damaged, too large, or lacks a member; the message says which."""


def unpack(archive: Path, folder: Path, members: Sequence[str] = MEMBERS, max_bytes: int = MAX_BYTES) -> Path:
    """Take the named members that the archive has, and nothing else, into a new folder.

    Raises:
        ArchiveError: it is missing, no gzipped tar, larger than `max_bytes`, or has a link for a member.
    """
    if not archive.is_file():
        raise ArchiveError(f"{archive.name} is missing")
    folder.mkdir(parents=True)
    try:
        with gzip.open(archive) as stream, tarfile.open(fileobj=_Capped(stream, max_bytes), mode="r|") as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if name not in members:
                    continue
                if not member.isfile() or (folder / name).exists():
                    raise ArchiveError(f"{archive.name} holds {name} twice, or not as a file")
                if name.endswith(".json") and member.size > MAX_TEXT_BYTES:
                    raise ArchiveError(f"{archive.name} holds {name} with more than {MAX_TEXT_BYTES:,} bytes")
                # The bytes alone: no owner, mode or link. tarfile's filters are younger than Python 3.11.2.
                with cast(IO[bytes], tar.extractfile(member)) as source, (folder / name).open("xb") as target:
                    shutil.copyfileobj(source, target)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ArchiveError(f"{archive.name} cannot be read ({type(error).__name__})") from error
    return folder


class _Capped(io.RawIOBase):
    """A stream that ends with an error once it gave more bytes than allowed."""

    def __init__(self, stream: gzip.GzipFile, left: int) -> None:
        self.stream, self.left = stream, left

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes. Raises ArchiveError for more, unpacked, than allowed."""
        content = self.stream.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise ArchiveError("the archive is larger than allowed, unpacked")
        return content
