"""Rules about what protects data, models and their traces. Each yields what is wrong, in words."""

from __future__ import annotations

from collections.abc import Iterator

from tests.infra.reading import ACCOUNT, GIVEN, OTHER, REGION, Infra

KEPT = [
    *(("stack", name) for name in ("Key", "Bucket", "Repository", "Registry", "ProductionLogs")),
    ("github", "GitHub"),
    *(("production", name) for name in ("Key", "ProductionLogs", "GitHub")),
]
ARN = f"arn:the-partition:s3:::{GIVEN['Bucket']}"
SSE = "s3:x-amz-server-side-encryption"
BLOCKED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
NO_WAY_OUT = (
    "InternetGateway",
    "NatGateway",
    "Route",
    "EgressOnlyInternetGateway",
    "VPCPeeringConnection",
    "EIP",
)
DOORS = {
    "ecr.api", "ecr.dkr", "kms", "logs", "monitoring", "s3", "sagemaker.api", "sagemaker.runtime", "sts",
}  # fmt: skip


def data_stays(infra: Infra) -> Iterator[str]:
    """What holds data, or is needed to read it, stays when its stack goes; so does the account's provider."""
    for template, name in KEPT:
        told = infra.resource(template, name)
        if (told.get("DeletionPolicy"), told.get("UpdateReplacePolicy")) != ("Retain", "Retain"):
            yield f"{template}.yml {name}: goes with its stack"


def nothing_goes_unencrypted(infra: Infra) -> Iterator[str]:
    """Bucket and topic refuse what does not come over TLS."""
    wanted = {
        ("stack", "BucketPolicy"): ("s3:*", {ARN, f"{ARN}/*"}),
        ("stack", "AlarmTopicPolicy"): ("sns:Publish", None),
        ("production", "AlarmTopicPolicy"): ("sns:Publish", None),
    }
    for (template, owner), (action, resources) in wanted.items():
        right = [
            each
            for each in infra.of(template, owner)
            if not each.allows
            and each.actions == [action]
            and each.principals("AWS") == ["*"]
            and (resources is None or set(each.resources) == resources)
            and each.told.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        ]
        if not right:
            yield f"{template}.yml {owner}: takes what does not come over TLS"


def no_other_encryption_is_taken(infra: Infra) -> Iterator[str]:
    """Another algorithm, another key, a caller's own key: refused. No word on it is the bucket's own key."""
    key, own = f"{SSE}-aws-kms-key-id", f"{SSE}-customer-algorithm"
    wanted = {
        "algorithm": {"Null": {SSE: "false"}, "StringNotEquals": {SSE: "aws:kms"}},
        "key": {"Null": {key: "false"}, "StringNotEquals": {key: GIVEN["Key"]}},
        "key of the caller's": {"Null": {own: "false"}},
    }
    refused = [
        each.told.get("Condition")
        for each in infra.of("stack", "BucketPolicy")
        if not each.allows and each.actions == ["s3:PutObject"] and each.resources == [f"{ARN}/*"]
    ]
    yield from (
        f"stack.yml BucketPolicy: takes another {what}"
        for what, each in wanted.items()
        if each not in refused
    )


def what_lies_is_encrypted(infra: Infra) -> Iterator[str]:
    """With the project's key, which rotates: bucket, images, alarms, logs."""
    bucket = infra.properties("stack", "Bucket")
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    images = infra.properties("stack", "Repository")["EncryptionConfiguration"]
    found = {
        "stack.yml Bucket": tuple(rule["ServerSideEncryptionByDefault"].values())
        == ("aws:kms", GIVEN["Key"]),
        "stack.yml Repository": images.get("KmsKey") == GIVEN["Key"],
    }
    for template, account in (("stack", ACCOUNT), ("production", OTHER)):
        topic, logs, key = (
            infra.properties(template, name) for name in ("AlarmTopic", "ProductionLogs", "Key")
        )
        own = GIVEN["Key"].replace(ACCOUNT, account)
        found[f"{template}.yml AlarmTopic"] = topic.get("KmsMasterKeyId") == "Key"
        found[f"{template}.yml ProductionLogs"] = logs.get("KmsKeyId") == own
        found[f"{template}.yml Key"] = key.get("EnableKeyRotation") is True
    yield from (
        f"{name}: not encrypted with a key that rotates" for name, right in found.items() if not right
    )


def the_bucket_is_closed_and_keeps_versions(infra: Infra) -> Iterator[str]:
    """Not public, owned by its account alone, versioned; unfinished uploads end."""
    bucket = infra.properties("stack", "Bucket")
    if not all(bucket.get("PublicAccessBlockConfiguration", {}).get(name) is True for name in BLOCKED):
        yield "stack.yml Bucket: may become public"
    if bucket.get("OwnershipControls") != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}:
        yield "stack.yml Bucket: objects may be somebody else's"
    if bucket.get("VersioningConfiguration") != {"Status": "Enabled"}:
        yield "stack.yml Bucket: what is overwritten is gone"
    if not any(
        "AbortIncompleteMultipartUpload" in rule for rule in bucket["LifecycleConfiguration"]["Rules"]
    ):
        yield "stack.yml Bucket: unfinished uploads cost money for ever"


def images_do_not_change(infra: Infra) -> Iterator[str]:
    """A tag is the hash of its code, so that it must stay what it was; what is pushed is scanned."""
    repository = infra.properties("stack", "Repository")
    if repository.get("ImageTagMutability") != "IMMUTABLE":
        yield "stack.yml Repository: a tag may move"
    if repository.get("ImageScanningConfiguration") != {"ScanOnPush": True}:
        yield "stack.yml Repository: nobody scans"


def logs_end(infra: Infra) -> Iterator[str]:
    """Logs quote data: each group of ours ends after some time."""
    for template, name, properties in infra.of_type("AWS::Logs::LogGroup"):
        if not 1 <= int(properties.get("RetentionInDays", 0)) <= 400:
            yield f"{template}.yml {name}: kept for ever"


def somebody_hears_of_the_cost(infra: Infra) -> Iterator[str]:
    """At 80 % that is spent, and at 100 % that is forecast."""
    for template in ("stack", "production"):
        told = {
            (each["Notification"]["NotificationType"], each["Notification"]["Threshold"])
            for each in infra.properties(template, "Budget")["NotificationsWithSubscribers"]
            if each["Subscribers"]
        }
        if told != {("ACTUAL", 80), ("FORECASTED", 100)}:
            yield f"{template}.yml Budget: tells {told}"


def the_network_has_no_way_out(infra: Infra) -> Iterator[str]:
    """Private subnets, doors to AWS only, nobody lets anybody in but jobs; S3 is the project's bucket."""
    resources = infra.templates["network"]["Resources"]
    yield from (
        f"network.yml {name}: a way out"
        for name, told in resources.items()
        if told["Type"].rsplit(":", 1)[1] in NO_WAY_OUT
    )
    for _, name, group in infra.of_type("AWS::EC2::SecurityGroup"):
        if any("CidrIp" in rule or "CidrIpv6" in rule for rule in group.get("SecurityGroupIngress", [])):
            yield f"network.yml {name}: lets addresses in"
        if any(
            rule.get("FromPort") != 443
            for rule in group["SecurityGroupEgress"]
            if rule["CidrIp"] == "0.0.0.0/0"
        ):
            yield f"network.yml {name}: more than TLS"
    doors = {
        door["ServiceName"].split(f"{REGION}.")[1]: door
        for _, _, door in infra.of_type("AWS::EC2::VPCEndpoint")
    }
    if set(doors) != DOORS:
        yield f"network.yml: doors {sorted(set(doors) ^ DOORS)}"
    for each in infra.of("network", "S3", "endpoint"):
        ours = set(each.resources) == {ARN, f"{ARN}/*"}
        if not ours and each.actions != ["s3:GetObject"]:
            yield f"{each}: data may leave through another bucket"
        if ours and each.condition("StringEquals", "aws:PrincipalAccount") != [ACCOUNT]:
            yield f"{each}: for another account"
    for _, name, subnet in infra.of_type("AWS::EC2::Subnet"):
        if subnet.get("MapPublicIpOnLaunch"):
            yield f"network.yml {name}: public addresses"


def nothing_runs_outside_the_vpc(infra: Infra) -> Iterator[str]:
    """Where the stack has a VPC, the boundary of all roles refuses jobs and models that join none."""
    wanted = {"sagemaker:CreateModel", "sagemaker:CreateProcessingJob", "sagemaker:CreateTrainingJob"}
    kept = [
        each
        for each in infra.of("stack", "Boundary")
        if not each.allows
        and wanted <= set(each.actions)
        and each.told.get("Condition") == {"Null": {"sagemaker:VpcSubnets": "true"}}
        and each.resources == ["*"]
    ]
    if not kept:
        yield "stack.yml Boundary: jobs or models may run outside the VPC"
    for each in infra.of("stack", "ExecutionRole", "identity"):
        joins = "ec2:CreateNetworkInterface" in each.actions
        if joins and not each.condition("ArnEqualsIfExists", "ec2:Vpc"):
            yield f"{each}: in any VPC"


RULES = (
    data_stays,
    nothing_goes_unencrypted,
    no_other_encryption_is_taken,
    what_lies_is_encrypted,
    the_bucket_is_closed_and_keeps_versions,
    images_do_not_change,
    logs_end,
    somebody_hears_of_the_cost,
    the_network_has_no_way_out,
    nothing_runs_outside_the_vpc,
)
