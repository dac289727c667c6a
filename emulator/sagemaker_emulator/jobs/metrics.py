"""Metric definitions: patterns over a job's log lines, to FinalMetricDataList and to CloudWatch."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator import acting, itself

NAMESPACE = "/aws/sagemaker/TrainingJobs"
_cloudwatch = threading.Lock()


class Metrics:
    """The metrics of one training job; the last value of each is its final one."""

    def __init__(self, definitions: list[dict[str, str]], job: str, account: str, region: str) -> None:
        self._patterns = [(item["Name"], re.compile(item["Regex"])) for item in definitions]
        self._dimensions = [{"Name": "TrainingJobName", "Value": job}]
        self._backend = itself.backend("cloudwatch", account, region)
        self._final: dict[str, dict[str, Any]] = {}
        self._region = region
        self._published = True

    def begin(self) -> None:
        """See whether the job's role may publish metrics; without, they are in the job's record only."""
        known = {"cloudwatch:namespace": NAMESPACE}
        self._published = acting.may(self._region, "cloudwatch:PutMetricData", "*", known)

    def see(self, line: str) -> bool:
        """Take what matches in one line; return whether anything did."""
        seen = False
        for name, pattern in self._patterns:
            for match in pattern.finditer(line):
                seen = self._take(name, match) or seen
        return seen

    def final(self) -> list[dict[str, Any]]:
        """Return FinalMetricDataList."""
        return list(self._final.values())

    def _take(self, name: str, match: re.Match[str]) -> bool:
        try:
            value = float(match[1])
        except (IndexError, TypeError, ValueError):
            return False  # no group, or one that is not a number: SageMaker drops it without a word
        now = datetime.now(UTC)
        self._final[name] = {"MetricName": name, "Value": value, "Timestamp": now}
        datum = {"MetricName": name, "Value": value, "Timestamp": now, "Dimensions": self._dimensions}
        if self._published and value == value and abs(value) != float("inf"):  # CloudWatch refuses the others
            with _cloudwatch:
                self._backend.put_metric_data(NAMESPACE, [datum])
        return True
