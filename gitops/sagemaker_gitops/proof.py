"""Deployed means proven: the evaluated bytes, the right state, and live answers that carry the release.

SageMaker rolls back silently: an endpoint that is InService may serve the old config. Each check below is for
one lie it tells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_gitops import errors, names, registry, standing
from sagemaker_gitops.aws import Aws
from sagemaker_gitops.errors import DeployFailed, WrongRelease
from sagemaker_gitops.registry import Package
from sagemaker_gitops.results import Results
from sagemaker_gitops.run import Run

ANCHORS = ("release_id", "execution_id", "artifact_sha256", "evaluation_sha256")
ENDS, LINE = 3, 200  # lines of a log, and characters of each, that fit into a reason
# The archive is the one that was evaluated: its hash was compared before.
LOOK = "look at what changed in inference/ since the release that serves; correct it, release again"
AGAIN = "release again"
HEADER = re.compile(r"release=(?P<release>[0-9a-f]+);package=(?P<package>\d+)")


@dataclass
class Ready:
    """A release that an endpoint can be asked to serve."""

    endpoint: str
    config: str
    package: Package
    golden: dict[str, Any]
    asked: bool = False  # whether the endpoint was: it may serve this release
    served: bool = False  # it served until now, proven, and is put back

    @property
    def known(self) -> bool:
        """Whether it comes back, proven in production before: that must be quick."""
        return self.served or self.package.metadata.get("production") == "proven"


def of_release(aws: Aws, bucket: str, package: Package) -> dict[str, Any]:
    """Return the requests that prove a release, once all that was evaluated is on S3 as it was.

    Raises:
        DeployFailed: E402, the package is none of a release, or something on S3 is gone or not what it was.
    """
    requests = golden(aws, bucket, package)
    of_archive(aws, package)
    return requests


@contextmanager
def all_there(package: Package, otherwise: str = AGAIN) -> Iterator[None]:
    """Raise DeployFailed E402 for what somebody has deleted; `otherwise` is the way on without it."""
    try:
        yield
    except ClientError as error:
        if errors.code(error) != "NoSuchKey":
            raise
        raise DeployFailed(f"""E402 version {package.version} cannot be proven: what was evaluated is gone
            {", ".join(error.__notes__)}
            S3 has no such object: somebody has deleted it
            delete its delete marker (S3 keeps earlier versions), then repeat; or {otherwise}""") from error


def of_archive(aws: Aws, package: Package, otherwise: str = AGAIN) -> None:
    """Raise DeployFailed E402 unless the archive is there, with the bytes that evaluation judged."""
    wanted = package.metadata.get("artifact_sha256", "nothing")
    with all_there(package, otherwise):
        found = aws.sha256(package.model_data)
    if found != wanted:
        raise DeployFailed(f"""E402 version {package.version} is not the model that was evaluated
            {package.model_data}
            sha256 {found[:12]}, evaluated was {wanted[:12]}
            find out who changed the object: S3 keeps its earlier version; then {otherwise}""")


def of_state(endpoint: dict[str, Any], config: str, asked: bool = True, log: Sequence[str] = ()) -> None:
    """Raise DeployFailed unless the endpoint says that it serves `config` and nothing else is going on.

    `asked` is False where it served `config` before: a FailureReason there tells of an earlier update.
    `log` is what a container that did not come up wrote last.
    """
    status, serves = endpoint["EndpointStatus"], endpoint["EndpointConfigName"]
    reason = endpoint.get("FailureReason", "")
    look = "" if log else "look at the log of the new containers (/aws/sagemaker/Endpoints), "
    todo = f"{look}correct it, release again"
    what, why, kind = "", reason, DeployFailed
    if status != "InService":
        what = f"E402 the endpoint is {status}"
    elif serves != config:
        what, kind = "E401 SageMaker rolled the release back", WrongRelease
        why = f"it serves {serves}: {reason or 'no reason given'}"
    elif reason and asked:
        what, kind = "E401 the endpoint reports a failure", WrongRelease
    elif endpoint.get("PendingDeploymentSummary"):
        what, why, todo = "E402 another deployment is pending", "it could replace this one", "release again"
    if what:
        four = f"{what}\n{endpoint['EndpointName']}\n{with_log(why, log)}\n{todo}"
        raise kind(four, log)


def with_log(why: str, log: Sequence[str]) -> str:
    """Return a reason and the end of a log behind it, in one line."""
    ends = " | ".join(line.strip()[:LINE] for line in log[-ENDS:])
    return f"{why} Its log ends: {ends}" if ends else why


def golden(aws: Aws, bucket: str, package: Package) -> dict[str, Any]:
    """Return the requests that evaluation recorded, held to the package's metadata hash by hash.

    Raises:
        DeployFailed: E402, the package is none of a release, or something on S3 is gone or not what it was.
    """
    known = package.metadata
    if lacking := [name for name in ANCHORS if name not in known]:
        raise DeployFailed(f"""E402 version {package.version} is no whole release
            {package.arn}
            its metadata lacks {", ".join(lacking)}
            make it with a release: python -m pipelines release""")
    results = Results(aws, bucket, package.release_id, known["execution_id"])
    with all_there(package):
        if (
            results.evaluation_sha256 != known["evaluation_sha256"]
            or results.evaluation["artifact"].get("sha256") != known["artifact_sha256"]
        ):
            raise DeployFailed(f"""E402 the evaluation is not the one that version {package.version} has
                {results.evaluation_uri}
                its sha256, or that of the archive it judged, is not the package's
                find out who changed the object: S3 keeps its earlier version; then release again""")
        return results.golden()


def of_answers(aws: Aws, endpoint: str, requests: dict[str, Any], package: Package) -> int:
    """Send every golden request; return how many.

    Raises:
        WrongRelease: E402, at the first wrong answer.
        DeployFailed: E402, there are none.
    """
    cases = requests["cases"]
    for number, case in enumerate(cases, 1):
        body, attributes = ask(aws, endpoint, case["body"], requests["content_type"])
        if why := wrong(body, attributes, case["predictions"], requests["tolerance"], package):
            raise WrongRelease(f"""E402 golden request {number} of {len(cases)} was not answered rightly
                {endpoint}
                {why}
                {LOOK}""")
    if not cases:
        raise DeployFailed(
            f"E402 there are no golden requests\n{endpoint}\nnothing was proven\nrelease again"
        )
    return len(cases)


def ask(aws: Aws, endpoint: str, body: Any, content_type: str = "application/json") -> tuple[Any, str]:
    """Send one request; return answer and custom attributes, or raise DeployFailed E402 where none came."""
    request = {"EndpointName": endpoint, "ContentType": content_type, "Body": json.dumps(body)}
    try:
        answer = aws.runtime.invoke_endpoint(**request)
        return json.loads(answer["Body"].read()), answer.get("CustomAttributes", "")
    except (ClientError, BotoCoreError, ValueError) as error:
        # The model's own error is an answer too: the release's fault, and nobody else's.
        kind = WrongRelease if errors.code(error) == "ModelError" else DeployFailed
        raise kind(f"""E402 the endpoint did not answer a request
            {endpoint}
            {errors.code(error) or type(error).__name__}
            look at /aws/sagemaker/Endpoints, then release again""") from error


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


def carries(attributes: str, package: Package) -> bool:
    """Say whether an answer's header names this package."""
    stamp = HEADER.search(attributes)
    return bool(stamp) and (stamp["release"], stamp["package"]) == (package.release_id, str(package.version))


def _close(got: Any, wanted: Any, tolerance: float) -> bool:
    """Compare numbers, or lists of them, as the server compares its own; NaN is never close."""
    if isinstance(wanted, list):
        same = isinstance(got, list) and len(got) == len(wanted)
        return same and all(_close(*pair, tolerance) for pair in zip(got, wanted, strict=True))
    if wanted is None or isinstance(got, bool) or not isinstance(got, int | float):
        return got is wanted
    return abs(got - wanted) <= tolerance * (1 + abs(wanted))  # absolute and relative


def request(run: Run, environment: str) -> dict[str, Any]:
    """Send one golden row and return answer and release; raise DeployFailed E402 where it is not right."""
    aws, endpoint = run.aws, registry.endpoints(run.aws, run.project, environment)[0]
    with run.story.step("request") as step:
        package = registry.served(aws, run.stack.group, endpoint)
        if package is None:
            why, todo = standing.nothing_served(run, environment)
            raise DeployFailed(f"""E402 {environment} serves nothing
                {endpoint}
                {why}
                {todo}""")
        recorded = golden(aws, run.stack.bucket, package)
        case = recorded["cases"][0]
        answer, attributes = ask(aws, endpoint, {"instances": case["body"]["instances"][:1]})
        if why := wrong(answer, attributes, case["predictions"][:1], recorded["tolerance"], package):
            raise DeployFailed(f"""E402 the request was not answered rightly
                {endpoint}
                {why}
                release again, or go back: python -m pipelines rollback""")
        release_id, version = package.release_id, package.version
        step.note = f"{environment} answers as {names.short(release_id)}, version {version}"
    told = {"endpoint": endpoint, "release_id": release_id, "package": version, "answer": answer}
    run.story.facts["request"] = told
    return told
