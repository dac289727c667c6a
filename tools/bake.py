"""Bake the template's default answers, from tracked files only, into a repository of its own.

In:   the files git tracks here, as they stand in the working tree; caches beside them never get in
Out:  OUT, a git repository with one commit
Run:  python tools/bake.py build/demo [name=value ...]
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ("cookiecutter.json", "hooks", "{{cookiecutter.project_slug}}")


def main() -> None:
    """Bake, move, commit; stop where that would cost somebody's work."""
    out, answers = Path(sys.argv[1]).resolve(), dict(word.split("=", 1) for word in sys.argv[2:])
    if out.exists() and edited(out):
        sys.exit(
            f"{out} holds changes that were made after the bake. Move or delete it, then run this again."
        )
    began = time.perf_counter()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as template, tempfile.TemporaryDirectory(dir=out.parent) as folder:
        copy_tracked(Path(template))
        project = bake(Path(template), Path(folder), answers)
        shutil.rmtree(out, ignore_errors=True)
        project.rename(out)
    commit(out)
    print(f"baked into {out} in {time.perf_counter() - began:.1f} s")


def bake(template: Path, folder: Path, answers: dict[str, str]) -> Path:
    """Return the project baked into `folder`, as a user would; stop with cookiecutter's words if it fails."""
    words = [f"{name}={value}" for name, value in answers.items()]
    where = ["--default-config", "--output-dir", str(folder)]
    command = [sys.executable, "-m", "cookiecutter", str(template), "--no-input", *where, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return next(folder.iterdir())


def copy_tracked(target: Path) -> None:
    """Copy the template's tracked files, with their modes, to `target`."""
    for name in tracked():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)


def tracked() -> list[str]:
    """Return the paths that make up the template, relative to the root, that git tracks and that exist."""
    listed = git(ROOT, "ls-files", "-z", "--", *TEMPLATE).split("\0")
    return [name for name in listed if name and (ROOT / name).is_file()]


def edited(out: Path) -> bool:
    """Say whether somebody worked in `out`: files changed, or commits added."""
    own = (out / ".git").exists()
    return (
        not own
        or bool(git(out, "status", "--porcelain"))
        or git(out, "rev-list", "--count", "HEAD").strip() != "1"
    )


def commit(project: Path) -> None:
    """Give `project` a repository: it may lie inside another, whose commits are not its own."""
    if not (project / ".git").exists():
        git(project, "init", "--quiet")
        git(project, "symbolic-ref", "HEAD", "refs/heads/main")
        git(project, "add", "--all")
        who = (
            "-c",
            "user.name=cookiecutter",
            "-c",
            "user.email=cookiecutter@localhost",
            "-c",
            "commit.gpgsign=false",
        )
        git(project, *who, "commit", "--quiet", "--no-verify", "-m", "Create the project")


def git(folder: Path, *words: str) -> str:
    """Return what git prints; raise CalledProcessError when it fails."""
    return subprocess.run(
        ["git", "-C", str(folder), *words], check=True, capture_output=True, text=True
    ).stdout


if __name__ == "__main__":
    main()
