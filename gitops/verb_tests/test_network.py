"""The VPC: what the project's stack is told of it, and what is refused until both agree."""

from __future__ import annotations

import dataclasses

import pytest

from doubles.aws import STACK, Client, error, make_run
from sagemaker_gitops import network, reconcile, release, stack, tree
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.run import Run

VPC = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]}
MADE = {"VpcId": "vpc-1", "SubnetIds": "subnet-1,subnet-2", "SecurityGroupId": "sg-1"}
ABSENT = error("ValidationError", "Stack with id income-model-network does not exist")


def made(**outputs: str) -> dict[str, object]:
    """Return what DescribeStacks says of a stack with these outputs."""
    listed = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
    stack_id = "arn:aws:cloudformation:eu-west-1:123456789012:stack/income-model/1"
    return {"Stacks": [{"StackId": stack_id, "StackStatus": "CREATE_COMPLETE", "Outputs": listed}]}


def with_vpc(run: Run, there: bool) -> Run:
    """Return the run beside a stack with or without a VPC."""
    run.__dict__["stack"] = dataclasses.replace(STACK, vpc=VPC if there else None)
    return run


@pytest.mark.parametrize(
    ("wanted", "answer", "told"),
    [
        pytest.param(True, made(**MADE), ["vpc-1", "subnet-1,subnet-2", "sg-1"], id="wanted and there"),
        pytest.param(True, ABSENT, ["vpc-00000000", "subnet-00000000", "sg-00000000"], id="not made yet"),
        pytest.param(False, made(**MADE), ["", "", ""], id="there, and no longer wanted"),
    ],
)
def test_the_projects_stack_is_told_what_the_other_made(make_settings, wanted, answer, told):
    client = Client(describe_stacks=answer)
    run = make_run(make_settings(**{"network.vpc": wanted}), cloudformation=client)
    assert list(network.parameters(run).values()) == told


def test_a_stack_says_where_jobs_and_models_run(make_settings):
    outputs = dict.fromkeys(("BucketName", "KeyArn", "ExecutionRoleArn", "RepositoryUri"), "x")
    outputs["ModelPackageGroupName"] = "income-model"
    for more, vpc in (({}, None), (MADE, VPC)):
        run = make_run(make_settings(), cloudformation=Client(describe_stacks=made(**outputs, **more)))
        assert stack.outputs(run.aws, "income-model").vpc == vpc


@pytest.mark.parametrize(("wanted", "there"), [(True, False), (False, True)], ids=["not made", "not left"])
def test_a_release_starts_no_job_where_the_settings_do_not_want_it(make_settings, wanted, there):
    run = with_vpc(make_run(make_settings(**{"network.vpc": wanted})), there)
    work = tree.Tree(run.settings, None, tree.Ids("c", "s", "r", "sha"), "{}", None)
    with pytest.raises(SettingsError, match=r"mlops\.toml says vpc =") as refused:
        release.definition_of(run, work)
    assert refused.value.code == "E504"
    assert "python -m pipelines connect" in refused.value.todo


def test_a_vpc_that_nobody_wants_any_more_is_named_with_what_takes_it_away(make_settings):
    there = Client(describe_stacks=made(**MADE))
    left = network.left(make_run(make_settings(), cloudformation=there))
    assert left
    assert "delete-stack --region eu-west-1 --stack-name income-model-network" in left.todo
    assert network.left(make_run(make_settings(**{"network.vpc": True}), cloudformation=there)) is None
    assert network.left(make_run(make_settings(), cloudformation=Client(describe_stacks=ABSENT))) is None


def test_a_difference_of_the_vpc_is_an_administrators_to_mend():
    name = "income-model-network"
    live = reconcile.Live(stacks={name: False, "income-model": False}, network=name)
    found = {item.state.split()[0]: item for item in reconcile.findings(live) if item.what == "stack"}
    assert found[name].heal == ""
    assert "connect, as an administrator" in found[name].todo
    assert found["income-model"].heal == "infra"


def test_a_vpc_that_nobody_wants_any_more_is_a_difference_that_says_how_it_goes():
    name = "income-model-network"
    live = reconcile.Live(stacks={name: True}, network=name, unwanted="delete it")
    [found] = [item for item in reconcile.findings(live) if item.what == "stack"]
    assert (found.heal, found.todo) == ("", "delete it")
    assert name in found.state


def test_two_accounts_have_no_vpc(make_settings):
    run = make_run(make_settings(**{"network.vpc": True}))
    network.refuse_two_accounts(run, apart=False)
    with pytest.raises(SettingsError, match="account of its own"):
        network.refuse_two_accounts(run, apart=True)
