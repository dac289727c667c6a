"""AWS::ECR::Repository with its lifecycle policy and its repository policy, which moto drops."""

from __future__ import annotations

import json
from typing import Any

from sagemaker_emulator import itself, seams


@seams.wrap("moto.ecr.models", "Repository.create_from_cloudformation_json")
def create(
    original: Any, cls: Any, name: str, document: dict[str, Any], account: str, region: str, **kwargs: Any
) -> Any:
    """Make the repository and apply both policies."""
    repository = original(cls, name, document, account, region, **kwargs)
    _apply(repository.name, document.get("Properties", {}), region)
    return repository


@seams.wrap("moto.ecr.models", "Repository.update_from_cloudformation_json")
def update(original: Any, cls: Any, **given: Any) -> Any:
    """Change the repository and apply both policies."""
    changed = original(cls, **given)
    _apply(changed.name, given["cloudformation_json"].get("Properties", {}), given["region_name"])
    return changed


def _apply(name: str, properties: dict[str, Any], region: str) -> None:
    ecr = itself.client("ecr", region)
    if "LifecyclePolicy" in properties:
        policy = properties["LifecyclePolicy"]["LifecyclePolicyText"]
        ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=_text(policy))
    if "RepositoryPolicyText" in properties:
        ecr.set_repository_policy(repositoryName=name, policyText=_text(properties["RepositoryPolicyText"]))


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document, default=str)
