"""Whether a commit is still main's newest, and whether another run releases it, as GitHub tells."""

from __future__ import annotations

import pytest

from pipelines.github import runs
from pipelines.reconcile import Live, findings


@pytest.fixture
def environ(world):
    return world.github.environ() | {"GITHUB_RUN_ID": "41"}


def collecting(status: str) -> list[dict[str, str]]:
    return [
        {"name": "Reconcile / Compare git with what is live", "status": "completed"},
        {"name": "Reconcile / Collect / Images", "status": status},
    ]


def test_a_commit_is_the_newest_until_the_next_merge(world, environ):
    head = world.checkout.git("rev-parse", "HEAD")
    assert runs.newest(head, environ) is True
    world.checkout.merge("Later", {"training/train.py": "later"})
    assert runs.newest(head, environ) is False


@pytest.mark.parametrize(
    ("run", "active"),
    [
        pytest.param({"id": 41, "status": "in_progress"}, False, id="the one that asks"),
        pytest.param({"id": 40, "status": "completed"}, False, id="over"),
        pytest.param({"id": 40, "status": "queued"}, True, id="of this commit"),
        pytest.param({"id": 40, "status": "queued", "head_sha": "0" * 40}, False, id="of another commit"),
        pytest.param(
            {"id": 40, "status": "in_progress", "workflow": "reconcile.yml", "jobs": collecting("queued")},
            True,
            id="a schedule collects",
        ),
        pytest.param(
            {"id": 40, "status": "waiting", "workflow": "reconcile.yml", "jobs": collecting("waiting")},
            True,
            id="what is collected waits for its reviewer",
        ),
        pytest.param(
            {"id": 40, "status": "in_progress", "head_sha": "0" * 40, "jobs": collecting("in_progress")},
            True,
            id="another merge collects",
        ),
        pytest.param(
            {"id": 40, "status": "in_progress", "workflow": "reconcile.yml", "jobs": collecting("completed")},
            False,
            id="collected",
        ),
    ],
)
def test_another_run_releases_a_commit_or_collects_it(world, environ, run, active):
    world.github.runs = [{"head_sha": world.bad} | run]
    assert runs.active(world.bad, environ) is active


def test_without_githubs_token_nobody_can_tell(world):
    assert runs.newest(world.bad, {}) is None
    assert runs.active(world.bad, {}) is None


def test_of_a_commit_that_is_not_the_newest_nothing_is_compared():
    assert findings(Live(newest=False, commits=(), outcome="", definition=False)) == []
