"""The fire drill of a fresh bake: passed whole, and red once an alarm cannot ring."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections import Counter

import pytest
from act import world
from act.rewrite import Job

from tools import bake as tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
KINDS = 14  # of the issue that asked for the drill
TROUBLES = {"lost response", "throttling", "runner killed", "silent rollback"}
# The drill as it is. What makes stack, images and packages are two clients of whoever drills; whatever is
# connected after that, also by the process that is killed, has the keys in ROLE.
UNDER_A_ROLE = """
import json, os, sys
from tests.drill import __main__ as drill, world

made = world.World.set_up

def set_up(self):
    made(self)
    self.run.aws.s3, self.run.aws.sagemaker
    os.environ.update(json.loads(os.environ["ROLE"]))

world.World.set_up = set_up
sys.exit(drill.main())
"""


@pytest.fixture
def project(default_bake, tmp_path):
    return shutil.copytree(default_bake, tmp_path / "project")


def drill(project, *words):
    """Run make drill as a user does; return its exit code, its words and build/drill.json."""
    told = ["make", "drill", f"VENV={sys.prefix}", f"ARGS={' '.join(words)}"]
    left_out = ("PYTEST_", "AWS_", "PYTHONDONTWRITE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    done = subprocess.run(told, cwd=project, env=environment, capture_output=True, text=True)
    report = project / "build" / "drill.json"
    assert report.exists(), done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr, json.loads(report.read_bytes())


def test_every_broken_release_is_stopped_and_every_good_one_promoted(project, told):
    code, output, report = drill(project)
    told(f"\n{output}")
    assert (code, report["verdict"]) == (0, "passed"), output
    assert report["left_out"] == []
    rows, sums = report["rows"], report["totals"]
    assert len({row["name"] for row in rows if row["bad"]}) == KINDS
    assert {row["name"] for row in rows} >= TROUBLES
    for row in rows:
        assert row["ok"], row
        good = row["name"].startswith("good") or row["name"] in TROUBLES - {"silent rollback"}
        assert row["verdict"] == ("promoted" if good else "rolled back"), row
        assert row["during"]["requests"] > 0, row
        assert row["after"]["requests"] > 0, row
        assert (row["after"]["failed_as_is"], row["after"]["wrong"]) == (0, 0), row
    assert sums["false_greens"] == 0


def test_with_an_alarm_that_cannot_ring_the_broken_release_gets_through_and_the_drill_is_red(project):
    code, output, told = drill(project, "--only 'sign flipped'", "--unreachable wrong")
    assert code == 2, output  # make's word for any failure
    assert (told["verdict"], told["unreachable"]) == ("failed", "wrong")
    bad = [row for row in told["rows"] if row["bad"]]
    assert {row["name"] for row in bad} == {"sign flipped"}
    for row in bad:
        assert "SageMaker promoted it" in row["wrong"], row
        assert row["during"]["wrong"] > 0, row
    assert all(row["ok"] for row in told["rows"] if row["name"] != "sign flipped"), output
    assert "The alarm -wrong was made unable to ring" in output


@pytest.fixture
def connected(template, tmp_path, monkeypatch):
    """A project that is connected to an AWS with IAM enforced, where an ill container is soon given up."""
    monkeypatch.setenv("SAGEMAKER_EMULATOR_HEALTH_SECONDS", "5")
    project = tool.bake(template, tmp_path, {"github_repository": world.REPOSITORY})
    with world.made(tmp_path / "world", project) as made:
        made.connect()
        yield made


def test_under_its_role_the_drill_ends_alike_and_nothing_is_denied(connected, monkeypatch, told):
    for name, value in connected.aws.items():
        monkeypatch.setenv(name, value)
    role = connected.variables["AWS_DEPLOY_ROLE"]
    drilled = [sys.executable, "-c", UNDER_A_ROLE]
    environment = os.environ | {"ROLE": json.dumps(taken(connected, role))}
    before = len(decisions())
    done = subprocess.run(drilled, cwd=connected.root, env=environment, capture_output=True, text=True)
    output = done.stdout + done.stderr
    report = json.loads((connected.root / "build/drill.json").read_bytes())
    assert (done.returncode, report["verdict"]) == (0, "passed"), output
    assert len({row["name"] for row in report["rows"] if row["bad"]}) == KINDS
    made = [each for each in decisions()[before:] if each["role"]]
    asked = Counter(each["role"].rsplit("-", 1)[1] for each in made if each["allowed"])
    told(f"\n{output}\nallowed: {dict(asked)}")
    assert [each for each in made if not each["allowed"]] == []
    assert min(asked["deploy"], asked["execution"]) > 100
    did = {each["action"] for each in made if each["role"] == role}
    assert did >= {"sagemaker:UpdateEndpoint", "sagemaker:UpdateModelPackage", "cloudwatch:PutMetricAlarm"}


def taken(connected, role):
    """Return the variables that hold a role's keys, taken with the token of a job that deploys."""
    job = Job("production.yml", "production", "", token=True)
    given = connected.token(job, "push", "refs/heads/main", connected.git("rev-parse", "HEAD"), "deploy.yml")
    url = f"{given['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience=sts.amazonaws.com"
    bearer = {"Authorization": f"bearer {given['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=bearer)) as answer:
        token = json.load(answer)["value"]
    request = {"RoleArn": role, "RoleSessionName": "the-drill", "WebIdentityToken": token}
    keys = connected.client("sts").assume_role_with_web_identity(**request)["Credentials"]
    names = ("AccessKeyId", "AWS_ACCESS_KEY_ID"), ("SecretAccessKey", "AWS_SECRET_ACCESS_KEY")
    return {name: keys[key] for key, name in (*names, ("SessionToken", "AWS_SESSION_TOKEN"))}


def decisions():
    """Return every decision of the emulator so far."""
    with urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/_emulator/iam/decisions") as answer:
        return json.load(answer)["decisions"]
