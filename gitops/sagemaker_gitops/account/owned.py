"""What a project has in its account: listed, counted, deleted in the order that works."""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_gitops import endpoints, errors, execution, prune, stack
from sagemaker_gitops.account import roles
from sagemaker_gitops.aws import found
from sagemaker_gitops.errors import MLOpsError
from sagemaker_gitops.run import Run
from sagemaker_gitops.story import Step, counted, pause

KEY_DAYS = 30  # in which the deletion of the key can still be cancelled
BATCH = 1000  # objects that S3 deletes at once


@dataclass(frozen=True)
class Thing:
    """Something to delete: its kind, its name, what is worth knowing, how."""

    kind: str
    name: str
    note: str
    delete: Callable[[Step], object]
    data: bool = False  # what cannot be made again; it stays unless asked for


def things(run: Run) -> list[Thing]:
    """Return all that the project has, in the order in which it can be deleted."""
    own, *others = stack.templates(run.project, stack.describe(run.aws, run.project)).items()
    others = {**dict(others), stack.network_name(run.project): stack.NETWORK_TEMPLATE}
    first = [thing for each in others.items() for thing in _stack(run, *each)]
    return [*_serving(run), *_pipeline(run), *first, *_data(run), *_stack(run, *own), *_kept(run)]


def _serving(run: Run) -> Iterator[Thing]:
    """Yield endpoints, then what they used: nothing may be taken from under one that serves."""
    aws, client = run.aws, run.aws.sagemaker
    mine = re.compile(rf"{re.escape(run.project)}-(staging(-[0-9a-f]{{12}})?|production)")
    for item in aws.listed("list_endpoints", "Endpoints", NameContains=run.project):
        name = item["EndpointName"]
        if mine.fullmatch(name):
            yield Thing(
                "endpoint", name, item["EndpointStatus"], lambda _, it=name: endpoints.delete(aws, it)
            )
    delete: dict[str, Callable[[str], object]] = {
        "alarm": lambda name: aws.cloudwatch.delete_alarms(AlarmNames=[name]),
        "config": lambda name: client.delete_endpoint_config(EndpointConfigName=name),
        "model": lambda name: client.delete_model(ModelName=name),
    }
    for kind, name in list(prune.made(run)):
        if prune.version_of(run.project, name) is not None:
            yield Thing(kind, name, "", lambda _, act=delete[kind], it=name: act(it))


def _pipeline(run: Run) -> Iterator[Thing]:
    """Yield the pipeline; what still runs of it is stopped before."""
    if found(run.aws.sagemaker.describe_pipeline, PipelineName=run.project):
        yield Thing("pipeline", run.project, "with its executions", lambda step: _stop_and_delete(run, step))


def _stop_and_delete(run: Run, step: Step) -> None:
    client, begun = run.aws.sagemaker, time.monotonic()
    listed = run.aws.listed(
        "list_pipeline_executions", "PipelineExecutionSummaries", PipelineName=run.project
    )
    going = [item for item in listed if item["PipelineExecutionStatus"] not in execution.OVER]
    for arn in (item["PipelineExecutionArn"] for item in going):
        while (state := _state(client, arn)) not in execution.OVER:
            step.note = f"stop {arn.rsplit('/', 1)[1]}"
            if state != "Stopping":
                client.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=_token(arn))
            time.sleep(pause(time.monotonic() - begun))
    client.delete_pipeline(PipelineName=run.project, ClientRequestToken=_token(run.project))


def _state(client: Any, arn: str) -> str:
    return client.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]


def _token(name: str) -> str:
    """Return a ClientRequestToken: asked twice is asked once."""
    return hashlib.sha256(f"destroy:{name}".encode()).hexdigest()


def _stack(run: Run, name: str, template: Path) -> Iterator[Thing]:
    """Yield a stack where it is there."""
    if there := stack.describe(run.aws, name):
        wanted = stack.Wanted(name, run.project, template, verb="destroy")
        note = f"{there['StackStatus']}, {len(stack.resources(run.aws, name))} resources"
        yield Thing("stack", name, note, lambda step: stack.delete(run.aws, wanted, step))


def _data(run: Run) -> Iterator[Thing]:
    """Yield what releases wrote into what the stack keeps: packages and objects."""
    left = roles.leftovers(run.aws, run.project, roles.account(run.aws, run.project))
    if (group := left.get("model package group")) and (count := len(_packages(run, group))):
        yield Thing("packages", group, f"{count}", lambda step: _unregister(run, group, step), data=True)
    if bucket := left.get("bucket"):
        count, size = _measured(run, bucket)
        if count:
            note = f"{counted(count, 'version')}, {size:,} bytes"
            yield Thing("objects", f"s3://{bucket}", note, lambda step: _empty(run, bucket, step), data=True)


def _packages(run: Run, group: str) -> list[str]:
    request = {"ModelPackageGroupName": group}
    listed = run.aws.listed("list_model_packages", "ModelPackageSummaryList", **request)
    return [item["ModelPackageArn"] for item in listed]


def _unregister(run: Run, group: str, step: Step) -> None:
    for done, arn in enumerate(_packages(run, group)):
        run.aws.sagemaker.delete_model_package(ModelPackageName=arn)
        step.note = f"{done + 1:,} packages deleted"


def _versions(run: Run, bucket: str) -> Iterator[dict[str, Any]]:
    """Yield every version of every object, and the marks of deleted ones."""
    for page in run.aws.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        yield from page.get("Versions", [])
        yield from page.get("DeleteMarkers", [])


def _measured(run: Run, bucket: str) -> tuple[int, int]:
    """Return how many versions a bucket holds, and their bytes."""
    sizes = [item.get("Size", 0) for item in _versions(run, bucket)]
    return len(sizes), sum(sizes)


def _empty(run: Run, bucket: str, step: Step) -> None:
    done, listed = 0, _versions(run, bucket)
    while batch := [
        {"Key": it["Key"], "VersionId": it["VersionId"]} for it in itertools.islice(listed, BATCH)
    ]:
        told = run.aws.s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        if failed := told.get("Errors"):
            raise MLOpsError(f"""E107 S3 did not delete {len(failed)} objects
                s3://{bucket}/{failed[0]["Key"]}
                {failed[0]["Code"]}: {failed[0].get("Message", "")}
                allow it, then repeat: python -m pipelines destroy --data""")
        done += len(batch)
        step.note = f"{counted(done, 'version')} deleted"


def _kept(run: Run) -> Iterator[Thing]:
    """Yield what the stack keeps when it is deleted; the key before what alone names it: bucket, else log."""
    aws, left = run.aws, roles.leftovers(run.aws, run.project, roles.account(run.aws, run.project))
    if group := left.get("model package group"):
        delete = aws.sagemaker.delete_model_package_group
        yield Thing("group", group, "", lambda _: delete(ModelPackageGroupName=group), data=True)
    if log := left.get("log"):
        wipe, key = aws.logs.delete_log_group, "" if left.get("bucket") else _key_of_log(run, log)
        if key:
            yield Thing("key", key, "", lambda _: _forget(run, key), data=True)
        yield Thing("log", log, "", lambda _: wipe(logGroupName=log), data=True)
    if repository := left.get("image repository"):
        pages = aws.ecr.get_paginator("list_images").paginate(repositoryName=repository)
        count = len({image["imageDigest"] for page in pages for image in page["imageIds"]})
        erase = functools.partial(aws.ecr.delete_repository, repositoryName=repository, force=True)
        images = "1 image" if count == 1 else f"{count} images"
        yield Thing("image repository", repository, images, lambda _: erase(), data=True)
    if bucket := left.get("bucket"):
        if key := _key(run, bucket):
            yield Thing("key", key, "", lambda _: _forget(run, key), data=True)
        yield Thing("bucket", bucket, "", lambda _: aws.s3.delete_bucket(Bucket=bucket), data=True)


def _key(run: Run, bucket: str) -> str:
    """Return the ARN of the key that a bucket is encrypted with."""
    told = run.aws.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    return told["Rules"][0]["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID", "")


def _key_of_log(run: Run, log: str) -> str:
    """Return the ARN of the key that a log group is encrypted with."""
    groups = run.aws.logs.describe_log_groups(logGroupNamePrefix=log)["logGroups"]
    return next((group.get("kmsKeyId", "") for group in groups if group["logGroupName"] == log), "")


def _forget(run: Run, key: str) -> None:
    """Ask for the deletion of a key; one that is on its way already is as good."""
    try:
        run.aws.kms.schedule_key_deletion(KeyId=key.rsplit("/", 1)[-1], PendingWindowInDays=KEY_DAYS)
    except ClientError as error:
        if errors.code(error) != "KMSInvalidStateException":
            raise
