"""Every merge, run: the generated workflows under act, an AWS that enforces IAM, a GitHub of our own.

act ignores permissions, concurrency, environments and triggers: those are held by tests/workflows. What it
runs is real: verbs, roles by OIDC tokens, the registry, the endpoint, comments, issues, pull requests.
The stories build on each other, as the history of one repository does.
"""

from __future__ import annotations

import threading

import pytest
from act import changes, world

from tools import bake as tool

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1200)]
READY = "ready to merge"
PULL_REQUEST = ("Check", "Tests", "Whole release on the runner, and the plan", "The plan as a comment", READY)
HOSTILE = "`touch {0}`; $(touch {0}) && touch {0} \" ' ${{{{ github.token }}}} ::error::obeyed"
HOSTILE_BRANCH = "x$(touch${{IFS}}{0})`touch${{IFS}}{0}`"
QUICK = changes.settings(("epochs = 12\n", "epochs = 3\n"))


@pytest.fixture(scope="module")
def github(template, tmp_path_factory):
    """A project on GitHub, connected to an AWS, with nothing released yet."""
    project = tool.bake(template, tmp_path_factory.mktemp("bake"), {"github_repository": world.REPOSITORY})
    with world.made(tmp_path_factory.mktemp("act"), project) as made:
        made.connect()
        yield made


def jobs(done):
    return {name.rsplit("/", 1)[-1]: result for name, result in done.jobs.items()}


def test_a_merge_is_released_and_its_one_outcome_recorded(github):
    commit = github.merge("Train for three epochs", QUICK)
    done = github.run("main.yml")
    assert set(jobs(done).values()) == {"success"}, done.output
    assert github.packages() == {1: "Approved"}
    assert github.outcome(commit)["outcome"] == "released"
    summary = "".join(done.summaries.values())
    assert "Income model 1: in production" in summary
    assert "flowchart LR" in summary


def test_a_merge_of_prose_trains_nothing_and_releases_nothing_new(github):
    before = github.trainings()
    commit = github.merge("One more sentence", changes.prose)
    done = github.run("main.yml")
    assert done.code == 0, done.output
    assert github.trainings() == before
    assert github.outcome(commit)["outcome"] == "unchanged"


def test_the_plan_of_bad_data_says_so_and_tells_no_value_of_it(github):
    number = github.pull_request("rows", "New rows", changes.bad_rows)
    done = github.plan(number)
    (comment,) = github.github.comments[number]
    assert "### ❌ The data is refused" in comment["body"], done.output
    told = done.output + "".join(done.summaries.values()) + str(github.github.requests)
    assert changes.SECRET not in told
    github.close(number)


def test_bad_data_is_refused_before_anything_is_trained_and_no_value_of_it_is_told(github):
    before, served = github.trainings(), github.served()
    commit = github.merge("New rows", changes.bad_rows)
    done = github.run("main.yml")
    assert done.code == 1
    assert github.outcome(commit)["outcome"] == "data refused"
    assert (github.trainings(), github.served()) == (before, served)
    told = done.output + "".join(done.summaries.values()) + str(github.github.requests)
    assert changes.SECRET not in told
    github.revert()


def test_a_model_that_the_gate_refuses_is_not_registered(github):
    served = github.served()
    commit = github.merge("Ask for the impossible", changes.settings(("minimum = 0.88 ", "minimum = 0.99 ")))
    done = github.run("main.yml")
    assert done.code == 1
    assert github.outcome(commit)["outcome"] == "gate refused"
    assert github.packages() == {1: "Approved"}
    assert github.served() == served
    github.revert()


def test_a_model_that_is_broken_in_production_is_taken_back_with_an_issue_and_a_revert(github):
    served = github.served()
    commit = github.merge("Answer faster", changes.turns_wrong)
    done = github.run("main.yml")
    assert jobs(done)["Production"] == "failure", done.output
    assert github.outcome(commit)["outcome"] == "rolled back"
    assert github.served() == served
    assert github.packages()[2] == "Rejected"
    (issue,) = github.issues()
    assert "revert" in issue["body"]
    (pull,) = github.pulls()
    assert pull["head"]["ref"].startswith("revert/")
    summary = "".join(done.summaries.values())
    assert "rolled back" in summary


def test_merging_the_revert_serves_the_earlier_release_without_training(github):
    before, served = github.trainings(), github.served()
    (pull,) = github.pulls()
    commit = github.merge_pull(pull)
    done = github.run("main.yml")
    assert done.code == 0, done.output
    assert (github.trainings(), github.served()) == (before, served)
    assert github.outcome(commit)["outcome"] == "unchanged"
    assert [each["state"] for each in github.issues()] == ["closed"]


def test_a_revert_after_new_data_has_landed_trains_nothing(github):
    served = github.served()
    github.merge("Fewer rows", changes.fewer_rows)
    assert github.run("main.yml").code == 0
    assert github.served() != served
    before = github.trainings()
    github.revert()
    done = github.run("main.yml")
    assert done.code == 0, done.output
    assert (github.trainings(), github.served()) == (before, served)


def test_merges_in_a_row_are_each_trained_once_and_the_newest_serves(github):
    before = github.trainings()
    first = github.merge("Two epochs", changes.settings(("epochs = 3\n", "epochs = 2\n")))
    ahead = github.checkout()
    second = github.merge("Four epochs", changes.settings(("epochs = 2\n", "epochs = 4\n")))
    done = {}
    runs = [
        threading.Thread(target=lambda: done.update({first: github.run("main.yml", at=ahead)})),
        threading.Thread(target=lambda: done.update({second: github.run("main.yml")})),
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert github.trainings() == before + 2
    assert github.outcome(second)["outcome"] == "released", done[second].output
    assert github.outcome(first)["outcome"] in ("released", "superseded"), done[first].output
    assert github.asked_by() == second


def test_new_data_in_the_bucket_becomes_a_pull_request_and_merging_it_trains_on_it(github):
    github.put("data/adult/batch=5/part-0.parquet", changes.more_rows(github.root))
    done = github.run("data.yml", "schedule")
    assert done.code == 0, done.output
    (pull,) = github.pulls()
    assert "| rows | 32,561 | 32,661 |" in pull["body"]
    before = github.trainings()
    commit = github.merge_pull(pull)
    done = github.run("main.yml")
    assert github.outcome(commit)["outcome"] == "released", done.output
    assert github.trainings() == before + 1
    assert github.run("data.yml", "schedule").code == 0
    assert github.pulls() == []


def test_a_manual_rollback_brings_back_the_release_before_and_rejects_this_one(github):
    before, newest = github.served(), max(github.packages())
    commit = github.git("rev-parse", "HEAD")
    merged = github.outcome(commit)
    done = github.run("rollback.yml", "workflow_dispatch")
    assert set(jobs(done).values()) == {"success"}, done.output
    assert github.outcome(commit) == merged
    assert github.outcome(f"rollback-{done.id}")["outcome"] == "rolled back"
    assert f"Income model {newest}: production rolled back to" in "".join(done.summaries.values())
    assert github.served() != before
    assert github.packages()[newest] == "Rejected"
    (issue,) = [each for each in github.issues() if each["state"] == "open"]
    (pull,) = github.pulls()
    assert pull["head"]["ref"].startswith("revert/")
    assert "The revert" in issue["body"]


def test_the_schedule_finds_nothing_where_all_is_as_git_has_it_and_what_somebody_changed_by_hand(github):
    done = github.run("reconcile.yml", "schedule")
    assert done.code == 0, done.output
    github.change_production_by_hand()
    done = github.run("reconcile.yml", "schedule")
    assert done.code == 1
    assert "E415 production is not as git has it" in done.output


def test_where_the_settings_say_so_the_schedule_mends_what_somebody_changed_by_hand(github):
    before = github.served()
    github.merge("Mend it", changes.settings(("heal = false ", "heal = true  ")))
    done = github.run("reconcile.yml", "schedule")
    assert jobs(done)["Mend"] == "success", done.output
    assert github.served() != before
    assert github.run("reconcile.yml", "schedule").code == 0


def test_a_merged_change_of_the_infrastructure_is_applied_by_the_schedule(github):
    github.merge("Keep less", changes.keep_less)
    assert "Infrastructure" not in jobs(github.run("main.yml"))  # its run waits for no reviewer
    done = github.run("reconcile.yml", "schedule")
    assert jobs(done)["Infrastructure"] == "success", done.output
    rules = github.client("s3").get_bucket_lifecycle_configuration(Bucket=github.bucket)["Rules"]
    assert changes.KEPT_DAYS in [
        rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays") for rule in rules
    ]
    assert "Infrastructure" not in jobs(github.run("reconcile.yml", "schedule"))


def test_a_release_whose_runner_is_lost_is_collected_by_the_schedule_and_trained_once(github):
    before = github.trainings()
    commit = github.merge("Five epochs", changes.settings(("epochs = 4\n", "epochs = 5\n")))
    lost = github.run("main.yml", until=lambda: github.trainings() > before)
    assert lost.code != 0
    github.wait_for_pipelines()  # which run on without it; till then the schedule waits, too
    done = github.run("reconcile.yml", "schedule")
    assert github.outcome(commit)["outcome"] == "released", done.output
    assert (github.trainings(), github.asked_by()) == (before + 1, commit)


@pytest.mark.timeout(2700)  # all of its own checks and tests run, too
def test_a_pull_request_gets_one_comment_that_is_updated(github):
    change = changes.settings(("learning_rate = 0.003\n", "learning_rate = 0.004\n"))
    number = github.pull_request("slower", "Learn faster", change)
    done = github.checks(number)
    assert jobs(done) == dict.fromkeys(PULL_REQUEST, "success"), done.output
    assert jobs(github.plan(number))["The plan as a comment"] == "success"
    (comment,) = github.github.comments[number]
    assert comment["body"].startswith("<!-- plan -->")
    for told in (
        "learning_rate: 0.004",  # how the pipeline's definition changes
        "| **auc** |",  # head against base
        "✅ at least 0.88",  # the gate, rule by rule
        "**Data** ✅ 86 of 86 expectations",
        "A merge would",
        "**Cost** unchanged",
    ):
        assert told in comment["body"], comment["body"]


def test_one_whose_checks_fail_is_not_ready_and_neither_its_title_nor_its_branch_is_run(github):
    obeyed, ran = github.folder / "obeyed", github.folder / "ran"  # which no job's end takes away
    red = changes.make_target("check", f"touch {ran}; exit 1"), changes.make_target("test", "true")
    branch, title = HOSTILE_BRANCH.format(obeyed), HOSTILE.format(obeyed)
    number = github.pull_request(branch, title, lambda root: [change(root) for change in red])
    done = github.checks(number)
    assert done.code == 1
    assert jobs(done) == {**dict.fromkeys(PULL_REQUEST, "success"), "Check": "failure", READY: "failure"}
    assert ran.exists()  # so would be what is obeyed
    assert not obeyed.exists(), done.output
    (comment,) = github.github.comments[number]
    assert comment["body"].startswith("<!-- plan -->")


def test_a_merge_queue_is_told_all_but_the_comment(github):
    green = changes.make_target("check", "true"), changes.make_target("test", "true")
    number = github.pull_request("queued", "Into the queue", lambda root: [change(root) for change in green])
    done = github.queue(number)
    assert done.code == 0, done.output
    assert jobs(done)[READY] == "success"
    assert "The plan as a comment" not in jobs(done)
    assert number not in github.github.comments or github.github.comments[number] == []


def test_a_fork_gets_the_job_summary_only_and_no_role(github):
    number = github.pull_request("fork", "From a fork", changes.prose, fork=True)
    done = github.plan(number)
    assert "<!-- plan -->" in "".join(done.summaries.values()), done.output
    assert number not in github.github.comments or github.github.comments[number] == []
    assert "GitHub lets this job write no comment" in done.output
