"""Golden requests while a new release takes over the traffic: whether its answers are right, all the time.

5xx and latency alarms promote a model that answers NaN with status 200. So a thread asks what evaluation
recorded, tells the new release's answers from the old one's by their header, and publishes how many of them
were wrong. Where it stops there is no data, and that alarm fires too. It counts; it never decides.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import Any

from sagemaker_gitops import errors, proof
from sagemaker_gitops.alarms import Watched
from sagemaker_gitops.aws import Aws
from sagemaker_gitops.registry import Package

PAUSE = 0.3  # seconds between rounds, or as long as a round took: an endpoint has other clients
PUBLISH = 0.3  # seconds between publications, also within a round that takes long
MISS = 1e-6  # the chance of not having asked the new fleet that is small enough


@dataclass
class Counts:
    """What the probes found. A failed one got no answer, and nobody can say from whom."""

    sent: int = 0
    new: int = 0
    old: int = 0
    wrong: int = 0
    failed: int = 0
    missed: float = 1.0  # the chance that no probe reached a new fleet which took its share of the traffic
    first_wrong: str = ""


def missed(share: float, probes: int) -> float:
    """Return the chance that none of `probes` requests reached a fleet with `share` of the traffic."""
    return (1 - share) ** probes


class Prober:
    """Probes an endpoint from `with` to its end. `aws.probe` and `aws.publish` never try twice."""

    def __init__(self, aws: Aws, watched: Watched, golden: dict[str, Any], new: Package) -> None:
        self.aws, self.watched, self.golden, self.new = aws, watched, golden, new
        self.asked = False  # once the update was: before that nothing is held against the release
        self.counts, self.share = Counts(), 0.0  # of the traffic that is on the new fleet
        self.seconds = 0.0  # of a probe before the new fleet had traffic
        self.trouble = ""  # the last reason why nothing was published
        self._refused_before: set[int] = set()  # by number
        self._told, self._published = Counts(), 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prober", daemon=True)

    def __enter__(self) -> Prober:
        """Ask everything once, while the old release answers alone; then go on in a thread."""
        started = time.monotonic()
        # Another contract may refuse what this release takes: only what it answered is held against the new.
        self._refused_before = {n for n, case in enumerate(self.golden["cases"]) if self._probe(n, case) == 4}
        self.seconds = (time.monotonic() - started) / max(1, len(self.golden["cases"]))
        self._publish()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the thread."""
        self._stop.set()
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether it still asks."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._rounds()
        except Exception as error:  # the verdict shall name it
            self.trouble = type(error).__name__
            raise

    def _rounds(self) -> None:
        while not self._stop.is_set():
            started = time.monotonic()
            for number, case in enumerate(self.golden["cases"]):
                self._probe(number, case)
                if time.monotonic() - self._published > PUBLISH:
                    self._publish()
                if self._stop.is_set():
                    return
            self._stop.wait(max(PAUSE, time.monotonic() - started))

    def _probe(self, number: int, case: dict[str, Any]) -> int:
        """Ask once and count; return the first digit of the status that the container gave, 0 for none."""
        counts, status = self.counts, 2
        counts.sent += 1
        if 0 < self.share < 1:  # with all of the traffic there is no canary to miss: its answers count
            counts.missed *= 1 - self.share
        try:
            told = self.aws.probe.invoke_endpoint(
                EndpointName=self.watched.endpoint,
                ContentType=self.golden["content_type"],
                Body=json.dumps(case["body"]),
                InferenceId=f"probe-{counts.sent}",
            )
            raw, attributes = told["Body"].read(), told.get("CustomAttributes", "")
        except errors.TROUBLE as error:
            status = errors.container_status(error) // 100
            if status == 4 and self.asked and number not in self._refused_before:
                self._wrong("it refused a request that the release before it answered")
            else:  # where the new fleet failed, its own alarm counts it
                counts.failed += 1
            self.trouble = errors.code(error) or type(error).__name__
            return status
        self._judge(case, raw, attributes)
        return status

    def _judge(self, case: dict[str, Any], raw: bytes, attributes: str) -> None:
        """Count an answer that came."""
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        why = proof.wrong(body, attributes, case["predictions"], self.golden["tolerance"], self.new)
        if not self.asked:  # a mixed fleet may have had this release in it all along
            self.counts.old += 1
        elif why is None:
            self.counts.new += 1
        elif proof.HEADER.search(attributes) and not proof.carries(attributes, self.new):
            self.counts.old += 1  # of a mixed fleet, whichever releases are in it
        else:
            self._wrong(why)

    def _wrong(self, why: str) -> None:
        self.counts.wrong += 1
        self.counts.first_wrong = self.counts.first_wrong or why

    def _publish(self) -> None:
        """Publish what was counted since the last time.

        Once the new fleet has traffic, nothing without an answer: the alarm shall see it. Before that only
        the old one can be silent, and must not keep out the release that heals it.
        """
        now, told = self.counts, self._told
        new, old, wrong = now.new - told.new, now.old - told.old, now.wrong - told.wrong
        self._published = time.monotonic()
        if self.share and not new + old + wrong:
            return
        values = {"WrongAnswers": wrong, "Probes": new + wrong}
        data = [
            {"MetricName": name, "Dimensions": self.watched.dimensions, "Value": value, "Unit": "Count"}
            for name, value in values.items()
        ]
        try:
            self.aws.publish.put_metric_data(Namespace=self.watched.namespace, MetricData=data)
        except errors.TROUBLE as error:
            self.trouble = errors.code(error) or type(error).__name__
            return  # told the next time, together with what comes until then
        self._told = Counts(new=now.new, old=now.old, wrong=now.wrong)
