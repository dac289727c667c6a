"""The data's way to the bucket: what data.lock names and the bucket lacks, sha256 checked on both sides."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipelines import refusals
from pipelines.aws import Aws
from pipelines.errors import DataRefused, SettingsError
from pipelines.lock import Lock, LockedFile
from pipelines.story import Step


def push(aws: Aws, bucket: str, lock: Lock, root: Path, step: Step) -> dict[str, str | None]:
    """Upload what is missing; return each key's object version. Raise DataRefused E201 for other bytes."""
    versions: dict[str, str | None] = {}
    sent = 0
    for file in lock.files:
        found = _head(aws, bucket, lock, file)
        if not _same(found, file):
            found = _upload(aws, bucket, lock, file, root)
            sent += 1
        versions[file.key] = found.get("VersionId")
    step.note = f"{len(lock.files)} files, {sent} uploaded" if sent else f"{len(lock.files)} files, all there"
    if not sent:
        step.verdict = "reused"
    return versions


def missing(aws: Aws, bucket: str, lock: Lock) -> list[str]:
    """Return the keys that the bucket lacks or holds with other bytes."""
    return [file.key for file in lock.files if not _same(_head(aws, bucket, lock, file), file)]


def _head(aws: Aws, bucket: str, lock: Lock, file: LockedFile) -> dict[str, Any]:
    try:
        return aws.s3.head_object(Bucket=bucket, Key=f"{lock.prefix}/{file.key}")
    except ClientError as error:
        if refusals.missing(error):
            return {}
        raise


def _same(found: dict[str, Any], file: LockedFile) -> bool:
    """Say whether an object is the locked file; its sha256 was written beside it when it was uploaded."""
    return found.get("ContentLength") == file.size and found.get("Metadata", {}).get("sha256") == file.sha256


def _upload(aws: Aws, bucket: str, lock: Lock, file: LockedFile, root: Path) -> dict[str, Any]:
    """Put one file, refused here when it is not the locked one, and by S3 when it arrives damaged."""
    path = root / lock.prefix / file.key
    if not path.is_file():
        raise SettingsError(
            "E502",
            f"{lock.prefix}/{file.key} is neither in the bucket nor here",
            str(path),
            "data.lock names it",
            "fetch it into the working tree, then: python -m pipelines data push",
        )
    body = path.read_bytes()
    digest = hashlib.sha256(body)
    if digest.hexdigest() != file.sha256:
        raise DataRefused(
            "E201",
            f"{lock.prefix}/{file.key} is not the file that data.lock names",
            str(path),
            f"sha256 {digest.hexdigest()[:12]}, locked is {file.sha256[:12]}",
            "restore the file, or move the lock: python -m data_checks.lock",
        )
    return aws.s3.put_object(
        Bucket=bucket,
        Key=f"{lock.prefix}/{file.key}",
        Body=body,
        ChecksumSHA256=base64.b64encode(digest.digest()).decode(),
        Metadata={"sha256": file.sha256},
    )
