"""A project that serves already, and whose production moves to an account of its own; under act."""

from __future__ import annotations

import re

import pytest
from act import changes, world
from test_act import QUICK, jobs

from tools import bake as tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
ENDPOINT = "income-model-production"


@pytest.fixture(scope="module")
def github(template, tmp_path_factory):
    """A project whose production serves where its models are made, and has just got its other account."""
    project = tool.bake(template, tmp_path_factory.mktemp("bake"), {"github_repository": world.REPOSITORY})
    with world.made(tmp_path_factory.mktemp("moving"), project) as made:
        made.connect()
        made.merge("Train for three epochs", QUICK)
        done = made.run("main.yml")
        assert done.code == 0, done.output
        made.move_production()
        yield made


def state(github, account):
    """Return what an account's production is at; empty where there is none."""
    sagemaker = github.client("sagemaker", account)
    there = sagemaker.list_endpoints(NameContains=ENDPOINT)["Endpoints"]
    return there[0]["EndpointStatus"] if there else ""


def test_until_something_is_served_there_nobody_says_so_and_what_served_stands(github):
    told = github.verb("status").stdout
    assert "none proven there yet" in told
    assert (state(github, world.ACCOUNT), state(github, world.OTHER)) == ("InService", "")


def test_the_next_merge_serves_there_without_training(github):
    before = github.trainings()
    commit = github.merge("One more sentence", changes.prose)
    done = github.run("main.yml")
    assert jobs(done)["Production"] == "success", done.output
    assert github.outcome(commit)["outcome"] == "released"
    assert github.trainings() == before
    assert state(github, world.OTHER) == "InService"
    assert github.served() == github.outcome(commit)["release_id"]


def test_what_served_before_is_kept_by_prune_told_by_the_schedule_and_gone_when_somebody_deletes_it(github):
    github.verb("prune", "--yes")
    sagemaker = github.client("sagemaker")
    (config,) = sagemaker.list_endpoint_configs(NameContains=ENDPOINT)["EndpointConfigs"]
    left = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    assert (left["EndpointStatus"], left["EndpointConfigName"]) == ("InService", config["EndpointConfigName"])
    done = github.run("reconcile.yml", "schedule")
    assert done.code == 1
    assert re.search(f"aws sagemaker delete-endpoint .*--endpoint-name {ENDPOINT}", done.output)
    sagemaker.delete_endpoint(EndpointName=ENDPOINT)
    done = github.run("reconcile.yml", "schedule")
    assert done.code == 0, done.output
