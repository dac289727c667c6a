"""Faults and recorded calls over plain HTTP, as a test in any language asks for them."""

from __future__ import annotations

import json
import os
import socket
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from faults_by_hand import ask, calls, clear, fault, faults

from sagemaker_emulator.faults import wanted


@pytest.fixture(autouse=True)
def none_left(aws):
    """Begin and end without faults and without recorded calls."""
    clear()
    yield
    clear()


def test_a_fault_is_asked_for_listed_with_its_hits_and_taken_back(aws):
    first = fault(kind="throttle", service="sagemaker", operation="ListModels")
    second = fault(kind="hang", service="s3", operation="GetObject", times=3, after=1, seconds=2.5)
    aws.sagemaker.list_models()  # botocore tries again
    assert faults() == [
        {
            "id": first,
            "kind": "throttle",
            "service": "sagemaker",
            "operation": "ListModels",
            "times": 1,
            "after": 0,
            "hits": 1,
        },
        {
            "id": second,
            "kind": "hang",
            "service": "s3",
            "operation": "GetObject",
            "times": 3,
            "after": 1,
            "seconds": 2.5,
            "hits": 0,
        },
    ]
    assert ask("GET", f"/_emulator/faults/{second}")[1]["seconds"] == 2.5
    assert ask("DELETE", f"/_emulator/faults/{second}") == (204, None)
    assert [each["id"] for each in faults()] == [first]
    assert ask("DELETE", f"/_emulator/faults/{second}")[0] == 404
    assert ask("DELETE", "/_emulator/faults") == (204, None)
    assert faults() == []


def test_every_call_is_recorded_in_order_with_its_status_and_each_retry(aws):
    fault(kind="error", service="sagemaker", operation="ListModels")
    fault(kind="drop-before", service="s3", operation="ListBuckets")
    aws.sagemaker.list_models()
    aws.s3.list_buckets()
    with pytest.raises(ClientError):
        aws.sagemaker.describe_model(ModelName="nobody")
    aws.cloudwatch.list_metrics()
    seen = [(each["service"], each["operation"], each["status"], each.get("fault")) for each in calls()]
    assert seen == [
        ("sagemaker", "ListModels", 500, "error"),
        ("sagemaker", "ListModels", 200, None),
        ("s3", "ListBuckets", None, "drop-before"),
        ("s3", "ListBuckets", 200, None),
        ("sagemaker", "DescribeModel", 400, None),
        ("cloudwatch", "ListMetrics", 200, None),
    ]
    times = [each["at"] for each in calls()]
    assert times == sorted(times) and times[0].endswith("+00:00")
    assert ask("DELETE", "/_emulator/calls") == (204, None)
    assert calls() == []


def test_a_call_that_nobody_implements_is_recorded_as_well(aws):
    with pytest.raises(ClientError):
        aws.sagemaker.list_monitoring_schedules()
    assert [(each["operation"], each["status"]) for each in calls()] == [("ListMonitoringSchedules", 501)]


@pytest.mark.parametrize(
    ("request_", "member", "words"),
    [
        pytest.param("nonsense", "the body", "not JSON", id="no JSON"),
        pytest.param(["throttle"], "the body", "a JSON object", id="a list"),
        pytest.param({}, "kind", "None; expected one of throttle, error", id="no kind"),
        pytest.param({"kind": "throtle"}, "kind", "'throtle'", id="an unknown kind"),
        pytest.param({"kind": "error"}, "service", "such as sagemaker-runtime", id="no service"),
        pytest.param({"kind": "error", "service": "sagemakr"}, "service", "(sagemaker?)", id="a typo"),
        pytest.param(
            {"kind": "error", "service": "s3", "operation": "PutObjekt"},
            "operation",
            "(PutObject?)",
            id="an operation that the service lacks",
        ),
        pytest.param(
            {"kind": "error", "service": "s3", "times": 0}, "times", "a whole number from 1", id="never"
        ),
        pytest.param(
            {"kind": "error", "service": "s3", "times": True}, "times", "a whole number", id="a truth value"
        ),
        pytest.param({"kind": "error", "service": "s3", "after": "1"}, "after", "from 0", id="a text"),
        pytest.param(
            {"kind": "hang", "service": "s3", "seconds": -1}, "seconds", "a number from 0", id="negative"
        ),
        pytest.param(
            {"kind": "error", "service": "s3", "seconds": 1}, "seconds", "no such member", id="one too many"
        ),
        pytest.param({"kind": "refuse", "service": "s3"}, "code", "an error code", id="no code"),
        pytest.param(
            {"kind": "refuse", "service": "s3", "code": "E"}, "message", "what is said", id="no message"
        ),
        pytest.param({"kind": "stuck-update"}, "endpoint", "the name of an endpoint", id="no endpoint"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_by_its_member(request_, member, words):
    body = request_ if isinstance(request_, str) else json.dumps(request_)
    status, answer = ask("POST", "/_emulator/faults", body)
    assert (status, answer["member"]) == (400, member)
    assert words in answer["message"]
    assert faults() == []


def test_other_paths_and_methods_say_what_there_is():
    assert ask("GET", "/_emulator/nothing") == (
        404,
        {
            "message": "no /_emulator/nothing; there are /_emulator/faults, /_emulator/calls, "
            "/_emulator/iam/decisions, /_emulator/oidc/jobs"
        },
    )
    assert ask("PUT", "/_emulator/faults", "{}")[0] == 405
    assert ask("POST", "/_emulator/calls", "{}")[0] == 405
    assert ask("GET", "/_emulator/faults/fault-0")[0] == 404


def test_a_fault_of_an_endpoint_is_used_up_by_name():
    fault(kind="silent-rollback", endpoint="mine", times=2)
    assert not wanted("endpoint", "other", "silent-rollback")
    assert not wanted("endpoint", "mine", "stuck-update")
    assert [wanted("endpoint", "mine", "silent-rollback") for _ in range(3)] == [True, True, False]
    assert faults()[0]["hits"] == 2


def test_the_connection_is_closed_without_a_byte_for_a_client_that_is_no_sdk():
    fault(kind="drop-before", service="sagemaker", operation="ListModels")
    address = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    scope = "Credential=test/20260101/us-east-1/sagemaker/aws4_request, SignedHeaders=host, Signature=0"
    with socket.create_connection((address.hostname, address.port), timeout=10) as client:
        client.sendall(
            f"POST / HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 2\r\n"
            "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: SageMaker.ListModels\r\n"
            f"Authorization: AWS4-HMAC-SHA256 {scope}\r\n\r\n{{}}".encode()
        )
        assert client.recv(100) == b""
    assert faults()[0]["hits"] == 1
