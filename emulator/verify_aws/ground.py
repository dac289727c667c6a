"""What all stories stand on: a bucket, an execution role, an image. Made where not given, and removed."""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from verify_aws.ledger import Ledger

IMAGE = Path(__file__).with_name("image")
BUILD_FLAGS = ("--platform", "linux/amd64", "--provenance=false")
SAGEMAKER = "sagemaker.amazonaws.com"


class Refused(Exception):
    """Nothing can be told like this: four lines, as printed."""


@dataclass(frozen=True)
class Ground:
    """Where the stories happen."""

    account: str
    region: str
    partition: str
    instance_type: str
    bucket: str = ""
    role: str = ""
    image: str = ""


def policy(ground: Ground) -> dict[str, Any]:
    """Return what the execution role may do: the least that the stories need."""
    here = f"{ground.region}:{ground.account}"
    bucket = f"arn:{ground.partition}:s3:::{ground.bucket}"

    def allow(resource: str | list[str], *actions: str, **more: Any) -> dict[str, Any]:
        return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}

    jobs = ("CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob", "AddTags")
    logs = ("CreateLogGroup", "CreateLogStream", "PutLogEvents", "DescribeLogStreams")
    pull = ("BatchGetImage", "GetDownloadUrlForLayer", "BatchCheckLayerAvailability")
    passed = {"StringEquals": {"iam:PassedToService": SAGEMAKER}}
    return {
        "Version": "2012-10-17",
        "Statement": [
            allow(bucket, "s3:ListBucket", "s3:GetBucketLocation"),
            allow(f"{bucket}/*", "s3:GetObject", "s3:PutObject"),
            allow(
                f"arn:{ground.partition}:logs:{here}:log-group:/aws/sagemaker/*", *(f"logs:{a}" for a in logs)
            ),
            allow("*", "cloudwatch:PutMetricData", "cloudwatch:DescribeAlarms", "ecr:GetAuthorizationToken"),
            allow(f"arn:{ground.partition}:ecr:{here}:repository/*", *(f"ecr:{a}" for a in pull)),
            allow(
                f"arn:{ground.partition}:sagemaker:{here}:processing-job/*", *(f"sagemaker:{a}" for a in jobs)
            ),
            allow(ground.role, "iam:PassRole", Condition=passed),
        ],
    }


def trust(ground: Ground) -> dict[str, Any]:
    """Return who may take the role: SageMaker, for this account alone."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": SAGEMAKER},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": ground.account}},
            }
        ],
    }


def made(aws: SimpleNamespace, given: Ground, ledger: Ledger, name: str) -> Ground:
    """Return the ground; what was not given is made. Raises Refused."""
    here = given
    if here.bucket:
        ledger.add("objects", f"{here.bucket}/{name}/")
    else:
        here = replace(here, bucket=bucket(aws, here, ledger, name))
    here = replace(here, image=here.image or image(aws, ledger, name))
    if not here.role:
        here = replace(here, role=role(aws, here, ledger, name))
        time.sleep(aws.role_seconds)
    return here


def bucket(aws: SimpleNamespace, ground: Ground, ledger: Ledger, name: str) -> str:
    """Make the bucket. Raises Refused."""
    ledger.add("bucket", name)
    place = {"CreateBucketConfiguration": {"LocationConstraint": ground.region}}
    _made(
        lambda: aws.s3.create_bucket(Bucket=name, **(place if ground.region != "us-east-1" else {})),
        f"the bucket {name}",
        "--bucket NAME names one of yours in this region; only what is put there is removed",
    )
    return name


def role(aws: SimpleNamespace, ground: Ground, ledger: Ledger, name: str) -> str:
    """Make the execution role. Raises Refused."""
    todo = "--role ARN names one that SageMaker may assume, with the permissions of verify_aws/ground.py"
    ledger.add("role", name)
    ledger.add("role-policy", f"{name}/p")
    document = json.dumps(trust(ground))
    made = _made(
        lambda: aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document),
        f"the role {name}",
        todo,
    )
    arn = made["Role"]["Arn"]
    text = json.dumps(policy(replace(ground, role=arn)))
    _made(
        lambda: aws.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=text),
        f"the policy of {name}",
        todo,
    )
    return arn


def image(aws: SimpleNamespace, ledger: Ledger, name: str) -> str:
    """Build verify_aws/image and push it to a repository of this run's own. Raises Refused."""
    todo = f"build {IMAGE} elsewhere, push it to ECR, give its URI: --image URI"
    ledger.add("repository", name)
    made = _made(lambda: aws.ecr.create_repository(repositoryName=name), f"the ECR repository {name}", todo)
    uri = made["repository"]["repositoryUri"]
    data = _made(aws.ecr.get_authorization_token, "a password for docker", todo)["authorizationData"]
    token = data[0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    tag = f"{uri}:1"
    _docker(todo, "login", "--username", user, "--password-stdin", uri.split("/")[0], password=password)
    _docker(todo, "build", *BUILD_FLAGS, "--tag", tag, str(IMAGE))
    _docker(todo, "push", tag)
    return tag


def _made(make: Callable[[], Any], what: str, todo: str) -> Any:
    try:
        return make()
    except (ClientError, BotoCoreError) as error:
        raise Refused(f"{what} cannot be made\n  AWS\n  {error}\n  {todo}") from None


def _docker(todo: str, *words: str, password: str | None = None) -> None:
    """Run docker, or what DOCKER names. Raises Refused."""
    command = [*shlex.split(os.environ.get("DOCKER", "docker")), *words]
    try:
        done = subprocess.run(command, input=password, capture_output=True, text=True, check=False)
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1] if done.returncode else ""
    except OSError as error:
        why = str(error)
    if why:
        raise Refused(f"docker {words[0]} failed\n  {command[0]}\n  {why}\n  {todo}")
