"""The release of what lies in the working tree: the story of every merge, on AWS or against the emulator.

ids -> data -> pipeline (validate, train, evaluate, gate, register) -> staging -> approve -> production
Each part starts from what is there: running it again attaches, retries or reuses, and never trains twice.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import (
    data,
    definition,
    delivery,
    execution,
    explain,
    ids,
    images,
    lock,
    names,
    registry,
    stack,
)
from pipelines.aws import Aws
from pipelines.errors import DeployFailed, SettingsError
from pipelines.registry import Package
from pipelines.results import Results
from pipelines.settings import Settings
from pipelines.stack import Stack
from pipelines.story import Story


@dataclass(frozen=True)
class Tree:
    """What lies in the working tree: nothing here needs AWS."""

    settings: Settings
    lock: lock.Lock
    ids: ids.Ids
    definition: str  # the golden file's text


def tree(settings: Settings, root: Path = Path()) -> Tree:
    """Read the working tree; raise SettingsError where it does not hold together."""
    golden = definition.golden(settings)
    locked = lock.read(root / settings.data.lock)
    return Tree(settings, locked, ids.compute(settings, locked, root), golden)


def release(
    aws: Aws, settings: Settings, story: Story, *, retry: bool = False, root: Path = Path()
) -> Package:
    """Bring the working tree to production, or raise what stopped it."""
    work = tree(settings, root)
    made = stack.outputs(aws, settings.project.slug)
    digests = images.require(aws, made, work.ids.code_id)
    story.facts["ids"] = work.ids.__dict__
    package = registry.find(aws, made.group, work.ids.release_id)
    if (
        package is None or "story_sha256" not in package.metadata
    ):  # registered, but cut off before it was completed
        package = produce(aws, work, made, digests, story, retry=retry, root=root)
    else:
        reuse(aws, made.bucket, package, story, retry)
    if package.approval != "Approved":
        package = delivery.prove_on_staging(aws, settings, made, package, story)
        if settings.project.approval != "gate":
            return delivery.hold(settings, package, story)
        package = delivery.approve(aws, package, story, "proven on staging, the gate decides")
    return delivery.to_production(aws, settings, made, package, story)


def reuse(aws: Aws, bucket: str, package: Package, story: Story, retry: bool) -> None:
    """Reuse a package; raise DeployFailed E403 where it was rejected and nobody asked for a retry."""
    with story.step("reuse") as step:
        step.note = f"version {package.version} is this release ({package.approval}): nothing is trained"
        if package.approval == "Rejected" and not retry:
            raise DeployFailed(
                "E403",
                f"release {names.short(package.release_id)} was rejected earlier",
                package.arn,
                "the same code and data would fail the same way",
                "change code or data, or say --retry where the fault was not the model's",
            )
        step.verdict = "reused"
    results = Results(aws, bucket, package.release_id, package.metadata["execution_id"])
    story.facts |= {"validation": results.validation, "evaluation": results.evaluation, **results.facts()}


def produce(
    aws: Aws, work: Tree, made: Stack, digests: dict[str, str], story: Story, *, retry: bool, root: Path
) -> Package:
    """Run the pipeline for a release that has no package, and complete what it registered."""
    with story.step("data") as step:
        versions = data.push(aws, made.bucket, work.lock, root, step)
    project, release_id = work.settings.project.slug, work.ids.release_id
    with story.step("pipeline") as step:
        real = definition.sentinels(
            project, made.bucket, made.key, made.role, f"{made.repository}:{names.short(work.ids.code_id)}"
        )
        change = execution.upsert_pipeline(
            aws, project, definition.substitute(work.definition, real), made.role
        )
        found = execution.of_release(aws, project, release_id)
        refused = bool(found) and execution.refusal(execution.steps(aws, found[0].arn)) is not None
        choice = execution.choose(found, refused, retry)
        running = choice.execution or execution.start(
            aws, project, release_id, choice.failed, parameters(aws, work, made)
        )
        step.note = f"definition {change}; {choice.action}: {choice.why}"
    story.facts["execution"] = running.arn
    results = Results(aws, made.bucket, release_id, running.id)
    try:
        steps = execution.follow(aws, running, story, results.of)
    finally:
        story.facts |= results.facts()
    fail = execution.refusal(steps)
    if fail:
        raise explain.refused(results, fail["StepName"])
    package = registry.describe(aws, execution.package_arn(steps))
    told = tell(work, package, running, digests, versions, results.evaluation)
    return registry.complete(aws, package, made.bucket, told)


def parameters(aws: Aws, work: Tree, made: Stack) -> dict[str, str]:
    """Write lock and champion where the jobs look for them; return the execution's parameters."""
    prefix = names.release_prefix(made.bucket, work.ids.release_id)
    aws.write_bytes(f"{prefix}/lock/data.lock", work.lock.text)
    return {
        "ReleaseId": work.ids.release_id,
        "CodeId": work.ids.code_id,
        "SnapshotId": work.ids.snapshot_id,
        "CommitSha": work.ids.commit_sha,
        "DataPrefix": f"s3://{made.bucket}/{work.lock.prefix}",
        "LockUri": f"{prefix}/lock/data.lock",
        "ChampionUri": champion(aws, work.settings, made, prefix),
        "TrackingUri": os.environ.get("MLFLOW_TRACKING_URI", work.settings.training.tracking_uri),
    }


def champion(aws: Aws, settings: Settings, made: Stack, prefix: str) -> str:
    """Lay the champion out as an S3 prefix that always exists; return its address."""
    best = registry.champion(aws, settings.project.slug, made.group)
    uri = f"{prefix}/champion/{best.version if best else 'none'}"
    facts = {"package": best.arn if best else None, "release_id": best.release_id if best else None}
    if best:
        bucket, key = names.split_uri(f"{uri}/model.tar.gz")
        source, source_key = names.split_uri(best.model_data)
        aws.s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": source, "Key": source_key})
    aws.write_bytes(f"{uri}/champion.json", json.dumps(facts).encode())
    return uri


def tell(
    work: Tree,
    package: Package,
    running: execution.Execution,
    digests: dict[str, str],
    versions: dict[str, str | None],
    evaluation: dict[str, Any],
) -> dict[str, Any]:
    """Return release.json: the whole story of a release, for whoever asks later."""
    metric = work.settings.gate.metric
    return {
        "schema_version": 1,
        **work.ids.__dict__,
        "package": package.arn,
        "execution": running.arn,
        "images": digests,
        "data": {"lock": json.loads(work.lock.text), "versions": versions},
        "settings": work.settings.steering(),
        "metrics": evaluation["candidate"]["metrics"],
        "champion": (evaluation.get("champion") or {}).get("package"),
        "gate": {
            "metric": metric,
            "value": evaluation["candidate"]["metrics"][metric]["value"],
            "verdict": evaluation["verdict"],
        },
        "artifact": evaluation["artifact"],
    }


def retell(aws: Aws, work: Tree, story: Story) -> None:
    """Read again what the release's last execution left; raise SettingsError E508 where there is none."""
    made = stack.outputs(aws, work.settings.project.slug)
    story.facts["ids"] = work.ids.__dict__
    found = execution.of_release(aws, work.settings.project.slug, work.ids.release_id)
    if not found:
        raise SettingsError(
            "E508",
            "this release has not run yet",
            f"release {names.short(work.ids.release_id)}",
            "no execution carries its id",
            "run it: python -m pipelines release",
        )
    results = Results(aws, made.bucket, work.ids.release_id, found[0].id)
    steps = execution.follow(aws, found[0], story, results.of)
    story.facts |= {"execution": found[0].arn, **results.facts()}
    if execution.refusal(steps) is None:
        package = registry.describe(aws, execution.package_arn(steps))
        story.facts["package"] = {
            "version": package.version,
            "arn": package.arn,
            "release_id": package.release_id,
        }
