"""docs/first-hour.md in one sitting: its commands, in its order, to a first release that answers; timed."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager

import pytest
from act import world
from conftest import ROOT

from tools import bake as tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
STEPS = ("bake", "connect", "doctor", "first release", "status", "request")


def test_from_connect_to_a_first_release_that_answers(template, tmp_path, capsys):
    took: dict[str, float] = {}

    @contextmanager
    def timed(name):
        began = time.monotonic()
        yield
        took[name] = time.monotonic() - began

    with timed("bake"):
        project = tool.bake(template, tmp_path, {"github_repository": world.REPOSITORY})
    with world.made(tmp_path / "world", project) as github:
        with timed("connect"):
            connected = github.connect()
        assert "python -m pipelines doctor" in connected
        assert set(github.variables) >= {
            f"AWS_{role}_ROLE" for role in ("PULL_REQUEST", "PIPELINE", "DEPLOY", "INFRA")
        }
        with timed("doctor"):
            examined = github.verb("doctor", check=False, **github.gh)
        with timed("first release"):
            done = github.run("main.yml")
        assert done.code == 0, done.output
        with timed("status"):
            status = github.verb("status")
        assert "InService" in status.stdout
        with timed("request"):
            assert github.served()
        assert github.outcome(github.git("rev-parse", "HEAD"))["outcome"] == "released"
    assert tuple(took) == STEPS
    with capsys.disabled():
        print(f"\n{connected}\n{examined.stdout}\n{status.stdout}")
        for name, seconds in took.items():
            print(f"{name:<14} {seconds:6.1f} s")


def test_the_page_names_the_same_steps_in_the_same_order():
    page = (ROOT / "docs/first-hour.md").read_text("utf-8")
    verbs = re.findall(r"^    \$ .*?(connect|doctor|git push|status|request)\b", page, re.MULTILINE)
    assert verbs == ["connect", "doctor", "git push", "status", "request"]
