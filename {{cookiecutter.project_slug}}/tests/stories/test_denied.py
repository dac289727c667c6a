"""AWS says no: the message names what was asked, of which resource, and what to do; then the verb goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.stories.world import World, copy_with_sample, started

ACCOUNT = "123456789012"
PUSH, STATUS = ("data", "push"), ("status",)


@pytest.fixture(scope="module")
def enforced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return a world with the project's stack, in which IAM decides."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAGEMAKER_EMULATOR_IAM", "enforce")
        with started(copy_with_sample(tmp_path_factory.mktemp("enforced"))) as world:
            made = world.run("pipelines", "stack")
            assert made.code == 0, made.output
            yield world


def without(world: World, action: str) -> dict[str, str]:
    """Return the keys of a role that may do everything but one thing."""
    iam, name = world.aws("iam"), f"all-but-{action.replace(':', '-')}"
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
    }
    allowed = {"Effect": "Allow", "NotAction": [action], "Resource": "*"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="most", PolicyDocument=document(allowed))
    given = world.aws("sts").assume_role(RoleArn=role, RoleSessionName="story")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }


def document(statement: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def key(world: World) -> str:
    """Return the ARN of the project's key."""
    told = world.aws("kms").describe_key(KeyId=f"alias/{world.slug}")
    return told["KeyMetadata"]["Arn"]


@pytest.mark.parametrize(
    ("action", "verb", "resource"),
    [
        ("s3:PutObject", PUSH, "arn:aws:s3:::{slug}-{account}-{region}/data/sample/"),
        ("kms:GenerateDataKey", PUSH, "arn:aws:kms:{region}:{account}:key/"),
        ("cloudformation:DescribeStacks", PUSH, "arn:aws:cloudformation:{region}:{account}:stack/{slug}/"),
        ("sagemaker:DescribeEndpoint", STATUS, "arn:aws:sagemaker:{region}:{account}:endpoint/{slug}-"),
        ("sagemaker:ListModelPackages", STATUS, "arn:aws:sagemaker:{region}:{account}:model-package/{slug}/"),
    ],
)
def test_a_permission_that_is_missing_is_named_with_its_resource(enforced: World, action, verb, resource):
    ended = enforced.run("pipelines", *verb, environment=without(enforced, action))
    what, _, why, todo = ended.message()
    operation = action.split(":")[1].replace("GenerateDataKey", "PutObject")
    assert (ended.code, what) == (6, f"✗ E602 AWS refused {operation}")
    assert action in why
    assert resource.format(slug=enforced.slug, account=ACCOUNT, region=enforced.region) in why
    assert "give the role this permission" in todo


def test_a_key_that_is_disabled_is_named_and_once_it_is_enabled_the_verb_goes_on(enforced: World):
    kms, named = enforced.aws("kms"), key(enforced)
    kms.disable_key(KeyId=named)
    try:
        ended = enforced.run("pipelines", *PUSH)
    finally:
        kms.enable_key(KeyId=named)
    what, _, why, todo = ended.message()
    assert (ended.code, what) == (6, "✗ E610 AWS cannot use the key of what PutObject asked for")
    assert f"{named} is disabled" in why
    assert "aws kms enable-key" in todo
    again = enforced.run("pipelines", *PUSH)
    assert again.code == 0, again.output
