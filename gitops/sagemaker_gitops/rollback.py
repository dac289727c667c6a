"""A person takes a release back: the proven one before it returns, with the same rollout and proof."""

from __future__ import annotations

import os

from sagemaker_gitops import delivery, endpoints, registry, watch
from sagemaker_gitops.errors import DeployFailed, SettingsError
from sagemaker_gitops.registry import Package
from sagemaker_gitops.run import Run


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
    return delivery.turns(lambda: take_back(run, unwanted))


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
        return delivery.to_production(run, earlier)
    if serving := instead(run, unwanted, earlier):
        return serving
    # Before SageMaker is asked: a runner may die from here on, and nobody must bring it back then.
    registry.judge(run.aws, registry.describe(run.aws, unwanted.arn), "Rejected", back_to(earlier))
    package = delivery.to_production(run, earlier)
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


def check_environment(run: Run, environment: str) -> None:
    """Raise SettingsError E501 for an environment that cannot be rolled back; asks nobody."""
    if run.settings.environment(environment) is not run.settings.environments.production:
        raise SettingsError(f"""E501 {environment} cannot be rolled back
            the option --env
            its endpoint lives only while a release is proven there
            leave --env out, or say --env production""")
