"""The pull request that brings main back to what production serves: one commit, made by the git-data API.

In:   the package that production serves, the outcome of the release that it does not
Out:  the branch revert/RELEASE with one commit on main's HEAD: the proven commit's tree, `.github` as at
      HEAD, and production.lock, where there is one, naming what serves
Nothing is pushed, no credentials lie in a checkout. Merging it gives the earlier release's id: no training.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sagemaker_gitops import names
from sagemaker_gitops.github import api, proposal
from sagemaker_gitops.github.markup import link, text
from sagemaker_gitops.github.outcome import Outcome
from sagemaker_gitops.github.proposal import MAIN, Proposal
from sagemaker_gitops.promotion import LOCK, lock
from sagemaker_gitops.registry import Package

if TYPE_CHECKING:
    from github.Commit import Commit
    from github.GitCommit import GitCommit
    from github.GitTree import GitTree
    from github.Repository import Repository

KEPT = ".github"  # a token of Actions may not change workflows
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
MARKER = "<!-- revert of release {} commit {} -->"
OURS = re.compile(r"<!-- revert of release ([0-9a-f]{64}) commit ([0-9a-f]{40,64}) -->\s*\Z")
SHOWN = 50  # commits in the list
Serves = Callable[[str], bool]  # whether a commit's own release was proven in production, and serves


@dataclass(frozen=True)
class Way:
    """From the commit that production serves to main's HEAD."""

    target: str
    head: str
    commits: tuple[Commit, ...]  # what comes after the target, newest first, along first parents


def propose(
    repository: Repository, outcome: Outcome, serving: Package | None, serves: Serves, issue: int
) -> Proposal:
    """Open the pull request unless one is open; say why where there is none.

    Raises:
        AccessError: E605, GitHub refused, and not only the pull request.
    """
    with api.asking("make the revert of a release", repository):
        if there := proposal.opened(repository, branch(outcome)):
            return told(Proposal("", there.html_url, there.number))
        why = unfit(serving, outcome)
        if serving is None or why:
            return Proposal(f"No revert is proposed: {why}")
        way = along(repository, serving, serves)
        if isinstance(way, str):
            return Proposal(f"No revert is proposed: {way}")
        head = repository.get_git_commit(way.head)
        tree = earlier(repository, repository.get_git_commit(way.target), head, serving)
        if tree.sha == head.tree.sha:
            return Proposal(f"No revert is needed: {MAIN} is as release {short(serving)} was.")
        proposal.push(repository, branch(outcome), tree, head, message(outcome, serving, way))
        said = body(outcome, serving, way, issue)
        return told(proposal.ask(repository, branch(outcome), title(serving), said))


def told(made: Proposal) -> Proposal:
    """Return the proposal with what it does in its note; one that a person must open says so already."""
    if made.number is None:
        return made
    return replace(made, note=f"The revert {link(f'#{made.number}', made.url)} takes it back.")


def branch(outcome: Outcome) -> str:
    """Return the branch of a release's revert."""
    return f"revert/{names.short(outcome.release_id)}"


def short(package: Package | None) -> str:
    """Return the first digits of a package's release."""
    return names.short(package.release_id) if package else "none"


def unfit(serving: Package | None, outcome: Outcome) -> str:
    """Say why a release cannot be gone back to; empty where it can."""
    if serving is None:
        return (
            "production serves nothing, or nobody could say what. Bring back by hand what you want to serve."
        )
    if serving.release_id == outcome.release_id or serving.metadata.get("production") != "proven":
        return f"production serves version {serving.version}, not proven. Look: `python -m pipelines status`."
    commit = serving.metadata.get("commit_sha", "")
    if not COMMIT.fullmatch(commit):
        return f"version {serving.version} was made from no commit of its own: {text(commit or 'none', 80)}."
    return ""


def along(repository: Repository, serving: Package, serves: Serves) -> Way | str:
    """Return the way from the proven commit to main's HEAD along first parents; why there is none, else.

    The package names the first commit of its release. Later ones with the same release stay, where their own
    outcome is recorded: a revert takes back no more than it must.
    """
    from github import UnknownObjectException

    first = serving.metadata["commit_sha"]
    head = repository.get_branch(MAIN).commit.sha
    try:
        between = repository.compare(first, head)
        known = (
            {commit.sha: commit for commit in between.commits}
            if between.status in ("ahead", "identical")
            else None
        )
    except UnknownObjectException:
        known = None
    commits: list[Commit] = []
    sha = head
    while known and sha != first and sha in known and not serves(sha):
        commits.append(known[sha])
        sha = known[sha].parents[0].sha
    if known is None or (sha != first and sha not in known):
        what = f"commit {names.short(first)} of version {serving.version}"
        return f"{what} is not in the history of {MAIN}: rewritten, or released from another branch."
    return Way(sha, head, tuple(commits))


def earlier(repository: Repository, target: GitCommit, head: GitCommit, serving: Package) -> GitTree:
    """Return the target's tree, with KEPT as it is at HEAD; where a file decides, it names what serves."""
    from github import InputGitTreeElement

    was, now = inside(repository, target), inside(repository, head)
    elements = []
    if was.get(KEPT) != now.get(KEPT):
        elements.append(InputGitTreeElement(KEPT, "040000", "tree", sha=now.get(KEPT)))
    if str(LOCK) in now:
        elements.append(InputGitTreeElement(str(LOCK), "100644", "blob", content=lock(serving)))
    tree = repository.get_git_tree(target.tree.sha)
    return repository.create_git_tree(elements, tree) if elements else tree


def inside(repository: Repository, commit: GitCommit) -> dict[str, str]:
    """Return what lies in a commit's folder: id by name."""
    return {item.path: item.sha for item in repository.get_git_tree(commit.tree.sha).tree}


def title(serving: Package | None) -> str:
    """Return the pull request's title."""
    return f"Revert {MAIN} to release {short(serving)}, which production serves"


def message(outcome: Outcome, serving: Package | None, way: Way) -> str:
    """Return the commit's message; nothing in it was written by others."""
    taken = "\n".join(f"  {commit.sha}" for commit in way.commits)
    return (
        f"{title(serving)}\n\n"
        f"Release {names.short(outcome.release_id)} is not in production. The files are those of\n"
        f"{way.target}, {KEPT} excepted. This takes back:\n\n{taken}\n"
    )


def body(outcome: Outcome, serving: Package | None, way: Way, issue: int) -> str:
    """Return what the pull request says."""
    taken = [
        f"- `{names.short(commit.sha)}` {text(first_line(commit), 120)}" for commit in way.commits[:SHOWN]
    ]
    if more := len(way.commits) - SHOWN:
        taken += [f"- and {more} more"] if more > 0 else []
    version = serving.version if serving else "?"
    return "\n".join([
        f"Production serves version {version}, and {MAIN} says otherwise. Merging this serves release",
        f"`{short(serving)}` from {MAIN} again: it has the same release id, so nothing is trained.",
        "",
        f"It belongs to issue #{issue}. You may repair {MAIN} instead: a later proven release closes both.",
        "",
        f"It takes back, newest first ({MAIN}'s own commits; a merge stands for all that it brought):",
        "",
        *taken,
        "",
        "It does not take back:",
        "",
        f"- `{KEPT}`: workflows stay as they are on {MAIN}",
        "- AWS: stack, data and packages stay; but `infra/` goes back as files, and what that changes is",
        "  applied once this is merged, as any merged change is (`infra.yml`)",
        f"- the package of release `{names.short(outcome.release_id)}`: it stays in the registry, not served",
        f"- what comes to {MAIN} after `{names.short(way.head)}`",
        "",
        "GitHub holds back the checks of a pull request that Actions opened: approve them on this page,",
        "or close and reopen it.",
        "",
        MARKER.format(outcome.release_id, outcome.work.commit),
    ])  # fmt: skip


def first_line(commit: Commit) -> str:
    """Return a commit's title."""
    return next(iter(commit.commit.message.splitlines()), "")


def withdraw(repository: Repository, outcome: Outcome, why: str, keep: int | None = None) -> list[int]:
    """Close our open reverts of commits before the outcome's, `keep` excepted; return their numbers."""
    with api.asking("close reverts that nobody needs any more", repository):
        closed = []
        for pull in repository.get_pulls(state="open", base=MAIN):
            marked = OURS.search(pull.body or "") if pull.head.ref.startswith("revert/") else None
            if marked and pull.number != keep and after(repository, marked[2], outcome.work.commit):
                pull.create_issue_comment(why)
                pull.edit(state="closed")
                closed.append(pull.number)
        return closed


def after(repository: Repository, earlier: str, later: str) -> bool:
    """Say whether a commit is another one or came after it."""
    from github import UnknownObjectException

    try:
        return repository.compare(earlier, later).status in ("ahead", "identical")
    except UnknownObjectException:
        return False
