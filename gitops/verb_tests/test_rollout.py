"""An endpoint is asked rightly, and nothing is called deployed that was not proven."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

from doubles.aws import (
    RELEASE,
    Bucket,
    Client,
    answer,
    error,
    input_shape,
    make_aws,
    make_package,
    make_run,
    packages,
    watched,
)
from sagemaker_gitops import endpoints, names, network, proof, rollout
from sagemaker_gitops.errors import DeployFailed, NotStarted
from sagemaker_gitops.run import Run
from sagemaker_gitops.story import Step

ARCHIVE = hashlib.sha256(b"model").hexdigest()
CONFIG = "income-model-production-abababababab-1"
GOLDEN = {
    "content_type": "application/json",
    "tolerance": 1e-4,
    "cases": [
        {"body": {"instances": [[1]]}, "predictions": [0.25]},
        {"body": {"instances": [[2]]}, "predictions": [[0.1, 0.9]]},
    ],
}


def endpoint(**changes: object) -> dict[str, object]:
    right = {
        "EndpointName": "income-model-production",
        "EndpointStatus": "InService",
        "EndpointConfigName": CONFIG,
    }
    return right | changes


VPC = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]}
ROLE = "arn:aws:iam::123456789012:role/r"


def in_vpc(run: Run) -> Run:
    run.__dict__["stack"] = dataclasses.replace(run.stack, vpc=VPC)
    return run


@pytest.mark.parametrize("approval", ["PendingManualApproval", "Approved"])
def test_boto3_accepts_the_requests(make_settings, approval):
    package, reach = make_package(approval=approval), network.of_model(in_vpc(make_run(make_settings())))
    requests = {
        "CreateModel": rollout.model_request("name", package, ROLE, reach),
        "CreateEndpointConfig": rollout.config_request("name", make_settings().environment("staging"), "key"),
    }
    for operation, request in requests.items():
        validate_parameters(request, input_shape(operation))


ROLLOUTS = {
    "small": ({}, 1, "ALL_AT_ONCE", [0, 300]),
    "safe": ({"preset": "safe"}, 2, "CANARY", [300, 300]),
    "linear": ({"strategy": "linear", "share": 0.25, "bake_minutes": 4}, 4, "LINEAR", [240, 300]),
    "rolling": ({"strategy": "rolling", "share": 0.5}, 2, None, [300, None]),
}


@pytest.mark.parametrize(("rollout_table", "count", "kind", "waits"), ROLLOUTS.values(), ids=ROLLOUTS.keys())
def test_boto3_accepts_each_strategy_and_its_waits_are_those_of_the_table(
    make_settings, rollout_table, count, kind, waits
):
    tables = {
        "environments.production.instance_count": count,
        "environments.production.rollout": rollout_table,
    }
    request = rollout.update_request(watched(make_settings(**tables)), same_machines=True)
    validate_parameters({"EndpointName": "e", **request}, input_shape("UpdateEndpoint"))
    deployment = request["DeploymentConfig"]
    policy = deployment.get("BlueGreenUpdatePolicy") or deployment["RollingUpdatePolicy"]
    routing = policy.get("TrafficRoutingConfiguration", policy)
    assert (routing.get("Type"), routing["WaitIntervalInSeconds"]) == (kind, waits[0])
    assert policy.get("TerminationWaitInSeconds") == waits[1]
    assert 600 <= policy["MaximumExecutionTimeoutInSeconds"] <= 28800


@pytest.mark.parametrize(("count", "percent"), [(2, 50), (3, 34), (10, 10), (50, 10)])
def test_a_canary_is_one_machine_or_a_tenth_unless_told_otherwise(make_settings, count, percent):
    tables = {
        "environments.production.instance_count": count,
        "environments.production.rollout": {"preset": "safe"},
    }
    request = rollout.update_request(watched(make_settings(**tables)), same_machines=True)
    routing = request["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["CanarySize"] == {"Type": "CAPACITY_PERCENT", "Value": percent}


@pytest.mark.parametrize("percent", [7, 14, 28])  # times 0.01 and 100, each is a little more than itself
def test_a_share_is_asked_for_as_it_is_written(make_settings, percent):
    tables = {
        "environments.production.instance_count": 50,
        "environments.production.rollout": {"preset": "safe", "share": percent / 100},
    }
    request = rollout.update_request(watched(make_settings(**tables)), same_machines=True)
    routing = request["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["CanarySize"]["Value"] == percent


def configs(**machines: tuple[str, int]) -> Client:
    """Return SageMaker with these endpoint configs."""

    def describe(EndpointConfigName: str) -> dict:
        kind, count = machines[EndpointConfigName]
        return {"ProductionVariants": [{"InstanceType": kind, "InitialInstanceCount": count}]}

    return Client(describe_endpoint_config=describe)


@pytest.mark.parametrize(
    ("running", "strategy", "percent"),
    [
        pytest.param(1, "ALL_AT_ONCE", None, id="autoscaled down to one: it has no half"),
        pytest.param(3, "CANARY", 34, id="autoscaled up to three: one of them"),
        pytest.param(None, "CANARY", 50, id="as the settings say"),
    ],
)
def test_the_first_step_is_a_part_of_the_machines_that_run(make_settings, running, strategy, percent):
    tables = {
        "environments.production.instance_count": 2,
        "environments.production.rollout": {"preset": "safe", "bake_minutes": 3, "final_bake_minutes": 7},
    }
    run = make_run(make_settings(**tables), sagemaker=configs(new=("ml.m5.large", 2)))
    now = running and {"ProductionVariants": [{"DesiredInstanceCount": running}]}
    machines = run.settings.environments.production.of(rollout.machine_count(run, "new", now))
    asked = rollout.deployment(machines, ["a"])
    policy = asked["BlueGreenUpdatePolicy"]
    routing = policy["TrafficRoutingConfiguration"]
    assert (routing["Type"], policy["TerminationWaitInSeconds"]) == (strategy, 420)
    assert routing.get("CanarySize", {}).get("Value") == percent
    request = {"EndpointName": "e", "EndpointConfigName": "new", "DeploymentConfig": asked}
    validate_parameters(request, input_shape("UpdateEndpoint"))


@pytest.mark.parametrize(
    ("there", "kept"),
    [
        pytest.param(("ml.m5.large", 1), True, id="the same machines: autoscaling's number stays"),
        pytest.param(("ml.m5.large", 2), False, id="another number"),
        pytest.param(("ml.c5.large", 1), False, id="another type"),
    ],
)
def test_what_autoscaling_has_set_stays_unless_other_machines_are_wanted(make_settings, there, kept):
    run = make_run(make_settings(), sagemaker=configs(old=there, new=("ml.m5.large", 1)))
    same = rollout.same_machines(run, "old", "new")
    assert rollout.update_request(watched(run.settings), same)["RetainAllVariantProperties"] is kept


def test_only_an_approved_package_is_served_as_a_package():
    approved = rollout.model_request("name", make_package(approval="Approved"), "role", {})
    assert "ModelPackageName" in approved["PrimaryContainer"]
    pending = rollout.model_request("name", make_package(3), "role", {})["PrimaryContainer"]
    assert "ModelPackageName" not in pending
    assert pending["ModelDataUrl"] == "s3://bucket/model.tar.gz"
    assert pending["Environment"] == {"MODEL_PACKAGE_VERSION": "3"}


def test_a_container_that_serves_reaches_what_settings_and_stack_say(make_settings):
    def asked(run):
        client = Client()
        run.aws.__dict__["sagemaker"] = client
        name = rollout.make_config(run, "production", make_package())
        made = dict(client.asked)["create_model"]
        return name, {key: made.get(key) for key in ("EnableNetworkIsolation", "VpcConfig")}

    usual, first = asked(make_run(make_settings()))
    opened, second = asked(make_run(make_settings(**{"network.isolation": False})))
    joined, third = asked(in_vpc(make_run(make_settings())))
    assert first == {"EnableNetworkIsolation": True, "VpcConfig": None}
    assert second == {"EnableNetworkIsolation": False, "VpcConfig": None}
    assert third == {"EnableNetworkIsolation": True, "VpcConfig": VPC}
    assert len({usual, opened, joined}) == 3  # a config cannot be changed: each has its own


def test_every_name_fits_sagemaker():
    longest = names.deployment("a" * 24, "production", RELEASE, 99999) + "-abcdefgh"
    assert len(longest) <= 63


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param(
            {"EndpointConfigName": "old", "FailureReason": "alarm"}, "E401", id="rolled back, with a reason"
        ),
        pytest.param({"EndpointConfigName": "old"}, "E401", id="rolled back silently"),
        pytest.param({"FailureReason": "could not ping"}, "E401", id="in service with a reason"),
        pytest.param({"EndpointStatus": "Failed"}, "E402", id="failed"),
        pytest.param({"EndpointStatus": "UpdateRollbackFailed"}, "E402", id="a mixed fleet"),
        pytest.param(
            {"PendingDeploymentSummary": {"EndpointConfigName": "new"}}, "E402", id="something is pending"
        ),
    ],
)
def test_an_endpoint_that_is_not_wholly_well_is_not_deployed(changes, code):
    with pytest.raises(DeployFailed) as failed:
        proof.of_state(endpoint(**changes), CONFIG)
    assert failed.value.code == code
    assert failed.value.exit_code == 4


def test_an_endpoint_that_serves_the_config_is_deployed():
    proof.of_state(endpoint(), CONFIG)


def test_the_reason_of_an_earlier_update_is_no_reason_against_what_served_before():
    proof.of_state(endpoint(FailureReason="the update after this one failed"), CONFIG, asked=False)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        pytest.param(answer([0.25], release="cd" * 32), "instead of abababababab", id="another release"),
        pytest.param(answer([0.25], package=2), "version 2 answered instead of 1", id="another version"),
        pytest.param(answer([0.25]) | {"CustomAttributes": ""}, "carries no release", id="no release"),
        pytest.param(answer([0.26]), "differ", id="a wrong number"),
        pytest.param(answer([float("nan")]), "differ", id="NaN with status 200"),
        pytest.param(answer([None]), "differ", id="null"),
        pytest.param(answer([True]), "differ", id="a truth for a number"),
        pytest.param(answer([0.25, 0.25]), "differ", id="too many"),
        pytest.param(answer([]), "differ", id="none"),
        pytest.param(error("ModelError", operation="InvokeEndpoint"), "ModelError", id="an error"),
    ],
)
def test_a_wrong_answer_is_not_deployed(reply, why):
    aws = make_aws(runtime=Client(invoke_endpoint=reply))
    with pytest.raises(DeployFailed) as failed:
        proof.of_answers(aws, "income-model-production", GOLDEN, make_package())
    assert failed.value.code == "E402"
    assert why in failed.value.why
    assert "0.2" not in "".join(failed.value.lines())  # no value of anything


def test_all_golden_requests_are_sent_and_counted():
    replies = itertools.chain([answer([0.25001]), answer([[0.1, 0.9]])])
    client = Client(invoke_endpoint=lambda **_: next(replies))
    assert proof.of_answers(make_aws(runtime=client), "e", GOLDEN, make_package()) == 2
    assert [json.loads(request["Body"]) for _, request in client.asked] == [
        case["body"] for case in GOLDEN["cases"]
    ]


def test_no_golden_requests_prove_nothing():
    with pytest.raises(DeployFailed, match="no golden requests"):
        proof.of_answers(make_aws(), "e", GOLDEN | {"cases": []}, make_package())


def deploy(
    make_settings,
    package,
    sagemaker: Client,
    archive: bytes | None = b"model",
    logs: Client | None = None,
    **changed: bytes | None,
) -> Step:
    replies = itertools.cycle([answer([0.25]), answer([[0.1, 0.9]])])
    folder, body = f"releases/{RELEASE}/exec1/evaluate/evaluation", json.dumps(GOLDEN).encode()
    evaluation = {"artifact": {"sha256": ARCHIVE, "files": {"golden.json": hashlib.sha256(body).hexdigest()}}}
    recorded = json.dumps(evaluation).encode()
    reports = {"evaluation.json": recorded, "golden.json": body} | changed
    anchor = {"evaluation_sha256": hashlib.sha256(recorded).hexdigest()}
    package = dataclasses.replace(package, metadata=anchor | package.metadata)
    objects = {"model.tar.gz": archive} | {f"{folder}/{name}": body for name, body in reports.items()}
    run = make_run(
        make_settings(),
        sagemaker=sagemaker,
        logs=logs or Client(),
        runtime=Client(invoke_endpoint=lambda **_: next(replies)),
        s3=Bucket({name: body for name, body in objects.items() if body is not None}),
    )
    with run.story.step("production") as step:
        rollout.serve(run, rollout.prepare(run, "production", package, step), step)
    return step


def test_a_first_deploy_creates_the_endpoint_and_proves_it(make_settings):
    state: dict[str, str] = {}

    def describe_endpoint(**_: object) -> object:
        return (
            endpoint(EndpointConfigName=state["config"])
            if state
            else error("ValidationException", "Could not find endpoint")
        )

    client = Client(
        describe_endpoint=describe_endpoint,
        create_endpoint=lambda EndpointConfigName, **_: state.update(config=EndpointConfigName),
    )
    step = deploy(make_settings, make_package(artifact_sha256=ARCHIVE), client)
    assert "2 golden requests" in step.note
    assert [name for name in client.operations() if name.startswith(("create", "update"))] == [
        "create_model",
        "create_endpoint_config",
        "create_endpoint",
    ]


OLD, THEIRS = "income-model-production-0", "income-model-production-9"
UNDER_WAY = {"EndpointStatus": "Updating", "PendingDeploymentSummary": {"EndpointConfigName": THEIRS}}


@pytest.mark.parametrize(
    ("ended", "overtaken"),
    [
        pytest.param(THEIRS, True, id="the other one took over"),
        pytest.param(OLD, False, id="the other one went back, or its runner was killed"),
        pytest.param("income-model-shadow-0", False, id="the other one left a shadow"),
    ],
)
def test_a_release_waits_for_another_one_and_looks_what_it_did(make_settings, monkeypatch, ended, overtaken):
    monkeypatch.setattr(endpoints.time, "sleep", lambda _: None)
    monkeypatch.setattr(rollout.proof, "golden", lambda *_: GOLDEN)
    monkeypatch.setattr(rollout.proof, "of_archive", lambda *_: None)
    looks = iter([endpoint(EndpointConfigName=OLD) | UNDER_WAY] * 3)
    client = Client(describe_endpoint=lambda **_: next(looks, endpoint(EndpointConfigName=ended)))
    run = make_run(make_settings(), sagemaker=client)
    with run.story.step("production") as step:
        if overtaken:
            with pytest.raises(NotStarted, match="E413 another release"):
                rollout.prepare(run, "production", make_package(2), step)
        else:
            assert rollout.prepare(run, "production", make_package(2), step).asked is False
    assert client.operations().count("describe_endpoint") == 4


def test_of_two_first_releases_the_slower_one_leaves_production_to_the_other(make_settings):
    state: dict[str, str] = {}

    def create_endpoint(**_: object) -> object:
        state["config"] = THEIRS  # made a moment earlier
        return error("ValidationException", "Cannot create already existing endpoint", "CreateEndpoint")

    client = Client(
        describe_endpoint=lambda **_: (
            endpoint(EndpointConfigName=state["config"], EndpointStatus="Creating")
            if state
            else error("ValidationException", "Could not find endpoint")
        ),
        create_endpoint=create_endpoint,
    )
    with pytest.raises(NotStarted, match="E413 another release came in between"):
        deploy(make_settings, make_package(artifact_sha256=ARCHIVE), client)


def test_a_creation_that_aws_refuses_for_any_other_reason_is_its_own_error(make_settings):
    client = Client(
        describe_endpoint=error("ValidationException", "Could not find endpoint"),
        create_endpoint=error("ResourceLimitExceeded", "0 instances", "CreateEndpoint"),
    )
    with pytest.raises(ClientError, match="ResourceLimitExceeded"):
        deploy(make_settings, make_package(artifact_sha256=ARCHIVE), client)


def test_an_archive_that_is_not_the_evaluated_one_is_never_served(make_settings):
    client = Client(describe_endpoint=endpoint())
    with pytest.raises(DeployFailed, match="not the model that was evaluated"):
        deploy(make_settings, make_package(artifact_sha256=ARCHIVE), client, archive=b"another")
    assert not [name for name in client.operations() if name.startswith(("create", "update"))]


EDITED = json.dumps(GOLDEN | {"tolerance": 9}).encode()
FITTING = {"artifact": {"sha256": ARCHIVE, "files": {"golden.json": hashlib.sha256(EDITED).hexdigest()}}}
BOTH = {"golden.json": EDITED, "evaluation.json": json.dumps(FITTING).encode()}


@pytest.mark.parametrize(
    ("changed", "metadata", "what", "where"),
    [
        pytest.param(
            {"golden.json": EDITED}, {}, "not the ones that evaluation recorded", "golden.json", id="requests"
        ),
        pytest.param(BOTH, {}, "not the one that version 1", "evaluation.json", id="requests and evaluation"),
        pytest.param(
            {}, {"artifact_sha256": "00" * 32}, "not the one that version 1", "evaluation.json", id="archive"
        ),
    ],
)
def test_what_was_edited_after_evaluation_proves_nothing(make_settings, changed, metadata, what, where):
    client = Client(describe_endpoint=endpoint())
    package = make_package(**{"artifact_sha256": ARCHIVE} | metadata)
    with pytest.raises(DeployFailed, match=what) as failed:
        deploy(make_settings, package, client, **changed)
    assert failed.value.code == "E402"
    assert failed.value.where.endswith(where)
    assert client.asked == []


@pytest.mark.parametrize("gone", ["archive", "evaluation.json", "golden.json"])
def test_what_somebody_has_deleted_is_named_and_proves_nothing(make_settings, gone):
    client = Client(describe_endpoint=endpoint())
    with pytest.raises(DeployFailed, match="what was evaluated is gone") as failed:
        deploy(make_settings, make_package(artifact_sha256=ARCHIVE), client, **{gone: None})
    assert failed.value.code == "E402"
    assert failed.value.where.endswith("model.tar.gz" if gone == "archive" else gone)
    assert client.asked == []


def test_a_package_that_no_release_made_is_refused_by_what_it_lacks(make_settings):
    package = dataclasses.replace(make_package(), metadata={"release_id": RELEASE})
    with pytest.raises(DeployFailed, match="version 1 is no whole release") as failed:
        proof.golden(make_aws(), "bucket", package)
    assert "execution_id, artifact_sha256" in failed.value.why


@pytest.mark.parametrize(
    ("got", "close"), [(100.009, True), (100.03, False), (float("inf"), False), ("100", False)]
)
def test_large_predictions_are_compared_as_the_server_compares_its_own(got, close):
    found = proof.wrong({"predictions": [got]}, f"release={RELEASE};package=1", [100.0], 1e-4, make_package())
    assert (found is None) is close


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        pytest.param(answer([0.25]), None, id="the right one"),
        pytest.param(answer([0.35]), "differ", id="a wrong number"),
        pytest.param(answer([0.25], release="cd" * 32), "instead of", id="another release"),
    ],
)
def test_a_request_is_compared_with_what_was_recorded(make_settings, monkeypatch, reply, why):
    monkeypatch.setattr(proof, "golden", lambda *_: GOLDEN)
    runtime = Client(invoke_endpoint=reply)
    run = make_run(make_settings(), sagemaker=packages("Approved", serving=1), runtime=runtime)
    monkeypatch.setattr(proof.registry, "served", lambda *_: make_package())
    if why is None:
        assert proof.request(run, "production")["release_id"] == RELEASE
        return
    with pytest.raises(DeployFailed, match="not answered rightly") as failed:
        proof.request(run, "production")
    assert failed.value.code == "E402"
    assert why in failed.value.why


def test_a_container_that_never_comes_up_is_told_with_the_end_of_its_log(make_settings):
    began, made = datetime(2026, 1, 1, tzinfo=UTC), []
    missing = error("ValidationException", "Could not find endpoint")

    def describe_endpoint(**_: object) -> object:
        return endpoint(EndpointStatus="Failed", CreationTime=began) if made else missing

    client = Client(describe_endpoint=describe_endpoint, create_endpoint=lambda **_: made.append(1))
    lines = ["Traceback", '  File "server.py", line 7', "    raise", "RuntimeError: boom"]
    logs = Client(
        describe_log_streams={
            "logStreams": [{"logStreamName": "s", "creationTime": began.timestamp() * 1000}]
        },
        get_log_events={"events": [{"message": line} for line in lines]},
    )
    with pytest.raises(DeployFailed, match="the endpoint is Failed") as failed:
        deploy(make_settings, make_package(artifact_sha256=ARCHIVE), client, logs=logs)
    assert failed.value.why.endswith('File "server.py", line 7 | raise | RuntimeError: boom')
    assert failed.value.detail == lines
    assert len(failed.value.lines()) == 4


def test_an_endpoint_that_failed_is_deleted_before_it_is_made_again(make_settings):
    states = [endpoint(EndpointStatus="Failed"), error("ValidationException", "Could not find endpoint")]
    made: dict[str, str] = {}

    def describe_endpoint(**_: object) -> object:
        if made:
            return endpoint(EndpointConfigName=made["config"])
        return states[0] if "delete_endpoint" not in client.operations() else states[1]

    client = Client(
        describe_endpoint=describe_endpoint,
        create_endpoint=lambda EndpointConfigName, **_: made.update(config=EndpointConfigName),
    )
    deploy(make_settings, make_package(artifact_sha256=ARCHIVE), client)
    assert client.operations().index("delete_endpoint") < client.operations().index("create_endpoint")


def test_another_role_or_key_gets_a_config_of_its_own(make_settings):
    def config(**changed: str) -> str:
        run = make_run(make_settings(), sagemaker=Client())
        run.__dict__["stack"] = dataclasses.replace(run.stack, **changed)
        return rollout.make_config(run, "production", make_package())

    assert config() == config()
    assert len({config(), config(role="another"), config(key="another")}) == 3
