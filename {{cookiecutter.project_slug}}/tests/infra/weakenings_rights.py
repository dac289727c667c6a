"""Ways to weaken what roles may do, by the rule that must see each."""

from __future__ import annotations

from tests.infra import rules_rights as rules
from tests.infra.weakening import (
    DEPLOY,
    INFRA,
    LOOK,
    PIPELINE,
    Table,
    condition,
    inline,
    member,
    more,
    placed,
    without,
)

PACKAGES = {
    "Fn::Sub": "arn:${AWS::Partition}:sagemaker:${AWS::Region}:${AWS::AccountId}:model-package/${Project}/*"
}

TABLE: Table = {
    rules.actions_are_named: {
        "all of SageMaker": more("github", PIPELINE, "FollowExecutions", "sagemaker:*"),
        "all of IAM": more("github", INFRA, "SeeTheRoles", "iam:*"),
        "all but one": inline(DEPLOY, NotAction=["iam:CreateUser"], Resource=PACKAGES),
    },
    rules.resources_are_named: {
        "any bucket": member("github", DEPLOY, "WriteTheEvidence", "Resource", "*"),
        "any package of any account": member("production", DEPLOY, "ReadTheRegistry", "Resource", "*"),
        "any package": member("stack", "ExecutionRole", "RegisterPending", "Resource", "*"),
    },
    rules.actions_know_their_resources: {
        "objects without a path: an ARN of another kind": member(
            "github",
            DEPLOY,
            "ReadModelsTheProofAndOutcomes",
            "Resource",
            {"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}"},
        ),
        "a group of logs without :*, which none of its actions knows": member(
            "github",
            PIPELINE,
            "FindTheLogsOfFailedJobs",
            "Resource",
            {
                "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}"
                ":log-group:/aws/sagemaker/TrainingJobs"
            },
        ),
        "executions that are a role: an ARN of another kind": member(
            "github",
            PIPELINE,
            "FollowExecutions",
            "Resource",
            {"Fn::Sub": "${ExecutionRole}/of-another-kind"},
        ),
    },
    rules.only_the_execution_role_is_passed: {
        "any role is passed": member("github", PIPELINE, "RunThePipelineAsTheExecutionRole", "Resource", "*"),
        "the registry's role is passed in production's account": member(
            "production",
            DEPLOY,
            "ServeModelsAsTheExecutionRole",
            "Resource",
            {
                "Fn::Sub": "arn:${AWS::Partition}:iam::${RegistryAccount}"
                ":role/${Project}-${AWS::Region}-execution"
            },
        ),
        "the role is passed to any service": member(
            "github", DEPLOY, "ServeModelsAsTheExecutionRole", "Condition"
        ),
    },
    rules.only_deploy_approves: {
        "jobs register what is approved": condition(
            "stack",
            "ExecutionRole",
            "RegisterPending",
            "StringEquals",
            "sagemaker:ModelApprovalStatus",
            "Approved",
        ),
        "the pipeline approves": condition(
            "github", PIPELINE, "CompletePackagesAndNeverApprove", "Null", "sagemaker:ModelApprovalStatus"
        ),
        "jobs approve": more("stack", "ExecutionRole", "ReadTheRegistry", "sagemaker:UpdateModelPackage"),
        "the boundary lets others approve": without("stack", "Boundary", "OnlyDeployApproves"),
        "production's boundary lets others approve": without("production", "Boundary", "OnlyDeployApproves"),
    },
    rules.only_deploy_writes_proofs: {
        "the pipeline says that staging has proven it": condition(
            "github",
            PIPELINE,
            "CompletePackagesAndNeverApprove",
            "Null",
            "sagemaker:CustomerMetadataProperties/staging",
        ),
        "jobs register what production has proven": condition(
            "stack",
            "ExecutionRole",
            "RegisterPending",
            "Null",
            "sagemaker:CustomerMetadataProperties/production",
        ),
        "the pipeline replaces the evaluated model": member(
            "github",
            PIPELINE,
            "WriteWhatAReleaseStartsFromAndItsStory",
            "Resource",
            {"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}/releases/*"},
        ),
    },
    rules.who_deploys_sees_no_data: {
        "deploy reads what a release was trained on": member(
            "github",
            DEPLOY,
            "ReadModelsTheProofAndOutcomes",
            "Resource",
            {"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}/releases/*"},
        ),
        "deploy reads the rows held out": inline(
            DEPLOY,
            Action="s3:GetObject",
            Resource={"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}/releases/*/test/*"},
        ),
        "deploy reads the data": inline(
            DEPLOY,
            Action="s3:GetObject",
            Resource={"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}/data/*"},
        ),
    },
    rules.nobody_removes_what_a_release_needs: {
        "jobs delete objects": more("stack", "ExecutionRole", "WriteReleases", "s3:DeleteObject"),
        "deploy silences alarms": more(
            "github", DEPLOY, "MakeAndTakeAwayARolloutsAlarms", "cloudwatch:SetAlarmState"
        ),
        "production's deploy role deletes evidence": more(
            "production", DEPLOY, "WriteTheEvidence", "s3:DeleteObject"
        ),
        "infra deletes the key": more("github", INFRA, "SeeTheKey", "kms:ScheduleKeyDeletion"),
    },
    rules.the_pull_request_only_looks: {
        "a pull request sends requests": more("github", LOOK, "SeeWhatIsLive", "sagemaker:InvokeEndpoint"),
        "a pull request reads the data": inline(LOOK, Action="kms:Decrypt", Resource={"Ref": "Key"}),
    },
    rules.metrics_have_a_namespace: {
        "metrics of anybody": member("github", DEPLOY, "PublishWhatTheProbesFound", "Condition"),
        "production's metrics of anybody": member(
            "production", DEPLOY, "PublishWhatTheProbesFound", "Condition"
        ),
    },
    rules.the_key_is_lent_to_aws_only: {
        "free grants": member("stack", "ExecutionRole", "LendTheKeyToVolumes", "Condition"),
        "free grants in production": member(
            "production", "ExecutionRole", "LendTheKeyToVolumes", "Condition"
        ),
        "grants to anything but AWS": condition(
            "github", DEPLOY, "LendTheKeyToVolumes", "Bool", "kms:GrantIsForAWSResource", "false"
        ),
        "decrypting anything": member("github", PIPELINE, "ReadAndWriteEncrypted", "Condition"),
        "production's endpoint decrypts anything": member(
            "production", "ExecutionRole", "ReadEncrypted", "Condition"
        ),
    },
    rules.statements_say_why: {
        "a statement that does not say why": member("github", DEPLOY, "FindWhatReleasesLeft", "Sid"),
    },
    rules.nothing_is_fixed: {
        "one partition only": member(
            "github", LOOK, "FindTheStack", "Resource", "arn:aws:cloudformation:*:*:stack/x"
        ),
        "one account only": placed(
            "stack", "AlarmTopic", "Properties", "TopicName", value="alarms-123456789012"
        ),
    },
}
