"""What is live, gathered for the comparison with git; and what can be mended without a person.

In:   AWS, GitHub where the job has its token, the working tree at main's newest commit
Out:  reconcile.Live; production, staging or pipeline mended
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pipelines import (
    delivery,
    endpoints,
    execution,
    guard,
    history,
    promotion,
    reconcile,
    registry,
    release,
    rollout,
    stack,
)  # fmt: skip
from pipelines.aws import found
from pipelines.errors import DeployFailed
from pipelines.github import api, outcome
from pipelines.reconcile import Finding, Live
from pipelines.registry import Package
from pipelines.run import Run
from pipelines.tree import Tree


def gather(run: Run, work: Tree, environ: Mapping[str, str] = os.environ) -> Live:
    """Return what is live; asks, changes nothing."""
    aws, commits, endpoint = run.aws, history.first_parent(work.root), run.endpoint("production")
    alarms = list(run.settings.environments.production.rollout.alarms)
    there = guard.described(aws, alarms) if alarms else {}
    ran = execution.of_release(aws, run.project, work.ids.release_id)
    by_file = run.settings.project.approval == "pull-request"
    live = Live(
        commits=commits,
        packages=tuple(registry.newest(aws, run.stack.group)),
        named=promotion.named(work.root) if by_file else None,
        serving=_serving(run, endpoint),
        endpoint=endpoints.describe(aws, endpoint),
        outcome=_outcome(run, commits[0], bool(ran)) if commits else "",
        active=_active(commits[0], environ) if commits else None,
        executing=bool(ran) and ran[0].status not in execution.OVER,
        definition=_same_definition(run, work),
        staging=_staging(run),
        keep_staging=run.settings.environments.staging.keep,
        missing_alarms=tuple(name for name in alarms if name not in there),
        stacks=_stacks(run),
    )
    wanted = reconcile.desired(live)
    return replace(live, config=rollout.config_name(run, "production", wanted)) if wanted else live


def heal(run: Run, work: Tree, finding: Finding, live: Live) -> bool:
    """Mend one difference where no person is needed; say whether it is mended."""
    match finding.heal, reconcile.desired(live):
        case "release", Package() as wanted:
            delivery.to_production(run, wanted, reconcile.asked_by(wanted))
        case "definition", _:
            with run.story.step("pipeline") as step:
                sent = release.definition_of(run, work)
                change, _ = execution.upsert_pipeline(run.aws, run.project, sent, run.stack.role)
                step.note = f"definition {change}"
        case "tidy", _:
            for name, hours in live.staging.items():
                if hours > reconcile.LEFT_OVER_HOURS:
                    with run.story.step("staging") as step:
                        endpoints.delete(run.aws, name)
                        step.note = f"{name} deleted"
        case _:
            return False
    return True


def _serving(run: Run, endpoint: str) -> Package | None:
    try:
        return registry.served(run.aws, run.stack.group, endpoint)
    except DeployFailed:  # something that is no release
        return None


def _outcome(run: Run, commit: str, ran: bool) -> str:
    """Return what is recorded of a commit; nothing where its runner ended before its pipeline did."""
    told = outcome.recorded(run.aws, run.stack.bucket, commit) or {}
    lost = ran and told.get("code") in (outcome.RUNS_ON, outcome.UNTOLD)
    return "" if lost else str(told.get("outcome", ""))


def _active(commit: str, environ: Mapping[str, str]) -> bool | None:
    """Say whether a run of main.yml for this commit goes on; None without GitHub's token."""
    repository = api.repository(environ)
    if repository is None:
        return None
    with api.asking("list the runs of main.yml", repository):
        runs = list(repository.get_workflow("main.yml").get_runs(head_sha=commit))
    return any(run.status != "completed" and str(run.id) != environ.get("GITHUB_RUN_ID") for run in runs)


def _same_definition(run: Run, work: Tree) -> bool | None:
    """Say whether the pipeline is as this tree has it; None before the first release."""
    there = found(run.aws.sagemaker.describe_pipeline, PipelineName=run.project)
    return there and there["PipelineDefinition"] == release.definition_of(run, work)


def _staging(run: Run) -> dict[str, float]:
    """Return staging's endpoints and their age in hours."""
    seen = {
        name: endpoints.describe(run.aws, name)
        for name in registry.endpoints(run.aws, run.project, "staging")
    }
    now = datetime.now(UTC)
    return {name: (now - each["CreationTime"]).total_seconds() / 3600 for name, each in seen.items() if each}


def _stacks(run: Run) -> dict[str, bool]:
    """Return by stack whether CloudFormation has the template that lies in infra/."""
    wanted = {run.project: stack.TEMPLATE, stack.github_name(run.project): stack.GITHUB_TEMPLATE}
    told = {
        name: found(run.aws.cloudformation.get_template, StackName=name, TemplateStage="Original")
        for name in wanted
    }
    return {
        name: told["TemplateBody"] == wanted[name].read_text("utf-8") for name, told in told.items() if told
    }


def compare(run: Run, work: Tree, heal_it: bool, environ: Mapping[str, str] = os.environ) -> None:
    """Show every difference between git and what is live; mend what may be mended.

    Raises:
        DeployFailed: E415, something differs that neither this verb nor its workflow mends.
    """
    with run.story.step("compare") as step:
        live = gather(run, work, environ)
        found = reconcile.findings(live)
        step.note = f"{len(found)} differences" if found else "all is as main has it"
    healed = [item for item in found if heal_it and heal(run, work, item, live)]
    if found:
        run.story.console.print(reconcile.table(found, healed))
    left = [item for item in found if item not in healed]
    if path := environ.get("GITHUB_OUTPUT"):  # jobs of reconcile.yml, with roles of their own
        theirs = {name: any(item.heal == name for item in left) for name in ("collect", "infra")}
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.writelines(f"{name}={str(wanted).lower()}\n" for name, wanted in theirs.items())
        left = [item for item in left if item.heal not in theirs]
    if left:
        first = left[0]
        raise DeployFailed(f"""E415 {first.what} is not as git has it
            {run.project} in {run.aws.region}
            it is {first.state}; should be {first.wanted}{f"; and {len(left) - 1} more" if left[1:] else ""}
            {first.todo}""")
