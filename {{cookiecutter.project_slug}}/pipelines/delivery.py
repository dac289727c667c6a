"""A registered release on its way: staging, approval, production, and back. Registered is not approved."""

from __future__ import annotations

from pipelines import names, registry, rollout
from pipelines.errors import DeployFailed
from pipelines.registry import Package
from pipelines.run import Run


def prove_on_staging(run: Run, package: Package) -> Package:
    """Serve the release on an endpoint of its own, prove it, take the endpoint away; note the proof."""
    with run.story.step("staging") as step:
        try:
            rollout.deploy(run, "staging", package, step)
        finally:
            rollout.delete(run.aws, run.endpoint("staging"))
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
    """Serve an approved release in production and prove it; else reject it and put back what served."""
    serving = registry.served(run.aws, run.stack.group, run.endpoint("production"))
    try:
        with run.story.step("production") as step:
            rollout.deploy(run, "production", package, step)
    except DeployFailed as error:
        registry.judge(run.aws, package, "Rejected", f"{error.code} {error.what}: {error.why}")
        put_back(run, serving, package)
        raise
    run.story.facts["package"] = package.facts()
    return package


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
            {state or "there is no such package"}
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
