"""A pull request of ours: one commit by GitHub's git-data API on a branch of its own, opened once.

Nothing is pushed and no credentials lie in a checkout; GitHub signs the commit in the token's name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagemaker_gitops.github import api
from sagemaker_gitops.github.markup import link, text

if TYPE_CHECKING:
    from github.GitCommit import GitCommit
    from github.GitTree import GitTree
    from github.PullRequest import PullRequest
    from github.Repository import Repository

MAIN = "main"
SETTING = "Allow GitHub Actions to create and approve pull requests"


@dataclass(frozen=True)
class Proposal:
    """What became of a pull request: it is open, or its branch waits for a person to open it."""

    note: str  # Markdown, one paragraph
    url: str = ""
    number: int | None = None


def files(repository: Repository, branch: str, title: str, body: str, changed: Mapping[str, str]) -> Proposal:
    """Propose files with these texts on main's HEAD; a pull request that is open gets them too.

    Raises:
        AccessError: E605, GitHub refused, and not only the pull request.
    """
    from github import InputGitTreeElement

    with api.asking(f"propose {', '.join(changed)}", repository):
        head = repository.get_git_commit(repository.get_branch(MAIN).commit.sha)
        elements = [
            InputGitTreeElement(path, "100644", "blob", content=content) for path, content in changed.items()
        ]
        tree = repository.create_git_tree(elements, repository.get_git_tree(head.tree.sha))
        push(repository, branch, tree, head, title)
        if there := opened(repository, branch):
            there.edit(title=title, body=body)
            return Proposal(
                f"{link(f'#{there.number}', there.html_url)} is open.", there.html_url, there.number
            )
        return ask(repository, branch, title, body)


def opened(repository: Repository, branch: str) -> PullRequest | None:
    """Return the open pull request of a branch of this repository, or None."""
    owner = api.name(repository).split("/")[0]
    listed = repository.get_pulls(state="open", base=MAIN, head=f"{owner}:{branch}")
    return next((pull for pull in listed if pull.head.ref == branch), None)


def push(repository: Repository, branch: str, tree: GitTree, head: GitCommit, message: str) -> None:
    """Have a branch point at one commit on HEAD with this tree; a branch that does already stays."""
    from github import GithubException, UnknownObjectException

    try:
        ref = repository.get_git_ref(f"heads/{branch}")
        there = repository.get_git_commit(ref.object.sha)
        if there.tree.sha == tree.sha and [parent.sha for parent in there.parents] == [head.sha]:
            return
    except UnknownObjectException:
        ref = None
    commit = repository.create_git_commit(message, tree, [head])
    if ref:
        ref.edit(commit.sha, force=True)
        return
    try:
        repository.create_git_ref(f"refs/heads/{branch}", commit.sha)
    except GithubException as error:
        if error.status != 422:  # somebody else was quicker to make it
            raise
        repository.get_git_ref(f"heads/{branch}").edit(commit.sha, force=True)


def ask(repository: Repository, branch: str, title: str, body: str) -> Proposal:
    """Open the pull request; where Actions may not, say how a person does."""
    from github import GithubException

    try:
        pull = repository.create_pull(MAIN, branch, title=title, body=body)
    except GithubException as error:
        if error.status != 403:
            raise
        server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
        url = f"{server}/{api.name(repository)}/compare/{MAIN}...{branch}?expand=1"
        return Proposal(
            f"The branch `{branch}` is there, but GitHub did not let this job open its pull request: "
            f"{text(api.message(error))} {link('Open it by hand', url)}. For the next time, an administrator "
            f'turns on "{SETTING}" (Settings, Actions, General), or gives the job the token of a GitHub App.',
            url,
        )
    return Proposal(f"{link(f'#{pull.number}', pull.html_url)} is open.", pull.html_url, pull.number)
