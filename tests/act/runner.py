"""Run one workflow of a repository with act, on this machine, and tell what GitHub would show of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from act import rewrite

ACT = Path(sys.executable).with_name("act")
# The environment that runs this test stands for what setup-python and `make setup` would make.
SETUP_PYTHON = """name: setup-python
inputs: {python-version: {required: true}}
runs:
  using: composite
  steps:
    - shell: bash
      run: ln -s "$TESTS_VENV" .venv
"""
# act copies the working directory itself, but for a commit that is named.
CHECKOUT = """name: checkout
inputs: {ref: {default: ""}, fetch-depth: {default: ""}, persist-credentials: {default: ""}}
runs:
  using: composite
  steps:
    - shell: bash
      env: {REF: "${{ inputs.ref }}"}
      run: |
        git init -q .
        git fetch -q "$TESTS_ORIGIN" "+refs/heads/*:refs/remotes/origin/*"
        git checkout -q "$REF" || git checkout -q -B "$REF" "refs/remotes/origin/$REF"
"""
STAND_INS = {"actions/setup-python": SETUP_PYTHON, "actions/checkout": CHECKOUT}
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "NO_PROXY", "no_proxy")


@dataclass
class Done:
    """What a run left: each job's result, what it wrote into its summary, its annotations, all it printed."""

    code: int
    jobs: dict[str, str] = field(default_factory=dict)
    summaries: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    id: int = 0  # of the workflow run

    @property
    def output(self) -> str:
        """Everything that the run printed."""
        return "\n".join(self.printed)


def run(
    root: Path,
    workflow: str,
    event: str,
    payload: Mapping[str, Any],
    *,
    scratch: Path,
    variables: Mapping[str, str],
    environment: Mapping[str, str],
    secrets: Mapping[str, str],
    job: str = "",
    until: Callable[[], Any] | None = None,
) -> Done:
    """Run a workflow of the git repository `root` (already rewritten), or one job and what it needs.

    `until`: act and all that it has started are killed as soon as this is true.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "event.json").write_text(json.dumps(payload), "utf-8")
    words = [str(ACT), event, "-W", str(rewrite.WORKFLOWS / workflow), "-e", str(scratch / "event.json")]
    words += [
        "-P",
        "ubuntu-24.04=-self-hosted",
        "--container-daemon-socket",
        "-",
        "--json",
        "--no-cache-server",
        "--action-offline-mode",
    ]
    words += ["--action-cache-path", str(scratch / "cache"), *stand_ins(root, scratch)]
    words += ["-j", job] if job else []
    for option, given in (("--var", variables), ("--env", environment), ("-s", secrets)):
        words += [word for name, value in given.items() for word in (option, f"{name}={value}")]
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    with (scratch / "act.log").open("w+", encoding="utf-8") as log:
        act = subprocess.Popen(words, cwd=root, env=kept, stdout=log, stderr=subprocess.STDOUT)
        while until and act.poll() is None:
            if until():
                kill(act.pid)
            time.sleep(0.2)
        code = act.wait()
        log.seek(0)
        return read(code, log.read())


def kill(pid: int) -> None:
    """Kill a process and all that it has started, as the loss of a machine does."""
    process = psutil.Process(pid)
    for each in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()


def stand_ins(root: Path, scratch: Path) -> list[str]:
    """Return act's options for the actions from elsewhere; KeyError for one without a stand-in."""
    words = []
    for used in sorted(rewrite.external(root)):
        action = used.partition("@")[0]
        folder = scratch / "actions" / action.replace("/", "-")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "action.yml").write_text(STAND_INS[action], "utf-8")
        words += ["--local-repository", f"{used}={folder}"]
    return words


def read(code: int, log: str) -> Done:
    """Read act's JSON lines."""
    done = Done(code)
    for line in log.splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            done.printed.append(line)
            continue
        job = said.get("job", "")
        if "jobResult" in said:
            done.jobs[job.split("/", 1)[-1].strip()] = said["jobResult"]
        if said.get("command") == "summary":
            done.summaries[job] = done.summaries.get(job, "") + said.get("content", said.get("msg", ""))
        elif said.get("command") == "error":
            done.errors.append(said.get("arg", said.get("msg", "")))
        done.printed.append(f"[{job}] {said.get('msg', '').rstrip()}")
    return done


def clean(scratch: Path) -> None:
    """Take away what a run left."""
    shutil.rmtree(scratch, ignore_errors=True)
