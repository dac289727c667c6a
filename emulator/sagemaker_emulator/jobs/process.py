"""Run one container process: its output to a log stream, its time limited, its end told in one value."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from sagemaker_emulator import children
from sagemaker_emulator.images import ahead
from sagemaker_emulator.images.container import Launch
from sagemaker_emulator.jobs.logs import LogStream

NOT_FOUND = 127
CHUNK = 65536
DRAIN_SECONDS = 5.0  # a daemon that left the group may hold the pipe open for ever


@dataclass(frozen=True)
class Ended:
    """How a process came to its end. `code` is what a shell would show (128 + signal)."""

    code: int
    stopped: bool = False
    timed_out: bool = False


class JobProcess:
    """One process; `run` blocks until it has ended, `interrupt` ends it from another thread. No polling."""

    def __init__(self, launch: Launch, stream: LogStream, on_line: Callable[[str], None]) -> None:
        self._launch, self._stream, self._on_line = launch, stream, on_line
        self._wake = threading.Event()
        self._stop = False
        self._child: subprocess.Popen[bytes] | None = None

    def interrupt(self) -> None:
        """Ask the process to stop."""
        self._stop = True
        self._wake.set()

    def kill(self) -> None:
        """End the process without asking, as the kernel does when memory runs out."""
        if self._child is not None and self._child.poll() is None:
            self._child.kill()

    def run(self, max_seconds: float, grace_seconds: float) -> Ended:
        """Run to the end, a stop, or the time limit; nothing of its group is left afterwards."""
        try:
            child = self._started()
        except OSError as error:
            self._stream.write([f"exec {self._launch.command[:1]}: {error.strerror}"])
            return Ended(NOT_FOUND)
        assert child.stdout is not None
        self._child = child
        pump = threading.Thread(target=self._pump, args=(child.stdout,), daemon=True)
        waiter = threading.Thread(target=self._wait, args=(child,), daemon=True)
        pump.start()
        waiter.start()
        self._wake.wait(timeout=max_seconds)
        running = child.returncode is None
        if running:
            children.stop(child, grace_seconds)
        else:
            children.forget(child)
        waiter.join()
        pump.join(timeout=DRAIN_SECONDS)
        code = child.returncode if child.returncode >= 0 else 128 - child.returncode
        return Ended(code, stopped=running and self._stop, timed_out=running and not self._stop)

    def _started(self) -> subprocess.Popen[bytes]:
        loaded = ahead.take(self._launch)
        return loaded or children.start(self._command(), self._launch.cwd, self._launch.env, subprocess.PIPE)

    def _command(self) -> list[str]:
        if not self._launch.command:
            raise FileNotFoundError(2, "the image has no ENTRYPOINT and the request names none")
        return self._launch.command

    def _wait(self, child: subprocess.Popen[bytes]) -> None:
        child.wait()
        self._wake.set()

    def _pump(self, output: IO[bytes]) -> None:
        """Pass on output as it comes: whole lines, many in one event batch when they come fast."""
        rest = b""
        with output:
            while chunk := os.read(output.fileno(), CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                self._emit(lines)
        self._emit([rest])

    def _emit(self, raw: list[bytes]) -> None:
        # A carriage return is a progress bar drawing over itself: the last state is the line.
        lines = [line.decode("utf-8", "replace").rstrip("\r").rsplit("\r", 1)[-1] for line in raw]
        self._stream.write(lines)
        for line in lines:
            self._on_line(line)
