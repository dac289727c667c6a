"""After a release run in GitHub: decide how it ended, record it, show it, and say what main needs.

In:   $NEEDS and what GitHub tells a job
Out:  s3://BUCKET/outcomes/COMMIT.json, the job summary, an issue and a revert where production kept none
      of a rollback by hand outcomes/rollback-RUN.json, and an issue also where it failed
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_gitops import errors, names, promotion, reconcile
from sagemaker_gitops.errors import MLOpsError, SettingsError
from sagemaker_gitops.github import (
    api,
    issue,
    outcome,
    proposal,
    records,
    revert,
    stories,
    summary,
)
from sagemaker_gitops.github.look import Look, let_in, look, named
from sagemaker_gitops.github.markup import link, text
from sagemaker_gitops.github.outcome import Outcome, Work
from sagemaker_gitops.github.proposal import Proposal
from sagemaker_gitops.run import Run

if TYPE_CHECKING:
    from github.Repository import Repository


def require_run(environ: Mapping[str, str] = os.environ) -> None:
    """Raise SettingsError E520 where this is no job of a workflow run: nothing could be told, or be lost."""
    lacking = [name for name in ("GITHUB_SHA", "GITHUB_RUN_ID") if not environ.get(name)]
    if lacking:
        raise SettingsError(f"""E520 there is no workflow run to tell of
            the verb outcome, without {" and ".join(lacking)}
            it is the last job of release.yml and rollback.yml: GitHub sets them there; nothing was written
            to see what a release came to: python -m pipelines status, or reconcile""")


def conclude(run: Run, environ: Mapping[str, str] = os.environ) -> Outcome:
    """Tell everybody how a release ended; raise at the end what kept it from being told.

    Raises:
        AccessError: E605, GitHub refused; the record and the summary are there all the same.
        MLOpsError: AWS did not take the record.
    """
    seen = look(run)
    trouble: list[Exception] = []
    ended = named(outcome.decide(environ.get("NEEDS", ""), Work.of(environ), datetime.now(UTC)), seen)
    if run.settings.project.approval == "reviewer":
        ended = let_in(ended, seen)
    links, newest = [summary.run_link(ended), endpoint_link(run)], True
    try:
        newest = bool(seen.trouble) or records.record(run.aws, run.stack.bucket, ended)
    except errors.TROUBLE as error:
        trouble.append(error)
    repository = api.repository(environ)
    if repository and newest:
        try:
            links += follow(run, repository, ended, seen)
        except MLOpsError as error:
            trouble.append(error)
    links += [
        f"not told: {text(f'{known.code} {known.what}')}"
        for each in trouble
        if (known := errors.translate(each))
    ]
    if path := environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(summary.markdown(ended, seen, run.settings.project.name, links))
    if trouble:
        raise trouble[0]
    return ended


def with_stories(run: Run, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment, in NEEDS what verbs left on S3: outputs of a failed workflow may be lost."""
    needs = environ.get("NEEDS", "").strip()
    try:
        since = records.told_at(run.aws, run.stack.bucket, Work.of(environ))  # reconcile releases it again
        told = stories.read(run.aws, run.stack.bucket, environ, since)
        needs = stories.joined(needs if needs.startswith("{") else "{}", told)
    except (MLOpsError, ClientError, BotoCoreError, ValueError):
        pass  # the outputs alone must do
    return {**environ, "NEEDS": needs}


def follow(run: Run, repository: Repository, ended: Outcome, seen: Look) -> list[str]:
    """Open what production did not keep, close what a release has settled; return links to it."""
    if ended.by_hand and not ended.taken_back:
        return tell_of_rollback(run, repository, ended, seen) if ended.red else []
    if ended.kind in outcome.SERVED:
        revert.withdraw(
            repository, ended, "A later release is in production, proven: nothing is to be taken back."
        )
        return [f"closed: #{number}" for number in issue.settle(repository, ended)]
    if ended.kind == outcome.WAITING and run.settings.project.approval == "pull-request":
        return ask_to_promote(repository, ended, seen)
    if not ended.taken_back or not ended.release_id or overtaken(repository, ended, seen):
        return []
    bucket = "" if seen.trouble else run.stack.bucket
    evidence = records.address(bucket, ended.release_id) if bucket else "not known: AWS did not answer"
    made = issue.tell(repository, ended, seen, evidence, run.settings.project.name)
    try:
        done = propose(run, repository, ended, seen, made.number)
    except MLOpsError as error:
        issue.complete(repository, made, ended, seen, evidence, f"No revert is proposed: {text(error.why)}.")
        raise
    issue.complete(repository, made, ended, seen, evidence, done.note)
    if done.number:
        why = f"#{done.number} takes back everything since the release that production serves."
        revert.withdraw(repository, ended, why, keep=done.number)
    return [link(f"issue {made.number}", made.html_url), *([link("revert", done.url)] if done.url else [])]


def tell_of_rollback(run: Run, repository: Repository, ended: Outcome, seen: Look) -> list[str]:
    """Open the issue of a rollback by hand that failed: main is as it was, production may not be."""
    done = (
        "No revert is proposed: nothing says that production went back. Look: `python -m pipelines status`.\n"
        "Where it has not, start the workflow `rollback` again; where it has, revert the release's merge."
    )
    made = issue.tell(repository, ended, seen, "", run.settings.project.name)
    issue.complete(repository, made, ended, seen, "", done)
    return [link(f"issue {made.number}", made.html_url)]


def overtaken(repository: Repository, ended: Outcome, seen: Look) -> bool:
    """Say whether a later commit's release serves by now, proven: then nothing is to be taken back.

    Later than the one that asked for what was taken back: a rollback may have waited long for its reviewer.
    """
    facts = seen.serving.metadata if seen.serving else {}
    asked, commit = facts.get("asked_by", ""), ended.work.commit
    if ended.by_hand:
        gone = seen.package(ended.release_id)
        commit = reconcile.asked_by(gone) if gone else commit
    if facts.get("production") != "proven" or asked in ("", commit):
        return False
    with api.asking("find out which commit came later", repository):
        return revert.after(repository, commit, asked)


def ask_to_promote(repository: Repository, ended: Outcome, seen: Look) -> list[str]:
    """Propose that production.lock names a release that waits; whoever merges it lets the release in."""
    package = seen.package(ended.release_id)
    if package is None:
        return []
    metric = text(package.metadata.get("metric", "no metric"))
    body = "\n".join([
        f"Staging has proven version {package.version} ({metric}). {seen.now().capitalize()}.",
        "",
        f"Merging this lets release `{names.short(package.release_id)}` into production, by the same rollout",
        "that takes a bad release back. Closing it keeps production as it is; the release stays registered.",
    ])  # fmt: skip
    title = f"Promote version {package.version} to production"
    done = proposal.files(
        repository, "promote/production", title, body, {str(promotion.LOCK): promotion.lock(package)}
    )
    return [link("promotion", done.url)]


def propose(run: Run, repository: Repository, ended: Outcome, seen: Look, number: int) -> Proposal:
    """Propose the revert; the outcomes on S3 say which commits have the release that serves."""
    serving = seen.serving

    def serves(commit: str) -> bool:
        told = records.recorded(run.aws, run.stack.bucket, commit)
        return bool(serving) and records.serves(told, serving.release_id)

    return revert.propose(repository, ended, serving, serves, number)


def endpoint_link(run: Run) -> str:
    """Return a link to production's endpoint in AWS's console."""
    return link("endpoint", summary.console(run.settings.project.region, run.endpoint("production")))
