"""Every name and address given to AWS is born here."""

from __future__ import annotations

import re

STACK_OUTPUTS = ("BucketName", "KeyArn", "ExecutionRoleArn", "RepositoryUri", "ModelPackageGroupName")
NETWORK_OUTPUTS = ("SubnetIds", "SecurityGroupId")  # of a stack whose jobs and endpoints run in a VPC
VARIANT = "main"  # blue/green needs the same variant name in the old and the new endpoint config


def short(identity: str) -> str:
    """Return the part of an id that goes into names: unique enough, short enough for SageMaker's 63."""
    return identity[:12]


def endpoint(project: str, environment: str, release_id: str = "") -> str:
    """Return the endpoint of an environment; staging has one of each release: two may be proven at once."""
    own = f"-{short(release_id)}" if environment == "staging" and release_id else ""
    return f"{project}-{environment}{own}"


def deployment(project: str, environment: str, release_id: str, version: int) -> str:
    """Return how the model and endpoint config of one release begin in one environment."""
    return f"{project}-{environment}-{short(release_id)}-{version}"


def shadow(project: str, config: str) -> str:
    """Return the config of production with a shadow; as short, and what serves can be read from it."""
    return _swapped(config, f"{project}-production-", f"{project}-shadow-")


def without_shadow(project: str, config: str) -> str:
    """Return the config that serves the same without a shadow."""
    return _swapped(config, f"{project}-shadow-", f"{project}-production-")


def _swapped(name: str, old: str, new: str) -> str:
    return new + name.removeprefix(old) if name.startswith(old) else name


def image_tags(code_id: str) -> dict[str, str]:
    """Return the ECR tag of each build target."""
    return {target: f"{short(code_id)}-{target}" for target in ("jobs", "serve")}


def release_prefix(bucket: str, release_id: str) -> str:
    """Return where everything about one release lies (no slash at the end)."""
    return f"s3://{bucket}/releases/{release_id}"


def execution_display(release_id: str, attempt: object = "") -> str:
    """Return the display name that ties an execution to its release; without an attempt, how all begin."""
    return f"release-{short(release_id)}-{attempt}"


def of_display(display: str) -> str:
    """Return the beginning of the release's id in an execution's display name, empty where it has none."""
    named = re.fullmatch(r"release-([0-9a-f]{12})-.*", display)
    return named[1] if named else ""


def split_uri(uri: str) -> tuple[str, str]:
    """Return (bucket, key) of an s3:// address."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def package_version(arn: str) -> int:
    """Return the version number at the end of a model package's ARN."""
    return int(arn.rsplit("/", 1)[1])
