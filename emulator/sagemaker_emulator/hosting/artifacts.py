"""Model data on its way into a container: fetched from S3, unpacked to /opt/ml/model, never outside it."""

from __future__ import annotations

import copy
import os
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from botocore.exceptions import ClientError
from moto.s3.models import s3_backends

from sagemaker_emulator import itself
from sagemaker_emulator.jobs import transfer

# Far above any model that serves on one machine, far below what fills its disk or its table of files: a few
# kilobytes of gzip can hold terabytes of zeros.
MOST_BYTES = 64 * 1024**3
MOST_MEMBERS = 100_000


class ArtifactError(Exception):
    """The model data cannot be had; the message is fit for a FailureReason."""


class ArchiveTooLarge(tarfile.TarError):
    """The archive unpacks to more than MOST_BYTES or MOST_MEMBERS."""


class MemberRefused(tarfile.TarError):
    """A member is neither a regular file nor a folder, or lies outside the target."""


def location(container: dict[str, Any]) -> str | None:
    """Return the S3 URI that a container definition gives for its model data, if any."""
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    return container.get("ModelDataUrl") or source.get("S3Uri")


def exists(region: str, uri: str) -> bool:
    """Return whether something lies at the URI: an object, or, for a prefix, any object below it."""
    bucket, key = transfer.split(uri)
    try:
        with itself.acting(itself.root(_owner(bucket))):
            s3 = itself.client("s3", region)
        return s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("KeyCount", 0) > 0
    except ClientError:
        return False


def _owner(bucket: str) -> str:
    """Return the account of a bucket, so that looking whether something is there needs no permission."""
    found = s3_backends.bucket_accounts.get(bucket)
    return found[1] if found else itself.ACCOUNT


def fetch(region: str, container: dict[str, Any], folder: Path) -> None:
    """Put the model data of a container into `folder`. Raises ArtifactError."""
    folder.mkdir(parents=True, exist_ok=True)
    uri = location(container)
    if uri is None:
        return
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    try:
        if source.get("CompressionType") == "None":
            transfer.download(region, uri, folder)
        else:
            _unpack(region, uri, folder)
    except (ClientError, transfer.TransferError):
        raise ArtifactError(
            f'Failed to download model data for container "container_1" from URL: "{uri}". Please ensure '
            "that there is an object located at the URL and that the role passed to CreateModel has "
            "permissions to download the object."
        ) from None
    except (tarfile.TarError, OSError) as error:
        raise ArtifactError(
            f'Failed to extract model data archive from URL "{uri}". Please ensure that the object located '
            f"at the URL is a valid tar.gz archive ({type(error).__name__})."
        ) from None


def _unpack(region: str, uri: str, folder: Path) -> None:
    bucket, key = transfer.split(uri)
    with tempfile.TemporaryFile() as archive:
        itself.client("s3", region).download_fileobj(bucket, key, archive)
        archive.seek(0)
        unpack(archive, folder)


def unpack(archive: IO[bytes], folder: Path) -> None:
    """Unpack a tar.gz into `folder`, nothing outside it and no more than the limits.

    Raises tarfile.TarError and OSError.
    """
    with tarfile.open(fileobj=archive, mode="r:gz") as tar:
        # Refuses what lands outside, devices and set-uid bits; where Python lacks it, `_plain` does.
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(folder, members=_within_limits(tar))  # noqa: S202


def _within_limits(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield one member after the other, so that what is too large stops before it is written."""
    size = 0
    for count, member in enumerate(tar, start=1):
        size += member.size
        if count > MOST_MEMBERS or size > MOST_BYTES:
            raise ArchiveTooLarge(member.name)
        yield member if hasattr(tarfile, "data_filter") else _plain(member)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return a regular file or folder below the target, ours, writable by us alone; refuse all else."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or not (member.isreg() or member.isdir()):
        raise MemberRefused(member.name)
    plain = copy.copy(member)
    plain.mode = member.mode & 0o755 | (0o700 if member.isdir() else 0o600)
    plain.uid, plain.gid, plain.uname, plain.gname = os.getuid(), os.getgid(), "", ""
    return plain
