"""Production in an account of its own, as the registry's account sees it: let in first, told to serve later.

In between somebody makes the other account's stack (production.py), and this one serves as before.
"""

from __future__ import annotations

import re
from dataclasses import replace

from sagemaker_gitops import endpoints, stack
from sagemaker_gitops.account import gh
from sagemaker_gitops.account.gh import Identity
from sagemaker_gitops.account.roles import Account
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.run import Run


def chosen(where: Account, wanted: str, switch: bool = False) -> Account:
    """Return the account with the other one that is let in, and with the one that serves from now on.

    `wanted` is the other account's number; this one's own makes one account of two again.

    Raises:
        SettingsError: E501, it is no account; another serves; `switch`, and it was not let in before.
    """
    if wanted and not re.fullmatch(r"[0-9]{12}", wanted):
        raise SettingsError(f"""E501 {wanted!r} is no account
            the option --production-account
            an account has 12 digits; nothing was changed
            repeat with its number: aws sts get-caller-identity, with its credentials""")
    other = "" if wanted == where.number else wanted or where.let_in
    if where.apart and other not in ("", where.production):
        raise SettingsError(f"""E501 production is in account {where.production}, not in {other}
            the option --production-account
            one account serves, and it would no longer be let in; nothing was changed
            one account again first: python -m pipelines connect --production-account {where.number}""")
    if switch and (not other or other != where.let_in):
        raise SettingsError(f"""E501 only an account that was let in can serve
            the option --switch
            this account's stack lets in {where.let_in or "no other one"}; nothing was changed
            let it in first: python -m pipelines connect --production-account {other or "N"}""")
    serves = other if other and (switch or where.apart) else where.number
    return replace(where, let_in=other, production=serves)


def switching(number: str) -> str:
    """Return the command that lets an account serve."""
    return f"python -m pipelines connect --production-account {number} --switch"


def state(where: Account) -> str:
    """Return the account that serves, and the one that is let in and does not serve yet."""
    if where.apart:
        return f"account {where.production}"
    return f"this account; account {where.let_in} is let in, not switched" if where.let_in else "this account"


def change(before: Account, where: Account) -> str:
    """Return what becomes of it."""
    if (before.let_in, before.production) == (where.let_in, where.production):
        return "nothing"
    return f"be {state(where)}" if where.let_in else f"be this account; account {before.let_in} is shut out"


def connecting(run: Run, where: Account) -> str:
    """Return the command that connects this account; it can only serve where GitHub's roles are another's."""
    connect = "python -m pipelines connect"
    serve = f"--registry ARN, as connect --production-account {where.number}"
    if stack.describe(run.aws, run.project):
        return connect
    github = gh.of(run.settings)
    if github.absent:
        return f"{connect}; where it is to serve only, with {serve} printed it in the registry's account"
    arns = [value.split(":") for value in github.variables().values() if value.startswith("arn:")]
    there = next((arn[4] for arn in arns if arn[4] != where.number), "")
    return f"{connect} {serve} printed it in account {there}" if there else connect


def next_steps(where: Account, key: str, identity: Identity) -> str:
    """Return what is to be done in the account that was let in, and then here."""
    there = f"  python -m pipelines connect --registry {key}"
    there += f" --owner-id {identity.owner_id} --repository-id {identity.repository_id}"
    if where.apart:
        return f"production is in account {where.production}; its stack, with its credentials:\n{there}"
    return f"""account {where.let_in} is let in, and does not serve yet; with its credentials:
{there}
then here, so that it serves from then on:
  {switching(where.let_in)}"""


def afterwards(before: Account) -> str:
    """Return what is left where two accounts have become one again."""
    return f"""account {before.let_in} keeps its stack and endpoint, which cost money
once nobody asks that endpoint, with credentials of the account:
  python -m pipelines destroy"""


def left(run: Run, where: Account) -> tuple[str, str] | None:
    """Return the endpoint that served here before another account does, and how to take it away."""
    name = run.endpoint("production")
    if not where.apart or endpoints.describe(run.aws, name) is None:
        return None
    delete = endpoints.deletion(run.aws.region, name)
    return name, f"nothing; no verb brings a release to it or back. Once nobody asks it: {delete}"
