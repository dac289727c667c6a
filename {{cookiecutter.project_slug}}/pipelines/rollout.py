"""An environment's endpoint: asked to serve one release, all at once, and proven afterwards; or taken away.

Requests are made by pure functions, so that a test can hold them against Amazon's own model.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from pipelines import errors, names, proof
from pipelines.aws import Aws, found
from pipelines.errors import DeployFailed
from pipelines.registry import Package
from pipelines.run import Run
from pipelines.settings import Environment
from pipelines.story import Step, pause

MOVING = ("Creating", "Updating", "SystemUpdating", "RollingBack")
UPDATE_MINUTES = 60  # an endpoint may stay Creating for an hour over a missing image


def model_request(name: str, package: Package, role: str) -> dict[str, Any]:
    """Return the CreateModel request: the package once approved, before that the same image and archive."""
    environment = {"MODEL_PACKAGE_VERSION": str(package.version)}
    container: dict[str, Any] = {"ModelPackageName": package.arn, "Environment": environment}
    if package.approval != "Approved":
        environment = package.environment | environment
        container = {"Image": package.image, "ModelDataUrl": package.model_data, "Environment": environment}
    return {"ModelName": name, "ExecutionRoleArn": role, "PrimaryContainer": container}


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


@dataclass(frozen=True)
class Ready:
    """A release that an endpoint can be asked to serve."""

    endpoint: str
    config: str
    package: Package
    golden: dict[str, Any]


def deploy(run: Run, environment: str, package: Package, step: Step) -> None:
    """Bring one release to an endpoint and prove it; raise DeployFailed unless it is proven."""
    serve(run, prepare(run, environment, package, step), step)


def prepare(run: Run, environment: str, package: Package, step: Step) -> Ready:
    """Make all that a release needs to be served, and wait for others; the endpoint stays as it is."""
    aws, endpoint = run.aws, run.endpoint(environment, package.release_id)
    golden = proof.golden(aws, run.stack.bucket, package)
    proof.of_archive(aws, package)
    step.note = "archive checked"
    before = describe(aws, endpoint)
    if before and before["EndpointStatus"] in MOVING:  # another release, or our own that was cut off
        wait(aws, endpoint, step)
    return Ready(endpoint, make_config(run, environment, package), package, golden)


def serve(run: Run, ready: Ready, step: Step) -> None:
    """Ask the endpoint to serve what is ready, and prove that it does."""
    aws, endpoint, config = run.aws, ready.endpoint, ready.config
    before = describe(aws, endpoint)
    if before and before["EndpointStatus"] == "Failed":  # can only be deleted
        delete(aws, endpoint)
        before = None
    asked = before is None or before["EndpointConfigName"] != config
    if asked:
        act = aws.sagemaker.update_endpoint if before else aws.sagemaker.create_endpoint
        act(EndpointName=endpoint, EndpointConfigName=config)
    proof.of_state(wait(aws, endpoint, step), config, asked)
    answered = proof.of_answers(aws, endpoint, ready.golden, ready.package)
    step.note = f"version {ready.package.version} InService, {answered} golden requests answered rightly"


def make_config(run: Run, environment: str, package: Package) -> str:
    """Make model and endpoint config of a release, once; other machines or approval give another name."""
    name = names.deployment(run.project, environment, package.release_id, package.version)
    machines, role, key = run.settings.environment(environment), run.stack.role, run.stack.key
    # A config cannot be changed: whatever a request says differently needs a config of its own.
    facts = [model_request(name, package, role), config_request(name, machines, key)]
    asked = json.dumps(facts, sort_keys=True).encode()
    name = f"{name}-{hashlib.sha256(asked).hexdigest()[:8]}"
    once(run.aws.sagemaker.create_model, **model_request(name, package, role))
    once(run.aws.sagemaker.create_endpoint_config, **config_request(name, machines, key))
    return name


def once(create: Any, **request: Any) -> None:
    """Create something whose name says what it is: where it exists already it is the same."""
    try:
        create(**request)
    except ClientError as error:
        if errors.code(error) != "ResourceInUse" and "already exist" not in str(error).lower():
            raise


def describe(aws: Aws, endpoint: str) -> dict[str, Any] | None:
    """Return the endpoint as SageMaker describes it, or None."""
    return found(aws.sagemaker.describe_endpoint, EndpointName=endpoint)


def wait(aws: Aws, endpoint: str, step: Step) -> dict[str, Any]:
    """Wait until the endpoint moves no more; raise DeployFailed E402 after an hour."""
    for now in looks(aws, endpoint):
        if now is None:
            break
        if now["EndpointStatus"] not in MOVING and not now.get("PendingDeploymentSummary"):
            return now
        step.note = f"{endpoint} {now['EndpointStatus']}"
    raise DeployFailed(f"""E402 the endpoint {endpoint} has disappeared
        {endpoint}
        somebody deleted it
        find out who, then release again""")


def looks(aws: Aws, endpoint: str) -> Iterator[dict[str, Any] | None]:
    """Yield how the endpoint is now, again and again; raise DeployFailed E402 after an hour."""
    started = time.monotonic()
    while True:
        yield (now := describe(aws, endpoint))
        waited = time.monotonic() - started
        if waited > UPDATE_MINUTES * 60:
            raise DeployFailed(f"""E402 {endpoint} is still {now["EndpointStatus"] if now else "nothing"}
                {endpoint}
                waited {UPDATE_MINUTES} minutes
                look at the endpoint's log (/aws/sagemaker/Endpoints), then release again""")
        time.sleep(pause(waited))


def delete(aws: Aws, endpoint: str) -> None:
    """Delete an endpoint and wait until it is gone; its configs and models stay, they cost nothing."""
    if describe(aws, endpoint):
        aws.sagemaker.delete_endpoint(EndpointName=endpoint)
        next(now for now in looks(aws, endpoint) if now is None)
