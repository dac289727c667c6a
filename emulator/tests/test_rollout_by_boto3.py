"""A deploy script of somebody else drives an update, trips an alarm and sees the rollback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import botocore.session
import pytest
from botocore.validate import ParamValidator
from models_by_hand import Account

SCRIPT = Path(__file__).with_name("rollout_by_boto3.py")


@pytest.fixture
def account(aws):
    """Return an account; its endpoints go with the test."""
    made = Account(aws)
    yield made
    made.clean()


def deploy(endpoint: str, config: str, alarm: str, wish: str) -> dict[str, object]:
    """Run the script as a process of its own and return what it saw."""
    words = [sys.executable, str(SCRIPT), endpoint, config, alarm, wish]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_its_alarm_takes_the_update_back_and_describe_endpoint_says_so(account, unique):
    old, new = account.config("old", count=2), account.config("new", count=2)
    endpoint = account.endpoint(old)
    saw = deploy(endpoint, new, unique, "trip")
    assert saw["statuses"] == ["Updating", "RollingBack", "InService"]
    assert "Baking" in saw["phases"]
    assert (saw["status"], saw["config"]) == ("InService", old)
    assert unique in saw["reason"]
    assert "old" in saw["answers"] and saw["answers"].keys() <= {"old", "new"}
    assert {account.ask(endpoint).split()[0] for _ in range(20)} == {"old"}


def test_left_alone_the_update_is_promoted_after_its_bakes(account, unique):
    old, new = account.config("old", count=2), account.config("new", count=2)
    endpoint = account.endpoint(old)
    saw = deploy(endpoint, new, unique, "leave")
    assert saw["statuses"] == ["Updating", "InService"]
    assert saw["phases"][0] == "Creating" and "Baking" in saw["phases"]
    assert (saw["status"], saw["config"], saw["reason"]) == ("InService", new, None)
    assert saw["answers"].keys() == {"old", "new"}
    shape = botocore.session.get_session().get_service_model("sagemaker").shape_for("DeploymentConfig")
    assert not ParamValidator().validate(saw["last"], shape).has_errors()
    assert {account.ask(endpoint).split()[0] for _ in range(20)} == {"new"}
