"""What locking a folder says beside the lock: tables that it does not read, and what does."""

from __future__ import annotations

import shlex
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
