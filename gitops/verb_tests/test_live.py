"""The verb reconcile: what it tells GitHub's other jobs, and what makes it red."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from doubles.aws import RELEASE, Bucket, Client, error, make_package, make_run
from doubles.standing import ALL_IS_WELL, ONE
from pipelines.settings import Settings
from sagemaker_gitops import live, stack
from sagemaker_gitops.errors import DeployFailed, NotStarted
from sagemaker_gitops.execution import Execution
from sagemaker_gitops.reconcile import Live
from sagemaker_gitops.registry import Package
from tests.conftest import make_settings

NOTHING_TO_DO = "collect=false\ninfra=false\nheal=false\n"


@pytest.fixture
def output(tmp_path):
    """Return the file in which a job of GitHub tells the others."""
    return tmp_path / "output"


@pytest.fixture
def compare(make_settings, monkeypatch, output):
    """Return a function: compare this with git; the verdict and note of its step, and what jobs read."""

    def call(there: Live, **settings: bool) -> tuple[str, str, str]:
        run = make_run(make_settings(**{f"reconcile.{key}": to for key, to in settings.items()}))
        output.touch()
        monkeypatch.setattr(live, "gather", lambda *_: there)
        live.compare(run, None, False, {"GITHUB_OUTPUT": str(output)})  # type: ignore[arg-type]
        (step,) = run.story.steps
        return step.verdict, step.note, output.read_text()

    return call


def test_where_nothing_differs_no_other_job_has_anything_to_do(compare):
    assert compare(ALL_IS_WELL) == ("done", "all is as main has it", NOTHING_TO_DO)


@pytest.mark.parametrize(
    ("change", "job"), [({"outcome": ""}, "collect"), ({"stacks": {"a": False}}, "infra")]
)
def test_what_another_job_mends_is_not_red(compare, change, job):
    assert f"{job}=true\n" in compare(replace(ALL_IS_WELL, **change))[2]


def test_a_training_that_goes_on_is_told_and_not_red(compare):
    verdict, note, output = compare(replace(ALL_IS_WELL, outcome="", executing=True))
    assert (verdict, note, output) == ("waiting", "1 difference", NOTHING_TO_DO)


OTHER = replace(ALL_IS_WELL, serving=ONE, definition=False)  # than main has it


@pytest.mark.parametrize(
    "busy",
    [
        {"changing": True},
        {"endpoint": {"EndpointStatus": "Updating", "EndpointConfigName": "config-1"}},
        {"changing": True, "packages": ()},
    ],
    ids=["a job promotes", "the endpoint changes", "a job promotes the first release of all"],
)
def test_while_a_release_is_under_way_what_serves_is_told_and_not_red(compare, busy):
    verdict, note, output = compare(replace(ALL_IS_WELL, serving=ONE, **busy))
    assert (verdict, note, output) == ("waiting", "1 difference", NOTHING_TO_DO)


def test_a_job_that_looks_mends_nothing_and_hands_it_on_where_the_settings_say_so(compare, monkeypatch):
    monkeypatch.setattr(live, "heal", lambda *_: pytest.fail("it was mended beside the releases"))
    handed_on = "collect=false\ninfra=false\nheal=true\n"
    assert compare(OTHER, heal=True) == ("waiting", "2 differences", handed_on)
    with pytest.raises(DeployFailed, match="production is not as git has it"):
        compare(OTHER, heal=False)


def test_what_cannot_be_mended_keeps_nothing_else_from_being_mended_or_handed_on(
    make_settings, monkeypatch, output
):
    mended = []

    def heal(run, work, finding, there) -> bool:
        if finding.heal == "release":
            raise NotStarted("E409 in ALARM already\ne\nwhy\ntodo")
        mended.append(finding.heal)
        return finding.heal == "tidy"

    monkeypatch.setattr(live, "heal", heal)
    there = replace(OTHER, outcome="", stacks={"a": False}, staging={"income-model-staging-1": 5.0})
    monkeypatch.setattr(live, "gather", lambda *_: there)
    with pytest.raises(NotStarted, match="E409"):
        live.compare(make_run(make_settings()), None, True, {"GITHUB_OUTPUT": str(output)})  # type: ignore[arg-type]
    assert "tidy" in mended
    assert output.read_text() == "collect=true\ninfra=true\nheal=false\n"


def test_an_older_commit_judges_nothing_and_starts_no_job(compare):
    verdict, note, output = compare(Live(newest=False))
    assert (verdict, output) == ("superseded", NOTHING_TO_DO)
    assert "later commit" in note


def test_what_nobody_mends_is_red(compare):
    with pytest.raises(DeployFailed, match="production is not as git has it") as stopped:
        compare(replace(ALL_IS_WELL, serving=None, missing_alarms=("mine", "yours")))
    assert stopped.value.code == "E415"
    assert stopped.value.why == (
        "now: something that is no release (E405); should be: version 2 (222222222222). And 2 more."
    )


def test_a_merge_that_nobody_released_is_said_in_sentences(compare, monkeypatch):
    """On a laptop no other job collects it."""
    monkeypatch.setattr(live, "gather", lambda *_: replace(ALL_IS_WELL, outcome=""))
    run = make_run(make_settings())
    with pytest.raises(DeployFailed) as stopped:
        live.compare(run, None, False, {})  # type: ignore[arg-type]
    assert stopped.value.lines()[::2] == [
        "✗ E415 the newest commit's release is not as git has it",
        "  now: commit cccccccccccc has no outcome, and nothing runs; should be: one that has ended.",
    ]
    assert run.story.steps[0].verdict != "done"  # no green before a red end


HEAD, PROVEN = "c" * 40, {"production": "proven"}


@pytest.mark.parametrize(
    ("made", "told"),
    [
        pytest.param({"approval": "Rejected"}, "as the registry has it", id="released by hand, rejected"),
        pytest.param(PROVEN | {"asked_by": HEAD}, "as the registry has it", id="released by hand, proven"),
        pytest.param(PROVEN | {"asked_by": "a" * 40}, "", id="a revert that was cut off"),
        pytest.param({"production": ""}, "", id="cut off"),
        pytest.param({"release_id": "ef" * 32, "production": "proven"}, "", id="another release"),
    ],
)
def test_where_no_workflow_has_told_an_outcome_the_registry_does(made, told, make_settings):
    approval = made.pop("approval", "Approved")
    assert outcome_of(make_settings(), make_package(3, approval, **made)) == told


@pytest.mark.parametrize(
    ("approval", "package", "lock", "told"),
    [
        ("reviewer", "PendingManualApproval", "", "as the registry has it"),
        ("reviewer", "Approved", "", ""),
        ("pull-request", "PendingManualApproval", "", "as the registry has it"),
        ("pull-request", "PendingManualApproval", RELEASE, ""),
        ("pull-request", "Approved", RELEASE, ""),
    ],
)
def test_a_runner_that_died_after_a_person_had_let_the_release_in_is_found(
    approval, package, lock, told, make_settings, tmp_path
):
    if lock:
        (tmp_path / "production.lock").write_text(json.dumps({"release_id": lock}))
    settings = make_settings(**{"project.approval": approval})
    assert outcome_of(settings, make_package(3, package, staging="proven"), tmp_path) == told


@pytest.mark.parametrize(
    ("kind", "code", "told"),
    [
        pytest.param("cancelled", "E106", "cancelled", id="somebody has stopped it"),
        pytest.param("failed", "E106", "", id="its training outlives the runner"),
        pytest.param("failed", "E105", "", id="its runner was lost"),
        pytest.param("failed", "E101", "failed", id="a job of AWS failed"),
    ],
)
def test_only_a_release_that_nobody_has_stopped_is_brought_to_its_end(make_settings, kind, code, told):
    record = json.dumps({"outcome": kind, "code": code}).encode()
    pending = make_package(3, "PendingManualApproval")
    assert outcome_of(make_settings(), pending, recorded=record) == told


def outcome_of(settings: Settings, package: Package, root: Path = Path(), recorded: bytes = b"") -> str:
    """Return the outcome of HEAD, of which the registry tells, and what is recorded."""
    sagemaker = Client(
        list_model_packages={"ModelPackageSummaryList": [{"ModelPackageArn": package.arn}]},
        describe_model_package={
            "ModelPackageArn": package.arn,
            "ModelApprovalStatus": package.approval,
            "InferenceSpecification": {"Containers": [{"Image": "i", "ModelDataUrl": "s3://bucket/m"}]},
            "CustomerMetadataProperties": package.metadata,
        },
    )
    bucket = Bucket({f"outcomes/{HEAD}.json": recorded} if recorded else {})
    run = make_run(settings, sagemaker=sagemaker, s3=bucket)
    work = SimpleNamespace(root=root, ids=SimpleNamespace(release_id=RELEASE))
    return live._outcome(run, work, HEAD, ran=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("there", "ran", "same"),
    [("ours", [], True), ("theirs", ["older", "theirs"], True), ("by hand", ["older", "theirs"], False)],
    ids=["this tree's", "of another release", "of nobody"],
)
def test_a_definition_that_a_release_left_is_nobodys_change(make_settings, monkeypatch, there, ran, same):
    run = make_run(make_settings(), sagemaker=Client(describe_pipeline={"PipelineDefinition": there}))
    monkeypatch.setattr(live.network, "differs", lambda _: False)
    monkeypatch.setattr(live.release, "definition_of", lambda *_: "ours")
    monkeypatch.setattr(live.execution, "executions", lambda *_: [Execution(told, "", "") for told in ran])
    monkeypatch.setattr(live.execution, "ran", lambda aws, arn, told: arn == told)
    assert live._same_definition(run, None) is same


@pytest.mark.parametrize(
    ("given", "alike"),
    [
        pytest.param({"AlarmEmail": "ops@example.com"}, True, id="the address of mlops.toml"),
        pytest.param({"AlarmEmail": ""}, False, id="none yet"),
        pytest.param({"AlarmEmail": "old@example.com"}, False, id="another"),
        pytest.param({}, True, id="a stack that takes none"),
    ],
)
def test_an_address_for_alarms_that_a_merge_changed_is_found_though_the_template_is_the_same(
    make_settings, given, alike
):
    told = [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]
    body = stack.TEMPLATE.read_text("utf-8")
    missing = error("ValidationError", "Stack does not exist")

    def template(StackName: str, **_: object) -> object:
        return {"TemplateBody": body} if StackName == "income-model" else missing

    cloudformation = Client(describe_stacks={"Stacks": [{"Parameters": told}]}, get_template=template)
    settings = make_settings(**{"project.alarm_email": "ops@example.com"})
    run = make_run(settings, cloudformation=cloudformation)
    assert live._stacks(run) == {"income-model": alike}
