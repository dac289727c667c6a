"""What releases leave behind, models, endpoint configs, alarms: shown first, deleted when told to.

Never deleted: what is live, what an update is on its way to, what a rollback would return to, and what is
newer than production and not rejected, for a release may be about to ask for it. Nor what no release made,
nor anything while an endpoint is a mixed fleet. Alarms stay only where an update is on its way, or may be.
Where production has an account of its own, each account's own are looked at, and an endpoint of the time
before that: it serves until somebody deletes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rich.table import Table

from sagemaker_gitops import accounts, alarms, endpoints, registry
from sagemaker_gitops.run import Run

MIXED = "UpdateRollbackFailed"


def prune(run: Run, yes: bool) -> Table:
    """Return what nothing needs any more; delete it where `yes`."""
    table = Table("what", "name", "deleted" if yes else "would be deleted: --yes", box=None)
    aws, project, client = run.aws, run.project, run.aws.sagemaker
    environments = dict.fromkeys([*accounts.environments(run.stack), accounts.PRODUCTION])
    found = [name for each in environments for name in registry.endpoints(aws, project, each)]
    seen = {name: endpoints.describe(aws, name) for name in found}
    if mixed := [name for name, each in seen.items() if each and each["EndpointStatus"] == MIXED]:
        run.story.say(f"  {mixed[0]} is {MIXED}: two releases serve, everything is kept until it is healed")
        return table
    kept, going = needed(run, seen)
    delete = {
        "alarm": lambda name: run.aws.cloudwatch.delete_alarms(AlarmNames=[name]),
        "config": lambda name: client.delete_endpoint_config(EndpointConfigName=name),
        "model": lambda name: client.delete_model(ModelName=name),
    }
    for kind, name in list(made(run)):
        version = version_of(run.project, name)
        if version is None or version in (going if kind == "alarm" else kept):
            continue
        if yes:
            delete[kind](name)
        table.add_row(kind, name, "yes" if yes else "")
    return table


def version_of(project: str, name: str) -> int | None:
    """Return which package's version a name belongs to, or None where no release made it."""
    made_for, kinds = rf"{re.escape(project)}-(?:staging|production|shadow)", "|".join(alarms.KINDS)
    ours = re.fullmatch(rf"{made_for}-[0-9a-f]{{12}}-(\d+)-[0-9a-f]{{8}}(?:-(?:{kinds}))?", name)
    return int(ours[1]) if ours else None


def needed(run: Run, seen: dict[str, dict[str, Any] | None]) -> tuple[set[int | None], set[int | None]]:
    """Return the versions that must stay, and those whose alarms must: pending, or about to be."""
    aws, project = run.aws, run.project
    live = {name: each["EndpointConfigName"] for name, each in seen.items() if each}
    kept = {version_of(project, config) for config in live.values()}
    going = {version_of(project, endpoints.pending(each)) for each in seen.values()}
    packages = registry.newest(aws, run.stack.group)
    if accounts.PRODUCTION in accounts.here(run.stack):
        serving = version_of(project, live.get(run.endpoint("production"), ""))
        now = next((item for item in packages if item.version == serving), None)
    else:
        now = run.serving()
        serving = now.version if now else None
    if previous := registry.previous(aws, run.stack.group, now):
        kept.add(previous.version)
    going |= {
        item.version for item in packages if item.version > (serving or 0) and item.approval != "Rejected"
    }
    return kept | going, going


def made(run: Run) -> Iterator[tuple[str, str]]:
    """Yield (what, name) of everything that begins with the project's name; models after what uses them."""
    pages = run.aws.cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{run.project}-")
    yield from (("alarm", alarm["AlarmName"]) for page in pages for alarm in page["MetricAlarms"])
    configs = run.aws.listed("list_endpoint_configs", "EndpointConfigs", NameContains=run.project)
    yield from (("config", item["EndpointConfigName"]) for item in configs)
    models = run.aws.listed("list_models", "Models", NameContains=run.project)
    yield from (("model", item["ModelName"]) for item in models)
