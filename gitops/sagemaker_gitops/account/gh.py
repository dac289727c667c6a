"""GitHub as the `gh` program reaches it with the login of whoever sits here; without it, what to type.

What changes something is a list of words: run where gh is logged in, printed elsewhere.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sagemaker_gitops.errors import AccessError, SettingsError
from sagemaker_gitops.settings import Settings

Command = list[str]
SECONDS = 60  # for an answer of GitHub
REMOTE = re.compile(r"(?:[/:])([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+?)(?:\.git)?/?$")
REVIEWER = "reviewers[]"  # as gh writes the first of a list
FORBIDDEN = ("HTTP 403", "HTTP 404")  # GitHub says "not found" of what this login may not see


@dataclass(frozen=True)
class Identity:
    """Which repository it is: by its name, and by the numbers that stay when it is renamed."""

    repository: str  # owner/name, as GitHub writes it
    owner_id: str
    repository_id: str

    @property
    def immutable_name(self) -> str:
        """Return owner@id/name@id, which newer repositories have in their tokens."""
        owner, name = self.repository.split("/")
        return f"{owner}@{self.owner_id}/{name}@{self.repository_id}"


class GitHub:
    """One repository, and whether anybody here can ask about it."""

    def __init__(self, repository: str) -> None:
        self.repository = repository

    @cached_property
    def absent(self) -> str:
        """Why nobody can ask GitHub; empty where gh is there and logged in."""
        if not shutil.which("gh"):
            return "gh is not installed"
        return "gh is not logged in" if _gh("auth", "status").returncode else ""

    @property
    def login_first(self) -> str:
        """What to do so that somebody can ask GitHub."""
        install = "install gh (https://cli.github.com), then " if not shutil.which("gh") else ""
        return f"{install}gh auth login"

    def ask(self, path: str) -> Any:
        """Return what GitHub answers, None where there is no such thing or this login may not see it."""
        done = _gh("api", path)
        if done.returncode and any(status in done.stderr for status in FORBIDDEN):
            return None
        if done.returncode:
            raise _refused(["gh", "api", path], done.stderr)
        return json.loads(done.stdout)

    def about(self, path: str = "") -> Any:
        """Return what GitHub answers about the repository, or a part of it; None as `ask` does."""
        return self.ask(f"repos/{self.repository}{path}")

    def do(self, command: Command) -> None:
        """Run what changes something; raise AccessError E605 where GitHub refuses."""
        done = _gh(*command[1:])
        if done.returncode:
            raise _refused(command, done.stderr)

    def unpaid(self, refused: AccessError) -> bool:
        """Say whether an environment was refused by GitHub's plan: Free has none in a private repository."""
        admin = self.facts.get("permissions", {}).get("admin", True)
        plan = any(status in refused.why for status in (*FORBIDDEN, "HTTP 422"))
        return bool(self.facts.get("private")) and admin and plan and "/environments/" in refused.where

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The repository as GitHub describes it; raises AccessError E605 where this login cannot see it."""
        told = self.about()
        if told is None:
            raise AccessError(f"""E605 GitHub shows no repository {self.repository}
                the login of gh
                it does not exist, or this login may not see it
                make it (gh repo create {self.repository}), or log in as somebody else: gh auth login""")
        return told

    def identity(self) -> Identity:
        """Return the repository's name and numbers as GitHub has them."""
        owner, number = self.facts["owner"], self.facts["id"]
        return Identity(self.facts["full_name"], str(owner["id"]), str(number))

    def subject(self) -> dict[str, Any]:
        """Return how the repository's tokens name it; empty where GitHub does not say."""
        return self.about("/actions/oidc/customization/sub") or {}

    def variables(self, environment: str = "") -> dict[str, str]:
        """Return the variables of the repository, or of one of its environments."""
        part = f"/environments/{environment}" if environment else "/actions"
        told = self.about(f"{part}/variables?per_page=100") or {"variables": []}
        return {item["name"]: item["value"] for item in told["variables"]}

    def environments(self) -> dict[str, dict[str, Any]]:
        """Return the environments by name, each with its `branches` where only named ones may use it."""
        told = (self.about("/environments?per_page=100") or {}).get("environments", [])
        found = {item["name"]: item for item in told}
        for name, item in found.items():
            if (item.get("deployment_branch_policy") or {}).get("custom_branch_policies"):
                listed = self.about(f"/environments/{name}/deployment-branch-policies") or {}
                item["branches"] = [each["name"] for each in listed.get("branch_policies", [])]
        return found

    def login(self) -> dict[str, Any]:
        """Return who gh is logged in as."""
        return self.ask("user") or {}


def of(settings: Settings) -> GitHub:
    """Return the project's repository: as mlops.toml names it, else where git pushes.

    Raises:
        SettingsError: E509, nobody knows it.
    """
    if settings.project.repository:
        return GitHub(settings.project.repository)
    remote = git("remote", "get-url", "origin")
    if not (match := REMOTE.search(remote)):
        raise SettingsError(f"""E509 nobody knows the project's repository on GitHub
            mlops.toml, key project.repository: empty; git remote origin: {remote or "none"}
            the roles in AWS trust one repository only
            name it there as owner/name, or: git remote add origin git@github.com:OWNER/NAME.git""")
    return GitHub(match[1])


def set_variable(repository: str, name: str, value: str) -> Command:
    """Return what sets a variable of the repository."""
    return ["gh", "variable", "set", name, "--body", value, "--repo", repository]


def delete_variable(repository: str, name: str) -> Command:
    """Return what deletes a variable of the repository."""
    return ["gh", "variable", "delete", name, "--repo", repository]


def make_environment(repository: str, name: str, reviewer: str = "") -> Command:
    """Return what makes an environment that branches must be named for; `reviewer` is a user's number."""
    fields = {
        "deployment_branch_policy[protected_branches]": "false",
        "deployment_branch_policy[custom_branch_policies]": "true",
    }
    if reviewer:
        fields |= {f"{REVIEWER}[type]": "User", f"{REVIEWER}[id]": reviewer}
    words = [word for key, value in fields.items() for word in ("-F", f"{key}={value}")]
    return ["gh", "api", "-X", "PUT", f"repos/{repository}/environments/{name}", *words]


def makes(command: Command, name: str) -> bool:
    """Say whether a command makes an environment."""
    return command[4].endswith(f"/environments/{name}")


def reviewed(command: Command) -> bool:
    """Say whether a command gives an environment a reviewer."""
    return any(word.startswith(REVIEWER) for word in command)


def without_reviewer(command: Command) -> Command:
    """Return what makes the same environment without a reviewer."""
    path, given = command[:5], zip(command[5::2], command[6::2], strict=True)
    return path + [word for pair in given if not reviewed(list(pair)) for word in pair]


def let_main_use(repository: str, name: str) -> Command:
    """Return what lets the branch main use an environment."""
    path = f"repos/{repository}/environments/{name}/deployment-branch-policies"
    return ["gh", "api", "-X", "POST", path, "-f", "name=main"]


def git(*words: str) -> str:
    """Return what git answers; empty where it fails or is not there."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _gh(*words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["gh", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise _refused(["gh", *words], f"no answer within {SECONDS} seconds") from None


def _refused(command: Command, reason: str) -> AccessError:
    return AccessError(f"""E605 GitHub refused {" ".join(command[:4])}
        {" ".join(command)}
        {reason.strip() or "gh gave no reason"}
        log in with the right to administer the repository (gh auth login), then repeat""")
