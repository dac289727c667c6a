"""AWS::S3::Bucket with every property that it is given applied, or refused by name."""

from __future__ import annotations

from typing import Any

from sagemaker_emulator import itself, seams
from sagemaker_emulator.stacks.resource import refuse_unknown

APPLIED = (
    "BucketName",
    "Tags",
    "BucketEncryption",
    "VersioningConfiguration",
    "PublicAccessBlockConfiguration",
    "OwnershipControls",
    "LifecycleConfiguration",
)


@seams.wrap("moto.s3.models", "FakeBucket.create_from_cloudformation_json")
def create(
    original: Any, cls: Any, name: str, document: dict[str, Any], account: str, region: str, **kwargs: Any
) -> Any:
    """Make the bucket and apply what moto leaves out. Raises ValueError for a property nobody applies."""
    properties = document.get("Properties", {})
    refuse_unknown(properties, APPLIED)
    bucket = original(cls, name, document, account, region, **kwargs)
    _apply(name, properties, region)
    return bucket


@seams.wrap("moto.s3.models", "FakeBucket.update_from_cloudformation_json")
def update(original: Any, cls: Any, **given: Any) -> Any:
    """Change the bucket and apply what moto leaves out."""
    properties = given["cloudformation_json"].get("Properties", {})
    refuse_unknown(properties, APPLIED)
    named = {
        "BucketName": given["original_resource"].name,
        **properties,
    }  # moto reads the name to change tags
    given["cloudformation_json"] = {**given["cloudformation_json"], "Properties": named}
    changed = original(cls, **given)
    _apply(changed.name, properties, given["region_name"])
    return changed


@seams.wrap("moto.s3.models", "FakeBucket.delete_from_cloudformation_json")
def delete(original: Any, cls: Any, name: str, document: dict[str, Any], account: str, region: str) -> None:
    """Delete the bucket. Raises ValueError when it is not empty, which moto overlooks."""
    with itself.acting(itself.root(account)):  # to look is ours, not CloudFormation's
        versions = itself.client("s3", region).list_object_versions(Bucket=name, MaxKeys=1)
    if versions.get("Versions") or versions.get("DeleteMarkers"):
        raise ValueError("The bucket you tried to delete is not empty (Service: S3, Status Code: 409)")
    original(cls, name, document, account, region)


def _apply(name: str, properties: dict[str, Any], region: str) -> None:
    s3 = itself.client("s3", region)
    if "BucketEncryption" in properties:
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=_encryption(properties))
    if "VersioningConfiguration" in properties:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"])
    if "PublicAccessBlockConfiguration" in properties:
        block = {key: _true(value) for key, value in properties["PublicAccessBlockConfiguration"].items()}
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
    if "OwnershipControls" in properties:
        s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=properties["OwnershipControls"])
    if "LifecycleConfiguration" in properties:
        rules = [_lifecycle_rule(rule) for rule in properties["LifecycleConfiguration"]["Rules"]]
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})


def _encryption(properties: dict[str, Any]) -> dict[str, Any]:
    rules = []
    for rule in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]:
        by_default = rule.get("ServerSideEncryptionByDefault", {})
        renamed = dict(by_default)
        rules.append(
            {
                **({"ApplyServerSideEncryptionByDefault": renamed} if renamed else {}),
                **(
                    {"BucketKeyEnabled": _true(rule["BucketKeyEnabled"])}
                    if "BucketKeyEnabled" in rule
                    else {}
                ),
            }
        )
    return {"Rules": rules}


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """Translate one rule from CloudFormation's words to the API's. Raises ValueError for other words."""
    known = (
        "Id",
        "Status",
        "Prefix",
        "ExpirationInDays",
        "NoncurrentVersionExpiration",
        "AbortIncompleteMultipartUpload",
    )
    refuse_unknown(rule, known)
    out: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "Id" in rule:
        out["ID"] = rule["Id"]
    if "ExpirationInDays" in rule:
        out["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if "NoncurrentVersionExpiration" in rule:
        out["NoncurrentVersionExpiration"] = {
            k: int(v) for k, v in rule["NoncurrentVersionExpiration"].items()
        }
    if "AbortIncompleteMultipartUpload" in rule:
        out["AbortIncompleteMultipartUpload"] = {
            k: int(v) for k, v in rule["AbortIncompleteMultipartUpload"].items()
        }
    return out


def _true(value: Any) -> bool:
    return str(value).lower() == "true"
