"""Connect the project to an AWS account and to GitHub: look, show a plan, ask, do it. Twice does nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.table import Table

from pipelines import network, prices, stack
from pipelines.account import changes, gh, roles
from pipelines.account.changes import ChangeSet
from pipelines.account.gh import Command, GitHub, Identity
from pipelines.account.roles import Account
from pipelines.account.trust import NAMED
from pipelines.errors import AccessError, SettingsError
from pipelines.run import Run
from pipelines.stack import Wanted
from pipelines.story import Step

NEXT = """next:
  python -m pipelines doctor
  git push    each merge to main is a release"""
NO_ENVIRONMENTS = (
    "none: in a private repository they need GitHub Pro, Team or Enterprise; the roles let main in without"
)


@dataclass(frozen=True)
class Plan:
    """What connect would do."""

    identity: Identity
    where: Account
    sets: tuple[ChangeSet, ...]  # a VPC's, the project's, the roles': each needs the one before it
    variables: tuple[Command, ...]
    environments: tuple[Command, ...]
    absent: str  # why nobody can ask GitHub: then its part is to be typed

    @property
    def commands(self) -> tuple[Command, ...]:
        """What is to be done on GitHub."""
        return self.variables + self.environments

    @property
    def missing(self) -> tuple[str, ...]:
        """The environments that are to be made or opened to main."""
        paths = [word for command in self.environments for word in command if "/environments/" in word]
        return tuple(dict.fromkeys(path.split("/")[4] for path in paths))

    @property
    def empty(self) -> bool:
        """Say whether there is nothing that connect itself would do."""
        return not (any(item.arn for item in self.sets) or (self.commands and not self.absent))


def connect(
    run: Run, *, yes: bool = False, owner_id: str = "", repository_id: str = "", production: str = ""
) -> None:
    """Bring stacks, roles, variables and environments to what this repository says; show it and ask first.

    `production` is the account that is to serve; without it, what it was before.

    Raises:
        SettingsError: E509 the repository or its numbers are unknown, E504 a stack, E511 nobody to ask,
            E512 data of an earlier project of this name, E513 and E514 the account's provider, the template,
            E501 a VPC is wanted in two accounts.
        AccessError: E606 the repository is connected to another account, E605 GitHub refused.
    """
    github = gh.of(run.settings)
    where = serving_from(roles.account(run.aws, run.project), production)
    network.refuse_two_accounts(run, where.apart)
    identity = roles.identify(run, github, owner_id, repository_id)
    if not github.absent:
        roles.refuse_another_account(github, where, run.project, moved=bool(production))
    plan = make(run, github, where, identity)
    run.story.console.print(table(run, plan))
    if not (plan.empty or yes or changes.agreed(run.aws, plan.sets)):
        run.story.say("nothing was changed")
        return
    if plan.empty:
        run.story.say("nothing to change")
    else:
        with run.shown("connect"):
            act(run, github, plan)
    if github.absent:
        run.story.say(f"{github.absent}: type this where it is; or {github.login_first}, and repeat")
        run.story.say("\n".join(f"  {shlex.join(command)}" for command in plan.commands))
    if where.apart:
        run.story.say(elsewhere(where.production, stack.outputs(run.aws, run.project).key))
    if not plan.empty:
        run.story.say(NEXT)


def serving_from(where: Account, production: str) -> Account:
    """Return the account with the one that is to serve; its own number makes one account of two again."""
    if production and not re.fullmatch(r"[0-9]{12}", production):
        raise SettingsError(f"""E501 {production!r} is no account
            the option --production-account
            an account has 12 digits; nothing was changed
            repeat with its number: aws sts get-caller-identity, with its credentials""")
    return replace(where, production=production or where.production)


def elsewhere(account: str, key: str) -> str:
    """Return what is to be done in the account that serves."""
    command = f"python -m pipelines connect --registry {key}"
    return f"production is in account {account}; once, with its credentials:\n  {command}"


def make(run: Run, github: GitHub, where: Account, identity: Identity) -> Plan:
    """Return the plan. Its change sets wait in AWS until they are executed or discarded."""
    aws, project = run.aws, run.project
    if stack.describe(aws, project) is None:
        roles.refuse_leftovers(run, where)
    vpc = [changes.propose(aws, network.wanted(aws, project))] if run.settings.network.vpc else []
    given = {"AlarmEmail": run.settings.project.alarm_email, **network.parameters(run)}
    given["ProductionAccount"] = where.production if where.apart else ""
    first = changes.propose(aws, stack.of_project(project, parameters=given))
    made = where.expected(project) if first.state == "none" else stack.outputs(aws, project)
    second = changes.propose(aws, roles.wanted(aws, project, identity, made))
    there, expected = {} if github.absent else github.variables(), roles.variables(where, project)
    variables = [
        gh.set_variable(identity.repository, name, value)
        for name, value in expected.items()
        if there.get(name) != value
    ]
    if roles.PRODUCTION_ROLE in there.keys() - expected.keys():  # two accounts have become one again
        variables.append(gh.delete_variable(identity.repository, roles.PRODUCTION_ROLE))
    environments = missing(run, github, identity.repository)
    sets = (*vpc, first, second)
    return Plan(identity, where, sets, tuple(variables), tuple(environments), github.absent)


def missing(run: Run, github: GitHub, repository: str) -> list[Command]:
    """Return what makes the environments that are not there; one that is there keeps its own rules."""
    there = {} if github.absent else github.environments()
    reviewed = run.settings.project.approval == "reviewer"
    commands = []
    for name in NAMED:
        if name not in there:
            reviewer = _reviewer(github) if reviewed and name == "production" else ""
            commands.append(gh.make_environment(repository, name, reviewer))
        if "main" not in there.get(name, {}).get("branches", ["main"] if name in there else []):
            commands.append(gh.let_main_use(repository, name))
    return commands


def _reviewer(github: GitHub) -> str:
    """Return the number of whoever is logged in: the first reviewer, who can name others."""
    return "YOUR-NUMBER" if github.absent else str(github.login()["id"])


def table(run: Run, plan: Plan) -> Table:
    """Return the plan for a reader, with what costs money afterwards."""
    title = f"connect {run.project}: account {plan.where.number}, {plan.where.region}"
    shown = Table("what", "is", "connect would", box=None, title=title)
    numbers = f"owner {plan.identity.owner_id}, repository {plan.identity.repository_id}"
    shown.add_row("repository", plan.identity.repository, f"trust it by its numbers: {numbers}")
    for item in plan.sets:
        shown.add_row(f"stack {item.wanted.name}", item.state, str(item))
    if left := network.left(run):
        shown.add_row(f"stack {left.name}", "nobody wants it, it costs money", f"nothing; {left.todo}")
    verb = "print what sets" if plan.absent else "set"
    names = [("no " if command[2] == "delete" else "") + command[3] for command in plan.variables]
    every = len(roles.variables(plan.where, run.project))
    state = plan.absent or f"{every - len(names)} of {every} as they are to be"
    shown.add_row("variables", state, f"{verb} {', '.join(names)}" if names else "nothing")
    verb = "print what makes" if plan.absent else "make"
    made = plan.missing
    state = plan.absent or f"{len(NAMED) - len(made)} of {len(NAMED)} there"
    shown.add_row("environments", state, f"{verb} {', '.join(made)}, for main only" if made else "nothing")
    costs(shown, run, ("staging",) if plan.where.apart else ("staging", "production"))
    if run.settings.network.vpc:
        shown.add_row("", "from now on", "the VPC: each endpoint an hourly price, see infra/network.yml")
    return shown


def costs(shown: Table, run: Run, here: Sequence[str]) -> None:
    """Add what costs money while nothing happens, from when on; `here` are this account's environments."""
    shown.add_row("costs while idle", "from now on", "the key: a fixed price a month")
    production, staging = run.settings.environments.production, run.settings.environments.staging
    always = [("production", production)] if "production" in here else []
    if "staging" in here:
        shown.add_row("", "with each release", "gigabytes in bucket and image repository")
        always += [("staging", staging)] if staging.keep else []
    for name, machines in always:
        price = prices.sentence(machines.instance_count, machines.instance_type, run.aws.region)
        fleet = f"{machines.instance_count} x {machines.instance_type}"
        shown.add_row("", "from the first release on", f"{name}: {fleet}, {price}")


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
            github.do(command)
        except AccessError as refused:
            if not github.unpaid(refused):
                raise
            if reviewed:
                raise _no_reviewers(refused) from None
            step.verdict, step.note = "waiting", NO_ENVIRONMENTS
            return
    step.note = note


def _no_reviewers(refused: AccessError) -> AccessError:
    return AccessError(f"""E605 GitHub's plan has no required reviewers for this repository
        {refused.where}
        {refused.why}; in a private repository they need GitHub Enterprise
        change the plan; or choose approval = "pull-request" in mlops.toml, and repeat: the rest is done""")


def filled(run: Run, shown: ChangeSet, wanted: Wanted) -> ChangeSet:
    """Return a change set with what the one before it made; raise E504 if it would do more than shown."""
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
