"""One instance of a variant: a container process that is pinged, restarted when it dies, and asked."""

from __future__ import annotations

import contextlib
import http.client
import logging
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sagemaker_emulator import acting, clock
from sagemaker_emulator.hosting import artifacts
from sagemaker_emulator.images.container import Launch, launch
from sagemaker_emulator.images.store import Image
from sagemaker_emulator.jobs.logs import LogStream
from sagemaker_emulator.jobs.process import JobProcess

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
PING_TIMEOUT_SECONDS = 2.0  # AWS: a ping must be answered within 2 seconds ...
PING_SECONDS = 5.0  # ... and comes every 5 seconds
FIRST_PINGS_SECONDS = 0.05  # until the first 200, work should not wait for us
MISSED_PINGS = 3
STARTS = 3  # a container that exits so often before its first good ping will not come up
GRACE_SECONDS = 30  # AWS: SIGTERM, 30 seconds, SIGKILL


@dataclass(frozen=True)
class Container:
    """What an instance runs: the image as it was resolved, model data, environment."""

    uri: str
    image: Image
    definition: dict[str, Any]  # a ContainerDefinition, packages resolved

    @property
    def resolved(self) -> str:
        """Return the image with its digest, as DeployedImages shows it."""
        name, slash, last = self.uri.split("@")[0].rpartition("/")
        return f"{name}{slash}{last.split(':')[0]}@sha256:{self.image.digest}"


@dataclass(frozen=True)
class Where:
    """The endpoint that an instance belongs to."""

    account: str
    region: str
    endpoint: str

    @property
    def log_group(self) -> str:
        """Return the group that the endpoint's containers write to."""
        return f"/aws/sagemaker/Endpoints/{self.endpoint}"


class Instance:
    """One container process behind a port of this machine; `changed` is called when its health changes."""

    def __init__(
        self, container: Container, where: Where, variant: str, folder: Path, changed: Callable[[], None]
    ) -> None:
        self.id = f"i-{secrets.token_hex(9)[:17]}"
        self.ready = False
        self.failure: str | None = None  # set when it will never become ready
        self.in_flight = 0
        self.port = 0
        self._container, self._region = container, where.region
        self._arn = f"arn:aws:sagemaker:{where.region}:{where.account}:endpoint/{where.endpoint}"
        self._stream = (where.account, where.region, where.log_group, f"{variant}/{self.id}")
        self._base = folder / self.id / "opt-ml"
        self._changed = changed
        self._retired = threading.Event()
        self._process: JobProcess | None = None
        self._was_ready = False
        self._thread = threading.Thread(target=self._live, name=f"instance-{self.id}", daemon=True)
        self._idle: list[http.client.HTTPConnection] = []

    def start(self) -> None:
        """Begin to come up, in a thread of its own."""
        self._thread.start()

    def retire(self) -> None:
        """End the container: SIGTERM, the grace, SIGKILL. Returns at once; `join` waits."""
        self._retired.set()
        self._set_ready(False)
        self._hang_up()  # a server that waits for its connections to close would wait for us
        if self._process is not None:
            self._process.interrupt()

    def kill(self) -> None:
        """End the container at once, as a crash would; it is started again."""
        if self._process is not None:
            self._process.kill()

    def join(self, seconds: float) -> None:
        """Wait until the container has ended."""
        self._thread.join(seconds)

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        """Return a connection, an idle one where there is one."""
        with contextlib.suppress(IndexError):  # pop is atomic: two requests never get the same one
            return self._idle.pop()
        return http.client.HTTPConnection(HOST, self.port, timeout=timeout)

    def keep(self, connection: http.client.HTTPConnection) -> None:
        """Take a connection back for the next request, unless the container was restarted meanwhile."""
        if connection.port == self.port and not self._retired.is_set():
            self._idle.append(connection)
        else:
            connection.close()

    def _hang_up(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _live(self) -> None:
        definition = self._container.definition
        role, account = definition.get("ExecutionRoleArn"), self._stream[0]
        try:
            with acting.as_role(role, account, self._region, self._arn):
                acting.pull(self._container.uri)
                acting.join_network(self._region, definition)
                artifacts.fetch(self._region, definition, self._base / "model")
                stream = LogStream(*self._stream)
                self._run_until_retired(stream)
        except acting.NotTrusted:
            self._fail(f"Unable to assume the role {role}. Please ensure that its trust allows SageMaker.")
        except acting.Refused as refused:
            self._fail(str(refused))
        except artifacts.ArtifactError as error:
            self._fail(str(error))
        except Exception:
            log.exception("event=instance_broke instance=%s", self.id)
            self._fail(
                "Request to service failed. If failure persists after retry, contact customer support."
            )

    def _run_until_retired(self, stream: LogStream) -> None:
        laid_out = self._launch()
        starts = 0
        while not self._retired.is_set():
            self.port = _free_port()
            env = laid_out.env | {"SAGEMAKER_BIND_TO_PORT": str(self.port)}
            self._process = JobProcess(replace(laid_out, env=env), stream, lambda line: None)
            over = threading.Event()
            pings = threading.Thread(target=self._watch, args=(self._process, over), daemon=True)
            pings.start()
            if self._retired.is_set():
                self._process.interrupt()
            ended = self._process.run(threading.TIMEOUT_MAX, max(clock.scaled(GRACE_SECONDS), 2.0))
            over.set()
            pings.join()
            self._hang_up()
            self._set_ready(False)
            starts += 1
            log.info("event=container_ended instance=%s code=%d starts=%d", self.id, ended.code, starts)
            if not self._was_ready and starts >= STARTS:
                self._fail(None)
                return
            self._retired.wait(min(0.1 * 2**starts, 5.0))

    def _launch(self) -> Launch:
        environment = self._container.definition.get("Environment", {})
        image = self._container.image
        # AWS runs `docker run IMAGE serve`: `serve` takes the place of CMD.
        return launch(image, self._base, image.entrypoint, ["serve"], environment, self._region)

    def _watch(self, process: JobProcess, over: threading.Event) -> None:
        """Ping until the process is over; a container that stops answering is restarted."""
        missed = 0
        while not over.is_set() and not self._retired.is_set():
            if _answers_ping(self.port):
                missed = 0
                self._set_ready(True)
            elif self.ready:
                missed += 1
                if missed >= MISSED_PINGS:
                    log.warning("event=unhealthy instance=%s missed=%d", self.id, missed)
                    self._set_ready(False)
                    process.interrupt()
                    return
            over.wait(PING_SECONDS if self.ready else FIRST_PINGS_SECONDS)

    def _set_ready(self, ready: bool) -> None:
        if ready and self._retired.is_set():
            return
        self._was_ready = self._was_ready or ready
        if ready != self.ready:
            self.ready = ready
            self._changed()

    def _fail(self, reason: str | None) -> None:
        self.failure = reason or ""
        self._changed()


def _answers_ping(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=PING_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]
