"""infra/ is taken whole: by cfn-lint, by CloudFormation with every option, by IAM with GitHub's tokens."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import ClientError
from conftest import INNER, ROOT

REGION, ACCOUNT = "eu-west-1", "123456789012"
OPTIONS = {
    "AlarmEmail": "alarms@example.com",
    "MonthlyBudget": "50",
    "OtherAccount": "210987654321",
    "Vpc": "vpc-0abc",
}
REPOSITORY = {"Repository": "octo/income", "OwnerId": "12", "RepositoryId": "345"}
MAIN, BRANCH = "refs/heads/main", "refs/heads/a-branch"
FILES = {"pipeline": "release", "deploy": "deploy", "infra": "reconcile", "pull-request": "pull_request"}
NOTHING = {"Version": "2012-10-17", "Statement": []}


def emulator(*words):
    """Run the emulator of this tree; return what it says."""
    command = [sys.executable, "-m", "sagemaker_emulator", *words]
    return subprocess.run(command, cwd=ROOT / "emulator", check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """An emulator that enforces IAM."""
    home = str(tmp_path_factory.mktemp("emulator"))
    said = emulator("up", "--home", home, "--port", "0", "--region", REGION, "--iam")
    yield said.split()[2].rstrip(";")
    emulator("down", "--home", home)


@pytest.fixture(scope="module")
def client(url):
    """Return client(service, keys) of the emulator; without keys, the account's root user."""

    def client(service, keys=None):
        keys = keys or {"AccessKeyId": "test", "SecretAccessKey": "test"}
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=url,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
        )

    return client


@pytest.fixture(scope="module")
def make(client):
    """Return make(stack, template, **parameters) -> the stack's outputs; the template lies in infra/."""

    def make(name, template, **parameters):
        cloudformation = client("cloudformation")
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=(INNER / "infra" / template).read_text(),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Tags=[{"Key": "project", "Value": name}],
        )
        (made,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        assert made["StackStatus"] == "CREATE_COMPLETE", made.get("StackStatusReason")
        return {item["OutputKey"]: item["OutputValue"] for item in made["Outputs"]}

    return make


@pytest.fixture(scope="module")
def account(client, make):
    """An account with the project's two stacks; `take` gives a role's clients for a job of GitHub."""
    made = make("income", "stack.yml", Project="income")
    given = {"Bucket": made["BucketName"], "Key": made["KeyArn"], "ExecutionRole": made["ExecutionRoleArn"]}
    roles = make("income-github", "github.yml", Project="income", **REPOSITORY, **given)

    def take(role, **changes):
        token = job_token(client("sts").meta.endpoint_url, role, **changes)
        arn = roles["".join(word.title() for word in role.split("-")) + "RoleArn"]
        return client("sts").assume_role_with_web_identity(
            RoleArn=arn, RoleSessionName="a-job", WebIdentityToken=token
        )["Credentials"]

    return SimpleNamespace(**made, take=take)


def job_token(url, role, file="", ref=MAIN, environment="", immutable=False, **changes):
    """Return the token that GitHub gives a job of the role's own workflow, or of one that differs."""
    path = f"octo/income/.github/workflows/{file or FILES[role]}.yml@{ref}"
    facts = {
        "repository": REPOSITORY["Repository"],
        "repository_id": REPOSITORY["RepositoryId"],
        "repository_owner_id": REPOSITORY["OwnerId"],
        "ref": ref,
        "sha": "a" * 40,
        "event_name": "pull_request" if role == "pull-request" else "push",
        "workflow_ref": path,
        "job_workflow_ref": path,
        "immutable_subject": immutable,
        **({"environment": environment} if environment else {}),
        **changes,
    }
    asked = urllib.request.Request(
        f"{url}/_emulator/oidc/jobs",
        data=json.dumps(facts).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked) as answer:
        job = json.load(answer)
    request = urllib.request.Request(
        f"{job['url']}&audience=sts.amazonaws.com", headers={"Authorization": f"bearer {job['token']}"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["value"]


def test_cfn_lint_has_nothing_to_say():
    templates = sorted(map(str, (INNER / "infra").glob("*.yml")))
    lint = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([lint, *templates], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_every_option_makes_a_stack(make):
    made = make("whole", "stack.yml", Project="whole", **OPTIONS)
    net = make("whole-network", "network.yml", Project="whole", Bucket=made["BucketName"])
    assert net["VpcId"].startswith("vpc-")
    assert len(net["SubnetIds"].split(",")) == 2


@pytest.mark.parametrize("immutable", [False, True], ids=["the older subject", "the newer subject"])
@pytest.mark.parametrize(
    ("role", "job"),
    [
        ("pull-request", {"ref": "refs/pull/7/merge"}),
        ("pipeline", {}),
        ("deploy", {"environment": "staging"}),
        ("deploy", {"environment": "production"}),
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
        pytest.param("pipeline", {"environment": "production"}, id="the pipeline in an environment"),
        pytest.param("infra", {"environment": "staging"}, id="an environment that is not infra's"),
        pytest.param("pipeline", {"repository_id": "999"}, id="a repository of the same name"),
        pytest.param(
            "pull-request", {"repository_id": "999", "ref": "refs/pull/7/merge"}, id="another's pull request"
        ),
        pytest.param("deploy", {"forged": True}, id="a forged token"),
        pytest.param("deploy", {"expires_in": -3600}, id="a token of yesterday"),
    ],
)
def test_a_role_is_refused_to_others(account, role, job):
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
def test_a_role_is_denied_what_is_not_its_own(account, client, role, service, operation, request_):
    request = {**request_, **({"Bucket": account.BucketName} if service == "s3" else {})}
    if operation == "put_role_policy":
        request["PolicyDocument"] = json.dumps(NOTHING)
    called = getattr(client(service, keys(account, role)), operation)
    with pytest.raises(ClientError) as denied:
        called(**request)
    assert denied.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")


def test_each_role_may_do_its_own(account, client):
    looks = client("sagemaker", keys(account, "pull-request"))
    assert looks.list_model_packages(ModelPackageGroupName="income")["ModelPackageSummaryList"] == []
    writes = client("s3", keys(account, "pipeline"))
    writes.put_object(Bucket=account.BucketName, Key="data/adult/x", Body=b"1")
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
