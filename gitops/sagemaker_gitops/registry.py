"""The model registry: find a release's package and what serves, annotate and approve a package."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sagemaker_gitops import names
from sagemaker_gitops.aws import Aws, found
from sagemaker_gitops.errors import DeployFailed, SettingsError

TAKEN_BACK = "taken back"  # what was proven in production, and is rejected
METADATA_LENGTH = 256  # SageMaker's limit for one value
BEGINNING = re.compile(r"[0-9a-f]{12,64}")  # of a release's id, long enough to mean one


@dataclass(frozen=True)
class Package:
    """A model package as DescribeModelPackage shows it."""

    arn: str
    approval: str
    image: str
    model_data: str
    metadata: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    judged: str = ""  # why it was approved or rejected
    created: str = ""  # when, UTC

    @property
    def version(self) -> int:
        """Its number in the group."""
        return names.package_version(self.arn)

    @property
    def release_id(self) -> str:
        """The release that it is; empty for a package that somebody made by hand."""
        return self.metadata.get("release_id", "")

    @property
    def was_proven(self) -> bool:
        """Whether production has proven it once, rejected since or not."""
        return self.metadata.get("production") in ("proven", TAKEN_BACK)

    def facts(self) -> dict[str, Any]:
        """Return what the report says of it."""
        return {"version": self.version, "arn": self.arn, "release_id": self.release_id}


def describe(aws: Aws, arn: str) -> Package:
    """Return one package."""
    told = aws.sagemaker.describe_model_package(ModelPackageName=arn)
    container = told["InferenceSpecification"]["Containers"][0]
    return Package(
        arn=told["ModelPackageArn"],
        approval=told["ModelApprovalStatus"],
        image=container["Image"],
        model_data=container["ModelDataUrl"],
        metadata=told.get("CustomerMetadataProperties") or {},
        environment=container.get("Environment") or {},
        judged=told.get("ApprovalDescription", ""),
        created=told["CreationTime"].astimezone(UTC).isoformat() if "CreationTime" in told else "",
    )


def newest(aws: Aws, group: str, **only: str) -> list[Package]:
    """Return the packages of a group, newest first; `only` narrows the list as ListModelPackages knows it.

    Raises:
        SettingsError: E523, there is no such group.
    """
    pages = aws.listed("list_model_packages", "ModelPackageSummaryList", ModelPackageGroupName=group, **only)
    listed = found(lambda: list(pages))
    if listed is None:
        again = f"aws sagemaker create-model-package-group --model-package-group-name {group}"
        raise SettingsError(f"""E523 the registry's group {group} is gone
            registry group {group}, in {aws.region}
            somebody has deleted it with its packages: nothing can be registered, promoted or gone back to
            make it again ({again}), then release again: python -m pipelines release""")
    arns = sorted((item["ModelPackageArn"] for item in listed), key=names.package_version, reverse=True)
    return [describe(aws, arn) for arn in arns]


def approved(aws: Aws, group: str) -> list[Package]:
    """Return the approved packages of a group, newest first."""
    return newest(aws, group, ModelApprovalStatus="Approved")


def previous(aws: Aws, group: str, serving: Package | None) -> Package | None:
    """Return the approved release that production served, proven, last before the one that serves.

    Not the version below it: a revert may have brought an older one back since.
    """
    proven = [item for item in approved(aws, group) if item.metadata.get("production") == "proven"]
    others = [item for item in proven if serving is None or item.arn != serving.arn]
    below = (item for item in others if serving is None or item.version < serving.version)
    return last(others) or next(below, None)


def last(listed: Iterable[Package]) -> Package | None:
    """Return what came to production last, proven there: also rejected it serves until another one does."""
    told = [item for item in listed if "served_at" in item.metadata]
    return max(told, key=lambda item: item.metadata["served_at"], default=None)


def noted(aws: Aws, group: str, account: str) -> Package | None:
    """Return what production serves in another account, as its deploy has noted."""
    there = last(newest(aws, group))
    return there if there and there.metadata.get("served_in") == account else None


def find(aws: Aws, group: str, release_id: str) -> Package | None:
    """Return the newest package of a release, or None.

    `release_id` may be its beginning: 12 hex digits or more, which must be those of one release only.
    """
    if not BEGINNING.fullmatch(release_id):
        return None
    mine = [item for item in newest(aws, group) if item.release_id.startswith(release_id)]
    return mine[0] if len({item.release_id for item in mine}) == 1 else None


def served(aws: Aws, group: str, endpoint: str) -> Package | None:
    """Return the package that an endpoint serves, None where there is no endpoint.

    Raises:
        DeployFailed: E405, it serves something else: that is not nothing, and nobody could put it back.
    """
    live = found(aws.sagemaker.describe_endpoint, EndpointName=endpoint)
    if live is None:
        return None
    package = behind(aws, group, live["EndpointConfigName"])
    if package and package.release_id:
        return package
    raise DeployFailed(f"""E405 nobody knows which release {endpoint} serves
        endpoint {endpoint}, config {live["EndpointConfigName"]}
        no package of the group {group} is behind it: nothing to compare with, nothing to put back
        find out who made it; bring it to a config of a release, or delete it; then repeat""")


def endpoints(aws: Aws, project: str, environment: str) -> list[str]:
    """Return the names of an environment's endpoints, newest first; staging's come and go with releases."""
    name = names.endpoint(project, environment)
    if environment != "staging":
        return [name]
    order = {"SortBy": "CreationTime", "SortOrder": "Descending"}
    listed = aws.listed("list_endpoints", "Endpoints", NameContains=f"{name}-", **order)
    mine = re.compile(rf"{re.escape(name)}-[0-9a-f]{{12}}")
    return [item["EndpointName"] for item in listed if mine.fullmatch(item["EndpointName"])] or [name]


def behind(aws: Aws, group: str, config: str) -> Package | None:
    """Return the package behind an endpoint config, or None where it names none that is there."""
    client = aws.sagemaker
    there = found(client.describe_endpoint_config, EndpointConfigName=config)
    name = there and there["ProductionVariants"][0].get("ModelName")
    model = name and found(client.describe_model, ModelName=name)
    container = model and (model.get("PrimaryContainer") or model["Containers"][0])
    if not container:
        return None
    if arn := container.get("ModelPackageName"):
        return found(describe, aws=aws, arn=arn)
    version = container.get("Environment", {}).get("MODEL_PACKAGE_VERSION")
    return next((item for item in newest(aws, group) if str(item.version) == version), None)


def annotate(aws: Aws, package: Package, facts: dict[str, str]) -> Package:
    """Add metadata to a package; to the time since when production serves it, the account that serves."""
    if "served_at" in facts:
        facts = facts | {"served_in": aws.account()}
    merged = package.metadata | {key: value[:METADATA_LENGTH] for key, value in facts.items()}
    return _update(aws, package, CustomerMetadataProperties=merged)


def judge(aws: Aws, package: Package, status: str, why: str) -> Package:
    """Approve or reject a package: why, who, when. What is rejected counts as proven no more."""
    facts = {"judged_at": datetime.now(UTC).isoformat(timespec="seconds")}
    if aws.caller:
        facts["judged_by"] = aws.caller[:METADATA_LENGTH]
    if status == "Rejected" and package.metadata.get("production") == "proven":
        facts = package.metadata | facts | {"production": TAKEN_BACK}
    change = {"ModelApprovalStatus": status, "ApprovalDescription": why[:1024]}
    return _update(aws, package, CustomerMetadataProperties=facts, **change)


def _update(aws: Aws, package: Package, **change: Any) -> Package:
    aws.sagemaker.update_model_package(ModelPackageArn=package.arn, **change)
    return describe(aws, package.arn)
