"""Connect the account that only serves: one stack, from infra/production.yml; then the registry's lets it."""

from __future__ import annotations

import re
from dataclasses import replace

from botocore.exceptions import ClientError
from rich.table import Table

from sagemaker_gitops import errors, network, stack
from sagemaker_gitops.account import apart, changes, gh, roles
from sagemaker_gitops.account import shown as plans
from sagemaker_gitops.account.roles import Account
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.run import Run

KEY = re.compile(r"arn:[a-z-]+:kms:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):key/[A-Za-z0-9-]+")


def is_here(run: Run) -> bool:
    """Say whether this account was connected to serve only."""
    where = roles.account(run.aws, run.project)
    return where.registry != where.number


def connect(
    run: Run, key: str = "", *, yes: bool = False, owner_id: str = "", repository_id: str = ""
) -> None:
    """Bring this account's one stack to what infra/production.yml says; show it and ask first.

    `key` is the ARN of the registry's key; without it, the one of the last time.
    Raises what connect.connect raises, and SettingsError E519 for a key that cannot be meant.
    """
    github, where = gh.of(run.settings), roles.account(run.aws, run.project)
    there = stack.describe(run.aws, run.project)
    given = stack.parameters(there)
    key = key or given["RegistryKey"]
    where = replace(where, registry=registry_of(key, where, bool(there) and "RegistryKey" not in given))
    network.refuse_two_accounts(run, True)
    refuse_unless_let_in(run, key, where)
    identity = roles.identify(run, github, owner_id, repository_id)
    if not github.absent:
        roles.refuse_another_account(github, where, run.project)
    if there is None:
        roles.refuse_leftovers(run, where)
    known = {"RegistryKey": key, "RegistryAccount": where.registry}
    known["AlarmEmail"] = run.settings.project.alarm_email
    wanted = stack.of_project(run.project, stack.PRODUCTION_TEMPLATE)
    proposed = changes.propose(run.aws, roles.filled(run.aws, wanted, identity, known))
    run.story.console.print(table(run, where, proposed))
    if not proposed.arn:
        run.story.say("nothing to change")
    elif yes or changes.agreed(run.aws, [proposed]):
        with run.shown("connect"), run.story.step("stack") as step:
            changes.execute(run.aws, proposed, step)
    else:
        run.story.say("nothing was changed")
        return
    there = {} if github.absent else github.variables()
    for name, value in roles.variables(where, run.project).items():
        if there.get(name) != value:
            run.story.say(f"let it serve: that sets {name}={value}; with credentials of {where.registry}:")
            run.story.say(f"  {apart.switching(where.number)}")


def table(run: Run, where: Account, proposed: changes.ChangeSet) -> Table:
    """Return the plan for a reader."""
    title = f"connect {run.project}: production in account {where.number}, {where.region}"
    shown = Table("what", "is", "connect would", box=None, title=title)
    shown.add_row("registry", f"account {where.registry}", "serve what is registered and approved there")
    shown.add_row(f"stack {run.project}", proposed.state, str(proposed))
    plans.costs(shown, run, ("production",))
    return shown


def registry_of(key: str, where: Account, own: bool) -> str:
    """Return the account of the registry's key; raise SettingsError E519 where it cannot be that of another.

    `own`: this account has a registry of this project already.
    """
    named = KEY.fullmatch(key)
    if own:
        why = "this account has a registry of its own: a stack from infra/stack.yml"
    elif not named:
        why = "it is no ARN of a KMS key, as arn:aws:kms:REGION:ACCOUNT:key/ID"
    elif named["account"] == where.number:
        why = "it is this account's own: the registry and production are then one"
    elif named["region"] != where.region:
        why = f"it is in {named['region']}, mlops.toml says {where.region}"
    else:
        return named["account"]
    raise _refusal(key, where, why)


def refuse_unless_let_in(run: Run, key: str, where: Account) -> None:
    """Raise SettingsError E519 where the registry is not there, or does not let this account read it."""
    place = f"arn:{where.partition}:sagemaker:{where.region}:{where.registry}"
    group = f"{place}:model-package-group/{run.project}"
    try:
        run.aws.sagemaker.list_model_packages(ModelPackageGroupName=group, MaxResults=1)
    except ClientError as error:
        if not (errors.missing(error) or errors.code(error) in errors.REFUSED):
            raise
        why = f"it is not there, or does not let this account in: {error.response['Error']['Message']}"
        raise _refusal(key, where, why) from None


def _refusal(key: str, where: Account, why: str) -> SettingsError:
    return SettingsError(f"""E519 account {where.number} cannot serve from this registry
        --registry {key}
        {why}; nothing was changed
        connect --production-account {where.number} in the registry's account prints the command for here""")
