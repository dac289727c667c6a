"""ECR where moto breaks or the image store must follow: no such repository, and images that are deleted."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from moto.sts.models import sts_backends

from sagemaker_emulator import itself, seams
from sagemaker_emulator.images.store import Store

ACCESS_KEY = re.compile(r"Credential=([^/,]+)/")


@seams.operation("GetAuthorizationToken", service="ecr")
def get_authorization_token(call: seams.Call) -> Any:
    """Return a password that stands for the caller: who logs in with it pushes as the caller."""
    answer = seams.original(call)
    data = answer.result if hasattr(answer, "result") else answer
    password = base64.b64encode(json.dumps(_keys(call)).encode()).decode()
    for item in data["authorizationData"]:
        item["authorizationToken"] = base64.b64encode(f"AWS:{password}".encode()).decode()
    return answer


def _keys(call: seams.Call) -> dict[str, str]:
    """Return the caller's credentials as boto3 takes them; those of a session are known to STS."""
    found = ACCESS_KEY.search(call.headers.get("Authorization", ""))
    key = found[1] if found else "test"
    for regions in sts_backends.values():
        for backend in regions.values():
            for role in backend.assumed_roles:
                if role.access_key_id == key:
                    return {
                        "aws_access_key_id": key,
                        "aws_secret_access_key": role.secret_access_key,
                        "aws_session_token": role.session_token,
                    }
    return {"aws_access_key_id": key, "aws_secret_access_key": "test"}


@seams.operation("PutImage", service="ecr")
def put_image(call: seams.Call) -> Any:
    """Record an image; from that moment jobs can pull it, also where who pushed it is killed.

    Raises AwsError as ECR words it when the repository does not exist, or its tag may not be moved.
    """
    name = call.params["repositoryName"]
    if name not in _repositories(call):
        raise seams.AwsError(
            "RepositoryNotFoundException",
            f"The repository with name '{name}' does not exist in the registry with id '{call.account}'",
        )
    _refuse_to_move_a_frozen_tag(call, name)
    answer = seams.original(call)
    _offer(call, name)
    return answer


@seams.operation("BatchDeleteImage", service="ecr")
def batch_delete_image(call: seams.Call) -> Any:
    """Delete images: jobs can no longer pull them."""
    before = _tags(call)
    answer = seams.original(call)
    _withdraw(call, before - _tags(call))
    return answer


@seams.operation("DeleteRepository", service="ecr")
def delete_repository(call: seams.Call) -> Any:
    """Delete a repository with what is in it."""
    before = _tags(call)
    answer = seams.original(call)
    _withdraw(call, before)
    return answer


def _refuse_to_move_a_frozen_tag(call: seams.Call, name: str) -> None:
    repository, tag = _repositories(call)[name], call.params.get("imageTag")
    if repository.image_tag_mutability != "IMMUTABLE":
        return
    for image in repository.images:
        if tag in image.image_tags and image.image_manifest != call.params["imageManifest"]:
            raise seams.AwsError(
                "ImageTagAlreadyExistsException",
                f"The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten "
                "because the tag is immutable.",
            )


def _offer(call: seams.Call, name: str) -> None:
    """Let jobs pull what `docker build` made of the manifest's layers, by tag and by digest."""
    manifest = call.params["imageManifest"]
    ends = [f"@sha256:{hashlib.sha256(manifest.encode()).hexdigest()}"]
    if tag := call.params.get("imageTag"):
        ends.append(f":{tag}")
    for content in re.findall(r'"digest": "sha256:([0-9a-f]{64})"', manifest):
        Store(itself.home()).push(content, *(f"{_registry(call)}/{name}{end}" for end in ends))


def _registry(call: seams.Call) -> str:
    return f"{call.account}.dkr.ecr.{call.region}.amazonaws.com"


def _repositories(call: seams.Call) -> dict[str, Any]:
    return itself.backend("ecr", call.account, call.region).repositories


def _tags(call: seams.Call) -> set[str]:
    """Return the ends of the URIs under which the repository's images can be pulled."""
    repository = _repositories(call).get(call.params["repositoryName"])
    images = repository.images if repository is not None else []
    by_tag = {f":{tag}" for image in images for tag in image.image_tags}
    return by_tag | {f"@{image.get_image_digest()}" for image in images}


def _withdraw(call: seams.Call, ends: set[str]) -> None:
    store = Store(itself.home())
    for end in ends:
        store.withdraw(f"{_registry(call)}/{call.params['repositoryName']}{end}")
