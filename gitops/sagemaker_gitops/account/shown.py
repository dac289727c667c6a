"""What connect would do, and how it is shown before anybody agrees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from sagemaker_gitops import execution, network, prices, stack
from sagemaker_gitops.account import apart, gh, roles
from sagemaker_gitops.account.changes import ChangeSet
from sagemaker_gitops.account.gh import Command, Identity
from sagemaker_gitops.account.roles import Account
from sagemaker_gitops.account.trust import NAMED
from sagemaker_gitops.run import Run

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
