"""What a release leaves in AWS, in words that are the same for every release that ends well."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tests.stories.crash.site import Site

NAMED = {  # list operation of SageMaker -> member, name
    "list_endpoint_configs": ("EndpointConfigs", "EndpointConfigName"),
    "list_models": ("Models", "ModelName"),
    "list_training_jobs": ("TrainingJobSummaries", "TrainingJobName"),
    "list_processing_jobs": ("ProcessingJobSummaries", "ProcessingJobName"),
    "list_endpoints": ("Endpoints", "EndpointName"),
}
EVIDENCE = "rollout.json"  # of the watch over the rollout
# Below a release's prefix; all else is an execution's.
OWN = ("lock", "champion", "checkpoints", "release.json", EVIDENCE)
WORDS = (
    (r"-\d+-[0-9a-f]{8}\b", "-VERSION"),
    (r"version \d+", "version N"),
    (r"champion/\d+/", "champion/N/"),
)


@dataclass
class Standing:
    """What stood before a release."""

    config: str
    release_id: str  # that answers
    packages: dict[int, Any]
    names: dict[str, set[str]] = field(default_factory=dict)


def standing(site: Site) -> Standing:
    """Look before a release."""
    names = {operation: site.names(operation, *words) for operation, words in NAMED.items()}
    return Standing(site.live(), site.client.ask(), packages(site), names)


def packages(site: Site) -> dict[int, tuple[Any, ...]]:
    """Return of each package what a release may change."""
    return {
        version: (
            told["ModelApprovalStatus"],
            told.get("ApprovalDescription"),
            {key: value for key, value in told["CustomerMetadataProperties"].items() if key != "served_at"},
        )
        for version, told in site.packages().items()
    }


def unharmed(site: Site, before: Standing) -> list[str]:
    """Return what is not as it was where it must be: the old release serves, its package is untouched."""
    found = []
    if (config := site.live()) != before.config:
        found.append(f"production serves {config}, before {before.config}")
    if (answers := site.client.ask()) != before.release_id:
        found.append(f"release {answers[:12]} answers, before {before.release_id[:12]}")
    return found + untouched(site, before)


def untouched(site: Site, before: Standing) -> list[str]:
    """Return which packages that stood before are not as they were."""
    now = packages(site)
    return [
        f"package {version} has changed"
        for version, told in before.packages.items()
        if now.get(version) != told
    ]


def after(site: Site, before: Standing, release_id: str) -> dict[str, Any]:
    """Return what a release has left, told without its id, versions, dates and random names."""

    def plain(text: str) -> str:
        text = text.replace(release_id, "RELEASE").replace(release_id[:12], "RELEASE")
        for pattern, word in WORDS:
            text = re.sub(pattern, word, text)
        return text

    keys = objects(site, release_id, plain)
    new = {name: sorted(site.names(name, *NAMED[name]) - before.names[name]) for name in NAMED}
    made = [told for version, told in sorted(packages(site).items()) if version not in before.packages]
    return {
        "serves": plain(site.live()),
        "answers": "RELEASE" if site.client.ask() == release_id else "another",
        "failure": bool(site.sagemaker.describe_endpoint(EndpointName=site.endpoint).get("FailureReason")),
        "packages": [(status, plain(why or ""), sorted(facts)) for status, why, facts in made],
        "untouched": untouched(site, before),
        "executions": executions(site, release_id),
        "jobs": [len(new.pop("list_training_jobs")), len(new.pop("list_processing_jobs"))],
        "alarms": [plain(name) for name in site.alarms()],
        "evidence": EVIDENCE in keys,
        "objects": [key for key in keys if key != EVIDENCE],
        **{operation: [plain(name) for name in names] for operation, names in new.items()},
    }


def executions(site: Site, release_id: str) -> list[str]:
    """Return how each execution of a release ended."""
    pages = site.sagemaker.get_paginator("list_pipeline_executions").paginate(PipelineName=site.world.slug)
    items = [item for page in pages for item in page["PipelineExecutionSummaries"]]
    mine = [item for item in items if release_id[:12] in item.get("PipelineExecutionDisplayName", "")]
    return [item["PipelineExecutionStatus"] for item in mine]


def objects(site: Site, release_id: str, plain: Any) -> list[str]:
    """Return the keys below a release's prefix, without what is random in them."""
    bucket = next(
        item["Name"] for item in site.s3.list_buckets()["Buckets"] if site.world.slug in item["Name"]
    )
    pages = site.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"releases/{release_id}/")
    keys = [item["Key"].split("/", 2)[2] for page in pages for item in page.get("Contents", [])]
    shown = [key if key.startswith(OWN) else f"EXECUTION/{key.split('/', 1)[-1]}" for key in keys]
    return sorted(plain(re.sub(r"train/[^/]+/output", "train/JOB/output", key)) for key in shown)


def differences(wanted: dict[str, Any], got: dict[str, Any]) -> dict[str, str]:
    """Return what differs, by name, in words."""
    return {
        name: f"{name}: {got[name]}, without a fault {wanted[name]}"
        for name in wanted
        if got[name] != wanted[name]
    }
