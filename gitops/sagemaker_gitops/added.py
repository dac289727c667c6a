"""What new rows change, shown: a table on a terminal, plain lines elsewhere; shares and counts, no value."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from sagemaker_gitops import data
from sagemaker_gitops.data import Lock

MOST = 40  # columns that are shown: those that moved most
WIDTH = 80
FOR_GIT = 50 << 20  # bytes: GitHub warns of a larger file, and refuses one twice as large
MOVED = ((0.25, "much", "red"), (0.1, "some", "yellow"))  # PSI beyond what chance does


def show(console: Console, told: dict[str, Any]) -> None:
    """Print rows, schema and how each column moved."""
    for line in summary(told):
        console.print(Text(f"  {line}"))
    columns = sorted(told["columns"], key=lambda column: -column["psi"])
    if console.is_terminal:
        console.print(Padding(table(columns[:MOST]), (0, 0, 0, 2)), width=min(console.width, WIDTH))
    else:
        for column in columns[:MOST]:
            facts = "  ".join(f"{name} {value}" for name, value in figures(column).items() if value)
            console.print(Text(f"  {column['name']}: {facts}"))
    if len(columns) > MOST:
        console.print(f"  and {len(columns) - MOST} columns more, which moved less")


def summary(told: dict[str, Any]) -> Iterator[str]:
    """Yield what holds for the table as a whole."""
    rows, schema = told["rows"], told["schema"]
    splits = ", ".join(f"{name} {count:,}" for name, count in told["splits"].items())
    yield f"rows    {rows['before']:,} + {rows['added']:,} = {rows['after']:,}   ({splits})"
    changes = [f"{word} {', '.join(schema[word])}" for word in ("added", "removed") if schema[word]]
    changes += [f"{item['name']}: {item['before']} to {item['after']}" for item in schema["retyped"]]
    yield f"schema  {schema['columns']} columns, {'; '.join(changes) or 'as locked'}"
    for warning in told["warnings"]:
        yield f"! {warning['code']} {' '.join(warning['message'].split())}"


def table(columns: list[dict[str, Any]]) -> Table:
    """Return how each column moved, the one that moved most first."""
    made = Table(Column("so far→new", ratio=1), box=None, padding=(0, 1, 0, 0), expand=True)
    for name in ("missing", "mean", "categories", "top", "PSI"):
        made.add_column(name, justify="right")
    for column in made.columns:
        column.no_wrap, column.overflow = True, "ellipsis"
    for column in columns:
        missing, mean, categories, top, psi = figures(column).values()
        made.add_row(Text(column["name"]), missing, mean, categories, top, Text(psi, colour(column)))
    return made


def figures(column: dict[str, Any]) -> dict[str, str]:
    """Return a column's figures in words, in the table's order; top: the most frequent category."""
    missing, mean, top, fresh = (column[name] for name in ("missing", "mean", "top", "new_categories"))
    word = next((word for least, word, _ in MOVED if beyond(column) >= least), "")
    categories = "" if column["categories"] is None else f"{column['categories']:,}"
    return {
        "missing": f"{missing['before']:.1%}→{missing['new']:.1%}" if any(missing.values()) else "",
        "mean": f"{short(mean['before'])}→{short(mean['new'])}" if mean else "",
        "categories": f"{categories}, {fresh:,} new: {column['new_share']:.1%}" if fresh else categories,
        "top": f"{top['before']:.0%}→{top['new']:.0%}" if top else "",
        "PSI": f"{column['psi']:.2f}{f' {word}' if word else ''}",
    }


def short(mean: float) -> str:
    """Return a mean in four digits, or as a whole number."""
    return f"{mean:,.0f}" if 10_000 <= abs(mean) < 1e9 else f"{mean:,.4g}"


def beyond(column: dict[str, Any]) -> float:
    """Return by how much a column's PSI is above what chance alone may do."""
    return column["psi"] - column["chance"]


def colour(column: dict[str, Any]) -> str:
    """Return the colour of how much a column moved."""
    return next((name for least, _, name in MOVED if beyond(column) >= least), "")


def following(lock: Lock, place: str, root: Path, told: dict[str, Any]) -> list[str]:
    """Return what to do next: git keeps the files where it keeps the others, else the bucket does.

    `place` is where the lock lies, below the root.
    """
    commit = f'git commit -m "New data: {told["rows"]["added"]:,} rows"'
    here = len(data.tracked(root, lock)) == len(lock.files)
    if here and max(file["size"] for file in told["files"]) <= FOR_GIT:
        places = {str(PurePosixPath(lock.prefix, file["key"])) for file in told["files"]}
        return [f"next: {shlex.join(['git', 'add', place, *sorted(places)])} && {commit}"]
    return [
        "next: python -m pipelines data push      (the bucket keeps the files, git the lock)",
        f"      {shlex.join(['git', 'add', place])} && {commit}",
    ]
