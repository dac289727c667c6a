"""What is live, and what a release of the working tree would do: two read-only answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table

from pipelines import data, execution, images, names, registry, rollout, stack
from pipelines.aws import Aws
from pipelines.errors import SettingsError
from pipelines.registry import Package
from pipelines.release import Tree
from pipelines.settings import Settings


def status(aws: Aws, settings: Settings) -> Table:
    """Return the endpoints with what they serve, and the last packages."""
    project = settings.project.slug
    made = stack.outputs(aws, project)
    table = Table("what", "state", "release", "since", box=None, title=f"{project} in {aws.region}")
    for environment in ("staging", "production"):
        endpoint = names.endpoint(project, environment)
        found = rollout.describe(aws, endpoint)
        package = registry.served(aws, made.group, endpoint)
        table.add_row(f"endpoint {environment}", *_endpoint(found, package))
    for package in registry.newest(aws, made.group)[:10]:
        table.add_row(
            f"version {package.version}",
            package.approval,
            names.short(package.release_id),
            package.metadata.get("metric", ""),
        )
    return table


def _endpoint(found: dict[str, Any] | None, package: Package | None) -> tuple[str, str, str]:
    if found is None:
        return "none", "", ""
    serving = f"{names.short(package.release_id)} (version {package.version})" if package else "unknown"
    state = found["EndpointStatus"] + (f": {found['FailureReason']}" if found.get("FailureReason") else "")
    return state, serving, f"{found['LastModifiedTime']:%Y-%m-%d %H:%M}"


def plan(aws: Aws, account: str, work: Tree, root: Path = Path()) -> Table:
    """Return what a release of the working tree would do; asks AWS, changes nothing."""
    project, release_id = work.settings.project.slug, work.ids.release_id
    table = Table(
        "what", "is", "a release would", box=None, title=f"release {names.short(release_id)} of {project}"
    )
    table.add_row("account", f"{account}, {aws.region}", "")
    try:
        made = stack.outputs(aws, project)
    except SettingsError as error:
        table.add_row("stack", error.why, "stop: python -m pipelines stack comes first")
        return table
    found = images.digests(aws, made, work.ids.code_id)
    table.add_row(
        "images",
        f"{names.short(work.ids.code_id)}: {len(found)} of 2 in ECR",
        "use them" if len(found) == 2 else "stop: python -m pipelines image comes first",
    )
    lacking = data.missing(aws, made.bucket, work.lock)
    table.add_row(
        "data",
        f"{len(work.lock.files)} files, {work.lock.rows:,} rows",
        f"upload {len(lacking)}" if lacking else "use them",
    )
    package = registry.find(aws, made.group, release_id)
    table.add_row(
        "package",
        f"version {package.version}, {package.approval}" if package else "none",
        "reuse it: nothing is trained" if package else _pipeline(aws, project, release_id),
    )
    serving = registry.served(aws, made.group, names.endpoint(project, "production"))
    same = serving is not None and serving.release_id == release_id
    table.add_row(
        "production",
        f"version {serving.version}" if serving else "nothing",
        "prove it again" if same else _production(work.settings),
    )
    for environment in ("staging", "production"):
        machines = work.settings.environment(environment)
        kept = "only while it is proven" if environment == "staging" else "always: it costs money while idle"
        table.add_row(
            f"machines, {environment}", f"{machines.instance_count} x {machines.instance_type}", kept
        )
    return table


def _pipeline(aws: Aws, project: str, release_id: str) -> str:
    """Say what the pipeline would do."""
    choice = execution.choose(execution.of_release(aws, project, release_id), refused=False, retry=False)
    return f"{choice.action} an execution ({choice.why})"


def _production(settings: Settings) -> str:
    if settings.project.approval == "gate":
        return "serve the release once staging has proven it"
    return f"leave it to promote ({settings.project.approval})"
