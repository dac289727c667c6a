"""The fire drill of a fresh bake: passed whole, and red once an alarm cannot ring."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
KINDS = 14  # of the issue that asked for the drill
TROUBLES = {"lost response", "throttling", "runner killed", "silent rollback"}


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


def test_every_broken_release_is_stopped_and_every_good_one_promoted(project, capsys):
    code, output, told = drill(project)
    with capsys.disabled():
        print(f"\n{output}")
    assert (code, told["verdict"]) == (0, "passed"), output
    assert told["left_out"] == []
    rows, sums = told["rows"], told["totals"]
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
