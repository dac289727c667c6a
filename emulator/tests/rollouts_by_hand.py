"""Makers for tests of rollouts: deployment configs, a client that never stops, what Describe showed."""

from __future__ import annotations

import threading
import time

from botocore.exceptions import ClientError


def blue_green(final=0, **members):
    """All at once, watched for `final` seconds."""
    return _policy({"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}, final, members)


def canary(count=1, wait=60, final=0, kind="INSTANCE_COUNT", **members):
    """First `count` instances (or percent), all after `wait` seconds."""
    size = {"Type": kind, "Value": count}
    return _policy({"Type": "CANARY", "CanarySize": size, "WaitIntervalInSeconds": wait}, final, members)


def linear(percent=50, wait=60, final=0, kind="CAPACITY_PERCENT", **members):
    """Step by step."""
    size = {"Type": kind, "Value": percent}
    return _policy({"Type": "LINEAR", "LinearStepSize": size, "WaitIntervalInSeconds": wait}, final, members)


def rolling(count=1, wait=0, kind="INSTANCE_COUNT", alarms=(), **members):
    """Batch by batch, in place."""
    size = {"Type": kind, "Value": count}
    policy = {"MaximumBatchSize": size, "WaitIntervalInSeconds": wait, **members}
    return {"RollingUpdatePolicy": policy, **_watched(alarms)}


def _policy(routing, final, members):
    alarms = members.pop("alarms", ())
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": final, **members}
    return {"BlueGreenUpdatePolicy": policy, **_watched(alarms)}


def _watched(alarms):
    return (
        {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]}} if alarms else {}
    )


class Client:
    """Asks an endpoint from three threads until it is told to stop."""

    def __init__(self, account, name, threads=3):
        self.account, self.name = account, name
        self.answers, self.failures = [], []  # (when, first word of the answer); (when, error)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        while not self._stop.is_set():
            try:
                answer = self.account.ask(self.name).split()[0]
                self.answers.append((time.monotonic(), answer))
            except ClientError as error:
                self.failures.append((time.monotonic(), str(error)))
            time.sleep(0.005)


class Seen:
    """Pairs of what PendingDeploymentSummary showed and what was answered next."""

    def __init__(self):
        self.pairs = []

    def of(self, status):
        """Return the pairs of one VariantStatus."""
        return [pair for pair in self.pairs if pair[0]["VariantStatus"][0]["Status"] == status]

    def weights(self):
        """Return each weight of the new fleet in the order of its first appearance."""
        return list(dict.fromkeys(phase["CurrentWeight"] for phase, _ in self.pairs))


def phases(account, name, config, deployment):
    """Update and ask, one request for each Describe, until the endpoint rests again."""
    seen = Seen()
    account.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=config, DeploymentConfig=deployment
    )
    while True:
        described = account.sagemaker.describe_endpoint(EndpointName=name)
        if "PendingDeploymentSummary" not in described:
            return seen
        phase = described["PendingDeploymentSummary"]["ProductionVariants"][0]
        answer = account.ask(name).split()[0]
        again = account.sagemaker.describe_endpoint(EndpointName=name).get("PendingDeploymentSummary")
        if again is not None and again["ProductionVariants"][0] == phase:  # else it moved in between
            seen.pairs.append((phase, answer))
