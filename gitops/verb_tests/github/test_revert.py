"""The revert: merging it gives the release that production serves, and takes back no more than it must."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime

import pytest

from doubles.aws import RELEASE, make_package
from doubles.repository import HOSTILE, ROLLED_BACK
from sagemaker_gitops.errors import AccessError
from sagemaker_gitops.github import revert
from sagemaker_gitops.github.outcome import Outcome, decide
from sagemaker_gitops.registry import Package
from tests.conftest import make_settings

BRANCH = f"revert/{RELEASE[:12]}"


def ended(world, **work) -> Outcome:
    return decide(ROLLED_BACK, world.work(**work), datetime.now(UTC))


def serving(world, **metadata: str) -> Package:
    facts = {"release_id": "77" * 32, "production": "proven", "commit_sha": world.good} | metadata
    return make_package(7, "Approved", **facts)


def propose(
    world, package: Package | None = None, outcome: Outcome | None = None, serves: tuple = ()
) -> revert.Revert:
    package = package or serving(world)
    return revert.propose(world.repository, outcome or ended(world), package, lambda sha: sha in serves, 1)


def files(world, commit: str) -> dict[str, str]:
    listed = world.github.git("ls-tree", "-r", commit).splitlines()
    return {line.split("\t")[1]: line.split()[2] for line in listed}


def test_merging_it_gives_the_release_that_production_serves(world):
    done = propose(world)
    before = world.checkout.release_id(world.good, make_settings())
    assert world.checkout.release_id(world.bad, make_settings()) != before
    merged = world.github.merge(done.number)
    assert world.checkout.release_id(merged, make_settings()) == before


def test_it_is_one_commit_on_mains_head(world):
    world.checkout.merge("More", {"training/model.py": "second"})
    head = world.checkout.merge("Still more", {"training/other.py": "x"})
    propose(world)
    assert world.github.git("rev-list", f"main..{BRANCH}").split() == [world.github.git("rev-parse", BRANCH)]
    assert world.github.git("rev-parse", f"{BRANCH}^") == head
    assert files(world, BRANCH) == files(world, world.good)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({".github/workflows/main.yml": "on: [push]"}, id="changed"),
        pytest.param({".github/dependabot.yml": "x"}, id="more"),
        pytest.param({".github/workflows/main.yml": None}, id="gone"),
    ],
)
def test_workflows_stay_as_they_are_on_main(world, change):
    head = world.checkout.merge("Workflow", change)
    merged = world.github.merge(propose(world).number)
    of_github = {name: sha for name, sha in files(world, head).items() if name.startswith(".github")}
    assert {
        name: sha for name, sha in files(world, merged).items() if name.startswith(".github")
    } == of_github
    assert world.checkout.release_id(merged, make_settings()) == world.checkout.release_id(
        world.good, make_settings()
    )


def test_where_a_file_lets_releases_in_it_names_the_one_that_serves(world):
    world.checkout.merge("Promote 8", {"production.lock": '{"release_id": "' + RELEASE + '"}'})
    done = propose(world)
    world.github.merge(done.number)
    told = world.github.git("show", "main:production.lock")
    assert json.loads(told) == {"release_id": "77" * 32, "version": 7}


def test_it_says_what_it_takes_back_and_what_not(world):
    world.checkout.merge("Docs", {"README.md": "second"})
    done = propose(world)
    pull = world.github.issues[done.number]
    assert pull["base"]["ref"] == "main"
    assert pull["title"] == "Revert main to release 777777777777, which production serves"
    first, second = (
        line for line in pull["body"].splitlines() if line.startswith("- `") and ".github" not in line
    )
    assert first.endswith("Docs")
    assert second == f"- `{world.bad[:12]}` Bigger model \\(\\#&#8203;2\\)"
    for said in ("does not take back", ".github", "nothing is trained", "issue #1", "stays in the registry"):
        assert said in pull["body"]


def test_a_merge_of_a_branch_is_listed_once(world):
    world.checkout.git("checkout", "-q", "-b", "feature")
    for number in range(3):
        world.checkout.git("commit", "-q", "--allow-empty", "-m", f"step {number}")
    world.checkout.git("checkout", "-q", "main")
    world.checkout.git("merge", "-q", "--no-ff", "-m", "Merge feature", "feature")
    world.checkout.merge("Last", {"README.md": "third"})
    body = world.github.issues[propose(world).number]["body"]
    assert "Merge feature" in body
    assert "step" not in body


@pytest.mark.parametrize("title", HOSTILE)
def test_a_commits_title_is_text(world, title):
    world.checkout.merge(title, {"README.md": title})
    done = propose(world)
    body, message = (
        world.github.issues[done.number]["body"],
        world.github.git("show", "-s", "--format=%B", BRANCH),
    )
    assert title.splitlines()[0] not in message
    for active in ("@octocat", "<script>", "closes #7", "://", "[skip ci]", "](", "GH-7", "www.evil"):
        assert active not in body
    found = revert.OURS.findall(body)
    assert found == [(RELEASE, world.bad)]


def test_later_commits_of_the_same_release_stay(world):
    """A README merged after the proven commit was released, too: it is no part of what went wrong."""
    world.checkout.git("reset", "-q", "--hard", world.good)
    docs = world.checkout.merge("Docs", {"README.md": "second"})
    bad = world.checkout.merge("Worse", {"training/train.py": "bad"})
    done = propose(world, outcome=ended(world, commit=bad), serves=(docs,))
    merged = world.github.merge(done.number)
    assert files(world, merged) == files(world, docs)
    assert "Docs" not in world.github.issues[done.number]["body"]


def test_a_second_run_opens_no_second_one(world):
    first = propose(world)
    before = list(world.github.writes())
    assert propose(world).number == first.number
    assert world.github.writes() == before


def test_nothing_is_proposed_where_main_is_there_already(world):
    world.checkout.merge("Reverted by hand", {"training/train.py": "good", "training/new.py": None})
    done = propose(world)
    assert (done.number, done.url) == (None, "")
    assert done.note.startswith("No revert is needed")
    assert world.github.writes("pulls|refs") == []


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        pytest.param({"commit_sha": "uncommitted"}, "made from no commit", id="no git"),
        pytest.param({"commit_sha": ""}, "made from no commit", id="none"),
        pytest.param({"commit_sha": "a" * 40 + "-dirty"}, "made from no commit", id="dirty"),
        pytest.param({"commit_sha": "a" * 40}, "not in the history", id="not there"),
        pytest.param({"production": "taken back"}, "not proven", id="not proven"),
        pytest.param({"release_id": RELEASE}, "not proven", id="the release itself"),
    ],
)
def test_no_wrong_revert_is_made(world, metadata, why):
    done = propose(world, serving(world, **metadata))
    assert why in done.note
    assert world.github.writes() == []


def test_nothing_is_proposed_where_production_serves_nothing(world):
    done = revert.propose(world.repository, ended(world), None, lambda sha: False, 1)
    assert "production serves nothing" in done.note
    assert world.github.writes() == []


def test_a_commit_of_another_branch_is_not_gone_back_to(world):
    world.checkout.git("checkout", "-q", "--orphan", "other")
    world.checkout.git("commit", "-q", "--allow-empty", "-m", "elsewhere")
    other = world.checkout.git("rev-parse", "HEAD")
    world.checkout.git("push", "-q", "origin", "other")
    world.checkout.git("checkout", "-q", "-f", "main")
    world.checkout.git("checkout", "-q", "-b", "side", world.good)
    world.checkout.git("commit", "-q", "--allow-empty", "-m", "side")
    side = world.checkout.git("rev-parse", "HEAD")
    world.checkout.git("checkout", "-q", "main")
    world.checkout.git("merge", "-q", "--no-ff", "-m", "Merge side", "side")
    world.checkout.merge("Last", {"README.md": "x"})
    for commit in (other, side):
        assert "not in the history" in propose(world, serving(world, commit_sha=commit)).note
    assert world.github.writes() == []


def test_where_actions_may_not_open_it_the_branch_stays_and_a_person_learns_how(world):
    world.github.refuse("POST", "pulls", 403)
    done = propose(world)
    assert done.number is None
    assert done.url == f"https://github.com/acme/demo/compare/main...{BRANCH}?expand=1"
    assert "Allow GitHub Actions to create and approve pull requests" in done.note
    assert "GitHub App" in done.note
    assert files(world, BRANCH) == files(world, world.good)
    commit = world.github.git("rev-parse", BRANCH)
    propose(world)  # the next run leaves the branch as it is
    assert world.github.git("rev-parse", BRANCH) == commit


def test_a_branch_of_an_earlier_run_is_brought_to_mains_head(world):
    world.github.refuse("POST", "pulls", 403, times=1)
    propose(world)
    head = world.checkout.merge("Later", {"README.md": "later"})
    assert propose(world).number
    assert world.github.git("rev-parse", f"{BRANCH}^") == head


def test_a_rule_that_forbids_the_branch_is_told(world):
    world.github.refuse("POST", "git/refs", 403, "Repository rule violations found")
    with pytest.raises(AccessError, match="E605") as refused:
        propose(world)
    assert "Repository rule violations found" in refused.value.why


def test_a_release_that_repairs_main_closes_the_revert(world):
    number = propose(world).number
    early, late = (
        ended(world, commit=world.good),
        ended(world, commit=world.checkout.merge("Repaired", {"a": "b"})),
    )
    assert revert.withdraw(world.repository, early, "why") == []
    assert revert.withdraw(world.repository, late, "why", keep=number) == []
    assert revert.withdraw(world.repository, late, "why") == [number]
    assert world.github.issues[number]["state"] == "closed"
    assert world.github.comments[number][0]["body"] == "why"


def test_pull_requests_of_people_stay_open(world):
    world.checkout.git("checkout", "-q", "-b", "revert/mine")
    world.checkout.git("commit", "-q", "--allow-empty", "-m", "mine")
    world.checkout.git("push", "-q", "origin", "revert/mine")
    world.checkout.git("checkout", "-q", "main")
    world.github.create_pull({"title": "mine", "head": "revert/mine", "base": "main", "body": "by hand"})
    late = ended(world, commit=world.checkout.merge("Repaired", {"a": "b"}))
    assert revert.withdraw(world.repository, late, "why") == []


def test_a_long_history_is_cut_and_counted(world):
    for number in range(55):
        world.checkout.git("commit", "-q", "--allow-empty", "-m", f"commit {number}")
    world.checkout.merge("Last", {"README.md": "x"})
    body = world.github.issues[propose(world).number]["body"]
    assert "- and 7 more" in body
    assert body.count("- `") == 51  # 50 commits, and .github that it does not take back


def test_the_evidence_names_release_and_issue(world):
    outcome = dataclasses.replace(ended(world), release_id="ef" * 32)
    assert propose(world, outcome=outcome).number
    assert world.github.git("rev-parse", f"revert/{'ef' * 6}")
