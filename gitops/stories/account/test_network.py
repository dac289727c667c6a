"""The VPC, where IAM is enforced: made by connect, joined by jobs and models, taken away by destroy."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from doubles.account import SLUG, Project
from sagemaker_gitops import live, stack
from sagemaker_gitops.account import connect as connecting
from sagemaker_gitops.account import destroy as destroying
from sagemaker_gitops.account import doctor as examining
from sagemaker_gitops.errors import SettingsError
from tests.stories.world import World

pytestmark = pytest.mark.slow
VPC = {"vpc": True}
NETWORK = f"{SLUG}-network"


@pytest.fixture(scope="module")
def emulator(enforced: World) -> World:
    """Return the AWS of this module's projects."""
    return enforced


@pytest.fixture
def connected(project: Project, emulator: World) -> Iterator[Project]:
    """Return a project that mlops.toml wants a VPC for, connected."""
    project.slug = SLUG  # as mlops.toml has it: verbs are called as processes, too
    with emulator.edited("mlops.toml", lambda text: text.replace("vpc = false", "vpc = true ")):
        connecting.connect(project.run(), yes=True)
        yield project
    destroying.destroy(project.run(), yes=SLUG, data=True)


def vpc_config(project: Project) -> dict[str, list[str]]:
    """Return what the network's stack made, as jobs and models are to name it."""
    told = stack.told(project.aws["cloudformation"].describe_stacks(StackName=NETWORK)["Stacks"][0])
    return {"SecurityGroupIds": [told["SecurityGroupId"]], "Subnets": told["SubnetIds"].split(",")}


def release(world: World) -> None:
    """Bring the copy to production."""
    for verb in (("definition", "--write"), ("image",), ("release",)):
        done = world.run("pipelines", *verb)
        assert done.code == 0, done.output


def reach(client: Any) -> list[tuple[bool, dict[str, list[str]]]]:
    """Return what the containers of each job, and of the model in production, can reach."""
    told = [
        client.describe_training_job(TrainingJobName=job["TrainingJobName"])
        for job in client.list_training_jobs()["TrainingJobSummaries"]
    ]
    for job in client.list_processing_jobs()["ProcessingJobSummaries"]:
        job = client.describe_processing_job(ProcessingJobName=job["ProcessingJobName"])
        told.append(job["NetworkConfig"])
    endpoint = client.describe_endpoint(EndpointName=f"{SLUG}-production")
    config = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    told.append(client.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"]))
    return [(each["EnableNetworkIsolation"], each["VpcConfig"]) for each in told]


def why_refused(client: Any) -> str:
    """Send the pipeline without its VPC; return why its first job did not start."""
    sent = json.loads(client.describe_pipeline(PipelineName=SLUG)["PipelineDefinition"])
    sent["Steps"] = sent["Steps"][:1]
    del sent["Steps"][0]["Arguments"]["NetworkConfig"]["VpcConfig"]
    role = client.describe_pipeline(PipelineName=SLUG)["RoleArn"]
    client.update_pipeline(PipelineName=SLUG, PipelineDefinition=json.dumps(sent), RoleArn=role)
    names = [parameter["Name"] for parameter in sent["Parameters"]]
    given = [{"Name": name, "Value": f"s3://bucket/{name}"} for name in names]
    request = {"PipelineParameters": given, "ClientRequestToken": "x" * 32}
    arn = client.start_pipeline_execution(PipelineName=SLUG, **request)["PipelineExecutionArn"]
    for _ in range(300):
        listed = client.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        step = listed[0] if listed else {}
        if step.get("StepStatus") == "Failed":
            return step["FailureReason"]
        time.sleep(0.1)
    raise AssertionError(step)


def test_a_release_runs_in_the_vpc_and_nothing_of_it_stays(connected: Project, emulator: World):
    assert "the VPC: each endpoint an hourly price" in connected.text()
    assert connected.stacks() == connected.both() | {NETWORK: "CREATE_COMPLETE"}
    release(emulator)
    made = reach(connected.aws["sagemaker"])
    assert len(made) == 4
    assert made == [(True, vpc_config(connected))] * 4
    assert "explicit deny" in why_refused(connected.aws["sagemaker"])
    destroying.destroy(connected.run(), yes=SLUG)
    assert connected.stacks() == {}
    vpcs = boto3.client("ec2").describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [SLUG]}])["Vpcs"]
    assert vpcs == []


def test_twice_changes_nothing_and_nothing_differs(connected: Project):
    connecting.connect(connected.run(), yes=True)
    assert "nothing to change" in connected.text()
    assert set(live._stacks(connected.run()).items()) == {(name, True) for name in connected.stacks()}
    assert [item.what for item in examining.stacks(connected.run()) if item.verdict != "ok"] == []


def test_a_vpc_that_is_no_longer_wanted_is_left_and_told(connected: Project):
    off = {"network": {"vpc": False}}
    assert live._stacks(connected.run(**off))[NETWORK] is False
    connecting.connect(connected.run(**off), yes=True)
    assert f"delete-stack --region eu-west-1 --stack-name {NETWORK}" in connected.text()
    assert connected.run(**off).stack.vpc is None
    found = [item.what for item in examining.stacks(connected.run(**off)) if item.verdict == "warn"]
    assert found == [f"{NETWORK} stands, mlops.toml says vpc = false"]


def test_a_vpc_that_comes_later_changes_the_stack_that_is_there(project: Project):
    project.slug = SLUG
    connecting.connect(project.run(), yes=True)
    assert project.run().stack.vpc is None
    assert NETWORK not in project.stacks()
    connecting.connect(project.run(network=VPC), yes=True)
    assert project.run().stack.vpc == vpc_config(project)
    destroying.destroy(project.run(), yes=SLUG, data=True)


def test_two_accounts_are_refused_before_anything_is_made(project: Project):
    with pytest.raises(SettingsError, match=r"E501|account of its own"):
        connecting.connect(project.run(network=VPC), yes=True, production="210987654321")
    assert project.stacks() == {}
