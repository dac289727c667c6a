"""Which libraries a program of an image imports before its first own act, read from its source.

What a program does between two imports - sets a variable, switches warnings off, puts a folder on sys.path -
may be meant for the second: from there on nothing is loaded ahead.

In:   the image's files, `package.module` as in `python -m package.module`
Out:  names to import, in the order in which the program would
"""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path


class _Acts(Exception):
    """A module does something before it imports more."""


def libraries(root: Path, module: str) -> list[str]:
    """Return the modules outside of `root` and of Python's own that running `module` imports at its start."""
    found: dict[str, None] = {}
    with contextlib.suppress(_Acts):
        found.update((name, None) for name in _libraries(root, module, set()))
    return list(found)


def _libraries(root: Path, module: str, seen: set[str]) -> Iterator[str]:
    """Walk the import statements of a module and of the image's own modules behind them, depth first."""
    source = _source(root, module)
    if source is None or module in seen:
        return
    seen.add(module)
    try:
        tree = ast.parse(source.read_bytes())
    except SyntaxError:  # the program's own start will say so
        return
    for name in _imported(tree.body, module):
        top = name.partition(".")[0]
        if _source(root, top) is not None:
            yield from _own(root, name, seen)
        elif top not in sys.stdlib_module_names:
            yield name


def _own(root: Path, name: str, seen: set[str]) -> Iterator[str]:
    """Walk a module of the image, its packages first; `name` may end with what is no module."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        yield from _libraries(root, ".".join(parts[:length]), seen)


def _imported(body: list[ast.stmt], module: str) -> Iterator[str]:
    """Yield what the statements at a module's top import; of `from a import b` both a and a.b.

    Raises:
        _Acts: at the first that does something else.
    """
    for statement in body:
        if _acts(statement):
            raise _Acts
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            package = module.rsplit(".", statement.level)[0] if statement.level else ""
            base = ".".join(part for part in (package, statement.module) if part)
            if base != "__future__":
                yield base
                yield from (f"{base}.{alias.name}" for alias in statement.names if alias.name != "*")


def _acts(node: ast.stmt) -> bool:
    """Say whether a statement is there for its effect: a call, or a change of what belongs to another."""
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete)):
        targets = node.targets if isinstance(node, (ast.Assign, ast.Delete)) else [node.target]
        return any(isinstance(each, (ast.Subscript, ast.Attribute)) for each in targets)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or _is_for_others(node):
        return False
    return any(_acts(each) for each in ast.walk(node) if isinstance(each, ast.stmt) and each is not node)


def _is_for_others(node: ast.stmt) -> bool:
    """Say whether a statement is only for type checkers, or only for a module that is run."""
    test = ast.walk(node.test) if isinstance(node, ast.If) else ()
    return any(isinstance(each, ast.Name) and each.id in ("TYPE_CHECKING", "__name__") for each in test)


def _source(root: Path, module: str) -> Path | None:
    path = root / Path(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)
