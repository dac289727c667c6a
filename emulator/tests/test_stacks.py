"""CloudFormation: what moto drops is made, what nobody makes fails by name."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def create(aws, unique):
    """Return create(resources, **changes) -> the stack as DescribeStacks shows it."""

    def create(resources, **changes):
        template = {"Resources": resources, **changes.pop("template", {})}
        request = {"StackName": unique, "Capabilities": ["CAPABILITY_NAMED_IAM"], **changes}
        aws.cloudformation.create_stack(TemplateBody=json.dumps(template), **request)
        return stack(aws, unique)

    return create


def stack(aws, name):
    return aws.cloudformation.describe_stacks(StackName=name)["Stacks"][0]


def bucket(name, **properties):
    return {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name, **properties}}


def role(**properties):
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sagemaker.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust, **properties}}


def test_a_bucket_has_every_property_it_was_given(aws, create, unique):
    key = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}
    everything = {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    rule = {"Id": "old", "Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 30}}
    made = create(
        {
            "B": bucket(
                unique,
                VersioningConfiguration={"Status": "Enabled"},
                PublicAccessBlockConfiguration=dict.fromkeys(everything, "true"),
                BucketEncryption={"ServerSideEncryptionConfiguration": [key]},
                OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                LifecycleConfiguration={"Rules": [rule]},
            )
        }
    )
    assert made["StackStatus"] == "CREATE_COMPLETE", made.get("StackStatusReason")
    assert aws.s3.get_bucket_versioning(Bucket=unique)["Status"] == "Enabled"
    assert aws.s3.get_public_access_block(Bucket=unique)["PublicAccessBlockConfiguration"] == everything
    encryption = aws.s3.get_bucket_encryption(Bucket=unique)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert encryption["BucketKeyEnabled"] is True
    assert encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert aws.s3.get_bucket_ownership_controls(Bucket=unique)["OwnershipControls"]["Rules"][0][
        "ObjectOwnership"
    ]
    (kept,) = aws.s3.get_bucket_lifecycle_configuration(Bucket=unique)["Rules"]
    assert kept["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}


def test_a_bucket_is_changed_in_place(aws, create, unique):
    create({"B": bucket(unique)})
    changed = bucket(unique, VersioningConfiguration={"Status": "Enabled"}, Tags=[{"Key": "a", "Value": "1"}])
    aws.cloudformation.update_stack(StackName=unique, TemplateBody=json.dumps({"Resources": {"B": changed}}))
    assert stack(aws, unique)["StackStatus"] == "UPDATE_COMPLETE", stack(aws, unique).get("StackStatusReason")
    assert aws.s3.get_bucket_versioning(Bucket=unique)["Status"] == "Enabled"
    assert aws.s3.get_bucket_tagging(Bucket=unique)["TagSet"] == [{"Key": "a", "Value": "1"}]


def test_a_bucket_property_nobody_applies_fails_the_stack(create, unique):
    made = create({"B": bucket(unique, ObjectLockEnabled=True)})
    assert made["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "[B]" in made["StackStatusReason"] and "ObjectLockEnabled" in made["StackStatusReason"]


def test_a_type_nobody_makes_fails_by_name_and_takes_back_what_was_made(aws, create, unique):
    resources = {
        "B": bucket(unique),
        "M": {"Type": "AWS::SageMaker::MonitoringSchedule", "DependsOn": "B", "Properties": {}},
    }
    made = create(resources, template={"Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["M", "Arn"]}}}})
    assert made["StackStatus"] == "ROLLBACK_COMPLETE"
    assert (
        "[M]" in made["StackStatusReason"]
        and "AWS::SageMaker::MonitoringSchedule" in made["StackStatusReason"]
    )
    assert unique not in [b["Name"] for b in aws.s3.list_buckets()["Buckets"]]
    events = aws.cloudformation.describe_stack_events(StackName=unique)["StackEvents"]
    (failed,) = [e for e in events if e["ResourceType"] == "AWS::SageMaker::MonitoringSchedule"]
    assert failed["ResourceStatus"] == "CREATE_FAILED"


@pytest.mark.parametrize(
    ("on_failure", "status"), [("DO_NOTHING", "CREATE_FAILED"), ("ROLLBACK", "ROLLBACK_COMPLETE")]
)
def test_on_failure_decides_what_is_left(create, on_failure, status):
    assert create({"M": {"Type": "AWS::No::Such"}}, OnFailure=on_failure)["StackStatus"] == status


def test_a_failed_update_is_taken_back(aws, create, unique):
    create({"A": alarm(unique, Threshold=1)})
    template = {"Resources": {"A": alarm(unique, Threshold=2), "M": {"Type": "AWS::No::Such"}}}
    aws.cloudformation.update_stack(StackName=unique, TemplateBody=json.dumps(template))
    made = stack(aws, unique)
    assert made["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "AWS::No::Such" in made["StackStatusReason"]
    assert aws.cloudwatch.describe_alarms(AlarmNames=[unique])["MetricAlarms"][0]["Threshold"] == 1


def test_an_update_without_changes_is_refused(aws, create, unique):
    resources = {"A": alarm(unique)}
    create(resources)
    with pytest.raises(ClientError, match="No updates are to be performed"):
        aws.cloudformation.update_stack(StackName=unique, TemplateBody=json.dumps({"Resources": resources}))


def alarm(name, **changes):
    properties = {
        "AlarmName": name,
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors",
        "Statistic": "Sum",
        "Period": "60",
        "EvaluationPeriods": 1,
        "Threshold": "5",
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "breaching",
        **changes,
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}


def test_alarms_are_made_changed_and_deleted(aws, create, unique):
    create({"A": alarm(unique)}, template={"Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["A", "Arn"]}}}})
    (made,) = aws.cloudwatch.describe_alarms(AlarmNames=[unique])["MetricAlarms"]
    assert (made["Threshold"], made["Period"], made["TreatMissingData"]) == (5.0, 60, "breaching")
    assert stack(aws, unique)["Outputs"][0]["OutputValue"] == made["AlarmArn"]
    template = {"Resources": {"A": alarm(unique, Threshold=9)}}
    aws.cloudformation.update_stack(StackName=unique, TemplateBody=json.dumps(template))
    assert aws.cloudwatch.describe_alarms(AlarmNames=[unique])["MetricAlarms"][0]["Threshold"] == 9
    aws.cloudformation.delete_stack(StackName=unique)
    assert aws.cloudwatch.describe_alarms(AlarmNames=[unique])["MetricAlarms"] == []


def test_a_model_package_group_is_made_and_ref_is_its_arn(aws, create, unique):
    group = {"Type": "AWS::SageMaker::ModelPackageGroup", "Properties": {"ModelPackageGroupName": unique}}
    made = create({"G": group}, template={"Outputs": {"Ref": {"Value": {"Ref": "G"}}}})
    arn = aws.sagemaker.describe_model_package_group(ModelPackageGroupName=unique)["ModelPackageGroupArn"]
    assert made["Outputs"][0]["OutputValue"] == arn
    aws.cloudformation.delete_stack(StackName=unique)
    with pytest.raises(ClientError, match="does not exist"):
        aws.sagemaker.describe_model_package_group(ModelPackageGroupName=unique)


def test_the_oidc_provider_subscription_and_policies_are_made(aws, create, unique):
    document = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "s3.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": "*",
            }
        ]
    }
    made = create(
        {
            "O": {
                "Type": "AWS::IAM::OIDCProvider",
                "Properties": {"Url": f"https://{unique}.example.com", "ClientIdList": ["sts.amazonaws.com"]},
            },
            "T": {"Type": "AWS::SNS::Topic"},
            "S": {
                "Type": "AWS::SNS::Subscription",
                "Properties": {"TopicArn": {"Ref": "T"}, "Protocol": "email", "Endpoint": "a@example.com"},
            },
            "P": {
                "Type": "AWS::SNS::TopicPolicy",
                "Properties": {"Topics": [{"Ref": "T"}], "PolicyDocument": document},
            },
        },
        template={"Outputs": {"T": {"Value": {"Ref": "T"}}, "O": {"Value": {"Fn::GetAtt": ["O", "Arn"]}}}},
    )
    assert made["StackStatus"] == "CREATE_COMPLETE", made.get("StackStatusReason")
    outputs = {item["OutputKey"]: item["OutputValue"] for item in made["Outputs"]}
    provider = aws.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=outputs["O"])
    assert provider["ClientIDList"] == ["sts.amazonaws.com"]
    (subscription,) = aws.sns.list_subscriptions_by_topic(TopicArn=outputs["T"])["Subscriptions"]
    assert subscription["Endpoint"] == "a@example.com"
    policy = aws.sns.get_topic_attributes(TopicArn=outputs["T"])["Attributes"]["Policy"]
    assert json.loads(policy) == document


def test_a_repository_keeps_its_policies(aws, create, unique):
    rule = {
        "rulePriority": 1,
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 5},
        "action": {"type": "expire"},
    }
    lifecycle = json.dumps({"rules": [rule]})
    properties = {
        "RepositoryName": unique,
        "ImageTagMutability": "IMMUTABLE",
        "LifecyclePolicy": {"LifecyclePolicyText": lifecycle},
    }
    made = create({"R": {"Type": "AWS::ECR::Repository", "Properties": properties}})
    assert made["StackStatus"] == "CREATE_COMPLETE", made.get("StackStatusReason")
    assert json.loads(aws.ecr.get_lifecycle_policy(repositoryName=unique)["lifecyclePolicyText"])["rules"]


def test_a_repository_is_changed_in_place(aws, create, unique):
    create({"R": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": unique}}})
    frozen = {"RepositoryName": unique, "ImageTagMutability": "IMMUTABLE"}
    template = {"Resources": {"R": {"Type": "AWS::ECR::Repository", "Properties": frozen}}}
    aws.cloudformation.update_stack(StackName=unique, TemplateBody=json.dumps(template))
    (made,) = aws.ecr.describe_repositories(repositoryNames=[unique])["repositories"]
    assert made["imageTagMutability"] == "IMMUTABLE"


def test_a_role_has_its_managed_policies_and_an_update_changes_all_of_it(aws, create, unique):
    allow = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    }
    managed = ["arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"]
    create(
        {
            "R": role(
                RoleName=unique,
                ManagedPolicyArns=managed,
                Policies=[{"PolicyName": "a", "PolicyDocument": allow}],
            )
        }
    )
    attached = aws.iam.list_attached_role_policies(RoleName=unique)["AttachedPolicies"]
    assert [item["PolicyName"] for item in attached] == ["AmazonSageMakerFullAccess"]
    changed = role(RoleName=unique, Policies=[{"PolicyName": "b", "PolicyDocument": allow}])
    aws.cloudformation.update_stack(
        StackName=unique,
        TemplateBody=json.dumps({"Resources": {"R": changed}}),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    assert stack(aws, unique)["StackStatus"] == "UPDATE_COMPLETE", stack(aws, unique).get("StackStatusReason")
    assert aws.iam.list_role_policies(RoleName=unique)["PolicyNames"] == ["b"]
    assert aws.iam.list_attached_role_policies(RoleName=unique)["AttachedPolicies"] == []


ALLOW = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}


def test_a_boundary_is_a_managed_policy_that_is_changed_in_place(aws, create, unique):
    def boundary(action):
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        properties = {"ManagedPolicyName": unique, "PolicyDocument": document}
        return {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}

    bounded = role(RoleName=unique, PermissionsBoundary={"Ref": "P"})
    made = create(
        {"P": boundary("s3:GetObject"), "R": bounded}, template={"Outputs": {"P": {"Value": {"Ref": "P"}}}}
    )
    arn = made["Outputs"][0]["OutputValue"]
    assert aws.iam.get_role(RoleName=unique)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    template = {"Resources": {"P": boundary("s3:PutObject"), "R": role(RoleName=unique)}}
    aws.cloudformation.update_stack(
        StackName=unique, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    assert stack(aws, unique)["StackStatus"] == "UPDATE_COMPLETE", stack(aws, unique).get("StackStatusReason")
    (version,) = aws.iam.list_policy_versions(PolicyArn=arn)["Versions"]
    document = aws.iam.get_policy_version(PolicyArn=arn, VersionId=version["VersionId"])["PolicyVersion"][
        "Document"
    ]
    assert document["Statement"][0]["Action"] == "s3:PutObject"
    assert "PermissionsBoundary" not in aws.iam.get_role(RoleName=unique)["Role"]
    aws.cloudformation.delete_stack(StackName=unique)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        aws.iam.get_policy(PolicyArn=arn)


def test_a_keys_policy_and_rotation_are_changed_in_place(aws, create, unique):
    def key(**properties):
        return {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": ALLOW, **properties}}

    outputs = {"Outputs": {"Id": {"Value": {"Ref": "K"}}}}
    made = create({"K": key(Description="one", EnableKeyRotation=True)}, template=outputs)
    assert made["StackStatus"] == "CREATE_COMPLETE", made.get("StackStatusReason")
    number = made["Outputs"][0]["OutputValue"]
    assert aws.kms.get_key_rotation_status(KeyId=number)["KeyRotationEnabled"]
    other = {"Version": "2012-10-17", "Statement": []}
    template = {"Resources": {"K": key(Description="two", KeyPolicy=other)}, **outputs}
    aws.cloudformation.update_stack(StackName=unique, TemplateBody=json.dumps(template))
    assert stack(aws, unique)["Outputs"][0]["OutputValue"] == number
    assert json.loads(aws.kms.get_key_policy(KeyId=number, PolicyName="default")["Policy"]) == other
    assert not aws.kms.get_key_rotation_status(KeyId=number)["KeyRotationEnabled"]
    aws.cloudformation.delete_stack(StackName=unique)
    assert aws.kms.describe_key(KeyId=number)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_a_budget_is_made_changed_and_deleted(aws, create, unique):
    def budget(amount):
        limit = {"BudgetName": unique, "BudgetType": "COST", "TimeUnit": "MONTHLY"}
        limit["BudgetLimit"] = {"Amount": amount, "Unit": "USD"}
        notification = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": "80"}
        told = {
            "Notification": notification,
            "Subscribers": [{"SubscriptionType": "EMAIL", "Address": "a@b.c"}],
        }
        properties = {"Budget": limit, "NotificationsWithSubscribers": [told]}
        return {"Type": "AWS::Budgets::Budget", "Properties": properties}

    made = create({"B": budget(50)})
    assert made["StackStatus"] == "CREATE_COMPLETE", made.get("StackStatusReason")
    aws.cloudformation.update_stack(
        StackName=unique, TemplateBody=json.dumps({"Resources": {"B": budget(70)}})
    )
    budgets, account = boto3.client("budgets"), "123456789012"
    found = budgets.describe_budget(AccountId=account, BudgetName=unique)["Budget"]
    assert found["BudgetLimit"]["Amount"] == "70"
    aws.cloudformation.delete_stack(StackName=unique)
    with pytest.raises(ClientError, match="NotFound"):
        budgets.describe_budget(AccountId=account, BudgetName=unique)


def test_no_value_takes_an_item_out_of_a_list(aws, create, unique):
    branch = {"Fn::If": ["Never", {"Key": "b", "Value": "2"}, {"Ref": "AWS::NoValue"}]}
    create(
        {"B": bucket(unique, Tags=[{"Key": "a", "Value": "1"}, branch])},
        template={"Conditions": {"Never": {"Fn::Equals": ["a", "b"]}}},
    )
    assert aws.s3.get_bucket_tagging(Bucket=unique)["TagSet"] == [{"Key": "a", "Value": "1"}]


@pytest.mark.parametrize(
    ("function", "value"),
    [
        pytest.param({"Fn::Select": [1, {"Fn::GetAZs": ""}]}, "us-east-1b", id="zones of this region"),
        pytest.param(
            {"Fn::Select": [1, {"Fn::GetAZs": {"Ref": "AWS::Region"}}]},
            "us-east-1b",
            id="zones of a named region",
        ),
        pytest.param(
            {"Fn::Join": [" ", {"Fn::Cidr": ["10.0.0.0/24", 2, 6]}]}, "10.0.0.0/26 10.0.0.64/26", id="blocks"
        ),
    ],
)
def test_functions_are_resolved(create, function, value):
    made = create({"T": {"Type": "AWS::SNS::Topic"}}, template={"Outputs": {"V": {"Value": function}}})
    assert made["Outputs"][0]["OutputValue"] == value


def test_a_block_too_small_fails_the_stack(create):
    name = {"Fn::Select": [0, {"Fn::Cidr": ["10.0.0.0/24", 5, 6]}]}
    made = create({"T": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}}})
    assert made["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "has no 5 blocks of 6 bits" in made["StackStatusReason"]


@pytest.mark.parametrize(
    ("resource", "given", "needed"),
    [
        pytest.param(role(RoleName="named"), ["CAPABILITY_IAM"], "CAPABILITY_NAMED_IAM", id="a named role"),
        pytest.param(role(), [], "CAPABILITY_IAM", id="a role"),
    ],
)
def test_iam_resources_must_be_acknowledged(create, resource, given, needed):
    with pytest.raises(ClientError, match=rf"InsufficientCapabilities.*\[{needed}\]"):
        create({"R": resource}, Capabilities=given)


def test_a_bucket_that_is_not_empty_stops_the_deletion(aws, create, unique):
    create({"B": bucket(unique)})
    aws.s3.put_object(Bucket=unique, Key="x", Body=b"1")
    aws.cloudformation.delete_stack(StackName=unique)
    assert stack(aws, unique)["StackStatus"] == "DELETE_FAILED"
    assert "not empty" in stack(aws, unique)["StackStatusReason"]


def test_a_protected_stack_is_not_deleted(aws, create, unique):
    create({"T": {"Type": "AWS::SNS::Topic"}}, EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        aws.cloudformation.delete_stack(StackName=unique)


def test_a_reference_to_nothing_fails_the_stack(create):
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "Nobody"}}}
    made = create({"T": topic})
    assert made["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "Unresolved resource dependencies [Nobody]" in made["StackStatusReason"]


def test_a_change_set_makes_a_stack_with_outputs_and_fails_like_one(aws, unique):
    template = {"Resources": {"T": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"T": {"Value": {"Ref": "T"}}}}
    execute(aws, unique, template)
    assert stack(aws, unique)["StackStatus"] == "CREATE_COMPLETE"
    assert stack(aws, unique)["Outputs"][0]["OutputKey"] == "T"
    execute(aws, f"{unique}-2", {"Resources": {"M": {"Type": "AWS::No::Such"}}})
    assert stack(aws, f"{unique}-2")["StackStatus"] == "ROLLBACK_COMPLETE"


def execute(aws, name, template):
    made = aws.cloudformation.create_change_set(
        StackName=name, ChangeSetName="change", ChangeSetType="CREATE", TemplateBody=json.dumps(template)
    )
    aws.cloudformation.execute_change_set(ChangeSetName=made["Id"])


DENY = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        pytest.param({"Bool": {"aws:SecureTransport": "false"}}, True, id="TLS only: the wire counts as TLS"),
        pytest.param({"Bool": {"aws:SecureTransport": False}}, True, id="the same as a JSON boolean"),
        pytest.param({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, True, id="TLS 1.2 or later"),
        pytest.param({"Bool": {"aws:SecureTransport": "true"}}, False, id="a condition that holds"),
        pytest.param(None, False, id="no condition"),
    ],
)
def test_a_bucket_policy_is_judged_as_if_the_wire_were_tls(aws, unique, condition, allowed):
    aws.s3.create_bucket(Bucket=unique)
    statement = {
        **DENY,
        "Resource": f"arn:aws:s3:::{unique}/*",
        **({"Condition": condition} if condition else {}),
    }
    aws.s3.put_bucket_policy(
        Bucket=unique, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    if allowed:
        aws.s3.put_object(Bucket=unique, Key="x", Body=b"1")
    else:
        with pytest.raises(ClientError):
            aws.s3.put_object(Bucket=unique, Key="x", Body=b"1")


ANSWERING = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.answer(b"")
    def do_POST(self): self.rfile.read(int(self.headers["Content-Length"])); self.answer(b"42")
    def answer(self, body):
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
where = ("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
http.server.ThreadingHTTPServer(where, Handler).serve_forever()
"""


def test_an_endpoint_of_a_stack_really_answers(aws, create, make_image, unique):
    dockerfile = 'FROM scratch\nWORKDIR /app\nCOPY s.py .\nENTRYPOINT ["python", "s.py"]\n'
    image = make_image(dockerfile=dockerfile, files={"s.py": ANSWERING})
    variant = {
        "VariantName": "main",
        "ModelName": {"Fn::GetAtt": ["M", "ModelName"]},
        "InitialInstanceCount": "1",
        "InstanceType": "ml.m5.large",
        "InitialVariantWeight": 1,
    }
    made = create(
        {
            "R": role(),
            "M": {
                "Type": "AWS::SageMaker::Model",
                "Properties": {
                    "ExecutionRoleArn": {"Fn::GetAtt": ["R", "Arn"]},
                    "PrimaryContainer": {"Image": image},
                },
            },
            "C": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}},
            "E": {
                "Type": "AWS::SageMaker::Endpoint",
                "Properties": {
                    "EndpointName": unique,
                    "EndpointConfigName": {"Fn::GetAtt": ["C", "EndpointConfigName"]},
                },
            },
        }
    )
    assert made["StackStatus"] == "CREATE_COMPLETE", made.get("StackStatusReason")
    answer = aws.runtime.invoke_endpoint(EndpointName=unique, Body=b"x", ContentType="text/csv")
    assert answer["Body"].read() == b"42"
    aws.cloudformation.delete_stack(StackName=unique)
    with pytest.raises(ClientError, match="Could not find"):
        aws.sagemaker.describe_endpoint(EndpointName=unique)


def test_an_endpoint_whose_container_never_answers_fails_its_stack(create, make_image, unique):
    model = {
        "Type": "AWS::SageMaker::Model",
        "Properties": {"PrimaryContainer": {"Image": make_image("exit 1")}},
    }
    model["Properties"]["ExecutionRoleArn"] = "arn:aws:iam::123456789012:role/anybody"
    variant = {
        "VariantName": "main",
        "ModelName": {"Fn::GetAtt": ["M", "ModelName"]},
        "InitialInstanceCount": 1,
    }
    variant["InstanceType"] = "ml.m5.large"
    config = {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}}
    endpoint = {"Type": "AWS::SageMaker::Endpoint", "Properties": {"EndpointConfigName": {"Ref": "C"}}}
    made = create({"M": model, "C": config, "E": endpoint})
    assert made["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "[E]" in made["StackStatusReason"]


def test_a_pipeline_is_made_with_its_definition(aws, create, unique):
    body = {
        "Version": "2020-12-01",
        "Steps": [{"Name": "No", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}],
    }
    properties = {
        "PipelineName": unique,
        "RoleArn": "arn:aws:iam::123456789012:role/anybody",
        "PipelineDefinition": {"PipelineDefinitionBody": json.dumps(body)},
    }
    made = create({"P": {"Type": "AWS::SageMaker::Pipeline", "Properties": properties}})
    assert made["StackStatus"] == "CREATE_COMPLETE", made.get("StackStatusReason")
    assert json.loads(aws.sagemaker.describe_pipeline(PipelineName=unique)["PipelineDefinition"]) == body
    aws.cloudformation.delete_stack(StackName=unique)
    with pytest.raises(ClientError):
        aws.sagemaker.describe_pipeline(PipelineName=unique)
