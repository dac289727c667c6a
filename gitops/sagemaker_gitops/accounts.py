"""Which account a verb belongs to, where production has one of its own. Pure: it asks nobody.

registry     data, training, images, model registry, staging     infra/stack.yml, infra/github.yml
production   production's endpoint and what it needs             infra/production.yml
One account is both unless connect is told otherwise.
"""

from __future__ import annotations

from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.stack import Stack

REGISTRY, PRODUCTION = "registry", "production"  # the fields of Stack that hold their numbers
ENVIRONMENTS = {"staging": REGISTRY, "production": PRODUCTION}
HOLDS = {REGISTRY: "the registry, with data, training and staging,", PRODUCTION: "production"}
# Verbs, as a user says them, that one of two accounts can do. Any other looks at what lies where it runs.
OF_REGISTRY = (
    "connect --production-account", "data propose", "data push", "explain", "image", "infra", "logs",
    "pipeline", "plan", "release", "report", "stack", "stage",
)  # fmt: skip
VERBS = (
    dict.fromkeys(OF_REGISTRY, REGISTRY)
    | dict.fromkeys(("promote", "rollback"), PRODUCTION)
    | {f"{verb} --env {name}": part for verb in ("logs", "request") for name, part in ENVIRONMENTS.items()}
)
# What changes production, and the registry with it: from an account of its own only the role may that the
# workflows take. With what starts these.
BY_WORKFLOWS = {
    "promote": "run main's newest run again: gh run rerun RUN, as gh run list --workflow main.yml shows it",
    "reconcile --heal": "set heal = true in mlops.toml, [reconcile]; merged: gh workflow run reconcile.yml",
    "rollback": "gh workflow run rollback.yml; or on GitHub: Actions, rollback, Run workflow",
}

# Where a person decides, what that person does on GitHub.
LETS_IN = {
    "pull-request": "merge the pull request promote/production",
    "reviewer": "approve it on the page of its run",
}


def here(made: Stack) -> frozenset[str]:
    """Return what the account of this stack is: both, unless production has one of its own."""
    return frozenset(part for part in HOLDS if getattr(made, part) == made.account)


def environments(made: Stack) -> list[str]:
    """Return the environments whose endpoints are in the account of this stack."""
    return [name for name, part in ENVIRONMENTS.items() if part in here(made)]


def refuse(made: Stack, verb: str, typed: str = "") -> None:
    """Raise SettingsError E516 where the verb is the other account's; `typed` is all that the user wrote."""
    part = VERBS.get(verb)
    if part and part not in here(made):
        number = getattr(made, part)
        again = f"with credentials of account {number}: python -m pipelines {typed or verb}"
        raise SettingsError(f"""E516 {HOLDS[part]} is in account {number}
            the verb {verb}, with credentials of account {made.account}
            production has an account of its own; nothing was made
            {BY_WORKFLOWS.get(verb, again)}""")


def by_workflows(made: Stack, verb: str) -> bool:
    """Say whether the verb changes production where that has this account for its own."""
    return verb in BY_WORKFLOWS and REGISTRY not in here(made)


def refuse_people(made: Stack, verb: str, role: str, caller: str) -> None:
    """Raise SettingsError E522 where `caller`, an ARN, is not the role that the workflows take."""
    if f":assumed-role/{role}/" not in caller:
        raise SettingsError(f"""E522 production in an account of its own is changed by main's workflows alone
            the verb {verb}, as {caller}
            the registry of account {made.registry} lets nobody but the role {role} note it; nothing was made
            {BY_WORKFLOWS[verb]}""")


def promoting(made: Stack, release: str, approval: str) -> str:
    """Return what lets a release that waits into production, by who decides that (project.approval)."""
    todo = LETS_IN.get(approval, BY_WORKFLOWS["promote"])
    if by_workflows(made, "promote"):
        return todo
    if PRODUCTION not in here(made):
        return f"goes to account {made.production} by main's workflows; {todo}"
    by_hand = f"python -m pipelines promote {release}"
    return f"{todo}; without GitHub's workflows: {by_hand}" if approval in LETS_IN else by_hand
