"""Data capture, seen in the files that it leaves on S3."""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from datetime import UTC, datetime

import pytest
from models_by_hand import Account

BUCKET = "captured"
PLAIN = {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json", "text/plain"]}


@pytest.fixture(scope="module")
def account(aws):
    aws.s3.create_bucket(Bucket=BUCKET)
    made = Account(aws)
    yield made
    made.clean()


def settings(prefix, modes=("Input", "Output"), percentage=100, **members):
    """Return a DataCaptureConfig."""
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": percentage,
        "DestinationS3Uri": f"s3://{BUCKET}/{prefix}",
        "CaptureOptions": [{"CaptureMode": mode} for mode in modes],
        **members,
    }


def endpoint(account, capture):
    """Serve an endpoint that is captured so; return its name."""
    model = account.config("rye")
    name = f"c-{uuid.uuid4().hex[:10]}"
    variants = [{"VariantName": "main", "ModelName": model, "InitialInstanceCount": 1}]
    account.config_of(name, variants, DataCaptureConfig=capture)
    return account.endpoint(name)


def keys(account, prefix):
    """Return the keys that lie under a prefix."""
    found = account.aws.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return [each["Key"] for each in found]


def records(account, prefix, wanted=1, seconds=15):
    """Wait for so many records under a prefix and return all there are."""
    deadline = time.monotonic() + seconds
    while True:
        lines = []
        for key in keys(account, prefix):
            body = account.aws.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
            lines += [json.loads(line) for line in body.splitlines()]
        if len(lines) >= wanted:
            return lines
        assert time.monotonic() < deadline, f"{len(lines)} of {wanted} records"
        time.sleep(0.1)


def test_a_request_and_its_answer_lie_on_s3_as_aws_lays_them_out(account):
    name = endpoint(account, settings("deep/er/", CaptureContentTypeHeader=PLAIN))
    before = datetime.now(UTC).replace(microsecond=0)
    answer = account.ask(
        name, "1,2,3", ContentType="text/csv; charset=utf-8", InferenceId="id-7", CustomAttributes="trace=1"
    )
    (record,) = records(account, f"deep/er/{name}/main/")
    assert record["captureData"] == {
        "endpointInput": {
            "observedContentType": "text/csv; charset=utf-8",
            "mode": "INPUT",
            "data": "1,2,3",
            "encoding": "CSV",
        },
        "endpointOutput": {
            "observedContentType": "text/plain",
            "mode": "OUTPUT",
            "data": answer,
            "encoding": "JSON",
        },
    }
    event = record["eventMetadata"]
    assert uuid.UUID(event["eventId"])
    assert event["inferenceId"] == "id-7"
    assert event["customAttributes"] == ["trace=1"]
    when = datetime.strptime(event["inferenceTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert before <= when <= datetime.now(UTC)
    assert record["eventVersion"] == "0"
    (key,) = keys(account, f"deep/er/{name}")
    pattern = r"deep/er/[^/]+/main/\d{4}/\d\d/\d\d/\d\d/(\d\d)-(\d\d)-\d{3}-[0-9a-f-]{36}\.jsonl"
    hour, minute = key.split("/")[-2], re.fullmatch(pattern, key)[1]
    assert (hour, minute) == (f"{when:%H}", f"{when:%M}")


def test_what_the_settings_do_not_name_is_base64(account):
    name = endpoint(account, settings("raw"))
    account.runtime.invoke_endpoint(EndpointName=name, Body=b"blob", ContentType="text/csv")
    (record,) = records(account, f"raw/{name}")
    asked, answered = record["captureData"]["endpointInput"], record["captureData"]["endpointOutput"]
    assert (asked["encoding"], base64.b64decode(asked["data"])) == ("BASE64", b"blob")
    assert (answered["encoding"], base64.b64decode(answered["data"])) == ("BASE64", bytes(range(256)))
    assert record["eventMetadata"].keys() == {"eventId", "inferenceTime"}


def test_bytes_that_are_no_text_are_base64_whatever_the_settings_say(account):
    header = {"JsonContentTypes": ["application/octet-stream"]}
    name = endpoint(account, settings("odd", CaptureContentTypeHeader=header))
    account.runtime.invoke_endpoint(EndpointName=name, Body=b"blob", ContentType="application/octet-stream")
    (record,) = records(account, f"odd/{name}")
    asked, answered = record["captureData"]["endpointInput"], record["captureData"]["endpointOutput"]
    assert (asked["encoding"], asked["data"]) == ("JSON", "blob")
    assert (answered["encoding"], base64.b64decode(answered["data"])) == ("BASE64", bytes(range(256)))


@pytest.mark.parametrize(
    ("mode", "side"), [("Input", "endpointInput"), ("Output", "endpointOutput")], ids=["input", "output"]
)
def test_only_the_sides_that_were_asked_for_are_kept(account, mode, side):
    name = endpoint(account, settings(mode.lower(), modes=(mode,)))
    account.ask(name)
    assert [each["captureData"].keys() for each in records(account, f"{mode.lower()}/{name}")] == [{side}]


def test_a_share_of_the_requests_is_captured(account):
    name = endpoint(account, settings("some", percentage=40))
    for _ in range(150):
        account.ask(name)
    records(account, f"some/{name}", 20)
    time.sleep(2.5)  # two more files' time
    assert 30 <= len(records(account, f"some/{name}")) <= 90


def test_an_error_of_the_model_is_not_captured_and_disabled_capture_keeps_nothing(account):
    off = endpoint(account, settings("off") | {"EnableCapture": False})
    on = endpoint(account, settings("on"))
    account.ask(off)
    with pytest.raises(account.runtime.exceptions.ModelError):
        account.ask(on, "fail 500")
    account.ask(on, "last")
    assert len(records(account, f"on/{on}")) == 1
    assert keys(account, "off/") == []


def test_describe_says_whether_capture_works(account):
    described = account.sagemaker.describe_endpoint(EndpointName=endpoint(account, settings("shown")))
    assert described["DataCaptureConfig"] == {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{BUCKET}/shown",
        "KmsKeyId": "",
    }
    off = endpoint(account, settings("shown") | {"EnableCapture": False})
    summary = account.sagemaker.describe_endpoint(EndpointName=off)["DataCaptureConfig"]
    assert (summary["EnableCapture"], summary["CaptureStatus"]) == (False, "Stopped")


def test_a_destination_that_is_not_there_fails_no_request_and_shows_in_describe(account):
    name = endpoint(account, settings("x") | {"DestinationS3Uri": "s3://no-such-bucket/x"})
    assert account.ask(name).startswith("rye")
    deadline = time.monotonic() + 10
    while True:
        described = account.sagemaker.describe_endpoint(EndpointName=name)
        if described["DataCaptureConfig"]["CaptureStatus"] == "Stopped":
            break
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert account.ask(name).startswith("rye")


def test_captured_files_are_encrypted_with_the_key_of_the_settings(account):
    key_id = account.aws.kms.create_key()["KeyMetadata"]["KeyId"]
    name = endpoint(account, settings("sealed", KmsKeyId=key_id))
    account.ask(name)
    records(account, f"sealed/{name}")
    (key,) = keys(account, f"sealed/{name}")
    head = account.aws.s3.head_object(Bucket=BUCKET, Key=key)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key_id)
