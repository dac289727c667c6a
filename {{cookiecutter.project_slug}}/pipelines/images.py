"""The two images of one Dockerfile: built and pushed when ECR lacks their tag, the hash of their code."""

from __future__ import annotations

import base64
import os
import shlex
import subprocess

from botocore.exceptions import ClientError

from pipelines import names, refusals
from pipelines.aws import Aws
from pipelines.errors import SettingsError
from pipelines.stack import Stack
from pipelines.story import Step

# SageMaker runs amd64 and refuses the image index that attestations make of an image.
BUILD_FLAGS = ("--platform", "linux/amd64", "--provenance=false")


def digests(aws: Aws, stack: Stack, code_id: str) -> dict[str, str]:
    """Return the digest in ECR of each target that is there."""
    found: dict[str, str] = {}
    for target, tag in names.image_tags(code_id).items():
        try:
            answer = aws.ecr.describe_images(
                repositoryName=stack.repository.split("/", 1)[1], imageIds=[{"imageTag": tag}]
            )
            found[target] = answer["imageDetails"][0]["imageDigest"]
        except ClientError as error:
            if refusals.code(error) != "ImageNotFoundException":
                raise
    return found


def require(aws: Aws, stack: Stack, code_id: str) -> dict[str, str]:
    """Return the digests of both images; raise SettingsError E505 where one is missing."""
    found = digests(aws, stack, code_id)
    lacking = [tag for target, tag in names.image_tags(code_id).items() if target not in found]
    if lacking:
        raise SettingsError(
            "E505",
            f"the image {lacking[0]} is not in ECR",
            stack.repository,
            "jobs and endpoint run it",
            "build and push it: python -m pipelines image",
        )
    return found


def publish(aws: Aws, stack: Stack, code_id: str, step: Step) -> None:
    """Build and push what ECR lacks; raise SettingsError E505 where docker fails."""
    found = digests(aws, stack, code_id)
    lacking = {target: tag for target, tag in names.image_tags(code_id).items() if target not in found}
    if not lacking:
        step.verdict, step.note = "reused", f"{names.short(code_id)} is in ECR"
        return
    _log_in(aws, stack)
    for target, tag in lacking.items():
        step.note = f"build {tag}"
        _docker("build", *BUILD_FLAGS, "--target", target, "--tag", f"{stack.repository}:{tag}", ".")
        step.note = f"push {tag}"
        _docker("push", f"{stack.repository}:{tag}")
    step.note = f"{names.short(code_id)}: {', '.join(lacking)} built and pushed"


def _log_in(aws: Aws, stack: Stack) -> None:
    token = aws.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    _docker(
        "login", "--username", user, "--password-stdin", stack.repository.split("/", 1)[0], password=password
    )


def _docker(*arguments: str, password: str | None = None) -> None:
    """Run docker, or what DOCKER names; its output is shown only where it fails."""
    command = [*shlex.split(os.environ.get("DOCKER", "docker")), *arguments]
    todo = "start Docker, or name another builder in DOCKER; without AWS: make local-test"
    try:
        done = subprocess.run(command, input=password, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SettingsError(
            "E505", f"there is no {command[0]}", "this machine's PATH", "images are built with it", todo
        ) from None
    if done.returncode:
        tail = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-20:]
        error = SettingsError(
            "E505", f"docker {arguments[0]} failed", shlex.join(command[:8]), tail[-1], todo
        )
        error.detail = tail
        raise error
