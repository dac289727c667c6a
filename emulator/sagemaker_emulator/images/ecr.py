"""ECR where moto breaks or the image store must follow: no such repository, and images that are deleted."""

from __future__ import annotations

from typing import Any

from sagemaker_emulator import seams
from sagemaker_emulator.images.store import Store


@seams.operation("PutImage", service="ecr")
def put_image(call: seams.Call) -> Any:
    """Record an image. Raises AwsError as ECR words it when the repository does not exist."""
    name = call.params["repositoryName"]
    if name not in _repositories(call):
        raise seams.AwsError(
            "RepositoryNotFoundException",
            f"The repository with name '{name}' does not exist in the registry with id '{call.account}'",
        )
    _refuse_to_move_a_frozen_tag(call, name)
    return seams.original(call)


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


def _repositories(call: seams.Call) -> dict[str, Any]:
    return seams.backend("ecr", call.account, call.region).repositories


def _tags(call: seams.Call) -> set[str]:
    """Return the ends of the URIs under which the repository's images can be pulled."""
    repository = _repositories(call).get(call.params["repositoryName"])
    images = repository.images if repository is not None else []
    by_tag = {f":{tag}" for image in images for tag in image.image_tags}
    return by_tag | {f"@{image.get_image_digest()}" for image in images}


def _withdraw(call: seams.Call, ends: set[str]) -> None:
    store = Store(seams.home())
    registry = f"{call.account}.dkr.ecr.{call.region}.amazonaws.com"
    for end in ends:
        store.withdraw(f"{registry}/{call.params['repositoryName']}{end}")
