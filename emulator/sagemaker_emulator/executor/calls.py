"""What a step asks SageMaker for: create, wait, stop, describe, through the emulator's own wire.

So jobs of a pipeline obey every rule that jobs of boto3 obey, and boto3 sees them.
"""

from __future__ import annotations

import json
import logging
import secrets
import string
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlparse

from botocore import xform_name
from botocore.exceptions import ClientError, ParamValidationError

from sagemaker_emulator import itself
from sagemaker_emulator.executor.errors import ResolutionError
from sagemaker_emulator.executor.steps import Kind
from sagemaker_emulator.jobs import table

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1  # the end of a job wakes us; only a request to stop is looked for
MAX_NAME = 63


class StepFailed(Exception):
    """The step failed; the text is its FailureReason."""


class StepStopped(Exception):
    """The job of the step was stopped."""


@dataclass(frozen=True)
class Naming:
    """The parts of a job's name that the execution gives."""

    execution_id: str
    step: str

    def new(self, prefix: str | None) -> str:
        """Return `pipelines-<execution>-<step>-<suffix>`, or the custom prefix with execution and suffix."""
        suffix = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(10))
        head, middle = ("pipelines", self.step) if prefix is None else (prefix, None)
        if middle is None:
            room = MAX_NAME - len(self.execution_id) - len(suffix) - 2
            return f"{head[:room].rstrip('-')}-{self.execution_id}-{suffix}"
        room = MAX_NAME - len(head) - len(self.execution_id) - len(suffix) - 3
        middle = middle.replace("_", "-")[:room].strip("-")
        return f"{head}-{self.execution_id}-{middle}-{suffix}"


def client(service: str, region: str) -> Any:
    """Return the emulator's own client, as whom this thread acts."""
    return itself.client(service, region)


def call(service: str, region: str, operation: str, **request: Any) -> dict[str, Any]:
    """Call one operation. Raises StepFailed in the words that AWS Pipelines uses."""
    try:
        return getattr(client(service, region), xform_name(operation))(**request)
    except (ClientError, ParamValidationError) as error:
        details = error.response["Error"]["Message"] if isinstance(error, ClientError) else str(error)
        raise StepFailed(
            f"ClientError: Failed to invoke {service}:{operation}. Error Details: {details}"
        ) from None


def create(kind: Kind, region: str, arguments: dict[str, Any], naming: Naming) -> tuple[str, str]:
    """Create what the step asks for; return its name (or ARN) for Describe, and its ARN."""
    if kind.create == "CreateModelPackage":
        arn = _register(region, arguments)
        return arn, arn
    name = naming.new(arguments.get(kind.name_member))
    answer = call("sagemaker", region, kind.create, **{**arguments, kind.name_member: name})
    return name, answer[kind.arn_member]


def wait(
    kind: Kind, region: str, name: str, arn: str, stop: threading.Event, stopping: Callable[[], None]
) -> dict[str, Any]:
    """Wait until the job has ended and return its description. Raises StepFailed or StepStopped."""
    if kind.status_member is not None:
        asked = False
        while not table.wait(arn, LOOK_SECONDS).finished.is_set():
            if stop.is_set() and not asked:
                stopping()
                asked = _ask_to_stop(kind, region, name)
    described = call("sagemaker", region, kind.describe, **{kind.name_member: name})
    described.pop("ResponseMetadata", None)
    status = described.get(kind.status_member or "", "Completed")
    if status == "Failed":
        raise StepFailed(described.get("FailureReason") or f"{name} failed")
    if status == "Stopped":
        raise StepStopped
    return described


def read_json(region: str, uri: str) -> Any:
    """Return the JSON object at an S3 URI. Raises ResolutionError."""
    place = urlparse(uri)
    try:
        body = client("s3", region).get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))["Body"].read()
    except ClientError as error:
        raise ResolutionError(f"Cannot read {uri}: {error.response['Error']['Code']}") from None
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except ValueError:
        raise ResolutionError(f"{uri} is not valid JSON") from None


def _refuse_constant(name: str) -> Any:
    """NaN and Infinity are not JSON, though Python reads them."""
    raise ValueError(name)


def _ask_to_stop(kind: Kind, region: str, name: str) -> bool:
    try:
        call("sagemaker", region, kind.stop or "", **{kind.name_member: name})
    except StepFailed as error:  # it ended by itself meanwhile: the next look tells
        log.info("event=stop_refused job=%s reason=%s", name, error)
    return True


def _register(region: str, arguments: dict[str, Any]) -> str:
    """Create the package, and its group where it is missing, as RegisterModel does on AWS.

    Tags go to the group: a versioned package takes none.
    """
    tags = arguments.pop("Tags", None)
    group = arguments.get("ModelPackageGroupName")
    sagemaker = client("sagemaker", region)
    if group is not None:
        try:
            sagemaker.describe_model_package_group(ModelPackageGroupName=group)
        except ClientError:
            extra = {"Tags": tags} if tags else {}
            call("sagemaker", region, "CreateModelPackageGroup", ModelPackageGroupName=group, **extra)
    return call("sagemaker", region, "CreateModelPackage", **arguments)["ModelPackageArn"]
