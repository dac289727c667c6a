"""AWS::Logs::LogGroup in a stack: an update changes the group that is there, with all that it holds."""

from __future__ import annotations

import json

import boto3
import pytest

KEY = "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012"


def body(name, **properties):
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name, **properties}}
    return json.dumps({"Resources": {"Group": group}})


@pytest.fixture
def logs(emulator):
    return boto3.client("logs")


@pytest.fixture
def made(aws, logs, unique):
    """A stack with a group that keeps its text for a week, and a stream in it."""
    tags = [{"Key": "project", "Value": "demo"}]
    text = body(unique, RetentionInDays=7, KmsKeyId=KEY, Tags=tags)
    aws.cloudformation.create_stack(StackName=unique, TemplateBody=text)
    logs.create_log_stream(logGroupName=unique, logStreamName="kept")
    yield unique
    aws.cloudformation.delete_stack(StackName=unique)
    assert logs.describe_log_groups(logGroupNamePrefix=unique)["logGroups"] == []


def update(aws, name, **properties):
    """Update the stack; return its status."""
    aws.cloudformation.update_stack(StackName=name, TemplateBody=body(name, **properties))
    return aws.cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]


def test_retention_key_and_tags_are_changed_in_place(aws, logs, made):
    (group,) = logs.describe_log_groups(logGroupNamePrefix=made)["logGroups"]
    assert (group["retentionInDays"], group["kmsKeyId"]) == (7, KEY)
    other = [{"Key": "owner", "Value": "ada"}]
    assert update(aws, made, RetentionInDays=30, Tags=other) == "UPDATE_COMPLETE"
    (group,) = logs.describe_log_groups(logGroupNamePrefix=made)["logGroups"]
    assert (group["retentionInDays"], group.get("kmsKeyId")) == (30, None)
    assert logs.list_tags_log_group(logGroupName=made)["tags"] == {"owner": "ada"}
    streams = logs.describe_log_streams(logGroupName=made)["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == ["kept"]


def test_a_key_is_given_and_what_has_no_retention_is_kept_for_ever(aws, logs, made):
    assert update(aws, made) == "UPDATE_COMPLETE"
    assert update(aws, made, KmsKeyId=KEY) == "UPDATE_COMPLETE"
    (group,) = logs.describe_log_groups(logGroupNamePrefix=made)["logGroups"]
    assert (group.get("retentionInDays"), group["kmsKeyId"]) == (None, KEY)
