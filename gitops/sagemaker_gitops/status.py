"""What is live, and what a release of the working tree would do: two read-only answers."""

from __future__ import annotations

from typing import Any

from rich.table import Column, Table

from sagemaker_gitops import (
    accounts,
    data,
    endpoints,
    execution,
    guard,
    images,
    names,
    prices,
    registry,
    rollout,
    stack,
    standing,
    unregistered,
)  # fmt: skip
from sagemaker_gitops.aws import Aws
from sagemaker_gitops.errors import DeployFailed, SettingsError
from sagemaker_gitops.registry import Package
from sagemaker_gitops.run import Run
from sagemaker_gitops.story import counted
from sagemaker_gitops.tables import Environments
from sagemaker_gitops.tree import Tree


def status(run: Run) -> Table:
    """Return the endpoints with what they serve, and the last packages."""
    aws, group = run.aws, run.stack.group
    title = f"{run.project} in {aws.region}"
    table = Table(Column("what", no_wrap=True), "state", "release", "since", "metric", box=None, title=title)
    environments = accounts.environments(run.stack)
    found = {name: registry.endpoints(aws, run.project, name) for name in environments}
    for environment, endpoint in ((name, each) for name, listed in found.items() for each in listed):
        try:
            package = registry.served(aws, group, endpoint)
        except DeployFailed:  # something that is no release: shown as unknown
            package = None
        table.add_row(f"endpoint {environment}", *_endpoint(endpoints.describe(aws, endpoint), package))
    if "production" not in environments:
        noted, account = run.serving(), run.stack.production
        serving = _served(noted) if noted else "none proven there yet"
        table.add_row("endpoint production", f"in account {account}, as noted", serving, _since(noted))
    for package in registry.newest(aws, group)[:10]:
        release, metric = names.short(package.release_id), _metric(package)
        table.add_row(f"version {package.version}", standing.stands(package), release, "", metric)
    return table


def running(run: Run) -> list[str]:
    """Return how the newest execution ended if it left no version, and which go on, with how to stop them.

    The pipeline is in the registry's account; nothing is told in another.
    """
    if accounts.REGISTRY not in accounts.here(run.stack):
        return []
    listed = execution.executions(run.aws, run.project)
    stop = f"aws sagemaker stop-pipeline-execution --region {run.aws.region} --pipeline-execution-arn"
    going = [item for item in listed if item.status not in execution.OVER]
    at = {item.arn: [step["StepName"] for step in execution.steps(run.aws, item.arn)][-1:] for item in going}
    return (unregistered.line(run, listed[0]) if listed else []) + [
        f"{item.display} runs ({', '.join([item.status, *at[item.arn]])}); to stop it: {stop} {item.arn}"
        for item in going
    ]


def _metric(package: Package) -> str:
    """Return the gate's metric as people read it: auc 0.9240."""
    name, _, value = package.metadata.get("metric", "").partition("=")
    try:
        return f"{name} {float(value):.4f}"
    except ValueError:
        return ""


def _endpoint(found: dict[str, Any] | None, package: Package | None) -> tuple[str, str, str]:
    if found is None:
        return "none", "", ""
    serving = _served(package) if package else "unknown"
    state = found["EndpointStatus"] + (f": {found['FailureReason']}" if found.get("FailureReason") else "")
    return state, serving, f"{found['LastModifiedTime']:%Y-%m-%d %H:%M}"


def _served(package: Package) -> str:
    return f"{names.short(package.release_id)} (version {package.version})"


def _since(package: Package | None) -> str:
    """Return since when production serves a package, as its deploy has noted it."""
    return package.metadata.get("served_at", "")[:16].replace("T", " ") if package else ""


def plan(run: Run, work: Tree) -> Table:
    """Return what a release of the working tree would do; asks AWS, changes nothing."""
    (aws, account), release_id = run.connection, work.ids.release_id
    title = f"release {names.short(release_id)} of {run.project}"
    table = Table("what", "is", "a release would", box=None, title=title)
    table.add_row("account", f"{account}, {aws.region}", "")
    try:
        made = run.stack
    except SettingsError as error:
        table.add_row("stack", error.why, f"stop: {stack.FIRST}")
        _costs(table, work.settings.environments, aws)
        return table
    run.only_here("plan")
    there = sum(map(bool, images.digests(aws, made, work.ids.code_id).values()))
    todo = "use them" if there == 2 else "stop: python -m pipelines image comes first"
    table.add_row("images", f"{names.short(work.ids.code_id)}: {there} of 2 in ECR", todo)
    lacking = data.missing(aws, made.bucket, work.lock)
    todo = f"upload {len(lacking)}" if lacking else "use them"
    table.add_row("data", f"{counted(len(work.lock.files), 'file')}, {counted(work.lock.rows, 'row')}", todo)
    package = registry.find(aws, made.group, release_id)
    state = f"version {package.version}, {package.approval}" if package else "none"
    todo = _package(package) if package else _pipeline(aws, run.project, release_id)
    table.add_row("package", state, todo)
    serving, apart = run.serving(), accounts.PRODUCTION not in accounts.here(made)
    same = serving is not None and serving.release_id == release_id and not apart
    todo = _again(run, serving) if serving and same else _production(work.settings.project.approval)
    todo += f", in account {made.production}, by main's workflows" if apart else ""
    table.add_row("production", f"version {serving.version}" if serving else "nothing", todo)
    _costs(table, work.settings.environments, aws, apart)
    return table


def _costs(table: Table, environments: Environments, aws: Aws, apart: bool = False) -> None:
    """Add how a release takes over, what sends it back, and what costs money while nothing happens.

    `apart`: production's alarms are in another account, where nobody here can look.
    """
    staging, production = environments.staging, environments.production
    told, share = production.rollout, production.share()
    waits = {"after each step": told.bake_minutes, "at the end": told.final_bake_minutes}
    watch = ", ".join(f"{minutes} minutes {when}" for when, minutes in waits.items() if minutes)
    table.add_row(
        "rollout",
        told.strategy + ("" if share == 1 else f", {share:.0%} of the fleet first"),
        f"watch {watch}; give up after {production.max_minutes()} minutes",
    )
    if told.shadow_minutes:
        meanwhile = "refuse it where that fails; three times the machines meanwhile"
        table.add_row("shadow", f"{told.shadow_minutes} minutes of copied requests first", meanwhile)
    limits = f"5xx {told.max_error_rate:.1%}, latency x {told.max_latency_ratio:g}, 1 wrong answer"
    asked = () if apart else told.alarms
    there = guard.described(aws, list(asked)) if asked else {}
    lacking = [name for name in asked if name not in there]
    todo = f"stop: there is no alarm {lacking[0]} (E407)" if lacking else "go back where one fires"
    table.add_row("alarms", ", ".join([limits, *told.alarms]), todo)
    while_idle = "always: it costs money while idle"
    more = "" if told.strategy == "rolling" else ", twice as much during a rollout"
    for name, machines, kept in (
        ("staging", staging, while_idle if staging.keep else "only while it is proven"),
        ("production", production, f"{while_idle}{more}"),
    ):
        count, kind = machines.instance_count, machines.instance_type
        kept = f"{kept}; {prices.sentence(count, kind, aws.region)}"
        table.add_row(f"machines, {name}", f"{count} x {kind}", kept)


def _package(package: Package) -> str:
    """Say what becomes of a package that is there."""
    if package.approval == "Rejected":
        return f"stop, unless --retry is said. It was rejected: {package.judged}"
    return "reuse it: nothing is trained"


def _pipeline(aws: Aws, project: str, release_id: str) -> str:
    """Say what the pipeline would do."""
    choice = execution.choose(execution.of_release(aws, project, release_id), refused=False, retry=False)
    return f"{choice.action} an execution ({choice.why})"


def _again(run: Run, serving: Package) -> str:
    """Say what becomes of a release that serves already: other machines, role or key are a rollout, too."""
    live = endpoints.describe(run.aws, run.endpoint("production")) or {}
    if live.get("EndpointConfigName") == rollout.config_name(run, "production", serving):
        return "prove it again"
    return "replace the fleet: machines, role or key are to be others"


def _production(approval: str) -> str:
    return (
        "serve the release once staging has proven it"
        if approval == "gate"
        else f"leave it to promote ({approval})"
    )
