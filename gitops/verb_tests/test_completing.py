"""A package becomes whole: release.json once, the model card where AWS takes it, hashes as metadata."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from botocore.validate import validate_parameters

from doubles.aws import GROUP, STACK, Bucket, Client, error, input_shape, make_run
from doubles.told import COMMIT, ROOT, make_story
from sagemaker_gitops import card, lineage, registry

KEY, MINE = f"{ROOT}/release.json", f"{GROUP}/2"
RELEASE = {"release_id": ROOT.split("/")[1], "execution_id": "exec1", "commit_sha": COMMIT}

BARE = {key: value for key, value in make_story().items() if key != "artifact"}


class Registry(Client):
    """One package that keeps what it is told; `meanwhile` happens once, before its metadata changes."""

    def __init__(self, card_refused: bool = False) -> None:
        super().__init__(describe_model_package=self._describe, update_model_package=self._update)
        self.metadata, self.card, self.card_refused = dict(RELEASE), {}, card_refused
        self.meanwhile = lambda: None

    def _describe(self, ModelPackageName: str) -> object:
        return {
            "ModelPackageArn": ModelPackageName,
            "ModelApprovalStatus": "PendingManualApproval",
            "InferenceSpecification": {"Containers": [{"Image": "i", "ModelDataUrl": "s3://bucket/m"}]},
            "CustomerMetadataProperties": dict(self.metadata),
        }

    def _update(self, ModelPackageArn: str, **change: dict) -> object:
        if self.card_refused and "ModelCard" in change:
            return error("ValidationException", "ModelCardContent has no property x", "UpdateModelPackage")
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        self.metadata |= change.get("CustomerMetadataProperties", {})
        if "ModelCard" in change:
            self.card = json.loads(change["ModelCard"]["ModelCardContent"])
        return {}


def complete(make_settings, client: Client, bucket: Bucket, caller: str = "", **told: object):
    """Complete the package as one runner does; return its run and the package."""
    run = make_run(make_settings(), sagemaker=client, s3=bucket)
    run.aws.caller = caller
    story = {key: value for key, value in make_story(**told).items() if key != "uri"}
    lineage.complete(run, registry.describe(run.aws, MINE), story)
    return run


def agree(client: Registry, bucket: Bucket) -> bool:
    """Say whether hash and card are of the bytes that lie on S3."""
    body = bucket.objects[KEY]
    same = client.metadata["story_sha256"] == hashlib.sha256(body).hexdigest()
    return same and client.card == card.card(json.loads(body))


def test_two_runners_at_once_leave_one_story_that_hash_and_card_are_of(make_settings):
    client, bucket = Registry(), Bucket()
    other = {"pins": {}, "project": {"name": "Income", "description": "said better by a later commit"}}
    client.meanwhile = lambda: complete(make_settings, client, bucket, **other)
    complete(make_settings, client, bucket)
    assert agree(client, bucket)
    assert json.loads(bucket.objects[KEY]) == make_story()


def test_who_completes_what_another_runner_left_takes_the_story_that_is_there(make_settings):
    client, bucket = Registry(), Bucket({KEY: json.dumps(make_story()).encode()})
    complete(make_settings, client, bucket, project={"name": "Later", "description": ""})
    assert json.loads(bucket.objects[KEY]) == make_story()
    assert agree(client, bucket)


@pytest.mark.parametrize(
    "there",
    [
        pytest.param(json.dumps(make_story(package=f"{GROUP}/1")).encode(), id="an earlier package"),
        pytest.param(json.dumps(make_story(schema_version=0)).encode(), id="another schema"),
        pytest.param(b"half", id="no story at all"),
        pytest.param(json.dumps(make_story(evaluation_sha256="0" * 64)).encode(), id="another evaluation"),
        pytest.param(json.dumps(make_story(artifact={"sha256": "0" * 64})).encode(), id="another model"),
        pytest.param(json.dumps(BARE).encode(), id="one that names no model"),
    ],
)
def test_a_story_that_is_not_of_this_package_is_replaced(make_settings, there):
    client, bucket = Registry(), Bucket({KEY: there})
    complete(make_settings, client, bucket)
    assert json.loads(bucket.objects[KEY]) == make_story()
    assert agree(client, bucket)


class Contested(Bucket):
    """An S3 that answers the first writes with these codes, while somebody else deletes what lies there."""

    def __init__(self, codes: list[str], there: dict[str, bytes]) -> None:
        super().__init__(there)
        self.codes = codes

    def _put(self, **request: object) -> object:
        if not self.codes:
            return super()._put(**request)
        self.objects.clear()
        return error(self.codes.pop(0), operation="PutObject")


@pytest.mark.parametrize(
    ("codes", "there"),
    [
        pytest.param(["ConditionalRequestConflict"], b"", id="another write at this moment"),
        pytest.param(["PreconditionFailed"], b"old", id="deleted after the write"),
    ],
)
def test_what_s3_takes_only_later_is_written_again(make_settings, codes, there):
    client, bucket = Registry(), Contested(codes, {KEY: there} if there else {})
    complete(make_settings, client, bucket)
    assert json.loads(bucket.objects[KEY]) == make_story()
    assert agree(client, bucket)


def test_a_story_that_is_deleted_before_it_is_replaced_is_written_anew(make_settings):
    client, bucket = Registry(), Bucket({KEY: b"of an earlier package"})
    put = bucket.answers["put_object"]

    def replaced(**request: object) -> object:
        if "IfMatch" in request and bucket.objects.pop(KEY, None):
            return error("NoSuchKey", operation="PutObject")
        return put(**request)

    bucket.answers["put_object"] = replaced
    complete(make_settings, client, bucket)
    assert json.loads(bucket.objects[KEY]) == make_story()
    assert agree(client, bucket)


def test_a_card_that_aws_refuses_is_a_warning_and_the_package_is_whole(make_settings):
    client, bucket = Registry(card_refused=True), Bucket()
    run = complete(make_settings, client, bucket)
    assert client.metadata["story_sha256"] == hashlib.sha256(bucket.objects[KEY]).hexdigest()
    [step] = run.story.steps
    assert (step.name, step.verdict) == ("model card", "warned")
    assert "ValidationException" in step.note
    assert "ModelCardContent has no property x" in step.note


def test_what_a_package_is_told_is_within_awss_limits(make_settings):
    client, bucket = Registry(), Bucket()
    assert complete(make_settings, client, bucket, "arn:aws:iam::1:user/ada").story.steps == []
    shape = input_shape("UpdateModelPackage")
    for operation, change in client.asked:
        if operation == "update_model_package":
            validate_parameters(change, shape)
    told, limits = client.metadata, shape.members["CustomerMetadataProperties"]
    most = limits.value.metadata
    assert (told["image_serve"], told["pins_jobs"]) == (make_story()["images"]["serve"], "1a" * 32)
    assert (told["mlflow_run"], told["verdict"]) == ("4d" * 16, "accepted")
    assert (told["registered_by"], told["story_uri"]) == ("arn:aws:iam::1:user/ada", make_story()["uri"])
    later = len(("staging", "production", "judged", "served", "asked")) * 2
    assert len(told) + later <= limits.metadata["max"]
    assert all(most["min"] <= len(value) <= most["max"] for value in told.values())
    assert [value for value in told.values() if not re.fullmatch(r"[\w .:/=+\-@]*", value)] == []
    assert STACK.bucket in told["story_uri"]
