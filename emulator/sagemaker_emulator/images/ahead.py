"""Interpreters that load their libraries before their container starts.

On AWS an instance boots meanwhile; here a container is a process, and its imports are most of a short job.
While one step of a pipeline runs, its `Loader` loads the libraries of the next ones, one program after the
other. `take` hands such a process to the container it was loaded for. What is left at the end is ended; but
one server may wait on for the endpoint of the model that was registered.
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


@dataclass(eq=False)
class _Loaded:
    child: subprocess.Popen[bytes]
    line: socket.socket  # it says one byte when all is loaded, and reads what it is to be
    env: dict[str, str]
    owner: Loader | None  # None: kept beyond the end of its execution


_lock = threading.Lock()
_waiting: dict[Program, _Loaded] = {}
_loaders: set[Loader] = set()  # those that have not ended


def program(image: str, command: list[str]) -> Program | None:
    """Return which program a command starts, None where it is not `python -m module`."""
    is_module = len(command) > 2 and command[0] == sys.executable and command[1] == "-m"
    return Program(image, command[2]) if image and is_module else None


class Loader:
    """Loads ahead for one execution, until `end`."""

    def __init__(self) -> None:
        with _lock:
            _loaders.add(self)

    def load(self, wanted: Iterable[tuple[Image, Program]]) -> None:
        """Load programs one after the other, each unless one of its kind waits already."""
        if os.environ.get(VARIABLE) == "0":
            return
        for image, item in wanted:
            if image.files is not None and (loaded := self._start(image, image.files, item)):
                with contextlib.suppress(OSError):  # handed over or ended meanwhile
                    loaded.line.recv(1)

    def end(self, keep: Program | None = None) -> None:
        """End what nobody took, and load no more; `keep` waits on, in place of what was kept before."""
        with _lock:
            _loaders.discard(self)
            owners: set[Loader | None] = {self}
            if keep in _waiting:
                owners.add(None)
            found = [item for item, loaded in _waiting.items() if loaded.owner in owners and item != keep]
            dropped = [_waiting.pop(item) for item in found]
            if keep in _waiting:
                _waiting[keep].owner = None
        _stop(dropped)

    def _start(self, image: Image, files: Path, item: Program) -> _Loaded | None:
        modules = imports.libraries(files / image.workdir.lstrip("/"), item.module)
        env = container.environment(image, files)
        with _lock:  # until it stands in the table: `end` finds it there, or it is not started
            if self not in _loaders or item in _waiting:
                return None
            ours, theirs = socket.socketpair()
            number = theirs.fileno()
            command = [sys.executable, loading.__file__, str(number), item.module, *modules]
            try:
                with theirs:
                    child = children.start(command, itself.home(), env, subprocess.PIPE, pass_fds=(number,))
            except OSError:
                ours.close()
                return None
            _waiting[item] = loaded = _Loaded(child, ours, env, self)
            return loaded


def take(launch: Launch) -> subprocess.Popen[bytes] | None:
    """Return a process that has become this container, or None where none was loaded for it."""
    wanted = program(launch.image, launch.command)
    with _lock:
        loaded = _waiting.pop(wanted, None) if wanted else None
    if loaded is None:
        return None
    order = {"command": launch.command, "cwd": str(launch.cwd), "env": launch.env, "given": loaded.env}
    try:
        with loaded.line:
            loaded.line.sendall(json.dumps(order).encode())
    except OSError:  # it died while it waited
        children.stop(loaded.child, 0)
        return None
    return loaded.child


def _stop(dropped: Iterable[_Loaded]) -> None:
    for loaded in dropped:
        children.stop(loaded.child, 0)
        loaded.line.close()


@endings.at_shutdown
def _end_all() -> None:
    with _lock:
        _loaders.clear()
        dropped = list(_waiting.values())
        _waiting.clear()
    _stop(dropped)
