"""A project's workflows as act can run them: what it does not know is rewritten, what it ignores acted out.

act 0.2.89 knows no `$/` references and no `queue:`; it hands out no OIDC tokens and no environments. A job
that GitHub would give a token gets the address of one; its claims are those that GitHub would write into it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

WORKFLOWS = Path(".github/workflows")
LOCAL = re.compile(r"(uses:\s+)\$/")
UNKNOWN = re.compile(r"^\s+queue: max\n", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """One job that runs steps, as GitHub sees it."""

    file: str  # of the workflow that holds it
    name: str
    environment: str
    token: bool  # whether its permissions let it ask for an OIDC token


def jobs(root: Path) -> Iterator[Job]:
    """Yield each job of each workflow that runs steps."""
    for path in sorted((root / WORKFLOWS).glob("*.yml")):
        for name, job in yaml.safe_load(path.read_text("utf-8"))["jobs"].items():
            if "steps" in job:
                given = job.get("environment") or ""
                environment = given["name"] if isinstance(given, dict) else given
                yield Job(path.name, name, environment, "id-token" in (job.get("permissions") or {}))


def rewrite(root: Path, token: Callable[[Job], dict[str, str]]) -> None:
    """Rewrite the workflows under `root`; `token` gives a job's variables for asking for its OIDC token."""
    given = {(job.file, job.name): token(job) for job in jobs(root) if job.token}
    for path in (*(root / WORKFLOWS).glob("*.yml"), *(root / ".github/actions").rglob("action.yml")):
        text = UNKNOWN.sub("", LOCAL.sub(r"\1./", path.read_text("utf-8")))
        path.write_text(text, "utf-8")
    for file in {file for file, _ in given}:
        path = root / WORKFLOWS / file
        document: dict[Any, Any] = yaml.safe_load(path.read_text("utf-8"))
        document["on"] = document.pop(True)  # YAML 1.1 reads `on` as a truth value
        for name, job in document["jobs"].items():
            if variables := given.get((file, name)):
                job["env"] = {**job.get("env", {}), **variables}
        path.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")


def external(root: Path) -> set[str]:
    """Return every action from elsewhere, as owner/name@ref; what a copy brings along needs none."""
    found = set()
    for path in (root / ".github").rglob("*.yml"):
        found |= set(re.findall(r"uses: ([\w.-]+/[\w./-]+@\S+)", path.read_text("utf-8")))
    return found
