"""Destroy on an emulator: listed, asked, deleted in an order that works; data only when that is said."""

from __future__ import annotations

import io
import re

import pytest

from doubles import leavings
from doubles.account import ACCOUNT, Project
from sagemaker_gitops.account import connect as connecting
from sagemaker_gitops.account import destroy as destroying
from sagemaker_gitops.account import owned
from sagemaker_gitops.errors import SettingsError

pytestmark = pytest.mark.slow  # an account is connected and filled for each

KEPT = {"group", "log", "image repository", "key", "bucket"}


@pytest.fixture
def connected(project: Project) -> Project:
    """Return a project with both stacks and two versions of an object."""
    connecting.connect(project.run(), yes=True)
    for body in (b"one", b"two"):
        project.aws["s3"].put_object(Bucket=bucket(project), Key="data/x", Body=body)
    return project


def bucket(project: Project) -> str:
    return f"{project.slug}-{ACCOUNT}-eu-west-1"


def there(project: Project) -> set[str]:
    return {thing.kind for thing in owned.things(project.run())}


def test_everything_is_listed_and_said_what_becomes_of_it(connected: Project, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    with pytest.raises(SettingsError, match="E518"):
        destroying.destroy(connected.run())
    shown = connected.text()
    assert f"s3://{bucket(connected)}" in shown
    assert "2 versions, 6 bytes" in shown
    assert "leave it: --data" in shown
    assert re.search(r"CREATE_COMPLETE, \d+ resources", shown)
    assert connected.stacks() == connected.both()


def test_another_name_deletes_nothing(connected: Project):
    with pytest.raises(SettingsError, match="E518"):
        destroying.destroy(connected.run(), yes="another")
    assert connected.stacks() == connected.both()


def test_the_data_stays_unless_it_is_asked_for(connected: Project):
    destroying.destroy(connected.run(), yes=connected.slug)
    stays = connected.text().split("what stays")[1]
    assert f"bucket {bucket(connected)}" in stays
    assert "  gh variable delete AWS_REGION --repo acme/income-model\n" in stays
    assert "  gh api -X DELETE repos/acme/income-model/environments/production\n" in stays
    assert connected.stacks() == {}
    assert there(connected) == KEPT | {"objects"}


def test_with_data_nothing_is_left(connected: Project):
    destroying.destroy(connected.run(), yes=connected.slug, data=True)
    assert connected.stacks() == {}
    assert there(connected) == set()


def test_the_data_can_follow_later_and_then_connect_works_again(connected: Project):
    destroying.destroy(connected.run(), yes=connected.slug)
    destroying.destroy(connected.run(), yes=connected.slug, data=True)
    assert there(connected) == set()
    connecting.connect(connected.run(), yes=True)
    assert connected.stacks() == connected.both()


def test_a_second_time_there_is_nothing_to_delete(connected: Project):
    destroying.destroy(connected.run(), yes=connected.slug, data=True)
    destroying.destroy(connected.run(), yes=connected.slug, data=True)
    assert "nothing to delete" in connected.text()


@pytest.fixture
def in_use(connected: Project) -> Project:
    """Return a project that serves, trains, and has a package and an image."""
    leavings.endpoint(connected)
    leavings.package(connected)
    leavings.pushed(connected)
    arn = leavings.execution(connected, "sleep 300", bucket(connected))
    leavings.until(lambda: leavings.state(connected, arn) == "Executing")
    return connected


def test_a_project_in_use_goes_whole(in_use: Project):
    destroying.destroy(in_use.run(), yes=in_use.slug, data=True)
    assert there(in_use) == set()
    assert in_use.stacks() == {}


def test_without_data_what_serves_and_trains_ends_and_what_was_made_stays(in_use: Project):
    client = in_use.aws["sagemaker"]
    destroying.destroy(in_use.run(), yes=in_use.slug)
    assert "1 image" in in_use.text()
    assert there(in_use) == KEPT | {"packages", "objects"}
    assert client.list_models(NameContains=in_use.slug)["Models"] == []
    assert client.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"] == []
