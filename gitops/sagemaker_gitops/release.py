"""The release of what lies in the working tree: the story of every merge, on AWS or against the emulator.

ids -> data -> pipeline (validate, train, evaluate, gate, register) -> staging -> approve -> production
Each part starts from what is there: running it again attaches, retries or reuses, and never trains twice.
"""

from __future__ import annotations

import json
import math
import os
from contextlib import suppress

from sagemaker_gitops import (
    accounts,
    data,
    definition,
    delivery,
    errors,
    execution,
    images,
    lineage,
    names,
    network,
    promotion,
    proof,
    registry,
    standing,
)  # fmt: skip
from sagemaker_gitops.errors import (
    DeployFailed,
    NotStarted,
    SettingsError,
    WrongRelease,
)
from sagemaker_gitops.registry import Package
from sagemaker_gitops.results import Results
from sagemaker_gitops.run import Run
from sagemaker_gitops.settings import far, names_user
from sagemaker_gitops.tree import Tree


def release(run: Run, work: Tree, *, retry: bool = False, keep: bool = False) -> Package:
    """Bring the working tree to production, or as far as this account and the settings let it."""
    package = stage(run, registered(run, work, retry=retry), keep=keep)
    if package.approval != "Approved":
        return package
    if accounts.PRODUCTION not in accounts.here(run.stack):
        return delivery.hold(run, package, "production")
    return promotion.to_production(run, work, package)


def registered(run: Run, work: Tree, *, retry: bool = False, minutes: float = math.inf) -> Package:
    """Return the working tree's package: the one that is there, or what the pipeline registers now."""
    data.check(work.lock, work.root, run.story)
    digests = images.require(run.aws, run.stack, work.ids.code_id)
    run.story.facts["ids"] = work.ids.__dict__
    package = registry.find(run.aws, run.stack.group, work.ids.release_id)
    if (
        package and "story_sha256" in package.metadata
    ):  # else it was registered, but cut off before it was whole
        reuse(run, package, retry)
        # Else a revert would leave what it takes back as the pipeline's definition.
        execution.upsert_pipeline(run.aws, run.project, definition_of(run, work), run.stack.role)
        return package
    return produce(run, work, digests, retry, minutes)


def stage(run: Run, package: Package, *, keep: bool = False) -> Package:
    """Prove a package on staging; approve it where the gate alone decides, else leave it to somebody."""
    if package.approval == "Approved":
        return package
    try:
        package = delivery.prove_on_staging(run, package, keep)
    except DeployFailed as error:
        _note(run, package, error)
        raise
    if run.settings.project.approval != "gate":
        return delivery.hold(run, package)
    return delivery.approve(run, package, "proven on staging, the gate decides")


def _note(run: Run, package: Package, error: DeployFailed) -> None:
    """Note that staging let no release through; a proof stays one where that is not the release's fault."""
    wrong = isinstance(error, WrongRelease)
    if isinstance(error, NotStarted) or (package.metadata.get("staging") == standing.PROVEN and not wrong):
        return
    with suppress(*errors.TROUBLE):  # it must not hide what stopped the release
        note = standing.REFUSED if wrong else standing.FAILED
        registry.annotate(run.aws, package, standing.noted(note))


def of(run: Run, work: Tree) -> Package:
    """Return the working tree's package; raise SettingsError E508 where the pipeline has registered none."""
    package = registry.find(run.aws, run.stack.group, work.ids.release_id)
    if package is None or "story_sha256" not in package.metadata:
        raise SettingsError(f"""E508 this release is not registered
            release {names.short(work.ids.release_id)}
            registry group {run.stack.group} has no whole package of it
            run the pipeline first: python -m pipelines pipeline""")
    return package


def reuse(run: Run, package: Package, retry: bool) -> None:
    """Reuse a package; raise DeployFailed E403 where it was rejected and nobody asked for a retry."""
    run.story.facts["registered"] = package.facts()
    with run.story.step("reuse") as step:
        step.note = f"version {package.version} is this release ({package.approval}): nothing is trained"
        if package.approval == "Rejected" and not retry:
            raise DeployFailed(f"""E403 release {names.short(package.release_id)} was rejected earlier
                {package.arn}
                {package.judged or "nobody wrote down why"}
                change code or data; or release it all the same: python -m pipelines release --retry""")
        step.verdict = "reused"
    results = Results(run.aws, run.stack.bucket, package.release_id, package.metadata["execution_id"])
    run.story.facts |= {"validation": results.validation, "evaluation": results.evaluation, **results.facts()}


def produce(
    run: Run, work: Tree, digests: dict[str, str | None], retry: bool, minutes: float = math.inf
) -> Package:
    """Run the pipeline for a release that has no package, and complete what it registered."""
    aws, made, story = run.aws, run.stack, run.story
    with run.story.step("data") as step:
        versions = data.push(aws, made.bucket, work.lock, work.root, step)
    with run.story.step("pipeline") as step:
        sent = definition_of(run, work)
        running, step.note = execute(run, work, sent, retry)
        story.facts["execution"] = running.arn
        execution.require(aws, running.arn, sent)  # before hours of waiting: it stays what it began as
    results = Results(aws, made.bucket, work.ids.release_id, running.id)
    try:
        steps = execution.follow(aws, running, story, results.of, minutes)
    finally:
        story.facts |= results.facts()
    if fail := execution.refusal(steps):
        raise results.refused(fail["StepName"])
    package = registry.describe(aws, execution.package_arn(steps))
    story.facts["registered"] = package.facts()
    more = {"execution": running.arn, "images": digests, "versions": versions}
    told = lineage.tell(run, work, results, steps, package, **more)
    return lineage.complete(run, package, told)


def definition_of(run: Run, work: Tree) -> str:
    """Return the pipeline's definition as this release sends it."""
    network.require(run)
    image = f"{run.stack.repository}:{names.short(work.ids.code_id)}"
    return definition.substitute(work.definition, definition.sentinels(run.stack, run.project, image))


def execute(run: Run, work: Tree, sent: str, retry: bool) -> tuple[execution.Execution, str]:
    """Return this release's execution, started where none will do, and what was done about it in words."""
    aws, project, release_id = run.aws, run.project, work.ids.release_id
    change, version = execution.upsert_pipeline(aws, project, sent, run.stack.role)
    found = execution.of_release(aws, project, release_id)
    refused = bool(found) and execution.refusal(execution.steps(aws, found[0].arn)) is not None
    foreign = bool(found) and not execution.ran(aws, found[0].arn, sent)
    choice = execution.choose(found, refused, retry, foreign)
    running, action = choice.execution, choice.action
    given = parameters(run, work) if action in ("start", "retry") else {}
    if running is None or (action == "retry" and not execution.retry(aws, running, given)):
        action = "start"
        running = execution.start(aws, project, release_id, choice.failed, given, **version)
    return running, f"definition {change}; {action}: {choice.why}"


def parameters(run: Run, work: Tree) -> dict[str, str]:
    """Write lock and champion where the jobs look for them; return the execution's parameters.

    Raises:
        SettingsError: E501, the tracking server's address holds a user, or no container would reach it.
    """
    tracking = os.environ.get("MLFLOW_TRACKING_URI", work.settings.training.tracking_uri)
    if names_user(tracking):
        raise SettingsError("""E501 the tracking server's address holds a user or a password
            the variable MLFLOW_TRACKING_URI
            jobs show their parameters to every reader of the account
            give an address without them""")
    if far(tracking) and work.settings.network.isolation:
        raise SettingsError("""E501 network.isolation is true, and MLflow is an address on the network
            the variable MLFLOW_TRACKING_URI
            training runs in a container that reaches nothing
            write isolation = false; or take the variable away""")
    prefix = names.release_prefix(run.stack.bucket, work.ids.release_id)
    run.aws.write_bytes(f"{prefix}/lock/data.lock", work.lock.text)
    return {
        "ReleaseId": work.ids.release_id,
        "CodeId": work.ids.code_id,
        "SnapshotId": work.ids.snapshot_id,
        "CommitSha": work.ids.commit_sha,
        "DataPrefix": f"s3://{run.stack.bucket}/{work.lock.prefix}",
        "LockUri": f"{prefix}/lock/data.lock",
        "ChampionUri": champion(run, prefix),
        "TrackingUri": tracking,
    }


def champion(run: Run, prefix: str) -> str:
    """Lay the champion out as an S3 prefix that always exists; return its address.

    It is what production serves, else the newest Approved.

    Raises:
        DeployFailed: E402, its archive is gone or not the one that was evaluated; E405, it cannot be named.
    """
    best = run.serving() or next(iter(registry.approved(run.aws, run.stack.group)), None)
    uri = f"{prefix}/champion/{best.version if best else 'none'}"
    release_id = run.stands_for.get(best.release_id, best.release_id) if best else None
    facts = {"package": best.arn if best else None, "release_id": release_id}
    if best:
        # A candidate is compared with what was proven, nothing else.
        proof.of_archive(run.aws, best, "have another champion: python -m pipelines rollback")
        bucket, key = names.split_uri(f"{uri}/model.tar.gz")
        source, source_key = names.split_uri(best.model_data)
        run.aws.s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": source, "Key": source_key})
    run.aws.write_bytes(f"{uri}/champion.json", json.dumps(facts).encode())
    return uri


def retell(run: Run, work: Tree) -> None:
    """Read again what the release's last execution left; raise SettingsError E508 where there is none."""
    aws, story, release_id = run.aws, run.story, work.ids.release_id
    story.facts["ids"] = work.ids.__dict__
    found = execution.of_release(aws, run.project, release_id)
    if not found:
        raise SettingsError(f"""E508 this release has not run yet
            release {names.short(release_id)}
            no execution carries its id
            run it: python -m pipelines release""")
    results = Results(aws, run.stack.bucket, release_id, found[0].id)
    steps = execution.follow(aws, found[0], story, results.of)
    story.facts |= {"execution": found[0].arn, **results.facts()}
    if execution.refusal(steps) is None:
        story.facts["package"] = registry.describe(aws, execution.package_arn(steps)).facts()
