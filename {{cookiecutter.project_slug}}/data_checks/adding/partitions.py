"""Where new rows go: beside the files that data.lock names, in folders as theirs.

`batch=4` is followed by `batch=5`; a folder whose column the suite declares (`region=north`) takes the rows
that say so; files in no folder get another beside them. What is there is never written over.
"""

# ruff: noqa: S608  (SQL is put together here; names and texts go through files.name and files.text)

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb

from data_checks import files, lock
from data_checks.adding.incoming import refuse
from data_checks.contract import Column
from data_checks.files import CANONICAL, name, text

MANY = 1000  # folders that one addition may write into
SAFE = re.compile(r"[\w. -]+")
NUMBERED = re.compile(r"(.*?[A-Za-z_]\w*=)(\d{1,9})")


def spread(
    connection: duckdb.DuckDBPyConnection,
    staged: Path,
    locked: lock.Lock,
    columns: Sequence[Column],
    folder: str,
) -> Iterator[tuple[str, Path]]:
    """Yield (folder below the prefix, file of rows) for all staged rows; `folder` is what the user asked for.

    Raises:
        Refused: E201 no folder could be named, E202 a value that can be no folder's name.
    """
    by = partitions(locked, columns)
    if not by:
        yield named(folder, locked, columns) if folder else following(locked), staged
        return
    if folder:
        refuse("E202", f"The folders are of the column {by[0]}, which each row has: leave --name out.")
    rows = f"read_parquet({files.place(staged)})"
    groups = connection.execute(
        f"SELECT DISTINCT {', '.join(map(name, by))} FROM {rows} ORDER BY ALL LIMIT {MANY + 1}"
    ).fetchall()
    if len(groups) > MANY:
        refuse("E202", f"The rows would go into more than {MANY:,} folders of {', '.join(by)}.")
    rest = ", ".join(name(column.name) for column in columns if column.name not in by)
    types = {column.name: column.type for column in columns}
    for number, group in enumerate(groups):
        words = words_of(group, by)
        path = staged.with_name(f"group-{number}.parquet")
        wanted = " AND ".join(
            f"{name(column)} = CAST({text(word)} AS {CANONICAL[types[column]]})"
            for column, word in zip(by, words, strict=True)
        )
        own = f"FROM {rows} WHERE {wanted}"
        long = files.long_rows(connection, f"({own})", columns)
        files.copy(connection, f"SELECT {rest} {own}", path, long)
        yield "/".join(f"{column}={word}" for column, word in zip(by, words, strict=True)), path


def words_of(group: Sequence[Any], by: Sequence[str]) -> list[str]:
    """Return the values of a group of rows as folders are called.

    Raises:
        Refused: E202, one of them can be no folder's name.
    """
    words = [str(value).lower() if isinstance(value, bool) else str(value) for value in group]
    if any(value is None or not SAFE.fullmatch(word) for value, word in zip(group, words, strict=True)):
        refuse("E202", f"A value of {', '.join(by)} is null, or cannot be a folder's name.")
    return words


def partitions(locked: lock.Lock, columns: Sequence[Column]) -> list[str]:
    """Return the declared columns that the locked files have as folders, from the outermost on."""
    declared = {column.name for column in columns}
    return [column for column in files.layout(locked.files[-1].key) if column in declared]


def named(folder: str, locked: lock.Lock, columns: Sequence[Column]) -> str:
    """Return the folder that the user asked for.

    Raises:
        Refused: E201, it is there already, leads elsewhere, or is named as a column, which it would replace.
    """
    folder = folder.strip("/")
    try:
        lock.check_key(f"{folder}/part-0.parquet")
    except lock.LockError:
        refuse("E201", "--name is not a path below the data folder.")
    if taken := files.layout(f"{folder}/part-0.parquet").keys() & {column.name for column in columns}:
        refuse("E201", f"--name: {min(taken)} is a column of the suite, which each row has: another name.")
    if any(file.key.startswith(f"{folder}/") for file in locked.files):
        refuse("E201", f"{folder} is in data.lock already: another --name, or none for the next one.")
    return folder


def following(locked: lock.Lock) -> str:
    """Return the folder after the last one.

    Raises:
        Refused: E201, the folders there are not numbered.
    """
    folders = {PurePosixPath(file.key).parent.as_posix() for file in locked.files}
    if folders == {"."}:
        return ""
    found = [match for folder in folders if (match := NUMBERED.fullmatch(folder))]
    if not found:
        refuse("E201", "The folders of the data are not numbered: say where with --name NAME=VALUE.")
    last = max(found, key=lambda match: int(match[2]))
    return f"{last[1]}{int(last[2]) + 1:0{len(last[2])}d}"


def free(folder: str, locked: lock.Lock, tree: Path, sha256: str) -> str:
    """Return a key that no file has; one that has these very bytes was left by a run that was cut off."""
    taken, number = {file.key for file in locked.files}, 0
    while True:
        key = (PurePosixPath(folder) / f"part-{number}.parquet").as_posix()
        path = tree / key
        if key not in taken and (not path.exists() or (path.is_file() and lock.sha256(path) == sha256)):
            return key
        number += 1
