"""A registered release on its way: staging, approval, production, and back. Registered is not approved."""

from __future__ import annotations

from botocore.exceptions import ClientError

from pipelines import errors, names, registry, rollout
from pipelines.errors import DeployFailed, WrongRelease
from pipelines.registry import Package
from pipelines.run import Run


def prove_on_staging(run: Run, package: Package) -> Package:
    """Serve the release on an endpoint of its own, prove it, take the endpoint away; note the proof."""
    with run.story.step("staging") as step:
        try:
            rollout.deploy(run, "staging", package, step)
        finally:
            rollout.delete(run.aws, run.endpoint("staging", package.release_id))
        return registry.annotate(run.aws, package, {"staging": "proven"})


def approve(run: Run, package: Package, why: str) -> Package:
    """Approve a package."""
    with run.story.step("approve") as step:
        step.note = f"version {package.version}: {why}"
        return registry.judge(run.aws, package, "Approved", why)


def hold(run: Run, package: Package) -> Package:
    """Leave the package pending: somebody else lets it into production."""
    with run.story.step("approve") as step:
        verb = f"python -m pipelines promote {names.short(package.release_id)}"
        step.verdict = "waiting"
        step.note = f"version {package.version} ({run.settings.project.approval}): {verb}"
    return package


def to_production(run: Run, package: Package) -> Package:
    """Serve an approved release in production and prove it; else put back what served.

    Raises:
        DeployFailed: not proven; E405 before anything is touched, E406 where putting back failed too.
    """
    serving = registry.served(run.aws, run.stack.group, run.endpoint("production"))
    asked = False
    try:
        with run.story.step("production") as step:
            ready = rollout.prepare(run, "production", package, step)
            asked = True
            rollout.serve(run, ready, step)
    except BaseException as error:  # Ctrl-C too: production must not serve what nobody has proven
        if asked:
            undo(run, serving, package, error)
        raise
    run.story.facts["package"] = package.facts()
    return package


def undo(run: Run, serving: Package | None, package: Package, error: BaseException) -> None:
    """Put back what served, then reject a release that was wrong; raise DeployFailed E406 if that fails."""
    failure: DeployFailed | None = None
    try:
        put_back(run, serving, package)
    except BaseException as second:
        known, before = errors.translate(second), f"version {serving.version}" if serving else "nothing"
        failure = DeployFailed(f"""E406 production may serve version {package.version}, which is not proven
            {run.endpoint("production")}
            putting back {before} failed: {known.what if known else type(second).__name__}
            look at it now (python -m pipelines status), then: python -m pipelines rollback""")
    if isinstance(error, WrongRelease):
        try:
            registry.judge(run.aws, package, "Rejected", f"{error.code} {error.what}: {error.why}")
        except ClientError as unsaid:  # it must not hide what stopped the release
            error.detail.append(f"version {package.version} is not marked Rejected: {errors.code(unsaid)}")
    if failure:
        told = errors.translate(error)
        failure.detail = [*told.detail, *told.lines()] if told else [type(error).__name__]
        raise failure from error


def put_back(run: Run, serving: Package | None, failed: Package) -> None:
    """Bring production back to what it served; a first release that fails leaves no endpoint."""
    with run.story.step("put back") as step:
        if serving is None:
            rollout.delete(run.aws, run.endpoint("production"))
            step.note = "nothing served before: the endpoint is deleted"
        elif serving.arn != failed.arn:
            rollout.deploy(run, "production", serving, step)
        else:
            step.verdict = "failed"
            step.note = f"version {failed.version} itself was serving: release another"


def promote(run: Run, release_id: str) -> Package:
    """Approve a release that was proven on staging and bring it to production."""
    package = registry.find(run.aws, run.stack.group, release_id)
    if package is None or package.metadata.get("staging") != "proven" or package.approval == "Rejected":
        state = f"version {package.version} is {package.approval}, not proven" if package else ""
        raise DeployFailed(f"""E402 release {release_id} cannot be promoted
            registry group {run.stack.group}
            {state or "no package, or not exactly one release, begins with these digits (12 at least)"}
            release it first: python -m pipelines release""")
    if package.approval != "Approved":
        package = approve(run, package, "promoted by hand")
    return to_production(run, package)


def rollback(run: Run) -> Package:
    """Bring production back to the approved release before the one it serves, with the same proof."""
    serving = registry.served(run.aws, run.stack.group, run.endpoint("production"))
    approved = registry.approved(run.aws, run.stack.group)
    earlier = [item for item in approved if serving is None or item.version < serving.version]
    if not earlier:
        raise DeployFailed(f"""E404 there is no earlier approved release
            registry group {run.stack.group}
            production serves {f"version {serving.version}" if serving else "nothing"}
            git revert the change and release: an earlier content is served without training""")
    package = to_production(run, earlier[0])
    if serving:
        registry.judge(run.aws, serving, "Rejected", f"rolled back by hand to version {package.version}")
    return package
