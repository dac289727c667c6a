"""What the bucket has other than data.lock: files to fetch, files that went, files that a release brings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sagemaker_gitops import data
from sagemaker_gitops.aws import Aws
from sagemaker_gitops.data import Lock, LockedFile
from sagemaker_gitops.errors import DataRefused


@dataclass(frozen=True)
class Difference:
    """Keys below the prefix that data.lock does not have so; `held` is what a release brings there."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    held: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def __str__(self) -> str:
        """Return it in words."""
        counts = {"added": self.added, "changed": self.changed, "removed": self.removed}
        return ", ".join(f"{len(keys)} {word}" for word, keys in counts.items() if keys) or "nothing new"


def listed(aws: Aws, bucket: str, prefix: str) -> dict[str, int]:
    """Return the size in bytes of each Parquet object below a prefix, by its key below it.

    Raises:
        DataRefused: E201, a key that would lead out of the folder, or to another file's place.
    """
    pages = aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
    objects = [item for page in pages for item in page.get("Contents", [])]
    sizes = {
        item["Key"].removeprefix(f"{prefix}/"): item["Size"]
        for item in objects
        if item["Key"].endswith(".parquet")
    }
    if outside := next(filter(data.leads_out, sizes), None):
        raise DataRefused(f"""E201 the key of an object is no plain path below {prefix}
            s3://{bucket}/{prefix}/{outside}
            as a file it would lie outside of the data's folder, or in another file's place
            give the object another key, or take it away; then repeat: nothing here has changed""")
    return sizes


def compare(
    lock: Lock, there: dict[str, int], mine: set[str], same: Callable[[LockedFile], bool]
) -> Difference:
    """Return what differs. What is held here, `mine`, goes to the bucket with a release, never back.

    `there` is the size of each object in bytes; `same(file)` says whether one of the locked size is the file.
    """
    locked = {file.key: file for file in lock.files}
    both = locked.keys() & there.keys()
    other = {key for key in both if there[key] != locked[key].size or not same(locked[key])}
    return Difference(
        added=tuple(sorted(there.keys() - locked.keys())),
        changed=tuple(sorted(other - mine)),
        removed=tuple(sorted(locked.keys() - there.keys() - mine)),
        held=tuple(sorted(other & mine)),
    )


def own(lock: Lock, root: Path) -> set[str]:
    """Return the keys of what lies here and goes to the bucket: git holds it, or it never came from there."""
    tracked, folder = data.tracked(root, lock), root / lock.prefix
    mine = [file.key for file in lock.files if file.key in tracked or not file.version_id]
    return {key for key in mine if (folder / key).is_file()}


def look(aws: Aws, bucket: str, lock: Lock, root: Path) -> Difference:
    """Return how the bucket differs from the lock; before the first release, when it is empty, not at all."""
    there = listed(aws, bucket, lock.prefix)
    same = partial(data.holds, aws, bucket, lock)
    return compare(lock, there, own(lock, root), same) if there else Difference()
