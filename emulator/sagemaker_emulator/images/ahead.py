"""Interpreters that load their libraries before their container starts.

On AWS an instance boots meanwhile; here a container is a process, and its imports are most of a short job.
While one step of a pipeline runs, the libraries of the next ones are loaded, one program after the other.
`take` hands such a process to the container it was loaded for. What is left at the end is ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sagemaker_emulator import children, endings, itself
from sagemaker_emulator.images import container, imports, loading
from sagemaker_emulator.images.container import Launch
from sagemaker_emulator.images.store import Image

VARIABLE = "SAGEMAKER_EMULATOR_LOAD_AHEAD"  # "0": every process begins when its container does


@dataclass(frozen=True)
class Program:
    """`python -m module` of an image."""

    image: str  # digest
    module: str


@dataclass(frozen=True)
class _Loaded:
    child: subprocess.Popen[bytes]
    line: socket.socket  # it says one byte when all is loaded, and reads what it is to be


_lock = threading.Lock()
_waiting: dict[Program, _Loaded] = {}


def program(image: str, command: list[str]) -> Program | None:
    """Return which program a command starts, None where it is not `python -m module`."""
    is_module = len(command) > 2 and command[0] == sys.executable and command[1] == "-m"
    return Program(image, command[2]) if image and is_module else None


def load(wanted: Iterable[tuple[Image, Program]]) -> None:
    """Load programs one after the other, each unless one of its kind waits already; return when all are."""
    if os.environ.get(VARIABLE) == "0":
        return
    for image, item in wanted:
        if image.files is not None and item not in _waiting:
            _load(image, image.files, item)


def take(launch: Launch) -> subprocess.Popen[bytes] | None:
    """Return a process that has become this container, or None where none was loaded for it."""
    wanted = program(launch.image, launch.command)
    with _lock:
        loaded = _waiting.pop(wanted, None) if wanted else None
    if loaded is None or wanted is None:
        return None
    order = {
        "env": launch.env,
        "cwd": str(launch.cwd),
        "module": wanted.module,
        "arguments": launch.command[3:],
    }
    try:
        with loaded.line:
            loaded.line.sendall(json.dumps(order).encode())
    except OSError:  # it died while it waited
        children.stop(loaded.child, 0)
        return None
    return loaded.child


def drop(programs: Iterable[Program]) -> None:
    """End what was loaded for programs that will not run."""
    with _lock:
        found = [loaded for item in programs if (loaded := _waiting.pop(item, None))]
    for loaded in found:
        children.stop(loaded.child, 0)
        loaded.line.close()


def _load(image: Image, files: Path, item: Program) -> None:
    modules = imports.libraries(files / image.workdir.lstrip("/"), item.module)
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, loading.__file__, str(theirs.fileno()), item.module, *modules]
        env = container.environment(image)
        try:
            child = children.start(command, itself.home(), env, subprocess.PIPE, pass_fds=(theirs.fileno(),))
        except OSError:
            ours.close()
            return
    with _lock:
        _waiting[item] = _Loaded(child, ours)
    with contextlib.suppress(OSError):  # handed over or dropped meanwhile
        ours.recv(1)


@endings.at_shutdown
def _drop_all() -> None:
    drop(list(_waiting))
