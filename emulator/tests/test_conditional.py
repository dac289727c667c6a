"""S3's conditional writes: of several writers at once one is first, and the others are told so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def bucket(aws, unique):
    """Return a bucket that keeps versions."""
    aws.s3.create_bucket(Bucket=unique)
    aws.s3.put_bucket_versioning(Bucket=unique, VersioningConfiguration={"Status": "Enabled"})
    return unique


def written(aws, bucket, body, **only):
    """Say whether S3 took the object; its refusal is PreconditionFailed."""
    try:
        aws.s3.put_object(Bucket=bucket, Key="k", Body=body, ChecksumAlgorithm="SHA256", **only)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "PreconditionFailed"
        return False
    return True


def test_of_writers_at_once_who_want_no_object_there_one_is_first(aws, bucket):
    for _ in range(20):
        with ThreadPoolExecutor(8) as pool:
            first = list(pool.map(lambda n: written(aws, bucket, f"{n}", IfNoneMatch="*"), range(8)))
        assert sum(first) == 1
        assert aws.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == f"{first.index(True)}".encode()
        aws.s3.delete_object(Bucket=bucket, Key="k")


def test_an_object_is_replaced_only_where_it_is_the_one_that_was_read(aws, bucket):
    assert written(aws, bucket, b"one")
    read = aws.s3.get_object(Bucket=bucket, Key="k")["ETag"]
    assert written(aws, bucket, b"two", IfMatch=read)
    assert not written(aws, bucket, b"three", IfMatch=read)
    assert aws.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"two"
