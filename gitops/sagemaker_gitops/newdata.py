"""New data: what lies in the bucket and not in data.lock, locked here so that a commit can bring it in.

In:   the bucket below the lock's prefix, where whoever makes the data puts Parquet files; data.lock
Out:  the files in the working tree, data.lock moved, and what has changed in counts: no value of any row
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sagemaker_gitops import beside, data
from sagemaker_gitops.aws import Aws, named
from sagemaker_gitops.data import Lock, LockedFile
from sagemaker_gitops.errors import DataRefused
from sagemaker_gitops.github import api, proposal
from sagemaker_gitops.run import Run
from sagemaker_gitops.story import Step


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


def bring(
    aws: Aws, bucket: str, lock: Lock, root: Path, path: Path, difference: Difference, step: Step
) -> Lock:
    """Fetch what the tree lacks, lock it, note each object's version; return the new lock.

    All of it beside the tree, which changes only once the new files and those that stay make one table. Then
    the copies of what the bucket has no more, or not so, go, the lock comes, and the files after it: wherever
    that is cut off, what lies here is as locked, and what does not is in the bucket, or gone from there.

    Raises:
        DataRefused: E202, they do not, or E201, data.lock has moved meanwhile, or another file lies where one
            would come or go; nothing here has changed.
    """
    with beside.folder(root, "new-data-") as made:
        laid, new = made / "files", made / path.name
        new.write_bytes(lock.text)
        versions = gather(aws, bucket, lock, root, laid, difference, step)
        if why := unlocked(laid, lock, new, root):
            raise DataRefused(f"""E202 the new data cannot be locked
                {blamed(bucket, lock, why, versions)}
                {why}
                correct the files in the bucket, or take them away; then repeat: nothing here has changed""")
        note_versions(new, lock.prefix, versions)
        with beside.unmoved(root, lock, path):
            exchange(lock, root / lock.prefix, path, made, sorted(versions), difference)
    step.note = str(difference)
    return data.read_lock(path)


def exchange(
    lock: Lock, folder: Path, path: Path, made: Path, fetched: list[str], difference: Difference
) -> None:
    """Take away what goes, then move the lock and the fetched files in, from beside the tree.

    Raises:
        DataRefused: E201, a file of the user's own would be lost.
    """
    after = data.read_lock(made / path.name)
    moves = {folder / key: made / "files" / key for key in fetched}
    gone = [folder / key for key in difference.removed]
    known: dict[Path, list[LockedFile]] = {}
    for file in (*lock.files, *after.files):
        known.setdefault(folder / file.key, []).append(file)
    for target in (*moves, *gone):
        beside.refuse_foreign(target, known[target])
    with beside.laid({**moves, path: made / path.name}) as near:
        for target in (*moves, *gone):
            target.unlink(missing_ok=True)
        for target in (path, *moves):
            near[target].replace(target)


def gather(
    aws: Aws, bucket: str, lock: Lock, root: Path, laid: Path, difference: Difference, step: Step
) -> dict[str, str | None]:
    """Lay the new table's files beside: a link to what stays, else fetched; return these' versions."""
    new, mine = {*difference.added, *difference.changed}, own(lock, root)
    locked = {file.key: file for file in lock.files}
    versions: dict[str, str | None] = {}
    for key in sorted(locked.keys() - set(difference.removed) | new):
        (laid / key).parent.mkdir(parents=True, exist_ok=True)
        here = root / lock.prefix / key
        if key not in new and here.is_file() and (key in mine or not data.unlike(here, locked[key])):
            (laid / key).symlink_to(here.resolve())
            continue
        step.note = f"fetch {key}"
        versions[key] = fetch(aws, bucket, f"{lock.prefix}/{key}", laid / key)
    return versions


def unlocked(laid: Path, lock: Lock, new: Path, root: Path) -> str:
    """Lock what lies beside the tree into the file `new`; return why that cannot be, empty where it could."""
    command = [sys.executable, "-m", "data_checks.lock", str(laid), "--key", lock.key, "--lock", str(new)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    why = done.stderr.strip().replace(str(laid), lock.prefix)
    return (why or "data_checks.lock gave no reason") if done.returncode else ""


def blamed(bucket: str, lock: Lock, why: str, fetched: Collection[str]) -> str:
    """Return where the file lies that data_checks.lock names first: in the bucket, or here."""
    named = [key for key in {*fetched, *(file.key for file in lock.files)} if f" {key} " in f" {why} "]
    key = min(named, key=lambda key: (key not in fetched, why.index(key)), default="")
    there = f"s3://{bucket}/{lock.prefix}"
    return f"{there}/{key}" if key in fetched else f"{lock.prefix}/{key}" if key else there


def fetch(aws: Aws, bucket: str, key: str, path: Path) -> str | None:
    """Write an object's bytes to a file; return their version.

    It is the version before and after; an object that was replaced meanwhile is fetched again. To ask for the
    bytes of a version takes s3:GetObjectVersion, which the workflows' role has not.
    """
    place = {"Bucket": bucket, "Key": key}
    while True:
        version = named(aws.s3.head_object, **place).get("VersionId")
        named(aws.s3.download_file, **place, Filename=str(path))
        if named(aws.s3.head_object, **place).get("VersionId") == version:
            return version


def note_versions(path: Path, prefix: str, versions: Mapping[str, str | None]) -> None:
    """Write into the lock where its files belong, and of which version of its object each fetched one is."""
    told = json.loads(path.read_text("utf-8")) | {"prefix": prefix}
    for file in told["files"]:
        if file["key"] in versions:
            file["version_id"] = versions[file["key"]]
    path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def propose(run: Run, root: Path = Path(), environ: Mapping[str, str] = os.environ) -> str:
    """Bring what is new in the bucket into data.lock and a pull request; return what was done, in words."""
    path = root / run.settings.data.lock
    before, repository = data.read_lock(path), api.repository(environ)
    with run.story.step("data") as step:
        difference = look(run.aws, run.stack.bucket, before, root)
        for key in difference.held:
            held = "git holds" if key in data.tracked(root, before) else "here lies"
            run.story.say(f"  ! {held} {key}, the bucket has other bytes: a release overwrites them")
        if not difference:
            step.verdict, step.note = "reused", f"nothing new below {before.prefix}"
            missed = [] if repository else complete(run.aws, run.stack.bucket, before, root, path, step)
            text = nothing_new(run.aws, run.stack.bucket, before, root, difference)
            return f"{text}; {len(missed)} locked files were not here: fetched" if missed else text
        after = bring(run.aws, run.stack.bucket, before, root, path, difference, step)
    if repository is None:
        return (
            f"{path} has moved: look at it, commit it and nothing else, open a pull request. The new files in"
            f" {before.prefix} are for you to look at: their place is the bucket, git holds the sample"
        )
    title = f"New data: {after.rows:,} rows, {after.rows - before.rows:+,}"
    # One branch: what is newer replaces what nobody has merged.
    text = path.read_text("utf-8")
    return proposal.files(
        repository, "data/new", title, told(before, after, difference), {run.settings.data.lock: text}
    ).note


def complete(aws: Aws, bucket: str, lock: Lock, root: Path, path: Path, step: Step) -> list[str]:
    """Fetch the locked files that the bucket has and this tree has not; return their keys.

    Raises:
        DataRefused: E201, an object was replaced meanwhile; nothing here has changed.
    """
    folder = root / lock.prefix
    missed = [f for f in lock.files if not (folder / f.key).exists() and data.holds(aws, bucket, lock, f)]
    if not missed:
        return []
    with beside.folder(root, "new-data-") as made:
        moves = {folder / file.key: made / str(n) for n, file in enumerate(missed)}
        for file, place in zip(missed, moves.values(), strict=True):
            step.note = f"fetch {file.key}"
            fetch(aws, bucket, f"{lock.prefix}/{file.key}", place)
            if why := data.unlike(place, file):
                raise DataRefused(f"""E201 {file.key} is not the file that data.lock names
                    s3://{bucket}/{lock.prefix}/{file.key}
                    {why}
                    repeat the command: nothing here has changed""")
        with beside.unmoved(root, lock, path), beside.laid(moves) as near:
            for target in moves:
                near[target].replace(target)
    step.note = f"nothing new below {lock.prefix}, {len(missed)} locked files fetched"
    return [file.key for file in missed]


def nothing_new(aws: Aws, bucket: str, lock: Lock, root: Path, difference: Difference) -> str:
    """Say how the bucket stands to the lock where nothing in it is new."""
    there, address = listed(aws, bucket, lock.prefix), f"s3://{bucket}/{lock.prefix}"
    lacking = [file.key for file in lock.files if file.key not in there]
    if not lacking:
        return f"{address} has nothing new" if difference.held else "data.lock is as the bucket is"
    text = f"{address} has nothing new, and {len(lacking)} of the {len(lock.files)} locked files not yet"
    lost = [key for key in lacking if not (root / lock.prefix / key).is_file()]
    if lost:
        return f"{text}; {len(lost)} of them are not here either: put {lost[0]} and the like into the bucket"
    return f"{text}: a release uploads them"


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
