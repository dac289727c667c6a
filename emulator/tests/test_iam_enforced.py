"""IAM on the wire: who a request is from, what it needs, denials in AWS's words, several accounts, roles."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from conftest import REGISTRY, ended
from moto.sts.models import sts_backends
from roles_by_hand import (
    ACCOUNT,
    OTHER,
    REGION,
    allow,
    ask,
    decisions,
    deny,
    make_role,
    of_credentials,
    policy,
    root,
    session,
    trusting,
)

from sagemaker_emulator import installing, itself, seams
from sagemaker_emulator.images import docker
from sagemaker_emulator.jobs.logs import LogStream
from sagemaker_emulator.policies import Request, evaluate
from sagemaker_emulator.refused import NEVER_RAN

ENDPOINT = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint"


@pytest.fixture(autouse=True)
def enforced(emulator, monkeypatch):
    monkeypatch.setenv("SAGEMAKER_EMULATOR_IAM", "enforce")


@pytest.fixture
def role(unique):
    """Return role(*statements): a session of a new role that has them."""

    def make(*statements, **more):
        role.count += 1
        return session(make_role(f"{unique}-{role.count}", *statements, **more))

    role = make
    role.count = 0
    return make


def refusal(call, **request):
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def denied(call, action, **request):
    """Return whether a call is denied for want of this very action."""
    return f"is not authorized to perform: {action} on resource: " in refusal(call, **request)[1]


# --- who asks


def test_the_test_key_and_a_number_are_the_root_users_of_their_accounts(emulator):
    assert boto3.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert root(OTHER).client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{OTHER}:root"


def test_a_key_that_nobody_has_is_refused_as_each_service_words_it(emulator):
    stranger = boto3.Session("AKIASTRANGER", "x", region_name=REGION)
    assert refusal(stranger.client("sagemaker").list_models)[0] == "UnrecognizedClientException"
    assert refusal(stranger.client("iam").list_roles)[0] == "InvalidClientTokenId"
    assert refusal(stranger.client("s3").list_buckets)[0] == "InvalidAccessKeyId"
    assert refusal(stranger.client("ec2").describe_vpcs)[0] == "AuthFailure"


def test_a_session_needs_its_token_its_secret_and_its_time(unique):
    made = root().client("sts").assume_role(RoleArn=make_role(unique, allow("*")), RoleSessionName="me")
    given = made["Credentials"]
    sagemaker = of_credentials(given).client("sagemaker")
    sagemaker.list_models()
    for changed, code in (
        ({"SessionToken": "another"}, "UnrecognizedClientException"),
        ({"SecretAccessKey": "another"}, "InvalidSignatureException"),
    ):
        wrong = of_credentials({**given, **changed}).client("sagemaker")
        assert refusal(wrong.list_models)[0] == code
    backend = sts_backends[ACCOUNT]["aws"]
    kept = backend.get_assumed_role_from_access_key(given["AccessKeyId"])
    kept.expiration = (datetime.now(UTC) - timedelta(seconds=1)).replace(tzinfo=None)
    assert refusal(sagemaker.list_models) == (
        "ExpiredTokenException",
        "The security token included in the request is expired",
    )
    assert refusal(of_credentials(given).client("s3").list_buckets)[0] == "ExpiredToken"


def test_a_user_has_its_own_its_groups_and_attached_policies(unique):
    iam = root().client("iam")
    iam.create_user(UserName=unique)
    key = iam.create_access_key(UserName=unique)["AccessKey"]
    user = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION)
    assert denied(user.client("sagemaker").list_models, "sagemaker:ListModels")
    iam.put_user_policy(UserName=unique, PolicyName="p", PolicyDocument=policy(allow("sagemaker:ListModels")))
    iam.create_group(GroupName=unique)
    iam.put_group_policy(
        GroupName=unique, PolicyName="p", PolicyDocument=policy(allow("sagemaker:ListEndpoints"))
    )
    iam.add_user_to_group(GroupName=unique, UserName=unique)
    user.client("sagemaker").list_models()
    user.client("sagemaker").list_endpoints()


def test_a_session_policy_and_a_boundary_limit_a_role(unique, role):
    arn = make_role(unique, allow("sagemaker:*"))
    narrow = session(arn, Policy=policy(allow("sagemaker:ListModels"))).client("sagemaker")
    narrow.list_models()
    assert "no session policy allows" in refusal(narrow.list_endpoints)[1]
    made = (
        root()
        .client("iam")
        .create_policy(PolicyName=unique, PolicyDocument=policy(allow("sagemaker:ListModels")))
    )
    bound = role(allow("sagemaker:*"), PermissionsBoundary=made["Policy"]["Arn"]).client("sagemaker")
    bound.list_models()
    assert "no permissions boundary allows" in refusal(bound.list_endpoints)[1]


def test_a_managed_policy_counts_as_it_is_now(unique, role):
    iam = root().client("iam")
    arn = iam.create_policy(PolicyName=unique, PolicyDocument=policy(allow("sagemaker:ListModels")))
    name = f"{unique}-role"
    sagemaker = session(make_role(name)).client("sagemaker")
    iam.attach_role_policy(RoleName=name, PolicyArn=arn["Policy"]["Arn"])
    sagemaker.list_models()
    iam.create_policy_version(
        PolicyArn=arn["Policy"]["Arn"], PolicyDocument=policy(allow("s3:*")), SetAsDefault=True
    )
    assert denied(sagemaker.list_models, "sagemaker:ListModels")


def test_awss_own_policies_belong_to_every_account(role):
    arn = "arn:aws:iam::aws:policy/AdministratorAccess"
    assert root(OTHER).client("iam").get_policy(PolicyArn=arn)["Policy"]["Arn"] == arn
    role(allow("iam:GetPolicy", arn)).client("iam").get_policy(PolicyArn=arn)


# --- denials in each service's words

JSON, XML = "AccessDeniedException", "AccessDenied"
DENIALS = [
    ("sagemaker", "describe_endpoint", {"EndpointName": "e"}, JSON, 400),
    ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "e", "Body": b""}, JSON, 403),
    ("s3", "list_objects_v2", {"Bucket": "the-bucket"}, XML, 403),
    ("iam", "list_roles", {}, XML, 403),
    ("cloudformation", "describe_stacks", {"StackName": "s"}, XML, 403),
    ("sns", "list_topics", {}, "AuthorizationError", 403),
    ("ec2", "describe_vpcs", {}, "UnauthorizedOperation", 403),
    ("ecr", "describe_images", {"repositoryName": "rr"}, JSON, 400),
    ("logs", "describe_log_groups", {}, JSON, 400),
    ("kms", "list_keys", {}, JSON, 400),
    ("cloudwatch", "describe_alarms", {}, XML, 400),
    ("events", "list_rules", {}, JSON, 400),
    ("pricing", "get_products", {"ServiceCode": "AmazonSageMaker"}, JSON, 400),
    ("budgets", "describe_budgets", {"AccountId": ACCOUNT}, JSON, 400),
    ("service-quotas", "get_service_quota", {"ServiceCode": "s", "QuotaCode": "q"}, JSON, 400),
    ("sts", "assume_role", {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/x", "RoleSessionName": "xx"}, XML, 403),
]  # fmt: skip


@pytest.mark.parametrize(
    ("service", "operation", "request_", "code", "status"), DENIALS, ids=[case[0] for case in DENIALS]
)
def test_a_denial_has_the_services_own_form(role, service, operation, request_, code, status):
    client = role().client(service)
    with pytest.raises(ClientError) as refused:
        getattr(client, operation)(**request_)
    answer = refused.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert "is not authorized to perform: " in answer["Error"]["Message"]
    assert answer["ResponseMetadata"]["RetryAttempts"] == 0


def test_a_denial_names_principal_action_resource_and_kind_of_policy(unique):
    arn = make_role(unique, deny("sagemaker:DeleteEndpoint"))
    sagemaker = session(arn).client("sagemaker")
    who = f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{unique}/me is not authorized to perform: "
    assert refusal(sagemaker.describe_endpoint, EndpointName="e") == (
        "AccessDeniedException",
        f"{who}sagemaker:DescribeEndpoint on resource: {ENDPOINT}/e because no identity-based policy allows "
        "the sagemaker:DescribeEndpoint action",
    )
    assert refusal(sagemaker.delete_endpoint, EndpointName="e")[1] == (
        f"{who}sagemaker:DeleteEndpoint on resource: {ENDPOINT}/e with an explicit deny in an "
        "identity-based policy"
    )


def test_what_no_table_knows_is_refused_by_name_even_for_root(emulator):
    code, message = refusal(boto3.client("glue", region_name=REGION).get_databases)
    assert (code, "glue:GetDatabases" in message) == ("NotImplemented", True)


# --- what a call needs


def test_update_endpoint_needs_the_endpoint_and_the_config(role):
    request = {"EndpointName": "mine", "EndpointConfigName": "theirs"}
    config = f"{ENDPOINT}-config/theirs"
    for known in (f"{ENDPOINT}/mine", config):
        sagemaker = role(allow("sagemaker:UpdateEndpoint", known)).client("sagemaker")
        assert denied(sagemaker.update_endpoint, "sagemaker:UpdateEndpoint", **request)
    both = role(allow("sagemaker:UpdateEndpoint", [f"{ENDPOINT}/mine", config])).client("sagemaker")
    assert refusal(both.update_endpoint, **request)[0] == "ValidationException"  # there is no such endpoint


def test_tags_in_a_creation_need_add_tags(role, unique):
    group = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/{unique}"
    request = {"ModelPackageGroupName": unique, "Tags": [{"Key": "k", "Value": "v"}]}
    create = allow("sagemaker:CreateModelPackageGroup", group)
    assert denied(role(create).client("sagemaker").create_model_package_group, "sagemaker:AddTags", **request)
    tagged = allow("sagemaker:AddTags", group, Condition={"StringEquals": {"aws:RequestTag/k": "v"}})
    role(create, tagged).client("sagemaker").create_model_package_group(**request)


def test_a_role_is_passed_to_sagemaker_only_by_who_may(role, unique):
    passed = make_role(f"{unique}-passed", trust=trusting({"Service": "sagemaker.amazonaws.com"}))
    request = {
        "PipelineName": unique.upper(),
        "RoleArn": passed,
        "ClientRequestToken": "x" * 32,
        "PipelineDefinition": json.dumps(
            {
                "Version": "2020-12-01",
                "Steps": [{"Name": "F", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}],
            }
        ),
    }
    # The name in a pipeline's ARN is in lower case.
    create = allow("sagemaker:CreatePipeline", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{unique}")

    def passing(service):
        to = {"StringEquals": {"iam:PassedToService": service}}
        return role(create, allow("iam:PassRole", passed, Condition=to)).client("sagemaker").create_pipeline

    assert denied(role(create).client("sagemaker").create_pipeline, "iam:PassRole", **request)
    assert denied(passing("lambda.amazonaws.com"), "iam:PassRole", **request)
    passing("sagemaker.amazonaws.com")(**request)


def test_only_the_status_that_a_policy_names_can_be_registered(role, unique):
    boto3.client("sagemaker").create_model_package_group(ModelPackageGroupName=unique)
    package = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{unique}/*"
    pending = {"StringEquals": {"sagemaker:ModelApprovalStatus": "PendingManualApproval"}}
    register = role(allow("sagemaker:CreateModelPackage", package, Condition=pending)).client("sagemaker")
    made = register.create_model_package(
        ModelPackageGroupName=unique, ModelApprovalStatus="PendingManualApproval"
    )
    assert denied(
        register.create_model_package, "sagemaker:CreateModelPackage",
        ModelPackageGroupName=unique, ModelApprovalStatus="Approved",
    )  # fmt: skip
    approve = {"ModelPackageArn": made["ModelPackageArn"], "ModelApprovalStatus": "Approved"}
    assert denied(register.update_model_package, "sagemaker:UpdateModelPackage", **approve)
    role(allow("sagemaker:UpdateModelPackage", package)).client("sagemaker").update_model_package(**approve)


def test_metrics_are_put_into_the_namespace_that_a_policy_names(role):
    mine = {"StringLike": {"cloudwatch:namespace": "mine/*"}}
    cloudwatch = role(allow("cloudwatch:PutMetricData", Condition=mine)).client("cloudwatch")
    data = [{"MetricName": "m", "Value": 1.0}]
    cloudwatch.put_metric_data(Namespace="mine/a", MetricData=data)
    assert denied(cloudwatch.put_metric_data, "cloudwatch:PutMetricData", Namespace="theirs", MetricData=data)


def test_the_key_of_volumes_must_be_lent(role, unique):
    key = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    passed = make_role(f"{unique}-passed", trust=trusting({"Service": "sagemaker.amazonaws.com"}))
    request = {
        "TrainingJobName": unique,
        "RoleArn": passed,
        "AlgorithmSpecification": {"TrainingImage": "no/image:1", "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://the-bucket/x"},
        "ResourceConfig": {
            "InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1, "VolumeKmsKeyId": key,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }  # fmt: skip
    base = (allow("sagemaker:CreateTrainingJob"), allow("iam:PassRole", passed))
    assert denied(role(*base).client("sagemaker").create_training_job, "kms:CreateGrant", **request)
    lent = allow("kms:CreateGrant", key, Condition={"Bool": {"kms:GrantIsForAWSResource": "true"}})
    role(*base, lent).client("sagemaker").create_training_job(**request)
    shown = decisions(action="sagemaker:CreateTrainingJob", allowed=True)[-1]["context"]
    assert shown["sagemaker:VolumeKmsKey"] == key and shown["sagemaker:MaxRuntimeInSeconds"] == 60


def test_a_push_needs_the_permissions_for_layers_as_well(role, make_image, monkeypatch, capsys, unique):
    root().client("ecr").create_repository(repositoryName=unique)
    arn = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{unique}"
    uri = f"{REGISTRY}/{unique}:1"

    def push(*actions):
        keys = role(allow([f"ecr:{each}" for each in actions], arn)).get_credentials()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
        monkeypatch.setenv("AWS_SESSION_TOKEN", keys.token)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        return docker.main(["push", uri]), capsys.readouterr().err

    home = Path(os.environ["SAGEMAKER_EMULATOR_HOME"])
    (home / "docker-login").unlink(missing_ok=True)  # nobody is logged in
    folder = home / unique
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    assert docker.main(["build", "--tag", uri, str(folder)]) == 0
    code, said = push("PutImage")
    assert code == 1 and "not authorized to perform: ecr:BatchGetImage" in said
    layers = ("BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload")
    assert push("PutImage", *layers)[0] == 1
    assert push("PutImage", "BatchGetImage", *layers)[0] == 0


# --- S3


@pytest.fixture
def bucket(unique):
    """Return the name of a bucket with versions and an object `data/a`."""
    s3 = root().client("s3")
    s3.create_bucket(Bucket=unique)
    s3.put_bucket_versioning(Bucket=unique, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=unique, Key="data/a", Body=b"one")
    return unique


def test_a_version_needs_a_permission_of_its_own(role, bucket):
    version = root().client("s3").head_object(Bucket=bucket, Key="data/a")["VersionId"]
    plain = role(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")).client("s3")
    assert plain.get_object(Bucket=bucket, Key="data/a")["Body"].read() == b"one"
    named = {"Bucket": bucket, "Key": "data/a", "VersionId": version}
    assert denied(plain.get_object, "s3:GetObjectVersion", **named)
    exact = role(allow("s3:GetObjectVersion", f"arn:aws:s3:::{bucket}/data/*")).client("s3")
    assert exact.get_object(**named)["Body"].read() == b"one"
    assert denied(exact.get_object, "s3:GetObject", Bucket=bucket, Key="data/a")


def test_what_is_not_there_is_told_to_who_may_list_only(role, bucket):
    read = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")
    absent = {"Bucket": bucket, "Key": "absent"}
    assert refusal(role(read).client("s3").get_object, **absent)[0] == "AccessDenied"
    listing = allow("s3:ListBucket", f"arn:aws:s3:::{bucket}")
    assert refusal(role(read, listing).client("s3").get_object, **absent)[0] == "NoSuchKey"


def test_a_listing_may_be_held_to_a_prefix(role, bucket):
    held = {"StringLike": {"s3:prefix": "data/*"}}
    s3 = role(allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", Condition=held)).client("s3")
    assert s3.list_objects_v2(Bucket=bucket, Prefix="data/")["KeyCount"] == 1
    assert denied(s3.list_objects_v2, "s3:ListBucket", Bucket=bucket, Prefix="other/")


def test_each_deleted_object_is_looked_at(role, bucket):
    s3 = role(allow("s3:DeleteObject", f"arn:aws:s3:::{bucket}/data/*")).client("s3")
    two = {"Objects": [{"Key": "data/a"}, {"Key": "other/a"}]}
    assert denied(s3.delete_objects, "s3:DeleteObject", Bucket=bucket, Delete=two)
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "data/a"}]})


def test_an_upload_of_any_size_and_in_parts_passes(role, bucket):
    s3 = role(allow(["s3:PutObject", "s3:GetObject"], f"arn:aws:s3:::{bucket}/*")).client("s3")
    body = b"x" * (6 * 1024 * 1024)
    s3.put_object(Bucket=bucket, Key="big", Body=body)
    started = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    named = {"Bucket": bucket, "Key": "parts", "UploadId": started}
    part = s3.upload_part(**named, PartNumber=1, Body=body)
    s3.complete_multipart_upload(
        **named, MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    )
    assert s3.get_object(Bucket=bucket, Key="parts")["ContentLength"] == len(body)


def test_the_key_of_a_bucket_is_needed_to_write_and_to_read(role, bucket):
    key = root().client("kms").create_key()["KeyMetadata"]["Arn"]
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    root().client("s3").put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": default}]},
    )
    files = allow(["s3:PutObject", "s3:GetObject"], f"arn:aws:s3:::{bucket}/*")
    object_ = {"Bucket": bucket, "Key": "k"}
    assert denied(role(files).client("s3").put_object, "kms:GenerateDataKey", **object_, Body=b"")
    through_s3 = {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
    writer = role(files, allow("kms:GenerateDataKey", key, Condition=through_s3)).client("s3")
    writer.put_object(**object_, Body=b"x")
    assert denied(writer.get_object, "kms:Decrypt", **object_)
    assert writer.head_object(**object_)["ContentLength"] == 1  # a head opens nothing
    with pytest.raises(ClientError, match="403"):
        writer.head_object(**object_, ChecksumMode="ENABLED")
    role(files, allow("kms:Decrypt", key, Condition=through_s3)).client("s3").get_object(**object_)


def test_a_key_whose_policy_names_nobody_else_is_nobody_elses(role, unique):
    kms = root().client("kms")
    key = kms.create_key(Policy=trusting({"AWS": f"arn:aws:iam::{OTHER}:root"}, "kms:*", Resource="*"))
    arn = key["KeyMetadata"]["Arn"]
    mighty = role(allow("*")).client("kms")
    assert "because no resource-based policy allows" in refusal(mighty.describe_key, KeyId=arn)[1]
    assert root(OTHER).client("kms").describe_key(KeyId=arn)["KeyMetadata"]["Arn"] == arn


def test_a_bucket_policy_denies_and_allows(role, bucket, unique):
    arn, objects = make_role(f"{unique}-named"), f"arn:aws:s3:::{bucket}/*"
    rules = policy(
        allow("s3:GetObject", objects, Principal={"AWS": arn}),
        deny("s3:DeleteObject", objects, Principal="*"),
        deny("s3:*", objects, Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}}),
    )
    root().client("s3").put_bucket_policy(Bucket=bucket, Policy=rules)
    assert session(arn).client("s3").get_object(Bucket=bucket, Key="data/a")["ContentLength"] == 3
    for who in (root(), role(allow("s3:*"))):
        assert (
            "with an explicit deny in a resource-based policy"
            in refusal(who.client("s3").delete_object, Bucket=bucket, Key="data/a")[1]
        )


# --- several accounts


def test_accounts_do_not_see_each_others_resources(unique):
    root(OTHER).client("sagemaker").create_model_package_group(ModelPackageGroupName=unique)
    listed = root().client("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"]
    assert unique not in [each["ModelPackageGroupName"] for each in listed]
    mine = root(OTHER).client("sagemaker").describe_model_package_group(ModelPackageGroupName=unique)
    assert mine["ModelPackageGroupArn"].split(":")[4] == OTHER


def test_anothers_bucket_needs_both_sides(bucket, unique):
    arn = make_role(unique, allow("s3:GetObject"), account=OTHER)
    theirs = session(arn, OTHER)
    named = {"Bucket": bucket, "Key": "data/a"}
    assert refusal(theirs.client("s3").get_object, **named) == ("AccessDenied", "Access Denied")
    grant = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "s3:*"}
    grant["Resource"] = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    root().client("s3").put_bucket_policy(Bucket=bucket, Policy=policy(grant))
    assert theirs.client("s3").get_object(**named)["Body"].read() == b"one"
    assert refusal(theirs.client("s3").list_objects_v2, Bucket=bucket)[0] == "AccessDenied"


def test_anothers_image_repository_needs_both_sides(unique):
    root().client("ecr").create_repository(repositoryName=unique)
    theirs = session(make_role(unique, allow("ecr:*"), account=OTHER), OTHER).client("ecr")
    asked = {"registryId": ACCOUNT, "repositoryName": unique}
    assert "no resource-based policy" in refusal(theirs.describe_images, **asked)[1]
    grant = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}, "Action": "ecr:Describe*"}
    root().client("ecr").set_repository_policy(repositoryName=unique, policyText=policy(grant))
    assert theirs.describe_images(**asked)["imageDetails"] == []


def test_anothers_model_packages_need_both_sides(unique):
    mine = root().client("sagemaker")
    mine.create_model_package_group(ModelPackageGroupName=unique)
    arn = mine.create_model_package(ModelPackageGroupName=unique)["ModelPackageArn"]
    theirs = session(make_role(unique, allow("sagemaker:*"), account=OTHER), OTHER).client("sagemaker")
    assert "no resource-based policy" in refusal(theirs.describe_model_package, ModelPackageName=arn)[1]
    grant = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "sagemaker:Describe*"}
    grant["Resource"] = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{unique}/*"
    mine.put_model_package_group_policy(ModelPackageGroupName=unique, ResourcePolicy=policy(grant))
    assert theirs.describe_model_package(ModelPackageName=arn)["ModelPackageArn"] == arn
    group = mine.describe_model_package_group(ModelPackageGroupName=unique)["ModelPackageGroupArn"]
    by_arn = {"ModelPackageGroupName": group}
    for call in (theirs.list_model_packages, theirs.create_model_package):
        assert "no resource-based policy" in refusal(call, **by_arn)[1]
    grant["Action"] = ["sagemaker:*ModelPackage", "sagemaker:ListModelPackages"]
    mine.put_model_package_group_policy(ModelPackageGroupName=unique, ResourcePolicy=policy(grant))
    made = theirs.create_model_package(**by_arn)["ModelPackageArn"]
    listed = theirs.list_model_packages(**by_arn)["ModelPackageSummaryList"]
    assert [each["ModelPackageArn"] for each in listed] == [made, arn]
    passed = make_role(f"{unique}-runs", trust=trusting(SAGEMAKER), account=OTHER)
    request = {"ModelName": unique, "ExecutionRoleArn": passed, "PrimaryContainer": {"ModelPackageName": arn}}
    hosts = session(make_role(f"{unique}-hosts", allow("*"), account=OTHER), OTHER).client("sagemaker")
    assert denied(hosts.create_model, "sagemaker:CreateModel", **request)


def test_a_role_of_another_account_is_assumed_with_both_sides(role, unique):
    arn = make_role(unique, account=OTHER, trust=trusting({"AWS": ACCOUNT}))
    assert denied(role().client("sts").assume_role, "sts:AssumeRole", RoleArn=arn, RoleSessionName="me")
    deputy = role(allow("sts:AssumeRole", arn))
    assert session(arn, by=deputy).client("sts").get_caller_identity()["Account"] == OTHER


def test_an_external_id_is_asked_for(role, unique):
    asked = {"StringEquals": {"sts:ExternalId": "secret"}}
    arn = make_role(unique, trust=trusting({"AWS": ACCOUNT}, Condition=asked))
    deputy = role(allow("sts:AssumeRole"))
    refused = refusal(deputy.client("sts").assume_role, RoleArn=arn, RoleSessionName="me")
    assert refused[1].endswith(f"is not authorized to perform: sts:AssumeRole on resource: {arn}")
    assert session(arn, by=deputy, ExternalId="secret")


# --- jobs, steps and endpoints run as their roles

SAGEMAKER = {"Service": "sagemaker.amazonaws.com"}
WHO = 'echo "who=$AWS_ACCESS_KEY_ID token=${AWS_SESSION_TOKEN:+yes}"'
READ_IMAGES = allow(
    [
        *("ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
        "ecr:BatchCheckLayerAvailability",
    ]
)
WRITE_LOGS = allow("logs:*")


@pytest.fixture
def runner(unique):
    """Return runner(*statements): the ARN of a role for jobs."""

    def make(*statements, trust=None):
        return make_role(f"{unique}-runs", READ_IMAGES, *statements, trust=trust or trusting(SAGEMAKER))

    return make


def test_a_job_runs_with_its_roles_keys(process, make_image, runner, unique, log_lines):
    described = process(make_image(WHO), RoleArn=runner(WRITE_LOGS))
    assert described["ProcessingJobStatus"] == "Completed", described
    (line,) = log_lines("/aws/sagemaker/ProcessingJobs", unique)
    assert line.startswith("who=ASIA") and line.endswith("token=yes")


def test_a_job_whose_role_may_write_no_logs_runs_and_leaves_none(process, make_image, runner, unique, aws):
    assert process(make_image("echo hi"), RoleArn=runner())["ProcessingJobStatus"] == "Completed"
    streams = aws.logs.describe_log_streams(
        logGroupName="/aws/sagemaker/ProcessingJobs", logStreamNamePrefix=f"{unique}/"
    )
    assert streams["logStreams"] == []


def test_a_group_of_logs_that_is_not_there_needs_a_permission_of_its_own(unique):
    writes = allow(["logs:CreateLogStream", "logs:PutLogEvents"])
    made = session(make_role(f"{unique}-writes", writes)).get_credentials()
    known = itself.Identity(made.access_key, made.secret_key, made.token)
    root().client("logs").create_log_group(logGroupName=f"{unique}-there")
    with itself.acting(known):
        assert LogStream(ACCOUNT, REGION, f"{unique}-missing", "s")._mute
        assert not LogStream(ACCOUNT, REGION, f"{unique}-there", "s")._mute


def test_a_role_that_does_not_trust_sagemaker_is_refused_at_once(process, make_image, runner):
    theirs = trusting(SAGEMAKER, Condition={"StringEquals": {"aws:SourceAccount": OTHER}})
    code, message = refusal(process, image=make_image(), RoleArn=runner(trust=theirs))
    assert code == "ValidationException"
    assert message.startswith("Could not assume role arn:aws:iam::")
    assert "allows principal 'sagemaker.amazonaws.com' to assume the role" in message


def test_an_image_that_the_role_may_not_pull_fails_the_job(process, make_image, unique):
    arn = make_role(f"{unique}-runs", trust=trusting(SAGEMAKER))
    described = process(make_image(), RoleArn=arn)
    assert described["FailureReason"].startswith("ClientError: Cannot pull processing container.")


def channel(bucket):
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/data"}
    return [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]


def test_a_training_job_moves_its_data_as_its_role(train, make_image, runner, bucket, unique):
    image = make_image("cp $SAGEMAKER_BASE_DIR/input/data/train/a $SAGEMAKER_BASE_DIR/model/a")
    arn = runner()
    iam = root().client("iam")
    request = {"InputDataConfig": channel(bucket), "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/out"}}
    grants = [
        allow("s3:ListBucket", f"arn:aws:s3:::{bucket}"),
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/data/*"),
        allow("s3:PutObject", f"arn:aws:s3:::{bucket}/out/*"),
    ]
    reasons = []
    for count in range(4):
        iam.put_role_policy(
            RoleName=arn.split("/")[-1], PolicyName="p", PolicyDocument=policy(READ_IMAGES, *grants[:count])
        )
        described = train(image, TrainingJobName=f"{unique}-{count}", RoleArn=arn, **request)
        reasons.append(described.get("FailureReason", "none"))
    assert 'the role has "s3:ListBucket" permissions' in reasons[0]
    assert "s3:GetObject" in reasons[1] and "Data download" in reasons[1]
    assert "s3:PutObject" in reasons[2] and "Data upload" in reasons[2]
    assert reasons[3] == "none"


def test_a_step_asks_as_the_pipelines_role(unique, runner, make_image):
    arn = runner()
    step = {
        "Name": "Step",
        "Type": "Processing",
        "Arguments": {
            "RoleArn": arn,
            "AppSpecification": {"ImageUri": make_image()},
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
            },
        },
    }
    sagemaker = root().client("sagemaker")
    sagemaker.create_pipeline(
        PipelineName=unique,
        RoleArn=arn,
        ClientRequestToken="x" * 32,
        PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": [step]}),
    )

    def outcome():
        started = sagemaker.start_pipeline_execution(PipelineName=unique)["PipelineExecutionArn"]
        named = {"PipelineExecutionArn": started}
        ended(lambda: {"JobStatus": _status(sagemaker.describe_pipeline_execution(**named))})
        (found,) = sagemaker.list_pipeline_execution_steps(**named)["PipelineExecutionSteps"]
        return found

    grants = [
        allow("sagemaker:*ProcessingJob"),
        allow("iam:PassRole", arn),
    ]
    name = arn.split("/")[-1]
    for count, missing in enumerate(("sagemaker:CreateProcessingJob", "iam:PassRole", None)):
        root().client("iam").put_role_policy(
            RoleName=name, PolicyName="p", PolicyDocument=policy(READ_IMAGES, *grants[:count])
        )
        found = outcome()
        if missing is None:
            assert found["StepStatus"] == "Succeeded", found
        else:
            assert found["FailureReason"].startswith("ClientError: Failed to invoke sagemaker:CreateProc")
            assert (
                f"assumed-role/{name}/SageMaker is not authorized to perform: {missing}"
                in found["FailureReason"]
            )


def _status(described):
    status = described["PipelineExecutionStatus"]
    return {"Succeeded": "Completed", "Failed": "Failed"}.get(status, "InProgress")


SERVER = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        text = os.environ["AWS_ACCESS_KEY_ID"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    do_GET = do_POST = answer
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""


def test_an_endpoint_serves_with_its_models_role(unique, runner, make_image, role):
    dockerfile = 'FROM python:3\nWORKDIR /app\nCOPY serve.py .\nENTRYPOINT ["python", "serve.py"]\n'
    image = make_image(dockerfile=dockerfile, files={"serve.py": SERVER})
    assert image.startswith(REGISTRY)
    sagemaker = root().client("sagemaker")
    sagemaker.create_model(ModelName=unique, PrimaryContainer={"Image": image}, ExecutionRoleArn=runner())
    variant = {
        "VariantName": "v",
        "ModelName": unique,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=unique, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=unique, EndpointConfigName=unique)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=unique, WaiterConfig={"Delay": 1})
    caller = role(allow("sagemaker:InvokeEndpoint", f"{ENDPOINT}/{unique}"))
    answer = caller.client("sagemaker-runtime").invoke_endpoint(EndpointName=unique, Body=b"x" * 100)
    assert answer["Body"].read().startswith(b"ASIA")
    sagemaker.delete_endpoint(EndpointName=unique)


def test_an_update_whose_alarms_the_role_may_not_see_goes_back(unique, runner, make_image):
    dockerfile = 'FROM python:3\nWORKDIR /app\nCOPY serve.py .\nENTRYPOINT ["python", "serve.py"]\n'
    image = make_image(dockerfile=dockerfile, files={"serve.py": SERVER})
    sagemaker, arn = root().client("sagemaker"), runner()
    root().client("cloudwatch").put_metric_alarm(
        AlarmName=unique, Namespace="n", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching",
    )  # fmt: skip
    sagemaker.create_model(ModelName=unique, PrimaryContainer={"Image": image}, ExecutionRoleArn=arn)
    variant = {
        "VariantName": "v",
        "ModelName": unique,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    for name in ("a", "b"):
        sagemaker.create_endpoint_config(EndpointConfigName=f"{unique}-{name}", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=unique, EndpointConfigName=f"{unique}-a")
    settled(sagemaker, unique)
    watched = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 60},
            "TerminationWaitInSeconds": 60,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": unique}]},
    }
    sagemaker.update_endpoint(EndpointName=unique, EndpointConfigName=f"{unique}-b", DeploymentConfig=watched)
    described = settled(sagemaker, unique)
    assert described["EndpointConfigName"] == f"{unique}-a"
    assert (
        "is not authorized to perform: cloudwatch:DescribeAlarms on resource: " in described["FailureReason"]
    )
    alarm = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{unique}"
    root().client("iam").put_role_policy(
        RoleName=arn.split("/")[-1],
        PolicyName="p",
        PolicyDocument=policy(READ_IMAGES, allow("cloudwatch:DescribeAlarms", alarm)),
    )
    sagemaker.update_endpoint(EndpointName=unique, EndpointConfigName=f"{unique}-b", DeploymentConfig=watched)
    assert settled(sagemaker, unique)["EndpointConfigName"] == f"{unique}-b"
    sagemaker.delete_endpoint(EndpointName=unique)


def settled(sagemaker, name, seconds=30.0):
    """Return what an endpoint is once it is in service."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = sagemaker.describe_endpoint(EndpointName=name)
        if found["EndpointStatus"] in ("InService", "Failed"):
            return found
        time.sleep(0.05)
    raise AssertionError(found["EndpointStatus"])


def test_model_data_that_the_role_may_not_read_makes_no_model(unique, runner, make_image, bucket):
    sagemaker = root().client("sagemaker")
    container = {"Image": make_image(), "ModelDataUrl": f"s3://{bucket}/data/a"}
    request = {"ModelName": unique, "PrimaryContainer": container, "ExecutionRoleArn": runner()}
    assert refusal(sagemaker.create_model, **request)[1].startswith("Could not access model data at s3://")


# --- stacks


def stack(client, name, resources):
    client.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    found = client.describe_stacks(StackName=name)["Stacks"][0]
    return found["StackStatus"], found.get("StackStatusReason", "")


def test_a_stack_is_made_with_its_callers_permissions(role, unique):
    resources = {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": unique}}}
    mine = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{unique}*/*"
    changes = allow("cloudformation:*", mine)
    status, reason = stack(role(changes).client("cloudformation"), f"{unique}-a", resources)
    assert status == "ROLLBACK_COMPLETE" and "not authorized to perform: s3:CreateBucket" in reason
    through = {"ForAnyValue:StringEquals": {"aws:CalledVia": ["cloudformation.amazonaws.com"]}}
    maker = role(changes, allow("s3:CreateBucket", f"arn:aws:s3:::{unique}", Condition=through))
    assert stack(maker.client("cloudformation"), f"{unique}-b", resources)[0] == "CREATE_COMPLETE"
    maker.client("cloudformation").delete_stack(StackName=f"{unique}-b")
    listed = root().client("cloudformation").describe_stacks(StackName=f"{unique}-b")["Stacks"][0]
    assert listed["StackStatus"] == "DELETE_FAILED" and "s3:DeleteBucket" in listed["StackStatusReason"]


def boxed(unique, *actions, description="one"):
    """Return the resources of a stack with a role inside a boundary."""
    arn = f"arn:aws:iam::{ACCOUNT}:policy/{unique}-boundary"
    rights = {"PolicyName": "p", "PolicyDocument": json.loads(policy(allow(list(actions))))}
    properties = {
        "RoleName": f"{unique}-inside",
        "Description": description,
        "PermissionsBoundary": arn,
        "AssumeRolePolicyDocument": json.loads(trusting({"AWS": ACCOUNT})),
        "Policies": [rights],
    }
    return {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}


def test_a_stacks_update_asks_for_what_it_changes_and_sees_the_boundary(role, unique):
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/{unique}-boundary"
    root().client("iam").create_policy(PolicyName=f"{unique}-boundary", PolicyDocument=policy(allow("s3:*")))
    inside = {"StringEquals": {"iam:PermissionsBoundary": boundary}}
    arn = f"arn:aws:iam::{ACCOUNT}:role/{unique}-inside"
    client = role(
        allow("cloudformation:*"), allow(["iam:CreateRole", "iam:PutRolePolicy"], arn, Condition=inside)
    ).client("cloudformation")
    named = {"StackName": unique, "Capabilities": ["CAPABILITY_NAMED_IAM"]}

    def status(call, resources):
        call(**named, TemplateBody=json.dumps({"Resources": resources}))
        found = client.describe_stacks(StackName=unique)["Stacks"][0]
        return found["StackStatus"], found.get("StackStatusReason", "")

    assert status(client.create_stack, boxed(unique, "s3:GetObject"))[0] == "CREATE_COMPLETE"
    assert status(client.update_stack, boxed(unique, "s3:PutObject"))[0] == "UPDATE_COMPLETE"
    described = status(client.update_stack, boxed(unique, "s3:PutObject", description="two"))
    assert described[0] == "UPDATE_ROLLBACK_COMPLETE" and "iam:UpdateRole" in described[1]
    other = boxed(unique, "s3:PutObject")
    other["Role"]["Properties"].pop("PermissionsBoundary")
    widened = status(client.update_stack, other)
    assert widened[0] == "UPDATE_ROLLBACK_COMPLETE" and "DeleteRolePermissionsBoundary" in widened[1]


def test_a_change_set_is_looked_at_by_its_arn_with_the_permission_for_its_stack(role, unique):
    stack = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{{}}/*"
    changes = ["cloudformation:CreateChangeSet", "cloudformation:DescribeChangeSet"]
    mine = role(allow(changes, stack.format(unique))).client("cloudformation")
    body = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    made = mine.create_change_set(
        StackName=unique, ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=body
    )
    assert mine.describe_change_set(ChangeSetName=made["Id"])["StackName"] == unique
    other = role(allow(changes, stack.format("another"))).client("cloudformation")
    assert denied(other.describe_change_set, "cloudformation:DescribeChangeSet", ChangeSetName=made["Id"])


def test_a_stack_with_a_role_is_made_with_that_one(role, unique):
    service = trusting({"Service": "cloudformation.amazonaws.com"})
    arn = make_role(f"{unique}-makes", allow("sagemaker:*"), trust=service)
    resources = {
        "Group": {
            "Type": "AWS::SageMaker::ModelPackageGroup",
            "Properties": {"ModelPackageGroupName": unique},
        }
    }
    changes = allow("cloudformation:*")
    request = {"StackName": unique, "TemplateBody": json.dumps({"Resources": resources}), "RoleARN": arn}
    assert denied(role(changes).client("cloudformation").create_stack, "iam:PassRole", **request)
    client = role(changes, allow("iam:PassRole", arn)).client("cloudformation")
    client.create_stack(**request)
    assert client.describe_stacks(StackName=unique)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"


def test_a_stack_of_another_account_is_made_there(unique):
    resources = {
        "Group": {
            "Type": "AWS::SageMaker::ModelPackageGroup",
            "Properties": {"ModelPackageGroupName": unique},
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": unique,
                "AssumeRolePolicyDocument": json.loads(trusting({"AWS": OTHER})),
                "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"],
            },
        },
    }
    client = root(OTHER).client("cloudformation")
    client.create_stack(
        StackName=unique,
        TemplateBody=json.dumps({"Resources": resources}),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    assert client.describe_stacks()["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    arn = root(OTHER).client("sagemaker").describe_model_package_group(ModelPackageGroupName=unique)
    assert arn["ModelPackageGroupArn"].split(":")[4] == OTHER
    assert (
        session(f"arn:aws:iam::{OTHER}:role/{unique}", OTHER).client("sagemaker").list_models()["Models"]
        == []
    )


# --- the record


def test_decisions_are_recorded_forgotten_and_can_be_decided_again(role, unique):
    ask("DELETE", "/_emulator/iam/decisions")
    sagemaker = role(allow("sagemaker:DescribeEndpoint", f"{ENDPOINT}/x")).client("sagemaker")
    ask("DELETE", "/_emulator/iam/decisions")
    refusal(sagemaker.describe_endpoint, EndpointName="x")
    refusal(sagemaker.describe_endpoint, EndpointName="y")
    yes, no = decisions(action="sagemaker:DescribeEndpoint")
    assert (yes["allowed"], no["allowed"]) == (True, False)
    assert yes["role"].endswith(f"role/{unique}-1") and yes["principal"].endswith(f"{unique}-1/me")
    assert "no identity-based policy allows" in no["why"]
    changed = policy(allow("sagemaker:Describe*", f"{ENDPOINT}/y"))
    assert [evaluate(Request.recorded(each), [changed]).allowed for each in (yes, no)] == [False, True]
    ask("DELETE", "/_emulator/iam/decisions")
    assert decisions() == []


def test_whatever_the_emulator_answers_can_be_authorized():
    from sagemaker_emulator.access.needs import table

    installing.load_all()
    answered = {tuple(place.split(":")) for place in seams.places() if not place.startswith("moto.")}
    unknown = {f"{service}:{operation}" for service, operation in answered - set(table._rules)}
    refused = {f"sagemaker:{name}" for name in NEVER_RAN} | {"cloudwatch:PutCompositeAlarm"}
    assert unknown == refused - {"sagemaker:CreateTransformJob"}
