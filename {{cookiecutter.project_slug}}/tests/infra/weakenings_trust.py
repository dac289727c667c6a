"""Ways to weaken who may act, by the rule that must see each."""

from __future__ import annotations

from tests.infra import rules_trust as rules
from tests.infra.weakening import DEPLOY, INFRA, LOOK, PIPELINE, Table, claim, member, operator

FILES, MAIN = "${Repository}/.github/workflows", "ref:refs/heads/main"
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
        "production's own subjects in the older form only": claim(
            DEPLOY,
            "ProductionOfMain",
            "sub",
            [{"Fn::Sub": f"repo:${{Repository}}:{name}"} for name in ("environment:production", MAIN)],
            template="production",
        ),
        "staging's subject serves in production": claim(
            DEPLOY,
            "ProductionOfMain",
            "sub",
            [{"Fn::Sub": f"repo:${{Repository}}:environment:{name}"} for name in ("production", "staging")],
            template="production",
        ),
        "the older subject only: newer repositories stay out": claim(
            LOOK, "PullRequestsOfThisRepository", "sub", {"Fn::Sub": "repo:${Repository}:pull_request"}
        ),
        "pull requests deploy": claim(
            DEPLOY, "DeploymentsOfMain", "sub", [{"Fn::Sub": "repo:${Repository}:pull_request"}]
        ),
    },
    rules.trust_names_audience_and_repository: {
        "any audience": claim(INFRA, "InfrastructureOfMain", "aud"),
        "any audience opens production": claim(DEPLOY, "ProductionOfMain", "aud", template="production"),
        "a repository by its name only": claim(LOOK, "PullRequestsOfThisRepository", "repository_id"),
    },
    rules.trust_names_the_branch: {
        "an environment of any branch": claim(DEPLOY, "DeploymentsOfMain", "ref"),
        "production's environment of any branch": claim(
            DEPLOY, "ProductionOfMain", "ref", template="production"
        ),
    },
    rules.trust_names_the_workflows_that_use_it: {
        "any workflow of main": claim(PIPELINE, "ReleasesOfMain", "job_workflow_ref"),
        "rollback.yml stays out of production": claim(
            DEPLOY,
            "ProductionOfMain",
            "job_workflow_ref",
            [{"Fn::Sub": f"{FILES}/{name}.yml@{MAIN[4:]}"} for name in ("production", "reconcile")],
            template="production",
        ),
        "a rollback leaves no issue": claim(
            PIPELINE,
            "ReleasesOfMain",
            "job_workflow_ref",
            [{"Fn::Sub": f"{FILES}/{name}.yml@{MAIN[4:]}"} for name in ("release", "data")],
        ),
        "a workflow as a branch has it": claim(
            INFRA,
            "InfrastructureOfMain",
            "job_workflow_ref",
            {"Fn::Sub": f"{FILES}/infra.yml@refs/heads/x"},
        ),
    },
    rules.production_opens_to_no_file_of_stagings: {
        "the file that proves on staging serves in production": claim(
            DEPLOY,
            "ProductionOfMain",
            "job_workflow_ref",
            [{"Fn::Sub": f"{FILES}/{name}.yml@{MAIN[4:]}"} for name in ("deploy", "rollback", "reconcile")],
            template="production",
        ),
        "any file of main": claim(DEPLOY, "ProductionOfMain", "job_workflow_ref", template="production"),
    },
    rules.infra_opens_to_no_file_of_another_role: {
        "whatever compares changes the stacks": claim(
            INFRA,
            "InfrastructureOfMain",
            "job_workflow_ref",
            {"Fn::Sub": f"{FILES}/reconcile.yml@{MAIN[4:]}"},
        ),
        "any file of main changes the stacks": claim(INFRA, "InfrastructureOfMain", "job_workflow_ref"),
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
        "production's role serves any account's models": member(
            "production", "ExecutionRole", "SageMakerForThisAccount", "Condition"
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
}
