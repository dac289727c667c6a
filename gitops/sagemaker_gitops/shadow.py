"""A release as production's shadow: copies of real requests reach it first, its answers reach nobody.

Golden requests were recorded earlier, these are today's. SageMaker waits, watches two alarms and goes back by
itself, as in a rollout; what serves is the same release on the same machines all the while. Killed half-way,
a shadow may stay: the next release or rollback takes it away.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_gitops import alarms, endpoints, guard, names, proof, watch
from sagemaker_gitops.alarms import Watched
from sagemaker_gitops.aws import Aws, found
from sagemaker_gitops.errors import DeployFailed, WrongRelease
from sagemaker_gitops.proof import Ready
from sagemaker_gitops.run import Run
from sagemaker_gitops.story import Step
from sagemaker_gitops.tables import STARTING_MINUTES

# What else a config says of production, which a shadow must not change.
KEPT = ("DataCaptureConfig", "KmsKeyId", "VpcConfig", "EnableNetworkIsolation", "ExecutionRoleArn")
FIGURES = {"asked": "Invocations", "failed": "Invocation5XXErrors", "took": "ModelLatency"}
DAY = 24 * 3600
NEVER_UP = "ping health check"  # in SageMaker's reason: no request has reached the container


@dataclass(frozen=True)
class Shadowed(Watched):
    """A shadow beside what serves: one config, two variants with figures of their own."""

    model: str  # the new release's

    @property
    def variant(self) -> str:
        """The shadow's name; each release has its own, so that figures never mix."""
        return f"shadow-{self.model[-8:]}"

    @property
    def names(self) -> list[str]:
        """Its alarms: errors and latency. Nobody reads a shadow's answers."""
        return alarms.own(self.config)[:2]

    @property
    def fleets(self) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        """The shadow's own figures, and production's."""
        shadow, production = (
            alarms.dimensions(EndpointName=self.endpoint, VariantName=name)
            for name in (self.variant, names.VARIANT)
        )
        return shadow, production


def config_request(watched: Shadowed, serving: dict[str, Any], machines: int) -> dict[str, Any]:
    """Return the CreateEndpointConfig request: what serves as it is, and as many machines in its shadow."""
    variant = serving["ProductionVariants"][0]
    # Equal weights: every request is copied.
    shadow = {key: variant[key] for key in ("InstanceType", "InitialVariantWeight")}
    shadow |= {"VariantName": watched.variant, "ModelName": watched.model, "InitialInstanceCount": machines}
    return {
        "EndpointConfigName": watched.config,
        "ProductionVariants": [variant],
        "ShadowProductionVariants": [shadow],
        **{key: serving[key] for key in KEPT if serving.get(key)},
    }


def update_request(watched: Shadowed) -> dict[str, Any]:
    """Return the UpdateEndpoint request: SageMaker itself waits the minutes, and goes back on an alarm."""
    minutes = watched.machines.rollout.shadow_minutes
    policy = {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
        "TerminationWaitInSeconds": minutes * 60,
        "MaximumExecutionTimeoutInSeconds": (minutes + STARTING_MINUTES) * 60,
    }
    back = {"Alarms": [{"AlarmName": name} for name in watched.names]}
    return {
        "EndpointConfigName": watched.config,
        "RetainAllVariantProperties": True,
        "DeploymentConfig": {"BlueGreenUpdatePolicy": policy, "AutoRollbackConfiguration": back},
    }


def first(run: Run, ready: Ready, before: dict[str, Any], step: Step) -> dict[str, Any]:
    """Let a new release shadow what serves, where the settings say so; return the endpoint afterwards.

    Raises:
        WrongRelease, DeployFailed: E412, it failed there; production is as it was and never had its traffic.
        NotStarted: an alarm would watch nothing.
    """
    machines, config = run.settings.environments.production, before["EndpointConfigName"]
    own = names.without_shadow(run.project, config)
    if endpoints.pending(before) or before["EndpointStatus"] != "InService":
        return before
    watched = Shadowed(
        run.project, ready.endpoint, names.shadow(run.project, own), own, machines, ready.config
    )
    if config != own:  # somebody's run ended before it could take the shadow away
        alone = {"EndpointConfigName": own, "RetainAllVariantProperties": True}
        before, _ = update(run.aws, watched, alone, step)
        watch.tidy(run, watched)
        try:
            proof.of_state(before, own)
        except WrongRelease as error:  # not of this release: it was not asked for yet
            raise DeployFailed(f"""E402 the shadow of an earlier run could not be taken away
                {watched.endpoint}
                {error.what}: {before.get("FailureReason", "SageMaker gives no reason")}
                nothing was found against this release: release it again""") from None
    if machines.rollout.shadow_minutes and not ready.known and own not in (ready.config, watched.config):
        before = cast(run, ready, watched, before, step)
    return before


def cast(run: Run, ready: Ready, watched: Shadowed, before: dict[str, Any], step: Step) -> dict[str, Any]:
    """Bring production to a config with the shadow, and judge what came of it; return the endpoint."""
    aws, client = run.aws, run.aws.sagemaker
    serving = client.describe_endpoint_config(EndpointConfigName=watched.before)
    found(client.delete_endpoint_config, EndpointConfigName=watched.config)  # of an earlier release
    count = before["ProductionVariants"][0]["DesiredInstanceCount"]
    client.create_endpoint_config(**config_request(watched, serving, count))
    try:
        guard.put(aws, watched, guard.baseline(aws, watched.endpoint, watched.before, 0.0))
        step.note = "waiting until the shadow's alarms are quiet"
        guard.ready(aws, watched, str)
    except BaseException:
        watch.tidy(run, watched)
        raise
    since = datetime.now(UTC)
    try:
        now, fired = update(aws, watched, update_request(watched), step)
    except ClientError as error:
        if error.operation_name == "UpdateEndpoint":  # refused; else it may go on, and they watch it
            watch.tidy(run, watched)
        raise
    watch.tidy(run, watched)
    up = fired or NEVER_UP not in now.get("FailureReason", "")
    begun = since.timestamp() - watch.CLOCKS_SECONDS
    log = [] if up else endpoints.last_lines(aws, watched.endpoint, begun)
    judge(run, ready, watched, now, fired, figures(aws, watched, since), log)
    return now


def update(
    aws: Aws, watched: Shadowed, request: dict[str, Any], step: Step
) -> tuple[dict[str, Any], dict[str, str]]:
    """Update the endpoint, look until it moves no more; return it, and which alarms fired until then.

    Raises:
        AssertionError: never: the loop ends with a return or an error of its own.
    """
    endpoints.ask(aws, watched.endpoint, aws.sagemaker.update_endpoint, **request)
    fired: dict[str, str] = {}
    started, begun = time.monotonic(), False
    minutes = watched.machines.rollout.shadow_minutes + STARTING_MINUTES + watch.GRACE_MINUTES
    for now in endpoints.looks(aws, watched.endpoint, minutes):
        if now is None:
            raise endpoints.gone(watched.endpoint)
        fired |= guard.firing(guard.described(aws, watched.names))
        begun = begun or endpoints.moving(now) or now["EndpointConfigName"] == request["EndpointConfigName"]
        if begun and not endpoints.moving(now):
            return now, fired
        if not begun and time.monotonic() - started > watch.BEGIN_SECONDS:
            raise watch.never_began(watched.endpoint)
        step.note = f"shadow: {now['EndpointStatus']} {endpoints.phase(now)}"
    raise AssertionError  # looks never ends by itself


def figures(aws: Aws, watched: Shadowed, since: datetime) -> str:
    """Return in words what shadow and production were asked in the same time, as CloudWatch has it."""
    wanted = {
        f"{key}{who}": (metric, of)
        for key, metric in FIGURES.items()
        for who, of in enumerate(watched.fleets)
    }
    queries = [
        {"Id": key, "MetricStat": {"Metric": metric, "Period": DAY, "Stat": "Sum"}}
        for key, (name, of) in wanted.items()
        for metric in [{"Namespace": "AWS/SageMaker", "MetricName": name, "Dimensions": of}]
    ]
    told = aws.cloudwatch.get_metric_data(
        MetricDataQueries=queries, StartTime=since, EndTime=datetime.now(UTC)
    )
    seen = {result["Id"]: sum(result["Values"]) for result in told["MetricDataResults"]}
    if not seen.get("asked0"):
        return "no request came in that time: nothing was refused, and nothing proven"
    words = [
        f"{seen.get(f'failed{who}', 0):.0f} of {asked:.0f} failed, {took / asked / 1000:.1f} ms"
        for who in (0, 1)
        for asked, took in [(seen.get(f"asked{who}") or 1, seen.get(f"took{who}", 0))]
    ]
    return f"real requests: {words[0]}; production: {words[1]}"


def judge(
    run: Run,
    ready: Ready,
    watched: Shadowed,
    now: dict[str, Any],
    fired: dict[str, str],
    seen: str,
    log: list[str],
) -> None:
    """Say what the shadow saw; raise E412 where SageMaker took it back."""
    run.story.facts["shadow"] = seen
    run.story.say(f"  shadow: {seen}")
    if now["EndpointStatus"] == "InService" and now["EndpointConfigName"] == watched.config:
        return
    reason = now.get("FailureReason", "")
    told = [*(f"alarm {name}: {why}" for name, why in fired.items()), reason, seen]
    why = proof.with_log("; ".join(filter(None, told)), log)
    evidence = {
        "schema_version": 1,
        "verdict": "failed as a shadow",
        "why": why,
        "endpoint": watched.endpoint,
        "config": {"from": watched.before, "to": watched.config},
        "package": ready.package.facts(),
        "alarms": {"watched": watched.names, "fired": fired},
    }
    watch.record(run, ready.package, evidence)
    blameless = not fired and (not reason or watch.NOT_THE_MODEL.search(reason))
    raise (DeployFailed if blameless else WrongRelease)(f"""E412 the shadow failed on real requests
        {watched.endpoint}
        {why}
        production never asked it; correct what failed, release again""")
