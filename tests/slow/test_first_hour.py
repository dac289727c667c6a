"""docs/first-hour.md in one sitting: its commands, in its order, to a first release that answers; timed."""

from __future__ import annotations

import re
import time

import pytest
from act import world
from conftest import ROOT

from tools import bake as tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
PAGE = (ROOT / "docs/first-hour.md").read_text("utf-8")
COMMANDS = re.findall(r"^    \$ (.+)$", PAGE, re.MULTILINE)
(TABLE,) = re.findall(r"^```\n(.+?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_pages_commands_in_its_order_lead_to_a_first_release_that_answers(template, tmp_path, told):
    project = tool.bake(template, tmp_path, {"github_repository": world.REPOSITORY})
    with world.made(tmp_path / "world", project) as github:
        sitting = {
            "python -m pipelines connect": connect,
            "python -m pipelines doctor": doctor,
            "git push origin main": first_release,
            "python -m pipelines status": status,
            "python -m pipelines request": request,
        }
        assert list(sitting) == COMMANDS
        for command, act in sitting.items():
            began = time.monotonic()
            text = act(github)
            told(f"\n$ {command}\n{text}\n{command}: {time.monotonic() - began:.1f} s")
        assert "nothing to change" in github.connected()


def connect(github):
    text = github.connect()
    for line in TABLE.splitlines():
        for part in line.split("..."):
            assert words(part) in words(text)
    assert "python -m pipelines doctor" in text
    return text


def doctor(github):
    """Nothing stops a release; the emulator knows no quotas, and doctor says that it could not look."""
    done = github.verb("doctor", **github.gh)
    verdicts = re.findall(r"^ *([✓!✗]) +(\S+)", done.stdout, re.MULTILINE)
    assert {about for verdict, about in verdicts if verdict != "✓"} == {"quotas"}
    assert {about for _, about in verdicts} >= {"account", "stacks", "trust", "github", "packages", "git"}
    return done.stdout


def first_release(github):
    done = github.run("main.yml")
    assert done.code == 0, done.output
    assert github.outcome(github.git("rev-parse", "HEAD"))["outcome"] == "released"
    return "\n".join(done.summaries.values())


def status(github):
    text = github.verb("status").stdout
    assert re.search(r"endpoint production +InService", text)
    return text


def request(github):
    release = github.served()
    assert release == github.outcome(github.git("rev-parse", "HEAD"))["release_id"][: len(release)]
    return release


def words(text):
    return " ".join(text.split())
