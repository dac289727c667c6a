"""Production in an account of its own: which verb belongs where, and what each account sees of the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from doubles.aws import GROUP as PACKAGES
from doubles.aws import RELEASE, STACK, Client, error, make_aws, make_package, make_run, packages
from pipelines.__main__ import main
from sagemaker_gitops import (  # fmt: skip
    accounts,
    delivery,
    execution,
    live,
    names,
    prune,
    registry,
    release,
    stack,
    standing,
    status,
)
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.run import Run

HERE, OTHER = STACK.account, "210987654321"
GROUP = f"arn:aws:sagemaker:eu-west-1:{HERE}:model-package-group/income-model"
# The stack of each account, as its own verbs read it.
REGISTRY = replace(STACK, production=OTHER)
PRODUCTION = replace(STACK, group=GROUP, account=OTHER, production=OTHER)


def run_in(made: stack.Stack, settings, **clients: Client) -> Run:
    """Return a run in one of the two accounts; a service that is not given is not to be asked."""
    run = make_run(settings, **clients)
    run.__dict__["stack"] = made
    return run


def described(*parts: str) -> Client:
    """Return a CloudFormation whose stack names these accounts among its outputs."""
    made = dict.fromkeys(names.STACK_OUTPUTS, "x") | dict(zip(parts[::2], parts[1::2], strict=True))
    outputs = [{"OutputKey": key, "OutputValue": value} for key, value in made.items()]
    told = {"StackId": f"arn:aws:cloudformation:eu-west-1:{HERE}:stack/x/1", "Outputs": outputs}
    return Client(describe_stacks={"Stacks": [told]})


@pytest.mark.parametrize(
    ("outputs", "production", "registry"),
    [
        pytest.param([], HERE, HERE, id="a stack that says nothing"),
        pytest.param(["ProductionAccount", HERE], HERE, HERE, id="one account"),
        pytest.param(["ProductionAccount", OTHER], OTHER, HERE, id="the registry's account"),
        pytest.param(["ProductionAccount", HERE, "RegistryAccount", OTHER], HERE, OTHER, id="production's"),
    ],
)
def test_a_stack_says_which_account_serves_and_which_registers(make_settings, outputs, production, registry):
    run = make_run(make_settings(), cloudformation=described(*outputs))
    made = stack.outputs(run.aws, "x")
    assert (made.account, made.production, made.registry) == (HERE, production, registry)


@pytest.mark.parametrize("verb", accounts.VERBS)
def test_one_account_does_every_verb(verb):
    accounts.refuse(STACK, verb)


@pytest.mark.parametrize("verb", [verb for verb, part in accounts.VERBS.items() if part == "production"])
def test_the_registrys_account_refuses_what_is_productions(verb):
    with pytest.raises(SettingsError) as refused:
        accounts.refuse(REGISTRY, verb)
    assert refused.value.lines()[0] == f"✗ E516 production is in account {OTHER}"
    again = f"with credentials of account {OTHER}: python -m pipelines {verb}"
    assert refused.value.todo == accounts.BY_WORKFLOWS.get(verb, again)
    accounts.refuse(PRODUCTION, verb)


@pytest.mark.parametrize("verb", [verb for verb, part in accounts.VERBS.items() if part == "registry"])
def test_productions_account_refuses_what_is_the_registrys(verb):
    with pytest.raises(SettingsError, match=f"the registry, with data, .* is in account {HERE}"):
        accounts.refuse(PRODUCTION, verb)
    accounts.refuse(REGISTRY, verb)


def test_a_verb_that_is_refused_asks_for_nothing_else(make_settings):
    client = Client()
    with (
        pytest.raises(SettingsError, match="E516"),
        run_in(REGISTRY, make_settings(), sagemaker=client).shown("promote"),
    ):
        raise AssertionError
    assert client.asked == []


def test_a_release_is_explained_where_its_story_lies(make_settings, monkeypatch, capsys):
    there = described("ProductionAccount", HERE, "RegistryAccount", OTHER)
    monkeypatch.setattr("sagemaker_gitops.reading.load", lambda *_: make_settings())
    monkeypatch.setattr("sagemaker_gitops.aws.connect", lambda _: (make_aws(cloudformation=there), HERE))
    assert main(["explain", "2", "--json"]) == 5
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"✗ E516 the registry, with data, training and staging, is in account {OTHER}"
    assert told[3].endswith("-m pipelines explain 2 --json")


def asked_by(caller: str) -> Client:
    """Return an STS that says who asks."""
    return Client(get_caller_identity={"Arn": f"arn:aws:{caller}", "Account": OTHER})


DEPLOY = f"sts::{OTHER}:assumed-role/income-model-eu-west-1-deploy/a-job"
PEOPLE = (
    f"iam::{OTHER}:root", f"iam::{OTHER}:user/ada", f"sts::{OTHER}:assumed-role/admin/ada",
    f"sts::{OTHER}:assumed-role/income-model-eu-west-1-deployer/ada",
)  # fmt: skip


@pytest.mark.parametrize("caller", PEOPLE)
@pytest.mark.parametrize("verb", accounts.BY_WORKFLOWS)
def test_nobody_but_the_workflows_changes_production_in_an_account_of_its_own(make_settings, verb, caller):
    run = run_in(PRODUCTION, make_settings(), sts=asked_by(caller))
    with pytest.raises(SettingsError) as refused:
        run.only_here(verb)
    told = refused.value
    assert (told.code, told.todo) == ("E522", accounts.BY_WORKFLOWS[verb])
    assert told.where.endswith(caller)
    run_in(PRODUCTION, make_settings(), sts=asked_by(DEPLOY)).only_here(verb)
    run_in(STACK, make_settings()).only_here(verb)  # in one account by anybody, who is not asked


@pytest.mark.parametrize("verb", ["reconcile", "prune", "request --env production", "logs --env production"])
def test_people_may_look_there(make_settings, verb):
    run_in(PRODUCTION, make_settings()).only_here(verb)


def test_a_refusal_repeats_what_was_typed(make_settings):
    run = run_in(PRODUCTION, make_settings())
    run.words = ("--settings", "my own.toml", "release", "--retry")
    with pytest.raises(SettingsError) as refused:
        run.only_here("release")
    assert refused.value.todo.endswith("python -m pipelines --settings 'my own.toml' release --retry")


def test_a_release_ends_as_approved_and_says_who_goes_on(make_settings, monkeypatch):
    approved = make_package(4, "Approved")
    monkeypatch.setattr(release, "registered", lambda *_, **__: approved)
    client = Client()
    run = run_in(REGISTRY, make_settings(), sagemaker=client)
    assert release.release(run, SimpleNamespace()) == approved
    [step] = run.story.steps
    assert (step.name, step.verdict) == ("production", "waiting")
    assert f"goes to account {OTHER} by main's workflows; " in step.note
    assert "-m pipelines promote" not in step.note  # by hand it is refused there, too
    assert client.asked == []


BY_HAND = f"python -m pipelines promote {RELEASE[:12]}"
MERGE, REVIEW = "merge the pull request promote/production", "approve it on the page of its run"
GOES = f"goes to account {OTHER} by main's workflows"
RERUN = accounts.BY_WORKFLOWS["promote"]


@pytest.mark.parametrize(
    ("made", "approval", "todo"),
    [
        pytest.param(STACK, "gate", BY_HAND, id="one account, gate"),
        pytest.param(STACK, "pull-request", f"{MERGE}; without GitHub's workflows: {BY_HAND}", id="merge"),
        pytest.param(STACK, "reviewer", f"{REVIEW}; without GitHub's workflows: {BY_HAND}", id="review"),
        pytest.param(REGISTRY, "gate", f"{GOES}; {RERUN}", id="elsewhere"),
        pytest.param(REGISTRY, "pull-request", f"{GOES}; {MERGE}", id="merge, elsewhere"),
        pytest.param(REGISTRY, "reviewer", f"{GOES}; {REVIEW}", id="review, elsewhere"),
        pytest.param(PRODUCTION, "gate", RERUN, id="production's account, where E522 refuses promote"),
        pytest.param(PRODUCTION, "pull-request", MERGE, id="production's account, merge"),
        pytest.param(PRODUCTION, "reviewer", REVIEW, id="production's account, review"),
    ],
)
def test_a_release_that_waits_says_what_lets_it_in(make_settings, made, approval, todo):
    run = run_in(made, make_settings(**{"project.approval": approval}))
    waits = make_package(2, staging="proven")
    assert standing.todo(waits, made, approval) == todo
    delivery.hold(run, waits)
    assert run.story.steps[0].note == f"version 2 ({approval}): {todo}"
    let_in = replace(waits, approval="Approved")  # by whoever was to: what is left is to bring it there
    assert standing.todo(let_in, made, approval) == standing.todo(let_in, made, "gate")
    client = packages("PendingManualApproval")
    [line] = standing.next_step(run_in(made, run.settings, sagemaker=client))
    assert line.endswith(todo.replace(RELEASE[:12], "1" * 12))


def noted(*served_at: str, there: str = OTHER) -> Client:
    """Return a registry whose packages were proven in an account's production at these times; no endpoint."""
    client = packages(*["Approved"] * len(served_at), production="proven")
    describe = client.answers["describe_model_package"]

    def describe_model_package(ModelPackageName: str) -> object:
        told = describe(ModelPackageName)
        since = served_at[int(ModelPackageName.rsplit("/", 1)[1]) - 1]
        known = {"served_at": since, "served_in": there} if since else {"production": ""}
        told["CustomerMetadataProperties"] |= known
        return told

    client.answers["describe_model_package"] = describe_model_package
    client.answers["describe_endpoint"] = AssertionError("the endpoint is in another account")
    return client


@pytest.mark.parametrize(
    ("served_at", "version"),
    [
        pytest.param(["2026-01-01", "2026-01-02"], 2, id="the newest"),
        pytest.param(["2026-01-03", "2026-01-02"], 1, id="an older one that came back"),
        pytest.param(["2026-01-01", ""], 1, id="not one that staging alone has proven"),
        pytest.param([""], None, id="nothing yet"),
    ],
)
def test_from_the_registry_production_serves_what_its_deploy_has_noted(make_settings, served_at, version):
    serving = run_in(REGISTRY, make_settings(), sagemaker=noted(*served_at)).serving()
    assert (serving and serving.version) == version


def test_when_a_release_begins_to_serve_its_account_is_noted_too(make_settings):
    run = run_in(STACK, make_settings(), sagemaker=(client := packages("Approved")))
    package = registry.describe(run.aws, f"{PACKAGES}/1")
    registry.annotate(run.aws, package, {"served_at": "2026-01-01"})
    [request] = [told for operation, told in client.asked if operation == "update_model_package"]
    assert request["CustomerMetadataProperties"]["served_in"] == HERE


def test_from_production_its_endpoint_is_looked_at_and_the_group_is_named_by_its_arn(make_settings):
    client = packages("Approved", "Approved", serving=1)
    run = run_in(PRODUCTION, make_settings(), sagemaker=client)
    assert run.serving().version == 1
    assert registry.find(run.aws, run.stack.group, "2" * 12).version == 2
    assert ("list_model_packages", {"ModelPackageGroupName": GROUP}) in client.asked


def shown(table) -> str:
    """Return a table's cells, line by line."""
    return "\n".join(
        " | ".join(map(str, cells)) for cells in zip(*(c._cells for c in table.columns), strict=True)
    )


def test_status_shows_what_production_serves_where_nobody_can_look(make_settings):
    client = noted("2026-01-02T03:04:05+00:00")
    client.answers |= {"list_endpoints": {"Endpoints": []}, "describe_endpoint": error("404")}
    told = shown(status.status(run_in(REGISTRY, make_settings(), sagemaker=client)))
    place = f"endpoint production | in account {OTHER}, as noted"
    assert f"{place} | {'1' * 12} (version 1) | 2026-01-02 03:04" in told


def test_what_served_before_production_had_its_own_account_does_not_serve_there(make_settings):
    client = noted("2026-01-02T03:04:05+00:00", there=HERE)
    run = run_in(REGISTRY, make_settings(), sagemaker=client)
    assert run.serving() is None
    client.answers |= {"list_endpoints": {"Endpoints": []}, "describe_endpoint": error("404")}
    assert f"in account {OTHER}, as noted | none proven there yet" in shown(status.status(run))


def test_status_in_productions_account_looks_for_no_staging(make_settings):
    client = packages("Approved", serving=1)
    client.answers["describe_endpoint"] = {
        "EndpointStatus": "InService",
        "EndpointConfigName": "c",
        "LastModifiedTime": datetime.now(UTC),
    }
    told = shown(status.status(run_in(PRODUCTION, make_settings(), sagemaker=client)))
    assert "endpoint production | InService" in told
    assert "staging" not in told


def test_prune_keeps_what_the_other_account_serves(make_settings):
    client = noted("2026-01-01", "2026-01-03", "2026-01-02", "")
    made = [f"income-model-staging-{str(n) * 12}-{n}-0123abcd" for n in (1, 2, 3, 4)]
    client.answers |= {
        "list_endpoints": {"Endpoints": []},
        "describe_endpoint": error("404"),
        "list_endpoint_configs": {"EndpointConfigs": []},
        "list_models": {"Models": [{"ModelName": name} for name in made]},
    }
    alarms = Client(describe_alarms={"MetricAlarms": []})
    prune.prune(run_in(REGISTRY, make_settings(), sagemaker=client, cloudwatch=alarms), yes=True)
    gone = [request["ModelName"] for operation, request in client.asked if operation == "delete_model"]
    assert gone == [made[0], made[1]]  # 3 is where a rollback goes, 4 may be about to be asked for


@pytest.fixture
def looked(monkeypatch):
    """Return what reconcile gathers in an account, where AWS has nothing."""
    monkeypatch.setattr(live.history, "first_parent", lambda _: ("c" * 40,))
    monkeypatch.setattr(live, "_same_definition", lambda *_: True)
    monkeypatch.setattr(execution, "of_release", lambda *_: [])
    work = SimpleNamespace(root=None, ids=SimpleNamespace(release_id="a" * 64))

    def gather(run: Run) -> live.Live:
        run.aws.__dict__.setdefault(
            "cloudformation", Client(describe_stacks=error("404"), get_template=error("404"))
        )
        return live.gather(run, work, {})

    return gather


def test_reconcile_in_the_registrys_account_asks_nothing_about_production(make_settings, looked):
    client = noted()
    client.answers |= {"list_endpoints": {"Endpoints": []}, "describe_endpoint": error("404")}
    s3 = Client(get_object=error("NoSuchKey"))
    found = looked(run_in(REGISTRY, make_settings(), sagemaker=client, s3=s3))
    assert [item.what for item in live.reconcile.findings(found)] == ["the newest commit's release"]
    assert (found.serving, found.endpoint, found.missing_alarms) == (None, None, ())


def test_an_endpoint_of_before_production_had_its_own_account_is_found(make_settings, looked):
    def describe_endpoint(EndpointName: str) -> object:
        return {"EndpointStatus": "InService"} if EndpointName.endswith("-production") else error("404")

    client = noted()
    client.answers |= {"list_endpoints": {"Endpoints": []}, "describe_endpoint": describe_endpoint}
    s3 = Client(get_object=error("NoSuchKey"))
    found = live.reconcile.findings(looked(run_in(REGISTRY, make_settings(), sagemaker=client, s3=s3)))
    [old] = [item for item in found if item.what == "production"]
    delete = "aws sagemaker delete-endpoint --region eu-west-1 --endpoint-name income-model-production"
    assert old.todo.endswith(delete)


def test_a_vpc_that_nobody_wants_any_more_is_found(make_settings, looked):
    client = noted()
    client.answers |= {"list_endpoints": {"Endpoints": []}, "describe_endpoint": error("404")}
    run = run_in(REGISTRY, make_settings(), sagemaker=client, s3=Client(get_object=error("NoSuchKey")))
    there = {"income-model-network": {"TemplateBody": "{}"}}
    run.aws.__dict__["cloudformation"] = Client(
        describe_stacks=error("404"), get_template=lambda StackName, **_: there.get(StackName) or error("404")
    )
    [found] = [item for item in live.reconcile.findings(looked(run)) if item.what == "stack"]
    assert "delete-stack --region eu-west-1 --stack-name income-model-network" in found.todo


def test_reconcile_in_productions_account_asks_nothing_about_the_rest(make_settings, looked):
    client = noted("2026-01-01")
    client.answers["describe_endpoint"] = error("404")
    found = looked(run_in(PRODUCTION, make_settings(), sagemaker=client))
    assert (found.here, found.staging, found.definition) == ({"production"}, {}, None)
    assert "list_endpoints" not in client.operations()


def test_no_job_mends_the_stack_of_productions_account():
    seen = live.Live(here=frozenset({"production"}), stacks={"income-model": False})
    [found] = live.reconcile.findings(seen)
    assert (found.what, found.heal) == ("stack", "")
    assert "connect" in found.todo


def executions() -> Client:
    """Return an AWS where one execution runs and an older one is over."""
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/income-model/execution/"
    listed = [
        {
            "PipelineExecutionArn": f"{arn}{status.lower()}",
            "PipelineExecutionStatus": status,
            "PipelineExecutionDisplayName": f"release-{day}",
            "StartTime": datetime(2026, 1, day, tzinfo=UTC),
        }
        for day, status in ((1, "Succeeded"), (2, "Executing"))
    ]
    begun = [
        {"StepName": name, "StepStatus": "Executing", "StartTime": listed[0]["StartTime"]} for name in "AB"
    ]
    return Client(
        list_pipeline_executions={"PipelineExecutionSummaries": listed},
        list_pipeline_execution_steps={"PipelineExecutionSteps": begun},
    )


def test_status_tells_what_runs_after_ctrl_c_and_how_to_stop_it(make_settings):
    [line] = status.running(run_in(REGISTRY, make_settings(), sagemaker=executions()))
    assert line.startswith(
        "release-2 runs (Executing, B); to stop it: aws sagemaker stop-pipeline-execution "
    )
    assert line.endswith("--pipeline-execution-arn " + line.split()[-1])
    assert line.endswith("pipeline/income-model/execution/executing")


def test_the_account_that_serves_runs_no_pipeline(make_settings):
    client = executions()
    assert status.running(run_in(PRODUCTION, make_settings(), sagemaker=client)) == []
    assert client.operations() == []
