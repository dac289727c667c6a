"""The door to GitHub: one repository, with the token that the job was given. Errors become four lines.

In:   $GITHUB_TOKEN, $GITHUB_REPOSITORY, $GITHUB_API_URL
Out:  a repository that nobody has asked for yet: the first use of it is the first request
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from requests import RequestException

from sagemaker_gitops.errors import AccessError

if TYPE_CHECKING:
    from github.Repository import Repository

API = "https://api.github.com"
SECONDS = 10  # for one answer
# Three more tries after 1, 2 and 4 seconds; together less than a minute, whatever GitHub asks us to wait.
RETRIES, PAUSE_SECONDS, LIMIT_SECONDS = 3, 0.5, 10
ADVICE = {
    401: "the job's token has expired or is none: run the job again",
    403: "give the job's `permissions:` what it asks for (contents, issues, pull-requests: write)",
    404: "look whether it is still there, and whether the job's `permissions:` let it be seen",
    410: "turn issues on in the repository's settings, then run the job again",
}


def repository(environ: Mapping[str, str] = os.environ) -> Repository | None:
    """Return the job's repository, or None where nobody gave a token or a name: a laptop has neither."""
    token, wanted = environ.get("GITHUB_TOKEN"), environ.get("GITHUB_REPOSITORY")
    if not token or not wanted:
        return None
    import github  # 0.3 s, for one verb only

    # Not POST: an answer that was lost may have made an issue, and nobody wants two.
    retry = github.GithubRetry(
        total=RETRIES,
        backoff_factor=PAUSE_SECONDS,
        secondary_rate_wait=LIMIT_SECONDS,
        max_rate_limit_wait=LIMIT_SECONDS,
        respect_retry_after_header=False,
        allowed_methods={"GET", "PATCH", "PUT", "DELETE"},
    )
    client = github.Github(
        auth=github.Auth.Token(token),
        base_url=environ.get("GITHUB_API_URL") or API,
        timeout=SECONDS,
        retry=retry,
        seconds_between_requests=None,  # a dozen requests a release are no burst
        seconds_between_writes=None,
        lazy=True,
    )
    return client.get_repo(wanted)


def name(repository: Repository) -> str:
    """Return OWNER/NAME, without asking GitHub for it."""
    return repository.url.split("/repos/", 1)[1]


@contextmanager
def asking(what: str, repository: Repository) -> Iterator[None]:
    """Run requests; raise AccessError E605 where GitHub refuses or cannot be reached."""
    from github import GithubException

    where = f"repository {name(repository)}"
    try:
        yield
    except GithubException as error:
        raise AccessError(f"""E605 GitHub refused to {what}
            {where}
            {error.status}: {message(error)}
            {ADVICE.get(error.status, "run the job again; nothing is done twice")}""") from error
    except RequestException as error:
        raise AccessError(f"""E605 GitHub cannot be reached to {what}
            {where}
            {type(error).__name__}
            run the job again; nothing is done twice""") from error


def message(error: BaseException) -> str:
    """Return what GitHub said, with what it says of each field."""
    told = getattr(error, "data", None)
    if not isinstance(told, dict):
        return str(error)
    details = [
        each.get("message") or each.get("code") for each in told.get("errors") or () if isinstance(each, dict)
    ]
    return "; ".join(filter(None, [str(told.get("message", "")), *map(str, filter(None, details))]))
