"""Which operation a request is: found before it runs, also where only method, path and query tell."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from faults_by_hand import calls, clear, fault


@pytest.fixture(autouse=True)
def none_left(aws):
    """Begin and end without faults and without recorded calls."""
    clear()
    yield
    clear()


def test_the_operations_of_s3_are_told_apart(aws):
    s3, bucket = aws.s3, aws.bucket
    s3.put_object(Bucket=bucket, Key="told/apart here", Body=b"1")
    s3.copy_object(Bucket=bucket, Key="told/copy", CopySource={"Bucket": bucket, "Key": "told/apart here"})
    s3.get_object(Bucket=bucket, Key="told/copy")
    s3.head_object(Bucket=bucket, Key="told/copy")
    s3.get_object_tagging(Bucket=bucket, Key="told/copy")
    s3.list_objects(Bucket=bucket)
    s3.list_objects_v2(Bucket=bucket)
    s3.list_object_versions(Bucket=bucket)
    s3.get_bucket_versioning(Bucket=bucket)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="told/parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="told/parts", UploadId=upload, PartNumber=1, Body=b"2")
    s3.list_parts(Bucket=bucket, Key="told/parts", UploadId=upload)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="told/parts", UploadId=upload, MultipartUpload=parts)
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "told/parts"}]})
    s3.delete_object(Bucket=bucket, Key="told/copy")
    s3.list_buckets()
    assert " ".join(each["operation"] for each in calls()) == (
        "PutObject CopyObject GetObject HeadObject GetObjectTagging ListObjects ListObjectsV2 "
        "ListObjectVersions GetBucketVersioning CreateMultipartUpload UploadPart ListParts "
        "CompleteMultipartUpload DeleteObjects DeleteObject ListBuckets"
    )
    assert {each["service"] for each in calls()} == {"s3"}


def test_a_presigned_url_meets_the_fault_of_its_operation(aws):
    url = aws.s3.generate_presigned_url("get_object", Params={"Bucket": aws.bucket, "Key": "x"})
    fault(kind="throttle", service="s3", operation="GetObject")
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(url)
    assert error.value.code == 503
