"""data.lock: which files are the data, byte for byte. Git holds the lock, storage holds the files.

In:   a folder of Parquet files
Out:  data.lock (JSON): prefix, key column, rows, schema, and for each file its key, size, rows and sha256
Run:  python -m data_checks.lock data/adult --key row_id
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

SCHEMA_VERSION = 1
CHUNK_BYTES = 1 << 20
_HEX = frozenset("0123456789abcdef")


class LockError(Exception):
    """data.lock cannot be read or made; the message names the entry and what was expected."""


@dataclass(frozen=True)
class LockFile:
    """One file: its key below the prefix, and what identifies its bytes."""

    key: str
    size: int  # bytes
    rows: int
    sha256: str
    version_id: str | None = None  # of the object on S3: recorded, never part of an identity


@dataclass(frozen=True)
class Lock:
    """The whole of data.lock."""

    prefix: str  # folder below the repository, and prefix in the bucket
    key: str  # the column that identifies a row
    rows: int
    schema: tuple[dict[str, str], ...]  # {"name", "type"}, types of the contract
    files: tuple[LockFile, ...]


def read(path: Path) -> Lock:
    """Read data.lock.

    Raises:
        LockError: it is missing, is not JSON, lacks an entry, or names a file outside its folder.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LockError(f"{path.name} is not there; python -m data_checks.lock writes it") from None
    except (OSError, ValueError):
        raise LockError(
            f"{path.name} cannot be read as JSON; python -m data_checks.lock writes it anew"
        ) from None
    if not isinstance(content, dict) or content.get("schema_version") != SCHEMA_VERSION:
        raise LockError(f"{path.name}: schema_version is not {SCHEMA_VERSION}")
    try:
        files = tuple(_file(entry) for entry in content["files"])
        schema = tuple({"name": str(item["name"]), "type": str(item["type"])} for item in content["schema"])
        lock = Lock(str(content["prefix"]), str(content["key"]), int(content["rows"]), schema, files)
    except (KeyError, TypeError, ValueError) as error:
        raise LockError(f"{path.name}: an entry is missing or of the wrong kind: {error}") from None
    if not files or len({file.key for file in files}) != len(files):
        raise LockError(f"{path.name}: files is empty or names a key twice")
    return lock


def _file(entry: dict[str, Any]) -> LockFile:
    """Return one entry of `files`, its key and hash held against what they may be."""
    version = entry.get("version_id")
    file = LockFile(str(entry["key"]), int(entry["size"]), int(entry["rows"]), str(entry["sha256"]), version)
    check_key(file.key)
    if len(file.sha256) != 64 or not set(file.sha256) <= _HEX:
        raise LockError(f"data.lock: sha256 of {file.key} is not 64 lower-case hex digits")
    return file


def check_key(key: str) -> None:
    """Refuse a key that could lead out of its folder.

    Raises:
        LockError: the key is absolute, empty, not normal, or holds `..`, a backslash or a control character.
    """
    parts = PurePosixPath(key).parts
    if not parts or key.startswith("/") or ".." in parts or "\\" in key or not key.isprintable():
        raise LockError(f"data.lock: key {key!r} is not a path below the data folder")
    if str(PurePosixPath(key)) != key:
        raise LockError(f"data.lock: key {key!r} is not written in its shortest form")


def write(lock: Lock, path: Path) -> None:
    """Write data.lock whole, in one stable form: a diff shows what changed and nothing else."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(
        json.dumps({"schema_version": SCHEMA_VERSION} | asdict(lock), indent=2) + "\n", encoding="utf-8"
    )
    partial.replace(path)


def problems(lock: Lock, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (key, what is wrong) for each locked file that is not, byte for byte, in this folder."""
    root = folder.resolve()
    for file in lock.files:
        path = (root / file.key).resolve()
        if not path.is_relative_to(root):
            yield file.key, "leads out of the data folder"
        elif not path.is_file():
            yield file.key, "is missing"
        elif path.stat().st_size == 0:
            yield file.key, "is empty"
        elif path.stat().st_size != file.size:
            yield file.key, f"has {path.stat().st_size} bytes where data.lock says {file.size}"
        elif sha256(path) != file.sha256:
            yield file.key, "has another sha256 than data.lock says"


def sha256(path: Path) -> str:
    """Return a file's sha256 in hex, read in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def make(folder: Path, key: str, prefix: str, known: Lock | None = None) -> Lock:
    """Return the lock of all Parquet files in a folder.

    `known` is the lock so far: object versions are kept for files whose bytes are the same.

    Raises:
        LockError: no Parquet files, an unreadable one, other columns in one of them, or no key column.
    """
    from data_checks import files, remarks  # here: reading a lock must not cost an import of DuckDB

    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*.parquet"))}
    if not paths:
        locked = known is not None and known.prefix == prefix
        raise LockError(f"{folder} holds no Parquet files{remarks.instead(folder, locked)}")
    versions = {(file.key, file.sha256): file.version_id for file in (known.files if known else ())}
    locked, types = [], {}
    for name, path in paths.items():
        check_key(name)
        try:
            found = files.inspect(path)
        except files.UnreadableError as error:
            raise LockError(f"{name} {error}") from None
        types = types or dict(found.types)
        if found.types != types:
            disagree = remarks.differing(found.types, types)
            raise LockError(f"{name} and {next(iter(paths))} disagree on {disagree}")
        digest = sha256(path)
        locked.append(LockFile(name, path.stat().st_size, found.rows, digest, versions.get((name, digest))))
    if key not in types:
        raise LockError(f"the files in {folder} have no column {key!r}, the key")
    schema = tuple({"name": column, "type": kind} for column, kind in types.items())
    return Lock(prefix, key, sum(file.rows for file in locked), schema, tuple(locked))


def known_so_far(path: Path) -> Lock | None:
    """Return the lock that is there; nothing where there is none, or a damaged one, which is told."""
    try:
        return read(path) if path.exists() else None
    except LockError as error:
        sys.stderr.write(f"written anew, object versions are not kept: {error}\n")
        return None


def main(argv: list[str] | None = None) -> int:
    """Write data.lock for a folder and say what it holds, and what it leaves out."""
    from data_checks import remarks  # here: as in make

    parser = argparse.ArgumentParser(prog="python -m data_checks.lock", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of Parquet files, relative to the repository")
    parser.add_argument("--key", required=True, help="column that identifies a row")
    parser.add_argument("--lock", type=Path, default=Path("data.lock"))
    args = parser.parse_args(argv)
    try:
        known = known_so_far(args.lock)
        lock = make(args.folder, args.key, args.folder.as_posix(), known)
    except LockError as error:
        sys.stderr.write(f"data.lock not written: {error}\n")
        return 1
    write(lock, args.lock)
    files = f"{len(lock.files)} file{'s' if lock.files[1:] else ''}"
    sys.stdout.write(f"{args.lock}: {files}, {lock.rows} rows, {len(lock.schema)} columns\n")
    if known:
        before, after = ({column["name"] for column in each.schema} for each in (known, lock))
        sys.stdout.writelines(remarks.moved(before, after))
    sys.stdout.write(remarks.unread(args.folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
