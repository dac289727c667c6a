"""What the CloudFormation template promises: closed, encrypted, and a role that cannot approve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load

from pipelines import names

STACK = load(str(Path(__file__).parents[2] / "infra/stack.yml"))
RESOURCES = STACK["Resources"]
BUCKET = RESOURCES["Bucket"]["Properties"]
[POLICY] = RESOURCES["ExecutionRole"]["Properties"]["Policies"]
STATEMENTS: list[dict[str, Any]] = POLICY["PolicyDocument"]["Statement"]


def actions(statement: dict[str, Any]) -> list[str]:
    return [statement["Action"]] if isinstance(statement["Action"], str) else list(statement["Action"])


def test_the_bucket_is_encrypted_versioned_and_not_public():
    [rule] = BUCKET["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert BUCKET["VersioningConfiguration"]["Status"] == "Enabled"
    assert set(BUCKET["PublicAccessBlockConfiguration"].values()) == {True}


def test_the_bucket_is_reached_over_tls_only():
    [statement] = RESOURCES["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_execution_role_registers_pending_and_approves_nothing():
    everything = {action for statement in STATEMENTS for action in actions(statement)}
    assert "sagemaker:UpdateModelPackage" not in everything
    assert not [action for action in everything if action == "*" or action.endswith(":*")]
    [register] = [
        statement for statement in STATEMENTS if "sagemaker:CreateModelPackage" in actions(statement)
    ]
    assert register["Condition"] == {
        "StringEquals": {"sagemaker:ModelApprovalStatus": "PendingManualApproval"}
    }


def test_only_what_knows_no_resource_is_allowed_on_all():
    broad = {
        action for statement in STATEMENTS if statement["Resource"] == "*" for action in actions(statement)
    }
    assert broad == {"ecr:GetAuthorizationToken", "cloudwatch:PutMetricData"}


def test_the_role_is_handed_to_sagemaker_only():
    [passing] = [statement for statement in STATEMENTS if actions(statement) == ["iam:PassRole"]]
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_an_images_tag_never_moves():
    assert RESOURCES["Repository"]["Properties"]["ImageTagMutability"] == "IMMUTABLE"


@pytest.mark.parametrize("name", ["Bucket", "Key", "Repository", "Registry"])
def test_what_holds_models_outlives_the_stack(name):
    assert RESOURCES[name]["DeletionPolicy"] == "Retain"


def test_the_outputs_are_the_ones_that_a_release_reads():
    assert tuple(STACK["Outputs"]) == names.STACK_OUTPUTS
