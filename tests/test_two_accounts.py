"""Production in an account of its own: who takes its roles, and what they may in the registry's account."""

from __future__ import annotations

import io
import json
import tarfile
import time
from types import SimpleNamespace
from urllib.parse import unquote

import accounts
import pytest
from accounts import ACCOUNT, OTHER, REGION, REPOSITORY
from botocore.exceptions import ClientError
from sagemaker_emulator.policies import Request, evaluate

BRANCH = "refs/heads/a-branch"
DEPLOY = f"arn:aws:iam::{{}}:role/income-{REGION}-deploy"
EXECUTION = f"arn:aws:iam::{OTHER}:role/income-{REGION}-execution"
GROUP = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/income"
ENDPOINT = f"arn:aws:sagemaker:{REGION}:{OTHER}:endpoint/income-production"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/income:0123456789ab-serve"
BUCKET = f"income-{ACCOUNT}-{REGION}"
RELEASE = "releases/0123456789ab"
MODEL = f"{RELEASE}/e/evaluate/artifact/model.tar.gz"
PROOF = [f"{RELEASE}/e/evaluate/evaluation/{name}.json" for name in ("evaluation", "golden")]
ROWS = ["data/adult/x", *(f"{RELEASE}/e/validate/{name}/part-0.parquet" for name in ("train", "test"))]
NAME = "income-production-0123456789ab-1-00000000"
REFUSED = ("AccessDenied", "AccessDeniedException")
DOCKERFILE = 'FROM python:3.11-slim\nCOPY serve.py serve.py\nENTRYPOINT ["python", "serve.py"]\n'
SERVE = """
import http.server, os
said = open(os.environ["SAGEMAKER_BASE_DIR"] + "/model/answer.txt", "rb").read()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def do_POST(self):
        self.send_response(200); self.end_headers(); self.wfile.write(said)
http.server.HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two accounts of an emulator that enforces IAM."""
    with accounts.enforced(tmp_path_factory.mktemp("emulator")) as made:
        yield made


@pytest.fixture(scope="module")
def registry(world, tmp_path_factory):
    """The account that trains, with a release: image, archive, package, and data that nobody else may see."""
    made = world.make("income", "stack.yml", Project="income", ProductionAccount=OTHER)
    given = {"Bucket": made["BucketName"], "Key": made["KeyArn"], "ExecutionRole": made["ExecutionRoleArn"]}
    world.make("income-github", "github.yml", Project="income", **REPOSITORY, **given)
    folder = tmp_path_factory.mktemp("image")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "serve.py").write_text(SERVE)
    world.docker(folder, IMAGE)
    s3, sagemaker = world.client("s3"), world.client("sagemaker")
    objects = {MODEL: archive(b"42"), "outcomes/c/1/pipeline.json": b"{}"} | dict.fromkeys(PROOF, b"{}")
    objects |= dict.fromkeys(ROWS, b"1")
    for key, body in objects.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{MODEL}"}
    package = sagemaker.create_model_package(
        ModelPackageGroupName="income",
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={"Containers": [container], "SupportedContentTypes": ["application/json"]},
    )
    return SimpleNamespace(**made, package=package["ModelPackageArn"])


@pytest.fixture(scope="module")
def production(world, registry):
    """The account that serves."""
    given = {"RegistryAccount": ACCOUNT, "RegistryKey": registry.KeyArn}
    return SimpleNamespace(
        **world.make("income", "production.yml", OTHER, Project="income", **REPOSITORY, **given)
    )


@pytest.fixture(scope="module")
def deploy(world, production):
    """Return client(service) as production's deploy role, for the job that deploys."""
    keys = world.take(DEPLOY.format(OTHER), world.token("production"))
    return lambda service: world.client(service, keys)


@pytest.fixture(scope="module")
def staging(world, production):
    """Return client(service) as the registry account's deploy role, for the job that proves on staging."""
    keys = world.take(DEPLOY.format(ACCOUNT), world.token("deploy", environment="staging"))
    return lambda service: world.client(service, keys)


@pytest.fixture(scope="module")
def endpoint(world, production):
    """Return client(service) as production's execution role, once an administrator lets a person take it."""
    iam, own = world.client("iam", OTHER), {"AWS": f"arn:aws:iam::{OTHER}:root"}
    name = EXECUTION.rsplit("/", 1)[1]
    before = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    opened = {"Effect": "Allow", "Principal": own, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [opened]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))
    taken = world.client("sts", OTHER).assume_role(RoleArn=EXECUTION, RoleSessionName="a-person")[
        "Credentials"
    ]
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(told(before)))
    return lambda service: world.client(service, taken)


def archive(body):
    """Return a model.tar.gz with one file."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        info = tarfile.TarInfo("answer.txt")
        info.size = len(body)
        tar.addfile(info, io.BytesIO(body))
    return target.getvalue()


def told(document):
    """Return a policy as IAM shows it."""
    return json.loads(unquote(document)) if isinstance(document, str) else document


def refusal(call, **request):
    """Return the code that a call is refused with."""
    with pytest.raises(ClientError) as refused:
        call(**request)
    return refused.value.response["Error"]["Code"]


# --- who takes production's deploy role


@pytest.mark.parametrize("immutable", [False, True], ids=["the older subject", "the newer subject"])
@pytest.mark.parametrize(
    "job",
    [
        pytest.param({"file": "production"}, id="production.yml"),
        pytest.param({"file": "rollback", "environment": "production"}, id="rollback.yml"),
        pytest.param({"file": "rollback"}, id="rollback.yml where there are no environments"),
        pytest.param({"file": "reconcile"}, id="reconcile.yml"),
    ],
)
def test_its_own_jobs_take_productions_role(world, production, job, immutable):
    taken = world.take(DEPLOY.format(OTHER), world.token(**job, immutable=immutable))
    arn = world.client("sts", taken).get_caller_identity()["Arn"]
    assert arn == f"arn:aws:sts::{OTHER}:assumed-role/income-{REGION}-deploy/a-job"


@pytest.mark.parametrize(
    "job",
    [
        pytest.param({"file": "deploy", "environment": "staging"}, id="staging's proof"),
        pytest.param({"file": "deploy"}, id="staging's proof where there are no environments"),
        pytest.param(
            {"file": "deploy", "environment": "production"}, id="deploy.yml, which asks the reviewer"
        ),
        pytest.param({"file": "production", "environment": "staging"}, id="production.yml in staging"),
        pytest.param({"file": "infra", "environment": "infrastructure"}, id="infra.yml"),
        pytest.param({"file": "infra"}, id="infra.yml where there are no environments"),
        pytest.param({"file": "release", "environment": "production"}, id="release.yml"),
        pytest.param({"file": "release"}, id="release.yml on main"),
        pytest.param({"file": "production", "ref": BRANCH}, id="a branch"),
        pytest.param(
            {"file": "rollback", "environment": "production", "ref": BRANCH}, id="a branch's environment"
        ),
        pytest.param({"file": "reconcile", "ref": BRANCH}, id="a branch's schedule"),
        pytest.param(
            {"file": "production", "event_name": "pull_request", "ref": "refs/pull/7/merge"},
            id="a pull request",
        ),
        pytest.param(
            {"file": "production", "repository_id": "999"}, id="another repository of the same name"
        ),
        pytest.param({"file": "production", "repository": "octo/other"}, id="another repository"),
        pytest.param({"file": "production", "forged": True}, id="a forged token"),
    ],
)
def test_nobody_else_takes_it(world, production, job):
    code = refusal(world.take, arn=DEPLOY.format(OTHER), token=world.token(**job))
    assert code in ("AccessDenied", "InvalidIdentityToken")


# --- what it does in the registry's account


def test_it_reads_the_registry_and_notes_its_proof(deploy, production, registry):
    sagemaker = deploy("sagemaker")
    assert production.ModelPackageGroupName == GROUP
    listed = sagemaker.list_model_packages(ModelPackageGroupName=GROUP)["ModelPackageSummaryList"]
    assert [each["ModelPackageArn"] for each in listed] == [registry.package]
    for change in (
        {"ModelApprovalStatus": "Approved"},
        {"CustomerMetadataProperties": {"production": "proven"}},
    ):
        sagemaker.update_model_package(ModelPackageArn=registry.package, **change)
    package = sagemaker.describe_model_package(ModelPackageName=registry.package)
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["CustomerMetadataProperties"] == {"production": "proven"}


def test_it_neither_registers_nor_takes_an_approval_back(deploy, registry):
    sagemaker = deploy("sagemaker")
    pending = {"ModelApprovalStatus": "PendingManualApproval"}
    assert refusal(sagemaker.update_model_package, ModelPackageArn=registry.package, **pending) in REFUSED
    assert refusal(sagemaker.create_model_package, ModelPackageGroupName=GROUP) in REFUSED
    assert refusal(sagemaker.delete_model_package, ModelPackageName=registry.package) in REFUSED
    assert (
        refusal(sagemaker.create_model_package, ModelPackageGroupName="income") in REFUSED
    )  # its own account


def test_it_reads_what_a_proof_needs_and_writes_the_evidence(world, deploy):
    s3 = deploy("s3")
    assert s3.get_object(Bucket=BUCKET, Key=MODEL)["ContentLength"] > 0
    for key in PROOF:
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"{}"
    for key in (f"{RELEASE}/rollout.json", "outcomes/c/1/promote.json"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"2", ChecksumAlgorithm="SHA256")
        mine = world.client("s3").head_object(Bucket=BUCKET, Key=key)  # of the registry's account, by its key
        assert (mine["ServerSideEncryption"], mine["ContentLength"]) == ("aws:kms", 1)
    # What an earlier run has seen of this rollout: else a record that nobody watched it is written over it.
    assert s3.get_object(Bucket=BUCKET, Key=f"{RELEASE}/rollout.json")["Body"].read() == b"2"
    assert refusal(s3.get_object, Bucket=BUCKET, Key="outcomes/c/1/promote.json") in REFUSED
    assert refusal(s3.get_object, Bucket=BUCKET, Key=MODEL.replace("/e/", "/f/")) == "NoSuchKey"


@pytest.mark.parametrize("key", [MODEL, f"{RELEASE}/release.json", "data/adult/x", "elsewhere/x"])
def test_it_writes_nothing_else(deploy, key):
    assert refusal(deploy("s3").put_object, Bucket=BUCKET, Key=key, Body=b"2") in REFUSED


def test_it_neither_reads_the_data_nor_opens_what_s3_does_not(world, deploy, registry):
    for key in (*ROWS, f"{RELEASE}/release.json", "outcomes/c/1/pipeline.json"):
        assert refusal(deploy("s3").get_object, Bucket=BUCKET, Key=key) in REFUSED
    sealed = world.client("kms").encrypt(KeyId=registry.KeyArn, Plaintext=b"x")["CiphertextBlob"]
    assert refusal(deploy("kms").decrypt, KeyId=registry.KeyArn, CiphertextBlob=sealed) in REFUSED
    assert refusal(deploy("s3").delete_object, Bucket=BUCKET, Key=MODEL) in REFUSED


def test_another_role_of_its_account_writes_nothing(world, production, registry):
    mighty = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "Action": "sts:AssumeRole",
    }
    iam = world.client("iam", OTHER)
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="mighty", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.put_role_policy(RoleName="mighty", PolicyName="all", PolicyDocument=json.dumps(mighty))
    taken = world.client("sts", OTHER).assume_role(RoleArn=arn, RoleSessionName="a-person")["Credentials"]
    s3, sagemaker = world.client("s3", taken), world.client("sagemaker", taken)
    for key in (MODEL, *PROOF):  # a person asks what serves there
        assert s3.get_object(Bucket=BUCKET, Key=key)["ContentLength"] > 0
    assert refusal(s3.put_object, Bucket=BUCKET, Key="outcomes/x", Body=b"2") in REFUSED
    for key in ("outcomes/c/1/pipeline.json", *ROWS):
        assert refusal(s3.get_object, Bucket=BUCKET, Key=key) in REFUSED
    assert refusal(s3.list_objects_v2, Bucket=BUCKET) in REFUSED
    change = {"CustomerMetadataProperties": {"production": "proven"}}
    assert refusal(sagemaker.update_model_package, ModelPackageArn=registry.package, **change) in REFUSED


# --- serving, and who may not touch it


def test_it_serves_the_registrys_package_in_its_own_account(deploy, production, registry):
    sagemaker, runtime = deploy("sagemaker"), deploy("sagemaker-runtime")
    sagemaker.create_model(
        ModelName=NAME,
        ExecutionRoleArn=production.ExecutionRoleArn,
        PrimaryContainer={"ModelPackageName": registry.package},
    )
    variant = {
        "VariantName": "main",
        "ModelName": NAME,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    sagemaker.create_endpoint_config(
        EndpointConfigName=NAME, ProductionVariants=[variant], KmsKeyId=production.KeyArn
    )
    sagemaker.create_endpoint(EndpointName="income-production", EndpointConfigName=NAME)
    ends = time.monotonic() + 60
    while (seen := sagemaker.describe_endpoint(EndpointName="income-production"))[
        "EndpointStatus"
    ] == "Creating":
        assert time.monotonic() < ends
        time.sleep(0.1)
    assert seen["EndpointStatus"] == "InService", seen.get("FailureReason")
    assert seen["EndpointArn"] == ENDPOINT
    answer = runtime.invoke_endpoint(EndpointName="income-production", Body=b"x")
    assert answer["Body"].read() == b"42"


def test_stagings_role_sees_no_data_either(staging):
    s3 = staging("s3")
    assert [s3.get_object(Bucket=BUCKET, Key=key)["ContentLength"] > 0 for key in (MODEL, *PROOF)] == [
        True
    ] * 3
    assert {refusal(s3.get_object, Bucket=BUCKET, Key=key) for key in ROWS} <= set(REFUSED)


def test_stagings_role_has_no_way_to_production(world, staging, production):
    """A name is looked up in the caller's account; an ARN of production's its policies do not name."""
    assert (
        refusal(staging("sts").assume_role, RoleArn=DEPLOY.format(OTHER), RoleSessionName="a-person")
        in REFUSED
    )
    assert refusal(staging("sts").assume_role, RoleArn=EXECUTION, RoleSessionName="a-person") in REFUSED
    there = refusal(staging("sagemaker").describe_endpoint, EndpointName="income-production")
    assert there == "ValidationException"  # none of that name in its own account
    assert refusal(staging("sagemaker").list_tags, ResourceArn=ENDPOINT) in REFUSED
    iam, name = world.client("iam"), f"income-{REGION}-deploy"
    own = told(iam.get_role_policy(RoleName=name, PolicyName="deploy")["PolicyDocument"])
    bound = f"arn:aws:iam::{ACCOUNT}:policy/income-{REGION}-boundary"
    (version,) = iam.list_policy_versions(PolicyArn=bound)["Versions"]
    limit = iam.get_policy_version(PolicyArn=bound, VersionId=version["VersionId"])["PolicyVersion"][
        "Document"
    ]
    role = DEPLOY.format(ACCOUNT)
    for account, allowed in ((OTHER, False), (ACCOUNT, True)):
        for action in ("DescribeEndpoint", "UpdateEndpoint", "DeleteEndpoint"):
            asked = Request(f"sagemaker:{action}", ENDPOINT.replace(OTHER, account), role, role)
            assert evaluate(asked, [own], boundary=told(limit)).allowed is allowed


def test_productions_execution_role_reads_what_it_serves_and_nothing_else(endpoint, registry):
    s3, sagemaker = endpoint("s3"), endpoint("sagemaker")
    assert s3.get_object(Bucket=BUCKET, Key=MODEL)["ContentLength"] > 0
    proof = {"CustomerMetadataProperties": {"production": "proven"}}
    denied = [
        refusal(sagemaker.update_model_package, ModelPackageArn=registry.package, **proof),
        refusal(sagemaker.create_model_package, ModelPackageGroupName=GROUP),
        refusal(s3.put_object, Bucket=BUCKET, Key="outcomes/x", Body=b"2"),
        refusal(s3.put_object, Bucket=BUCKET, Key=f"{RELEASE}/rollout.json", Body=b"2"),
        *(refusal(s3.get_object, Bucket=BUCKET, Key=key) for key in (*ROWS, *PROOF)),
        refusal(sagemaker.delete_endpoint, EndpointName="income-production"),
    ]
    assert set(denied) <= set(REFUSED)
