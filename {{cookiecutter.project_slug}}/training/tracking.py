"""Record the training as an MLflow run, beside the training and never in its way.

In:   --, tracking-uri of the hyperparameters: a server, a SQLite file, a SageMaker ARN; empty for none
Out:  one run: parameters, metrics of each epoch, tags release_id and commit

MLflow takes seconds to import and minutes to give up on a lost server. It therefore runs in a second process that is told
of each epoch through a pipe. What fails there costs one warning: a release never waits for its diary.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

log = logging.getLogger(__name__)
# Seconds that a training waits at its end for the run to be written: MLflow's import and a new SQLite file take up to 15.
PATIENCE_SECONDS = 30
# MLflow's own: 7 retries with growing pauses, 120 seconds each. Set any of them in the environment to differ.
HTTP = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "4",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
Message = dict[str, Any]


class Tracker:
    """The training's side of the pipe. Every method returns at once, except finish, and none raises."""

    def __init__(self, process: subprocess.Popen[str] | None) -> None:
        self._process = process

    @classmethod
    def start(cls, uri: str, experiment: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> Tracker:
        """Start recording, or say that there is nothing to record to."""
        if not uri:
            log.info("tracking=none note='no tracking-uri is set'")
            return cls(None)
        command = [sys.executable, "-m", "training.tracking"]
        pipes: dict[str, Any] = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.DEVNULL,
        }
        tracker = cls(subprocess.Popen(command, text=True, env=HTTP | os.environ, **pipes))
        tracker._send({"uri": uri, "experiment": experiment, "params": dict(params), "tags": dict(tags)})
        return tracker

    def epoch(self, record: Mapping[str, float]) -> None:
        """Record the metrics of one epoch."""
        metrics = {name: value for name, value in record.items() if name != "epoch"}
        self._send({"step": int(record["epoch"]), "metrics": metrics, "at": int(time.time() * 1000)})

    def finish(self, best: Mapping[str, float]) -> None:
        """Record the best epoch and wait until the run is written."""
        metrics = {f"best_{name}": value for name, value in best.items()}
        self._send({"step": int(best["epoch"]), "metrics": metrics, "at": int(time.time() * 1000)})
        self._send({"status": "FINISHED"})
        if self._process is None:
            return
        try:
            said, _ = self._process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._warn("it did not answer in time")
            return
        outcome = (said.strip().splitlines() or ["the recording process died"])[-1]
        if outcome.startswith("run="):
            log.info("tracking=done %s", outcome)
        else:
            self._warn(outcome)

    def close(self) -> None:
        """End the recording; a run that was not finished is marked as failed."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.communicate(timeout=2)  # closes the pipe: the run is marked as failed
        except (subprocess.TimeoutExpired, ValueError, OSError):
            process.kill()
            process.wait()

    def _send(self, message: Message) -> None:
        """Write one line; the other side reads at all times, so this does not block."""
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except OSError:  # it has ended; finish would say the same
            said = self._process.stdout.read() if self._process.stdout else ""
            self._warn((said.strip().splitlines() or ["the recording process died"])[-1])

    def _warn(self, reason: str) -> None:
        """Say once that the run is not recorded, and stop trying."""
        log.warning("tracking=lost reason=%r note='the training goes on without it'", reason)
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


def main() -> int:
    """Be the recording process: messages on stdin, one line on stdout: run=<id>, or why there is none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too; the end of the pipe is what counts
    messages: queue.Queue[Message | None] = queue.Queue()
    threading.Thread(target=_listen, args=(messages,), daemon=True).start()
    try:
        print(f"run={record(messages)}", flush=True)
    except Exception as error:
        # The kind only: messages of connection errors hold the URI, which may hold a password.
        print(type(error).__name__, flush=True)
        return 1
    return 0


def record(messages: queue.Queue[Message | None]) -> str:
    """Write one MLflow run as the messages arrive; return its id. Raises whatever MLflow raises."""
    start = messages.get()
    if start is None:
        raise EOFError
    from mlflow import MlflowClient
    from mlflow.entities import Param, RunTag

    client = MlflowClient(tracking_uri=start["uri"])
    run = client.create_run(_experiment(client, start["experiment"]), tags=start["tags"]).info.run_id
    params = [Param(name, str(value)) for name, value in start["params"].items()]
    client.log_batch(
        run, params=params, tags=[RunTag("mlflow.runName", start["tags"].get("release_id", "")[:12])]
    )
    status = "FAILED"  # unless the training says that it finished
    for message in iter(messages.get, None):
        if "status" in message:
            status = message["status"]
            break
        _log_epoch(client, run, message)
    client.set_terminated(run, status)
    return run


def _log_epoch(client: Any, run: str, message: Message) -> None:
    """Log the metrics of one epoch."""
    from mlflow.entities import Metric

    at, step = message["at"], message["step"]
    client.log_batch(
        run, metrics=[Metric(name, value, at, step) for name, value in message["metrics"].items()]
    )


def _experiment(client: Any, name: str) -> str:
    """Return the id of the experiment, making it when it is new; two first runs may race for that."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None:
        return found.experiment_id
    try:
        return client.create_experiment(name)
    except MlflowException:
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return found.experiment_id


def _listen(messages: queue.Queue[Message | None]) -> None:
    """Read messages until the other side closes the pipe; None marks the end."""
    for message in _lines():
        messages.put(message)
    messages.put(None)


def _lines() -> Iterator[Message]:
    for line in sys.stdin:
        yield json.loads(line)


if __name__ == "__main__":
    sys.exit(main())
