"""Ways to weaken what protects data, models and their traces, by the rule that must see each."""

from __future__ import annotations

from tests.infra import rules_data as rules
from tests.infra.weakening import Table, added, condition, fewer, member, placed, without

TABLE: Table = {
    rules.data_stays: {
        "the bucket goes with its stack": placed("stack", "Bucket", "DeletionPolicy", value="Delete"),
        "the key goes when it is replaced": placed("stack", "Key", "UpdateReplacePolicy", value="Delete"),
        "the provider goes, and other projects with it": placed(
            "github", "GitHub", "DeletionPolicy", value="Delete"
        ),
        "production's key goes with its stack": placed("production", "Key", "DeletionPolicy", value="Delete"),
    },
    rules.nothing_goes_unencrypted: {
        "no TLS": without("stack", "BucketPolicy", "OnlyOverTls"),
        "TLS is what is refused": condition(
            "stack", "BucketPolicy", "OnlyOverTls", "Bool", "aws:SecureTransport", "true"
        ),
        "plain text is allowed": member("stack", "BucketPolicy", "OnlyOverTls", "Effect", "Allow"),
        "TLS for objects only": member(
            "stack", "BucketPolicy", "OnlyOverTls", "Resource", {"Fn::Sub": "${Bucket.Arn}/*"}
        ),
        "alarms in plain text": without("stack", "AlarmTopicPolicy", "OnlyOverTls"),
        "production's alarms in plain text": without("production", "AlarmTopicPolicy", "OnlyOverTls"),
    },
    rules.no_other_encryption_is_taken: {
        "another key": without("stack", "BucketPolicy", "NoOtherKey"),
        "another algorithm": condition(
            "stack",
            "BucketPolicy",
            "NoOtherEncryption",
            "StringNotEquals",
            "s3:x-amz-server-side-encryption",
            "AES256",
        ),
        "a caller's own key": without("stack", "BucketPolicy", "NoKeyOfTheCallersOwn"),
    },
    rules.what_lies_is_encrypted: {
        "the bucket with Amazon's key": placed(
            "stack",
            "Bucket",
            "Properties",
            "BucketEncryption",
            value={
                "ServerSideEncryptionConfiguration": [
                    {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                ]
            },
        ),
        "alarms lie open": placed("stack", "AlarmTopic", "Properties", "KmsMasterKeyId"),
        "logs lie open": placed("stack", "ProductionLogs", "Properties", "KmsKeyId"),
        "production's logs lie open": placed("production", "ProductionLogs", "Properties", "KmsKeyId"),
        "a key for ever": placed("stack", "Key", "Properties", "EnableKeyRotation"),
    },
    rules.the_bucket_is_closed_and_keeps_versions: {
        "a public bucket": placed(
            "stack",
            "Bucket",
            "Properties",
            "PublicAccessBlockConfiguration",
            "RestrictPublicBuckets",
            value=False,
        ),
        "no versions": placed(
            "stack", "Bucket", "Properties", "VersioningConfiguration", value={"Status": "Suspended"}
        ),
    },
    rules.images_do_not_change: {
        "a tag that moves": placed(
            "stack", "Repository", "Properties", "ImageTagMutability", value="MUTABLE"
        ),
    },
    rules.logs_end: {
        "logs for ever": placed("stack", "ProductionLogs", "Properties", "RetentionInDays"),
        "production's logs for ever": placed("production", "ProductionLogs", "Properties", "RetentionInDays"),
    },
    rules.somebody_hears_of_the_cost: {
        "nobody hears of the cost": placed(
            "stack", "Budget", "Properties", "NotificationsWithSubscribers", value=[]
        ),
        "nobody hears of production's cost": placed(
            "production", "Budget", "Properties", "NotificationsWithSubscribers", value=[]
        ),
    },
    rules.the_network_has_no_way_out: {
        "a way to the internet": added("network", "Out", "AWS::EC2::InternetGateway"),
        "any bucket from the network": member(
            "network",
            "S3",
            "TheProjectsBucketAndNoOther",
            "Resource",
            [{"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}"}, "*"],
        ),
        "the doors take anybody": placed(
            "network",
            "Doors",
            "Properties",
            "SecurityGroupIngress",
            value=[{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}],
        ),
    },
    rules.nothing_runs_outside_the_vpc: {
        "jobs outside the VPC": without("stack", "Boundary", "NothingRunsOutsideTheVpc"),
        "models outside the VPC": fewer(
            "stack", "Boundary", "NothingRunsOutsideTheVpc", "sagemaker:CreateModel"
        ),
        "what is refused is the VPC": condition(
            "stack", "Boundary", "NothingRunsOutsideTheVpc", "Null", "sagemaker:VpcSubnets", "false"
        ),
        "another VPC": member("stack", "JoinTheVpc", "JoinTheVpcAndNoOther", "Condition"),
    },
}
