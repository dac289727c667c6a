"""The bucket's files come into the working tree and into data.lock: all of them, or none."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from sagemaker_gitops import arrivals, beside, data
from sagemaker_gitops.arrivals import Difference
from sagemaker_gitops.aws import Aws, named
from sagemaker_gitops.data import Lock, LockedFile
from sagemaker_gitops.errors import DataRefused
from sagemaker_gitops.story import Step


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
    new, mine = {*difference.added, *difference.changed}, arrivals.own(lock, root)
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
