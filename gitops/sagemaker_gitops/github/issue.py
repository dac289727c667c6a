"""One issue for each release that production did not keep: open until a later release is in production.

In:   an outcome, what AWS shows, what was done about main
Out:  an issue with the label LABEL; a marker in its body says which release and commit it is about
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sagemaker_gitops.github import api, endings, revert
from sagemaker_gitops.github.look import Look
from sagemaker_gitops.github.markup import block, link, text
from sagemaker_gitops.github.outcome import Outcome

if TYPE_CHECKING:
    from github.Issue import Issue
    from github.Repository import Repository

LABEL = "release-rolled-back"
MARKER = "<!-- release {} commit {} -->"
UNKNOWN = "0" * 64  # a release that nobody could name
OURS = re.compile(r"<!-- release ([0-9a-f]{64}) commit ([0-9a-f]{40,64}) -->\s*\Z")  # the last line is ours


def tell(repository: Repository, outcome: Outcome, seen: Look, evidence: str, project: str) -> Issue:
    """Return the issue of a release, opened, reopened or updated; raise AccessError E605."""
    with api.asking("write the issue of a release", repository):
        made = body(outcome, seen, evidence, "")
        there = find(repository, outcome.release_id or UNKNOWN)
        if there is None:
            return repository.create_issue(
                title(outcome, seen, project), body=made, labels=[label(repository)]
            )
        again = outcome.work.url not in (there.body or "") or attempt(outcome) not in (there.body or "")
        if there.state == "closed":
            there.edit(state="open")
        if again:
            there.create_comment(
                f"It happened again: {link(attempt(outcome), outcome.work.url)}; the text above tells of it."
            )
        return there


def complete(
    repository: Repository, issue: Issue, outcome: Outcome, seen: Look, evidence: str, done: str
) -> None:
    """Bring the issue's text up to date, with what was done about main."""
    with api.asking("write the issue of a release", repository):
        made = body(outcome, seen, evidence, done)
        if issue.body != made:
            issue.edit(body=made)


def settle(repository: Repository, outcome: Outcome) -> list[int]:
    """Close the issues of commits before one whose release is in production; return their numbers."""
    with api.asking("close the issues of releases", repository):
        closed = []
        for issue in listed(repository, "open"):
            marked = OURS.search(issue.body or "")
            if marked and revert.after(repository, marked[2], outcome.work.commit):
                issue.create_comment(
                    f"Release `{outcome.release_id[:12]}` of commit {outcome.work.commit} is in production, "
                    f"proven: {link(attempt(outcome), outcome.work.url)}."
                )
                issue.edit(state="closed", state_reason="completed")
                closed.append(issue.number)
        return closed


def find(repository: Repository, release_id: str) -> Issue | None:
    """Return the issue of a release: an open one, else one that was closed."""
    mine = [
        issue
        for issue in listed(repository, "all")
        if (found := OURS.search(issue.body or "")) and found[1] == release_id
    ]
    return next((issue for issue in mine if issue.state == "open"), next(iter(mine), None))


def listed(repository: Repository, state: str) -> list[Issue]:
    """Return the issues that carry the label; only who may triage gives labels."""
    return [
        issue for issue in repository.get_issues(state=state, labels=[LABEL]) if issue.pull_request is None
    ]


def label(repository: Repository) -> str:
    """Return the label's name, made where it is missing."""
    from github import GithubException, UnknownObjectException

    try:
        repository.get_label(LABEL).update()
    except UnknownObjectException:
        try:
            repository.create_label(LABEL, "b60205", "Production did not keep a release")
        except GithubException as error:
            if error.status != 422:  # another run was quicker
                raise
    return LABEL


def title(outcome: Outcome, seen: Look, project: str) -> str:
    """Return the issue's title: plain text, GitHub renders none of it."""
    if outcome.by_hand and not outcome.taken_back:
        return f"{project}: {endings.of_rollback(outcome.kind)}; {seen.now()}"
    release = (
        f"version {outcome.version}" if outcome.version is not None else f"release {outcome.release_id[:12]}"
    )
    return f"{project}: {release} was {outcome.kind}; {seen.now()}"


def attempt(outcome: Outcome) -> str:
    """Return which run it was."""
    return f"run {outcome.work.id}, attempt {outcome.work.attempt}"


def body(outcome: Outcome, seen: Look, evidence: str, done: str) -> str:
    """Return the issue's text."""
    alarms = [f"- alarm {text(name)}: {text(why)}" for name, why in outcome.fired.items()]
    release = f"`{outcome.release_id[:12]}`" + (
        f", version {outcome.version}" if outcome.version is not None else ""
    )
    what = f"Release {release} of commit {outcome.work.commit}: {outcome.kind} in production."
    repair = [
        "Or repair what is wrong and merge: the next release that is proven closes this issue. The same code",
        "and data are refused (E403) until somebody asks again: `python -m pipelines release --retry`.",
    ]
    if outcome.by_hand and not outcome.taken_back:
        what = f"Production was to go back to the release before: {endings.of_rollback(outcome.kind)}."
        repair = ["The next release that is proven closes this issue."]
    return "\n".join([
        what,
        f"Now {text(seen.now())}.",
        "",
        block(outcome.lines),
        "",
        *(alarms or ["- no alarm fired"]),
        *([f"- evidence: {text(evidence, 500)}"] if evidence else []),
        f"- {link(attempt(outcome), outcome.work.url)}",
        "",
        "### What to do",
        "",
        done or "The revert is being made.",
        "",
        *repair,
        "",
        MARKER.format(outcome.release_id or UNKNOWN, outcome.work.commit),
    ])  # fmt: skip
