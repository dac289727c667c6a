"""A project's .github as data, and the facts outside of it that its workflows must agree with."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

LOCAL = "$/"  # the same repository at the commit that runs
ROLE = re.compile(r"vars\.AWS_(\w+)_ROLE\b")
COMMAND = re.compile(r"(?:make|(?:\.venv/bin/)?python -m pipelines) ([a-z-]+)")
BOOLEAN = "tag:yaml.org,2002:bool"


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """GitHub's YAML, in which `on` is a word; a tag of CloudFormation's gives the value behind it."""


Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != BOOLEAN]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(BOOLEAN, re.compile(r"^(?:true|false)$"), list("tf"))


def behind(loader: Loader, _tag: str, node: yaml.Node) -> Any:
    """Return what a tagged node holds."""
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


Loader.add_multi_constructor("!", behind)


@cache
def load(text: str) -> Any:
    """Return the document in `text`, which is for reading only: who asks again gets the same one."""
    return yaml.load(text, Loader)


@dataclass(frozen=True)
class Facts:
    """What the project offers its workflows."""

    targets: frozenset[str]  # of its Makefile
    verbs: frozenset[str]  # of `python -m pipelines`
    trusts: dict[str, frozenset[str]]  # role, as in DEPLOY: the workflow files that its trust names


def facts(project: Path) -> Facts:
    """Return the targets, the verbs as --help lists them, and whom the roles of infra/ trust."""
    (targets,) = re.findall(r"^\.PHONY: (.*)$", (project / "Makefile").read_text("utf-8"), re.MULTILINE)
    plain = {**os.environ, "COLUMNS": "200", "TERM": "dumb", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "pipelines", "--help"]
    told = subprocess.run(command, cwd=project, env=plain, capture_output=True, encoding="utf-8", check=True)
    verbs = re.findall(r"^│ ([a-z][a-z-]*) ", told.stdout, re.MULTILINE)
    trusted = trusts(project / "infra" / "github.yml")
    trusted["PRODUCTION"] = trusts(project / "infra" / "production.yml")["DEPLOY"]
    return Facts(frozenset(targets.split()), frozenset(verbs), trusted)


def trusts(template: Path) -> dict[str, frozenset[str]]:
    """Return the workflow files that the trust of each role names; none where any file may take it."""
    found = {}
    for resource in load(template.read_text("utf-8"))["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            role = resource["Properties"]["RoleName"].rpartition("${AWS::Region}-")[2]
            trust = json.dumps(resource["Properties"]["AssumeRolePolicyDocument"])
            files = re.findall(r"/\.github/workflows/([\w.-]+)@", trust)
            found[role.upper().replace("-", "_")] = frozenset(files)
    return found


@dataclass(frozen=True)
class Job:
    """One job of one workflow."""

    file: str
    name: str
    body: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Its steps; none where it calls a workflow."""
        return self.body.get("steps", [])

    @property
    def calls(self) -> str:
        """The file of this repository that it calls, or nothing."""
        uses = self.body.get("uses", "")
        return uses.rpartition("/")[2] if uses.startswith((LOCAL, "./")) else ""

    @property
    def permissions(self) -> dict[str, str]:
        """Its permissions; none where they are not a table."""
        listed = self.body.get("permissions")
        return listed if isinstance(listed, dict) else {}

    @property
    def arns(self) -> list[str]:
        """Whatever in it names a role to take, wherever that stands."""
        return [text for key, text in leaves(self.body) if key == "AWS_ROLE_ARN" or ROLE.search(text)]

    @property
    def takes(self) -> set[str]:
        """The roles it takes, as in DEPLOY; PRODUCTION is deploy's of production's own account."""
        return set(ROLE.findall(" ".join(self.arns)))

    @property
    def roles(self) -> set[str]:
        """The same by kind, wherever its account is."""
        return {"DEPLOY" if role == "PRODUCTION" else role for role in self.takes}

    @property
    def environment(self) -> str:
        """The environment that it names, or nothing."""
        return named(self.body.get("environment"), "name")

    @property
    def group(self) -> str:
        """The group of its own that it waits in, or nothing."""
        return named(self.body.get("concurrency"), "group")

    @property
    def checkouts(self) -> list[dict[str, Any]]:
        """What each of its checkouts is given."""
        used = [step for step in self.steps if step.get("uses", "").startswith("actions/checkout@")]
        return [step.get("with") or {} for step in used]

    @property
    def pins(self) -> str:
        """The sets of pins that its set-up is told of; nothing where that installs all."""
        used = [step for step in self.steps if step.get("uses", "").endswith("/actions/setup")]
        return " ".join((step.get("with") or {}).get("pins", "") for step in used)

    @property
    def of_main(self) -> bool:
        """Whether it works on main's newest commit, whatever its run's own is."""
        return bool(self.checkouts) and all(given.get("ref") == "main" for given in self.checkouts)

    @property
    def needs(self) -> list[str]:
        """The jobs that come before it."""
        told = self.body.get("needs") or []
        return [told] if isinstance(told, str) else told

    @property
    def verbs(self) -> set[str]:
        """The make targets and verbs that its steps run."""
        return {verb for step in self.steps for verb in COMMAND.findall(step.get("run", ""))}

    @property
    def heals(self) -> bool:
        """Whether it mends what differs from git, which production may, too."""
        return any(re.search(r"reconcile\b.*--heal", step.get("run", "")) for step in self.steps)


@dataclass(frozen=True)
class Project:
    """The .github of one project, read."""

    folder: Path
    facts: Facts

    @cached_property
    def texts(self) -> dict[str, str]:
        """Each YAML file below .github, by its path there."""
        root = self.folder / ".github"
        return {str(path.relative_to(root)): path.read_text("utf-8") for path in sorted(root.rglob("*.yml"))}

    @cached_property
    def workflows(self) -> dict[str, dict[str, Any]]:
        """Each workflow by its file's name."""
        begin = "workflows/"
        return {
            name.removeprefix(begin): load(text)
            for name, text in self.texts.items()
            if name.startswith(begin)
        }

    @cached_property
    def actions(self) -> dict[str, dict[str, Any]]:
        """Each composite action by its folder's path in the repository."""
        return {
            f".github/{name}".removesuffix("/action.yml"): load(text)
            for name, text in self.texts.items()
            if name.endswith("/action.yml")
        }

    @cached_property
    def jobs(self) -> list[Job]:
        """Every job of every workflow."""
        return [
            Job(file, name, body)
            for file, workflow in self.workflows.items()
            for name, body in workflow["jobs"].items()
        ]

    @cached_property
    def steps(self) -> list[tuple[str, dict[str, Any]]]:
        """Every step, of jobs and of actions, with where it stands."""
        found = [(str(job), step) for job in self.jobs for step in job.steps]
        return found + [
            (folder, step)
            for folder, action in self.actions.items()
            for step in action["runs"].get("steps", [])
        ]

    @cached_property
    def uses(self) -> list[tuple[str, str]]:
        """Everything used: actions by steps, workflows by jobs, with where."""
        calls = [(str(job), job.body["uses"]) for job in self.jobs if "uses" in job.body]
        return calls + [(where, step["uses"]) for where, step in self.steps if "uses" in step]

    def inside(self, job: Job) -> list[Job]:
        """Return the jobs that a job stands for: itself, or all of the workflow that it calls."""
        if not job.calls:
            return [job]
        return [deep for called in self.jobs if called.file == job.calls for deep in self.inside(called)]

    def groups(self, job: Job) -> list[dict[str, Any]]:
        """Return every concurrency that holds a job: its own, its workflow's, those of whoever calls it."""
        own = [job.body.get("concurrency"), self.workflows[job.file].get("concurrency")]
        callers = [group for caller in self.jobs if caller.calls == job.file for group in self.groups(caller)]
        return [table(group) for group in own if group] + callers

    def triggers(self, file: str) -> dict[str, Any]:
        """Return what starts a workflow, each with its filters."""
        on = self.workflows[file]["on"]
        if isinstance(on, dict):
            return on
        return dict.fromkeys([on] if isinstance(on, str) else on)


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in a document, with the key that it stands under."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, key)
    elif isinstance(value, str):
        yield key, value


def named(told: Any, key: str) -> str:
    """Return the name in what may be a table with that key, or the name alone; else nothing."""
    return str(told.get(key, "") if isinstance(told, dict) else told or "")


def table(group: Any) -> dict[str, Any]:
    """Return a concurrency as a table, also where only its name was written."""
    return group if isinstance(group, dict) else {"group": group}
