"""New data: what lies in the bucket and not in data.lock, locked here so that a commit can bring it in.

In:   the bucket below the lock's prefix, where whoever makes the data puts Parquet files; data.lock
Out:  the files in the working tree, data.lock moved, and what has changed in counts: no value of any row
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipelines import data
from pipelines.aws import Aws, found
from pipelines.data import Lock, LockedFile
from pipelines.errors import DataRefused
from pipelines.github import api, proposal
from pipelines.run import Run
from pipelines.story import Step


@dataclass(frozen=True)
class Difference:
    """Keys below the prefix that data.lock does not have so."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def __str__(self) -> str:
        """Return it in words."""
        counts = {"added": self.added, "changed": self.changed, "removed": self.removed}
        return ", ".join(f"{len(keys)} {word}" for word, keys in counts.items() if keys) or "nothing new"


def listed(aws: Aws, bucket: str, prefix: str) -> dict[str, int]:
    """Return the size in bytes of each Parquet object below a prefix, by its key below it."""
    pages = aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
    objects = [item for page in pages for item in page.get("Contents", [])]
    return {
        item["Key"].removeprefix(f"{prefix}/"): item["Size"]
        for item in objects
        if item["Key"].endswith(".parquet")
    }


def compare(
    lock: Lock, there: dict[str, int], mine: set[str], same: Callable[[LockedFile], bool]
) -> Difference:
    """Return what differs. What git itself holds, `mine`, goes to the bucket with a release, never back.

    `there` is the size of each object in bytes; `same(file)` says whether one of the locked size is the file.
    """
    locked = {file.key: file for file in lock.files if file.key not in mine}
    changed = (
        key for key, file in locked.items() if key in there and not (there[key] == file.size and same(file))
    )
    return Difference(
        added=tuple(sorted(set(there) - set(locked) - mine)),
        changed=tuple(sorted(changed)),
        removed=tuple(sorted(set(locked) - set(there))),
    )


def look(aws: Aws, bucket: str, lock: Lock, root: Path) -> Difference:
    """Return how the bucket differs from the lock; before the first release, when it is empty, not at all."""
    there = listed(aws, bucket, lock.prefix)
    mine = {file.key for file in lock.files if (root / lock.prefix / file.key).is_file()}
    return compare(lock, there, mine, partial(data.holds, aws, bucket, lock)) if there else Difference()


def bring(aws: Aws, bucket: str, lock: Lock, path: Path, difference: Difference, step: Step) -> Lock:
    """Fetch what the tree lacks, lock it, note each object's version; return the new lock.

    Raises:
        DataRefused: E202, the files do not make one table; the old lock is back in its place.
    """
    folder, before = path.parent / lock.prefix, path.read_bytes()
    gone, wanted = set(difference.removed), {file.key for file in lock.files} | set(difference.added)
    for key in sorted(wanted - gone):
        if key in difference.changed or not (folder / key).is_file():
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            step.note = f"fetch {key}"
            aws.s3.download_file(bucket, f"{lock.prefix}/{key}", str(folder / key))
    command = [sys.executable, "-m", "data_checks.lock", lock.prefix, "--key", lock.key, "--lock", path.name]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        path.write_bytes(before)
        raise DataRefused(f"""E202 the new data cannot be locked
            s3://{bucket}/{lock.prefix}
            {done.stderr.strip() or "data_checks.lock gave no reason"}
            correct the files in the bucket, or take them away; then repeat""")
    note_versions(aws, bucket, path)
    step.note = str(difference)
    return data.read_lock(path)


def note_versions(aws: Aws, bucket: str, path: Path) -> None:
    """Write into the lock which version of each object its bytes are."""
    told = json.loads(path.read_text("utf-8"))
    for file in told["files"]:
        head = found(aws.s3.head_object, Bucket=bucket, Key=f"{told['prefix']}/{file['key']}")
        file["version_id"] = head and head.get("VersionId")  # what git holds may not be there yet
    path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def propose(run: Run, root: Path = Path(), environ: Mapping[str, str] = os.environ) -> str:
    """Bring what is new in the bucket into data.lock and a pull request; return what was done, in words."""
    path = root / run.settings.data.lock
    before = data.read_lock(path)
    with run.story.step("data") as step:
        difference = look(run.aws, run.stack.bucket, before, root)
        if not difference:
            step.verdict, step.note = "reused", f"nothing new below {before.prefix}"
            return "data.lock is as the bucket is"
        after = bring(run.aws, run.stack.bucket, before, path, difference, step)
    repository = api.repository(environ)
    if repository is None:
        return f"{path} has moved: look at it, commit it, open a pull request"
    title = f"New data: {after.rows:,} rows, {after.rows - before.rows:+,}"
    # One branch: what is newer replaces what nobody has merged.
    text = path.read_text("utf-8")
    return proposal.files(
        repository, "data/new", title, told(before, after, difference), {path.name: text}
    ).note


def told(before: Lock, after: Lock, difference: Difference) -> str:
    """Return a pull request's body: files and counts."""
    lines = ["| | main | this pull request |", "| --- | ---: | ---: |"]
    lines.append(f"| rows | {before.rows:,} | {after.rows:,} |")
    lines.append(f"| files | {len(before.files):,} | {len(after.files):,} |")
    size = [sum(file.size for file in lock.files) for lock in (before, after)]
    lines.append(f"| bytes | {size[0]:,} | {size[1]:,} |")
    lines += ["", f"In s3://.../{after.prefix}: {difference}.", ""]
    lines.append(
        "Merging this trains on the new rows: data checks, gate and rollout judge them as any change."
    )
    return "\n".join(lines) + "\n"
