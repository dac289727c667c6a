"""Measure the tree by the numbers that it is written to: lengths, types, documented errors, room by room.

Out:  a table: files and functions, the longest of each, arguments without type, errors that nobody documents
Run:  python tools/style.py
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INNER = ROOT / "{{cookiecutter.project_slug}}"
ROOMS = {
    "project": [
        INNER / name for name in ("data_checks", "training", "inference", "pipelines", "requirements")
    ],
    "verbs": [ROOT / "gitops/sagemaker_gitops"],
    "emulator": [ROOT / "emulator/sagemaker_emulator", ROOT / "emulator/verify_aws"],
    "template": [ROOT / name for name in ("hooks", "tools", "benchmarks")],
}
FILE, FUNCTION = 200, 40  # lines: about the most, and what is above is told
INTERNAL = {"AssertionError", "NotImplementedError"}  # a fault of ours, which no caller handles
HEAD = ("room", "files", f"above {FILE}", "longest", "functions", "median", f"above {FUNCTION}", "longest")
HEAD += ("arguments", "untyped", "undocumented raises")


@dataclass(frozen=True)
class Function:
    """One function, and what its signature and its docstring leave out."""

    where: str
    name: str
    lines: int
    arguments: int
    untyped: tuple[str, ...]
    unsaid: tuple[str, ...]  # errors that it raises itself and its docstring does not name


@dataclass(frozen=True)
class File:
    """One file with its functions."""

    where: str
    lines: int
    functions: tuple[Function, ...]


def files(room: str) -> list[File]:
    """Return every Python file of a room."""
    found = sorted(path for folder in ROOMS[room] for path in folder.rglob("*.py"))
    return [read(path) for path in found]


def read(path: Path) -> File:
    """Return a file's measures."""
    text, where = path.read_text("utf-8"), str(path.relative_to(ROOT))
    tree = ast.parse(text)
    defined = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return File(where, len(text.splitlines()), tuple(function(node, where) for node in defined))


def function(node: ast.FunctionDef | ast.AsyncFunctionDef, where: str) -> Function:
    """Return a function's measures."""
    given = node.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    asked = [each for each in named if each and each.arg not in ("self", "cls")]
    untyped = tuple(each.arg for each in asked if each.annotation is None)
    says = set(re.findall(r"\w+", ast.get_docstring(node) or ""))
    errors = {error for error in raised(node) if not says & {error, *ancestors(error)}} - INTERNAL
    # A private one is its caller's business.
    unsaid = () if node.name.startswith("_") else tuple(sorted(errors))
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    return Function(where, node.name, lines, len(asked), untyped, unsaid)


def raised(node: ast.AST) -> Iterator[str]:
    """Yield the names of the errors that a function raises itself, not those of functions within it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(child, ast.Raise) and child.exc is not None:
            error = child.exc.func if isinstance(child.exc, ast.Call) else child.exc
            name = error.attr if isinstance(error, ast.Attribute) else getattr(error, "id", "")
            if name[:1].isupper():
                yield name
        yield from raised(child)


def ancestors(error: str) -> set[str]:
    """Return the classes of ours that an error is one of, too: to name one of them is enough."""
    above = classes().get(error, set())
    return above.union(*(ancestors(each) for each in above)) & classes().keys()


@cache
def classes() -> dict[str, set[str]]:
    """Return {class: the names of its bases} of all rooms."""
    found: dict[str, set[str]] = {}
    for path in (path for folders in ROOMS.values() for folder in folders for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).rsplit(".", 1)[-1] for base in node.bases}
                found.setdefault(node.name, set()).update(bases)
    return found


def row(room: str) -> tuple[object, ...]:
    """Return a room's line of the table."""
    found = files(room)
    functions = [each for file in found for each in file.functions]
    longest, widest = max(file.lines for file in found), max(each.lines for each in functions)
    return (
        room,
        len(found),
        sum(file.lines > FILE for file in found),
        longest,
        len(functions),
        round(statistics.median(each.lines for each in functions)),
        sum(each.lines > FUNCTION for each in functions),
        widest,
        sum(each.arguments for each in functions),
        sum(len(each.untyped) for each in functions),
        sum(len(each.unsaid) for each in functions),
    )


def main() -> int:
    """Print the table in Markdown, and by name what is above the numbers."""
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for room in ROOMS:
        print(f"| {' | '.join(map(str, row(room)))} |")
    above = [file for room in ROOMS for file in files(room) if file.lines > FILE]
    for file in sorted(above, key=lambda file: -file.lines):
        print(f"{file.lines} lines: {file.where}")
    for each in (each for room in ROOMS for file in files(room) for each in file.functions):
        if each.lines > FUNCTION:
            print(f"{each.lines} lines: {each.where}, {each.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
