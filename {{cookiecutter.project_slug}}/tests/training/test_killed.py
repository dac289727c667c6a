"""A training that is killed, told to go or out of room: started again, it ends as if nothing had been."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.training.makers import make_job

PROJECT = Path(__file__).parents[2]
JOB = """
import resource, sys
from tests.training.makers import COLUMNS
from training import train
if room := int(sys.argv[1]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
train.COLUMNS = COLUMNS
sys.exit(train.main())
"""
EPOCHS = {"epochs": "12", "patience": "12", "batch-size": "32"}


def start(base: Path, room: int = 0) -> subprocess.Popen[str]:
    """Start the job in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", JOB, str(room)], cwd=PROJECT,
        env=os.environ | {"SAGEMAKER_BASE_DIR": str(base)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def model_of(base: Path) -> dict[str, str]:
    """Return the sha256 of each file of the model."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (base / "model").iterdir()}


def interrupt(base: Path, number: int, after: float) -> int:
    """Start the job, send it a signal a while after its first checkpoint, and return how it ended."""
    job, last = start(base), base / "checkpoints" / "last.checkpoint"
    before = last.stat().st_mtime_ns if last.exists() else 0
    while job.poll() is None and not (last.exists() and last.stat().st_mtime_ns > before):
        time.sleep(0.01)
    time.sleep(after)
    job.send_signal(number)
    job.communicate(timeout=60)
    return job.returncode


def test_a_training_killed_at_random_moments_ends_in_the_same_bytes(tmp_path):
    undisturbed = make_job(tmp_path / "a", hyperparameters=EPOCHS)
    job = start(undisturbed)
    assert job.wait(timeout=120) == 0, job.stdout.read()
    base, draw = make_job(tmp_path / "b", hyperparameters=EPOCHS), random.Random(13)
    ends = [interrupt(base, kill, draw.random() * 0.2) for kill in (signal.SIGKILL, signal.SIGTERM)]
    assert ends == [-signal.SIGKILL, 128 + signal.SIGTERM]
    assert not (base / "model").exists()
    again = start(base)
    told, _ = again.communicate(timeout=120)
    assert again.returncode == 0, told
    assert "resumed_after_epoch=" in told
    assert model_of(base) == model_of(undisturbed)


def test_without_room_on_the_disk_the_job_says_so_and_keeps_what_was_whole(tmp_path):
    base = make_job(tmp_path)
    job = start(base, room=10_000)
    told, _ = job.communicate(timeout=120)
    assert job.returncode == 1, told
    reason = (base / "output" / "failure").read_text()
    assert reason.startswith("no room for new.checkpoint ")
    assert "a larger volume_gb for this job in [jobs] of mlops.toml" in reason
    assert "Traceback" not in told
    assert list(base.rglob("*.tmp")) == []
    assert not (base / "model").exists()
