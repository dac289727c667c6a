"""Which account a verb belongs to, where production has one of its own. Pure: it asks nobody.

registry     data, training, images, model registry, staging     infra/stack.yml, infra/github.yml
production   production's endpoint and what it needs             infra/production.yml
One account is both unless connect is told otherwise.
"""

from __future__ import annotations

from pipelines.errors import SettingsError
from pipelines.stack import Stack

REGISTRY, PRODUCTION = "registry", "production"  # the fields of Stack that hold their numbers
ENVIRONMENTS = {"staging": REGISTRY, "production": PRODUCTION}
HOLDS = {REGISTRY: "the registry, with data, training and staging,", PRODUCTION: "production"}
# Verbs, as a user says them, that one of two accounts can do. Any other looks at what lies where it runs.
OF_REGISTRY = (
    "connect --production-account", "data propose", "data push", "image", "infra", "logs",
    "pipeline", "plan", "release", "report", "stack", "stage",
)  # fmt: skip
VERBS = (
    dict.fromkeys(OF_REGISTRY, REGISTRY)
    | dict.fromkeys(("promote", "rollback"), PRODUCTION)
    | {f"{verb} --env {name}": part for verb in ("logs", "request") for name, part in ENVIRONMENTS.items()}
)


def here(made: Stack) -> frozenset[str]:
    """Return what the account of this stack is: both, unless production has one of its own."""
    return frozenset(part for part in HOLDS if getattr(made, part) == made.account)


def environments(made: Stack) -> list[str]:
    """Return the environments whose endpoints are in the account of this stack."""
    return [name for name, part in ENVIRONMENTS.items() if part in here(made)]


def refuse(made: Stack, verb: str) -> None:
    """Raise SettingsError E516 where the verb is the other account's."""
    part = VERBS.get(verb)
    if part and part not in here(made):
        number = getattr(made, part)
        raise SettingsError(f"""E516 {HOLDS[part]} is in account {number}
            the verb {verb}, with credentials of account {made.account}
            production has an account of its own; nothing was made
            with credentials of account {number}: python -m pipelines {verb}""")


def credentials(made: Stack, part: str) -> str:
    """Return what to add to a command that is the other account's; nothing where there is one account."""
    return "" if part in here(made) else f", with credentials of account {getattr(made, part)}"
