"""The two images of one Dockerfile: built and pushed when ECR lacks their tag, the hash of their code."""

from __future__ import annotations

import base64
import os
import shlex
import subprocess
from pathlib import Path

from botocore.exceptions import ClientError

from sagemaker_gitops import errors, names, tree
from sagemaker_gitops.aws import Aws
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.stack import Stack
from sagemaker_gitops.story import Step

# SageMaker runs amd64 and refuses the image index that attestations make of an image.
BUILD_FLAGS = ("--platform", "linux/amd64", "--provenance=false")


def digests(aws: Aws, stack: Stack, code_id: str) -> dict[str, str | None]:
    """Return the digest in ECR of each target; None for one that is not there."""
    found: dict[str, str | None] = {}
    for target, tag in names.image_tags(code_id).items():
        image = {"repositoryName": stack.repository.split("/", 1)[1], "imageIds": [{"imageTag": tag}]}
        try:
            found[target] = aws.ecr.describe_images(**image)["imageDetails"][0]["imageDigest"]
        except ClientError as error:
            if errors.code(error) != "ImageNotFoundException":
                raise
            found[target] = None
    return found


def require(aws: Aws, stack: Stack, code_id: str) -> dict[str, str | None]:
    """Return the digests of both images; raise SettingsError E505 where one is missing."""
    found = digests(aws, stack, code_id)
    for target, tag in names.image_tags(code_id).items():
        if not found[target]:
            raise SettingsError(f"""E505 the image {tag} is not in ECR
                {stack.repository}
                jobs and endpoint run it
                build and push it: python -m pipelines image; make release does that first""")
    return found


def compiled(root: Path = Path()) -> None:
    """Raise SettingsError E505 for a file of the images that is no Python: else a container says so."""
    for name in (path for path in tree.code_files(root) if path.suffix == ".py"):
        try:
            compile((root / name).read_bytes(), name.as_posix(), "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
            raise SettingsError(f"""E505 {name.as_posix()} cannot be compiled
                {name.as_posix()}{line}
                {type(error).__name__}: {getattr(error, "msg", error)}
                correct it; nothing was built and nothing trained""") from None


def publish(aws: Aws, stack: Stack, code_id: str, step: Step) -> None:
    """Build and push what ECR lacks; raise SettingsError E505 where the code or docker fails."""
    lacking = [target for target, digest in digests(aws, stack, code_id).items() if not digest]
    if not lacking:
        step.verdict, step.note = "reused", f"{names.short(code_id)} is in ECR"
        return
    compiled()
    token = aws.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    registry = stack.repository.split("/", 1)[0]
    _docker("login", "--username", user, "--password-stdin", registry, password=password)
    for target in lacking:
        tag = names.image_tags(code_id)[target]
        step.note = f"build {tag}"
        _docker("build", *BUILD_FLAGS, "--target", target, "--tag", f"{stack.repository}:{tag}", ".")
        step.note = f"push {tag}"
        _docker("push", f"{stack.repository}:{tag}")
    step.note = f"{names.short(code_id)}: {', '.join(lacking)} built and pushed"


def _docker(*arguments: str, password: str | None = None) -> None:
    """Run docker, or what DOCKER names; its output is shown only where it fails."""
    command = [*shlex.split(os.environ.get("DOCKER", "docker")), *arguments]
    todo = "start Docker, or name another builder in DOCKER; without AWS: make local-test"
    try:
        done = subprocess.run(command, input=password, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SettingsError(f"""E505 there is no {command[0]}
            this machine's PATH
            images are built with it
            {todo}""") from None
    if done.returncode:
        tail = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-20:]
        message = f"""E505 docker {arguments[0]} failed
            {shlex.join(command[:8])}
            {tail[-1]}
            {todo}"""
        raise SettingsError(message, tail)
