"""Endpoints that serve from real processes, seen through boto3 only."""

from __future__ import annotations

import os
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from models_by_hand import IMAGE, Account
from pipelines_by_hand import ROLE, home, image


@pytest.fixture
def account(aws, monkeypatch):
    monkeypatch.setenv("SAGEMAKER_EMULATOR_HEALTH_SECONDS", "3")
    made = Account(aws)
    yield made
    made.clean()


@pytest.fixture(scope="module")
def served(aws):
    """Serve one endpoint for the tests that only ask; return (account, name)."""
    made = Account(aws)
    yield made, made.endpoint(made.config("rye", TWIST="dark"))
    made.clean()


def refused(call, **request):
    """Return code and message of the error that a call must give."""
    with pytest.raises(ClientError) as error:
        call(**request)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_an_endpoint_answers_with_its_own_model_data_and_serve(served):
    account, name = served
    model, argument, twist, _ = account.ask(name).split()
    assert (model, argument, twist) == ("rye", "serve", "dark")


def test_the_request_reaches_the_container_and_its_answer_the_caller(served):
    account, name = served
    answer = account.runtime.invoke_endpoint(
        EndpointName=name,
        Body=b"headers",
        ContentType="text/csv",
        Accept="application/x-own",
        CustomAttributes="trace=7",
        InferenceId="id-1",
    )
    seen = dict(line.split("=", 1) for line in answer["Body"].read().decode().splitlines())
    assert seen["content-type"] == "text/csv"
    assert seen["accept"] == "application/x-own"
    assert seen["x-amzn-sagemaker-custom-attributes"] == "trace=7"
    assert seen["x-amzn-sagemaker-inference-id"] == "id-1"
    assert "authorization" not in seen
    assert answer["ContentType"] == "text/plain"
    assert answer["CustomAttributes"] == "model=rye"
    assert answer["InvokedProductionVariant"] == "main"


def test_bytes_pass_unchanged(served):
    account, name = served
    answer = account.runtime.invoke_endpoint(EndpointName=name, Body=b"blob")
    assert answer["Body"].read() == bytes(range(256))
    assert answer["ContentType"] == "application/octet-stream"


@pytest.mark.parametrize(("status", "side"), [(400, "client"), (500, "server")])
def test_an_error_of_the_container_is_a_model_error_with_all_it_said(served, status, side):
    account, name = served
    with pytest.raises(account.runtime.exceptions.ModelError) as error:
        account.ask(name, f"fail {status}")
    response = error.value.response
    assert response["OriginalStatusCode"] == status
    assert response["OriginalMessage"] == f"you asked for {status}"
    assert response["LogStreamArn"].endswith(f":log-group:/aws/sagemaker/Endpoints/{name}")
    assert response["Error"]["Message"].startswith(
        f'Received {side} error ({status}) from primary with message "you'
    )
    assert account.ask(name).startswith("rye")


def test_an_endpoint_that_does_not_exist_is_a_validation_error(served):
    account, _ = served
    code, message = refused(account.runtime.invoke_endpoint, EndpointName="nobody", Body=b"x")
    assert (code, message) == ("ValidationError", "Endpoint nobody of account 123456789012 not found.")


def test_a_body_above_the_limit_is_refused(served):
    account, name = served
    code, _ = refused(account.runtime.invoke_endpoint, EndpointName=name, Body=bytes(25 * 1024 * 1024 + 1))
    assert code == "ValidationError"
    assert account.runtime.invoke_endpoint(EndpointName=name, Body=bytes(7 * 1024 * 1024))["Body"].read()


def test_describe_shows_config_variants_and_resolved_image(account):
    config = account.config(count=2)
    described = account.sagemaker.describe_endpoint(EndpointName=account.endpoint(config))
    assert described["EndpointConfigName"] == config
    assert "FailureReason" not in described
    variant = described["ProductionVariants"][0]
    assert (variant["VariantName"], variant["CurrentInstanceCount"], variant["DesiredWeight"]) == (
        "main",
        2,
        1.0,
    )
    image = variant["DeployedImages"][0]
    assert image["SpecifiedImage"] == IMAGE
    assert image["ResolvedImage"].startswith("registry.example/answers@sha256:")


def test_requests_go_round_the_instances(account):
    name = account.endpoint(account.config(count=2))
    assert len({account.ask(name).split()[-1] for _ in range(6)}) == 2


def test_weights_and_target_variant_choose_the_variant(account):
    a, b = account.config("a"), account.config("b")
    both = account.config_of(
        f"two-{uuid.uuid4().hex[:8]}",
        [
            {"VariantName": "A", "ModelName": a, "InitialInstanceCount": 1, "InitialVariantWeight": 1.0},
            {"VariantName": "B", "ModelName": b, "InitialInstanceCount": 1, "InitialVariantWeight": 0.0},
        ],
    )
    name = account.endpoint(both)
    assert {account.ask(name).split()[0] for _ in range(8)} == {"a"}
    assert account.ask(name, TargetVariant="B").split()[0] == "b"
    assert (
        refused(account.runtime.invoke_endpoint, EndpointName=name, Body=b"x", TargetVariant="C")[0]
        == "ValidationError"
    )
    account.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {"VariantName": "A", "DesiredWeight": 0.0},
            {"VariantName": "B", "DesiredWeight": 1.0, "DesiredInstanceCount": 2},
        ],
    )
    account.settled(name)
    answers = [account.ask(name).split() for _ in range(8)]
    assert {each[0] for each in answers} == {"b"}
    assert len({each[-1] for each in answers}) == 2


def test_a_first_container_that_fails_makes_the_endpoint_failed_and_its_log_says_why(account):
    name = account.endpoint(account.config(EXIT="1"), wait=False)
    described = account.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert described["FailureReason"] == (
        "The primary container for production variant main did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint."
    )
    assert "cannot start" in account.log(name)
    assert refused(account.runtime.invoke_endpoint, EndpointName=name, Body=b"x")[0] == "ValidationError"
    code, _ = refused(
        account.sagemaker.update_endpoint, EndpointName=name, EndpointConfigName=account.config()
    )
    assert code == "ValidationException"


def test_an_archive_that_is_none_makes_the_endpoint_failed(account):
    uri = account.upload("x")
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    account.aws.s3.put_object(Bucket=bucket, Key=key, Body=b"not an archive")
    name = f"m-{uuid.uuid4().hex[:12]}"
    container = {"Image": IMAGE, "ModelDataUrl": uri}
    account.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    account.config_of(name, [{"VariantName": "main", "ModelName": name, "InitialInstanceCount": 1}])
    described = account.settled(account.endpoint(name, wait=False))
    assert described["EndpointStatus"] == "Failed"
    assert "Failed to extract model data archive" in described["FailureReason"]


def test_a_container_that_dies_is_restarted(account):
    name = account.endpoint(account.config())
    before = account.ask(name).split()[-1]
    with pytest.raises(account.runtime.exceptions.ModelError):
        account.ask(name, "die")
    deadline = time.monotonic() + 10
    while (after := pid_or_none(account, name)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert after != before


def pid_or_none(account, name):
    """Return which process answers, None while none does."""
    try:
        return account.ask(name).split()[-1]
    except (account.runtime.exceptions.ServiceUnavailable, account.runtime.exceptions.ModelError):
        return None


def test_two_images_serve_their_own_code(account):
    other = image(
        "registry.example/other:1",
        [
            "python3",
            "-c",
            "import http.server as h,os\n"
            "class H(h.BaseHTTPRequestHandler):\n"
            "  def do_GET(s): s.r()\n"
            "  def do_POST(s): s.r()\n"
            "  def r(s): s.send_response(200); s.end_headers(); s.wfile.write(b'other code')\n"
            "h.HTTPServer(('127.0.0.1', int(os.environ['SAGEMAKER_BIND_TO_PORT'])), H).serve_forever()\n",
        ],
    )
    one, two = account.endpoint(account.config("one")), account.endpoint(account.config("two", image=other))
    assert account.ask(one).startswith("one serve")
    assert account.ask(two) == "other code"


def test_a_deleted_endpoint_leaves_no_process_and_no_file(account):
    name = account.endpoint(account.config())
    process = int(account.ask(name).split()[-1])
    account.delete(name)
    code, message = refused(account.sagemaker.describe_endpoint, EndpointName=name)
    assert (code, message.split(" (")[0].startswith("Could not find endpoint")) == (
        "ValidationException",
        True,
    )
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert not list((home() / "endpoints").glob(f"{name}*"))


def test_cloudwatch_counts_invocations_by_variant_and_by_config(account):
    config = account.config()
    name = account.endpoint(config)
    for _ in range(3):
        account.ask(name)
    for body in ("fail 400", "fail 503", "fail 500"):
        with pytest.raises(account.runtime.exceptions.ModelError):
            account.ask(name, body)
    two = {"EndpointName": name, "VariantName": "main"}
    for dimensions in (two, {**two, "EndpointConfigName": config}):
        assert total(account, "Invocations", dimensions, wanted=6) == 6
        assert total(account, "Invocation4XXErrors", dimensions) == 1
        assert total(account, "Invocation5XXErrors", dimensions) == 2
        assert total(account, "ModelLatency", dimensions) > 0


def total(account, metric, dimensions, wanted=None):
    """Return the sum of a metric; `wanted` gives the counters a moment to arrive."""
    for _ in range(40):
        points = account.aws.cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=datetime.now(UTC) - timedelta(minutes=10),
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        found = sum(point["Sum"] for point in points)
        if wanted is None or found >= wanted:
            return found
        time.sleep(0.05)
    return found


def test_logs_lie_where_aws_puts_them(served):
    account, name = served
    account.ask(name)
    logs = account.aws.logs
    streams = logs.describe_log_streams(logGroupName=f"/aws/sagemaker/Endpoints/{name}")["logStreams"]
    assert [stream["logStreamName"].startswith("main/i-") for stream in streams] == [True]
    deadline = time.monotonic() + 5
    while "asked /invocations" not in account.log(name):
        assert time.monotonic() < deadline
        time.sleep(0.05)
