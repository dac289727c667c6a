"""Ways to weaken who may act, by the rule that must see each."""

from __future__ import annotations

from tests.infra import rules_trust as rules
from tests.infra.weakening import DEPLOY, INFRA, LOOK, PIPELINE, Table, claim, member, more, operator

TABLE: Table = {
    rules.trust_compares_whole_strings: {
        "a subject by pattern": operator(DEPLOY, "DeploymentsOfMain", "StringLike"),
        "a missing claim is as good as the right one": operator(
            PIPELINE, "ReleasesOfMain", "ForAllValues:StringEquals"
        ),
        "a subject with a wildcard, compared as it is": claim(
            PIPELINE, "ReleasesOfMain", "sub", ["repo:octo/hello:*"]
        ),
    },
    rules.trust_names_its_subjects: {
        "the subject of every branch": claim(PIPELINE, "ReleasesOfMain", "sub", "repo:octo/hello:*"),
        "no subject": claim(DEPLOY, "DeploymentsOfMain", "sub"),
        "the older subject only: newer repositories stay out": claim(
            LOOK, "PullRequestsOfThisRepository", "sub", {"Fn::Sub": "repo:${Repository}:pull_request"}
        ),
        "pull requests deploy": claim(
            DEPLOY, "DeploymentsOfMain", "sub", [{"Fn::Sub": "repo:${Repository}:pull_request"}]
        ),
    },
    rules.trust_names_audience_and_repository: {
        "any audience": claim(INFRA, "InfrastructureOfMain", "aud"),
        "a repository by its name only": claim(LOOK, "PullRequestsOfThisRepository", "repository_id"),
    },
    rules.trust_names_the_branch: {
        "an environment of any branch": claim(DEPLOY, "DeploymentsOfMain", "ref"),
    },
    rules.trust_names_the_workflows_that_use_it: {
        "any workflow of main": claim(PIPELINE, "ReleasesOfMain", "job_workflow_ref"),
        "a workflow as a branch has it": claim(
            INFRA,
            "InfrastructureOfMain",
            "job_workflow_ref",
            {"Fn::Sub": "${Repository}/.github/workflows/reconcile.yml@refs/heads/x"},
        ),
    },
    rules.trust_is_in_github_or_sagemaker: {
        "another provider of tokens": member(
            "github",
            DEPLOY,
            "DeploymentsOfMain",
            "Principal",
            {"Federated": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:oidc-provider/x"}},
        ),
        "every machine may run as the execution role": member(
            "stack",
            "ExecutionRole",
            "SageMakerForThisAccount",
            "Principal",
            {"Service": ["sagemaker.amazonaws.com", "ec2.amazonaws.com"]},
        ),
    },
    rules.services_act_for_this_account: {
        "SageMaker for any account": member("stack", "ExecutionRole", "SageMakerForThisAccount", "Condition"),
        "CloudWatch of any account decrypts": member(
            "stack", "Key", "AlarmsToTheEncryptedTopic", "Condition"
        ),
    },
    rules.nobody_is_everybody: {
        "everybody publishes alarms": member(
            "stack", "AlarmTopicPolicy", "AlarmsAndTheBudgetOfThisAccount", "Principal", "*"
        ),
        "everybody has the key": member(
            "stack", "Key", "TheAccountDecidesThroughIam", "Principal", {"AWS": "*"}
        ),
        "any account comes through the door": member("network", "Kms", "RolesOfThisAccount", "Condition"),
    },
    rules.another_account_only_reads: {
        "the other account writes": more(
            "stack", "BucketPolicy", "TheOtherAccountReadsReleases", "s3:PutObject"
        ),
        "the other account reads the data": member(
            "stack",
            "BucketPolicy",
            "TheOtherAccountReadsReleases",
            "Resource",
            {"Fn::Sub": "${Bucket.Arn}/*"},
        ),
        "a third account pulls images": member(
            "stack",
            "Repository",
            "TheOtherAccountPullsImages",
            "Principal",
            {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::999999999999:root"}},
        ),
    },
}
