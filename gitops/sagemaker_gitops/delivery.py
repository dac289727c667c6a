"""A registered release on its way: staging, approval, production, and back. Registered is not approved."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

from sagemaker_gitops import (
    contract,
    endpoints,
    errors,
    names,
    registry,
    rollout,
    standing,
    watch,
)
from sagemaker_gitops.alarms import Watched
from sagemaker_gitops.aws import found
from sagemaker_gitops.errors import (
    DeployFailed,
    NotStarted,
    SettingsError,
    WrongRelease,
)
from sagemaker_gitops.proof import Ready
from sagemaker_gitops.registry import Package
from sagemaker_gitops.run import Run
from sagemaker_gitops.story import Step

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
            undo(run, serving, config, ready, error)
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


def undo(run: Run, serving: Package | None, config: str, ready: Ready, error: BaseException) -> None:
    """Put back what served, then reject a release that was wrong; raise DeployFailed E406 if that fails."""
    package, failure = ready.package, None
    try:
        put_back(run, serving, config, ready)
        if ready.asked and not isinstance(error, Exception):  # Ctrl-C: its alarms watched until now
            machines = run.settings.environments.production
            watch.tidy(run, Watched(run.project, ready.endpoint, ready.config, config, machines))
    except BaseException as second:
        known, before = errors.translate(second), f"version {serving.version}" if serving else "nothing"
        failure = DeployFailed(f"""E406 production may serve version {package.version}, which is not proven
            {run.endpoint("production")}
            putting back {before} failed: {known.what if known else type(second).__name__}
            look at it now (python -m pipelines status), then: python -m pipelines rollback""")
    if isinstance(error, WrongRelease):
        why = f"{error.code} {error.what}: {error.why}; evidence: {watch.uri(run, package)}"
        try:  # it must not hide what stopped the release
            registry.judge(run.aws, package, "Rejected", why)
        except errors.TROUBLE as unsaid:
            why = errors.code(unsaid) or type(unsaid).__name__
            error.detail.append(f"version {package.version} is not marked Rejected: {why}")
    if failure and ready.asked:
        told = errors.translate(error)
        failure.detail = [*told.detail, *told.lines()] if told else [type(error).__name__]
        raise failure from error


def put_back(run: Run, serving: Package | None, config: str, failed: Ready) -> None:
    """Bring production back to what it served; a first release that fails leaves no endpoint."""
    endpoint = run.endpoint("production")
    with run.story.step("put back") as step:
        if somebody_elses(run, endpoint, config, failed, step):
            step.note = "production serves another release; left alone"
            return
        if serving is None:
            endpoints.delete(run.aws, endpoint)
            step.note = "nothing served before: the endpoint is deleted, release again"
            return
        if config == failed.config:  # an earlier run brought it there, and nobody had proven it
            serving, config = registry.previous(run.aws, run.stack.group, serving), ""
        if serving:
            ready = rollout.prepare(run, "production", serving, step, config)
            ready.served = serving.was_proven
            rollout.serve(run, ready, step)
        else:
            step.verdict = "failed"
            step.note = f"version {failed.package.version} itself was serving: release another"


def somebody_elses(run: Run, endpoint: str, config: str, failed: Ready, step: Step) -> bool:
    """Wait until the endpoint is quiet; say whether it serves what somebody else released meanwhile."""
    there = endpoints.describe(run.aws, endpoint) and endpoints.wait(run.aws, endpoint, step)
    if not there or there["EndpointStatus"] in ("Failed", "UpdateRollbackFailed"):
        return False
    live = names.without_shadow(run.project, there["EndpointConfigName"])
    return live not in (config, failed.config)


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


def check_environment(run: Run, environment: str) -> None:
    """Raise SettingsError E501 for an environment that cannot be rolled back; asks nobody."""
    if run.settings.environment(environment) is not run.settings.environments.production:
        raise SettingsError(f"""E501 {environment} cannot be rolled back
            the option --env
            its endpoint lives only while a release is proven there
            leave --env out, or say --env production""")


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


def rollback(run: Run) -> Package:
    """Take back what is on its way to production, else what serves; return what serves afterwards.

    The release that production served, proven, before that one comes back, with the same proof. Where the one
    to take back has gone by itself meanwhile, nothing is left to do. A workflow run takes one release back,
    however often it is run again.

    Raises:
        DeployFailed: E404, none was proven before it; E405, nobody knows what serves; the earlier one failed.
        NotStarted: others came in between again and again (E413), or an alarm would watch nothing.
    """
    unwanted = begun(run) or to_take_back(run)
    return turns(lambda: take_back(run, unwanted))


def by_hand(words: str) -> str:
    """Return why a person takes a release back, with the workflow run where there is one."""
    job = os.environ.get("GITHUB_RUN_ID", "")
    return f"{words} (run {job})" if job else words


def begun(run: Run) -> Package | None:
    """Return the release that an earlier attempt of this very workflow run was to take back."""
    if not (mine := by_hand("")):
        return None
    listed = registry.newest(run.aws, run.stack.group, ModelApprovalStatus="Rejected")
    return next((item for item in listed if item.judged.endswith(mine)), None)


def back_to(earlier: Package) -> str:
    """Return why a release is rejected that gives way to an earlier one."""
    return by_hand(f"rolled back by hand to version {earlier.version}")


def to_take_back(run: Run) -> Package | None:
    """Return what production is on its way to, else what it serves: as its caller has seen it.

    Where it is on its way to the release before, somebody takes back what serves already.
    """
    aws, group, endpoint = run.aws, run.stack.group, run.endpoint("production")
    coming = coming_to(run)  # first: it serves in the next moment
    serving = registry.served(aws, group, endpoint)
    before = registry.previous(aws, group, serving)
    known = coming is None or (before is not None and coming.arn == before.arn)
    return serving if known else coming


def coming_to(run: Run) -> Package | None:
    """Return the release that production is on its way to."""
    there = endpoints.pending(endpoints.describe(run.aws, run.endpoint("production")))
    package = registry.behind(run.aws, run.stack.group, there) if there else None
    return package if package and package.release_id else None


def take_back(run: Run, unwanted: Package | None) -> Package:
    """Bring production back to the release before one, unless that serves no more; return what serves.

    Raises:
        DeployFailed: E404, none was proven before it.
    """
    earlier = registry.previous(run.aws, run.stack.group, unwanted)
    if earlier is None:
        delete = endpoints.deletion(run.aws.region, run.endpoint("production"))
        serve_nothing = f"correct the code and merge; or serve nothing, until reconcile or a merge: {delete}"
        raise DeployFailed(f"""E404 there is no earlier release that was proven in production
            registry group {run.stack.group}
            to be taken back: {f"version {unwanted.version}" if unwanted else "nothing, there is no endpoint"}
            {serve_nothing if unwanted else "release: python -m pipelines release"}""")
    if unwanted is None:
        return to_production(run, earlier)
    if serving := instead(run, unwanted, earlier):
        return serving
    # Before SageMaker is asked: a runner may die from here on, and nobody must bring it back then.
    registry.judge(run.aws, registry.describe(run.aws, unwanted.arn), "Rejected", back_to(earlier))
    package = to_production(run, earlier)
    run.story.facts["taken_back"] = unwanted.facts()
    return package


def instead(run: Run, unwanted: Package, earlier: Package) -> Package | None:
    """Wait until production is quiet; return what serves instead of a release, None where that one does.

    None, too, where production is on its way to `earlier`, or an earlier attempt of this run has brought it
    back, which is gone on with, or out of order. What has gone by itself is rejected: nobody brings it again.
    """
    endpoint, machines = run.endpoint("production"), run.settings.environments.production
    there = endpoints.describe(run.aws, endpoint)
    coming = coming_to(run)
    if coming and coming.arn == earlier.arn:
        return None
    if endpoints.moving(there):
        with run.story.step("wait") as step:
            longest = max(endpoints.UPDATE_MINUTES, machines.max_minutes() + watch.GRACE_MINUTES)
            there = endpoints.wait(run.aws, endpoint, step, longest)
            step.note = f"a rollout was under way: {there['EndpointStatus']}"
    serving = registry.served(run.aws, run.stack.group, endpoint)
    if serving is None or serving.arn == unwanted.arn or (there or {})["EndpointStatus"] != "InService":
        return None
    now = registry.describe(run.aws, unwanted.arn)
    mine = bool(by_hand("")) and (now.approval, now.judged) == ("Rejected", back_to(earlier))
    if mine and serving.arn == earlier.arn:
        return None
    if now.approval != "Rejected":  # its own runner may have died before it could
        why = f"asked to be taken back by hand, version {serving.version} serves instead"
        registry.judge(run.aws, now, "Rejected", by_hand(why))
    with run.story.step("production") as step:
        step.verdict = "superseded"
        step.note = f"nothing to do: version {serving.version} serves, version {unwanted.version} does not"
    return serving
