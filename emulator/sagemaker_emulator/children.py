"""Every process the emulator starts, in a group of its own, and the promise that none outlives the emulator.

Three nets: whoever starts a child stops it; `stop_all` runs at shutdown; and a guardian process, which holds
the other end of a pipe, kills the groups it was told of when the emulator dies without saying goodbye
(SIGKILL, a crash), and removes the temporary folders it was told of.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from sagemaker_emulator import endings

# Runs in its own interpreter with next to nothing imported; it starts in 20 ms. A killed process may still
# write for a moment, hence the second try at a folder.
GUARDIAN = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
groups, folders = set(), []
for line in sys.stdin:
    sign, word = line[0], line[1:].strip()
    if sign == "/":
        folders.append(os.fsdecode(bytes.fromhex(word)))
    else:
        (groups.add if sign == "+" else groups.discard)(int(word))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
import shutil, time
deadline = time.monotonic() + 10
for folder in folders:
    shutil.rmtree(folder, ignore_errors=True)
    while os.path.exists(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
        shutil.rmtree(folder, ignore_errors=True)
"""

_lock = threading.Lock()
_living: dict[int, subprocess.Popen[bytes]] = {}
_guardian: subprocess.Popen[str] | None = None


def start(
    command: list[str], cwd: Path, env: dict[str, str], output: IO[bytes] | int, **options: Any
) -> subprocess.Popen[bytes]:
    """Start `command` as the leader of a new process group. Raises OSError when it cannot be executed."""
    child = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **options,
    )
    with _lock:
        _living[child.pid] = child
        _tell_guardian("+", child.pid)
    return child


def watch(group: int) -> None:
    """Have the guardian end a group that was started elsewhere, should the emulator die."""
    with _lock:
        _tell_guardian("+", group)


def unwatch(group: int) -> None:
    """Sweep up what is left of a watched group whose leader has ended; its number may soon be another's."""
    _signal_group(group, signal.SIGKILL)
    with _lock:
        _tell_guardian("-", group)


def remove_at_end(folder: Path) -> None:
    """Have the guardian remove a folder when the emulator ends, however it ends."""
    with _lock:
        _tell_guardian("/", os.fsencode(folder).hex())


def forget(child: subprocess.Popen[bytes]) -> None:
    """Sweep up what an ended child left in its group and stop watching it."""
    _signal_group(child.pid, signal.SIGKILL)
    with _lock:
        if _living.pop(child.pid, None) is not None:
            _tell_guardian("-", child.pid)


def stop(child: subprocess.Popen[bytes], grace_seconds: float) -> None:
    """Ask the whole group to end, wait at most `grace_seconds`, then end it."""
    _signal_group(child.pid, signal.SIGTERM)
    try:
        child.wait(timeout=grace_seconds)
    except subprocess.TimeoutExpired:
        _signal_group(child.pid, signal.SIGKILL)
        child.wait()
    forget(child)


def stop_all(grace_seconds: float = 2.0) -> None:
    """End every child: all are asked first, so that one grace serves all."""
    with _lock:
        children = list(_living.values())
    for child in children:
        _signal_group(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=max(0.0, deadline - time.monotonic()))
    for child in children:
        _signal_group(child.pid, signal.SIGKILL)
        child.wait()
        forget(child)
    _dismiss_guardian()


def living() -> int:
    """Return how many children run."""
    with _lock:
        return len(_living)


def _signal_group(group: int, number: int) -> None:
    # PermissionError: on macOS, a group of which only zombies are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _tell_guardian(sign: str, word: int | str) -> None:
    global _guardian
    if _guardian is None:
        _guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", GUARDIAN],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    assert _guardian.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        _guardian.stdin.write(f"{sign}{word}\n")
        _guardian.stdin.flush()


def _dismiss_guardian() -> None:
    global _guardian
    with _lock:
        guardian, _guardian = _guardian, None
    if guardian is not None and guardian.stdin is not None:
        guardian.stdin.close()
        guardian.wait()


endings.at_shutdown(stop_all)
