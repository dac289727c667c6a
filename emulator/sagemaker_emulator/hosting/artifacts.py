"""Model data on its way into a container: fetched from S3, unpacked to /opt/ml/model, never outside it."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_emulator import seams
from sagemaker_emulator.jobs import transfer


class ArtifactError(Exception):
    """The model data cannot be had; the message is fit for a FailureReason."""


def location(container: dict[str, Any]) -> str | None:
    """Return the S3 URI that a container definition gives for its model data, if any."""
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    return container.get("ModelDataUrl") or source.get("S3Uri")


def exists(region: str, uri: str) -> bool:
    """Return whether something lies at the URI: an object, or, for a prefix, any object below it."""
    s3 = seams.client("s3", region)
    bucket, key = transfer.split(uri)
    try:
        return s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("KeyCount", 0) > 0
    except ClientError:
        return False


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
        seams.client("s3", region).download_fileobj(bucket, key, archive)
        archive.seek(0)
        with tarfile.open(fileobj=archive, mode="r:gz") as tar:
            # Refuses members that land outside, devices and set-uid bits; Debian's Python 3.11.2 lacks it.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(folder)  # noqa: S202
