"""`sagemaker-emulator run -- CMD`: an emulator for the length of one command.

The command's exit code is passed on. Ctrl-C reaches the command exactly once: on a terminal it shares our
process group and the terminal tells both of us; elsewhere it gets a group of its own and we pass the signal
on.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from sagemaker_emulator import children, environment, listening

INTERRUPTED = 130


def run(command: list[str], port: int, home: Path | None, region: str | None) -> int:
    """Start an emulator, run `command` under its variables, stop everything, return the exit code.

    Raises PortTaken.
    """
    listener = listening.bind(port)
    with _folder(home) as folder:
        os.environ["SAGEMAKER_EMULATOR_HOME"] = str(folder)
        env = environment.child(listening.url(listener), folder, region)
        return _run_child(command, env, lambda child: _served(child, listener))


def _run_child(
    command: list[str], env: dict[str, str], wait: Callable[[subprocess.Popen[bytes]], int]
) -> int:
    """Start the command and `wait` for it; pass signals on."""
    own_group = not _on_terminal()
    received: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, _: FrameType | None) -> None:
        received.append(number)
        if child is None or child.returncode is not None:
            return
        if own_group:
            _signal(child.pid, number)
        elif number != signal.SIGINT:
            child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    try:
        child = subprocess.Popen(command, env=env, process_group=0 if own_group else None)
    except OSError as error:
        print(f"sagemaker-emulator: cannot run {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    if own_group:
        children.watch(child.pid)
        for number in received:  # arrived between the handler's birth and the child's
            _signal(child.pid, number)
    try:
        code = wait(child)
    finally:
        if own_group:
            children.unwatch(child.pid)
    if received:
        return INTERRUPTED if received[0] == signal.SIGINT else 128 + received[0]
    return code if code >= 0 else 128 - code


def _on_terminal() -> bool:
    try:
        with Path("/dev/tty").open("rb") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def _served(child: subprocess.Popen[bytes], listener: socket.socket) -> int:
    """Be the emulator until the child has ended; return how. What it asks while moto is imported waits."""
    try:
        from sagemaker_emulator import server  # here: while the child imports its own libraries

        with server.running(listener):
            return child.wait()
    except BaseException:
        child.kill()
        raise


def _signal(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


@contextmanager
def _folder(home: Path | None) -> Iterator[Path]:
    """Yield the state folder: the one that was asked for and is kept, or one that goes when the run ends."""
    if home is not None:
        home.mkdir(parents=True, exist_ok=True)
        yield home.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="sagemaker-emulator-")).resolve()
    children.remove_at_end(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
