"""Do what connect has shown: stacks in their order, then variables and environments on GitHub."""

from __future__ import annotations

import shlex
from dataclasses import replace

from sagemaker_gitops import network, stack
from sagemaker_gitops.account import changes, gh, roles
from sagemaker_gitops.account.changes import ChangeSet
from sagemaker_gitops.account.gh import Command, GitHub
from sagemaker_gitops.account.shown import NO_ENVIRONMENTS, UNREVIEWED, Plan
from sagemaker_gitops.account.trust import INFRASTRUCTURE
from sagemaker_gitops.errors import AccessError, SettingsError
from sagemaker_gitops.run import Run
from sagemaker_gitops.stack import Wanted
from sagemaker_gitops.story import Step


def act(run: Run, github: GitHub, plan: Plan) -> None:
    """Do what was shown: stacks, each with what the one before made; GitHub's side, or what to type there."""
    *vpc, first, second = plan.sets
    for item in vpc:
        with run.story.step("network") as step:
            changes.execute(run.aws, item, step)
    with run.story.step("stack") as step:
        joined = first.wanted.parameters | network.parameters(run)
        changes.execute(run.aws, filled(run, first, replace(first.wanted, parameters=joined)), step)
    with run.story.step("roles") as step:
        made = stack.outputs(run.aws, run.project)
        wanted = roles.wanted(run.aws, run.project, plan.identity, made)
        changes.execute(run.aws, filled(run, second, wanted), step)
    reviewed = run.settings.project.approval == "reviewer"
    variables, environments = f"{len(plan.variables)} set", f"{', '.join(plan.missing)} for main only"
    todo = (("variables", plan.variables, variables), ("environments", plan.environments, environments))
    for name, commands, done in todo:
        with run.story.step(name) as step:
            if github.absent and commands:
                step.verdict, step.note = "waiting", f"{github.absent}: to type, below"
                continue
            step.note = done if commands else "as they are to be"
            _tell(github, commands, reviewed, step)


def _tell(github: GitHub, commands: tuple[Command, ...], reviewed: bool, step: Step) -> None:
    """Run commands; environments that GitHub's plan lacks are a loss only where a reviewer must let in."""
    note = step.note
    for command in commands:
        step.note = shlex.join(command[:4])
        try:
            done = _do(github, command)
        except AccessError as refused:
            if not github.unpaid(refused):
                raise
            if reviewed:
                raise _no_reviewers(refused) from None
            step.verdict, step.note = "waiting", NO_ENVIRONMENTS
            return
        if gh.makes(done, INFRASTRUCTURE) and not gh.reviewed(done):
            note += f"; {UNREVIEWED}"
    step.note = note


def _do(github: GitHub, command: Command) -> Command:
    """Run a command and return it; where GitHub's plan has no reviewers, `infrastructure` is made without."""
    try:
        github.do(command)
    except AccessError as refused:
        optional = gh.makes(command, INFRASTRUCTURE) and gh.reviewed(command)
        if not (optional and github.unpaid(refused)):
            raise
        command = gh.without_reviewer(command)
        github.do(command)
    return command


def _no_reviewers(refused: AccessError) -> AccessError:
    return AccessError(f"""E605 GitHub's plan has no required reviewers for this repository
        {refused.where}
        {refused.why}; in a private repository they need GitHub Enterprise
        change the plan; or choose approval = "pull-request" in mlops.toml, and repeat: the rest is done""")


def filled(run: Run, shown: ChangeSet, wanted: Wanted) -> ChangeSet:
    """Return a change set with what the one before it made; raise SettingsError E504 if it would do more."""
    if stack.keeping(wanted, stack.describe(run.aws, wanted.name)) == shown.wanted:
        return shown
    changes.discard(run.aws, shown)
    fresh = changes.propose(run.aws, wanted)
    if set(fresh.changes) - set(shown.changes):
        changes.discard(run.aws, fresh)
        raise SettingsError(f"""E504 the stack '{wanted.name}' would change more than was shown
            shown: {shown}
            now: {fresh}
            somebody else changed it meanwhile; look again: python -m pipelines connect""")
    return fresh
