"""Where new data is made ready beside the tree, in build/, and the moment in which it moves there.

A folder is held by the process that made it, as long as that lives: what a killed one left goes before the
next is made.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sagemaker_gitops import report
from sagemaker_gitops.data import Lock
from sagemaker_gitops.errors import DataRefused

PREFIXES = ("data-add-", "new-data-")  # of data add, and of data propose


@contextmanager
def folder(root: Path, prefix: str) -> Iterator[Path]:
    """Make a folder in build/, of the tree's file system and none of git's business; remove it after."""
    build = root / report.BUILD
    build.mkdir(exist_ok=True)
    with held(build):  # or another verb could take what is not held yet for a killed one's
        clear(build)
        made = tempfile.TemporaryDirectory(prefix=prefix, dir=build)
        own = os.open(made.name, os.O_RDONLY)
        fcntl.flock(own, fcntl.LOCK_EX)
    try:
        with made:
            yield Path(made.name).resolve()
    finally:
        os.close(own)


def clear(build: Path) -> None:
    """Remove the folders that no living process holds."""
    for left in (path for prefix in PREFIXES for path in build.glob(f"{prefix}*")):
        with suppress(OSError), held(left, fcntl.LOCK_NB):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def unmoved(root: Path, lock: Lock, path: Path) -> Iterator[None]:
    """Let nobody else move data.lock while it is as it was read.

    Raises:
        DataRefused: E201, it is not.
    """
    with held(root / report.BUILD):
        if path.read_bytes() != lock.text:
            raise DataRefused(f"""E201 {path.name} has changed while the new data was judged
                {path}
                it was judged together with what the lock named before
                repeat the command: nothing here has changed""")
        yield


@contextmanager
def held(place: Path, how: int = 0) -> Iterator[None]:
    """Hold a folder against all others; the system lets go of it when a process ends, however it does."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(descriptor)
