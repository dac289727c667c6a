"""The process that talks to MLflow for tracking.py.

In:   lines of JSON on stdin: uri, experiment, params and tags; then step, metrics and time of each epoch
Out:  an MLflow run; one line on stdout: run=<id>, or the kind of error for which there is none
Run:  python -m training.recording (by tracking.py)
"""

from __future__ import annotations

import json
import queue
import signal
import sys
import threading
from typing import Any

Messages = queue.Queue[dict[str, Any] | None]  # None: the other end has closed the pipe


def main() -> int:
    """Record what arrives, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too; the end of the pipe is what counts
    messages: Messages = queue.Queue()
    threading.Thread(target=_listen, args=(messages,), daemon=True).start()
    try:
        outcome = f"run={record(messages)}"
    except Exception as error:
        # Its kind only: messages of connection errors hold the URI, which may hold a password.
        outcome = f"{type(error).__name__} from the tracking server"
    sys.stdout.write(outcome + "\n")
    return 0 if outcome.startswith("run=") else 1


def record(messages: Messages) -> str:
    """Write one run as the messages arrive; return its id.

    Raises:
        EOFError: the training ended before there was anything to record.
        Exception: whatever MLflow raises.
    """
    start = messages.get()
    if start is None:
        raise EOFError
    from mlflow import MlflowClient  # seconds, while the first epochs are trained
    from mlflow.entities import Metric, Param

    if _abandoned(messages):
        raise EOFError
    client = MlflowClient(tracking_uri=start["uri"])
    name = start["tags"].get("release_id", "")[:12] or None
    run = client.create_run(
        _experiment(client, start["experiment"]), tags=start["tags"], run_name=name
    ).info.run_id
    client.log_batch(run, params=[Param(key, str(value)) for key, value in start["params"].items()])
    status = "FAILED"  # unless the training says that it finished
    while (message := messages.get()) is not None:
        at, step = message["at"], message["step"]
        client.log_batch(run, [Metric(key, value, at, step) for key, value in message["metrics"].items()])
        status = message.get("status", status)
    client.set_terminated(run, status)
    return run


def _experiment(client: Any, name: str) -> str:
    """Return the id of the experiment, making it when it is new; two first runs may race for that."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name)
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return found.experiment_id


def _abandoned(messages: Messages) -> bool:
    """Return whether the training has ended early: then the server need not hear of it at all."""
    waiting = list(messages.queue)
    return None in waiting and not any("status" in message for message in waiting if message)


def _listen(messages: Messages) -> None:
    """Read lines at once, whatever MLflow is doing, so that the training never waits for room in the pipe."""
    for line in sys.stdin:
        messages.put(json.loads(line))
    messages.put(None)


if __name__ == "__main__":
    sys.exit(main())
