"""Logs: which execution and which step are shown, and what is said where there is nothing."""

from __future__ import annotations

import pytest

from pipelines.account import logs as reading
from pipelines.errors import SettingsError
from tests.pipelines.account.conftest import Project


def step(name: str, status: str, job: str = "") -> dict[str, object]:
    metadata = {"TrainingJob": {"Arn": f"arn:aws:sagemaker:eu-west-1:1:training-job/{job}"}} if job else {}
    return {"StepName": name, "StepStatus": status, "Metadata": metadata}


def test_the_step_that_failed_is_chosen_before_the_last_one():
    steps = [step("Train", "Failed", "a"), step("Evaluate", "Succeeded", "b")]
    assert reading.chosen(steps) is steps[0]


def test_where_none_failed_it_is_the_last_that_ran_a_job():
    steps = [step("Train", "Succeeded", "a"), step("Gate", "Succeeded")]
    assert reading.chosen(steps) is steps[0]


def test_before_the_first_release_there_is_nothing_to_show(project: Project):
    with pytest.raises(SettingsError, match="E515"):
        reading.logs(project.run())


def test_an_endpoint_that_is_not_there_is_said(project: Project):
    with pytest.raises(SettingsError, match="E515 there is no endpoint"):
        reading.logs(project.run(), "production")


def test_an_unknown_environment_is_refused(project: Project):
    with pytest.raises(SettingsError, match="E501"):
        reading.logs(project.run(), "prod")
