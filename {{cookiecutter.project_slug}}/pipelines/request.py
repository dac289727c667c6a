"""One golden request to an endpoint: what it answers, and which release answered."""

from __future__ import annotations

from typing import Any

from pipelines import names, proof, registry, stack
from pipelines.aws import Aws
from pipelines.errors import DeployFailed
from pipelines.settings import Settings
from pipelines.story import Story


def request(aws: Aws, settings: Settings, story: Story, environment: str = "production") -> dict[str, Any]:
    """Send one golden row and return answer and release; raise DeployFailed E402 where none serves it."""
    project = settings.project.slug
    endpoint = names.endpoint(project, environment)
    made = stack.outputs(aws, project)
    with story.step("request") as step:
        package = registry.served(aws, made.group, endpoint)
        if package is None:
            raise DeployFailed(
                "E402",
                f"{environment} serves nothing",
                endpoint,
                "there is no endpoint of that name",
                "release first: python -m pipelines release",
            )
        case = proof.golden(aws, made.bucket, package)["cases"][0]
        one = {"instances": case["body"]["instances"][:1]}
        answer, attributes = proof.ask(aws, endpoint, one)
        stamp = proof.HEADER.search(attributes)
        if stamp is None:
            raise DeployFailed(
                "E402", "the answer carries no release", endpoint, "its header is missing", "release again"
            )
        step.note = f"{environment} answers as {names.short(stamp['release'])}, version {stamp['package']}"
    result = {
        "endpoint": endpoint,
        "release_id": stamp["release"],
        "package": int(stamp["package"]),
        "answer": answer,
    }
    story.facts["request"] = result
    return result
