"""Faults on the wire, seen through plain boto3 clients: each kind, in each of AWS's protocols."""

from __future__ import annotations

import threading
import time
import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from faults_by_hand import calls, clear, fault, faults

from sagemaker_emulator import itself

ONCE = Config(retries={"total_max_attempts": 1})
# One read of each protocol: what botocore speaks, the service, the operation, how it is called.
READS = [
    pytest.param("sagemaker", "ListEndpoints", {}, id="json"),
    pytest.param("logs", "DescribeLogGroups", {}, id="json of logs"),
    pytest.param("ecr", "DescribeRepositories", {}, id="json of ecr"),
    pytest.param("cloudformation", "ListStacks", {}, id="query"),
    pytest.param("sts", "GetCallerIdentity", {}, id="query of sts"),
    pytest.param("cloudwatch", "ListMetrics", {}, id="json of cloudwatch"),
    pytest.param("s3", "ListObjectsV2", {"Bucket": "the-bucket"}, id="rest-xml"),
    pytest.param("sagemaker-runtime", "InvokeEndpoint", {"EndpointName": "e", "Body": b"x"}, id="rest-json"),
    pytest.param("ec2", "DescribeVpcs", {}, id="ec2"),
]


@pytest.fixture(autouse=True)
def none_left(aws):
    """Begin and end without faults and without recorded calls."""
    clear()
    yield
    clear()


def call(service, operation, arguments, config=ONCE):
    """Call an operation by AWS's name; an endpoint that is not there is an answer, too."""
    client = boto3.client(service, config=config)
    method = next(name for name, wanted in client.meta.method_to_api_mapping.items() if wanted == operation)
    try:
        return getattr(client, method)(**arguments)
    except ClientError as error:
        if "Endpoint e of account" in str(error):
            return {}
        raise


def refusal(service, operation, arguments):
    """Return code, message and HTTP status of the error that a call must give."""
    with pytest.raises(ClientError) as error:
        call(service, operation, arguments)
    answer = error.value.response
    return (
        answer["Error"]["Code"],
        answer["Error"]["Message"],
        answer["ResponseMetadata"]["HTTPStatusCode"],
    )


THROTTLED = {
    "s3": ("SlowDown", "Please reduce your request rate.", 503),
    "ec2": ("RequestLimitExceeded", "Request limit exceeded.", 503),
    "cloudformation": ("Throttling", "Rate exceeded", 400),
    "sts": ("Throttling", "Rate exceeded", 400),
}


@pytest.mark.parametrize(("service", "operation", "arguments"), READS)
def test_a_throttled_call_is_refused_in_the_words_of_its_protocol_and_the_next_is_not(
    service, operation, arguments
):
    fault(kind="throttle", service=service, operation=operation)
    wanted = THROTTLED.get(service, ("ThrottlingException", "Rate exceeded", 400))
    assert refusal(service, operation, arguments) == wanted
    call(service, operation, arguments)


@pytest.mark.parametrize(("service", "operation", "arguments"), READS)
def test_a_broken_service_says_so_in_the_words_of_its_protocol(service, operation, arguments):
    fault(kind="error", service=service, operation=operation)
    code, message, status = refusal(service, operation, arguments)
    assert (code, status) == ("InternalError" if service in ("s3", "ec2") else "InternalFailure", 500)
    assert message
    call(service, operation, arguments)


@pytest.mark.parametrize(("service", "operation", "arguments"), READS)
def test_a_refused_call_hears_the_code_and_the_message_that_were_asked_for(service, operation, arguments):
    limit = {"code": "ResourceLimitExceeded", "message": "The limit 'one < two' is 0"}
    fault(kind="refuse", service=service, operation=operation, **limit)
    assert refusal(service, operation, arguments) == (*limit.values(), 400)
    call(service, operation, arguments)


@pytest.mark.parametrize("kind", ["drop-before", "drop-after"])
@pytest.mark.parametrize(("service", "operation", "arguments"), READS)
def test_a_dropped_call_loses_its_connection(service, operation, arguments, kind):
    fault(kind=kind, service=service, operation=operation)
    with pytest.raises(ConnectionClosedError):
        call(service, operation, arguments)
    call(service, operation, arguments)


@pytest.mark.parametrize(("service", "operation", "arguments"), READS)
def test_a_call_that_hangs_outlasts_the_clients_patience(service, operation, arguments):
    fault(kind="hang", service=service, operation=operation, seconds=30)
    impatient = ONCE.merge(Config(read_timeout=0.3))
    with pytest.raises(ReadTimeoutError):
        call(service, operation, arguments, impatient)
    call(service, operation, arguments)


@pytest.mark.parametrize(
    ("kind", "code"), [("throttle", "ThrottlingException"), ("error", "InternalFailure")]
)
def test_a_service_of_the_newest_protocol_which_nobody_implements_fails_as_well(kind, code):
    """In CBOR, and signed with another name than its own."""
    service, operation = "partnercentral-revenue-measurement", "ListMarketplaceRevenueShares"
    fault(kind=kind, service=service, operation=operation)
    assert refusal(service, operation, {"Catalog": "AWS"})[0] == code
    assert faults()[0]["hits"] == 1


def test_a_call_that_hung_ends_with_a_closed_connection_after_its_seconds():
    fault(kind="hang", service="sagemaker", operation="ListModels", seconds=0.4)
    began = time.monotonic()
    with pytest.raises(ConnectionClosedError):
        call("sagemaker", "ListModels", {})
    assert 0.4 <= time.monotonic() - began < 5


def test_clearing_the_faults_lets_a_hanging_call_go():
    fault(kind="hang", service="sagemaker", operation="ListModels", seconds=600)
    client = boto3.client("sagemaker", config=ONCE.merge(Config(read_timeout=20)))
    lost = []

    def ask():
        try:
            client.list_models()
        except ConnectionClosedError as error:
            lost.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not faults()[0]["hits"]:
        time.sleep(0.02)
    clear()
    thread.join(10)
    assert lost


@pytest.mark.parametrize(("kind", "there"), [("drop-before", False), ("drop-after", True)])
def test_before_and_after_differ_in_what_was_done(aws, kind, there):
    name, key = f"g-{uuid.uuid4().hex[:8]}", f"{kind}/{uuid.uuid4().hex}"
    fault(kind=kind, service="sagemaker", operation="CreateModelPackageGroup")
    fault(kind=kind, service="s3", operation="PutObject")
    with pytest.raises(ConnectionClosedError):
        call("sagemaker", "CreateModelPackageGroup", {"ModelPackageGroupName": name})
    with pytest.raises(ConnectionClosedError):
        call("s3", "PutObject", {"Bucket": aws.bucket, "Key": key, "Body": b"x" * 200_000})
    groups = aws.sagemaker.list_model_package_groups(NameContains=name)["ModelPackageGroupSummaryList"]
    assert bool(groups) is there
    assert bool(aws.s3.list_objects_v2(Bucket=aws.bucket, Prefix=key)["KeyCount"]) is there


def test_botocore_gets_over_as_many_faults_as_it_has_attempts(aws):
    fault(kind="throttle", service="sagemaker", operation="ListEndpoints", times=2)
    answer = boto3.client("sagemaker", config=Config(retries={"total_max_attempts": 3})).list_endpoints()
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2


def test_the_first_calls_pass_and_then_so_many_fail():
    fault(kind="error", service="s3", operation="HeadBucket", after=2, times=2)
    seen = []
    for _ in range(6):
        try:
            seen.append(
                call("s3", "HeadBucket", {"Bucket": "the-bucket"})["ResponseMetadata"]["HTTPStatusCode"]
            )
        except ClientError as error:
            seen.append(error.response["ResponseMetadata"]["HTTPStatusCode"])
    assert seen == [200, 200, 500, 500, 200, 200]


def test_faults_of_one_call_come_in_the_order_they_were_asked_for():
    fault(kind="throttle", service="sagemaker", operation="ListModels")
    fault(kind="error", service="sagemaker", operation="*")
    assert refusal("sagemaker", "ListModels", {})[0] == "ThrottlingException"
    assert refusal("sagemaker", "ListModels", {})[0] == "InternalFailure"
    call("sagemaker", "ListModels", {})


def test_a_fault_of_one_operation_or_service_leaves_the_others_alone():
    fault(kind="error", service="sagemaker", operation="ListModels")
    call("sagemaker", "ListEndpoints", {})
    call("sagemaker-runtime", "InvokeEndpoint", {"EndpointName": "e", "Body": b"x"})
    assert faults()[0]["hits"] == 0


def test_what_the_emulator_asks_itself_meets_no_fault_and_is_not_recorded(aws):
    fault(kind="error", service="s3", operation="*", times=100)
    itself.client("s3").list_objects_v2(Bucket=aws.bucket)
    assert faults()[0]["hits"] == 0
    assert calls() == []
