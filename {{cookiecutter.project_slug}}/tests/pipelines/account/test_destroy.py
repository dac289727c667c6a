"""Destroy on an emulator: listed, asked, deleted in an order that works; data only when that is said."""

from __future__ import annotations

import io

import pytest

from pipelines.account import connect as connecting
from pipelines.account import destroy as destroying
from pipelines.account import owned
from pipelines.errors import SettingsError
from tests.pipelines.account.conftest import ACCOUNT, Project

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
    with pytest.raises(SettingsError, match="E516"):
        destroying.destroy(connected.run())
    shown = connected.text()
    assert f"s3://{bucket(connected)}" in shown
    assert "2 versions, 6 bytes" in shown
    assert "leave it: --data" in shown
    assert connected.stacks() == connected.both()


def test_another_name_deletes_nothing(connected: Project):
    with pytest.raises(SettingsError, match="E516"):
        destroying.destroy(connected.run(), yes="another")
    assert connected.stacks() == connected.both()


def test_the_data_stays_unless_it_is_asked_for(connected: Project):
    destroying.destroy(connected.run(), yes=connected.slug)
    assert f"bucket {bucket(connected)}" in connected.text().split("what stays")[1]
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


def test_what_a_release_made_goes_before_what_it_stands_on(connected: Project):
    client = connected.aws["sagemaker"]
    name = f"{connected.slug}-production-0123456789ab-1-01234567"
    role = f"arn:aws:iam::{ACCOUNT}:role/{connected.slug}-eu-west-1-execution"
    (connected.root / ".emulator" / "images.json").write_text('{"local/none:1": {"entrypoint": ["true"]}}')
    client.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": "local/none:1"})
    variant = {
        "VariantName": "main",
        "ModelName": name,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    destroying.destroy(connected.run(), yes=connected.slug)
    assert client.list_models(NameContains=connected.slug)["Models"] == []
    assert client.list_endpoint_configs(NameContains=connected.slug)["EndpointConfigs"] == []
