"""Whether a commit is still main's newest, and whether another run releases it, as GitHub tells."""

from __future__ import annotations

import pytest

from doubles.project import ROOT
from sagemaker_gitops.github import runs
from sagemaker_gitops.reconcile import Live, findings

PROMOTES = "Deploy / Into production / Production"
WORKFLOWS = ROOT / ".github" / "workflows"


@pytest.fixture
def environ(world):
    return world.github.environ() | {"GITHUB_RUN_ID": "41"}


def collecting(status: str) -> list[dict[str, str]]:
    return [
        {"name": "Reconcile / Compare git with what is live", "status": "completed"},
        {"name": "Reconcile / Collect / Images", "status": status},
    ]


def releasing(status: str) -> list[dict[str, str]]:
    return [
        {"name": "Release / Images", "status": "completed"},
        {"name": "Release / Outcome", "status": status},
        {"name": "Reconcile / Change the infrastructure", "status": "waiting"},
    ]


def test_jobs_are_known_by_the_names_that_the_workflows_give_them():
    named = {"main.yml": runs.RELEASES, "release.yml": runs.ENDS, "reconcile.yml": runs.COLLECTS}
    for file, name in named.items():
        text = (ROOT / ".github" / "workflows" / file).read_text("utf-8")
        assert f"    name: {name}\n" in text


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
        pytest.param(
            {"id": 40, "status": "waiting", "jobs": releasing("completed")},
            False,
            id="released, and its change of the infrastructure waits for a reviewer",
        ),
        pytest.param(
            {"id": 40, "status": "in_progress", "jobs": releasing("queued")[:1]},
            True,
            id="between two of its jobs",
        ),
    ],
)
def test_another_run_releases_a_commit_or_collects_it(world, environ, run, active):
    world.github.runs = [{"head_sha": world.bad} | run]
    assert runs.active(world.bad, environ) is active


@pytest.mark.parametrize(
    ("file", "job", "status", "changing"),
    [
        pytest.param("main.yml", f"Release / {PROMOTES}", "in_progress", True, id="promotes"),
        pytest.param("main.yml", f"Release / {PROMOTES}", "waiting", False, id="waits"),
        pytest.param("main.yml", "Release / Deploy / Let in", "in_progress", False, id="is let in"),
        pytest.param(
            "reconcile.yml",
            f"Collect / {PROMOTES}",
            "in_progress",
            True,
            id="promotes what was lost",
        ),
        pytest.param("reconcile.yml", "Mend", "in_progress", False, id="mends: it notes nothing"),
        pytest.param("rollback.yml", "Back to the release before", "in_progress", True, id="rolls back"),
    ],
)
def test_a_job_that_changes_production_is_seen_while_it_works(world, environ, file, job, status, changing):
    jobs = [{"name": "Release / Images", "status": "completed"}, {"name": job, "status": status}]
    world.github.runs = [
        {"id": 40, "status": "in_progress", "head_sha": "0" * 40, "workflow": file, "jobs": jobs}
    ]
    assert runs.changing(environ) is changing


def test_the_jobs_that_change_production_are_called_as_in_their_files():
    """Their names are all that GitHub tells of a job."""
    for name, file in zip(runs.CHANGES, ("production.yml", "rollback.yml"), strict=True):
        assert f"    name: {name}\n" in (WORKFLOWS / file).read_text("utf-8")


def test_without_githubs_token_nobody_can_tell(world):
    assert runs.newest(world.bad, {}) is None
    assert runs.active(world.bad, {}) is None
    assert runs.changing({}) is None


def test_of_a_commit_that_is_not_the_newest_nothing_is_compared():
    assert findings(Live(newest=False, commits=(), outcome="", definition=False)) == []
