"""Staging's proof: bad requests are the client's fault, good ones are right, also many at a time."""

from __future__ import annotations

import json

import pytest

from doubles.aws import Client, answer, error, make_aws, make_package
from sagemaker_gitops import contract
from sagemaker_gitops.errors import WrongRelease
from sagemaker_gitops.proof import Ready

GOLDEN = {
    "content_type": "application/json",
    "tolerance": 1e-4,
    "cases": [{"body": {"instances": [[n]]}, "predictions": [n / 4]} for n in range(4)],
}
READY = Ready("e", "c", make_package(), GOLDEN)


def container(status: int = 400, wrong_after: int | None = None) -> Client:
    """Return a runtime whose container refuses what is not golden with `status`, 0 for not at all."""
    known = {json.dumps(case["body"]): case["predictions"] for case in GOLDEN["cases"]}
    refusal = error("ModelError", operation="InvokeEndpoint")
    refusal.response["OriginalStatusCode"] = status
    good: list[str] = []

    def invoke_endpoint(Body: object, **_: object) -> object:
        if Body not in known:
            return refusal if status else answer([0])
        good.append(str(Body))
        return answer([9] if wrong_after is not None and len(good) > wrong_after else known[Body])

    return Client(invoke_endpoint=invoke_endpoint)


def test_a_right_release_is_proven_and_says_by_what():
    client = container()
    told = contract.prove(make_aws(runtime=client), READY)
    assert told.startswith(f"{len(contract.BAD)} bad requests refused, {contract.LOAD} under load right")
    assert len(client.asked) == len(contract.BAD) + len(GOLDEN["cases"]) + contract.LOAD


@pytest.mark.parametrize(
    ("status", "why"), [(500, "status 500"), (0, "as if it were right"), (302, "status 302")]
)
def test_a_bad_request_that_does_not_end_as_4xx_stops_the_release(status, why):
    with pytest.raises(WrongRelease, match="did not end as 4xx") as stopped:
        contract.prove(make_aws(runtime=container(status)), READY)
    assert stopped.value.code == "E402"
    assert why in stopped.value.why


def test_a_server_that_is_lost_over_a_bad_request_stops_the_release():
    with pytest.raises(WrongRelease, match="no JSON"):
        contract.prove(make_aws(runtime=Client(invoke_endpoint=error("ServiceUnavailable"))), READY)


def test_a_release_that_goes_wrong_only_under_load_is_stopped():
    with pytest.raises(WrongRelease, match="not answered rightly"):
        contract.prove(make_aws(runtime=container(wrong_after=20)), READY)
