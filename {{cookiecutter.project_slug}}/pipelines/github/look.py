"""What is so on AWS after a release: what production serves, and the last packages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipelines import errors, registry
from pipelines.errors import MLOpsError
from pipelines.github.outcome import Outcome
from pipelines.registry import Package
from pipelines.run import Run

SHOWN = 8  # packages in the list


@dataclass(frozen=True)
class Look:
    """What AWS says now; where it says nothing, why."""

    serving: Package | None = None
    packages: tuple[Package, ...] = ()
    trouble: str = ""

    def now(self) -> str:
        """Return what production serves, in words."""
        if self.trouble:
            return "it is not known what production serves"
        return f"production serves {self.serving.version}" if self.serving else "production serves nothing"


def look(run: Run) -> Look:
    """Ask AWS; an AWS that does not answer must not keep an outcome from being told."""
    try:
        packages = tuple(registry.newest(run.aws, run.stack.group)[:SHOWN])
        return Look(run.serving(), packages)
    except (MLOpsError, ClientError, BotoCoreError) as error:
        known = errors.translate(error)
        return Look(trouble=f"{known.code} {known.what}" if known else type(error).__name__)


def named(outcome: Outcome, seen: Look) -> Outcome:
    """Return the outcome with its package's version, where the registry knows it and no verb has said it."""
    if outcome.version is not None or not outcome.release_id:
        return outcome
    mine = (package for package in seen.packages if package.release_id == outcome.release_id)
    changes: dict[str, Any] = {"version": package.version} if (package := next(mine, None)) else {}
    return replace(outcome, **changes)
