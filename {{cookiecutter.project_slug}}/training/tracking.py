"""Record the training as an MLflow run, beside the training and never in its way.

In:   tracking-uri of the hyperparameters: a server, a SQLite file, a SageMaker ARN; empty for none
Out:  one run: parameters, the figures of each epoch, tags release_id and commit; BASE/model/tracking.json,
      which tells evaluation what became of the run and is no part of what is served

MLflow takes seconds to import and minutes to give up a lost server. So it runs in a process of its own
(recording.py), which is told of each epoch through a pipe. What fails there costs one warning.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)
TOLD = "tracking.json"
OFF, LOST, DONE = "off", "lost", "done"  # what became of the run
# How long a training waits at its end for the run to be written. MLflow's first import and a new SQLite
# file take up to 15 seconds, most of them while the training runs; a lost server is given up long before.
PATIENCE_SECONDS = 30
# How long an early end waits. To kill MLflow while it makes a new SQLite file would leave one that nobody
# can use.
CLOSING_SECONDS = 10
# MLflow's own defaults are 7 retries with growing pauses, 120 seconds each. The job's environment wins.
QUICK = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "4",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


class Tracker:
    """The training's end of the pipe. No method that records raises, and only `finish` waits."""

    def __init__(
        self, process: subprocess.Popen[str] | None = None, uri: str = "", experiment: str = ""
    ) -> None:
        self._process = process
        state = LOST if process else OFF  # until the other end has said that the run is written
        self.told = {"state": state, "uri": address(uri), "experiment": experiment, "run": ""}

    @classmethod
    def start(cls, uri: str, experiment: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> Tracker:
        """Start recording, or say that there is nowhere to record to."""
        if not uri:
            log.info("tracking=none note='tracking-uri is empty'")
            return cls()
        process = subprocess.Popen(
            [sys.executable, "-m", "training.recording"],
            text=True,
            env=QUICK | os.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # MLflow writes pages about its database there
        )
        tracker = cls(process, uri, experiment)
        tracker._send({"uri": uri, "experiment": experiment, "params": dict(params), "tags": dict(tags)})
        return tracker

    def epoch(self, record: Mapping[str, float]) -> None:
        """Record the figures of one epoch."""
        figures = {name: value for name, value in record.items() if name != "epoch"}
        self._send({"step": record["epoch"], "metrics": figures, "at": _now()})

    def finish(self, best: Mapping[str, float]) -> None:
        """Record the best epoch and wait until the run is written."""
        figures = {f"best_{name}": value for name, value in best.items()}
        self._send({"step": best["epoch"], "metrics": figures, "at": _now(), "status": "FINISHED"})
        if self._process is None:
            return
        try:
            said, _ = self._process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._give_up("it did not answer in time")
            return
        if said.startswith("run="):
            log.info("tracking=done %s", said.strip())
            self.told |= {"state": DONE, "run": said.strip().removeprefix("run=")}
        else:
            self._give_up(said)

    def leave(self, folder: Path) -> None:
        """Write what became of the run where evaluation finds it; a full disk costs no more than that."""
        try:
            (folder / TOLD).write_text(json.dumps(self.told), encoding="utf-8")
        except OSError as error:
            log.warning("tracking=untold reason=%r note='training goes on without it'", error.strerror)

    def close(self) -> None:
        """End the recording; a run that was not finished is marked as failed."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            _end(process, CLOSING_SECONDS)

    def _send(self, message: dict[str, Any]) -> None:
        """Write one line. The other end reads at all times, so this does not block."""
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except OSError:  # it has ended already
            self._give_up(self._process.stdout.read() if self._process.stdout else "")

    def _give_up(self, reason: str) -> None:
        """Say once that the run is not recorded, and go on without."""
        reason = reason.strip() or "the recording process died"
        log.warning("tracking=lost reason=%r note='training goes on without it'", reason)
        process, self._process = self._process, None
        if process is not None:
            _end(process, wait_seconds=0)


def address(uri: str) -> str:
    """Return a server's address as everybody may read it: without user, password or query."""
    return re.sub(r"//.*@", "//", uri).split("?", 1)[0]


def told(text: bytes) -> dict[str, str]:
    """Return what tracking.json says, as short text; "off" where it is missing or is none of ours."""
    try:
        found = json.loads(text)
    except ValueError:  # no JSON, or no text at all
        found = {}
    names = ("state", "uri", "experiment", "run")
    said = {name: str(found.get(name, ""))[:1024] for name in names} if isinstance(found, dict) else {}
    return said if said.get("state") in (LOST, DONE) else dict.fromkeys(names, "") | {"state": OFF}


def _end(process: subprocess.Popen[str], wait_seconds: float) -> None:
    """Close the pipe, which tells the process to end; kill it when it does not."""
    try:
        process.communicate(timeout=wait_seconds)
    except (subprocess.TimeoutExpired, ValueError, OSError):  # ValueError: the pipe is closed already
        process.kill()
        process.wait()


def _now() -> int:
    """Return milliseconds since 1970, as MLflow counts time."""
    return int(time.time() * 1000)
