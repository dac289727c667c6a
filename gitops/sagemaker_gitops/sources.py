"""Where new rows come from: a file or a folder here, or what lies on S3, fetched for the while."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from botocore.exceptions import ClientError

from sagemaker_gitops import data, errors, names
from sagemaker_gitops.aws import named
from sagemaker_gitops.errors import DataRefused
from sagemaker_gitops.run import Run
from sagemaker_gitops.story import Step, counted

S3 = "s3://"


def here(run: Run, text: str, folder: Path, step: Step) -> Path:
    """Return where a source lies here; what is on S3 is fetched into `folder`.

    Raises:
        DataRefused: E201, there is no such thing.
    """
    if not text.startswith(S3):
        step.note = text
        if not Path(text).exists():
            raise absent(text, "there is no such file or folder")
        return Path(text).resolve()
    bucket, prefix = names.split_uri(text)
    keys, total = objects(run, bucket, prefix, text)
    for key in keys:
        below = PurePosixPath(key.removeprefix(prefix).lstrip("/") or PurePosixPath(key).name)
        target = folder / below
        if data.leads_out(str(below)):
            raise absent(f"{S3}{bucket}/{key}", "its key leads out of a folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        step.note = f"fetch {below}"
        named(run.aws.s3.download_file, Bucket=bucket, Key=key, Filename=str(target))
    step.note = f"{text}: {counted(len(keys), 'file')}, {total:,} bytes"
    return folder / PurePosixPath(prefix).name if keys == [prefix] else folder


def objects(run: Run, bucket: str, prefix: str, text: str) -> tuple[list[str], int]:
    """Return the keys of an object, or of all below a prefix, and their bytes together.

    Raises:
        DataRefused: E201, there are none.
    """
    try:
        pages = run.aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        found = {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}
    except ClientError as error:
        if errors.code(error) != "NoSuchBucket":
            raise
        raise absent(text, f"there is no bucket {bucket}") from None
    if prefix in found and not prefix.endswith("/"):
        return [prefix], found[prefix]
    folder = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
    keys = [key for key in found if key.startswith(folder) and not key.endswith("/")]
    if not keys:
        raise absent(text, "S3 has no object of that name, and none below it")
    return keys, sum(found[key] for key in keys)


def absent(text: str, why: str) -> DataRefused:
    """Return the refusal of a source that cannot be read."""
    return DataRefused(f"""E201 the new rows are not there
        {text}
        {why}
        give a file, a folder or s3://bucket/prefix that you may read; nothing here has changed""")
