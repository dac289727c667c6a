"""Where new data is made ready beside the tree, in build/, and the moment in which it moves there.

A folder is held by the process that made it, as long as that lives: what a killed one left goes before the
next is made.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from sagemaker_gitops import data, report
from sagemaker_gitops.data import Lock, LockedFile
from sagemaker_gitops.errors import DataRefused

PREFIXES = ("data-add-", "new-data-")  # of data add, and of data propose


@contextmanager
def folder(root: Path, prefix: str) -> Iterator[Path]:
    """Make a folder in build/, which is none of git's business; remove it after."""
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


def refuse_foreign(target: Path, known: Collection[LockedFile]) -> None:
    """Let nothing be written over, or removed, that is none of the known files of its key.

    Raises:
        DataRefused: E201, another file lies there.
    """
    if target.exists() and all(data.unlike(target, file) for file in known):
        raise DataRefused(f"""E201 {target.name} is a file of its own, and not written over
            {target}
            it is neither what data.lock names nor what would come there
            look what it is, take it away or lock it; then repeat: nothing here has changed""")


@contextmanager
def laid(moves: Mapping[Path, Path]) -> Iterator[dict[Path, Path]]:
    """Lay each file, by its target, beside that: what follows is a rename, on whatever file system it lies.

    Yields where each lies, by its target; what is not renamed goes again.
    """
    near = {target: target.with_name(f"{target.name}.partial") for target in moves}
    try:
        for target, source in moves.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(source, near[target])
        yield near
    finally:
        for path in near.values():
            path.unlink(missing_ok=True)


@contextmanager
def held(place: Path, how: int = 0) -> Iterator[None]:
    """Hold a folder against all others; the system lets go of it when a process ends, however it does."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(descriptor)
