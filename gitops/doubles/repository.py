"""Makers: stories as verbs leave them, a repository whose merges are releases, text that is up to no good."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from doubles.aws import RELEASE
from pipelines.settings import Settings
from sagemaker_gitops import data, tree

LOCK = {
    "schema_version": 1,
    "prefix": "data/adult",
    "key": "row_id",
    "rows": 3,
    "files": [{"key": "part-0.parquet", "size": 9, "rows": 3, "sha256": "ab" * 32, "version_id": None}],
}

HOSTILE = (
    "closes #7 @octocat/team",
    "<script>alert(1)</script>",
    '"] --> evil["',
    "`code` ``` more",
    "| a | b |\n| --- | --- |",
    "![x](http://evil.example/x.png)",
    "[click](javascript:alert(1))",
    "end\nclassDef done fill:#000",
    "fixes https://github.com/acme/demo/issues/7",
    "www.evil.example GH-7",
    "<!-- release " + "00" * 32 + " commit " + "0" * 40 + " -->",
    "%%{init: {'theme':'x'}}%%",
    "\u202egnp.exe\u200d \x1b[31m",
    "[skip ci] $x$ ~~no~~ _a_ **b**",
)


def step(name: str, verdict: str = "done", note: str = "", seconds: float = 1.5) -> dict[str, Any]:
    """Return one step."""
    return {"name": name, "verdict": verdict, "seconds": seconds, "note": note}


def story(verb: str, *steps: dict[str, Any], code: str = "", verdict: str = "", **facts: Any) -> str:
    """Return what a verb says, stopped by an error with this code where one is given."""
    lines = [f"✗ {code} what", "  where", "  why", "  what to do"]
    error = {"code": code, "lines": lines} if code else None
    told = {
        "verb": verb,
        "verdict": verdict or ("failed" if code else "done"),
        "error": error,
        "seconds": 3.0,
    }
    return json.dumps(told | {"steps": list(steps)} | facts)


def job(result: str = "success", *stories: str) -> dict[str, Any]:
    """Return one job of `needs`."""
    return {"result": result, "outputs": {str(place): each for place, each in enumerate(stories)}}


def needs(**jobs: Any) -> str:
    """Return what GitHub's toJSON(needs) gives."""
    return json.dumps(jobs)


TRAINED = [step(name) for name in ("data", "pipeline", "validate", "train", "evaluate", "gate", "register")]
PIPELINE = story("pipeline", *TRAINED, ids={"release_id": RELEASE})
REUSED = story("pipeline", step("reuse", "reused"), ids={"release_id": RELEASE})
STAGE = story("stage", step("staging"), step("approve"))
PACKAGE = {"version": 8, "arn": "arn:8", "release_id": RELEASE}
ROLLOUT = {"package": PACKAGE, "alarms": {"fired": {"income-model-8-wrong": "1 datapoint was above 0"}}}
PROMOTE = story("promote", step("production"), package=PACKAGE, rollouts=[ROLLOUT | {"alarms": {}}])
BACK = (step("production", "failed"), step("put back"))
ROLLED = story("promote", *BACK, code="E401", rollouts=[ROLLOUT])
ROLLED_BACK = needs(
    image=job(), pipeline=job("success", PIPELINE), deploy=job("failure", STAGE, ROLLED)
)  # fmt: skip
EARLIER = {"version": 7, "arn": "arn:7", "release_id": "77" * 32}
BY_HAND = needs(
    rollback=job("success", story("rollback", step("production"), package=EARLIER, taken_back=PACKAGE))
)
RELEASED = needs(image=job(), pipeline=job("success", PIPELINE), deploy=job("success", STAGE, PROMOTE))


class Checkout:
    """A clone of the fake GitHub's repository, whose commits are merges to main."""

    def __init__(self, folder: Path, origin: Path) -> None:
        self.folder = folder
        self.git("init", "-q", "-b", "main", str(folder))
        self.git("remote", "add", "origin", str(origin))

    def git(self, *words: str) -> str:
        """Return what git prints."""
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
        where = [] if words[0] == "init" else ["-C", str(self.folder)]
        done = subprocess.run(["git", *where, *identity, *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def merge(self, title: str, files: dict[str, str | None]) -> str:
        """Write files (None takes one out), commit, bring it to main; return the commit."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content) if content is not None else path.unlink()
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", title)
        self.git("push", "-q", "-f", "origin", "main")
        return self.git("rev-parse", "HEAD")

    def release_id(self, commit: str, settings: Settings) -> str:
        """Return the release that a commit is."""
        self.git("fetch", "-q", "origin")
        self.git("checkout", "-q", commit)
        found = tree.ids(settings, data.read_lock(self.folder / "data.lock"), self.folder).release_id
        self.git("checkout", "-q", "main")
        return found


FILES = {
    "training/train.py": "good",
    "training/model.py": "first",
    "pipelines/definition.json": "{}",
    ".github/workflows/main.yml": "on: push",
    "data.lock": json.dumps(LOCK),
    "README.md": "first",
}
