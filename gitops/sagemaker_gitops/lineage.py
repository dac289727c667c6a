"""What release.json holds: one release's whole story, of which the package keeps the sha256.

A release is told once. Runners of two commits can complete one package, and not all that they would tell is
the same: the first one writes the story, and whoever comes later takes that one.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_gitops import card, errors, jobs, names, pins, registry
from sagemaker_gitops.aws import Aws, found
from sagemaker_gitops.github.outcome import Work
from sagemaker_gitops.registry import Package
from sagemaker_gitops.results import Results
from sagemaker_gitops.run import Run
from sagemaker_gitops.tree import Tree

SCHEMA_VERSION = 1
# S3's answers where an object is not as the request wants it: another, being written at this moment, or gone.
REFUSED = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")
SAME = ("schema_version", "package", "evaluation_sha256", "artifact")  # in two stories of one package


def tell(
    run: Run, work: Tree, left: Results, steps: list[dict[str, Any]], package: Package, **more: Any
) -> dict[str, Any]:
    """Return the story of what an execution has registered; `more` is what only its caller knows."""
    versions = more.pop("versions")
    return {
        "schema_version": SCHEMA_VERSION,
        **work.ids.__dict__,
        "commit_sha": package.metadata["commit_sha"],  # that was trained; another one may complete it
        "project": {"name": run.settings.project.name, "description": run.settings.project.description},
        "settings": work.settings.steering(),
        "pins": pins.of_tree(work.root),
        "data": {"lock": json.loads(work.lock.text), "versions": versions},
        "repository": run.stack.repository,
        "jobs": jobs.arns(steps),
        **judged(left.evaluation, work.settings.gate.metric),
        "evaluation_sha256": left.evaluation_sha256,
        "package": package.arn,
        "model_data": package.model_data,
        "registered_at": package.created,
        **more,
    }


def judged(evaluation: dict[str, Any], metric: str) -> dict[str, Any]:
    """Return what evaluation found: metrics beside the champion's, the verdict, hashes. No slice's value."""
    metrics, champion = evaluation["candidate"]["metrics"], evaluation.get("champion") or {}
    return {
        "tracking": evaluation.get("tracking") or {},
        "task": evaluation.get("task", ""),
        "rows": evaluation.get("rows", 0),
        "metrics": metrics,
        "champion": champion.get("package"),
        "champion_metrics": champion.get("metrics") or {},
        "difference": evaluation.get("difference") or {},
        "gate": {"metric": metric, "value": metrics[metric]["value"], "verdict": evaluation["verdict"]},
        "artifact": evaluation["artifact"],
    }


def complete(run: Run, package: Package, story: dict[str, Any]) -> Package:
    """Make a package whole: its story on S3 and as the model card, then hashes, and who registers it."""
    uri = f"{names.release_prefix(run.stack.bucket, package.release_id)}/release.json"
    body = write_once(run.aws, story | {"uri": uri})
    story = json.loads(body)
    attach_card(run, package, story)
    facts = summary(story) | {"story_sha256": hashlib.sha256(body).hexdigest()}
    return registry.annotate(run.aws, package, facts | by(run))


def write_once(aws: Aws, story: dict[str, Any]) -> bytes:
    """Write a story unless this package has one already; return the one that lies on S3."""
    uri, body = story["uri"], json.dumps(story, indent=2, sort_keys=True).encode()
    bucket, key = names.split_uri(uri)
    only = {"IfNoneMatch": "*"}
    while True:
        try:
            aws.write_bytes(uri, body, **only)
        except ClientError as error:
            if errors.code(error) not in REFUSED:
                raise
        else:
            return body
        if there := found(aws.s3.get_object, Bucket=bucket, Key=key):
            if same_package(told := there["Body"].read(), story):
                return told
            only = {"IfMatch": there["ETag"]}  # of a package that the release had before; S3 keeps its story
        else:
            only = {"IfNoneMatch": "*"}


def same_package(body: bytes, story: dict[str, Any]) -> bool:
    """Say whether what lies on S3 is a story of the same package and model, told as this version does."""
    try:
        there = json.loads(body)
    except ValueError:
        return False
    return isinstance(there, dict) and all(there.get(key) == story[key] for key in SAME)


def attach_card(run: Run, package: Package, story: dict[str, Any]) -> None:
    """Give a package its model card; AWS's no is a warning, since all that it says stands in release.json."""
    try:
        run.aws.sagemaker.update_model_package(ModelPackageArn=package.arn, ModelCard=card.request(story))
    except errors.TROUBLE as error:
        with run.story.step("model card") as step:
            step.verdict, step.note = "warned", f"version {package.version} goes on without one: {error}"


def summary(story: dict[str, Any]) -> dict[str, str]:
    """Return what a package says of its release by itself: ids and hashes, none empty."""
    facts = {
        "artifact_sha256": story["artifact"]["sha256"],
        "evaluation_sha256": story["evaluation_sha256"],
        "story_uri": story["uri"],
        "metric": f"{story['gate']['metric']}={story['gate']['value']}",
        "verdict": card.said(story["gate"]["verdict"]),
        "mlflow_run": story["tracking"].get("run") or story["tracking"].get("state", ""),
    }
    facts |= {f"image_{target}": digest for target, digest in story["images"].items()}
    facts |= {f"pins_{image}": pinned.get("sha256", "") for image, pinned in story["pins"].items()}
    return {key: value for key, value in facts.items() if value}


def by(run: Run) -> dict[str, str]:
    """Return who registers a release: the caller as AWS knows it, and the workflow run where there is one."""
    job = Work.of(os.environ)
    told = {"registered_by": run.aws.caller, "registered_run": job.url if job.id else ""}
    return {key: value for key, value in told.items() if value}
