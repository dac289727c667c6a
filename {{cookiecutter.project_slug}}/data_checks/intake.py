"""Are these the locked files, whole, and do all of them hold the declared columns (E201, E202)?

Answered from hashes and Parquet footers, in milliseconds and before Great Expectations is imported: rules
about values say nothing while a file is another one or a column has another type.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_checks import files, lock
from data_checks.contract import CODES, Column, Reason
from data_checks.rules import harmless

COLUMN_SET = "expect_table_columns_to_match_set"
COLUMN_TYPE = "expect_column_values_to_be_of_type"
RULES = ("data_lock", COLUMN_SET, COLUMN_TYPE)
MANY = 20  # columns that are named one by one


@dataclass(frozen=True)
class Intake:
    """The locked files as they lie here, and what is wrong with them."""

    paths: Mapping[str, Path]  # key -> file
    rows: int
    types: Mapping[str, str]  # column -> logical type, of the first file
    reasons: tuple[Reason, ...]


def take(locked: lock.Lock, folder: Path, columns: Sequence[Column]) -> Intake:
    """Hold the files of a folder against lock and suite."""
    paths = {file.key: folder / file.key for file in locked.files}
    complaints = list(lock.problems(locked, folder))
    found: dict[str, files.Found] = {}
    for file in locked.files if not complaints else ():
        try:
            found[file.key] = files.inspect(paths[file.key])
            if found[file.key].rows != file.rows:
                complaints.append((file.key, "has another number of rows than data.lock says"))
        except files.UnreadableError as error:
            complaints.append((file.key, str(error)))
    rows = sum(file.rows for file in found.values())
    if not complaints and not rows:
        complaints.append(("the data", "holds no rows"))
    reasons = tuple(bad_file(key, complaint) for key, complaint in complaints) or tuple(
        disagreements(found, columns)
    )
    return Intake(paths, rows, next(iter(found.values())).types if found else {}, reasons)


def bad_file(key: str, complaint: str) -> Reason:
    """Return the reason for a file that is not what data.lock says."""
    return Reason(CODES["data_lock"], None, "data_lock", 0, (), f"{key} {complaint}.")


def disagreements(found: Mapping[str, files.Found], columns: Sequence[Column]) -> Iterator[Reason]:
    """Yield a reason for each column that is missing, undeclared or of another type in some file."""
    declared = {column.name: column.type for column in columns}
    missing, extra = Counter[str](), Counter[str]()
    wrong: dict[str, Counter[str]] = {}
    for key, file in found.items():
        types = {**file.types, **layout_types(key, declared)}
        missing.update(declared.keys() - types.keys())
        extra.update(types.keys() - declared.keys())
        for column, kind in types.items():
            if declared.get(column, kind) != kind:
                wrong.setdefault(column, Counter())[kind] += 1
    of_all = f"of {len(found)} files"
    yield from bad_columns(missing, f"missing in {{}} {of_all}", "missing in some file")
    yield from bad_columns(
        extra, f"in {{}} {of_all} but not in the suite", "in some file but not in the suite"
    )
    for column, kinds in sorted(wrong.items()):
        held = " and ".join(f"{kind} in {count} {of_all}" for kind, count in kinds.items())
        wanted = declared[column]
        if kinds.keys() - files.CANONICAL.keys():  # a timestamp, a list: no suite can say that
            wanted += f", and no column may be other than {', '.join(files.CANONICAL)}"
        yield bad_column(COLUMN_TYPE, column, f"is {held}; the suite says {wanted}")


def bad_columns(columns: Counter[str], each: str, many: str) -> Iterator[Reason]:
    """Yield a reason for each column, one for all of them where nobody would read so many."""
    if len(columns) <= MANY:
        for column, count in sorted(columns.items()):
            yield bad_column(COLUMN_SET, column, f"is {each.format(count)}")
        return
    first = ", ".join(harmless(column) for column in sorted(columns)[:3])
    message = f"{len(columns):,} columns are {many}, the first: {first}."
    yield Reason(CODES[COLUMN_SET], None, COLUMN_SET, 0, (), message)


def layout_types(key: str, declared: Mapping[str, str]) -> dict[str, str]:
    """Return the types of the declared columns that a file's folders hold (`region=north/part-0.parquet`)."""
    fits = {
        "integer": int,
        "number": float,
        "boolean": {"true": True, "false": False}.__getitem__,
        "string": str,
    }
    types = {}
    for column, value in files.layout(key).items():
        if column in declared:
            try:
                fits[declared[column]](value)
                types[column] = declared[column]
            except (KeyError, ValueError):
                types[column] = "string"
    return types


def bad_column(rule: str, column: str, complaint: str) -> Reason:
    """Return a reason about a column as a whole."""
    shown = harmless(column)
    return Reason(CODES[rule], shown, rule, 0, (), f"Column {shown} {complaint}.")
