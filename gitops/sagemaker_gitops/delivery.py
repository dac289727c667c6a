"""A registered release on its way: staging, approval, production. Registered is not approved."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

from sagemaker_gitops import contract, endpoints, errors, names, registry, rollout, standing, undo
from sagemaker_gitops.aws import found
from sagemaker_gitops.errors import DeployFailed, NotStarted, SettingsError
from sagemaker_gitops.registry import Package
from sagemaker_gitops.run import Run

TURNS = 5  # releases that may come in between before we give up
Brought = TypeVar("Brought")


def prove_on_staging(run: Run, package: Package, keep: bool = False) -> Package:
    """Serve the release on an endpoint of its own, prove it, take the endpoint away; note the proof."""
    endpoint, keep = (
        run.endpoint("staging", package.release_id),
        keep or run.settings.environments.staging.keep,
    )
    with run.story.step("staging") as step:
        try:
            ready = rollout.prepare(run, "staging", package, step)
            there = endpoints.describe(run.aws, endpoint)
            if there and rollout.unlike(there, ready.config):  # kept from a time with other machines
                endpoints.delete(run.aws, endpoint)
            rollout.serve(run, ready, step)
            step.note += f"; {contract.prove(run.aws, ready)}"
        except BaseException:
            with suppress(*errors.TROUBLE):  # what stands is told by reconcile; why staging failed, only here
                endpoints.delete(run.aws, endpoint)
            raise
        if not keep:
            endpoints.delete(run.aws, endpoint)
        return registry.annotate(run.aws, package, standing.noted(standing.PROVEN))


def approve(run: Run, package: Package, why: str) -> Package:
    """Approve a package."""
    with run.story.step("approve") as step:
        step.note = f"version {package.version}: {why}"
        return registry.judge(run.aws, package, "Approved", why)


def hold(run: Run, package: Package, before: str = "approve") -> Package:
    """Leave the package where it is: somebody else, or another account, lets it into production."""
    with run.story.step(before) as step:
        approval = run.settings.project.approval
        todo = standing.lets_in(package, run.stack, approval)
        step.verdict = "waiting"
        step.note = f"version {package.version} ({approval}): {todo}"
    return package


def to_production(run: Run, package: Package, commit: str = "") -> Package:
    """Serve an approved release in production and prove it; else put back what served.

    `commit` is the one that asks for it: none that came before it in git will replace it.

    Raises:
        DeployFailed: not proven; E402, E403, E405 before anything is touched; E406, putting back failed too.
        NotStarted: E407 to E411, an alarm would not have sent it back; E413, another release was quicker.
    """
    endpoint = run.endpoint("production")
    registry.served(run.aws, run.stack.group, endpoint)  # E405 before anything is made
    still_approved(run, package)
    serving, config, ready = None, "", None
    try:
        with run.story.step("production") as step:
            ready = rollout.prepare(run, "production", package, step)
            # Only now: the release that we may have waited for is what must be put back.
            serving = registry.served(run.aws, run.stack.group, endpoint)
            config = (endpoints.describe(run.aws, endpoint) or {}).get("EndpointConfigName", "")
            config = names.without_shadow(run.project, config)
            still_approved(run, package)  # whoever we waited for: somebody may have judged meanwhile
            if commit:  # before it serves: whoever waits for it looks as soon as it does
                package = ready.package = annotated(run, package, asked_by=commit)
            rollout.serve(run, ready, step)
    except NotStarted:
        raise
    except BaseException as error:  # Ctrl-C too: production must not serve what nobody has proven
        if ready:
            undo.restore(run, serving, config, ready, error)
        raise
    there = registry.last(registry.newest(run.aws, run.stack.group))
    # Noted already, unless the runner of an earlier attempt died too early.
    new = serving is None or serving.arn != package.arn or there is None or there.arn != package.arn
    since = {"served_at": datetime.now(UTC).isoformat()} if new else {}
    package = annotated(run, package, production="proven", **since)
    run.story.facts["package"] = package.facts()
    return package


def still_approved(run: Run, package: Package) -> None:
    """Raise DeployFailed E402 where a package is gone since its approval, E403 where it has none any more."""
    now = found(registry.describe, aws=run.aws, arn=package.arn)
    if now is None:
        raise DeployFailed(f"""E402 version {package.version} is gone from the registry
            {package.arn}
            somebody has deleted the package, or its group, since it was approved
            release again (python -m pipelines release): what the pipeline has not registered it registers""")
    if now.approval != "Approved":
        raise DeployFailed(f"""E403 version {package.version} is {now.approval}, and not let into production
            {package.arn}
            {now.judged or "nobody wrote down why"}
            change code or data; or release it all the same: python -m pipelines release --retry""")


def annotated(run: Run, package: Package, **facts: str) -> Package:
    """Return the package with these facts in its metadata."""
    known = package.metadata | facts == package.metadata
    return package if known else registry.annotate(run.aws, package, facts)


def promote(run: Run, release_id: str, why: str = "promoted by hand", commit: str = "") -> Package:
    """Approve a release that was proven on staging and bring it to production.

    Raises:
        DeployFailed: E402, there is no such release, or staging has not proven it.
    """
    package = registry.find(run.aws, run.stack.group, release_id)
    if package is None or package.metadata.get("staging") != "proven" or package.approval == "Rejected":
        state = f"version {package.version} is {package.approval}, not proven" if package else ""
        raise DeployFailed(f"""E402 release {release_id} cannot be promoted
            registry group {run.stack.group}
            {state or "no package, or not exactly one release, begins with these digits (12 at least)"}
            release it first: python -m pipelines release""")
    if package.approval != "Approved":
        package = approve(run, package, why)
    return to_production(run, package, commit)


def check_id(release_id: str) -> None:
    """Raise SettingsError E501 for what is no beginning of a release's id; asks nobody."""
    if not registry.BEGINNING.fullmatch(release_id):
        raise SettingsError(f"""E501 '{release_id}' names no release
            the argument RELEASE_ID
            it takes the first 12 hex digits of a release's id, or more: fewer could mean another one
            python -m pipelines status shows those 12 of the last releases""")


def turns(act: Callable[[], Brought]) -> Brought:
    """Do something to production, again where another release came in between.

    Raises:
        NotStarted: E413, others came in between again and again.
    """
    for left in reversed(range(TURNS)):
        try:
            return act()
        except NotStarted as other:
            if other.code != "E413" or not left:
                raise
    raise AssertionError  # the last turn returns or raises
