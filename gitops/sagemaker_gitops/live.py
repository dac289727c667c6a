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
from typing import Any

from sagemaker_gitops import (
    accounts,
    delivery,
    endpoints,
    execution,
    guard,
    history,
    network,
    promotion,
    reconcile,
    registry,
    release,
    rollout,
    stack,
)  # fmt: skip
from sagemaker_gitops.aws import found
from sagemaker_gitops.errors import DeployFailed
from sagemaker_gitops.github import outcome, records, runs
from sagemaker_gitops.reconcile import Finding, Live
from sagemaker_gitops.registry import Package
from sagemaker_gitops.run import Run
from sagemaker_gitops.tree import Tree

LAST = 5  # executions that are asked which definition they ran


def gather(run: Run, work: Tree, environ: Mapping[str, str] = os.environ) -> Live:
    """Return what is live in this account; asks, changes nothing."""
    commits = history.first_parent(work.root)
    if commits and runs.newest(commits[0], environ) is False:
        return Live(newest=False)
    here = accounts.here(run.stack)
    # Before AWS is asked: what begins after this has not changed anything by then.
    changing = runs.changing(environ) if accounts.PRODUCTION in here else None
    live = Live(here=here, commits=commits, changing=changing, stacks=_stacks(run))
    live = replace(live, network=stack.network_name(run.project), region=run.aws.region)
    if not (run.settings.network.vpc or run.stack.vpc):
        live = replace(live, unwanted=network.taken_away(run).todo)
    if accounts.REGISTRY in live.here:
        live = replace(live, **_of_registry(run, work, live.commits, environ))
    return _with_production(run, work, live) if accounts.PRODUCTION in live.here else live


def _of_registry(
    run: Run, work: Tree, commits: tuple[str, ...], environ: Mapping[str, str]
) -> dict[str, Any]:
    """Return what is live where data, training and staging are."""
    ran, production = (
        execution.of_release(run.aws, run.project, work.ids.release_id),
        run.endpoint("production"),
    )
    apart = "production" not in accounts.environments(run.stack)
    return {
        "left_over": production if apart and endpoints.describe(run.aws, production) else "",
        "outcome": _outcome(run, work, commits[0], bool(ran)) if commits else "",
        "active": _released_elsewhere(commits[0], environ) if commits else None,
        "executing": bool(ran) and ran[0].status not in execution.OVER,
        "definition": _same_definition(run, work),
        "staging": _staging(run),
        "keep_staging": run.settings.environments.staging.keep,
    }


def _with_production(run: Run, work: Tree, live: Live) -> Live:
    """Add what is live where production is."""
    aws, endpoint = run.aws, run.endpoint("production")
    alarms = list(run.settings.environments.production.rollout.alarms)
    there = guard.described(aws, alarms) if alarms else {}
    by_file = run.settings.project.approval == "pull-request"
    live = replace(
        live,
        packages=tuple(registry.newest(aws, run.stack.group)),
        named=promotion.named(work.root) if by_file else None,
        serving=_serving(run),
        endpoint=endpoints.describe(aws, endpoint),
        missing_alarms=tuple(name for name in alarms if name not in there),
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


def _serving(run: Run) -> Package | None:
    try:
        return run.serving()
    except DeployFailed:  # something that is no release
        return None


def _outcome(run: Run, work: Tree, commit: str, ran: bool) -> str:
    """Return what is recorded of a commit, else whether the registry has its release at its end.

    Nothing where its runner ended before the release did. What was cancelled stays so until somebody runs the
    failed jobs again: a release that a person has stopped is never brought to production by itself.
    """
    told = records.recorded(run.aws, run.stack.bucket, commit) or {}
    ended = told.get("outcome") == outcome.CANCELLED or told.get("code") not in records.LOST
    if told.get("outcome") and (ended or not ran):
        return str(told["outcome"])
    package = registry.find(run.aws, run.stack.group, work.ids.release_id)
    approval = run.settings.project.approval
    named = promotion.named(work.root) if approval == "pull-request" else ""
    let_in = bool(named) and work.ids.release_id.startswith(named)
    over = reconcile.settled(package, commit, waits=approval != "gate" and not let_in)
    return "as the registry has it" if over else ""


def _released_elsewhere(commit: str, environ: Mapping[str, str]) -> bool | None:
    """Say whether another run releases a commit, or will: what a run collects is the commit it is of."""
    return environ.get("GITHUB_SHA", commit) != commit or runs.active(commit, environ)


def _same_definition(run: Run, work: Tree) -> bool | None:
    """Say whether the pipeline is as a release left it; None before the first one, and without its VPC.

    Of two releases at once the older may have written it last: the next one brings its own. What none of the
    last ones ran is somebody's change by hand.
    """
    if network.differs(run):
        return None
    there = found(run.aws.sagemaker.describe_pipeline, PipelineName=run.project)
    told = there and there["PipelineDefinition"]
    if told is None or told == release.definition_of(run, work):
        return told and True
    last = execution.executions(run.aws, run.project)[:LAST]
    return any(execution.ran(run.aws, item.arn, told) for item in last)


def _staging(run: Run) -> dict[str, float]:
    """Return staging's endpoints and their age in hours."""
    seen = {
        name: endpoints.describe(run.aws, name)
        for name in registry.endpoints(run.aws, run.project, "staging")
    }
    now = datetime.now(UTC)
    return {name: (now - each["CreationTime"]).total_seconds() / 3600 for name, each in seen.items() if each}


def _stacks(run: Run) -> dict[str, bool]:
    """Return by stack whether CloudFormation has the template in infra/, and the address of mlops.toml."""
    there = stack.describe(run.aws, run.project)
    wanted = stack.templates(run.project, there)
    if run.stack.registry == run.stack.account:  # also one that nobody wants any more
        wanted |= {stack.network_name(run.project): stack.NETWORK_TEMPLATE}
    told = {
        name: found(run.aws.cloudformation.get_template, StackName=name, TemplateStage="Original")
        for name in wanted
    }
    alike = {name: stack.same(told["TemplateBody"], wanted[name]) for name, told in told.items() if told}
    if run.project in alike and not _address(run, there):
        alike[run.project] = False
    return alike | ({stack.network_name(run.project): False} if network.differs(run) else {})


def _address(run: Run, there: dict[str, Any] | None) -> bool:
    """Say whether alarms go to whom mlops.toml names; of a stack that takes no address nobody is wrong."""
    email = run.settings.project.alarm_email
    return stack.parameters(there).get("AlarmEmail", email) == email


def compare(run: Run, work: Tree, heal_it: bool, environ: Mapping[str, str] = os.environ) -> None:
    """Show every difference between git and what is live; mend what may be mended where `heal_it` says so.

    Raises:
        DeployFailed: E415, something differs that neither this verb nor its workflow mends.
        MLOpsError: the first that could not be mended.
    """
    with run.story.step("compare") as step:
        live = gather(run, work, environ)
        found = reconcile.findings(live)
        step.note = reconcile.counted(found)
        if found:  # yellow: what is not mended below ends red
            step.verdict = "waiting"
        if not live.newest:
            step.verdict, step.note = "superseded", "main has a later commit: its run compares"
    left = _told_to_jobs(found, environ, later=run.settings.reconcile.heal and not heal_it)
    healed, trouble = [], []
    for item in found if heal_it else ():
        try:
            if heal(run, work, item, live):
                healed.append(item)
        except Exception as error:  # the others are mended all the same
            trouble.append(error)
    if found:
        run.story.console.print(reconcile.table(found, healed))
    if trouble:
        raise trouble[0]
    left = [item for item in left if item not in healed and item.heal != reconcile.WAITS]
    if left:
        first = left[0]
        more = f" And {len(left) - 1} more." if left[1:] else ""
        raise DeployFailed(f"""E415 {first.what} is not as git has it
            {run.project} in {run.aws.region}
            now: {first.state}; should be: {first.wanted}.{more}
            {first.todo}""")


def _told_to_jobs(found: list[Finding], environ: Mapping[str, str], later: bool) -> list[Finding]:
    """Tell the other jobs of reconcile.yml what is theirs, in GITHUB_OUTPUT; return what is no job's.

    `later`: what can be mended is the job's that waits its turn with the releases.
    """
    path = environ.get("GITHUB_OUTPUT")
    if not path:
        return found
    jobs = {"collect": ("collect",), "infra": ("infra",), "heal": reconcile.HEALS if later else ()}
    with Path(path).open("a", encoding="utf-8") as stream:
        for job, heals in jobs.items():
            stream.write(f"{job}={str(any(item.heal in heals for item in found)).lower()}\n")
    return [item for item in found if not any(item.heal in heals for heals in jobs.values())]
