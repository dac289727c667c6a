"""Connect the project to an AWS account and to GitHub: look, show a plan, ask, do it. Twice does nothing."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from rich.table import Table

from pipelines import prices, stack
from pipelines.account import asking, changes, gh, roles
from pipelines.account.changes import ChangeSet
from pipelines.account.gh import Command, GitHub, Identity
from pipelines.account.roles import Account
from pipelines.account.trust import NAMED
from pipelines.errors import AccessError, SettingsError
from pipelines.run import Run
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
    sets: tuple[ChangeSet, ...]  # the project's stack, then the roles', which needs what the first makes
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


def connect(run: Run, *, yes: bool = False, owner_id: str = "", repository_id: str = "") -> None:
    """Bring stacks, roles, variables and environments to what this repository says; show it and ask first.

    Raises:
        SettingsError: E509 the repository or its numbers are unknown, E504 a stack, E511 nobody to ask,
            E512 data of an earlier project of this name, E513 and E514 the account's provider, the template.
        AccessError: E606 the repository is connected to another account, E605 GitHub refused.
    """
    github = gh.of(run.settings)
    where = roles.account(run.aws)
    identity = identify(run, github, owner_id, repository_id)
    if not github.absent:
        refuse_another_account(github, where)
    plan = make(run, github, where, identity)
    run.story.console.print(table(run, plan))
    if not (plan.empty or yes or _agreed(run, plan)):
        run.story.say("nothing was changed")
        return
    if plan.empty:
        run.story.say("nothing to change")
    else:
        with run.shown("connect"):
            act(run, github, plan)
    if github.absent:
        run.story.say(f"{github.absent}: type this where it is, or log in and repeat")
        run.story.say("\n".join(f"  {shlex.join(command)}" for command in plan.commands))
    if not plan.empty:
        run.story.say(NEXT)


def identify(run: Run, github: GitHub, owner_id: str, repository_id: str) -> Identity:
    """Return the repository's numbers: GitHub's, else those that were given, else those of the last time."""
    if not github.absent:
        return github.identity()
    name = stack.github_name(run.project)
    last = stack.parameters(stack.describe(run.aws, name))
    if last.get("Repository") == github.repository:
        owner_id, repository_id = owner_id or last["OwnerId"], repository_id or last["RepositoryId"]
    if owner_id.isdecimal() and repository_id.isdecimal():
        return Identity(github.repository, owner_id, repository_id)
    page, again = f"https://api.github.com/repos/{github.repository}", "python -m pipelines connect"
    again += " --owner-id N --repository-id N"
    raise SettingsError(f"""E509 connect needs the two numbers that GitHub gave {github.repository}
        {github.absent}, so nobody can ask for them
        the roles trust them: a name can change hands, a number cannot
        gh auth login and repeat; or with owner.id and id from {page}: {again}""")


def refuse_another_account(github: GitHub, where: Account) -> None:
    """Raise AccessError E606 where a variable names another account or region: before anything is written."""
    for environment in ("", *(name for name in github.environments() if name in NAMED)):
        for name, value in github.variables(environment).items():
            if wrong := _wrong(name, value, where):
                place = f"environment {environment}" if environment else "repository"
                raise AccessError(f"""E606 {github.repository} is connected to another {wrong}
                    variable {name} of the {place}: {value}
                    these credentials open account {where.number}, mlops.toml says {where.region}
                    log in there, or delete the variable if that one is given up; nothing was changed""")


def _wrong(name: str, value: str, where: Account) -> str:
    if name == "AWS_REGION":
        return "" if value == where.region else "region"
    ours = name.startswith("AWS_") and name.endswith("_ROLE")
    return "account" if ours and f":{where.number}:" not in value else ""


def make(run: Run, github: GitHub, where: Account, identity: Identity) -> Plan:
    """Return the plan. Its change sets wait in AWS until they are executed or discarded."""
    aws, project = run.aws, run.project
    if stack.describe(aws, project) is None:
        _refuse_leftovers(run, where)
    email = {"AlarmEmail": run.settings.project.alarm_email}
    first = changes.propose(aws, stack.of_project(project, parameters=email))
    made = where.expected(project) if first.state == "none" else stack.outputs(aws, project)
    second = changes.propose(aws, roles.wanted(aws, project, identity, made))
    there = {} if github.absent else github.variables()
    variables = [
        gh.set_variable(identity.repository, name, value)
        for name, value in roles.variables(where, project).items()
        if there.get(name) != value
    ]
    environments = missing(run, github, identity.repository)
    return Plan(identity, where, (first, second), tuple(variables), tuple(environments), github.absent)


def _refuse_leftovers(run: Run, where: Account) -> None:
    left = roles.leftovers(run.aws, run.project, where)
    if left:
        raise SettingsError(f"""E512 an earlier {run.project} has left data in this account
            {", ".join(f"{kind} {name}" for kind, name in left.items())}
            no stack owns them, and CloudFormation makes nothing whose name is taken
            delete them and what they hold: python -m pipelines destroy --data; or take another slug""")


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
    verb = "print what sets" if plan.absent else "set"
    names = [command[3] for command in plan.variables]
    every = len(roles.roles()) + 1
    state = plan.absent or f"{every - len(names)} of {every} as they are to be"
    shown.add_row("variables", state, f"{verb} {', '.join(names)}" if names else "nothing")
    verb = "print what makes" if plan.absent else "make"
    made = plan.missing
    state = plan.absent or f"{len(NAMED) - len(made)} of {len(NAMED)} there"
    shown.add_row("environments", state, f"{verb} {', '.join(made)}, for main only" if made else "nothing")
    _costs(shown, run)
    return shown


def _costs(shown: Table, run: Run) -> None:
    """Add what costs money while nothing happens, from when on."""
    shown.add_row("costs while idle", "from now on", "the key: a fixed price a month")
    shown.add_row("", "with each release", "gigabytes in bucket and image repository")
    production, staging = run.settings.environments.production, run.settings.environments.staging
    always = [("production", production)] + ([("staging", staging)] if staging.keep else [])
    for name, machines in always:
        price = prices.sentence(machines.instance_count, machines.instance_type, run.aws.region)
        fleet = f"{machines.instance_count} x {machines.instance_type}"
        shown.add_row("", "from the first release on", f"{name}: {fleet}, {price}")


def _agreed(run: Run, plan: Plan) -> bool:
    """Ask; whatever is not yes takes the change sets back."""
    agreed = False
    try:
        agreed = asking.agree("Do this?")
    finally:
        if not agreed:
            for item in reversed(plan.sets):
                changes.discard(run.aws, item)
    return agreed


def act(run: Run, github: GitHub, plan: Plan) -> None:
    """Do what was shown: the stack, the roles that need it, then GitHub's side, or what to type there."""
    first, second = plan.sets
    with run.story.step("stack") as step:
        changes.execute(run.aws, first, step)
    with run.story.step("roles") as step:
        changes.execute(run.aws, filled(run, plan, second), step)
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


def filled(run: Run, plan: Plan, shown: ChangeSet) -> ChangeSet:
    """Return the roles' change set with what the first made; raise E504 if it would do more than shown."""
    made = stack.outputs(run.aws, run.project)
    wanted = roles.wanted(run.aws, run.project, plan.identity, made)
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
