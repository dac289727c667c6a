"""A repository that is renamed: its jobs are refused and told why, and `connect` lets them in again (F68)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from act import world
from least.jobs import Jobs

from tools import bake as tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
NEW = "acme/renamed"


@pytest.fixture
def connected(template, tmp_path):
    project = tool.bake(template, tmp_path, {"github_repository": world.REPOSITORY})
    with world.made(tmp_path / "world", project) as made:
        made.connect()
        yield made


def test_after_a_rename_jobs_say_what_to_do_and_connect_lets_them_in_again(connected, monkeypatch):
    jobs = Jobs(connected)
    jobs.run("image", expected=0)
    monkeypatch.setattr(world, "REPOSITORY", NEW)  # GitHub writes the new name into every token
    told = jobs.run("image", expected=6)
    assert "E609 AWS refused this workflow's identity" in told.text
    assert NEW in told.text
    assert "connect again" in told.text
    rename(connected)
    connected.verb("connect", "--yes", **connected.gh)
    jobs.run("image", expected=0)


def rename(connected):
    """Rename the repository at GitHub, and in the project's settings."""
    state = Path(connected.gh["GH_STATE"])
    told = json.loads(state.read_text("utf-8"))
    told["repository"]["full_name"] = NEW
    state.write_text(json.dumps(told), "utf-8")
    settings = connected.root / "mlops.toml"
    settings.write_text(settings.read_text("utf-8").replace('"acme/demo"', f'"{NEW}"'), "utf-8")
