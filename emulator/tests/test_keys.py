"""A key that is disabled or about to go: KMS refuses it, and S3 what it encrypts, by its name."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def key(aws):
    return aws.kms.create_key()["KeyMetadata"]["Arn"]


@pytest.fixture
def bucket(aws, unique, key):
    """Return a bucket that encrypts with the key, with one object in it."""
    aws.s3.create_bucket(Bucket=unique)
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    aws.s3.put_bucket_encryption(
        Bucket=unique,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": default}]},
    )
    aws.s3.put_object(Bucket=unique, Key="k", Body=b"x")
    return unique


def refusal(call, **request):
    with pytest.raises(ClientError) as refused:
        call(**request)
    answer = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


@pytest.mark.parametrize(
    ("end", "code", "words"),
    [
        pytest.param("disable_key", "DisabledException", "is disabled.", id="disabled"),
        pytest.param("schedule_key_deletion", "KMSInvalidStateException", "is pending deletion.", id="going"),
    ],
)
def test_what_a_key_encrypts_is_neither_written_nor_read_without_it(aws, key, bucket, end, code, words):
    cipher = aws.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    getattr(aws.kms, end)(KeyId=key)
    own, in_s3 = (400, code, f"{key} {words}"), (400, f"KMS.{code}", f"{key} {words}")
    assert refusal(aws.kms.encrypt, KeyId=key, Plaintext=b"x") == own
    assert refusal(aws.kms.generate_data_key, KeyId=key, KeySpec="AES_256") == own
    assert refusal(aws.kms.decrypt, CiphertextBlob=cipher) == own
    assert refusal(aws.s3.get_object, Bucket=bucket, Key="k") == in_s3
    assert refusal(aws.s3.put_object, Bucket=bucket, Key="k", Body=b"y") == in_s3
    copied = {"Bucket": bucket, "Key": "k"}
    assert refusal(aws.s3.copy_object, Bucket=bucket, Key="copy", CopySource=copied) == in_s3
    assert aws.s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == 1
    assert [item["Key"] for item in aws.s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]


def test_a_key_that_is_enabled_again_reads_what_it_wrote(aws, key, bucket):
    aws.kms.disable_key(KeyId=key)
    aws.kms.enable_key(KeyId=key)
    assert aws.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_a_key_named_by_its_id_or_alias_in_the_request_is_found(aws, unique, key):
    alias = f"alias/{unique}"
    aws.kms.create_alias(AliasName=alias, TargetKeyId=key)
    aws.kms.disable_key(KeyId=key)
    for named in (key.rsplit("/")[-1], alias):
        encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": named}
        assert refusal(aws.s3.put_object, Bucket=aws.bucket, Key=unique, Body=b"", **encrypted)[1] == (
            "KMS.DisabledException"
        )
    aws.s3.put_object(Bucket=aws.bucket, Key=unique, Body=b"", ServerSideEncryption="aws:kms")
