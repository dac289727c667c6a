"""The data of a release: what data.lock names, whether the working tree agrees, and its way to the bucket."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from sagemaker_gitops import errors, history
from sagemaker_gitops.aws import Aws, found
from sagemaker_gitops.errors import DataRefused, SettingsError
from sagemaker_gitops.story import Step, Story, counted, typed

AT_ONCE = 5 << 30  # bytes: S3 takes no larger object in one request
PART, PARTS = 64 << 20, 10_000  # bytes of a part, which is what is held in memory; S3 takes so many parts


@dataclass(frozen=True)
class LockedFile:
    """One file of the data: its key below the prefix and its bytes."""

    key: str
    size: int
    sha256: str  # hex
    version_id: str = ""  # of the object that these bytes were read from; no part of an identity


@dataclass(frozen=True)
class Lock:
    """The whole of data.lock, and its own bytes."""

    prefix: str  # below the bucket, and below the repository's root
    key: str  # the column that names a row
    rows: int
    files: tuple[LockedFile, ...]
    text: bytes

    def snapshot_id(self) -> str:
        """Return the sha256 of every file's key, size and sha256; object versions and prefix do not count."""
        facts = sorted((file.key, file.size, file.sha256) for file in self.files)
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def read_lock(path: Path) -> Lock:
    """Read data.lock, or raise SettingsError E502."""
    try:
        text = path.read_bytes()
        facts = json.loads(text)
        files = tuple(
            LockedFile(item["key"], item["size"], item["sha256"], item.get("version_id") or "")
            for item in facts["files"]
        )
        prefix = facts["prefix"].strip("/")
        outside = next(filter(leads_out, [prefix, *(file.key for file in files)]), None)
        if files and outside is None:
            return Lock(prefix, facts["key"], facts["rows"], files, text)
        what, why = f"{path} names no file", "a release needs data"
        if outside is not None:
            what, why = f"{path} cannot be read", f"{outside!r} is no plain path: it leads out of the folder"
    except FileNotFoundError:
        what, why = f"there is no {path}", "it names the data of a release"
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what, why = f"{path} cannot be read", f"it is not as it must be ({type(error).__name__})"
    raise SettingsError(f"""E502 {what}
        {path}
        {why}
        make it again: python -m data_checks.lock data/NAME --key KEY""")


def leads_out(key: str) -> bool:
    """Say whether a key is anything but a plain path below a folder: absolute, with `..`, not shortest."""
    path = PurePosixPath(key)
    return str(path) != key or path.is_absolute() or ".." in path.parts


def check(lock: Lock, root: Path, story: Story) -> None:
    """Raise DataRefused E201 for a file here that is not the locked one; a step warns of files nobody locked.

    Ids are made of the lock: without this an edit that was not locked would release the old bytes, silently.
    A file that is not here is no fault: the bucket has it, or `push` asks for it.
    """
    folder = root / lock.prefix
    for file in lock.files:
        if (folder / file.key).is_file() and (why := unlike(folder / file.key, file)):
            raise _differs(lock, file, root, why)
    known = {file.key for file in lock.files}
    others = sorted({path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")} - known)
    if others:
        with story.step("data.lock") as step:
            step.verdict, told = "warned", others[0] + (", ..." if others[1:] else "")
            more = f"{len(others)} more below {lock.prefix} not in data.lock, so not in this release: {told}"
            step.note = f"{counted(len(lock.files), 'file')} locked; {more}; to add: {typed(lock_it(lock))}"


def unlike(path: Path, file: LockedFile) -> str:
    """Return in what a file here is not the locked one, in words; nothing where it is."""
    if path.stat().st_size != file.size:
        return f"{path.stat().st_size:,} bytes, locked are {file.size:,}"
    with path.open("rb") as stream:
        return _other(hashlib.file_digest(stream, "sha256").hexdigest(), file)


def _other(sha256: str, file: LockedFile) -> str:
    return "" if sha256 == file.sha256 else f"sha256 {sha256[:12]}, locked is {file.sha256[:12]}"


def tracked(root: Path, lock: Lock) -> set[str]:
    """Return the keys of the locked files that git holds."""
    held = set((history.git(root, "ls-files", "-z", "--", lock.prefix) or "").split("\0"))
    return {file.key for file in lock.files if f"{lock.prefix}/{file.key}" in held}


def lock_it(lock: Lock) -> str:
    """Return the command that locks what lies here, as a shell takes it."""
    return shlex.join(["python", "-m", "data_checks.lock", lock.prefix, "--key", lock.key])


def _differs(lock: Lock, file: LockedFile, root: Path, why: str) -> DataRefused:
    path = f"{lock.prefix}/{file.key}"
    restore = f"where the bucket has it, take this away: rm {shlex.quote(path)}"  # git knows nothing of it
    if file.key in tracked(root, lock):
        restore = f"restore it: git checkout -- {shlex.quote(path)}"
    return DataRefused(f"""E201 {path} is not the file that data.lock names
        {path}
        {why}
        {restore}; or lock it: {lock_it(lock)}""")


def push(aws: Aws, bucket: str, lock: Lock, root: Path, step: Step) -> dict[str, str | None]:
    """Upload what is missing; return each key's object version. Raise DataRefused E201 for other bytes."""
    versions, sent = {}, 0
    for file in lock.files:
        there = _head(aws, bucket, lock, file)
        if not _same(there, file):
            there, sent = _upload(aws, bucket, lock, file, root), sent + 1
        versions[file.key] = there.get("VersionId")
    step.note = f"{counted(len(lock.files), 'file')}, {f'{sent} uploaded' if sent else 'all there'}"
    step.verdict = step.verdict if sent else "reused"
    return versions


def missing(aws: Aws, bucket: str, lock: Lock) -> list[str]:
    """Return the keys that the bucket lacks or holds with other bytes."""
    return [file.key for file in lock.files if not _same(_head(aws, bucket, lock, file), file)]


def holds(aws: Aws, bucket: str, lock: Lock, file: LockedFile) -> bool:
    """Say whether the bucket holds the locked file."""
    return _same(_head(aws, bucket, lock, file), file)


def _same(head: dict[str, Any], file: LockedFile) -> bool:
    """Say whether an object is the locked file.

    By the sha256 that our upload wrote beside it, or by the locked version, whose bytes S3 never changes.
    """
    known = head.get("Metadata", {}).get("sha256") == file.sha256
    locked = bool(file.version_id) and head.get("VersionId") == file.version_id
    return head.get("ContentLength") == file.size and (known or locked)


def _head(aws: Aws, bucket: str, lock: Lock, file: LockedFile) -> dict[str, Any]:
    return found(aws.s3.head_object, Bucket=bucket, Key=f"{lock.prefix}/{file.key}") or {}


def _upload(aws: Aws, bucket: str, lock: Lock, file: LockedFile, root: Path) -> dict[str, Any]:
    """Put one file, refused here when it is not the locked one, and by S3 when it arrives damaged.

    It is read twice and never held in memory.
    """
    key = f"{lock.prefix}/{file.key}"
    if not (root / key).is_file():
        raise SettingsError(f"""E502 {key}, as it is locked, is neither in the bucket nor here
            {root / key}
            data.lock names it
            put it here, then: python -m pipelines data push; or lock what the bucket has: data propose""")
    with (root / key).open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
        if why := _other(digest.hexdigest(), file):
            raise _differs(lock, file, root, why)
        stream.seek(0)
        place = {"Bucket": bucket, "Key": key}
        if file.size > AT_ONCE:
            return _in_parts(aws, place, stream, digest.hexdigest(), file.size)
        checksum = base64.b64encode(digest.digest()).decode()
        return aws.s3.put_object(
            **place, Body=stream, ChecksumSHA256=checksum, Metadata={"sha256": file.sha256}
        )


def _in_parts(aws: Aws, place: dict[str, str], stream: BinaryIO, sha256: str, size: int) -> dict[str, Any]:
    """Put a file that S3 takes in parts only; there is no object unless all of them are what was locked."""
    sent, total, parts = {"sha256": sha256}, hashlib.sha256(), []
    made = aws.s3.create_multipart_upload(**place, ChecksumAlgorithm="SHA256", Metadata=sent)
    upload = place | {"UploadId": made["UploadId"]}
    try:
        while block := stream.read(max(PART, -(-size // PARTS))):
            total.update(block)
            checksum = base64.b64encode(hashlib.sha256(block).digest()).decode()
            part = {"PartNumber": len(parts) + 1, "ChecksumSHA256": checksum}
            parts.append(part | {"ETag": aws.s3.upload_part(**upload, **part, Body=block)["ETag"]})
        if total.hexdigest() != sha256:
            raise DataRefused(f"""E201 a file has changed while it was uploaded
                {place["Key"]}
                {size:,} bytes were locked, and others were sent
                find out what writes there, then lock it again or restore it; the bucket has none of it""")
        return aws.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    except BaseException:
        with suppress(*errors.TROUBLE):  # the bucket's own rule takes away what stays
            aws.s3.abort_multipart_upload(**upload)
        raise
