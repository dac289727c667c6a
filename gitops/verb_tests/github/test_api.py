"""The door to GitHub: who gets in, and what a refusal says."""

from __future__ import annotations

import time

import pytest

from sagemaker_gitops.errors import AccessError
from sagemaker_gitops.github import api


@pytest.mark.parametrize("missing", ["GITHUB_TOKEN", "GITHUB_REPOSITORY"])
def test_a_laptop_has_no_repository(world, missing):
    assert api.repository(world.github.environ() | {missing: ""}) is None


def test_nothing_is_asked_before_it_is_needed(world):
    assert api.name(api.repository(world.github.environ())) == "acme/demo"
    assert world.github.requests == []


@pytest.mark.parametrize(
    ("status", "todo"),
    [
        (401, "run the job again"),
        (403, "permissions"),
        (404, "still there"),
        (410, "turn issues on"),
        (422, "again"),
    ],
)
def test_a_refusal_has_four_lines_and_says_what_to_do(world, status, todo):
    world.github.refuse("POST", "issues", status, "no\nsecond line")
    with pytest.raises(AccessError) as refused, api.asking("open an issue", world.repository):
        world.repository.create_issue("title")
    assert refused.value.code == "E605"
    assert refused.value.what == "GitHub refused to open an issue"
    assert refused.value.where == "repository acme/demo"
    assert refused.value.why == f"{status}: no second line"
    assert todo in refused.value.todo


def test_a_github_that_does_not_answer_is_told_soon(world):
    environ = world.github.environ() | {"GITHUB_API_URL": "http://127.0.0.1:9"}
    started = time.monotonic()
    repository = api.repository(environ)
    with pytest.raises(AccessError, match="E605 GitHub cannot be reached"), api.asking("look", repository):
        repository.get_label("x").update()
    assert time.monotonic() - started < 30


def test_reading_is_tried_again_and_writing_is_not(world):
    world.github.refuse("GET", "labels", 502, "bad gateway", times=1)
    world.github.refuse("POST", "issues", 502, "bad gateway", times=1)
    world.github.create_label({"name": "x"})
    world.repository.get_label("x").update()
    with pytest.raises(AccessError), api.asking("open an issue", world.repository):
        world.repository.create_issue("title")
    assert len(world.github.writes("issues")) == 1


def test_a_long_wait_that_github_asks_for_is_not_waited_for(world):
    repository = api.repository(world.github.environ())
    world.github.refuse("GET", "labels", 403, "API rate limit exceeded for installation.")
    started = time.monotonic()
    with pytest.raises(AccessError, match="E605"), api.asking("look", repository):
        repository.get_label("x").update()
    assert time.monotonic() - started < 30


def test_the_waits_between_tries_stay_below_a_minute():
    pauses = sum(api.PAUSE_SECONDS * 2**place for place in range(api.RETRIES))
    assert api.RETRIES * api.LIMIT_SECONDS + pauses < 60
