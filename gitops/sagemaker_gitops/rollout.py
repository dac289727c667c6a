"""A release takes over an endpoint: SageMaker shifts traffic, alarms may send it back, we prove the outcome.

Three ends: promoted, rolled back (E401), unknown (E402); the last two are red. Killed half-way, nobody probes
any more and SageMaker goes back by itself; the next run finds out from the real state.
Requests are made by pure functions, so that a test can hold them against Amazon's own model.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_gitops import endpoints, guard, names, network, proof, shadow, watch
from sagemaker_gitops.alarms import Watched
from sagemaker_gitops.errors import NotStarted
from sagemaker_gitops.proof import Ready
from sagemaker_gitops.registry import Package
from sagemaker_gitops.run import Run
from sagemaker_gitops.story import Step
from sagemaker_gitops.tables import Environment, Production

ROUNDS = 10  # of golden requests to what serves already and nobody watched
ROUTING = {"all_at_once": "ALL_AT_ONCE", "canary": "CANARY", "linear": "LINEAR"}


def model_request(name: str, package: Package, role: str, reach: dict[str, Any]) -> dict[str, Any]:
    """Return the CreateModel request: the package once approved, before that the same image and archive.

    `reach` is what its container can reach.
    """
    environment = {"MODEL_PACKAGE_VERSION": str(package.version)}
    container: dict[str, Any] = {"ModelPackageName": package.arn, "Environment": environment}
    if package.approval != "Approved":
        environment = package.environment | environment
        container = {"Image": package.image, "ModelDataUrl": package.model_data, "Environment": environment}
    return {"ModelName": name, "ExecutionRoleArn": role, "PrimaryContainer": container, **reach}


def config_request(name: str, machines: Environment, key: str) -> dict[str, Any]:
    """Return the CreateEndpointConfig request."""
    variant = {
        "VariantName": names.VARIANT,
        "ModelName": name,
        "InstanceType": machines.instance_type,
        "InitialInstanceCount": machines.instance_count,
        "InitialVariantWeight": 1.0,
    }
    return {"EndpointConfigName": name, "ProductionVariants": [variant], "KmsKeyId": key}


def deployment(machines: Production, watching: list[str]) -> dict[str, Any]:
    """Return the DeploymentConfig: how traffic moves, how long it is watched, which alarms send it back."""
    rollout, minutes = machines.rollout, machines.max_minutes() * 60
    size = {"Type": "CAPACITY_PERCENT", "Value": round(machines.share() * 100)}
    step = {"WaitIntervalInSeconds": (rollout.bake_minutes or 0) * 60}
    back = {"Alarms": [{"AlarmName": name} for name in watching]}
    if rollout.strategy == "rolling":
        rolling = {"MaximumBatchSize": size, **step, "MaximumExecutionTimeoutInSeconds": minutes}
        return {"RollingUpdatePolicy": rolling, "AutoRollbackConfiguration": back}
    sizes = {"canary": {"CanarySize": size}, "linear": {"LinearStepSize": size}}.get(rollout.strategy, {})
    policy = {
        "TrafficRoutingConfiguration": {"Type": ROUTING[rollout.strategy], **sizes, **step},
        "TerminationWaitInSeconds": (rollout.final_bake_minutes or 0) * 60,
        "MaximumExecutionTimeoutInSeconds": minutes,
    }
    return {"BlueGreenUpdatePolicy": policy, "AutoRollbackConfiguration": back}


def update_request(watched: Watched, same_machines: bool) -> dict[str, Any]:
    """Return the UpdateEndpoint request; what autoscaling has set stays, unless other machines are wanted."""
    return {
        "EndpointConfigName": watched.config,
        "RetainAllVariantProperties": same_machines,
        "DeploymentConfig": deployment(watched.machines, watched.names),
    }


def prepare(run: Run, environment: str, package: Package, step: Step, config: str = "") -> Ready:
    """Make all that a release needs to be served, and wait for others; the endpoint stays as it is.

    `config` is that of a release which has been served before.

    Raises:
        NotStarted: E413, another release has taken the endpoint over while we waited for it.
    """
    aws, endpoint = run.aws, run.endpoint(environment, package.release_id)
    golden = proof.of_release(aws, run.stack.bucket, package)
    step.note = "archive checked"
    config = config or make_config(run, environment, package)
    before = endpoints.describe(aws, endpoint)
    if before and endpoints.moving(before) and endpoints.pending(before) != config:  # another release
        now = endpoints.wait(aws, endpoint, step)
        was, serves = (names.without_shadow(run.project, it["EndpointConfigName"]) for it in (before, now))
        if serves not in (was, config):
            raise overtaken(endpoint, now)
    return Ready(endpoint, config, package, golden)


def serve(run: Run, ready: Ready, step: Step) -> None:
    """Have the endpoint serve what is ready, and prove that it does."""
    aws, endpoint, config = run.aws, ready.endpoint, ready.config
    before = endpoints.describe(aws, endpoint)
    same, production = before and not unlike(before, config), endpoint == run.endpoint("production")
    if before and before["EndpointStatus"] == "Failed":  # can only be deleted
        ready.asked = True
        endpoints.delete(aws, endpoint)
        before = None
    if before and unlike(before, config):
        before = shadow.first(run, ready, before, step)
    if before and unlike(before, config):
        answered = roll(run, ready, before, step)
    else:
        ready.asked = True  # now, or by an earlier run
        if before is None:
            create(run, ready)
        now = endpoints.wait(aws, endpoint, step)
        failed = before is None and now["EndpointStatus"] == "Failed"
        log = endpoints.last_lines(aws, endpoint, now["CreationTime"].timestamp()) if failed else []
        proof.of_state(now, config, asked=before is None, log=log)
        answered = proof.of_answers(aws, endpoint, ready.golden, ready.package)
        if before and production:
            answered += afterwards(run, ready, now)
    if same and production and ready.known:
        step.verdict = "reused"
    step.note = f"version {ready.package.version} InService, {answered} golden requests answered rightly"


def create(run: Run, ready: Ready) -> None:
    """Make the endpoint; raise NotStarted E413 where another release has made it meanwhile."""
    try:
        endpoints.ask(
            run.aws, ready.endpoint, run.aws.sagemaker.create_endpoint, EndpointConfigName=ready.config
        )
    except ClientError:
        alone(run, ready.endpoint, {})
        raise


def afterwards(run: Run, ready: Ready, now: dict[str, Any]) -> int:
    """Make up for an earlier run that was killed while SageMaker promoted; return how many requests more.

    Its alarms stay. Unless its record says that it saw the end of its bake, nobody did: so every golden
    request is sent several times, that every machine may get it. `now` is the endpoint: a rollout that
    brought the release gets its record.
    """
    machines = run.settings.environments.production
    watch.tidy(run, Watched(run.project, ready.endpoint, ready.config, ready.config, machines))
    if ready.known or watch.seen_promoted(run, ready):
        return 0
    run.story.say(f"  an earlier run did not see its end: the golden requests are sent {ROUNDS} times more")
    asked = sum(proof.of_answers(run.aws, ready.endpoint, ready.golden, ready.package) for _ in range(ROUNDS))
    if sent := now.get("LastDeploymentConfig"):  # none: the endpoint was made with it
        watch.record(run, ready.package, watch.unwatched(ready, sent, asked))
    return asked


def unlike(endpoint: dict[str, Any], config: str) -> bool:
    """Say whether an endpoint needs an update, or the end of one, before it serves `config` alone."""
    mixed = endpoint["EndpointStatus"] == "UpdateRollbackFailed"
    return mixed or endpoint["EndpointConfigName"] != config or bool(endpoints.pending(endpoint))


def roll(run: Run, ready: Ready, before: dict[str, Any], step: Step) -> int:
    """Update an endpoint under watch, or go on watching our own update; return how many answers proved it.

    Raises:
        NotStarted: an alarm would watch nothing, or E413; the endpoint was not asked.
        WrongRelease, DeployFailed: rolled back, or not known.
    """
    aws, config, old = run.aws, ready.config, before["EndpointConfigName"]
    same = same_machines(run, old, config)
    machines = run.settings.environments.production.of(machine_count(run, config, before if same else None))
    if machines.rollout.strategy != (wanted := run.settings.environments.production.rollout.strategy):
        run.story.say(f"  one machine has no half that could go first: all at once instead of {wanted}")
    watched = Watched(run.project, ready.endpoint, config, old, machines)
    with watch.watching(run, ready, watched, step) as watcher:
        if attached := endpoints.pending(before) == config:
            watcher.begin(attached)
        else:
            usual = guard.baseline(aws, ready.endpoint, old, watcher.prober.seconds * 1e6)
            guard.put(aws, watched, usual)
            step.note = "waiting until the alarms are quiet and have data"
            watcher.watched = guard.ready(aws, watched, lambda: watcher.prober.trouble, ready.known)
            if deaf := [name for name in watched.names if name not in watcher.watched.names]:
                run.story.say(f"  not watched, for it rings already: {', '.join(deaf)}")
            request = update_request(watcher.watched, same)
            alone(run, ready.endpoint, before)
            watcher.begin()
            try:
                endpoints.ask(aws, ready.endpoint, aws.sagemaker.update_endpoint, **request)
            except ClientError as error:
                watcher.refused(error)
                alone(run, ready.endpoint, before)  # quicker by a moment
                raise
        return watcher.follow()


def alone(run: Run, endpoint: str, before: dict[str, Any]) -> None:
    """Raise NotStarted E413 where the endpoint is no longer as it was before the wait for the alarms."""
    now = endpoints.describe(run.aws, endpoint) or {}
    was, live = ((it.get("EndpointConfigName"), endpoints.pending(it)) for it in (before, now))
    if live != was:
        raise overtaken(endpoint, now)


def overtaken(endpoint: str, now: dict[str, Any]) -> NotStarted:
    """Return the error of a release that another one was quicker than; production is the other's."""
    serves, pending = now.get("EndpointConfigName"), endpoints.pending(now)
    return NotStarted(f"""E413 another release came in between
        {endpoint}
        it serves {serves or "nothing"}, and is on its way to {pending or "nothing else"}
        this release was not asked for: look at it (python -m pipelines status), then release again""")


def same_machines(run: Run, old: str, new: str) -> bool:
    """Say whether two configs ask for the same machines: then the number that autoscaling chose is kept."""
    before, after = variant(run, old), variant(run, new)
    return all(before.get(key) == after.get(key) for key in ("InstanceType", "InitialInstanceCount"))


def machine_count(run: Run, config: str, running: dict[str, Any] | None) -> int:
    """Return how many machines the new fleet will have: as many as are running, or as its config asks for."""
    kept = [each.get("DesiredInstanceCount", 0) for each in (running or {}).get("ProductionVariants", [])]
    return next(filter(None, kept), 0) or variant(run, config).get("InitialInstanceCount", 1)


def variant(run: Run, config: str) -> dict[str, Any]:
    """Return the one variant of a config."""
    look = run.aws.sagemaker.describe_endpoint_config
    return endpoints.settled(look, EndpointConfigName=config)["ProductionVariants"][0]


def config_name(run: Run, environment: str, package: Package) -> str:
    """Return the name of a release's model and config; other machines, network or approval give another.

    A config cannot be changed: whatever a request says differently needs a config of its own.
    """
    name = names.deployment(run.project, environment, package.release_id, package.version)
    machines, role, key = run.settings.environment(environment), run.stack.role, run.stack.key
    facts = [model_request(name, package, role, network.of_model(run)), config_request(name, machines, key)]
    asked = json.dumps(facts, sort_keys=True).encode()
    return f"{name}-{hashlib.sha256(asked).hexdigest()[:8]}"


def make_config(run: Run, environment: str, package: Package) -> str:
    """Make model and endpoint config of a release, once; return their name.

    Raises:
        DeployFailed: E402, there is something else under that name.
    """
    machines, role, key = run.settings.environment(environment), run.stack.role, run.stack.key
    name = config_name(run, environment, package)
    asked = model_request(name, package, role, network.of_model(run))
    client, config = run.aws.sagemaker, config_request(name, machines, key)
    endpoints.once(client.create_model, client.describe_model, "ModelName", **asked)
    endpoints.once(
        client.create_endpoint_config, client.describe_endpoint_config, "EndpointConfigName", **config
    )
    return name
