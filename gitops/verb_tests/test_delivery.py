"""Production after a release that failed: what served before, and whose fault it was."""

from __future__ import annotations

import itertools
from datetime import datetime

import pytest
from botocore.validate import validate_parameters
from rich.table import Table

from doubles.aws import (
    GROUP,
    NO_ENDPOINT,
    SERVING,
    Client,
    error,
    input_shape,
    make_aws,
    make_run,
    packages,
)
from sagemaker_gitops import alarms, delivery, endpoints, names, prices, registry, rollback, rollout, status
from sagemaker_gitops import release as releases
from sagemaker_gitops.errors import (
    AccessError,
    DeployFailed,
    MLOpsError,
    NotStarted,
    SettingsError,
    WrongRelease,
)
from sagemaker_gitops.proof import Ready

ROLLED_BACK = WrongRelease("E401 SageMaker rolled the release back\nendpoint\nalarm x\ntodo")
DENIED = error("AccessDeniedException", "no", "UpdateEndpoint")


@pytest.fixture
def production(make_settings, monkeypatch):
    """Return a production where `prepare` or `serve` of a version raises; it notes what it served."""

    def make(client: Client, **raising: BaseException):
        served: list[int] = []

        def prepare(run, environment, package, step, config="") -> Ready:
            if fault := raising.get(f"prepare_{package.version}"):
                raise fault
            return Ready(environment, config or f"config-{package.version}", package, {})

        def serve(run, ready, step) -> None:
            served.append(ready.package.version)
            ready.asked = f"unasked_{ready.package.version}" not in raising
            if fault := raising.get(f"serve_{ready.package.version}"):
                raise fault

        monkeypatch.setattr(rollout, "prepare", prepare)
        monkeypatch.setattr(rollout, "serve", serve)
        return make_run(make_settings(), sagemaker=client, cloudwatch=Client()), served

    return make


def release(run, version: int) -> None:
    delivery.to_production(run, registry.describe(run.aws, f"{GROUP}/{version}"))


def judged(client: Client) -> list[str]:
    """Return how packages were judged, in order."""
    changes = [request for operation, request in client.asked if operation == "update_model_package"]
    return [f"{change['ModelApprovalStatus']}: {change['ApprovalDescription']}" for change in changes]


def test_a_first_release_that_is_wrong_is_rejected_with_the_reason_and_leaves_no_endpoint(production):
    client = packages("Approved")
    run, _ = production(client, serve_1=ROLLED_BACK)
    with pytest.raises(WrongRelease):
        release(run, 1)
    assert judged(client) == [
        "Rejected: E401 SageMaker rolled the release back: alarm x; "
        f"evidence: s3://bucket/releases/{'1' * 64}/rollout.json"
    ]
    assert "delete_endpoint" not in client.operations()  # there was none


@pytest.mark.parametrize(
    ("fault", "rejected"),
    [
        pytest.param(ROLLED_BACK, True, id="a wrong release"),
        pytest.param(DENIED, False, id="AWS says no"),
        pytest.param(
            DeployFailed("E402 still Updating\nendpoint\nwaited\ntodo"), False, id="it takes too long"
        ),
        pytest.param(KeyboardInterrupt(), False, id="Ctrl-C"),
        pytest.param(KeyError("ours"), False, id="a fault of our own"),
    ],
)
def test_whatever_stops_it_production_is_put_back_and_only_a_wrong_release_is_rejected(
    production, fault, rejected
):
    client = packages("Approved", "Approved", serving=1)
    run, served = production(client, serve_2=fault)
    with pytest.raises(type(fault)):
        release(run, 2)
    assert served == [2, 1]
    assert len(judged(client)) == rejected
    assert [(step.name, step.verdict) for step in run.story.steps][1] == ("put back", "done")


def test_what_fails_before_production_is_asked_touches_nothing(production):
    client = packages("Approved", "Approved", serving=1)
    run, served = production(client, prepare_2=DeployFailed("E402 still Updating\ne\nsomebody else's\ntodo"))
    with pytest.raises(DeployFailed):
        release(run, 2)
    assert (served, judged(client), len(run.story.steps)) == ([], [], 1)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        pytest.param("Rejected", "E403", "version 2 is Rejected", id="rejected"),
        pytest.param(None, "E402", "version 2 is gone from the registry", id="deleted"),
    ],
)
@pytest.mark.parametrize("late", [False, True], ids=["before", "while it waits for others"])
def test_what_is_approved_no_more_when_its_turn_has_come_is_not_served(
    production, monkeypatch, status, code, words, late
):
    client = packages("Approved", "Approved", serving=1)
    run, served = production(client)
    package = registry.describe(run.aws, f"{GROUP}/2")
    prepared, there = rollout.prepare, client.answers["describe_model_package"]

    def gone(ModelPackageName: str) -> object:
        told = there(ModelPackageName=ModelPackageName)
        if ModelPackageName.endswith("/1"):
            return told
        return told | {"ModelApprovalStatus": status} if status else error("ValidationException", GONE)

    def prepare(*words: object, **more: object) -> Ready:
        client.answers["describe_model_package"] = gone
        return prepared(*words, **more)

    if late:
        monkeypatch.setattr(rollout, "prepare", prepare)
    else:
        client.answers["describe_model_package"] = gone
    with pytest.raises(DeployFailed, match=words) as refused:
        delivery.to_production(run, package)
    assert refused.value.code == code
    assert 2 not in served
    assert not judged(client)


GONE = "ModelPackage arn does not exist."


def test_a_group_that_is_gone_is_named_with_the_command_that_makes_it(make_settings):
    missing = error("ValidationException", "ModelPackageGroup arn does not exist.")
    run = make_run(make_settings(), sagemaker=Client(list_model_packages=missing))
    with pytest.raises(SettingsError, match="group income-model is gone") as refused:
        delivery.promote(run, "ab" * 32)
    assert refused.value.code == "E523"
    assert "create-model-package-group --model-package-group-name income-model" in refused.value.todo


def test_a_release_whose_alarms_would_watch_nothing_leaves_production_alone(production):
    client = packages("Approved", "Approved", serving=1)
    run, served = production(client, serve_2=NotStarted("E409 in ALARM already\ne\nwhy\ntodo"))
    with pytest.raises(NotStarted):
        release(run, 2)
    assert (served, judged(client)) == ([2], [])


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        pytest.param(error("ThrottlingException"), "ThrottlingException", id="AWS says no"),
        pytest.param(AccessError("E601 no token\nwhere\nwhy\ntodo"), "AccessError", id="no new credentials"),
    ],
)
def test_production_is_put_back_before_the_rejection_is_recorded(production, trouble, why):
    client = packages("Approved", "Approved", serving=1)
    client.answers["update_model_package"] = trouble
    run, served = production(client, serve_2=WrongRelease("E402 wrong\nendpoint\nwhy\ntodo"))
    with pytest.raises(WrongRelease) as stopped:
        release(run, 2)
    assert served == [2, 1]
    assert stopped.value.detail == [f"version 2 is not marked Rejected: {why}"]


def test_what_is_put_back_is_the_very_config_that_served(production, monkeypatch):
    client = packages("Approved", "Approved", serving=1)
    run, _ = production(client, serve_2=ROLLED_BACK)
    asked = []
    known = rollout.serve
    monkeypatch.setattr(
        rollout, "serve", lambda run, ready, *rest: (asked.append(ready.config), known(run, ready, *rest))
    )
    with pytest.raises(WrongRelease):
        release(run, 2)
    assert asked == ["config-2", "c"]


BUSY = error("ValidationException", "Cannot update in-progress endpoint", "UpdateEndpoint")
UNDER_WAY = {"EndpointStatus": "Updating", "PendingDeploymentSummary": {"EndpointConfigName": "config-3"}}


@pytest.mark.parametrize(
    ("states", "tried"),
    [
        pytest.param([UNDER_WAY, {"EndpointConfigName": "config-3"}], [2], id="another release took over"),
        pytest.param([{}], [2, 1], id="what served still does: that is proven"),
        pytest.param([{"EndpointConfigName": "config-2"}], [2, 1], id="the failed one serves"),
        pytest.param([{"EndpointStatus": "UpdateRollbackFailed"}], [2, 1], id="a mixed fleet"),
        pytest.param(
            [{"EndpointStatus": "Failed", "EndpointConfigName": "config-3"}], [2, 1], id="a dead endpoint"
        ),
        pytest.param([None], [2, 1], id="no endpoint where one should serve"),
    ],
)
def test_only_what_is_not_somebody_elses_is_put_back(production, monkeypatch, states, tried):
    monkeypatch.setattr(endpoints.time, "sleep", lambda _: None)
    client = packages("Approved", "Approved", "Approved", serving=1)
    run, served = production(client, serve_2=BUSY)
    known = rollout.serve

    def serve(run, ready, *rest) -> None:  # somebody else may be quicker
        later = [NO_ENDPOINT if state is None else SERVING | state for state in states]
        told = itertools.chain(later, itertools.repeat(later[-1]))
        client.answers["describe_endpoint"] = lambda **_: next(told)
        known(run, ready, *rest)

    monkeypatch.setattr(rollout, "serve", serve)
    with pytest.raises(type(BUSY), match="in-progress"):
        release(run, 2)
    assert served == tried
    assert ("left alone" in run.story.steps[1].note) is (tried == [2])


def test_a_first_release_that_fails_does_not_take_away_what_somebody_else_released(production):
    client = packages("Approved", "Approved")
    run, served = production(client, serve_2=BUSY)
    client.answers["describe_endpoint"] = lambda **_: SERVING if served else NO_ENDPOINT
    client.answers["delete_endpoint"] = lambda **_: pytest.fail("it was deleted")
    with pytest.raises(type(BUSY), match="in-progress"):
        release(run, 2)
    assert run.story.steps[1].note == "production serves another release; left alone"


def test_a_release_that_an_earlier_run_left_unproven_gives_way_to_the_last_proven_one(production):
    client = packages("Approved", "Approved", serving=2, production="proven")
    client.answers["describe_endpoint"] = SERVING | {"EndpointConfigName": "config-2"}
    run, served = production(client, serve_2=ROLLED_BACK)
    with pytest.raises(WrongRelease):
        release(run, 2)
    assert served == [2, 1]


def test_who_asks_for_a_release_is_noted_before_it_serves(production, monkeypatch):
    client = packages("Approved", "Approved", serving=1)
    run, _ = production(client)
    noted, known = [], rollout.serve
    monkeypatch.setattr(rollout, "serve", lambda *words: (noted.extend(client.asked), known(*words)))
    delivery.to_production(run, registry.describe(run.aws, f"{GROUP}/2"), "c" * 40)
    (change,) = [request for operation, request in noted if operation == "update_model_package"]
    assert change["CustomerMetadataProperties"]["asked_by"] == "c" * 40
    assert change["CustomerMetadataProperties"]["production"] != "proven"


def test_a_release_that_production_has_proven_says_so_in_the_registry(production):
    client = packages("Approved")
    run, _ = production(client)
    release(run, 1)
    changes = [request for operation, request in client.asked if operation == "update_model_package"]
    assert changes[0]["CustomerMetadataProperties"]["production"] == "proven"


@pytest.mark.parametrize(
    ("production", "target"),
    [
        pytest.param("proven", 2, id="proven in production"),
        pytest.param("", None, id="proven on staging only"),
    ],
)
def test_back_leads_to_what_production_has_served_proven(make_settings, production, target):
    aws = make_aws(sagemaker=packages("Approved", "Approved", "Rejected", "Approved", production=production))
    serving = registry.describe(aws, f"{GROUP}/4")
    found = registry.previous(aws, "income-model", serving)
    assert (found and found.version) == target


def test_back_leads_to_what_a_revert_brought_back_and_not_to_what_it_took_away():
    client = packages("Approved", "Approved", "Approved", production="proven")
    known, served = client.answers["describe_model_package"], {"1": "03", "2": "02", "3": "04"}

    def described(ModelPackageName: str):
        told = known(ModelPackageName)
        told["CustomerMetadataProperties"]["served_at"] = f"2026-11-{served[ModelPackageName[-1]]}"
        return told

    client.answers["describe_model_package"] = described
    aws = make_aws(sagemaker=client)
    found = registry.previous(aws, "income-model", registry.describe(aws, f"{GROUP}/3"))
    assert found.version == 1


def test_what_a_rollback_rejects_is_noted_as_serving_until_the_other_one_does():
    client = packages("Approved", "Rejected", production="proven")
    known, served = client.answers["describe_model_package"], {"1": "2026-11-01", "2": "2026-11-02"}

    def described(ModelPackageName: str):
        told = known(ModelPackageName)
        since = {"served_at": served[ModelPackageName[-1]], "served_in": "123456789012"}
        told["CustomerMetadataProperties"] |= since
        return told

    client.answers["describe_model_package"] = described
    aws = make_aws(sagemaker=client)
    assert registry.noted(aws, "income-model", "123456789012").version == 2
    served["1"] = "2026-11-03"
    assert registry.noted(aws, "income-model", "123456789012").version == 1


def test_what_serves_already_and_was_not_noted_is_noted(production):
    client = packages("Approved", serving=1)
    run, _ = production(client)
    release(run, 1)
    changes = [request for operation, request in client.asked if operation == "update_model_package"]
    assert changes[-1]["CustomerMetadataProperties"]["served_in"] == "123456789012"


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_only_production_is_rolled_back(make_settings, environment):
    run = make_run(make_settings(), sagemaker=(client := packages("Approved", serving=1)))
    with pytest.raises(SettingsError, match=environment) as refused:
        rollback.check_environment(run, environment)
    assert (refused.value.exit_code, client.asked) == (5, [])


def test_after_ctrl_c_the_alarms_of_what_was_released_do_not_stay(production):
    run, _ = production(packages("Approved", "Approved", serving=1), serve_2=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        release(run, 2)
    ((operation, request),) = run.aws.cloudwatch.asked
    assert (operation, set(request["AlarmNames"])) == ("delete_alarms", set(alarms.own("config-2")))


def test_what_is_taken_back_counts_as_proven_in_production_no_more(make_settings):
    client = packages("Approved", production="proven")
    aws = make_aws(sagemaker=client)
    registry.judge(aws, registry.describe(aws, f"{GROUP}/1"), "Rejected", "rolled back by hand")
    change = dict(client.asked)["update_model_package"]
    assert change["CustomerMetadataProperties"]["production"] == "taken back"
    validate_parameters(change, input_shape("UpdateModelPackage"))


def test_where_putting_back_fails_too_one_error_names_both_versions(production):
    client = packages("Approved", "Approved", serving=1)
    run, _ = production(client, serve_2=ROLLED_BACK, serve_1=DENIED)
    with pytest.raises(DeployFailed, match="may serve version 2") as stopped:
        release(run, 2)
    assert (stopped.value.code, stopped.value.exit_code) == ("E406", 4)
    assert "putting back version 1 failed" in stopped.value.why
    assert "✗ E401 SageMaker rolled the release back" in stopped.value.detail
    assert len(judged(client)) == 1


def test_where_the_endpoint_was_never_asked_no_error_says_that_it_may_serve_the_release(production):
    client = packages("Approved", "Approved", serving=1)
    run, _ = production(client, serve_2=KeyError("ours"), serve_1=DENIED, unasked_2=KeyError())
    with pytest.raises(KeyError, match="ours"):
        release(run, 2)
    assert run.story.steps[1].verdict == "failed"


def test_two_releases_are_proven_on_endpoints_of_their_own_and_each_is_found(make_settings):
    run = make_run(make_settings())
    mine, theirs = (run.endpoint("staging", digit * 64) for digit in "ab")
    assert mine != theirs
    assert len(names.endpoint("a" * 24, "staging", "b" * 64)) <= 63
    assert run.endpoint("production", "a" * 64) == run.endpoint("production")
    others = ["income-model-staging-of-somebody", "x-income-model-staging-aaaaaaaaaaaa"]
    listed = {"Endpoints": [{"EndpointName": name} for name in (*others, theirs, mine)]}
    aws = make_aws(sagemaker=Client(list_endpoints=listed))
    assert registry.endpoints(aws, "income-model", "staging") == [theirs, mine]


def test_staging_is_taken_away_by_the_name_that_it_was_made_with(production):
    client = packages("Approved")
    run, _ = production(client, serve_1=ROLLED_BACK)
    with pytest.raises(WrongRelease):
        delivery.prove_on_staging(run, registry.describe(run.aws, f"{GROUP}/1"))
    assert ("describe_endpoint", {"EndpointName": "income-model-staging-" + "1" * 12}) in client.asked


def test_why_staging_failed_is_said_where_its_endpoint_cannot_be_deleted_either(production, monkeypatch):
    def denied(*_):
        raise AccessError("E608 the token has expired\n sts\n too late\n again")

    monkeypatch.setattr(endpoints, "delete", denied)
    run, _ = production(packages("Approved"), serve_1=ROLLED_BACK)
    with pytest.raises(WrongRelease):
        delivery.prove_on_staging(run, registry.describe(run.aws, f"{GROUP}/1"))


def test_status_shows_an_endpoint_that_serves_something_unknown(make_settings):
    client = strange({"PrimaryContainer": {"Image": "theirs"}})
    client.answers["list_endpoints"] = {"Endpoints": []}
    seen = {
        "EndpointStatus": "InService",
        "LastModifiedTime": datetime(2026, 1, 1),
        "EndpointConfigName": "c",
    }
    client.answers["describe_endpoint"] = seen
    table = status.status(make_run(make_settings(), sagemaker=client))
    assert "unknown" in list(table.columns[2].cells)


UNKNOWN = {
    "an image of somebody": {"PrimaryContainer": {"Image": "theirs"}},
    "a package that is gone": {"PrimaryContainer": {"ModelPackageName": "arn:gone/1"}},
    "a model that is gone": error("ValidationException", "Could not find model"),
}


def strange(model: object) -> Client:
    """Return a registry with an approved release, and a production that serves something else."""
    client = packages("Approved", serving=1)
    known = client.answers["describe_model_package"]
    gone = error("ValidationException", "ModelPackage arn:gone/1 does not exist")
    client.answers["describe_model"] = model
    client.answers["describe_model_package"] = lambda ModelPackageName: (
        gone if ModelPackageName == "arn:gone/1" else known(ModelPackageName)
    )
    return client


@pytest.mark.parametrize("model", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_production_that_serves_something_unknown_is_not_touched(production, model):
    client = strange(model)
    run, served = production(client, serve_1=ROLLED_BACK)
    package = registry.describe(run.aws, f"{GROUP}/1")
    with pytest.raises(DeployFailed, match="income-model-production") as stopped:
        delivery.to_production(run, package)
    assert (stopped.value.code, stopped.value.exit_code) == ("E405", 4)
    assert "config c" in stopped.value.where
    assert (served, judged(client)) == ([], [])
    assert "delete_endpoint" not in client.operations()


@pytest.mark.parametrize("model", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_production_that_serves_something_unknown_makes_no_first_release(make_settings, model):
    with pytest.raises(MLOpsError, match="nobody knows"):
        releases.champion(make_run(make_settings(), sagemaker=strange(model)), "s3://bucket/x")


@pytest.mark.parametrize(
    ("count", "says"),
    [
        pytest.param(1, "prove it again", id="as it is"),
        pytest.param(3, "replace the fleet", id="more machines: a whole rollout"),
    ],
)
def test_a_plan_tells_proving_again_from_a_rollout_to_other_machines(make_settings, count, says):
    client = packages("Approved", serving=1)
    run = make_run(make_settings(), sagemaker=client)
    serving = registry.describe(run.aws, f"{GROUP}/1")
    live = rollout.config_name(run, "production", serving)
    client.answers["describe_endpoint"] = SERVING | {"EndpointConfigName": live}
    wanted = make_run(make_settings(**{"environments.production.instance_count": count}), sagemaker=client)
    assert status._again(wanted, serving).startswith(says)


@pytest.mark.parametrize(("there", "says"), [([], "stop: there is no alarm mine"), (["mine"], "go back")])
def test_a_plan_looks_for_the_alarms_that_a_release_would_miss(make_settings, monkeypatch, there, says):
    monkeypatch.setattr(prices, "sentence", lambda *_: "price unknown")
    found = {"MetricAlarms": [{"AlarmName": name, "StateValue": "OK"} for name in there]}
    run = make_run(
        make_settings(**{"environments.production.rollout": {"alarms": ["mine"]}}),
        cloudwatch=Client(describe_alarms=found),
    )
    table = Table("what", "is", "a release would")
    status._costs(table, run.settings.environments, run.aws)
    told = dict(zip(table.columns[0].cells, table.columns[2].cells, strict=True))
    assert str(told["alarms"]).startswith(says)
