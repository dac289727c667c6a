"""The verbs as the jobs of the workflows run them: each with its role, by a token of GitHub's kind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from act.rewrite import Job
from act.world import ACCOUNT, REPOSITORY, TOKEN, World

ROLES = ("pull-request", "pipeline", "deploy", "infra", "execution")
MAIN, PULL = "refs/heads/main", "refs/pull/7/merge"
# Each verb's job: role, workflow file, environment.
STAGE = ("deploy", "deploy.yml", "staging")
PROMOTE = ("deploy", "production.yml", "")
PIPELINE = ("pipeline", "release.yml", "")
DATA = ("pipeline", "data.yml", "")
ROLLBACK = ("deploy", "rollback.yml", "production")
RECONCILE = ("deploy", "reconcile.yml", "")
INFRA = ("infra", "infra.yml", "infrastructure")
LOOK = ("pull-request", "pull_request.yml", "")
VERBS = {"image": PIPELINE, "pipeline": PIPELINE, "outcome": PIPELINE, "data": DATA, "stage": STAGE}
VERBS |= {"promote": PROMOTE, "rollback": ROLLBACK, "reconcile": RECONCILE, "prune": RECONCILE}
VERBS |= {"infra": INFRA, "plan": LOOK, "status": LOOK, "request": RECONCILE}
# Whose role is that of production's own account, where it has one.
SERVING = ("promote", "rollback", "prune")


@dataclass(frozen=True)
class Told:
    """What a verb ended with and what it printed."""

    code: int
    text: str


class Jobs:
    """The jobs of one repository; those of one commit and run share the verbs' stories."""

    def __init__(self, world: World) -> None:
        self.world, self.number = world, 100

    def release(self, *verbs: str, red: int = 0) -> list[Told]:
        """Run the verbs of a release in turn, until one is red, then `outcome`; return what each told.

        `red` is the exit code that it must end with.
        """
        self.number += 1
        told: list[Told] = []
        for verb in verbs or ("image", "pipeline", "stage", "promote"):
            told.append(self.run(verb))
            if told[-1].code:
                break
        assert told[-1].code == red, told[-1].text
        result = "failure" if told[-1].code else "success"
        self.run("outcome", expected=0, NEEDS=json.dumps({"deploy": {"result": result}}))
        return told

    def run(self, *words: str, expected: int | None = None, **more: str) -> Told:
        """Run a verb as its job; `expected` is the exit code that it must have."""
        done = self.begin(*words, **more)
        text, _ = done.communicate()
        assert expected in (None, done.returncode), f"{words} ended with {done.returncode}\n{text}"
        return Told(done.returncode, text)

    def reconcile(self, *words: str, expected: int) -> None:
        """Compare with git what is live, in each account by its own role."""
        self.run("reconcile", *words, expected=expected)
        if self.world.production != ACCOUNT:
            self.run("reconcile", *words, expected=expected, AWS_ROLE_ARN=self.role("production"))

    def role(self, kind: str) -> str:
        """Return the ARN of a role, as the repository's variable has it."""
        return self.world.variables[f"AWS_{kind.upper().replace('-', '_')}_ROLE"]

    def interrupted(self, *words: str, when: Callable[[], Any]) -> Told:
        """Run a verb and press Ctrl-C as soon as `when` is true."""
        return self._ended(signal.SIGINT, words, when)

    def killed(self, *words: str, when: Callable[[], Any]) -> Told:
        """Run a verb and kill its runner as soon as `when` is true."""
        return self._ended(signal.SIGKILL, words, when)

    def _ended(self, how: signal.Signals, words: tuple[str, ...], when: Callable[[], Any]) -> Told:
        done = self.begin(*words)
        while done.poll() is None and not when():
            time.sleep(0.05)
        done.send_signal(how)
        text, _ = done.communicate()
        return Told(done.returncode, text)

    def begin(self, *words: str, **more: str) -> subprocess.Popen[str]:
        """Start a verb as its job."""
        role, *rest = VERBS[words[0]]
        apart = words[0] in SERVING and self.world.production != ACCOUNT
        environment = self.environment("production" if apart else role, *rest) | more
        command = [sys.executable, "-m", "pipelines", *words]
        piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, cwd=self.world.root, env=environment, **piped)

    def environment(self, role: str, file: str, environment: str) -> dict[str, str]:
        """Return the variables of a job that takes a role."""
        world, commit = self.world, self.world.git("rev-parse", "HEAD")
        pull = role == "pull-request"
        given = {name: value for name, value in (os.environ | world.aws).items() if not _of_a_person(name)}
        job = Job(file, "job", environment, token=True)
        facts = {"event_name": "pull_request" if pull else "push", "ref": PULL if pull else MAIN}
        given |= world.token(job, **facts, sha=commit, workflow=file)
        given |= {"GITHUB_RUN_ID": str(self.number), "GITHUB_RUN_ATTEMPT": "1", "GITHUB_SHA": commit}
        given |= {"GITHUB_REPOSITORY": REPOSITORY, "GITHUB_API_URL": world.github.url, "GITHUB_TOKEN": TOKEN}
        return given | {"AWS_ROLE_ARN": self.role(role), "NO_COLOR": "1", "TERM": "dumb"}

    def decisions(self) -> list[dict[str, Any]]:
        """Return every decision of the emulator so far."""
        with urllib.request.urlopen(
            f"{self.world.aws['AWS_ENDPOINT_URL']}/_emulator/iam/decisions"
        ) as answer:
            return json.load(answer)["decisions"]


def _of_a_person(name: str) -> bool:
    """Whether a variable would give a job the keys of whoever runs the test, or his identity."""
    return name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")
