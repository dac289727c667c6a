"""The alarms of a rollout at CloudWatch: made, read, deleted, and looked at before the endpoint is asked.

Each must be there, able to fire, quiet now, and have data: else a bad release would stay.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_gitops import alarms, errors
from sagemaker_gitops.alarms import Watched
from sagemaker_gitops.aws import Aws, found
from sagemaker_gitops.errors import NotStarted
from sagemaker_gitops.story import pause

READY_MINUTES = 10  # within which a new alarm has been evaluated and has data


def baseline(aws: Aws, endpoint: str, config: str, otherwise: float) -> float:
    """Return a fleet's latency in the last hours in microseconds, or what the prober measured."""
    now = datetime.now(UTC)
    told = aws.cloudwatch.get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="ModelLatency",
        Dimensions=alarms.fleet(endpoint, config),
        StartTime=now - timedelta(hours=3),
        EndTime=now,
        Period=3 * 3600,
        Statistics=["Average"],
    )
    return max((point["Average"] for point in told["Datapoints"]), default=otherwise)


def put(aws: Aws, watched: Watched, baseline: float) -> None:
    """Make those of our alarms that are watched."""
    for request in alarms.requests(watched, baseline):
        if request["AlarmName"] in watched.names:
            aws.cloudwatch.put_metric_alarm(**request)


def delete(aws: Aws, watched: Watched) -> None:
    """Delete the alarms that we made; the user's own stay."""
    mine = [name for name in alarms.own(watched.config) if name in watched.names]
    found(aws.cloudwatch.delete_alarms, AlarmNames=mine)


def described(aws: Aws, wanted: list[str]) -> dict[str, dict[str, Any]]:
    """Return alarms by name as CloudWatch describes them."""
    told = aws.cloudwatch.describe_alarms(AlarmNames=wanted, AlarmTypes=["MetricAlarm"])
    return {alarm["AlarmName"]: alarm for alarm in told["MetricAlarms"] if alarm["AlarmName"] in wanted}


def ready(aws: Aws, watched: Watched, why_no_data: Callable[[], str], known: bool = False) -> Watched:
    """Wait until every alarm is quiet and has data; return what is watched then.

    What is `known`, proven in production before, comes back where the user's own alarm rings already: it is
    what rings that shall be replaced, so that alarm is not watched.

    Raises:
        NotStarted: E407 missing, E408 unreadable, E409 in ALARM already, E410 no data, E411 could not fire.
    """
    started, mine = time.monotonic(), alarms.own(watched.config)
    while True:
        try:
            there = described(aws, watched.names)
        except ClientError as error:
            raise refusal("E408", "the alarms cannot be read", watched, errors.code(error)) from None
        if missing := [name for name in watched.names if name not in there]:
            raise refusal("E407", f"there is no alarm {missing[0]}", watched, "no metric alarm of that name")
        for name, alarm in there.items():
            if why := alarms.dead(alarm, watched):
                raise refusal("E411", f"the alarm {name} could not fire", watched, why)
        states = {name: alarm["StateValue"] for name, alarm in there.items()}
        waited = time.monotonic() - started
        late = waited > READY_MINUTES * 60
        fires = {name: why for name, why in firing(there).items() if late or name not in mine}
        if known and (theirs := set(fires) - set(mine)):
            watched = alarms.without(watched, theirs)
            continue
        for name, why in fires.items():  # one of ours may still see what an earlier attempt left
            raise refusal("E409", f"the alarm {name} is in ALARM already", watched, why)
        silent = [name for name, state in states.items() if state != "OK"]
        if not silent:
            return watched
        if late:
            why = f"INSUFFICIENT_DATA for {READY_MINUTES} minutes {why_no_data()}"
            raise refusal("E410", f"the alarm {silent[0]} has no data", watched, why)
        time.sleep(pause(waited))


def refusal(code: str, what: str, watched: Watched, why: str) -> NotStarted:
    """Return the error for an alarm that would watch nothing; the endpoint was not touched."""
    return NotStarted(f"""{code} {what}
        {watched.endpoint}
        {why}
        correct the alarm, or [environments.production.rollout] in mlops.toml; production is as it was""")


def firing(there: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return which alarms fire, with CloudWatch's reason."""
    return {
        name: alarm.get("StateReason", "") for name, alarm in there.items() if alarm["StateValue"] == "ALARM"
    }
