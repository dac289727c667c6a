"""The model registry: what moto drops is kept, what AWS refuses is refused."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

CONTAINER = {
    "Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/images:1",
    "ModelDataUrl": "s3://the-bucket/m.tar.gz",
}
SPECIFICATION = {
    "Containers": [CONTAINER],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}


@pytest.fixture
def register(aws, unique):
    """Return register(**changes) -> ARN, in a group that exists."""
    aws.sagemaker.create_model_package_group(ModelPackageGroupName=unique)

    def register(**changes):
        request = {"ModelPackageGroupName": unique, "InferenceSpecification": SPECIFICATION, **changes}
        return aws.sagemaker.create_model_package(**request)["ModelPackageArn"]

    return register


def describe(aws, arn):
    return aws.sagemaker.describe_model_package(ModelPackageName=arn)


def test_a_package_keeps_its_metadata_and_metrics(aws, register):
    metrics = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://b/e.json"}}}
    arn = register(CustomerMetadataProperties={"commit": "abc"}, ModelMetrics=metrics)
    package = describe(aws, arn)
    assert package["CustomerMetadataProperties"] == {"commit": "abc"}
    assert package["ModelMetrics"] == metrics
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert package["InferenceSpecification"] == SPECIFICATION


CARD = {"model_overview": {"model_creator": "us"}, "intended_uses": {"risk_rating": "Low"}}


def test_a_model_card_is_given_back_and_changed_by_an_update(aws, register):
    arn = register()
    assert "ModelCard" not in describe(aws, arn)
    card = {"ModelCardContent": json.dumps(CARD), "ModelCardStatus": "PendingReview"}
    aws.sagemaker.update_model_package(ModelPackageArn=arn, ModelCard=card)
    assert describe(aws, arn)["ModelCard"] == card
    aws.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    aws.sagemaker.update_model_package(ModelPackageArn=arn, ModelCard={"ModelCardStatus": "Approved"})
    assert describe(aws, arn)["ModelCard"] == card | {"ModelCardStatus": "Approved"}


def test_a_model_card_that_is_archived_is_changed_no_more(aws, register):
    card = {"ModelCardContent": json.dumps(CARD), "ModelCardStatus": "Archived"}
    arn = register(ModelCard=card)
    with pytest.raises(ClientError, match="Model Card is in Archived state"):
        aws.sagemaker.update_model_package(ModelPackageArn=arn, ModelCard={"ModelCardStatus": "Draft"})
    assert describe(aws, arn)["ModelCard"] == card


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param("{", "is not JSON", id="no JSON"),
        pytest.param("[]", "must be an object", id="no object"),
        pytest.param('{"model_package_details": {}}', "has no property model_package_details", id="unknown"),
        pytest.param(
            '{"model_overview": {"model_owner": "us"}}',
            r"model_overview has no property model_owner",
            id="of a card that is no package's",
        ),
        pytest.param(
            json.dumps({"intended_uses": {"purpose_of_model": "x" * 2049}}),
            r"purpose_of_model must be a string of at most 2048 characters",
            id="too long",
        ),
        pytest.param(
            '{"intended_uses": {"risk_rating": "None"}}', "must be one of High", id="no such rating"
        ),
        pytest.param(
            json.dumps({"evaluation_details": [{"name": "a"}, {"name": "x" * 64}]}),
            r"evaluation_details\[1\]\.name must be",
            id="in a list",
        ),
    ],
)
def test_a_model_card_that_the_schema_refuses_is_refused(aws, register, content, why):
    arn = register()
    with pytest.raises(ClientError, match=why):
        aws.sagemaker.update_model_package(ModelPackageArn=arn, ModelCard={"ModelCardContent": content})
    assert "ModelCard" not in describe(aws, arn)


def test_an_update_changes_what_it_names_and_nothing_else(aws, register):
    arn = register(CustomerMetadataProperties={"a": "1", "b": "2"}, ModelPackageDescription="the first")
    aws.sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="good"
    )
    aws.sagemaker.update_model_package(
        ModelPackageArn=arn, CustomerMetadataProperties={"c": "3"}, CustomerMetadataPropertiesToRemove=["a"]
    )
    package = describe(aws, arn)
    assert (package["ModelApprovalStatus"], package["ApprovalDescription"]) == ("Approved", "good")
    assert package["CustomerMetadataProperties"] == {"b": "2", "c": "3"}
    assert package["ModelPackageDescription"] == "the first"
    assert package["LastModifiedTime"] >= package["CreationTime"]


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        pytest.param({"k": "v" * 257}, "less than or equal to 256", id="a value of 257 characters"),
        pytest.param({f"k{n}": "v" for n in range(51)}, "less than or equal to 50", id="51 keys"),
        pytest.param({"bad!": "v"}, "regular expression pattern", id="a key with an exclamation mark"),
    ],
)
def test_metadata_beyond_the_limits_is_refused(register, metadata, words):
    with pytest.raises(ClientError, match=f"ValidationException.*{words}"):
        register(CustomerMetadataProperties=metadata)


def test_an_update_may_not_grow_metadata_beyond_50_keys(aws, register):
    arn = register(CustomerMetadataProperties={f"k{n}": "v" for n in range(50)})
    with pytest.raises(ClientError, match="at most 50 entries, would have 51"):
        aws.sagemaker.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={"one-more": "v"})


def test_a_client_token_gives_the_same_package_again(register):
    assert register(ClientToken="once") == register(ClientToken="once") != register()


def test_versions_count_up_and_a_deleted_number_is_not_given_again(aws, register):
    arns = [register() for _ in range(3)]
    aws.sagemaker.delete_model_package(ModelPackageName=arns[-1])
    assert [arn.rsplit("/", 1)[-1] for arn in [*arns, register()]] == ["1", "2", "3", "4"]
    with pytest.raises(ClientError, match="does not exist"):
        describe(aws, arns[-1])


def test_packages_registered_at_once_get_distinct_versions(register):
    with ThreadPoolExecutor(8) as pool:
        arns = list(pool.map(lambda _: register(), range(24)))
    assert len(set(arns)) == 24


def test_packages_are_listed_by_approval_newest_first(aws, register, unique):
    for _ in range(3):
        register()
    approved = register(ModelApprovalStatus="Approved")
    listed = aws.sagemaker.list_model_packages(ModelPackageGroupName=unique)["ModelPackageSummaryList"]
    assert [item["ModelPackageVersion"] for item in listed] == [4, 3, 2, 1]
    only = aws.sagemaker.list_model_packages(ModelPackageGroupName=unique, ModelApprovalStatus="Approved")
    assert [item["ModelPackageArn"] for item in only["ModelPackageSummaryList"]] == [approved]
    pages = aws.sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=unique, SortOrder="Ascending", PaginationConfig={"PageSize": 3}
    )
    assert [len(page["ModelPackageSummaryList"]) for page in pages] == [3, 1]


def test_a_group_is_made_once_and_deleted_when_empty(aws, register, unique):
    with pytest.raises(ClientError, match=r"ValidationException.*already exists"):
        aws.sagemaker.create_model_package_group(ModelPackageGroupName=unique)
    arn = register()
    with pytest.raises(ClientError, match=r"ConflictException.*still contains"):
        aws.sagemaker.delete_model_package_group(ModelPackageGroupName=unique)
    aws.sagemaker.delete_model_package(ModelPackageName=arn)
    aws.sagemaker.delete_model_package_group(ModelPackageGroupName=unique)
    with pytest.raises(ClientError, match=r"ValidationException.*does not exist"):
        aws.sagemaker.describe_model_package_group(ModelPackageGroupName=unique)


def test_a_package_needs_a_group_that_exists(aws):
    with pytest.raises(ClientError, match="model-package-group/nobody does not exist"):
        aws.sagemaker.create_model_package(
            ModelPackageGroupName="nobody", InferenceSpecification=SPECIFICATION
        )


def test_a_package_without_group_is_found_by_its_name(aws, unique):
    arn = aws.sagemaker.create_model_package(ModelPackageName=unique, InferenceSpecification=SPECIFICATION)
    assert describe(aws, unique)["ModelPackageArn"] == arn["ModelPackageArn"]
    names = [
        item.get("ModelPackageName")
        for item in aws.sagemaker.list_model_packages()["ModelPackageSummaryList"]
    ]
    assert unique in names


def test_tags_of_packages_are_kept(aws, register):
    arn = register()
    aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
