"""Rules about who may act: GitHub's jobs, services, nobody else. Each yields what is wrong, in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.infra.reading import ARN, GIVEN, Infra, Statement, listed

ISSUER = "token.actions.githubusercontent.com"
WORKFLOWS = Path(__file__).parents[2] / ".github/workflows"
# By template and role: who takes it.
VARIABLES = {
    ("github", "PullRequestRole"): "AWS_PULL_REQUEST_ROLE",
    ("github", "PipelineRole"): "AWS_PIPELINE_ROLE",
    ("github", "DeployRole"): "AWS_DEPLOY_ROLE",
    ("github", "InfraRole"): "AWS_INFRA_ROLE",
    ("production", "DeployRole"): "AWS_PRODUCTION_ROLE",
}
# By template and statement.
SUBJECTS = {
    ("github", "PullRequestsOfThisRepository"): {"pull_request"},
    ("github", "ReleasesOfMain"): {"ref:refs/heads/main"},
    ("github", "DeploymentsOfMain"): {
        "ref:refs/heads/main",
        "environment:staging",
        "environment:production",
    },
    ("github", "InfrastructureOfMain"): {"ref:refs/heads/main", "environment:infrastructure"},
    ("production", "ProductionOfMain"): {"ref:refs/heads/main", "environment:production"},
}
NAMES = ("octo/hello", "octo@12/hello@345")  # GIVEN's repository, as older and as newer tokens name it


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
        subjects = SUBJECTS.get((each.template, each.told.get("Sid", "")), set())
        wanted = {f"repo:{name}:{subject}" for name in NAMES for subject in subjects}
        if set(claims.get("sub", [])) != wanted:
            yield f"{each}: sub is {claims.get('sub')}"


def trust_names_the_branch(infra: Infra) -> Iterator[str]:
    """A subject with an environment says nothing of the branch, so that the claim `ref` must."""
    for each, claims in trusts(infra):
        if each.owner != "PullRequestRole" and claims.get("ref") != ["refs/heads/main"]:
            yield f"{each}: ref is {claims.get('ref')}"


def trust_names_the_workflows_that_use_it(infra: Infra) -> Iterator[str]:
    """Each file that takes a role is trusted, as it is on main; and no file that does not take it."""
    for role, variable in VARIABLES.items():
        told = [claims.get("job_workflow_ref") for each, claims in trusts(infra) if each.place == role]
        files = {path.name for path in WORKFLOWS.glob("*.yml") if variable in path.read_text()}
        wanted = {f"octo/hello/.github/workflows/{name}@refs/heads/main" for name in files}
        if role[1] == "PullRequestRole":  # its file is a branch's own
            wanted = set()
        elif None in told:
            yield f"{role}: a statement names no workflow"
        if {ref for refs in told for ref in refs or []} != wanted:
            yield f"{role}: job_workflow_ref is {told}, the role is used in {files}"


def production_opens_to_no_file_of_stagings(infra: Infra) -> Iterator[str]:
    """Where GitHub's plan has no environments a subject says main alone: the file must tell staging's job."""
    proves = {path.name for path in WORKFLOWS.glob("*.yml") if "pipelines stage" in path.read_text()}
    for each, claims in trusts(infra):
        files = named_files(claims, proves)
        if each.template == "production" and files & proves:
            yield f"{each}: opens to {sorted(files & proves)}, where staging is proven"


def infra_opens_to_no_file_of_another_role(infra: Infra) -> Iterator[str]:
    """Main's subject is every job's: whatever stands in its file could take it, past the reviewer."""
    roles = set(VARIABLES.values()) - {"AWS_INFRA_ROLE"}
    texts = {path.name: path.read_text() for path in WORKFLOWS.glob("*.yml")}
    others = {name for name, text in texts.items() if any(role in text for role in roles)}
    for each, claims in trusts(infra):
        files = named_files(claims, others)
        if each.owner == "InfraRole" and files & others:
            yield f"{each}: opens to {sorted(files & others)}, where other roles are taken"


def named_files(claims: dict[str, list[str]], default: set[str]) -> set[str]:
    """Return the workflow files that a trust names; `default` where it names none."""
    return {ref.partition("@")[0].rsplit("/", 1)[-1] for ref in claims.get("job_workflow_ref", default)}


def trust_is_in_github_or_sagemaker(infra: Infra) -> Iterator[str]:
    """Nobody else takes a role of the project."""
    for each in infra.statements("trust"):
        provider = f"{ARN}:iam::{each.account}:oidc-provider/{ISSUER}"
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
            named = each.condition("StringEquals", "aws:SourceAccount") == [each.account]
            if not named and not (context and all(f":{each.account}:" in arn for arn in context)):
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
        ours = each.condition("StringEquals", "aws:PrincipalAccount") == [each.account]
        if each.kind != "endpoint" or not (ours or layers):
            yield f"{each}: everybody"


RULES = (
    trust_compares_whole_strings,
    trust_names_audience_and_repository,
    trust_names_its_subjects,
    trust_names_the_branch,
    trust_names_the_workflows_that_use_it,
    production_opens_to_no_file_of_stagings,
    infra_opens_to_no_file_of_another_role,
    trust_is_in_github_or_sagemaker,
    services_act_for_this_account,
    nobody_is_everybody,
)
