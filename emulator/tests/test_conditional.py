"""S3's conditional writes: of several writers at once one is first, and the others are told so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

WRITTEN, REFUSED = "", "PreconditionFailed"


@pytest.fixture
def bucket(aws, unique):
    """Return a bucket that keeps versions."""
    aws.s3.create_bucket(Bucket=unique)
    aws.s3.put_bucket_versioning(Bucket=unique, VersioningConfiguration={"Status": "Enabled"})
    return unique


def write(aws, bucket, body, **only):
    """Put an object; return S3's error code, empty where it was taken."""
    try:
        aws.s3.put_object(Bucket=bucket, Key="k", Body=body, ChecksumAlgorithm="SHA256", **only)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return WRITTEN


def test_of_writers_at_once_who_want_no_object_there_one_is_first(aws, bucket):
    for _ in range(20):
        with ThreadPoolExecutor(8) as pool:
            told = list(pool.map(lambda n: write(aws, bucket, f"{n}", IfNoneMatch="*"), range(8)))
        assert sorted(told) == [WRITTEN, *[REFUSED] * 7]
        body = aws.s3.get_object(Bucket=bucket, Key="k")["Body"].read()
        assert body == f"{told.index(WRITTEN)}".encode()
        aws.s3.delete_object(Bucket=bucket, Key="k")


def test_an_object_is_replaced_only_where_it_is_the_one_that_was_read(aws, bucket):
    assert write(aws, bucket, b"one") == WRITTEN
    read = aws.s3.get_object(Bucket=bucket, Key="k")["ETag"]
    assert write(aws, bucket, b"two", IfMatch=read) == WRITTEN
    assert write(aws, bucket, b"three", IfMatch=read) == REFUSED
    assert aws.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"two"
