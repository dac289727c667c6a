"""What a user reads and what a shell sees when a verb is stopped."""

from __future__ import annotations

import pytest
from botocore import exceptions as boto

from doubles.aws import Client, error
from sagemaker_gitops import aws, errors
from sagemaker_gitops.errors import (
    DataRefused,
    DeployFailed,
    MLOpsError,
    ModelRefused,
    SettingsError,
)


@pytest.mark.parametrize(
    ("kind", "code", "exit_code"),
    [
        (MLOpsError, "E101", 1),
        (DataRefused, "E203", 2),
        (ModelRefused, "E301", 3),
        (DeployFailed, "E401", 4),
        (SettingsError, "E501", 5),
        (errors.AccessError, "E601", 6),
    ],
)
def test_the_code_decides_the_exit_code(kind, code, exit_code):
    assert kind(f"{code} what\nwhere\nwhy\ntodo").exit_code == exit_code


def test_a_message_has_four_lines_whatever_a_service_wrote():
    stopped = MLOpsError("E103 what\nwhere\nfirst\n\n  second\ntodo")
    assert stopped.lines() == ["✗ E103 what", "  where", "  first second", "  todo"]


def test_what_a_name_holds_reaches_no_terminal_as_a_command():
    """A key on S3 may hold escapes, which would move the cursor, and letters that turn the direction."""
    stopped = MLOpsError("E103 a\x1b[2Jb\ns3://b/x\x1b]0;t\x07\nwhy\u202eyhw\ntodo\x9b1m, né 東京\u3000x")
    assert stopped.lines() == [
        "✗ E103 a\\x1b[2Jb",
        "  s3://b/x\\x1b]0;t\\x07",
        "  why\\u202eyhw",
        "  todo\\x9b1m, né 東京 x",
    ]


def test_in_github_actions_the_same_text_is_an_annotation():
    stopped = MLOpsError("E103 100% wrong: a, b\nwhere\nwhy\ntodo")
    note = errors.annotation(stopped, {"GITHUB_ACTIONS": "true"})
    assert note == "::error title=E103 100%25 wrong%3A a%2C b::  where%0A  why%0A  todo"
    assert errors.annotation(stopped, {}) is None


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        pytest.param(boto.NoCredentialsError(), "E601", id="no credentials"),
        pytest.param(boto.ProfileNotFound(profile="x"), "E601", id="unknown profile"),
        pytest.param(error("ExpiredTokenException"), "E601", id="expired token"),
        pytest.param(error("AccessDeniedException"), "E602", id="not allowed"),
        pytest.param(boto.EndpointConnectionError(endpoint_url="https://x"), "E603", id="unreachable"),
        pytest.param(boto.ConnectTimeoutError(endpoint_url="https://x"), "E603", id="timed out"),
        pytest.param(error("KMS.DisabledException", "arn:... is disabled."), "E610", id="a disabled key"),
        pytest.param(error("KMSInvalidStateException", "is pending deletion."), "E610", id="a key that goes"),
        pytest.param(error("RequestTimeTooSkewed"), "E611", id="a wrong clock, says S3"),
        pytest.param(error("InvalidSignatureException", "Signature not yet current: 2"), "E611", id="clock"),
        pytest.param(error("SignatureDoesNotMatch", "The request signature"), "E601", id="a wrong key"),
        pytest.param(error("ResourceLimitExceeded", "0 machines"), "E109", id="a quota"),
        pytest.param(error("ValidationException", "bad"), "E103", id="anything else AWS refuses"),
        pytest.param(OSError(28, "No space left on device", "build/a.parquet"), "E524", id="a full disk"),
    ],
)
def test_botocores_errors_become_ours(raised, code):
    translated = errors.translate(raised)
    assert translated is not None
    assert translated.code == code
    assert len(translated.lines()) == 4


QUOTA = (
    "The account-level service limit 'ml.m5.large for endpoint usage' is 2 Instances, with current "
    "utilization of 2 Instances and a request delta of 1 Instances. Please use AWS Service Quotas."
)


def test_a_quota_that_is_used_up_is_named_first():
    told = errors.translate(error("ResourceLimitExceeded", QUOTA, "UpdateEndpoint"))
    assert told is not None
    assert told.what == "a quota of the account is used up: ml.m5.large for endpoint usage"
    assert (told.where, told.why) == ("UpdateEndpoint", QUOTA)
    assert "python -m pipelines doctor" in told.todo


def test_a_refused_look_at_an_object_names_the_object_and_what_it_takes():
    refused = Client(head_object=error("403", "Forbidden", "HeadObject"))
    with pytest.raises(boto.ClientError) as stopped:
        aws.found(refused.head_object, Bucket="mine", Key="data/a.parquet")
    told = errors.translate(stopped.value)
    assert told is not None
    assert told.code == "E602"
    assert told.why.startswith("s3://mine/data/a.parquet takes s3:GetObject, and s3:ListBucket")


def test_a_look_that_nobody_has_noted_is_refused_in_a_whole_sentence():
    told = errors.translate(error("403", "Forbidden", "HeadObject"))
    assert told is not None
    assert told.why.startswith("the object takes s3:GetObject")


def test_a_fault_of_our_own_is_not_dressed_up_as_awss():
    assert errors.translate(KeyError("x")) is None


def test_an_unknown_region_is_refused_before_anyone_is_asked():
    with pytest.raises(SettingsError, match="'eu-wets-1' is not a region") as refused:
        aws.connect("eu-wets-1")
    assert refused.value.why == "did you mean eu-west-1?"


@pytest.mark.parametrize(
    ("url", "todo"),
    [
        pytest.param("http://127.0.0.1:5566/", "make local-up", id="an emulator that is down"),
        pytest.param("https://sts.eu-west-1.amazonaws.com/", "check network", id="AWS"),
    ],
)
def test_who_cannot_reach_aws_is_told_what_to_do_about_this_one(url, todo):
    told = errors.translate(boto.EndpointConnectionError(endpoint_url=url))
    assert told is not None
    assert (told.code, todo in told.todo, url == told.where) == ("E603", True, True)


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "http://proxy.example:3128"])
def test_a_proxy_that_does_not_answer_is_named_by_its_variable_wherever_it_is(monkeypatch, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    told = errors.translate(boto.ProxyConnectionError(proxy_url=proxy, error="refused"))
    assert told is not None
    assert (told.code, told.where) == ("E603", proxy)
    assert "HTTPS_PROXY" in told.todo
    assert "emulator" not in told.todo


def test_a_profile_that_does_not_exist_is_named_and_not_called_a_lack_of_credentials():
    told = errors.translate(boto.ProfileNotFound(profile="nope"))
    assert told is not None
    assert (told.code, told.what) == ("E601", "there is no AWS profile nope")
    assert "unset it" in told.todo
