"""Logs: of a job that failed and of an endpoint that serves, and what is said where there is nothing."""

from __future__ import annotations

import re

import pytest

from doubles import leavings
from doubles.account import REGION, Project
from sagemaker_gitops import endpoints
from sagemaker_gitops.account import connect as connecting
from sagemaker_gitops.account import console
from sagemaker_gitops.account import logs as reading
from sagemaker_gitops.errors import SettingsError

pytestmark = pytest.mark.slow  # an account is connected and filled for each


def step(name: str, status: str, job: str = "") -> dict[str, object]:
    metadata = {"TrainingJob": {"Arn": f"arn:aws:sagemaker:eu-west-1:1:training-job/{job}"}} if job else {}
    return {"StepName": name, "StepStatus": status, "Metadata": metadata}


def test_the_step_that_failed_is_chosen_before_the_last_one():
    steps = [step("Train", "Failed", "a"), step("Evaluate", "Succeeded", "b")]
    assert reading.chosen(steps) is steps[0]


def test_where_none_failed_it_is_the_last_that_ran_a_job():
    steps = [step("Train", "Succeeded", "a"), step("Gate", "Succeeded")]
    assert reading.chosen(steps) is steps[0]


@pytest.mark.parametrize(("which", "what"), [("", "no execution"), ("production", "no endpoint")])
def test_before_the_first_release_there_is_nothing_to_show(project: Project, which: str, what: str):
    with pytest.raises(SettingsError, match="E504"):  # release would be refused, too
        reading.logs(project.run(), which)
    connecting.connect(project.run(), yes=True)
    with pytest.raises(SettingsError, match=f"E515 .*{what}") as told:
        reading.logs(project.run(), which)
    assert (told.value.why, told.value.todo) == ("no release is registered", "make release")


def test_an_unknown_environment_is_refused(project: Project):
    with pytest.raises(SettingsError, match="E501"):
        reading.logs(project.run(), "prod")


@pytest.fixture
def failed(project: Project) -> Project:
    """Return a project whose last execution failed in its training job."""
    bucket = f"{project.slug}-logs"
    where = {"LocationConstraint": REGION}
    project.aws["s3"].create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
    arn = leavings.execution(project, leavings.FAILS, bucket)
    leavings.until(lambda: leavings.state(project, arn) == "Failed")
    return project


def test_a_failed_training_shows_step_reason_our_lines_and_where_the_rest_is(failed: Project):
    reading.logs(failed.run())
    shown = failed.text()
    assert "execution-" in shown
    assert "  step Train Failed: AlgorithmError: , exit code: 1\n" in shown
    assert re.search(r"https://eu-west-1\.console\.aws\.amazon\.com/sagemaker/\S+#/training-jobs/\S+", shown)
    assert "    epoch=3 loss=0.51\n    and 1 other lines: /aws/sagemaker/TrainingJobs, stream " in shown
    assert "Ada Lovelace" not in shown


def test_the_whole_log_shows_what_libraries_wrote(failed: Project):
    reading.logs(failed.run(), whole=True)
    assert re.search(r"\d\d:\d\d:\d\dZ ValueError: row 7 is Ada Lovelace\n", failed.text())


def test_a_live_endpoint_shows_how_it_is_and_what_its_containers_wrote(project: Project):
    name = leavings.endpoint(project)
    reading.logs(project.run(), "production")
    shown = project.text()
    assert shown.startswith(f"{name} InService, config {name}-")
    assert re.search(r"Z event=loaded release=7\n", shown)
    assert f"log-group/$252Faws$252Fsagemaker$252FEndpoints$252F{name}\n" in shown


def test_the_log_of_a_staging_endpoint_that_is_gone_is_found(project: Project):
    name = leavings.endpoint(project, f"{project.slug}-staging-0123456789ab")
    endpoints.delete(project.run().aws, name)
    reading.logs(project.run(), "staging")
    shown = project.text()
    assert shown.startswith(f"{name} is gone")
    assert re.search(r"Z event=loaded release=7\n", shown)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "console.aws.amazon.com"),
        ("cn-north-1", "console.amazonaws.cn"),
        ("us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_the_console_is_that_of_the_regions_partition(region, host):
    assert console.job(region, "training", "x").startswith(f"https://{region}.{host}/sagemaker/")
    assert console.log(region, "/x").startswith(f"https://{region}.{host}/cloudwatch/")
    assert console.quota(region, "sagemaker", "L-1").startswith(f"https://{region}.{host}/servicequotas/")
