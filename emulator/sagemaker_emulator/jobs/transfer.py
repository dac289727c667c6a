"""S3 to folder and back, as SageMaker does it: by prefix, which names a folder or one file."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_emulator import itself


class TransferError(Exception):
    """S3 does not hold, or does not take, what the request says; the message is fit for a FailureReason."""


def split(uri: str) -> tuple[str, str]:
    """Return bucket and key of an s3:// URI. Raises TransferError."""
    if not uri.startswith("s3://") or not uri.removeprefix("s3://"):
        raise TransferError(f"ClientError: Invalid S3 URI: {uri}")
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def download(region: str, uri: str, folder: Path, data_type: str = "S3Prefix") -> int:
    """Bring all that `uri` names into `folder`; return the number of files. Raises TransferError."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for prefix in _prefixes(region, uri, data_type):
        found = list(_objects(region, prefix))
        if not found:
            raise TransferError(_nothing_under(prefix, region))
        for key, relative in found:
            _fetch(region, split(prefix)[0], key, folder / relative)
        count += len(found)
    return count


def anything(region: str, uri: str) -> bool:
    """Whether something lies under a prefix. Raises TransferError."""
    bucket, prefix = split(uri)
    try:
        found = itself.client("s3", region).list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    except ClientError as error:
        raise TransferError(f"ClientError: Data download of {uri} failed: {error}") from error
    return found["KeyCount"] > 0


def upload_tree(region: str, folder: Path, uri: str, kms_key: str | None = None) -> list[str]:
    """Put every file below `folder` under `uri`; return the keys. Raises TransferError."""
    bucket, prefix = split(uri)
    keys = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        relative = path.relative_to(folder).as_posix()
        key = f"{prefix.rstrip('/')}/{relative}" if prefix else relative
        with path.open("rb") as body:
            put(region, bucket, key, body, kms_key)
        keys.append(key)
    return keys


def upload_archive(region: str, folder: Path, uri: str, kms_key: str | None = None) -> None:
    """Put the content of `folder` at `uri` as one .tar.gz. Raises TransferError."""
    archive = folder.parent / f"{folder.name}.tar.gz"
    # Times, owners and gzip's own clock are left out: the same files give the same bytes.
    with (
        archive.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="", compresslevel=6) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for path in sorted(folder.rglob("*")):
            tar.add(path, arcname=path.relative_to(folder).as_posix(), recursive=False, filter=_plain)
    with archive.open("rb") as body:
        put(region, *split(uri), body, kms_key)
    archive.unlink()


def put(region: str, bucket: str, key: str, body: Any, kms_key: str | None = None) -> None:
    """Put one object. Raises TransferError."""
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}
    try:
        itself.client("s3", region).put_object(Bucket=bucket, Key=key, Body=body, **encryption)
    except ClientError as error:
        raise TransferError(f"ClientError: Data upload to s3://{bucket}/{key} failed: {error}") from error


def _prefixes(region: str, uri: str, data_type: str) -> Iterator[str]:
    """Yield what to list: the URI, or what a manifest [{"prefix": ..}, "name", ..] names."""
    if data_type == "S3Prefix":
        yield uri
        return
    target = io.BytesIO()
    bucket, key = split(uri)
    try:
        itself.client("s3", region).download_fileobj(bucket, key, target)
        head, *names = json.loads(target.getvalue())
        yield from (f"{head['prefix']}{name}" for name in names)
    except ClientError as error:
        raise TransferError(_nothing_under(uri, region)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise TransferError(f"ClientError: Data download failed: {uri} is not a manifest file") from error


def _objects(region: str, uri: str) -> Iterator[tuple[str, str]]:
    """Yield (key, path in the folder). Every key that starts with the prefix counts, as on AWS."""
    bucket, prefix = split(uri)
    pages = (
        itself.client("s3", region).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    )
    try:
        for page in pages:
            for item in page.get("Contents", []):
                yield item["Key"], _relative(item["Key"], prefix)
    except ClientError as error:
        raise TransferError(_nothing_under(uri, region)) from error


def _relative(key: str, prefix: str) -> str:
    if key.startswith(prefix.rstrip("/") + "/") or not prefix:
        return key[len(prefix.rstrip("/")) :].lstrip("/")
    return key[prefix.rfind("/") + 1 :]  # the prefix is the file itself, or the start of a sibling's name


def _fetch(region: str, bucket: str, key: str, target: Path) -> None:
    if key.endswith("/"):  # the marker that a console makes for a folder
        target.mkdir(parents=True, exist_ok=True)
        return
    if target.is_dir():
        raise TransferError(
            f"ClientError: Data download failed: Cannot download s3://{bucket}/{key}, "
            "a previously downloaded file/folder clashes with it. Please check your s3 objects and ensure "
            "that there is no object that is both a folder as well as a file."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        body = itself.client("s3", region).get_object(Bucket=bucket, Key=key)["Body"]
    except ClientError as error:
        raise TransferError(f"ClientError: Data download of s3://{bucket}/{key} failed: {error}") from error
    with target.open("wb") as file:
        for chunk in iter(lambda: body.read(1 << 20), b""):
            file.write(chunk)


def _nothing_under(uri: str, region: str) -> str:
    return (
        f'ClientError: No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure '
        f"that the bucket exists in the selected region ({region}), that objects exist under that S3 prefix, "
        "and that the "
        'role has "s3:ListBucket" permissions on the bucket.'
    )


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = 0
    info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
    return info
