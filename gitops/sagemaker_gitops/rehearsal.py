"""`make local-test`: the verbs of a merge in their order, against an emulator; the merge base goes first.

In:   the working tree; a commit of what a pull request would be merged into
Out:  a release that serves; build/local-test.json here and, of the merge base, in build/base/build
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from sagemaker_gitops import (
    data,
    delivery,
    history,
    images,
    names,
    network,
    proof,
    release,
    report,
    tree,
)
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.run import Run
from sagemaker_gitops.settings import Settings
from sagemaker_gitops.story import Story
from sagemaker_gitops.tree import Tree

BASE = Path("build/base")
PERSONS = {"pull-request": "whoever merges its promotion", "reviewer": "the reviewer"}
OURS = ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")  # the base writes into none of them


def refuse_aws() -> None:
    """Raise SettingsError E507 where no emulator is named: a real account would be changed."""
    if not os.environ.get("AWS_ENDPOINT_URL"):  # nobody does this to a real account by accident
        raise SettingsError("""E507 local-test runs against an emulator only
            the variable AWS_ENDPOINT_URL
            it is empty: this would create and change things in an AWS account
            run: make local-test""")


def rehearse(run: Run, base: str = "") -> None:
    """Release the working tree where nothing can be harmed."""
    lock, run.settings = run.settings.data.lock, sampled(run.settings)
    work = tree.to_release(run.settings)
    if base:
        refuse_unknown(base, work.root)
    images.compiled(work.root)  # before anything is trained, also by the base
    for name in report.LEFT:  # a run that stops early must not show the last one's numbers
        (report.BUILD / name).unlink(missing_ok=True)
    data.check(work.lock, work.root, Story(Console(quiet=True)))
    if base:
        release_base(run, base, work.root)
        run.stands_for = stands_for(work.root / BASE, lock)
    with run.story.step("stack") as step:
        network.apply(run, step)
    with run.story.step("image") as step:
        images.publish(run.aws, run.stack, work.ids.code_id, step)
    released(run, work)
    proof.request(run, "production")


def look() -> list[str]:
    """Return how to see what a local test leaves beside its report."""
    lines = ["  data docs: python -m pipelines data docs"]
    if (runs := os.environ.get("MLFLOW_TRACKING_URI", "")).startswith("sqlite:"):
        here = runs.replace(f"sqlite:///{Path.cwd()}/", "sqlite:///")
        lines.append(f"  training runs: python -m mlflow ui --backend-store-uri {here}")
    return lines


def released(run: Run, work: Tree) -> None:
    """Release as a merge would; where a person lets it in, do as that person: who else is here?"""
    approval = run.settings.project.approval
    if approval == "gate":
        release.release(run, work)
        return
    package = release.registered(run, work)
    if package.approval != "Approved":
        package = delivery.prove_on_staging(run, package)
    why = f"local-test lets it in, in place of {PERSONS[approval]}"
    delivery.promote(run, package.release_id, why, work.ids.commit_sha)


def refuse_unknown(base: str, root: Path) -> None:
    """Raise SettingsError E521 for a base that git does not have: nothing could be compared with it."""
    if history.git(root, "rev-parse", "--verify", "--quiet", f"{base}^{{commit}}") is None:
        raise SettingsError(f"""E521 git has no commit {base}
            the option --base
            nothing could be compared with it; nothing was released
            name a branch, a tag or a commit that is here (git fetch brings what is not), or leave it out""")


def sampled(settings: Settings, root: Path = Path()) -> Settings:
    """Return settings that name the committed sample, where data.lock names files that are not in git."""
    lock, sample = data.read_lock(root / settings.data.lock), root / settings.data.sample
    here = all((root / lock.prefix / file.key).is_file() for file in lock.files)
    if here or not sample.is_file():
        return settings
    return settings.model_copy(
        update={"data": settings.data.model_copy(update={"lock": settings.data.sample})}
    )


def release_base(run: Run, commit: str, root: Path) -> None:
    """Release where `commit` and HEAD parted, by its own code, as the champion; go on where that fails."""
    with run.story.step("base") as step:
        parted = history.git(root, "merge-base", "HEAD", commit)
        shutil.rmtree(root / BASE, ignore_errors=True)
        history.git(root, "worktree", "prune")
        if parted is None or history.git(root, "worktree", "add", "--detach", str(BASE), parted) is None:
            step.verdict, step.note = "failed", f"HEAD and {names.short(commit)} have no commit in common"
            return
        step.note = f"{names.short(parted)} released first, as the champion"
        why = failed(root, "local-test")
        if not why and run.settings.project.approval != "gate":  # nobody is there to let it in
            told = json.loads((root / BASE / "build/local-test.json").read_text("utf-8"))
            if not any(step["name"] == "production" for step in told["steps"]):  # as it was before ours
                why = failed(root, "promote", told["ids"]["release_id"])
        if why:
            step.verdict, step.note = (
                "failed",
                f"{names.short(parted)} cannot be released itself: {why[:160]}",
            )


def stands_for(base: Path, lock: str) -> dict[str, str]:
    """Return which release of the locked data the base's own stands for: that one a waiver names."""
    story = base / "build/local-test.json"
    if not (story.is_file() and (base / lock).is_file()):
        return {}
    ids = json.loads(story.read_text("utf-8")).get("ids") or {}
    if not ids:
        return {}
    return {ids["release_id"]: tree.release_id(ids["code_id"], data.read_lock(base / lock).snapshot_id())}


def failed(root: Path, *verb: str) -> str:
    """Run a verb of the merge base by its own code; return why it failed, or nothing."""
    env = {name: value for name, value in os.environ.items() if name not in OURS}
    command = [sys.executable, "-m", "pipelines", *verb]
    done = subprocess.run(command, cwd=root / BASE, env=env, capture_output=True, text=True, check=False)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("✗")]
    return (lines or ["no reason given"])[-1] if done.returncode else ""
