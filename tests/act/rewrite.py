"""A project's workflows as act can run them: what it does not know is rewritten, what it ignores acted out.

act 0.2.89 knows no `$/` references, no `queue:` and no `deployment:`; it hands out no OIDC tokens and no
environments. A job that GitHub would give a token gets the address of one; its claims are those that GitHub
would write into it.
Where a called workflow fails, act runs nothing after it, not even `if: always()`: its jobs take its place.
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
UNKNOWN = re.compile(r"^\s+(?:queue: max|deployment: false)\n", re.MULTILINE)


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
        document = read(path)
        for name, job in document["jobs"].items():
            if variables := given.get((file, name)):
                job["env"] = {**job.get("env", {}), **variables}
        path.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")


def inline(root: Path, workflow: str) -> None:
    """Put the jobs of every workflow that `workflow` calls in the place of the call."""
    path = root / WORKFLOWS / workflow
    document = read(path)
    document["jobs"] = _inlined(root, document["jobs"])
    path.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")


def read(path: Path) -> dict[Any, Any]:
    """Return a workflow; YAML 1.1 reads its `on` as a truth value."""
    document = yaml.safe_load(path.read_text("utf-8"))
    return {("on" if key is True else key): value for key, value in document.items()}


def _inlined(root: Path, called: dict[str, Any]) -> dict[str, Any]:
    """Return jobs without calls: those of a called workflow have its caller's name before their own."""
    made: dict[str, Any] = {}
    stand: dict[str, list[str]] = {}  # a caller, and the jobs that stand for it
    for name, job in called.items():
        if not (file := re.fullmatch(r"\./(.*)", job.get("uses", ""))):
            made[name] = job
            continue
        inner = _inlined(root, read(root / file[1])["jobs"])
        stand[name] = [f"{name}-{each}" for each in inner]
        made |= {f"{name}-{each}": _moved(name, inner[each], job, set(inner)) for each in inner}
    for job in made.values():
        if wanted := _listed(job.get("needs")):
            job["needs"] = [each for need in wanted for each in stand.get(need, [need])]
    return made


def _moved(caller: str, job: dict[str, Any], by: dict[str, Any], others: set[str]) -> dict[str, Any]:
    """Return a called workflow's job as one of the calling one; none runs where its caller would not."""
    text = yaml.safe_dump(job, sort_keys=False)
    for other in others:
        text = re.sub(rf"\bneeds\.{re.escape(other)}\b", f"needs.{caller}-{other}", text)
    job = yaml.safe_load(text)
    own, theirs = (_listed(each.get("needs")) for each in (job, by))
    conditions = [
        each["if"] for each in (by, job) if "if" in each and (each is job or not own or "if" in job)
    ]
    if conditions:
        job["if"] = " && ".join(f"({condition})" for condition in conditions)
    if needs := [f"{caller}-{need}" for need in own] + (theirs if conditions or not own else []):
        job["needs"] = needs
    return job


def _listed(needs: str | list[str] | None) -> list[str]:
    return [needs] if isinstance(needs, str) else list(needs or [])


def external(root: Path) -> set[str]:
    """Return every action from elsewhere, as owner/name@ref; what a copy brings along needs none."""
    found = set()
    for path in (root / ".github").rglob("*.yml"):
        found |= set(re.findall(r"uses: ([\w.-]+/[\w./-]+@\S+)", path.read_text("utf-8")))
    return found
