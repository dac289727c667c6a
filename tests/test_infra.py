"""infra/ is taken whole: by cfn-lint, by CloudFormation with every option, by IAM with GitHub's tokens."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import accounts
import pytest
from accounts import ACCOUNT, OTHER, REGION, REPOSITORY
from botocore.exceptions import ClientError
from conftest import INNER

OPTIONS = {
    "AlarmEmail": "alarms@example.com",
    "MonthlyBudget": "50",
    "ProductionAccount": OTHER,
    "Vpc": "vpc-0abc",
}
BRANCH = "refs/heads/a-branch"
OF_MAIN = ("pipeline", "deploy", "infra")  # the fourth is a pull request's
FILES = {"pipeline": "release", "deploy": "deploy", "infra": "infra", "pull-request": "pull_request"}
NOTHING = {"Version": "2012-10-17", "Statement": []}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The accounts of an emulator that enforces IAM."""
    with accounts.enforced(tmp_path_factory.mktemp("emulator")) as made:
        yield made


@pytest.fixture(scope="module")
def account(world):
    """An account with the project's two stacks; `take` gives a role's keys for a job of GitHub."""
    made = world.make("income", "stack.yml", Project="income")
    given = {"Bucket": made["BucketName"], "Key": made["KeyArn"], "ExecutionRole": made["ExecutionRoleArn"]}
    roles = world.make("income-github", "github.yml", Project="income", **REPOSITORY, **given)

    def take(role, **job):
        job = {"event_name": "pull_request" if role == "pull-request" else "push", **job}
        arn = roles["".join(word.title() for word in role.split("-")) + "RoleArn"]
        return world.take(arn, world.token(**{"file": FILES[role], **job}))

    return SimpleNamespace(**made, take=take)


def test_cfn_lint_has_nothing_to_say():
    templates = sorted(map(str, (INNER / "infra").glob("*.yml")))
    lint = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([lint, *templates], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_every_option_makes_a_stack(world):
    made = world.make("whole", "stack.yml", Project="whole", **OPTIONS)
    net = world.make("whole-network", "network.yml", Project="whole", Bucket=made["BucketName"])
    assert net["VpcId"].startswith("vpc-")
    assert len(net["SubnetIds"].split(",")) == 2


@pytest.mark.parametrize(("serves", "account_"), [("no", ACCOUNT), ("yes", OTHER)])
def test_an_account_that_was_let_in_serves_only_when_that_is_said(world, serves, account_):
    name = f"let-in-{serves}"
    given = {"ProductionAccount": OTHER, "ProductionServes": serves}
    made = world.make(name, "stack.yml", Project=name, **given)
    assert made["ProductionAccount"] == account_
    policy = world.client("s3").get_bucket_policy(Bucket=made["BucketName"])["Policy"]
    assert f"arn:aws:iam::{OTHER}:root" in policy


def test_where_production_has_no_account_of_its_own_nobody_elses_is_named(account, world):
    assert account.ProductionAccount == ACCOUNT
    key = world.client("kms").get_key_policy(KeyId=account.KeyArn, PolicyName="default")["Policy"]
    bucket = world.client("s3").get_bucket_policy(Bucket=account.BucketName)["Policy"]
    root = f"arn:aws:iam::{ACCOUNT}:root"
    named = [each["Principal"] for text in (key, bucket) for each in json.loads(text)["Statement"]]
    assert {str(each.get("AWS")) for each in named if each != "*"} == {root, "None"}
    with pytest.raises(ClientError, match="RepositoryPolicyNotFound"):
        world.client("ecr").get_repository_policy(repositoryName="income")
    with pytest.raises(ClientError, match="Cannot find resource policy"):
        world.client("sagemaker").get_model_package_group_policy(ModelPackageGroupName="income")


@pytest.mark.parametrize("immutable", [False, True], ids=["the older subject", "the newer subject"])
@pytest.mark.parametrize(
    ("role", "job"),
    [
        ("pull-request", {"ref": "refs/pull/7/merge"}),
        ("pipeline", {}),
        ("pipeline", {"file": "data"}),
        ("pipeline", {"file": "rollback"}),
        ("deploy", {"environment": "staging"}),
        ("deploy", {"file": "production"}),
        ("deploy", {"file": "rollback", "environment": "production"}),
        ("deploy", {"file": "reconcile"}),
        ("deploy", {}),
        ("infra", {"environment": "infrastructure"}),
        ("infra", {}),
    ],
)
def test_a_role_is_taken_by_its_jobs(account, role, job, immutable):
    assert account.take(role, immutable=immutable, **job)["SessionToken"]


@pytest.mark.parametrize(
    ("role", "job"),
    [
        pytest.param("deploy", {"ref": BRANCH, "environment": "production"}, id="an environment on a branch"),
        pytest.param("deploy", {"file": "pull_request"}, id="another workflow of main"),
        pytest.param(
            "deploy", {"event_name": "pull_request", "ref": "refs/pull/7/merge"}, id="a pull request"
        ),
        pytest.param("pipeline", {"ref": BRANCH}, id="the pipeline of a branch"),
        *(pytest.param(role, {"ref": "refs/tags/v1"}, id=f"{role}: a tag") for role in OF_MAIN),
        *(
            pytest.param(role, {"audience": "https://github.com/octo"}, id=f"{role}: another audience")
            for role in FILES
        ),
        *(
            pytest.param(role, {"issuer": "https://evil.example"}, id=f"{role}: another issuer")
            for role in FILES
        ),
        pytest.param("pipeline", {"repository_id": "999"}, id="a repository of the same name"),
        *(
            pytest.param(role, {"repository_id": "999"}, id=f"{role}: a repository of that name")
            for role in FILES
            if role != "pipeline"
        ),
        pytest.param("pipeline", {"environment": "production"}, id="the pipeline in an environment"),
        pytest.param("pipeline", {"file": "production"}, id="the pipeline's where a release is served"),
        pytest.param("infra", {"environment": "staging"}, id="an environment that is not infra's"),
        pytest.param("infra", {"file": "reconcile"}, id="a job beside the one that a reviewer lets in"),
        pytest.param("infra", {"ref": BRANCH, "environment": "infrastructure"}, id="infra's of a branch"),
        pytest.param("deploy", {"forged": True}, id="a forged token"),
        pytest.param("deploy", {"expires_in": -3600}, id="a token of yesterday"),
    ],
)
def test_a_role_is_refused_to_others(account, role, job):
    if role == "pull-request":
        job = {"ref": "refs/pull/7/merge", **job}
    with pytest.raises(ClientError) as refused:
        account.take(role, **job)
    assert refused.value.response["Error"]["Code"] in (
        "AccessDenied",
        "InvalidIdentityToken",
        "ExpiredTokenException",
    )


PACKAGE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/income/1"
REFUSED = [
    ("pull-request", "sagemaker", "delete_endpoint", {"EndpointName": "income-production"}),
    ("pull-request", "s3", "put_object", {"Key": "data/adult/x", "Body": b"1"}),
    ("pull-request", "s3", "get_object", {"Key": "releases/r/model.tar.gz"}),
    (
        "pipeline",
        "sagemaker",
        "update_model_package",
        {"ModelPackageArn": PACKAGE, "ModelApprovalStatus": "Approved"},
    ),
    (
        "pipeline",
        "sagemaker",
        "update_model_package",
        {"ModelPackageArn": PACKAGE, "CustomerMetadataProperties": {"staging": "proven"}},
    ),
    ("pipeline", "s3", "put_object", {"Key": "releases/r/e/evaluate/artifact/model.tar.gz", "Body": b"1"}),
    ("pipeline", "sagemaker", "delete_endpoint", {"EndpointName": "income-production"}),
    ("pipeline", "iam", "put_role_policy", {"RoleName": f"income-{REGION}-deploy", "PolicyName": "x"}),
    ("deploy", "s3", "put_object", {"Key": "releases/r/e/evaluate/artifact/model.tar.gz", "Body": b"1"}),
    ("deploy", "s3", "get_object", {"Key": "data/adult/x"}),
    ("deploy", "s3", "get_object", {"Key": "releases/r/e/validate/train/part-0.parquet"}),
    (
        "deploy",
        "sagemaker",
        "start_pipeline_execution",
        {"PipelineName": "income", "ClientRequestToken": "x" * 32},
    ),
    ("deploy", "sagemaker", "delete_model_package", {"ModelPackageName": PACKAGE}),
    ("deploy", "sagemaker", "delete_endpoint", {"EndpointName": "another-production"}),
    ("infra", "iam", "put_role_policy", {"RoleName": f"income-{REGION}-infra", "PolicyName": "x"}),
    ("infra", "iam", "put_role_policy", {"RoleName": "somebody", "PolicyName": "x"}),
    ("infra", "iam", "delete_role_permissions_boundary", {"RoleName": f"income-{REGION}-deploy"}),
    (
        "infra",
        "iam",
        "update_assume_role_policy",
        {"RoleName": f"income-{REGION}-deploy", "PolicyDocument": "{}"},
    ),
    ("infra", "iam", "create_role", {"RoleName": f"income-{REGION}-other", "AssumeRolePolicyDocument": "{}"}),
    ("infra", "s3", "get_object", {"Key": "data/adult/x"}),
    ("infra", "cloudformation", "delete_stack", {"StackName": "income"}),
]


@pytest.mark.parametrize(
    ("role", "service", "operation", "request_"),
    REFUSED,
    ids=[f"{role}: {operation} {number}" for number, (role, _, operation, _) in enumerate(REFUSED)],
)
def test_a_role_is_denied_what_is_not_its_own(account, world, role, service, operation, request_):
    request = {**request_, **({"Bucket": account.BucketName} if service == "s3" else {})}
    if operation == "put_role_policy":
        request["PolicyDocument"] = json.dumps(NOTHING)
    called = getattr(world.client(service, keys(account, role)), operation)
    with pytest.raises(ClientError) as denied:
        called(**request)
    assert denied.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")


def test_each_role_may_do_its_own(account, world):
    client = world.client
    looks = client("sagemaker", keys(account, "pull-request"))
    assert looks.list_model_packages(ModelPackageGroupName="income")["ModelPackageSummaryList"] == []
    writes = client("s3", keys(account, "pipeline"))
    writes.put_object(Bucket=account.BucketName, Key="data/adult/x", Body=b"1")
    story = {"Bucket": account.BucketName, "Key": "releases/r/release.json"}
    writes.put_object(**story, Body=b"1", IfNoneMatch="*")  # whoever comes second reads it
    assert writes.get_object(**story)["Body"].read() == b"1"
    assert client("ecr", keys(account, "pipeline")).get_authorization_token()["authorizationData"]
    alarms = client("cloudwatch", keys(account, "deploy"))
    assert alarms.describe_alarms(AlarmNamePrefix="income-")["MetricAlarms"] == []
    changes = client("cloudformation", keys(account, "infra"))
    assert changes.describe_stacks(StackName="income")["Stacks"]
    sees = client("iam", keys(account, "infra"))
    assert sees.get_role(RoleName=f"income-{REGION}-deploy")["Role"]["PermissionsBoundary"]


def keys(account, role):
    """Return the keys of a role's session."""
    return account.take(role, **({"ref": "refs/pull/7/merge"} if role == "pull-request" else {}))
