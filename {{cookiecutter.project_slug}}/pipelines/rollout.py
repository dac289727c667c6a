"""An environment's endpoint: asked to serve one release, all at once, and proven afterwards; or taken away.

Requests are made by pure functions, so that a test can hold them against Amazon's own model.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

from botocore.exceptions import ClientError

from pipelines import names, proof, refusals
from pipelines.aws import Aws
from pipelines.errors import DeployFailed
from pipelines.registry import Package
from pipelines.settings import Settings
from pipelines.stack import Stack
from pipelines.story import Step, pause

MOVING = ("Creating", "Updating", "SystemUpdating", "RollingBack")
UPDATE_MINUTES = 60  # an endpoint may stay Creating for an hour over a missing image


def container(package: Package) -> dict[str, Any]:
    """Return what CreateModel runs: the package once approved, before that the same image and archive."""
    environment = {"MODEL_PACKAGE_VERSION": str(package.version)}
    if package.approval == "Approved":
        return {"ModelPackageName": package.arn, "Environment": environment}
    return {
        "Image": package.image,
        "ModelDataUrl": package.model_data,
        "Environment": package.environment | environment,
    }


def model_request(name: str, package: Package, role: str) -> dict[str, Any]:
    """Return the CreateModel request."""
    return {"ModelName": name, "ExecutionRoleArn": role, "PrimaryContainer": container(package)}


def config_request(name: str, settings: Settings, environment: str, key: str) -> dict[str, Any]:
    """Return the CreateEndpointConfig request."""
    machines = settings.environment(environment)
    variant = {
        "VariantName": names.VARIANT,
        "ModelName": name,
        "InstanceType": machines.instance_type,
        "InitialInstanceCount": machines.instance_count,
        "InitialVariantWeight": 1.0,
    }
    return {"EndpointConfigName": name, "ProductionVariants": [variant], "KmsKeyId": key}


def deploy(
    aws: Aws, settings: Settings, stack: Stack, environment: str, package: Package, step: Step
) -> None:
    """Bring one release to an endpoint and prove it; raise DeployFailed unless it is proven."""
    name = names.deployment(settings.project.slug, environment, package.release_id, package.version)
    endpoint = names.endpoint(settings.project.slug, environment)
    step.note = "archive checked"
    golden = proof.golden(aws, stack.bucket, package)
    check_archive(aws, package)
    before = describe(aws, endpoint)
    if before and before["EndpointStatus"] in MOVING:  # another release, or our own that was cut off
        step.note = "waits for an update that runs"
        before = wait(aws, endpoint, step)
    if before and before["EndpointStatus"] == "Failed":  # can only be deleted
        delete(aws, endpoint)
        before = None
    name = prepare(aws, settings, stack, environment, package, name)
    asked = ask(aws, endpoint, name, before)
    proof.of_state(wait(aws, endpoint, step), name, asked)
    answered = proof.of_answers(aws, endpoint, golden, package)
    step.note = f"version {package.version} InService, {answered} golden requests answered rightly"


def prepare(aws: Aws, settings: Settings, stack: Stack, environment: str, package: Package, name: str) -> str:
    """Make model and endpoint config of a release, once; other machines or approval give another name."""
    wanted_model = container(package)
    variant = config_request(name, settings, environment, stack.key)["ProductionVariants"][0]
    # A config cannot be changed: the same release on other machines needs a config of its own.
    facts = (sorted(wanted_model.items(), key=str), variant["InstanceType"], variant["InitialInstanceCount"])
    name = f"{name}-{hashlib.sha256(repr(facts).encode()).hexdigest()[:4]}"
    once(aws.sagemaker.create_model, **model_request(name, package, stack.role))
    once(aws.sagemaker.create_endpoint_config, **config_request(name, settings, environment, stack.key))
    return name


def once(create: Any, **request: Any) -> None:
    """Create something whose name says what it is: where it exists already it is the same."""
    try:
        create(**request)
    except ClientError as error:
        text = error.response["Error"].get("Message", "").lower()
        if refusals.code(error) == "ResourceInUse" or "already exist" in text:
            return
        raise


def ask(aws: Aws, endpoint: str, config: str, before: dict[str, Any] | None) -> bool:
    """Create or update the endpoint; say False where it serves this config already."""
    if before is None:
        aws.sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    elif before["EndpointConfigName"] != config:
        aws.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    else:
        return False
    return True


def describe(aws: Aws, endpoint: str) -> dict[str, Any] | None:
    """Return the endpoint as SageMaker describes it, or None."""
    try:
        return aws.sagemaker.describe_endpoint(EndpointName=endpoint)
    except ClientError as error:
        if refusals.missing(error):
            return None
        raise


def wait(aws: Aws, endpoint: str, step: Step) -> dict[str, Any]:
    """Wait until the endpoint moves no more; raise DeployFailed E402 after an hour."""
    started = time.monotonic()
    while True:
        found = describe(aws, endpoint)
        if found is None:
            raise DeployFailed(
                "E402",
                f"the endpoint {endpoint} has disappeared",
                endpoint,
                "somebody deleted it",
                "release again",
            )
        if found["EndpointStatus"] not in MOVING and not found.get("PendingDeploymentSummary"):
            return found
        waited = time.monotonic() - started
        step.note = f"{endpoint} {found['EndpointStatus']}"
        if waited > UPDATE_MINUTES * 60:
            raise DeployFailed(
                "E402",
                f"{endpoint} is still {found['EndpointStatus']}",
                endpoint,
                f"waited {UPDATE_MINUTES} minutes",
                "look at the endpoint's log, then release again",
            )
        time.sleep(pause(waited))


def check_archive(aws: Aws, package: Package) -> None:
    """Raise DeployFailed E402 unless the served archive has the bytes that evaluation judged."""
    wanted = package.metadata.get("artifact_sha256")
    found = hashlib.sha256(aws.read_bytes(package.model_data)).hexdigest()
    if found != wanted:
        raise DeployFailed(
            "E402",
            f"version {package.version} is not the model that was evaluated",
            package.model_data,
            f"sha256 {found[:12]}, evaluated was {(wanted or 'nothing')[:12]}",
            "find out who changed the object; release again to train it anew",
        )


def delete(aws: Aws, endpoint: str) -> None:
    """Delete an endpoint and wait until it is gone; its configs and models stay, they cost nothing."""
    if describe(aws, endpoint) is None:
        return
    aws.sagemaker.delete_endpoint(EndpointName=endpoint)
    while describe(aws, endpoint) is not None:
        time.sleep(0.2)
