"""Ways to weaken the limits of roles, by the rule that must see each."""

from __future__ import annotations

from tests.infra import rules_limits as rules
from tests.infra.weakening import DEPLOY, INFRA, PIPELINE, Table, fewer, inline, member, more, placed, without

PACKAGES = {
    "Fn::Sub": "arn:${AWS::Partition}:sagemaker:${AWS::Region}:${AWS::AccountId}:model-package/${Project}/*"
}

TABLE: Table = {
    rules.every_role_is_bounded: {
        "a role without a boundary": placed("github", DEPLOY, "Properties", "PermissionsBoundary"),
        "the execution role with another boundary": placed(
            "stack",
            "ExecutionRole",
            "Properties",
            "PermissionsBoundary",
            value={"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AdministratorAccess"},
        ),
        "a managed policy of AWS's": placed(
            "github",
            PIPELINE,
            "Properties",
            "ManagedPolicyArns",
            value=[{"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AmazonSageMakerFullAccess"}],
        ),
        "production deploys without a boundary": placed(
            "production", DEPLOY, "Properties", "PermissionsBoundary"
        ),
        "a boundary that bounds nothing": more(
            "stack", "Boundary", "OnlyTheExecutionRoleIsHandedOn", "iam:PutRolePolicy"
        ),
    },
    rules.the_boundary_holds_what_roles_need: {
        "a right that the boundary takes away": inline(
            DEPLOY,
            Action="dynamodb:GetItem",
            Resource={"Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/x"},
        ),
        "production's boundary knows no alarms": fewer(
            "production", "Boundary", "StackAlarmsLogsKeys", "cloudwatch:PutMetricAlarm"
        ),
        "deploy writes policies": inline(
            DEPLOY, Action="iam:PutRolePolicy", Resource={"Ref": "ExecutionRole"}
        ),
    },
    rules.infra_cannot_widen: {
        "infra writes policies beyond the boundary": member(
            "github", INFRA, "ChangeInlinePoliciesWithinTheBoundary", "Condition"
        ),
        "infra makes roles": more("github", INFRA, "ChangeDescriptionsOfRoles", "iam:CreateRole"),
        "infra writes itself": member(
            "github",
            INFRA,
            "ChangeDescriptionsOfRoles",
            "Resource",
            {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${Project}-*"},
        ),
        "infra takes boundaries away": fewer(
            "github", INFRA, "NeverWidensARoleNorItself", "iam:DeleteRolePermissionsBoundary"
        ),
        "infra decides who may take a role": fewer(
            "github", INFRA, "NeverWidensARoleNorItself", "iam:UpdateAssumeRolePolicy"
        ),
        "infra reads the data": without("github", INFRA, "ReadsNoDataApprovesNothingTakesNoRole"),
    },
    rules.policies_fit: {
        "more than IAM takes": inline(
            DEPLOY, Action=["sagemaker:DescribeModelPackage"] * 300, Resource=PACKAGES
        ),
    },
}
