"""Connect the project to an AWS account and to GitHub: look, show a plan, ask, do it. Twice does nothing."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.table import Table

from sagemaker_gitops import execution, network, prices, stack
from sagemaker_gitops.account import apart, changes, gh, roles
from sagemaker_gitops.account.changes import ChangeSet
from sagemaker_gitops.account.gh import Command, GitHub, Identity
from sagemaker_gitops.account.roles import Account
from sagemaker_gitops.account.trust import INFRASTRUCTURE, NAMED
from sagemaker_gitops.errors import AccessError, SettingsError
from sagemaker_gitops.run import Run
from sagemaker_gitops.stack import Wanted
from sagemaker_gitops.story import Step

NEXT = """next:
  python -m pipelines doctor
  git push    each merge to main is a release"""
NOBODY = "YOUR-NUMBER"  # a reviewer's, where nobody is logged in
NO_ENVIRONMENTS = (
    "none: in a private repository they need GitHub Pro, Team or Enterprise; the roles let main in without"
)
UNREVIEWED = "infrastructure without a reviewer: merged changes of infra/ are applied unasked"


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
    def reviewed(self) -> tuple[str, ...]:
        """The environments among them that whoever connects is to be the reviewer of."""
        asking = [command for command in self.environments if gh.reviewed(command)]
        return tuple(name for name in self.missing if any(gh.makes(command, name) for command in asking))

    @property
    def empty(self) -> bool:
        """Say whether there is nothing that connect itself would do."""
        return not (any(item.arn for item in self.sets) or (self.commands and not self.absent))


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
    github = gh.of(run.settings)
    before = roles.account(run.aws, run.project)
    where = apart.chosen(before, production, switch)
    network.refuse_two_accounts(run, bool(where.let_in))
    identity = roles.identify(run, github, owner_id, repository_id)
    if not github.absent:
        roles.refuse_another_account(github, where, run.project, moved=bool(production) or switch)
    plan = make(run, github, where, identity, alone=production == where.number)
    run.story.console.print(table(run, plan))
    if not (plan.empty or yes or changes.agreed(run.aws, plan.sets)):
        run.story.say("nothing was changed")
        return
    if plan.empty:
        run.story.say("nothing to change")
    else:
        with run.shown("connect"):
            act(run, github, plan)
    if github.absent and plan.empty and not yes:
        run.story.say(f"{github.absent}: to see what to type where it is: python -m pipelines connect --yes")
    elif github.absent:
        run.story.say(f"{github.absent}: type this where it is; or {github.login_first}, and repeat")
        run.story.say("\n".join(f"  {shlex.join(command)}" for command in plan.commands))
        if any(NOBODY in word for command in plan.commands for word in command):
            run.story.say(f"{NOBODY}: the reviewer's, by that login: gh api user --jq .id")
            run.story.say(f"where GitHub's plan has no reviewers, make {INFRASTRUCTURE} without")
    if where.let_in:
        made = stack.outputs(run.aws, run.project)
        run.story.say(apart.next_steps(where, made.key, identity))
    elif before.let_in:
        run.story.say(apart.afterwards(before))
    if not plan.empty:
        run.story.say(NEXT)


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
    before = roles.account(run.aws, run.project)
    shown.add_row("production", apart.state(before), apart.change(before, plan.where))
    if old := apart.left(run, plan.where):
        shown.add_row(f"endpoint {old[0]}", "serves on, it costs money", old[1])
    if count := cut_off(run):
        shown.add_row(
            "pipeline", f"{count} running", "let their next job fail: it joins no VPC; wait, and repeat"
        )
    verb = "print what sets" if plan.absent else "set"
    names = [("no " if command[2] == "delete" else "") + command[3] for command in plan.variables]
    every = len(roles.variables(plan.where, run.project))
    state = plan.absent or f"{every - len(names)} of {every} as they are to be"
    shown.add_row("variables", state, f"{verb} {', '.join(names)}" if names else "nothing")
    verb = "print what makes" if plan.absent else "make"
    made = plan.missing
    state = plan.absent or f"{len(NAMED) - len(made)} of {len(NAMED)} there"
    asks = f"; you review {', '.join(plan.reviewed)}" if plan.reviewed else ""
    made_so = f"{verb} {', '.join(made)}, for main only{asks}"
    shown.add_row("environments", state, made_so if made else "nothing")
    costs(shown, run, ("staging",) if plan.where.apart else ("staging", "production"))
    if run.settings.network.vpc:
        shown.add_row("", "from now on", "the VPC: each endpoint an hourly price, see infra/network.yml")
    return shown


def cut_off(run: Run) -> int:
    """Return how many executions run that began before the VPC which their roles are now to be kept in."""
    if not run.settings.network.vpc or stack.parameters(stack.describe(run.aws, run.project)).get("Vpc"):
        return 0
    return sum(item.status == "Executing" for item in execution.executions(run.aws, run.project))


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
