"""ECR where moto breaks: an image for a repository that is not there."""

from __future__ import annotations

from typing import Any

from sagemaker_emulator import seams


@seams.operation("PutImage", service="ecr")
def put_image(call: seams.Call) -> Any:
    """Record an image. Raises AwsError as ECR words it when the repository does not exist."""
    name = call.params["repositoryName"]
    backend = seams.backend("ecr", call.account, call.region)
    if name not in backend.repositories:
        raise seams.AwsError(
            "RepositoryNotFoundException",
            f"The repository with name '{name}' does not exist in the registry with id '{call.account}'",
        )
    return seams.original(call)
