"""From what a source holds to the types that the suite declares: SQL, and what does not fit, by row number.

Numbers may have spaces around them; an integer may be written 3.0; booleans are true and false in any case;
an empty field is null, quoted or not. Nothing else is understood: no decimal comma, no 1_000, no inf.
"""

# ruff: noqa: S608  (SQL is put together here; names and texts go through files.name and files.text)

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from data_checks import files, intake
from data_checks.adding.incoming import LONGEST_LINE, Refused, Source, refuse
from data_checks.contract import Column, Reason
from data_checks.files import CANONICAL, name, text
from data_checks.rules import harmless

WHOLE = r"\s*[+-]?[0-9]+(\.0*)?\s*"
COMMA = r"\s*[+-]?[0-9.]*,[0-9]+\s*"
# What a spreadsheet would run, or a browser read: told of texts without a set, and taken; `<=50K` is none.
RUN = r"(?s)([=@\t\r]|[+-].*([|!]|[A-Za-z]\()).*|.*<[a-zA-Z!/][^<>]*>.*"
# Types of Parquet files that may stand for another one where no value is lost.
STANDS_FOR = {
    "integer": ("number", "ubigint", "hugeint"),
    "number": ("integer",),
}
ROWS_SHOWN = 3
RUNNABLE = "formula_or_markup"
MARK = "a value does not fit"
ROW = "row\u00a0number"  # no column of a suite


@dataclass(frozen=True)
class Cast:
    """One column: its value in the declared type, and when the value that is there is none of it."""

    column: Column
    value: str
    wrong: str  # SQL; empty: nothing can be
    said: str  # "is no integer"


def stage(connection: duckdb.DuckDBPyConnection, source: Source, columns: Sequence[Column], to: Path) -> int:
    """Write a source's rows in the declared types, in their order; return how many.

    Raises:
        Refused: E201 a file that cannot be read to its end, E202 other columns, or values that do not fit.
    """
    casts = [of_text(c) if source.form == "csv" else of_type(c, t) for c, t in typed(source, columns)]
    table = relation(source)
    tests = [f"WHEN {cast.wrong} THEN error({text(MARK)})" for cast in casts if cast.wrong]
    guard = f"CASE {' '.join(tests)} ELSE true END" if tests else "true"
    selected = ", ".join(f"{cast.value} AS {name(cast.column.name)}" for cast in casts)
    said = ""
    try:
        long = files.long_rows(connection, table, columns)
        files.copy(connection, f"SELECT {selected} FROM {table} WHERE {guard}", to, long)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        said = str(error)  # it quotes rows: never passed on
    if not said:
        return files.inspect(to).rows
    if MARK in said and source_is_whole(connection, table):
        raise Refused(misfits(connection, table, casts, source))
    return refuse("E201", f"{source.name} {broken(said, source)}.")


def runnable(
    connection: duckdb.DuckDBPyConnection, staged: Path, columns: Sequence[Column], source: Source
) -> Iterator[Reason]:
    """Yield a reason to look for each open text with formulas or markup: how many, in which rows first.

    They are taken, from whatever form of file: whoever shows a text has to escape it, as the reports do.
    """
    texts = [column.name for column in columns if column.type == "string" and column.values is None]
    if not texts:
        return
    where = [f"FILTER (regexp_full_match({name(column)}, {text(RUN)}))" for column in texts]
    counted = ", ".join(f"count(*) {each}, min({name(ROW)}, {ROWS_SHOWN}) {each}" for each in where)
    numbered = f"SELECT *, row_number() OVER () AS {name(ROW)} FROM read_parquet({files.place(staged)})"
    found = connection.execute(f"SELECT {counted} FROM ({numbered})").fetchall()[0]
    for column, count, first in zip(texts, found[::2], found[1::2], strict=True):
        if count:
            message = (
                f"Column {harmless(column)} holds a formula or markup in {rows_of(count, first, source)}"
            )
            yield Reason("E205", harmless(column), RUNNABLE, count, (), f"{message}: taken as it is.")


def rows_of(count: int, first: Sequence[int], source: Source) -> str:
    """Return how many rows of which file, and the first by number: of lines, a quoted text may hold many."""
    shown = ", ".join(f"{number:,}" for number in first)
    which = f"row {shown}" if count == 1 else f"{count:,} rows, the first: {shown}"
    return f"{which} of {source.name}" + (", not counting the header" if source.form == "csv" else "")


def source_is_whole(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Say whether every row can be parsed: only then can they be counted."""
    try:
        connection.execute(f"SELECT count(COLUMNS(*)) FROM {table}").fetchall()
    except duckdb.Error:
        return False
    return True


def typed(source: Source, columns: Sequence[Column]) -> Iterator[tuple[Column, str]]:
    """Yield each column with the type that it has in the source.

    Raises:
        Refused: E201 a Parquet file without a footer; E202 columns that are missing, undeclared or of another
            type.
    """
    declared = {column.name: column.type for column in columns}
    if source.form == "csv":
        found = dict.fromkeys(source.columns, "text")
    else:
        try:
            found = dict(files.inspect(source.path).types)
        except files.UnreadableError as error:
            refuse("E201", f"{source.name} {error}.")
    named = len(declared.keys() & found.keys())
    if 2 * named < len(found):  # a first row, taken for a header, must not be quoted
        rest = f"{len(found) - named} of its {len(found)} columns are not in the suite"
        refuse("E202", f"{source.name}: {rest}, {len(declared) - named} of the suite's are missing.")
    as_meant = {
        column: declared[column] if kind == "text" or kind in STANDS_FOR.get(declared[column], ()) else kind
        for column, kind in found.items()
        if column in declared
    }
    types = {**found, **as_meant}
    if reasons := list(intake.disagreements({source.name: files.Found(0, types)}, columns)):
        raise Refused(reasons)
    for column in columns:
        yield column, found[column.name]


def of_text(column: Column) -> Cast:
    """Return how a column comes out of text."""
    raw = name(column.name)
    value = f"TRY_CAST({raw} AS {CANONICAL[column.type]})"
    said = f"is no {column.type}"
    if column.type == "string":
        return Cast(column, raw, "", "")
    if column.type == "boolean":
        value = f"CASE lower(trim({raw})) WHEN 'true' THEN true WHEN 'false' THEN false END"
        return Cast(column, value, f"{raw} IS NOT NULL AND {value} IS NULL", said)
    odd = f"NOT isfinite({value}) OR contains({raw}, '_')"
    if column.type == "integer":  # a cast alone would take 1.5 for 2; most are written as they are read
        same, whole = f"CAST({value} AS VARCHAR) = {raw}", f"regexp_full_match({raw}, {text(WHOLE)})"
        odd = f"CASE WHEN {same} THEN false ELSE NOT {whole} END"
    wrong = f"CASE WHEN {raw} IS NULL THEN false WHEN {value} IS NULL THEN true ELSE {odd} END"
    return Cast(column, value, wrong, said)


def of_type(column: Column, kind: str) -> Cast:
    """Return how a column comes out of a Parquet file's own type."""
    raw = name(column.name)
    value = f"CAST({raw} AS {CANONICAL[column.type]})"
    if kind == column.type:
        return Cast(column, value, "", "")
    value = f"TRY_CAST({raw} AS {CANONICAL[column.type]})"
    back = "BIGINT" if column.type == "number" else "DOUBLE" if kind == "number" else "HUGEINT"
    wrong = f"TRY_CAST({value} AS {back}) IS DISTINCT FROM TRY_CAST({raw} AS {back})"
    if kind != "integer":
        wrong = f"{raw} IS NOT NULL AND ({value} IS NULL OR {wrong})"
    return Cast(column, value, wrong, f"is no {column.type} without loss")


def relation(source: Source) -> str:
    """Return a source as SQL reads it; a CSV as text in all columns."""
    where = files.place(source.path)
    if source.form == "parquet":
        return f"read_parquet({where}, hive_partitioning = false)"
    columns = ", ".join(f"{text(column)}: 'VARCHAR'" for column in source.columns)
    return (
        f"read_csv({where}, auto_detect = false, header = true, delim = {text(source.delimiter)}, "
        f"quote = '\"', escape = '\"', columns = {{{columns}}}, nullstr = '', "
        f"max_line_size = {LONGEST_LINE}, hive_partitioning = false)"
    )


def misfits(
    connection: duckdb.DuckDBPyConnection, table: str, casts: Sequence[Cast], source: Source
) -> Iterator[Reason]:
    """Yield a reason for each column with values that do not fit: how many, in which rows first."""
    suspects = [cast for cast in casts if cast.wrong]
    numbered = f"SELECT *, row_number() OVER () AS {name(ROW)} FROM {table}"
    for cast in suspects:
        raw = name(cast.column.name)
        comma = f"coalesce(regexp_full_match(CAST({raw} AS VARCHAR), {text(COMMA)}), false)"
        (count, commas, first), *_ = connection.execute(
            f"SELECT count(*), count_if({comma}), min({name(ROW)}, {ROWS_SHOWN}) FROM ({numbered}) "
            f"WHERE {cast.wrong}"
        ).fetchall()
        if count:
            column, numeric = harmless(cast.column.name), cast.column.type in ("integer", "number")
            hint = f"; {commas:,} with a comma: write a decimal point" if commas and numeric else ""
            message = f"Column {column} {cast.said} in {rows_of(count, first, source)}{hint}."
            yield Reason("E202", column, intake.COLUMN_TYPE, count, (), message)


def broken(said: str, source: Source) -> str:
    """Return why a file cannot be parsed, of what DuckDB says only the line's number and the kind."""
    if source.form == "parquet":
        return "cannot be read to its end"
    line = re.search(r"CSV Error on Line: (\d+)", said)
    where = f"in line {int(line[1]):,}" if line else "somewhere"
    if wanted := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", said):
        return f"has {wanted[2]} fields {where}, its header {wanted[1]}"
    if "unterminated quote" in said:
        return f"has a quotation mark {where} that is not closed, or text after one that is"
    if "Maximum line size" in said:
        return (
            f"has a row {where} longer than {LONGEST_LINE >> 20} MiB, or a quotation mark that is not closed"
        )
    return f"is no well-formed CSV {where}: one delimiter, one kind of line end, quotes doubled within quotes"
