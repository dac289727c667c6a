"""Ctrl-C in the middle of a release: exit 130, and no process stays behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

from tests.stories.world import LOCAL, OWN_AWS, copy_with_sample


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of the processes whose environment names the folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it ended, or is not ours
            if process.pid != os.getpid() and str(folder) in f"{process.environ()} {process.cwd()}":
                found.append(" ".join(process.cmdline()))
    return found


def wait_for_training(folder: Path, seconds: float = 60) -> None:
    """Return once a training process of this world runs."""
    until = time.monotonic() + seconds
    while not any("training.train" in command for command in processes_of(folder)):
        assert time.monotonic() < until, "no training process was seen"
        time.sleep(0.2)
    time.sleep(2)  # the verb looks five times a second, and knows of the step then


def test_ctrl_c_while_training_ends_with_130_and_leaves_nothing_running(tmp_path: Path) -> None:
    root, home = copy_with_sample(tmp_path), tmp_path / "state"
    environment = {name: value for name, value in os.environ.items() if name not in OWN_AWS} | LOCAL
    command = [sys.executable, "-m", "sagemaker_emulator", "run", "--home", str(home), "--"]
    command += [sys.executable, "-m", "pipelines", "local-test"]
    process = subprocess.Popen(
        command,
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    guard = threading.Timer(180, process.kill)
    guard.start()
    try:
        lines = []
        for line in process.stdout or ():
            lines.append(line)
            if "validate" in line and "✓" in line:  # the training job starts now
                break
        wait_for_training(home)
        process.send_signal(signal.SIGINT)
        rest = process.communicate()[0]
    finally:
        guard.cancel()
        process.kill()
    assert process.returncode == 130, "".join(lines) + rest
    told = rest.splitlines()
    first = next(number for number, line in enumerate(told) if line.startswith("■ interrupted"))
    assert told[first : first + 4] == [
        "■ interrupted: the emulator stops what it runs",
        "  local-test; a step marked ■ above was running",
        "  Ctrl-C, or a signal that ends this program",
        "  begin again: make local-test",
    ]
    assert any("■" in line and "train" in line for line in told[:first]), rest
    assert "Traceback" not in rest
    assert processes_of(home) == []
