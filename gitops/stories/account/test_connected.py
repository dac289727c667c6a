"""Connect in one go: both stacks, GitHub's side, and nothing more the second time. The rest is slow."""

from __future__ import annotations

import pytest

from doubles import aws as makers
from doubles.account import REPOSITORY, Project, connect
from sagemaker_gitops.account import gh, shown


def test_it_makes_both_stacks_and_the_second_time_nothing(project: Project):
    connect(project)
    assert project.stacks() == project.both()
    assert len(project.github.variables) == 5
    assert "nothing to change" in connect(project)


def test_without_its_reviewer_an_environment_is_made_as_one_that_never_had_any():
    alone = gh.make_environment(REPOSITORY, "infrastructure")
    assert gh.without_reviewer(gh.make_environment(REPOSITORY, "infrastructure", "7")) == alone
    assert not gh.reviewed(alone)


@pytest.mark.parametrize(("vpc", "joined", "count"), [(True, "", 1), (True, "vpc-1", 0), (False, "", 0)])
def test_executions_that_the_vpc_would_cut_off_are_counted(make_settings, vpc, joined, count):
    there = {"Stacks": [{"Parameters": [{"ParameterKey": "Vpc", "ParameterValue": joined}]}]}
    told = [
        {"PipelineExecutionArn": state, "PipelineExecutionStatus": state, "StartTime": 1}
        for state in ("Executing", "Succeeded")
    ]
    run = makers.make_run(
        make_settings(network={"vpc": vpc}),
        cloudformation=makers.Client(describe_stacks=there),
        sagemaker=makers.Client(list_pipeline_executions={"PipelineExecutionSummaries": told}),
    )
    assert shown.cut_off(run) == count
