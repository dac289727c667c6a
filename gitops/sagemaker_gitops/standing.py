"""Where a release stands, by what the registry notes of it, and what brings it on: words for people."""

from __future__ import annotations

from datetime import UTC, datetime

from sagemaker_gitops import accounts, names, registry
from sagemaker_gitops.registry import Package
from sagemaker_gitops.run import Run
from sagemaker_gitops.stack import Stack

# What is noted of a proof; failed: staging did not come so far, which need not be the release's fault.
PROVEN, REFUSED, FAILED = "proven", "refused", "failed"


def noted(proof: str) -> dict[str, str]:
    """Return the metadata that notes how staging's proof has ended, and when."""
    return {"staging": proof, "staging_at": datetime.now(UTC).isoformat(timespec="seconds")}


def stands(package: Package) -> str:
    """Say how far a package has come: SageMaker's approval, and what staging or production noted."""
    staging, production = (package.metadata.get(name) for name in ("staging", "production"))
    if package.approval == "Rejected":
        return package.approval
    if package.approval == "Approved":
        return f"{package.approval}, {'' if production == PROVEN else 'not '}proven in production"
    told = "proven on staging, waits" if staging == PROVEN else f"{staging or 'not proven'} on staging"
    return f"{package.approval}, {told}"


def served(package: Package) -> bool:
    """Say whether production has proven a package: nothing is left to do."""
    return package.approval == "Approved" and package.metadata.get("production") == PROVEN


def sentence(package: Package) -> str:
    """Say how far a package has come, and why no further where somebody wrote that down."""
    why = f" ({package.judged})" if package.approval == "Rejected" and package.judged else ""
    return f"version {package.version} is {stands(package)}{why}"


def todo(package: Package, made: Stack, approval: str) -> str:
    """Return what brings a package on, or one after it; `approval` is the project's."""
    release = _release(made)
    staging = package.metadata.get("staging")
    if package.approval == "Rejected":
        return f"change code or data, then {release}"
    if package.approval != "Approved" and staging != PROVEN:
        log = "; its log: python -m pipelines logs --env staging" if staging else ""
        return ("change code or data, then " if staging == REFUSED else "") + release + log
    return lets_in(package, made, approval)


def lets_in(package: Package, made: Stack, approval: str) -> str:
    """Return what lets a package into production; of an approved one somebody has decided already."""
    decides = "gate" if package.approval == "Approved" else approval
    return accounts.promoting(made, names.short(package.release_id), decides)


def _release(made: Stack) -> str:
    apart = accounts.REGISTRY not in accounts.here(made)
    return "make release" + (f", with credentials of account {made.registry}" if apart else "")


def next_step(run: Run) -> list[str]:
    """Return what brings the newest release on, in a line; none where production has proven it."""
    newest = next(iter(registry.newest(run.aws, run.stack.group)), None)
    if newest is None:
        return [": ".join(nothing_served(run, "production"))]
    return [] if served(newest) else [f"{sentence(newest)}: {_todo(run, newest)}"]


def nothing_served(run: Run, environment: str) -> tuple[str, str]:
    """Return why an environment serves nothing, and what to do, by what the registry has."""
    newest = next(iter(registry.newest(run.aws, run.stack.group)), None)
    if newest is None:
        return "no release is registered", _release(run.stack)
    why = sentence(newest)
    if environment == "staging":
        why = f"{why}; staging's endpoint is taken away after each proof"
        return why, "ask production: python -m pipelines request; or keep = true in [environments.staging]"
    return why, _todo(run, newest)


def _todo(run: Run, package: Package) -> str:
    return todo(package, run.stack, run.settings.project.approval)
