"""Rules about who may act: GitHub's jobs, services, other accounts. Each yields what is wrong, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.infra.reading import ACCOUNT, ARN, GIVEN, OTHER, Infra, Statement, listed

ISSUER = "token.actions.githubusercontent.com"
WORKFLOWS = Path(__file__).parents[2] / ".github/workflows"
VARIABLES = {
    "PullRequestRole": "AWS_PULL_REQUEST_ROLE",
    "PipelineRole": "AWS_PIPELINE_ROLE",
    "DeployRole": "AWS_DEPLOY_ROLE",
    "InfraRole": "AWS_INFRA_ROLE",
}
SUBJECTS = {
    "PullRequestRole": {"pull_request"},
    "PipelineRole": {"ref:refs/heads/main"},
    "DeployRole": {"ref:refs/heads/main", "environment:staging", "environment:production"},
    "InfraRole": {"ref:refs/heads/main", "environment:infrastructure"},
}
NAMES = ("octo/hello", "octo@12/hello@345")  # GIVEN's repository, as older and as newer tokens name it
READING = re.compile(r"[a-z0-9]+:(Get|List|Describe|Batch(Get|Check))|kms:Decrypt|sagemaker:CreateModel$")


def trusts(infra: Infra) -> Iterator[tuple[Statement, dict[str, list[str]]]]:
    """Yield each trust in GitHub's tokens, with what it wants by claim."""
    for each in infra.statements("trust"):
        if each.principals("Federated"):
            wanted = each.told.get("Condition", {}).get("StringEquals", {})
            yield each, {key.removeprefix(f"{ISSUER}:"): listed(value) for key, value in wanted.items()}


def trust_compares_whole_strings(infra: Infra) -> Iterator[str]:
    """StringEquals alone: a pattern lets a stranger's repository in, ForAllValues a missing claim."""
    for each, claims in trusts(infra):
        if set(each.told.get("Condition", {})) != {"StringEquals"}:
            yield f"{each}: conditions other than StringEquals"
        if any(sign in str(value) for values in claims.values() for value in values for sign in "*?"):
            yield f"{each}: a wildcard"


def trust_names_audience_and_repository(infra: Infra) -> Iterator[str]:
    """The audience, and the number that a repository of the same name would not have."""
    for each, claims in trusts(infra):
        if claims.get("aud") != ["sts.amazonaws.com"]:
            yield f"{each}: aud is {claims.get('aud')}"
        if claims.get("repository_id") != [GIVEN["RepositoryId"]]:
            yield f"{each}: repository_id is {claims.get('repository_id')}"


def trust_names_its_subjects(infra: Infra) -> Iterator[str]:
    """Each subject in both forms, and no other."""
    for each, claims in trusts(infra):
        wanted = {f"repo:{name}:{subject}" for name in NAMES for subject in SUBJECTS[each.owner]}
        if set(claims.get("sub", [])) != wanted:
            yield f"{each}: sub is {claims.get('sub')}"


def trust_names_the_branch(infra: Infra) -> Iterator[str]:
    """A subject with an environment says nothing of the branch, so that the claim `ref` must."""
    for each, claims in trusts(infra):
        if each.owner != "PullRequestRole" and claims.get("ref") != ["refs/heads/main"]:
            yield f"{each}: ref is {claims.get('ref')}"


def trust_names_the_workflows_that_use_it(infra: Infra) -> Iterator[str]:
    """Each file that takes a role is trusted, as it is on main; and no file that does not take it."""
    for each, claims in trusts(infra):
        files = {path.name for path in WORKFLOWS.glob("*.yml") if VARIABLES[each.owner] in path.read_text()}
        wanted = {f"octo/hello/.github/workflows/{name}@refs/heads/main" for name in files}
        if each.owner == "PullRequestRole":  # its file is a branch's own
            wanted = set()
        if set(claims.get("job_workflow_ref", [])) != wanted:
            yield f"{each}: job_workflow_ref is {claims.get('job_workflow_ref')}, the role is used in {files}"


def trust_is_in_github_or_sagemaker(infra: Infra) -> Iterator[str]:
    """Nobody else takes a role of the project."""
    for each in infra.statements("trust"):
        provider = f"{ARN}:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
        known = each.principals("Federated") == [provider] or each.principals("Service") == [
            "sagemaker.amazonaws.com"
        ]
        if not known or set(each.told["Principal"]) - {"Federated", "Service"}:
            yield f"{each}: trusts {each.told['Principal']}"


def services_act_for_this_account(infra: Infra) -> Iterator[str]:
    """A service acts for everybody: without the account in a condition, for a stranger, too."""
    for each in infra.statements():
        if each.allows and isinstance(each.told.get("Principal"), dict) and each.principals("Service"):
            context = each.condition(
                "ArnEquals", "kms:EncryptionContext:aws:logs:arn"
            )  # logs gives no account
            named = each.condition("StringEquals", "aws:SourceAccount") == [ACCOUNT]
            if not named and not (context and all(f":{ACCOUNT}:" in arn for arn in context)):
                yield f"{each}: a service for any account"


def nobody_is_everybody(infra: Infra) -> Iterator[str]:
    """No Allow for everybody, but at the door of a VPC: there for this account, and for images' layers."""
    for each in infra.statements():
        everybody = "*" in [
            *each.principals("AWS"),
            *each.principals("Service"),
            *each.principals("Federated"),
        ]
        if not each.allows or not everybody or "NotPrincipal" in each.told:
            continue
        layers = all("-starport-layer-bucket/" in name for name in each.resources) and each.actions == [
            "s3:GetObject"
        ]
        ours = each.condition("StringEquals", "aws:PrincipalAccount") == [ACCOUNT]
        if each.kind != "endpoint" or not (ours or layers):
            yield f"{each}: everybody"


def another_account_only_reads(infra: Infra) -> Iterator[str]:
    """The account that serves reads releases, images and registry; it changes nothing and sees no data."""
    for each in infra.statements():
        if f"{ARN}:iam::{OTHER}:root" in each.principals("AWS"):
            if wrong := [action for action in each.actions if "*" in action or not READING.match(action)]:
                yield f"{each}: {wrong}"
            if each.owner == "BucketPolicy" and any("/releases/" not in name for name in each.resources):
                yield f"{each}: more than the releases"
        strangers = [
            arn for arn in each.principals("AWS") if not re.search(rf":({ACCOUNT}|{OTHER}):|^\*$", arn)
        ]
        if each.allows and strangers:
            yield f"{each}: {strangers}"


RULES = (
    trust_compares_whole_strings,
    trust_names_audience_and_repository,
    trust_names_its_subjects,
    trust_names_the_branch,
    trust_names_the_workflows_that_use_it,
    trust_is_in_github_or_sagemaker,
    services_act_for_this_account,
    nobody_is_everybody,
    another_account_only_reads,
)
