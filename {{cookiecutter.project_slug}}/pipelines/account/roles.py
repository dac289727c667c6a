"""What the stack of GitHub's roles is given, and what GitHub is told of it: parameters, variables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pipelines import stack
from pipelines.account.gh import Identity
from pipelines.account.trust import ISSUER
from pipelines.aws import Aws, found
from pipelines.errors import SettingsError
from pipelines.stack import Stack, Wanted

ROLE = re.compile(r'RoleName: !Sub "\$\{Project\}-\$\{AWS::Region\}-([a-z-]+)"')
PROVIDER, AUDIENCE = "AWS::IAM::OIDCProvider", "sts.amazonaws.com"


@dataclass(frozen=True)
class Account:
    """Where everything is."""

    number: str
    region: str
    partition: str

    def role(self, name: str) -> str:
        """Return the ARN of a role."""
        return f"arn:{self.partition}:iam::{self.number}:role/{name}"

    def expected(self, project: str) -> Stack:
        """Return what infra/stack.yml will have made; only the key's number is anybody's guess before."""
        return Stack(
            bucket=f"{project}-{self.number}-{self.region}",
            key=f"arn:{self.partition}:kms:{self.region}:{self.number}:key/00000000-0000-0000-0000-000000000000",
            role=self.role(f"{project}-{self.region}-execution"),
            repository=f"{self.number}.dkr.ecr.{self.region}.amazonaws.com/{project}",
            group=project,
        )


def account(aws: Aws) -> Account:
    """Return the account that the credentials open."""
    told = aws.sts.get_caller_identity()
    return Account(told["Account"], aws.region, told["Arn"].split(":")[1])


def roles() -> tuple[str, ...]:
    """Return the kinds of roles that infra/github.yml makes."""
    return tuple(ROLE.findall(stack.GITHUB_TEMPLATE.read_text("utf-8")))


def variables(where: Account, project: str) -> dict[str, str]:
    """Return the variables that the workflows read."""
    made = {
        f"AWS_{kind.upper().replace('-', '_')}_ROLE": f"{project}-{where.region}-{kind}" for kind in roles()
    }
    return {"AWS_REGION": where.region} | {name: where.role(role) for name, role in made.items()}


def provider(aws: Aws, name: str) -> str:
    """Return the ARN of GitHub's provider where the account has one; empty where stack `name` makes it."""
    if stack.resources(aws, name, PROVIDER):
        return ""
    listed = aws.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    arn = next((item["Arn"] for item in listed if item["Arn"].endswith(f"/{ISSUER}")), "")
    if (
        arn
        and AUDIENCE not in aws.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"]
    ):
        add = "aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn"
        add += f" {arn} --client-id {AUDIENCE}"
        raise SettingsError(f"""E513 GitHub's provider in this account lets nobody in who asks for {AUDIENCE}
            {arn}
            its client ids lack {AUDIENCE}; somebody else made it
            {add}""")
    return arn


def wanted(aws: Aws, project: str, identity: Identity, made: Stack) -> Wanted:
    """Return the stack of GitHub's roles as it is to be; raise E514 for a parameter that nobody can fill."""
    known = {
        "Project": project,
        "Repository": identity.repository,
        "OwnerId": identity.owner_id,
        "RepositoryId": identity.repository_id,
        "ImmutableName": identity.immutable_name,
        "Provider": provider(aws, stack.github_name(project)),
        "Bucket": made.bucket,
        "Key": made.key,
        "ExecutionRole": made.role,
        "ImageRepository": made.repository.split("/", 1)[1],
        "Group": made.group,
    }
    body = stack.GITHUB_TEMPLATE.read_text("utf-8")
    asked: list[dict[str, Any]] = aws.cloudformation.get_template_summary(TemplateBody=body)["Parameters"]
    for item in asked:
        if item["ParameterKey"] not in known and item.get("DefaultValue") is None:
            raise SettingsError(f"""E514 nobody knows the parameter {item["ParameterKey"]}
                {stack.GITHUB_TEMPLATE}
                {item.get("Description") or "it has no description"}
                give it a default there""")
    keys = [item["ParameterKey"] for item in asked]
    return stack.of_github(project, {key: known[key] for key in keys if key in known and key != "Project"})


def leftovers(aws: Aws, project: str, where: Account) -> dict[str, str]:
    """Return what is there of what the project's stack keeps when it is deleted: name by kind."""
    bucket, group = where.expected(project).bucket, project
    there = {
        "bucket": (bucket, found(aws.s3.head_bucket, Bucket=bucket)),
        "image repository": (project, found(aws.ecr.describe_repositories, repositoryNames=[project])),
        "model package group": (
            group,
            found(aws.sagemaker.describe_model_package_group, ModelPackageGroupName=group),
        ),
    }
    left = {kind: name for kind, (name, answer) in there.items() if answer}
    log = f"/aws/sagemaker/Endpoints/{project}-production"
    groups = aws.logs.describe_log_groups(logGroupNamePrefix=log)["logGroups"]
    return left | ({"log": log} if any(group["logGroupName"] == log for group in groups) else {})
