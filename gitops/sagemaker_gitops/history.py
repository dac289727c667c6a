"""What git knows of main: which commit comes after which, and what a commit is called."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

COMMIT = re.compile(r"[0-9a-f]{40}")


def contains(root: Path, commit: str) -> bool | None:
    """Say whether `commit` is HEAD or came before it; None where git cannot tell.

    A commit that is not there at all is later than HEAD, or of a history that was rewritten.
    """
    if not COMMIT.fullmatch(commit) or git(root, "rev-parse", "--is-shallow-repository") != "false":
        return None
    return git(root, "merge-base", "--is-ancestor", commit, "HEAD") is not None


def first_parent(root: Path, most: int = 200) -> tuple[str, ...]:
    """Return HEAD and the merges before it, newest first; nothing where there is no git."""
    listed = git(root, "log", "--first-parent", "--format=%H", f"--max-count={most}")
    return tuple((listed or "").split())


def git(root: Path, *words: str) -> str | None:
    """Return what git prints, or None where it cannot say; a folder inside another repository has none."""
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:  # no git here
        return None
    return done.stdout.strip() if done.returncode == 0 else None
