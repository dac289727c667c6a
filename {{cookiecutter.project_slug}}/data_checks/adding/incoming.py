"""New rows as somebody sends them: which files a source holds, of what form, and whether text is readable.

In:   a file or a folder, Parquet or CSV: by content, whatever a file is called
Out:  Source, one a file; what cannot be read is Refused before any of it is parsed, in a megabyte of memory
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from data_checks.contract import Column, Reason
from data_checks.rules import harmless

CHUNK_BYTES = 1 << 20
LONGEST_LINE = 1 << 20  # bytes: what DuckDB has to hold at once, several times
DELIMITERS = (",", ";", "\t", "|")
CONVERT = "write it as Parquet or CSV"
SHEETS = (".xlsx", ".xls", ".ods")
SAVE = "save it as CSV"
# How files begin that are no table to us, and what to do about each.
FOREIGN = {
    b"\x1f\x8b": "is compressed (gzip): unpack it",
    b"PK\x03\x04": f"is an archive or a spreadsheet (zip, xlsx): unpack it, or {SAVE}",
    b"\xd0\xcf\x11\xe0": f"is an old spreadsheet (xls): {SAVE}",
    b"\x28\xb5\x2f\xfd": "is compressed (zstd): unpack it",
    b"ARROW1": f"is an Arrow or Feather file: {CONVERT}",
    b"\xff\xfe": "is UTF-16: write it as UTF-8",
    b"\xfe\xff": "is UTF-16: write it as UTF-8",
}
MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")


class Refused(Exception):
    """New rows that are not taken, and why: a reason each, without any value of theirs."""

    def __init__(self, reasons: Iterable[Reason]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(" ".join(reason.message for reason in self.reasons))


@dataclass(frozen=True)
class Source:
    """One file of new rows."""

    name: str  # as messages call it
    path: Path
    form: str  # parquet or csv
    delimiter: str = ""  # of a CSV
    columns: tuple[str, ...] = ()  # of a CSV's header, in order


def sources(given: Sequence[Path], columns: Sequence[Column]) -> list[Source]:
    """Return all files of all sources, in a stable order.

    Raises:
        Refused: E201 for what is not there, holds no table, or is neither Parquet nor text that can be read;
            E202 for a header that does not name the columns.
    """
    found = [source for path in given for source in of_path(path, columns)]
    return found or refuse("E201", f"{harmless(given[0].name)} holds no file.")


def of_path(path: Path, columns: Sequence[Column]) -> Iterator[Source]:
    """Yield a file, or the files of a folder but those that tools hide (`_SUCCESS`, `.crc`)."""
    if not path.is_dir():
        yield recognised(path, path.name, columns)
        return
    for each in sorted(path.rglob("*")):
        name = each.relative_to(path)
        if each.is_file() and not any(part.startswith((".", "_")) for part in name.parts):
            yield recognised(each, name.as_posix(), columns)


def recognised(path: Path, name: str, columns: Sequence[Column]) -> Source:
    """Return what a file is, by how it begins.

    Raises:
        Refused: E201, E202.
    """
    name = harmless(name)
    if not path.is_file():
        refuse("E201", f"{name} is not there, or no file.")
    with path.open("rb") as stream:
        start = stream.read(1024)
    if not start:
        refuse("E201", f"{name} is empty.")
    if start.startswith(b"PAR1"):
        return Source(name, path, "parquet")
    if start.startswith(b"PK") and path.suffix.lower() in SHEETS:
        refuse("E201", f"{name} is a spreadsheet: {SAVE}.")
    for magic, what in FOREIGN.items():
        if start.startswith(magic):
            refuse("E201", f"{name} {what}.")
    text = start.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if text.startswith(MARKUP):
        refuse("E201", f"{name} is a page (HTML or XML) and no table: fetch the file itself.")
    if text.startswith((b"{", b"[")):
        refuse("E201", f"{name} is JSON: {CONVERT}.")
    check_text(path, name)
    return of_header(path, name, columns)


def check_text(path: Path, name: str) -> None:
    """Read a text file once, in chunks, before a parser sees it.

    Raises:
        Refused: E201 for bytes that are no UTF-8, zero bytes, and a line that no row can be.
    """
    decoder, line, long = codecs.getincrementaldecoder("utf-8")(), 1, 0  # long: bytes of the line so far
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                at = line + chunk[: error.start].count(b"\n")
                refuse("E201", f"{name} is not UTF-8 in line {at:,}: write it anew, encoded as UTF-8.")
            if (zero := chunk.find(b"\0")) >= 0:
                at = line + chunk[:zero].count(b"\n")
                refuse("E201", f"{name} is no text: line {at:,} holds a zero byte.")
            first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
            if long + (first if first >= 0 else len(chunk)) > LONGEST_LINE:
                refuse("E201", f"{name}: line {line:,} is longer than {LONGEST_LINE >> 20} MiB.")
            long = len(chunk) - last - 1 if last >= 0 else long + len(chunk)
            line += chunk.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        refuse("E201", f"{name} is not UTF-8: it breaks off within a letter.")


def of_header(path: Path, name: str, columns: Sequence[Column]) -> Source:
    """Return a CSV with the delimiter under which its header names most columns of the suite.

    Raises:
        Refused: E202 where it names none, which may be for lack of a header: its words are not repeated;
            E201 where the file's name says that it is no CSV.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        line = stream.readline(LONGEST_LINE)
    declared = {column.name for column in columns}
    heads = {mark: split(line, mark) for mark in DELIMITERS}
    best = max(DELIMITERS, key=lambda mark: len(declared & set(heads[mark])))
    head = heads[best]
    if not declared & set(head) and path.suffix.lower() in SHEETS:
        refuse("E201", f"{name} is named as a spreadsheet and is none: {SAVE}.")
    if not declared & set(head):
        refuse("E202", f"{name} has no header that names a column of the suite in its first line.")
    if twice := {word for word in head if head.count(word) > 1} & declared:
        refuse("E202", f"{name} has two columns {harmless(min(twice))}.")
    if len(set(head)) < len(head):
        refuse("E202", f"{name} has two columns of one name that the suite has not, or of none.")
    return Source(name, path, "csv", best, tuple(head))


def split(line: str, delimiter: str) -> list[str]:
    """Return the names in a header, without spaces around them."""
    try:
        return [word.strip() for word in next(csv.reader([line], delimiter=delimiter, strict=True), [])]
    except csv.Error:
        return []


def refuse(code: str, message: str, rule: str = "source") -> NoReturn:
    """Raise Refused for one reason about a file as a whole."""
    raise Refused([Reason(code, None, rule, 0, (), message)])
