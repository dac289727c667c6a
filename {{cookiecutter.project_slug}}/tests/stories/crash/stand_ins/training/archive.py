"""A model.tar.gz whose bytes depend on its files alone, packed and unpacked."""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path


def pack(files: dict[str, bytes], archive: Path) -> str:
    """Write an archive and return its sha256."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with (
        archive.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w") as tar,
    ):
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            tar.addfile(member, io.BytesIO(files[name]))
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def unpack(archive: Path) -> dict[str, bytes]:
    """Return an archive's files by name."""
    with tarfile.open(archive) as tar:
        opened = ((member.name.removeprefix("./"), tar.extractfile(member)) for member in tar)
        return {name: file.read() for name, file in opened if file}
