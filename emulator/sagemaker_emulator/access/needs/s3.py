"""S3: actions that are not called as their operations are, versions, and the keys of buckets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from sagemaker_emulator.access import resources
from sagemaker_emulator.access.needs.kms import of_object
from sagemaker_emulator.access.needs.table import Call, Need, rule

ON_A_BUCKET = {
    **{
        name: name
        for name in (
            *("CreateBucket", "DeleteBucket", "GetBucketLocation", "PutBucketPolicy", "GetBucketPolicy"),
            *("DeleteBucketPolicy", "GetBucketPolicyStatus", "PutBucketVersioning", "GetBucketVersioning"),
            *("PutBucketTagging", "GetBucketTagging", "GetBucketAcl", "PutBucketAcl", "GetBucketLogging"),
            *("PutBucketLogging", "PutBucketOwnershipControls", "GetBucketOwnershipControls"),
            *("GetBucketWebsite", "GetBucketRequestPayment"),
        )
    },
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketCors": "PutBucketCORS",
    "GetBucketCors": "GetBucketCORS",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
}
# The action, and the one that takes its place where the request names a version.
ON_AN_OBJECT = {
    "DeleteObject": ("DeleteObject", "DeleteObjectVersion"),
    "AbortMultipartUpload": ("AbortMultipartUpload", "AbortMultipartUpload"),
    "ListParts": ("ListMultipartUploadParts", "ListMultipartUploadParts"),
    "GetObjectTagging": ("GetObjectTagging", "GetObjectVersionTagging"),
    "PutObjectTagging": ("PutObjectTagging", "PutObjectVersionTagging"),
    "DeleteObjectTagging": ("DeleteObjectTagging", "DeleteObjectVersionTagging"),
    "GetObjectAcl": ("GetObjectAcl", "GetObjectVersionAcl"),
    "PutObjectAcl": ("PutObjectAcl", "PutObjectVersionAcl"),
    "GetObjectAttributes": ("GetObjectAttributes", "GetObjectVersionAttributes"),
    "RestoreObject": ("RestoreObject", "RestoreObject"),
    "GetObjectRetention": ("GetObjectRetention", "GetObjectRetention"),
    "GetObjectLegalHold": ("GetObjectLegalHold", "GetObjectLegalHold"),
}
# Condition keys and the members they show.
KEYS = {
    "s3:prefix": "Prefix",
    "s3:delimiter": "Delimiter",
    "s3:max-keys": "MaxKeys",
    "s3:VersionId": "VersionId",
    "s3:x-amz-acl": "ACL",
    "s3:x-amz-server-side-encryption": "ServerSideEncryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "s3:x-amz-storage-class": "StorageClass",
    "s3:x-amz-copy-source": "CopySource",
    "s3:x-amz-metadata-directive": "MetadataDirective",
    "s3:x-amz-object-ownership": "ObjectOwnership",
}


@rule("s3", "ListBuckets")
def _list_buckets(call: Call) -> Iterable[Need]:
    yield Need("s3:ListAllMyBuckets")


@rule("s3", *ON_A_BUCKET)
def _bucket(call: Call) -> Iterable[Need]:
    found = _on_bucket(call, ON_A_BUCKET[call.operation])
    # A name that is taken elsewhere is not forbidden, it is taken.
    yield replace(found, owner=call.caller.account) if call.operation == "CreateBucket" else found


@rule("s3", *ON_AN_OBJECT)
def _object(call: Call) -> Iterable[Need]:
    plain, of_version = ON_AN_OBJECT[call.operation]
    yield _on_object(call, of_version if call.params.get("VersionId") else plain)


@rule("s3", "GetObject", "HeadObject", "SelectObjectContent")
def _read(call: Call) -> Iterator[Need]:
    # A head shows nothing that is encrypted, but for the checksums, where somebody asks for them.
    opened = call.operation != "HeadObject" or call.params.get("ChecksumMode") == "ENABLED"
    version = call.params.get("VersionId")
    yield from _reading(call, call.params["Bucket"], call.params["Key"], version, opened)


@rule("s3", "PutObject", "CreateMultipartUpload")
def _write(call: Call) -> Iterator[Need]:
    yield _on_object(call, "PutObject")
    if call.params.get("Tagging"):
        yield _on_object(call, "PutObjectTagging")
    if call.params.get("ACL"):
        yield _on_object(call, "PutObjectAcl")
    yield from of_object("GenerateDataKey", _key(call), _arn(call), call)


@rule("s3", "UploadPart", "CompleteMultipartUpload")
def _part(call: Call) -> Iterator[Need]:
    yield _on_object(call, "PutObject")
    yield from of_object("Decrypt", _key(call), _arn(call), call)


@rule("s3", "CopyObject", "UploadPartCopy")
def _copy(call: Call) -> Iterator[Need]:
    source, _, query = str(call.params["CopySource"]).lstrip("/").partition("?versionId=")
    bucket, _, key = unquote(source).partition("/")
    yield from _reading(call, bucket, key, query or None)
    yield from _write(call)


@rule("s3", "DeleteObjects")
def _delete_several(call: Call) -> Iterator[Need]:
    for each in (call.params.get("Delete") or {}).get("Objects", []):
        action = "DeleteObjectVersion" if each.get("VersionId") else "DeleteObject"
        yield _need(call, action, f"{call.params['Bucket']}/{each['Key']}")


def _reading(call: Call, bucket: str, key: str, version: str | None, opened: bool = True) -> Iterator[Need]:
    found = resources.s3_object(bucket, key, version)
    if found is None:
        # Whether something is missing is told only to those who may list.
        yield _need(call, "GetObjectVersion" if version else "GetObject", f"{bucket}/{key}")
        yield _need(call, "ListBucket", bucket)
        return
    yield _need(call, "GetObjectVersion" if version else "GetObject", f"{bucket}/{key}")
    if opened and getattr(found, "encryption", None) == "aws:kms":
        yield from of_object("Decrypt", found.kms_key_id, _arn_of(call, f"{bucket}/{key}"), call)


def _key(call: Call) -> str | None:
    """Return the customer's key that an object would be encrypted with."""
    if call.params.get("ServerSideEncryption"):
        return call.params.get("SSEKMSKeyId") if call.params["ServerSideEncryption"] == "aws:kms" else None
    return resources.bucket_key(call.params["Bucket"])


def _on_bucket(call: Call, action: str) -> Need:
    return _need(call, action, call.params["Bucket"])


def _on_object(call: Call, action: str) -> Need:
    return _need(call, action, f"{call.params['Bucket']}/{call.params['Key']}")


def _need(call: Call, action: str, path: str) -> Need:
    context: dict[str, Any] = {
        key: call.params[member] for key, member in KEYS.items() if call.params.get(member) is not None
    }
    owner = resources.bucket_owner(path.partition("/")[0]) or call.caller.account
    return Need(f"s3:{action}", _arn_of(call, path), context, owner)


def _arn(call: Call) -> str:
    return _arn_of(call, f"{call.params['Bucket']}/{call.params['Key']}")


def _arn_of(call: Call, path: str) -> str:
    return f"arn:{call.partition}:s3:::{path}"
