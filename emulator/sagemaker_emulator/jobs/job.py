"""What every job has in common: a record that Describe returns, a thread it lives in, an end to wait for."""

from __future__ import annotations

import copy
import logging
import shutil
import threading
import time
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from sagemaker_emulator import acting, clock, itself, seams
from sagemaker_emulator.images.container import Launch, launch
from sagemaker_emulator.images.store import Image, ImageMissing, Store
from sagemaker_emulator.jobs.logs import LogStream
from sagemaker_emulator.jobs.process import Ended, JobProcess

log = logging.getLogger(__name__)

STOP_GRACE_SECONDS = 120  # AWS: SIGTERM, two minutes, SIGKILL; scaled like all waiting
REASON_LIMIT = 1024  # characters of FailureReason and ExitMessage


class JobFailed(Exception):
    """The job ends as Failed; the message is its FailureReason."""


class JobStopped(Exception):
    """Someone asked the job to stop before its process ran."""


class Job(ABC):
    """One job. Subclasses say what lies where before and after the process, and in which words."""

    kind: ClassVar[str]  # as in the ARN: training-job
    log_group: ClassVar[str]
    name_key: ClassVar[str]  # TrainingJobName
    status_key: ClassVar[str]  # TrainingJobStatus

    def __init__(self, call: seams.Call) -> None:
        self.request = copy.deepcopy(call.params)
        self.name: str = call.params[self.name_key]
        self.account, self.region = call.account, call.region
        self.arn = call.arn(f"{self.kind}/{self.name}")
        self.tags: list[dict[str, str]] = self.request.pop("Tags", [])
        # A name is unique within an account and region only.
        self.folder = itself.home() / "jobs" / f"{self.account}-{self.region}-{self.kind}-{self.name}"
        self.base = self.folder / "opt-ml"
        self.created = datetime.now(UTC)
        self.finished = threading.Event()
        self._lock = threading.Lock()
        self._turn = threading.RLock()  # a stop and an end that come together take turns
        self._stop = threading.Event()
        self._process: JobProcess | None = None
        self._record: dict[str, Any] = {
            **self.request,
            f"{self.status_key.removesuffix('Status')}Arn": self.arn,
            self.status_key: "InProgress",
            "CreationTime": self.created,
            "LastModifiedTime": self.created,
        }

    @property
    def status(self) -> str:
        """Return InProgress, Completed, Failed, Stopping or Stopped."""
        with self._lock:
            return self._record[self.status_key]

    def describe(self) -> dict[str, Any]:
        """Return what Describe answers now."""
        with self._lock:
            return copy.deepcopy(self._record)

    def update(self, **members: Any) -> None:
        """Change the record, and its LastModifiedTime with it."""
        with self._lock:
            self._record.update(members, LastModifiedTime=datetime.now(UTC))

    def start(self) -> None:
        """Begin; the thread ends with the job."""
        threading.Thread(target=self._live, name=f"{self.kind}/{self.name}", daemon=True).start()

    def stop(self) -> None:
        """Ask the job to stop: SIGTERM, the grace, SIGKILL."""
        with self._turn:
            if self.status != "InProgress":
                return
            self.update(**{self.status_key: "Stopping"})
            self.stopping()
            self._stop.set()
        if self._process is not None:
            self._process.interrupt()

    def _live(self) -> None:
        try:
            with acting.as_role(self.request.get("RoleArn"), self.account, self.region, self.arn):
                self._run()
        except acting.NotTrusted as error:
            self._end("Failed", f"ClientError: SageMaker was unable to assume the role '{error}'")
        except JobStopped:
            self._end("Stopped")
        except JobFailed as failure:
            self._end("Failed", str(failure)[:REASON_LIMIT])
        except Exception:
            log.exception("event=job_broke job=%s", self.arn)
            self._end("Failed", "InternalServerError: We encountered an internal error. Please try again.")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.finished.set()

    def _run(self) -> None:
        self.base.mkdir(parents=True)
        self.lay_out()
        self._join_network()
        self.download()
        prepared = self.prepare(self._image())
        self._check_stop()
        self.started()
        began = time.monotonic()
        ended = self._execute(prepared)
        self.ran(time.monotonic() - began)
        self.settle(ended)

    def _execute(self, prepared: Launch) -> Ended:
        stream = LogStream(
            self.account, self.region, self.log_group, f"{self.name}/algo-1-{int(time.time())}"
        )
        process = JobProcess(prepared, stream, self.line)
        self._process = process
        if self._stop.is_set():
            process.interrupt()
        return process.run(self.max_runtime_seconds(), clock.scaled(STOP_GRACE_SECONDS))

    def _join_network(self) -> None:
        try:
            acting.join_network(self.region, self.request)
        except acting.Refused as refused:
            raise JobFailed(f"ClientError: {refused}") from None

    def _image(self) -> Image:
        uri = self.image_uri()
        try:
            acting.pull(uri)
            return Store(itself.home()).pushed(uri)
        except (ImageMissing, acting.Refused):
            raise JobFailed(
                f"ClientError: Cannot pull {self.kind.split('-')[0]} container. "
                f"Either the image does not exist or its permissions are incorrect: {uri}"
            ) from None

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise JobStopped

    def _end(self, status: str, reason: str | None = None) -> None:
        members: dict[str, Any] = {self.status_key: status}
        if reason:
            members["FailureReason"] = reason
        with self._turn:
            self.over(status)
            self.update(**members)

    def complete(self, status: str = "Completed") -> None:
        """End well, or as Stopped."""
        self._end(status)

    def launch(self, image: Image, words: tuple[list[str], list[str]], env: dict[str, str]) -> Launch:
        """Lay out the container for entrypoint and arguments."""
        isolated = self.request.get("EnableNetworkIsolation") or self.request.get("NetworkConfig", {}).get(
            "EnableNetworkIsolation"
        )
        return launch(image, self.base, *words, env, self.region, network=not isolated)

    def max_runtime_seconds(self) -> int:
        """Return how long the process may run; a day unless the request says otherwise."""
        return self.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400)

    def opt_ml(self, path: str) -> Path:
        """Return where an absolute path below /opt/ml lies on this machine."""
        return self.base / path.removeprefix("/opt/ml").lstrip("/")

    def read_text(self, path: str) -> str:
        """Return the start of a file below /opt/ml that the container left, or nothing."""
        try:
            return (self.base / path).read_text(encoding="utf-8", errors="replace").strip()[:REASON_LIMIT]
        except OSError:
            return ""

    @abstractmethod
    def image_uri(self) -> str:
        """Return the image the request names."""

    @abstractmethod
    def lay_out(self) -> None:
        """Write the configuration files and make the folders."""

    @abstractmethod
    def download(self) -> None:
        """Bring the inputs. Raises JobFailed."""

    @abstractmethod
    def prepare(self, image: Image) -> Launch:
        """Say how the process starts."""

    @abstractmethod
    def settle(self, ended: Ended) -> None:
        """Upload what the process left and end the job. Raises JobFailed."""

    def line(self, text: str) -> None:
        """See one line of the container's output."""

    def started(self) -> None:
        """Note that the process starts now."""

    def ran(self, seconds: float) -> None:
        """Note how long the process ran."""

    def stopping(self) -> None:
        """Note that someone asked to stop."""

    def over(self, status: str) -> None:
        """Note the last state."""
