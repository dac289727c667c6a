"""The plan of a pull request: what a merge would do, as one comment that is kept current.

In:   two checkouts, base and head, after the local-test of each; AWS only for prices and what serves
Out:  Markdown whose first line is hidden and names it; the comment, or False where GitHub lets us write none
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagemaker_gitops.github import api, changes, plan_cost, plan_iam, plan_sides
from sagemaker_gitops.github.markup import text as plain
from sagemaker_gitops.github.plan_cost import Ask
from sagemaker_gitops.github.plan_leaves import Change, Document, within
from sagemaker_gitops.github.plan_markup import Section, code, cut, fit
from sagemaker_gitops.github.plan_sides import Side, Unreadable
from sagemaker_gitops.github.plan_table import table
from sagemaker_gitops.github.plan_verdict import Live, count, decide, verdict
from sagemaker_gitops.story import counted

if TYPE_CHECKING:
    from github.IssueComment import IssueComment
    from github.PullRequest import PullRequest
    from github.Repository import Repository

MARKER = "<!-- plan -->"
AUTHOR = "github-actions[bot]"  # whoever uses a job's GITHUB_TOKEN; no person's name can hold a bracket
REASONS = 10
FORBIDDEN = 403
UNKNOWN = Live()
BENT = (AttributeError, KeyError, TypeError, ValueError, RecursionError)  # documents of another shape


@dataclass(frozen=True)
class Compared:
    """One thing of both checkouts, compared; or why it could not be."""

    title: str
    changes: Sequence[Change] = ()
    problem: str = ""


def plan(base: Path, head: Path, *, live: Live = UNKNOWN, ask: Ask = plan_cost.not_connected) -> str:
    """Return the comment, given two checkouts; `live`: what AWS said, where it was asked."""
    one, other = plan_sides.read(base), plan_sides.read(head)
    return body(one, other, compare(base, head), _settings(base), _settings(head), live=live, ask=ask)


def compare(base: Path, head: Path) -> list[Compared]:
    """Compare everything that a reader of a plan asks about, rights first."""
    read: list[tuple[str, Callable[[Path], Any], Callable[[Any, Any], list[Change]]]] = [
        ("Permissions (infra/)", plan_sides.templates, plan_iam.iam),
        ("Infrastructure besides (infra/)", plan_sides.templates, plan_iam.others),
        ("Pipeline definition", plan_sides.definition, changes.definition),
        ("Expectations about the data", plan_sides.suite, changes.suite),
        ("Settings (mlops.toml)", plan_sides.settings, changes.settings),
        ("Pinned packages (requirements/)", plan_sides.pins, changes.pins),
    ]
    found = []
    for title, reader, differ in read:
        try:
            found.append(
                Compared(title, differ(_read(reader, base, "base"), _read(reader, head, "this pull request")))
            )
        except Unreadable as error:
            found.append(Compared(title, problem=str(error)))
        except BENT as error:
            found.append(Compared(title, problem=f"not of the shape it should have ({type(error).__name__})"))
    return found


def body(
    base: Side,
    head: Side,
    compared: Sequence[Compared],
    before: Document,
    after: Document,
    *,
    live: Live = UNKNOWN,
    ask: Ask = plan_cost.not_connected,
) -> str:
    """Return the comment from what was read; `before` and `after` are both mlops.toml."""
    approval = str(within(after, "project").get("approval", "gate"))
    machines = before.get("environments") != after.get("environments")
    touched = machines or any(part.changes or part.problem for part in compared[:2])
    outcome = decide(base, head, approval, touched, live)
    costs = list(plan_cost.lines(before, after, ask))
    start = [
        f"{MARKER}\n### {outcome.heading}",
        _list(outcome.reasons),
        f"**A merge would** {outcome.would}",
        _warnings(base, compared, _waivers(head, before, after)),
        table(base, head) if outcome.action in ("train", "stop") else "",
        f"**Data** {_data(base, head)}",
        f"**Cost** {'; '.join(costs) if costs else 'unchanged: the same machines'}",
    ]
    sections = [
        Section(_title(part), changes.lines(part.changes), opened=_wider(part) > 0)
        for part in compared
        if part.changes
    ]
    return fit("\n\n".join(filter(None, start)), sections, _end(base, head, approval, compared))


def post(repository: Repository, number: int, body: str, author: str = AUTHOR) -> bool:
    """Write the comment, or bring our own up to date; False for a fork or where the token may not.

    Raises:
        AccessError: E605, GitHub refused for another reason.
    """
    from github import GithubException

    with api.asking("comment on the pull request", repository):
        try:
            pull = repository.get_pull(number)
            if pull.head.repo is None or pull.head.repo.full_name != pull.base.repo.full_name:
                return False
            _write(pull, cut(body), author)
        except GithubException as error:
            if error.status == FORBIDDEN:
                return False
            raise
    return True


def own(comments: Sequence[IssueComment], author: str = AUTHOR) -> IssueComment | None:
    """Return our comment: it begins with the marker, and we wrote it; anybody can quote a marker."""
    return next(
        (
            comment
            for comment in comments
            if (comment.body or "").startswith(MARKER) and comment.user and comment.user.login == author
        ),
        None,
    )


def _write(pull: PullRequest, text: str, author: str) -> None:
    there = own(list(pull.get_issue_comments()), author)
    if there is None:
        pull.create_issue_comment(text)
    elif there.body != text:
        there.edit(text)


def _read(reader: Callable[[Path], Any], root: Path, whose: str) -> Any:
    try:
        return reader(root)
    except Unreadable as error:
        raise Unreadable(f"{error} ({whose})") from None


def _settings(root: Path) -> Document:
    try:
        return plan_sides.settings(root)
    except Unreadable:  # told where settings are compared
        return {}


def _data(base: Side, head: Side) -> str:
    """Return the data's verdict in counts."""
    checks = head.validation.get("expectations")
    if not checks:
        return "not checked: the run did not come so far"
    passed, unjudged = sum(bool(check.get("success")) for check in checks), head.validation.get("not_judged")
    unjudged = unjudged if isinstance(unjudged, int) else 0
    mark = "✅" if verdict(head.validation).get("accepted") else "❌"
    rows, before = head.validation.get("rows"), base.validation.get("rows")
    was = f" (base: {count(before)})" if before is not None and before != rows else ""
    warned = verdict(head.validation).get("warnings") or []
    more = f", {len(warned)} warnings" if warned else ""
    ids = [within(side.story, "ids").get("snapshot_id") for side in (base, head)]
    other = ", other data than the base's" if all(ids) and ids[0] != ids[1] else ""
    more += f", {unjudged} not judged" if unjudged else ""
    every = len(checks) + unjudged
    return f"{mark} {passed} of {every} expectations, {count(rows)} rows{was}{other}{more}"


def _waivers(head: Side, before: Document, after: Document) -> list[str]:
    """Return what a waiver changes: what mlops.toml says now, and what it did on this run."""
    old, new = (changes.waiver(within(side, "gate")) for side in (before, after))
    waived = verdict(head.evaluation).get("waived")
    found = [f"⚠️ **The gate is waived**: {plain(new)}"] if new and new != old else []
    return found + ([f"⚠️ **The absolute bar alone decided**: {plain(waived)}"] if waived else [])


def _warnings(base: Side, compared: Sequence[Compared], found: list[str]) -> str:
    """Return what a reader must not miss: what was `found`, wider rights, what could not be compared."""
    if wider := sum(map(_wider, compared)):
        found.append(f"⚠️ **Somebody may do more than before**: marked (wider) below, {wider} in all")
    found += [
        f"⚠️ Not compared: {plain(part.title)}, {plain(part.problem)}" for part in compared if part.problem
    ]
    if base.story.get("verdict") != "done":
        error = (base.story.get("error") or {}).get("code", "nothing in build/")
        found.append(
            f"⚠️ The base's own run did not succeed ({code(error)}): there may be nothing to compare with"
        )
    return _list(found)


def _list(items: Sequence[str]) -> str:
    """Return a list that stays short."""
    more = [f"and {len(items) - REASONS} more"] if len(items) > REASONS else []
    return "\n".join(f"- {item}" for item in [*items[:REASONS], *more])


def _title(part: Compared) -> str:
    """Return a section's title, of our own words and numbers only."""
    amount = counted(len(part.changes), "change")
    return f"{part.title}: {amount}" + (f", ⚠️ {_wider(part)} wider" if _wider(part) else "")


def _wider(part: Compared) -> int:
    return sum(change.wider for change in part.changes)


def _end(base: Side, head: Side, approval: str, compared: Sequence[Compared]) -> str:
    """Return what did not change, and what was compared with what."""
    same = [part.title for part in compared if not part.changes and not part.problem]
    told = f"Unchanged: {', '.join(same)}.\n\n" if same else ""
    facts = [f"head {code(head.commit[:12] or 'unknown')}", f"base {code(base.commit[:12] or 'unknown')}"]
    facts += [f"approval by {code(approval)}"]
    spent = [side.story.get("seconds") for side in (head, base)]
    facts += [
        f"{seconds:,.0f} s ({name})"
        for name, seconds in zip(("head", "base"), spent, strict=True)
        if isinstance(seconds, int | float)
    ]
    return f"{told}<sub>{' · '.join(facts)}</sub>"
