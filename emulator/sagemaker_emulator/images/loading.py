"""Run by its own interpreter: load libraries, wait to be told which container to be, then be it.

In:   argv[1] a socket's descriptor, argv[2] the program that it is for (`ps` shows it), argv[3:] modules;
      on the socket, later, one JSON object:
      {"env": {...}, "cwd": "...", "module": "package.module", "arguments": [...]}, or nothing at its end
Out:  `python -m module arguments`, with that environment, in that folder

A library may read a variable while it is loaded. Where the container's environment says something else of
such a variable than ours did, nothing that was loaded counts: this process becomes a fresh interpreter.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import random
import runpy
import socket
import sys
import tempfile
from collections.abc import Iterator

# Read by code that asks the system and not Python, or by Python itself as it starts.
NATIVE = ("OMP_", "MKL_", "KMP_", "OPENBLAS_", "GOTO_", "NUMEXPR_", "CUDA_", "LD_", "MALLOC_", "PYTHON")
OURS = {"PYTHONPATH", "PYTHONUNBUFFERED", "TMPDIR"}  # which `become` puts in force afterwards

_read: set[str] = set()


def main() -> None:
    """Load, wait, become."""
    line, before = socket.socket(fileno=int(sys.argv[1])), dict(os.environ)
    load(sys.argv[3:])
    with line, line.makefile("rb") as told:
        with contextlib.suppress(OSError):  # who waits for it may have left
            line.send(b".")
        order = told.read()
    if order:
        become(json.loads(order), before)


def load(modules: list[str]) -> None:
    """Import what can be imported, silently; note which variables were read meanwhile."""
    kind = type(os.environ)
    original = kind.__getitem__

    def noted(self: os._Environ[str], name: str) -> str:
        _read.add(name)
        return original(self, name)

    kind.__getitem__ = noted  # type: ignore[method-assign]
    try:
        for name in modules:
            # The program itself meets what fails here, in its own words.
            with contextlib.suppress(BaseException), silence():
                importlib.import_module(name)
    finally:
        kind.__getitem__ = original  # type: ignore[method-assign]


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keep what is printed out of a log whose job has not begun."""
    nowhere = io.StringIO()
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield


def become(order: dict, before: dict[str, str]) -> None:
    """Run a module as `python -m` does; where its environment asks for it, in a fresh interpreter."""
    env, words = order["env"], order["arguments"]
    os.chdir(order["cwd"])
    if differs(before, env):
        os.execve(sys.executable, [sys.executable, "-m", order["module"], *words], env)  # noqa: S606
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None
    reseed()
    if env.get("PYTHONUNBUFFERED"):
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(write_through=True)  # type: ignore[union-attr]
    given = [path for path in env.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:1] = [order["cwd"], *given]
    importlib.invalidate_caches()
    sys.argv = ["-m", *words]
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)


def differs(before: dict[str, str], after: dict[str, str]) -> bool:
    """Say whether a variable that was read while loading, or may have been, has another value now."""
    names = {name for name in before.keys() | after.keys() if name.startswith(NATIVE)} | _read
    return any(before.get(name) != after.get(name) for name in names - OURS)


def reseed() -> None:
    """Give every generator of random numbers that was made while loading a seed of its own."""
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()


if __name__ == "__main__":
    main()
