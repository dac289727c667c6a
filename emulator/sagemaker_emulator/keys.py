"""KMS keys that are disabled or about to go: nothing is encrypted or read with them, by KMS or by S3.

HEAD of an object tells what it always tells: S3 needs no key for it.
"""

from __future__ import annotations

from typing import Any

from moto.kms.models import kms_backends
from moto.s3.exceptions import S3ClientError

from sagemaker_emulator import seams

# State of a key: KMS's code, to which S3 adds "KMS.", and how both put it.
STATES = {
    "Disabled": ("DisabledException", "is disabled."),
    "PendingDeletion": ("KMSInvalidStateException", "is pending deletion."),
}


def _by_any_name(original: Any, backend: Any, key_id: str, *args: Any, **kwargs: Any) -> Any:
    """Change a key that is named by its ARN, too."""
    return original(backend, backend.any_id_to_key_id(key_id), *args, **kwargs)


for _change in ("enable_key", "disable_key", "schedule_key_deletion", "cancel_key_deletion"):
    seams.wrap("moto.kms.models", f"KmsBackend.{_change}")(_by_any_name)


@seams.wrap("moto.kms.models", "KmsBackend.encrypt")
def encrypt(original: Any, backend: Any, key_id: str, *args: Any, **kwargs: Any) -> Any:
    """Encrypt, or give a data key."""
    _require(backend, key_id)
    return original(backend, key_id, *args, **kwargs)


@seams.wrap("moto.kms.models", "KmsBackend.decrypt")
def decrypt(original: Any, backend: Any, *args: Any, **kwargs: Any) -> Any:
    """Decrypt what names its key itself."""
    text, arn = original(backend, *args, **kwargs)
    _require(backend, arn)
    return text, arn


@seams.wrap("moto.s3.models", "S3Backend.put_object")
def put_object(original: Any, backend: Any, bucket_name: str, *args: Any, **kwargs: Any) -> Any:
    """Keep an object, encrypted with the key that the request or the bucket names."""
    bucket = backend.get_bucket(bucket_name)
    default = (bucket.encryption or {}).get("Rule", {}).get("ApplyServerSideEncryptionByDefault", {})
    algorithm = kwargs.get("encryption") or default.get("SSEAlgorithm")
    _require_in_s3(bucket, algorithm, kwargs.get("kms_key_id") or default.get("KMSMasterKeyID"))
    return original(backend, bucket_name, *args, **kwargs)


@seams.wrap("moto.s3.responses", "S3Response.get_object")
def get_object(original: Any, response: Any) -> Any:
    """Return an object's bytes."""
    version = response.querystring.get("versionId", [None])[0]
    backend, name = response.backend, response.bucket_name
    if found := backend.get_object(name, response.parse_key_name(), version_id=version):
        _require_in_s3(backend.get_bucket(name), found.encryption, found.kms_key_id)
    return original(response)


def _require_in_s3(bucket: Any, algorithm: str | None, named: str | None) -> None:
    """Look at the key of an object; AWS's own key, which nobody names, is always there."""
    if algorithm != "aws:kms" or not named:
        return
    parts = named.split(":", 5)
    region, account = (parts[3], parts[4]) if len(parts) == 6 else (bucket.region_name, bucket.account_id)
    try:
        _require(kms_backends[account][region], named)
    except seams.AwsError as refused:
        raise S3ClientError(f"KMS.{refused.code}", refused.message) from None


def _require(backend: Any, named: str) -> None:
    key = backend.keys.get(backend.any_id_to_key_id(named))
    if key is not None and key.key_state in STATES:
        code, words = STATES[key.key_state]
        raise seams.AwsError(code, f"{key.arn} {words}")
