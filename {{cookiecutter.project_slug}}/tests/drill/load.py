"""The steady client: real requests at a steady rate, each answer compared with what is known to be right.

Each request goes through patient.py. Its first try alone is what SageMaker does as it is; what the caller got
in the end is what the patient client makes of it. So both figures come from the same requests.
"""

from __future__ import annotations

import io
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import numpy as np
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.drill.patient import ask

RATE = 12  # requests a second
WORKERS = 3
TOLERANCE = 1e-4
RELEASE = re.compile(r"release=([0-9a-f]+)")


@dataclass(frozen=True)
class Outcome:
    """One request: when, who answered, and how it went."""

    began: float
    ended: float
    release: str  # of the last answer; empty where none came
    tries_failed: int
    failed: bool  # also at the last try
    wrong: bool  # answered, and not with what that release is known to answer


@dataclass(frozen=True)
class Tally:
    """What the client saw during some time."""

    requests: int = 0
    failed_as_is: int = 0  # at the first try
    failed: int = 0  # at every try
    wrong: int = 0

    @property
    def clean(self) -> bool:
        """Whether every request was answered at once and rightly."""
        return not (self.failed_as_is or self.failed or self.wrong)

    def __add__(self, other: Tally) -> Tally:
        """Sum two."""
        return Tally(*(getattr(self, name) + getattr(other, name) for name in vars(self)))


def tally(outcomes: Sequence[Outcome], start: float, end: float) -> Tally:
    """Count the requests that began in a time."""
    mine = [item for item in outcomes if start <= item.began < end]
    as_is = sum(item.tries_failed > 0 for item in mine)
    return Tally(len(mine), as_is, sum(item.failed for item in mine), sum(item.wrong for item in mine))


class Load:
    """The client's threads. `truths` gives the right answers of each release, in the order of the bodies."""

    def __init__(
        self, region: str, endpoint: str, bodies: Sequence[bytes], truths: Mapping[str, Sequence[Any]]
    ) -> None:
        once = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=70)
        self.runtime: Any = boto3.client("sagemaker-runtime", region, config=once)
        self.endpoint, self.bodies, self.truths = endpoint, bodies, truths
        self.outcomes: list[Outcome] = []  # appending is atomic
        self.rate = RATE
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(place,)) for place in range(WORKERS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @contextmanager
    def at(self, rate: int) -> Iterator[None]:
        """Ask at another rate, while the block runs."""
        self.rate = rate
        try:
            yield
        finally:
            self.rate = RATE

    def _work(self, place: int) -> None:
        number, due = place, time.monotonic() + place / self.rate
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self.outcomes.append(self._one(number % len(self.bodies)))
            number, due = number + WORKERS, max(due + WORKERS / self.rate, time.monotonic() - 1)

    def _one(self, number: int) -> Outcome:
        began, tries = time.monotonic(), _Tries(self.runtime)
        try:
            answer = ask(tries, self.endpoint, self.bodies[number])
        except (ClientError, BotoCoreError):
            return Outcome(began, time.monotonic(), "", tries.failed, True, False)
        found = RELEASE.search(answer.get("CustomAttributes", ""))
        release = found[1] if found else ""
        right = release in self.truths and same(answer["Body"], self.truths[release][number])
        return Outcome(began, time.monotonic(), release, tries.failed, False, not right)


class _Tries:
    """A runtime client that counts the tries that failed, in the midst of an answer too."""

    def __init__(self, runtime: Any) -> None:
        self.runtime, self.failed = runtime, 0

    def invoke_endpoint(self, **request: Any) -> Any:
        try:
            answer = self.runtime.invoke_endpoint(**request)
            return {**answer, "Body": io.BytesIO(answer["Body"].read())}
        except (ClientError, BotoCoreError):
            self.failed += 1
            raise


def same(content: bytes, wanted: Sequence[Any]) -> bool:
    """Say whether an answer holds these predictions; NaN is never right."""
    try:
        got = np.array(json.loads(content)["predictions"], float)
    except (ValueError, TypeError, KeyError):
        return False
    right = np.array(wanted, float)
    return got.shape == right.shape and bool(np.allclose(got, right, rtol=TOLERANCE, atol=TOLERANCE))
