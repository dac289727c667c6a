"""A registered release on its way: staging, approval, production, and back. Registered is not approved."""

from __future__ import annotations

from pipelines import names, registry, rollout, stack
from pipelines.aws import Aws
from pipelines.errors import DeployFailed
from pipelines.registry import Package
from pipelines.settings import Settings
from pipelines.stack import Stack
from pipelines.story import Story


def prove_on_staging(aws: Aws, settings: Settings, made: Stack, package: Package, story: Story) -> Package:
    """Serve the release on an endpoint of its own, prove it, take the endpoint away; note the proof."""
    with story.step("staging") as step:
        try:
            rollout.deploy(aws, settings, made, "staging", package, step)
        finally:
            rollout.delete(aws, names.endpoint(settings.project.slug, "staging"))
        return registry.annotate(aws, package, {"staging": "proven"})


def approve(aws: Aws, package: Package, story: Story, why: str) -> Package:
    """Approve a package."""
    with story.step("approve") as step:
        step.note = f"version {package.version}: {why}"
        return registry.judge(aws, package, "Approved", why)


def hold(settings: Settings, package: Package, story: Story) -> Package:
    """Leave the package pending: somebody else lets it into production."""
    with story.step("approve") as step:
        verb = f"python -m pipelines promote {names.short(package.release_id)}"
        step.verdict = "waiting"
        step.note = f"version {package.version} ({settings.project.approval}): {verb}"
    return package


def to_production(aws: Aws, settings: Settings, made: Stack, package: Package, story: Story) -> Package:
    """Serve an approved release in production and prove it; else reject it and put back what served."""
    serving = registry.served(aws, made.group, names.endpoint(settings.project.slug, "production"))
    try:
        with story.step("production") as step:
            rollout.deploy(aws, settings, made, "production", package, step)
    except DeployFailed as error:
        registry.judge(aws, package, "Rejected", f"{error.code} {error.what}: {error.why}")
        put_back(aws, settings, made, serving, package, story)
        raise
    story.facts["package"] = package.facts()
    return package


def put_back(
    aws: Aws, settings: Settings, made: Stack, serving: Package | None, failed: Package, story: Story
) -> None:
    """Bring production back to what it served; a first release that fails leaves no endpoint."""
    with story.step("put back") as step:
        if serving is None:
            rollout.delete(aws, names.endpoint(settings.project.slug, "production"))
            step.note = "nothing served before: the endpoint is deleted"
        elif serving.arn != failed.arn:
            rollout.deploy(aws, settings, made, "production", serving, step)
        else:
            step.verdict = "failed"
            step.note = f"version {failed.version} itself was serving: release another"


def promote(aws: Aws, settings: Settings, story: Story, release_id: str) -> Package:
    """Approve a release that was proven on staging and bring it to production."""
    made = stack.outputs(aws, settings.project.slug)
    package = registry.find(aws, made.group, release_id)
    if package is None or package.metadata.get("staging") != "proven" or package.approval == "Rejected":
        state = f"version {package.version} is {package.approval}, not proven" if package else ""
        raise DeployFailed(f"""E402 release {release_id} cannot be promoted
            registry group {made.group}
            {state or "there is no such package"}
            release it first: python -m pipelines release""")
    if package.approval != "Approved":
        package = approve(aws, package, story, "promoted by hand")
    return to_production(aws, settings, made, package, story)


def rollback(aws: Aws, settings: Settings, story: Story) -> Package:
    """Bring production back to the approved release before the one it serves, with the same proof."""
    made = stack.outputs(aws, settings.project.slug)
    serving = registry.served(aws, made.group, names.endpoint(settings.project.slug, "production"))
    approved = registry.approved(aws, made.group)
    earlier = [item for item in approved if serving is None or item.version < serving.version]
    if not earlier:
        raise DeployFailed(f"""E404 there is no earlier approved release
            registry group {made.group}
            production serves {f"version {serving.version}" if serving else "nothing"}
            git revert the change and release: an earlier content is served without training""")
    package = to_production(aws, settings, made, earlier[0], story)
    if serving:
        registry.judge(aws, serving, "Rejected", f"rolled back by hand to version {package.version}")
    return package
