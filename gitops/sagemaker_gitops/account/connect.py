"""Connect the project to an AWS account and to GitHub: look, show a plan, ask, do it. Twice does nothing."""

from __future__ import annotations

import shlex

from sagemaker_gitops import network, stack
from sagemaker_gitops.account import apart, carrying_out, changes, gh, roles, shown
from sagemaker_gitops.account.gh import Command, GitHub, Identity
from sagemaker_gitops.account.roles import Account
from sagemaker_gitops.account.shown import Plan
from sagemaker_gitops.account.trust import INFRASTRUCTURE, NAMED
from sagemaker_gitops.errors import AccessError
from sagemaker_gitops.run import Run

NEXT = """next:
  python -m pipelines doctor
  git push    each merge to main is a release"""
NOBODY = "YOUR-NUMBER"  # a reviewer's, where nobody is logged in


def connect(
    run: Run,
    *,
    yes: bool = False,
    owner_id: str = "",
    repository_id: str = "",
    production: str = "",
    switch: bool = False,
) -> None:
    """Bring stacks, roles, variables and environments to what this repository says; show it and ask first.

    `production` is an account that is let in, `switch` makes it the one that serves; without, as before.

    Raises:
        SettingsError: E509 the repository or its numbers are unknown, E504 a stack, E511 nobody to ask,
            E512 data of an earlier project of this name, E513 and E514 the account's provider, the template,
            E501 a VPC is wanted in two accounts, or there is no such account.
        AccessError: E606 the repository is connected to another account, E605 GitHub refused.
    """
    github, before = gh.of(run.settings), roles.account(run.aws, run.project)
    where = apart.chosen(before, production, switch)
    network.refuse_two_accounts(run, bool(where.let_in))
    identity = roles.identify(run, github, owner_id, repository_id)
    if not github.absent:
        roles.refuse_another_account(github, where, run.project, moved=bool(production) or switch)
    plan = make(run, github, where, identity, alone=production == where.number)
    run.story.console.print(shown.table(run, plan))
    if not (plan.empty or yes or changes.agreed(run.aws, plan.sets)):
        run.story.say("nothing was changed")
        return
    if plan.empty:
        run.story.say("nothing to change")
    else:
        with run.shown("connect"):
            carrying_out.act(run, github, plan)
    _told(run, github, plan, asked=yes)
    if where.let_in or before.let_in:
        run.story.say(_apart(run, before, where, identity))
    if not plan.empty:
        run.story.say(NEXT)


def _apart(run: Run, before: Account, where: Account, identity: Identity) -> str:
    """Return what is to be done where production has, or had, an account of its own."""
    if where.let_in:
        return apart.next_steps(where, stack.outputs(run.aws, run.project).key, identity)
    return apart.afterwards(before)


def _told(run: Run, github: GitHub, plan: Plan, asked: bool) -> None:
    """Say what a person is to type where nobody could ask GitHub."""
    if not github.absent:
        return
    if plan.empty and not asked:
        run.story.say(f"{github.absent}: to see what to type where it is: python -m pipelines connect --yes")
        return
    run.story.say(f"{github.absent}: type this where it is; or {github.login_first}, and repeat")
    run.story.say("\n".join(f"  {shlex.join(command)}" for command in plan.commands))
    if any(NOBODY in word for command in plan.commands for word in command):
        run.story.say(f"{NOBODY}: the reviewer's, by that login: gh api user --jq .id")
        run.story.say(f"where GitHub's plan has no reviewers, make {INFRASTRUCTURE} without")


def make(run: Run, github: GitHub, where: Account, identity: Identity, alone: bool = False) -> Plan:
    """Return the plan. Its change sets wait in AWS until they are executed or discarded.

    `alone`: two accounts are to be one again, whether or not GitHub can be asked what it was told of them.
    """
    aws, project = run.aws, run.project
    environments = missing(run, github, identity.repository)
    if stack.describe(aws, project) is None:
        roles.refuse_leftovers(run, where)
    vpc = [changes.propose(aws, network.wanted(aws, project))] if run.settings.network.vpc else []
    given = {"AlarmEmail": run.settings.project.alarm_email, **network.parameters(run)}
    given |= {"ProductionAccount": where.let_in, "ProductionServes": _yes(where.apart or not where.let_in)}
    first = changes.propose(aws, stack.of_project(project, parameters=given))
    made = where.expected(project) if first.state == "none" else stack.outputs(aws, project)
    second = changes.propose(aws, roles.wanted(aws, project, identity, made))
    there, expected = {} if github.absent else github.variables(), roles.variables(where, project)
    variables = [
        gh.set_variable(identity.repository, name, value)
        for name, value in expected.items()
        if there.get(name) != value
    ]
    if roles.PRODUCTION_ROLE in there.keys() - expected.keys() or (alone and github.absent):
        variables.append(gh.delete_variable(identity.repository, roles.PRODUCTION_ROLE))
    sets = (*vpc, first, second)
    return Plan(identity, where, sets, tuple(variables), tuple(environments), github.absent)


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def missing(run: Run, github: GitHub, repository: str) -> list[Command]:
    """Return what makes the environments that are not there; one that is there keeps its own rules.

    A merged change of infra/ waits for a reviewer, a release where mlops.toml says so.
    """
    there = {} if github.absent else github.environments()
    reviewed = run.settings.project.approval == "reviewer"
    commands = []
    for name in NAMED:
        if name not in there:
            must = reviewed and name == "production"
            reviewer = _reviewer(github, must) if must or name == INFRASTRUCTURE else ""
            commands.append(gh.make_environment(repository, name, reviewer))
        if "main" not in there.get(name, {}).get("branches", ["main"] if name in there else []):
            commands.append(gh.let_main_use(repository, name))
    return commands


def _reviewer(github: GitHub, must: bool) -> str:
    """Return the number of whoever is logged in: the first reviewer, who can name others.

    Where that is no person: nothing, or AccessError E605 where there `must` be one.
    """
    if github.absent:
        return NOBODY
    number = str(github.login().get("id") or "")
    if number or not must:
        return number
    raise AccessError("""E605 GitHub does not say who is logged in, and a reviewer is a person
        gh api user
        the token of a GitHub App, or of a job, is nobody's; nothing was changed
        log in as a person: gh auth login; or choose approval = "pull-request" in mlops.toml""")
