"""One CloudWatch log stream, written while the container writes, readable by boto3 at once."""

from __future__ import annotations

import threading
import time

from sagemaker_emulator import acting, itself

EVENT_LIMIT = 256 * 1024 - 26  # bytes of one event on CloudWatch
WRITING = ("CreateLogStream", "PutLogEvents")
_lock = threading.Lock()


class LogStream:
    """A stream of a group; both exist from the first line on, as on AWS."""

    def __init__(self, account: str, region: str, group: str, name: str) -> None:
        self._backend = itself.backend("logs", account, region)
        self._group, self._name = group, name
        # A role that may not write logs runs on AWS as well; its logs are nowhere.
        arn = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{name}"
        needed = [(f"logs:{verb}", arn) for verb in WRITING]
        if group not in self._backend.groups:
            needed.insert(0, ("logs:CreateLogGroup", f"arn:aws:logs:{region}:{account}:log-group:{group}:*"))
        self._mute = not all(acting.may(region, *each) for each in needed)
        if self._mute:
            return
        with _lock:  # moto's logs are not thread-safe
            self._backend.ensure_log_group(group)
            self._backend.ensure_log_stream(group, name)

    def write(self, lines: list[str]) -> None:
        """Append lines as events of this moment; empty ones are dropped, as the agent does."""
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line[:EVENT_LIMIT]} for line in lines if line.strip()]
        if events and not self._mute:
            with _lock:
                self._backend.put_log_events(self._group, self._name, events)
