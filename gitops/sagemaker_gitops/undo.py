"""A release that was not proven in production: what served before is put back, a wrong one is rejected."""

from __future__ import annotations

from sagemaker_gitops import endpoints, errors, names, registry, rollout, watch
from sagemaker_gitops.alarms import Watched
from sagemaker_gitops.errors import DeployFailed, WrongRelease
from sagemaker_gitops.proof import Ready
from sagemaker_gitops.registry import Package
from sagemaker_gitops.run import Run
from sagemaker_gitops.story import Step


def restore(run: Run, serving: Package | None, config: str, ready: Ready, error: BaseException) -> None:
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
