"""Delete everything that the ledger names, newest first; what is gone already is gone."""

from __future__ import annotations

import contextlib
import re
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator
from types import FrameType, SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from verify_aws.ledger import Ledger

GONE = re.compile(r"NotFound|NoSuch|could not find|does not exist|not found", re.IGNORECASE)
MOVING = {"Creating", "Updating", "RollingBack", "SystemUpdating", "Deleting"}  # endpoints
MOVING |= {"InProgress", "Stopping", "Executing"}  # jobs and executions
PATIENCE_MINUTES = 90  # an update may take 60 minutes before an endpoint can be deleted


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Finish what is under way; a Ctrl-C meanwhile is obeyed afterwards: it raises KeyboardInterrupt then."""
    pressed = []

    def later(*_: int | FrameType | None) -> None:
        pressed.append(True)
        print("Still removing what was made: what is left would cost money.", file=sys.stderr, flush=True)

    before = {each: signal.signal(each, later) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    if pressed:
        raise KeyboardInterrupt


def clean(aws: SimpleNamespace, ledger: Ledger, keep: int = 0) -> list[str]:
    """Delete what was made after the first `keep`; return one line for each thing that is left."""
    left = []
    for kind, name in reversed(ledger.made[keep:]):
        try:
            REMOVE[kind](aws, name)
        except Exception as error:  # whatever it is, the rest must go
            if not is_gone(error):
                left.append(f"{kind} {name}: {error}")
                continue
        ledger.drop(kind, name)
    return left


def is_gone(error: Exception) -> bool:
    """Say whether an answer means that there is no such thing."""
    if not isinstance(error, ClientError):
        return False
    found = error.response["Error"]
    return bool(GONE.search(found["Code"]) or GONE.search(found.get("Message", "")))


def _rest(aws: SimpleNamespace, status: Callable[[], str], moving: Collection[str] = MOVING) -> str:
    deadline = time.monotonic() + PATIENCE_MINUTES * 60
    while time.monotonic() < deadline:
        found = status()
        if found not in moving:
            return found
        time.sleep(aws.poll_seconds)
    raise TimeoutError(f"still {found} after {PATIENCE_MINUTES} minutes")


def _bucket(aws: SimpleNamespace, name: str) -> None:
    _objects(aws, f"{name}/")
    aws.s3.delete_bucket(Bucket=name)


def _objects(aws: SimpleNamespace, place: str) -> None:
    """Delete every version below BUCKET/PREFIX."""
    bucket, _, prefix = place.partition("/")
    for page in aws.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for each in page.get("Versions", []) + page.get("DeleteMarkers", []):
            aws.s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])


def _role_policy(aws: SimpleNamespace, name: str) -> None:
    role, _, policy = name.partition("/")
    aws.iam.delete_role_policy(RoleName=role, PolicyName=policy)


def _endpoint(aws: SimpleNamespace, name: str) -> None:
    def status() -> str:
        return aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]

    _rest(aws, status)
    aws.sagemaker.delete_endpoint(EndpointName=name)
    _rest(aws, status, ("Deleting",))  # ends with the error that there is no such endpoint


def _job(aws: SimpleNamespace, word: str, name: str) -> None:
    """Stop a job. Its record stays, as AWS keeps those of jobs."""

    def described() -> dict[str, Any]:
        return getattr(aws.sagemaker, f"describe_{word.lower()}_job")(**{f"{word}JobName": name})

    if described()[f"{word}JobStatus"] == "InProgress":
        getattr(aws.sagemaker, f"stop_{word.lower()}_job")(**{f"{word}JobName": name})
    _rest(aws, lambda: described()[f"{word}JobStatus"])


def _pipeline(aws: SimpleNamespace, name: str) -> None:
    listed = aws.sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]
    for each in listed:
        arn = each["PipelineExecutionArn"]
        if each["PipelineExecutionStatus"] == "Executing":
            aws.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
        describe = aws.sagemaker.describe_pipeline_execution
        _rest(aws, lambda: describe(PipelineExecutionArn=arn)["PipelineExecutionStatus"])  # noqa: B023
    aws.sagemaker.delete_pipeline(PipelineName=name)


def _group(aws: SimpleNamespace, name: str) -> None:
    listed = aws.sagemaker.list_model_packages(ModelPackageGroupName=name)["ModelPackageSummaryList"]
    for each in listed:
        aws.sagemaker.delete_model_package(ModelPackageName=each["ModelPackageArn"])
    aws.sagemaker.delete_model_package_group(ModelPackageGroupName=name)


def _streams(aws: SimpleNamespace, place: str) -> None:
    """Delete the log streams of "GROUP PREFIX"; the group has those of others, too."""
    group, _, prefix = place.partition(" ")
    listed = aws.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix)["logStreams"]
    for each in listed:
        aws.logs.delete_log_stream(logGroupName=group, logStreamName=each["logStreamName"])


def _empty_log_group(aws: SimpleNamespace, name: str) -> None:
    """Delete a group that was not there before, unless somebody else has logged to it meanwhile."""
    if not aws.logs.describe_log_streams(logGroupName=name, limit=1)["logStreams"]:
        aws.logs.delete_log_group(logGroupName=name)


# kind: what deletes one and waits until it is gone. Raises ClientError, also where it never was.
REMOVE: dict[str, Callable[[SimpleNamespace, str], object]] = {
    "bucket": _bucket,
    "objects": _objects,
    "role": lambda aws, name: aws.iam.delete_role(RoleName=name),
    "role-policy": _role_policy,
    "repository": lambda aws, name: aws.ecr.delete_repository(repositoryName=name, force=True),
    "alarm": lambda aws, name: aws.cloudwatch.delete_alarms(AlarmNames=[name]),
    "model": lambda aws, name: aws.sagemaker.delete_model(ModelName=name),
    "endpoint-config": lambda aws, name: aws.sagemaker.delete_endpoint_config(EndpointConfigName=name),
    "endpoint": _endpoint,
    "training-job": lambda aws, name: _job(aws, "Training", name),
    "processing-job": lambda aws, name: _job(aws, "Processing", name),
    "pipeline": _pipeline,
    "model-package-group": _group,
    "log-group": lambda aws, name: aws.logs.delete_log_group(logGroupName=name),
    "log-streams": _streams,
    "empty-log-group": _empty_log_group,
}
