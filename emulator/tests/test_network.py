"""A VPC: jobs are put into it by who may, the boundary sees it, and its stack can be deleted."""

from __future__ import annotations

import json

import boto3
import pytest
from roles_by_hand import ACCOUNT, REGION, allow, make_role, trusting

NETWORK = {"SecurityGroupIds": ["sg-0abc"], "Subnets": ["subnet-0abc", "subnet-0def"]}
SEEN = ("Vpcs", "Subnets", "SecurityGroups", "DhcpOptions", "NetworkInterfaces")
SEE = allow([f"ec2:Describe{what}" for what in SEEN])
INTERFACES = [
    f"ec2:{verb}NetworkInterface{what}" for verb in ("Create", "Delete") for what in ("", "Permission")
]
IMAGES = allow(["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"])
IMAGES["Action"].append("ecr:BatchCheckLayerAvailability")


def arns(*resources):
    return [f"arn:aws:ec2:{REGION}:{ACCOUNT}:{each}" for each in resources]


@pytest.fixture
def runner(emulator, monkeypatch, unique):
    """Return runner(*resources): a role for jobs that may make interfaces with these."""
    monkeypatch.setenv("SAGEMAKER_EMULATOR_IAM", "enforce")

    def make(*resources):
        trust = trusting({"Service": "sagemaker.amazonaws.com"})
        return make_role(
            f"{unique}-runs", IMAGES, allow("logs:*"), SEE, allow(INTERFACES, arns(*resources)), trust=trust
        )

    return make


def test_a_role_for_interfaces_subnets_and_groups_joins_the_vpc(process, make_image, runner):
    role = runner("network-interface/*", "subnet/*", "security-group/sg-0abc")
    done = process(make_image("true"), RoleArn=role, NetworkConfig={"VpcConfig": NETWORK})
    assert (done["ProcessingJobStatus"], done["NetworkConfig"]["VpcConfig"]) == ("Completed", NETWORK)


def test_a_role_for_another_subnet_does_not(process, make_image, runner):
    role = runner("network-interface/*", "subnet/subnet-0abc", "security-group/*")
    done = process(make_image("true"), RoleArn=role, NetworkConfig={"VpcConfig": NETWORK})
    assert done["ProcessingJobStatus"] == "Failed"
    assert f"ec2:CreateNetworkInterface on resource: {arns('subnet/subnet-0def')[0]}" in done["FailureReason"]


def ref(name):
    return {"Ref": name}


RESOURCES = {
    "Vpc": ("VPC", {"CidrBlock": "10.64.0.0/24"}),
    "Subnet": ("Subnet", {"VpcId": ref("Vpc"), "CidrBlock": "10.64.0.0/26"}),
    "Routes": ("RouteTable", {"VpcId": ref("Vpc")}),
    "Uses": ("SubnetRouteTableAssociation", {"SubnetId": ref("Subnet"), "RouteTableId": ref("Routes")}),
    "Group": ("SecurityGroup", {"VpcId": ref("Vpc"), "GroupDescription": "jobs"}),
    "S3": (
        "VPCEndpoint",
        {"VpcId": ref("Vpc"), "VpcEndpointType": "Gateway", "RouteTableIds": [ref("Routes")]}
        | {"ServiceName": "com.amazonaws.us-east-1.s3"},
    ),
    "Logs": (
        "VPCEndpoint",
        {"VpcId": ref("Vpc"), "VpcEndpointType": "Interface", "SubnetIds": [ref("Subnet")]}
        | {"ServiceName": "com.amazonaws.us-east-1.logs", "SecurityGroupIds": [ref("Group")]},
    ),
}


def test_a_vpcs_stack_goes_and_all_that_it_made(aws, unique):
    resources = {
        name: {"Type": f"AWS::EC2::{kind}", "Properties": told} for name, (kind, told) in RESOURCES.items()
    }
    outputs = {"Vpc": {"Value": ref("Vpc")}}
    body = json.dumps({"Resources": resources, "Outputs": outputs})
    aws.cloudformation.create_stack(StackName=unique, TemplateBody=body)
    (made,) = aws.cloudformation.describe_stacks(StackName=unique)["Stacks"]
    mine = [{"Name": "vpc-id", "Values": [made["Outputs"][0]["OutputValue"]]}]
    ec2 = boto3.client("ec2")
    assert len(ec2.describe_vpc_endpoints(Filters=mine)["VpcEndpoints"]) == 2
    aws.cloudformation.delete_stack(StackName=unique)
    assert ec2.describe_vpcs(Filters=mine)["Vpcs"] == []
    assert ec2.describe_vpc_endpoints(Filters=mine)["VpcEndpoints"] == []
    assert ec2.describe_route_tables(Filters=mine)["RouteTables"] == []
    assert ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"] == []


def test_a_policy_whose_role_went_first_is_gone(aws, unique):
    trust = json.loads(trusting({"Service": "sagemaker.amazonaws.com"}))
    role = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": unique, "AssumeRolePolicyDocument": trust}}
    told = {"PolicyDocument": {"Version": "2012-10-17", "Statement": [allow("s3:GetObject")]}}
    policies = {
        f"Policy{number}": {
            "Type": "AWS::IAM::RolePolicy",
            "Properties": {"RoleName": ref("Role"), "PolicyName": f"p{number}", **told},
        }
        for number in range(8)  # a set has them in any order
    }
    body = json.dumps({"Resources": {"Role": role, **policies}})
    aws.cloudformation.create_stack(
        StackName=unique, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    arn = aws.cloudformation.describe_stacks(StackName=unique)["Stacks"][0]["StackId"]
    aws.cloudformation.delete_stack(StackName=unique)
    (gone,) = aws.cloudformation.describe_stacks(StackName=arn)["Stacks"]
    assert gone["StackStatus"] == "DELETE_COMPLETE"
