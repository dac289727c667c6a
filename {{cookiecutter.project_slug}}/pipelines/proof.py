"""Deployed means proven: the right state, and live answers that are right and carry the release.

SageMaker rolls back silently: an endpoint that is InService may serve the old config. Each check below is for
one lie it tells.
"""

from __future__ import annotations

import json
import re
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipelines import names
from pipelines.aws import Aws
from pipelines.errors import DeployFailed
from pipelines.registry import Package

HEADER = re.compile(r"release=(?P<release>[0-9a-f]+);package=(?P<package>\d+)")


def of_state(endpoint: dict[str, Any], config: str, asked: bool = True) -> None:
    """Raise DeployFailed unless the endpoint says that it serves `config` and nothing else is going on.

    `asked` is False where it served `config` before: a FailureReason there tells of an earlier update.
    """
    name, status = endpoint["EndpointName"], endpoint["EndpointStatus"]
    reason = endpoint.get("FailureReason", "")
    todo = "look at the log of the new containers (/aws/sagemaker/Endpoints), correct it, release again"
    if status != "InService":
        raise DeployFailed("E402", f"the endpoint is {status}", name, reason or "no reason given", todo)
    if endpoint["EndpointConfigName"] != config:
        raise DeployFailed(
            "E401",
            "SageMaker rolled the release back",
            name,
            f"it serves {endpoint['EndpointConfigName']}: {reason or 'no reason given'}",
            todo,
        )
    if reason and asked:
        raise DeployFailed("E401", "the endpoint reports a failure", name, reason, todo)
    if endpoint.get("PendingDeploymentSummary"):
        raise DeployFailed(
            "E402", "another deployment is pending", name, "it could replace this one", "release again"
        )


def golden(aws: Aws, bucket: str, package: Package) -> dict[str, Any]:
    """Return the requests that evaluation recorded with the model's own answers."""
    root = names.execution_prefix(bucket, package.release_id, package.metadata["execution_id"])
    return aws.read_json(f"{root}/evaluate/evaluation/golden.json")


def of_answers(aws: Aws, endpoint: str, requests: dict[str, Any], package: Package) -> int:
    """Send every golden request; return how many, or raise DeployFailed E402 at the first wrong answer."""
    cases = requests["cases"]
    for number, case in enumerate(cases, 1):
        body, attributes = ask(aws, endpoint, case["body"], requests["content_type"])
        why = wrong(body, attributes, case["predictions"], requests["tolerance"], package)
        if why:
            raise DeployFailed(
                "E402",
                f"golden request {number} of {len(cases)} was not answered rightly",
                endpoint,
                why,
                "the archive or the server differs from what was evaluated: release again",
            )
    if not cases:
        raise DeployFailed(
            "E402", "there are no golden requests", endpoint, "nothing was proven", "release again"
        )
    return len(cases)


def ask(aws: Aws, endpoint: str, body: Any, content_type: str = "application/json") -> tuple[Any, str]:
    """Send one request; return answer and custom attributes, or raise DeployFailed E402 where none came."""
    try:
        answer = aws.runtime.invoke_endpoint(
            EndpointName=endpoint, ContentType=content_type, Body=json.dumps(body)
        )
        return json.loads(answer["Body"].read()), answer.get("CustomAttributes", "")
    except (ClientError, BotoCoreError, ValueError) as error:
        what = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
        raise DeployFailed(
            "E402",
            "the endpoint did not answer a request",
            endpoint,
            str(what),
            "look at /aws/sagemaker/Endpoints, then release again",
        ) from error


def wrong(
    body: Any, attributes: str, predictions: list[Any], tolerance: float, package: Package
) -> str | None:
    """Return why an answer does not prove the release, or None. No value of the data stands in it."""
    stamp = HEADER.search(attributes)
    if stamp is None:
        return "the answer carries no release"
    if stamp["release"] != package.release_id:
        return (
            f"release {names.short(stamp['release'])} answered instead of {names.short(package.release_id)}"
        )
    if int(stamp["package"]) != package.version:
        return f"version {stamp['package']} answered instead of {package.version}"
    got = body.get("predictions") if isinstance(body, dict) else None
    if not isinstance(got, list) or not _close(got, predictions, tolerance):
        return "the predictions differ from those that evaluation recorded"
    return None


def _close(got: Any, wanted: Any, tolerance: float) -> bool:
    """Compare numbers, or lists of them, within the tolerance; NaN is never close."""
    if isinstance(wanted, list):
        return (
            isinstance(got, list)
            and len(got) == len(wanted)
            and all(map(_close, got, wanted, [tolerance] * len(got)))
        )
    if wanted is None or isinstance(got, bool) or not isinstance(got, int | float):
        return got is wanted
    return abs(got - wanted) <= tolerance
