"""What locking a folder says beside the lock: tables not read, columns that differ or moved."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from data_checks.rules import harmless

OTHER_TABLES = (
    ".csv",
    ".tsv",
    ".json",
    ".jsonl",
    ".xls",
    ".xlsx",
    ".ods",
    ".feather",
    ".arrow",
    ".gz",
    ".zip",
)
HIDDEN = (".", "_", "~$")  # tools' own files; the last are a spreadsheet's while it is open
SHOWN = 3


def other_tables(folder: Path) -> list[Path]:
    """Return the files that look like tables of another format than Parquet, in a stable order."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in OTHER_TABLES and not path.name.startswith(HIDDEN) and path.is_file()
    )


def unread(folder: Path) -> str:
    """Return a line that names the tables which were not locked, and what reads them; nothing without any."""
    others = other_tables(folder)
    if not others:
        return ""
    names = ", ".join(harmless(path.name) for path in others[:SHOWN])
    more = f" and {len(others) - SHOWN} more" if others[SHOWN:] else ""
    verb = "are not Parquet and were" if others[1:] else "is not Parquet and was"
    return f"{names}{more} {verb} not read: {add(others[:SHOWN])}\n"


def instead(folder: Path, locked: bool) -> str:
    """Return what to do about a folder of other tables alone; `data add` adds only to what a lock names."""
    others = other_tables(folder)
    if not others:
        return ""
    more = f" and {len(others) - 1} more" if others[1:] else ""
    verb = f"{add(others[:1])} writes them in the suite's; " if locked else ""
    how = "COPY (FROM read_csv('a.csv')) TO 'a.parquet'"
    return (
        f" but {harmless(others[0].name)!r}{more}: no other format is read, since text has no types; "
        f"{verb}DuckDB converts: {how}"
    )


def add(paths: list[Path]) -> str:
    """Return the verb that takes these files."""
    return shlex.join(["python", "-m", "pipelines", "data", "add", *(harmless(str(path)) for path in paths)])


def differing(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """Return in which columns two files differ, each with its type in both."""
    columns = sorted({column for column, _ in here.items() ^ there.items()})
    first = ", ".join(
        f"{harmless(column)} ({here.get(column, 'not there')}, {there.get(column, 'not there')})"
        for column in columns[:SHOWN]
    )
    counted = f"{len(columns)} column{'s' if columns[1:] else ''}"
    return f"{counted}: {first}" + (", ..." if columns[SHOWN:] else "")


def moved(before: set[str], after: set[str]) -> Iterator[str]:
    """Yield a line for the columns that went and one for those that came."""
    for what, columns in (("gone", before - after), ("new", after - before)):
        if columns:
            yield f"columns {what}: {', '.join(map(harmless, sorted(columns)))}\n"
