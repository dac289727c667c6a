"""CloudFormation: what an update and a change set find changed, and resources whose condition is false."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import ClientError

TEXT = {"Type": "String", "Default": "one"}
BUDGET = {
    "BudgetName": {"Ref": "Name"},
    "BudgetType": "COST",
    "TimeUnit": "MONTHLY",
    "BudgetLimit": {"Amount": 50, "Unit": "USD"},
}
TEMPLATE = {
    "Parameters": {"Name": {"Type": "String"}, "Text": TEXT, "Budgeted": {**TEXT, "Default": "no"}},
    "Conditions": {"HasBudget": {"Fn::Equals": [{"Ref": "Budgeted"}, "yes"]}},
    "Resources": {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "Name"}}},
        "Budget": {
            "Type": "AWS::Budgets::Budget",
            "Condition": "HasBudget",
            "Properties": {"Budget": BUDGET},
        },
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"Description": "nothing", "KeyPolicy": {}}},
    },
    "Outputs": {"Key": {"Value": {"Ref": "Key"}}},
}


class Stack:
    """One stack of the template, with changes of parameters and of the key's description."""

    def __init__(self, client, name):
        self.client, self.name = client, name

    def request(self, description=None, **parameters):
        template = json.loads(json.dumps(TEMPLATE))
        if description is not None:
            template["Resources"]["Key"]["Properties"]["Description"] = description
        given = {"Name": self.name, **parameters}
        return {
            "StackName": self.name,
            "TemplateBody": json.dumps(template),
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
            "Tags": [{"Key": "project", "Value": "demo"}],
        }

    def create(self, **changes):
        self.client.create_stack(**self.request(**changes))
        return self

    def update(self, **changes):
        self.client.update_stack(**self.request(**changes))
        assert self.told()["StackStatus"] == "UPDATE_COMPLETE", self.told().get("StackStatusReason")

    def propose(self, kind="UPDATE", **changes):
        request = self.request(**changes)
        made = self.client.create_change_set(ChangeSetName="change", ChangeSetType=kind, **request)
        return self.client.describe_change_set(ChangeSetName=made["Id"])

    def execute(self, proposed):
        self.client.execute_change_set(ChangeSetName=proposed["ChangeSetId"])
        return self.client.describe_change_set(ChangeSetName=proposed["ChangeSetId"])["ExecutionStatus"]

    def told(self):
        return self.client.describe_stacks(StackName=self.name)["Stacks"][0]

    def key(self):
        number = self.told()["Outputs"][0]["OutputValue"]
        return boto3.client("kms").describe_key(KeyId=number)["KeyMetadata"]

    def resources(self):
        listed = self.client.describe_stack_resources(StackName=self.name)["StackResources"]
        summaries = self.client.list_stack_resources(StackName=self.name)["StackResourceSummaries"]
        names = {item["LogicalResourceId"] for item in listed}
        assert names == {item["LogicalResourceId"] for item in summaries}
        return names


@pytest.fixture
def stack(aws, unique):
    return Stack(aws.cloudformation, unique)


def changes(proposed):
    told = [item["ResourceChange"] for item in proposed["Changes"]]
    return sorted((item["Action"], item["LogicalResourceId"]) for item in told)


SUB = {"Fn::Sub": "for ${Text}"}
SUB_OF_A_LIST = {"Fn::Sub": ["for ${Word}", {"Word": {"Ref": "Text"}}]}
IF = {"Fn::If": ["HasBudget", "with", "without"]}


@pytest.mark.parametrize(
    ("description", "parameters", "before", "after"),
    [
        pytest.param({"Ref": "Text"}, {"Text": "two"}, "one", "two", id="Ref"),
        pytest.param(SUB, {"Text": "two"}, "for one", "for two", id="Sub"),
        pytest.param(SUB_OF_A_LIST, {"Text": "two"}, "for one", "for two", id="Sub with names"),
        pytest.param(IF, {"Budgeted": "yes"}, "without", "with", id="If"),
    ],
)
def test_a_parameter_alone_changes_what_it_stands_in(stack, description, parameters, before, after):
    stack.create(description=description)
    assert stack.key()["Description"] == before
    assert ("Modify", "Key") in changes(stack.propose(description=description, **parameters))
    stack.update(description=description, **parameters)
    assert stack.key()["Description"] == after


def test_a_change_set_without_changes_fails_with_awss_reason(stack):
    proposed = stack.create().propose()
    assert (proposed["Status"], proposed["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert proposed["StatusReason"].startswith("The submitted information didn't contain changes.")
    with pytest.raises(ClientError, match=r"InvalidChangeSetStatus.*\[UNAVAILABLE\]"):
        stack.execute(proposed)


@pytest.mark.parametrize("given", [{"Text": "one"}, {"Budgeted": "no"}], ids=str)
def test_a_default_that_is_named_is_no_change(stack, given):
    stack.create()
    assert stack.propose(**given)["Status"] == "FAILED"
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stack.update(**given)


def test_a_change_set_lists_only_what_is_changed(stack):
    stack.create()
    assert changes(stack.propose(description="other")) == [("Modify", "Key")]
    assert changes(stack.propose(Budgeted="yes")) == [("Add", "Budget")]


def test_a_first_change_set_leaves_out_what_no_condition_asks_for(stack):
    proposed = stack.propose(kind="CREATE")
    assert changes(proposed) == [("Add", "Key"), ("Add", "Topic")]
    assert stack.execute(proposed) == "EXECUTE_COMPLETE"
    assert stack.resources() == {"Topic", "Key"}


def test_a_condition_takes_its_resource_away_and_brings_it_again(stack):
    stack.create()
    for asked in ("yes", "no", "yes"):
        stack.update(Budgeted=asked)
        assert stack.resources() == {"Topic", "Key"} | ({"Budget"} if asked == "yes" else set())
    assert changes(stack.propose(Budgeted="no")) == [("Remove", "Budget")]


def test_a_stack_with_a_resource_that_is_off_is_updated_by_both_ways(stack):
    stack.create()
    stack.update(description="two")
    assert stack.execute(stack.propose(description="three")) == "EXECUTE_COMPLETE"
    assert stack.key()["Description"] == "three"
    assert "Budget" not in stack.resources()


def test_a_change_set_keeps_parameters_for_the_next_one(stack):
    stack.create()
    stack.execute(stack.propose(description=SUB, Text="two"))
    request = stack.request(description=SUB)
    request["Parameters"] = [{"ParameterKey": key, "UsePreviousValue": True} for key in ("Name", "Text")]
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stack.client.update_stack(**request)
    request["Parameters"] += [{"ParameterKey": "Nobody", "UsePreviousValue": True}]
    with pytest.raises(ClientError, match=r"Nobody\. Cannot specify usePreviousValue"):
        stack.client.update_stack(**request)


def test_a_change_set_that_fails_says_so_and_is_not_executed_twice(stack):
    stack.create()
    request = stack.request()
    template = json.loads(request["TemplateBody"])
    template["Resources"]["M"] = {"Type": "AWS::No::Such"}
    request["TemplateBody"] = json.dumps(template)
    made = stack.client.create_change_set(ChangeSetName="fails", ChangeSetType="UPDATE", **request)
    proposed = {"ChangeSetId": made["Id"]}
    assert stack.execute(proposed) == "EXECUTE_FAILED"
    assert stack.told()["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    with pytest.raises(ClientError, match=r"InvalidChangeSetStatus.*\[EXECUTE_FAILED\]"):
        stack.execute(proposed)


def test_a_removed_resource_that_is_to_be_retained_stays(stack, aws, unique):
    kept = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {"BucketName": unique}}
    topic = {"Type": "AWS::SNS::Topic"}
    aws.cloudformation.create_stack(
        StackName=unique, TemplateBody=json.dumps({"Resources": {"B": kept, "T": topic}})
    )
    aws.cloudformation.update_stack(StackName=unique, TemplateBody=json.dumps({"Resources": {"T": topic}}))
    assert stack.resources() == {"T"}
    assert unique in [bucket["Name"] for bucket in aws.s3.list_buckets()["Buckets"]]


@pytest.mark.parametrize("listed", [True, False], ids=["a list", "one statement"])
def test_a_key_of_a_stack_is_described_whatever_form_its_policy_has(aws, unique, listed):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement] if listed else statement}
    key = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": policy}}
    template = {"Resources": {"Key": key}, "Outputs": {"Key": {"Value": {"Ref": "Key"}}}}
    aws.cloudformation.create_stack(StackName=unique, TemplateBody=json.dumps(template))
    told = Stack(aws.cloudformation, unique).key()
    assert (told["KeyState"], told["KeyUsage"], told["MultiRegion"]) == ("Enabled", "ENCRYPT_DECRYPT", False)
