"""What the stacks with GitHub's roles are given, and what GitHub is told of them: parameters, variables."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from sagemaker_gitops import accounts, stack
from sagemaker_gitops.account.gh import GitHub, Identity
from sagemaker_gitops.account.trust import ISSUER, NAMED
from sagemaker_gitops.aws import Aws, found
from sagemaker_gitops.errors import AccessError, SettingsError
from sagemaker_gitops.run import Run
from sagemaker_gitops.stack import Stack, Wanted

ROLE = re.compile(r'RoleName: !Sub "\$\{Project\}-\$\{AWS::Region\}-([a-z-]+)"')
PROVIDER, AUDIENCE = "AWS::IAM::OIDCProvider", "sts.amazonaws.com"
PRODUCTION_ROLE = "AWS_PRODUCTION_ROLE"  # there only where production has an account of its own


@dataclass(frozen=True)
class Account:
    """Where everything is; production and registry are this account, unless connect was told of another."""

    number: str
    region: str
    partition: str
    production: str
    registry: str
    let_in: str = ""  # an account that may serve, whether or not it does yet; empty: no other

    @property
    def apart(self) -> bool:
        """Say whether production has an account of its own, and this is the registry's."""
        return self.production != self.number

    @property
    def environments(self) -> tuple[str, ...]:
        """Return the environments whose endpoints are here."""
        return tuple(accounts.environments(self.expected("")))

    def role(self, name: str, number: str = "") -> str:
        """Return the ARN of a role, here or in account `number`."""
        return f"arn:{self.partition}:iam::{number or self.number}:role/{name}"

    def expected(self, project: str) -> Stack:
        """Return what infra/stack.yml will have made; only the key's number is anybody's guess before."""
        return Stack(
            bucket=f"{project}-{self.number}-{self.region}",
            key=f"arn:{self.partition}:kms:{self.region}:{self.number}:key/00000000-0000-0000-0000-000000000000",
            role=self.role(f"{project}-{self.region}-execution"),
            repository=f"{self.number}.dkr.ecr.{self.region}.amazonaws.com/{project}",
            group=project,
            account=self.number,
            production=self.production,
            registry=self.registry,
        )


def account(aws: Aws, project: str) -> Account:
    """Return the account that the credentials open, and what its stack was told of another."""
    told = aws.sts.get_caller_identity()
    number, given = told["Account"], stack.parameters(stack.describe(aws, project))
    partition, let_in = told["Arn"].split(":")[1], given.get("ProductionAccount", "")
    serves = let_in and given.get("ProductionServes") != "no"
    registry = given.get("RegistryAccount") or number
    return Account(number, aws.region, partition, let_in if serves else number, registry, let_in)


def roles() -> tuple[str, ...]:
    """Return the kinds of roles that infra/github.yml makes."""
    return tuple(ROLE.findall(stack.GITHUB_TEMPLATE.read_text("utf-8")))


def named(where: Account, project: str) -> dict[str, str]:
    """Return the roles that GitHub's jobs take in this account: name by kind."""
    if where.registry != where.number:
        return {"production": f"{project}-{where.region}-deploy"}
    return {kind: f"{project}-{where.region}-{kind}" for kind in roles()}


def variables(where: Account, project: str) -> dict[str, str]:
    """Return the roles that the workflows read, of this account and of the one that serves, and the region.

    No workflow reads that: by it `connect` sees that the repository is connected to another (E606).
    """
    ours = named(where, project)
    made = {f"AWS_{kind.upper().replace('-', '_')}_ROLE": where.role(role) for kind, role in ours.items()}
    if where.apart:
        made[PRODUCTION_ROLE] = where.role(ours["deploy"], where.production)
    return {"AWS_REGION": where.region} | made if where.registry == where.number else made


def identify(run: Run, github: GitHub, owner_id: str, repository_id: str) -> Identity:
    """Return the repository's numbers: GitHub's, else those that were given, else those of the last time.

    Raises:
        SettingsError: E509, nobody tells them; E501, one that was given is no number.
    """
    given = {"--owner-id": owner_id, "--repository-id": repository_id}
    for option, number in given.items():
        if number and not (number.isascii() and number.isdecimal()):
            raise SettingsError(f"""E501 {number!r} is no number
                the option {option}
                GitHub's number of an owner or a repository has digits only; nothing was changed
                it is in what this prints: gh api repos/{github.repository} --jq '.owner.id, .id'""")
    if not github.absent:
        return github.identity()
    last = stack.parameters(stack.describe(run.aws, stack_of(run)))
    if last.get("Repository") == github.repository:
        owner_id, repository_id = owner_id or last["OwnerId"], repository_id or last["RepositoryId"]
    if owner_id and repository_id:
        return Identity(github.repository, owner_id, repository_id)
    missing = [option for option, number in given.items() if not number]
    lacks = f"; {missing[0]} is missing" if len(missing) == 1 else ""
    page, tags = f"https://github.com/{github.repository}", "octolytics-dimension-user_id and -repository_id"
    raise SettingsError(f"""E509 connect needs the two numbers that GitHub gave {github.repository}
        {github.absent}, so nobody can ask for them{lacks}
        the roles trust them: a name can change hands, a number cannot. Whoever is logged in sees them:
        gh api repos/{github.repository} --jq '.owner.id, .id', or {tags} in the source of {page}
        {github.login_first}, and repeat; or repeat with --owner-id N --repository-id N""")


def stack_of(run: Run) -> str:
    """Return the name of the stack that makes this account's roles of GitHub's jobs: its last."""
    return list(stack.templates(run.project, stack.describe(run.aws, run.project)))[-1]


def refuse_another_account(github: GitHub, where: Account, project: str, moved: bool = False) -> None:
    """Raise AccessError E606 where a variable names another account or region: before anything is written.

    `moved`: production is being given an account of its own, whatever the repository's variable says now.
    """
    expected = variables(where, project)
    for environment in ("", *(name for name in github.environments() if name in NAMED)):
        for name, value in github.variables(environment).items():
            rewritten = moved and name == PRODUCTION_ROLE and not environment
            if not rewritten and (wrong := _wrong(value, expected.get(name, ""))):
                place = f"environment {environment}" if environment else "repository"
                raise AccessError(f"""E606 {github.repository} is connected to another {wrong}
                    variable {name} of the {place}: {value}
                    these credentials open account {where.number}, mlops.toml says {where.region}
                    log in there, or delete the variable if that one is given up; nothing was changed""")


def _wrong(value: str, expected: str) -> str:
    """Return what differs of a variable: the account of a role, or the region."""
    if not expected.startswith("arn:"):
        return "region" if expected and value != expected else ""
    return "" if f":{expected.split(':')[4]}:" in value else "account"


def provider(aws: Aws, name: str) -> str:
    """Return the ARN of GitHub's provider where the account has one; empty where stack `name` makes it.

    Raises:
        SettingsError: E513, it lets nobody in who asks for our audience.
    """
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
    """Return the stack of GitHub's roles as it is to be."""
    known = {
        "Bucket": made.bucket,
        "Key": made.key,
        "ExecutionRole": made.role,
    }
    return filled(aws, stack.of_github(project, {}), identity, known)


def filled(aws: Aws, wanted: Wanted, identity: Identity, known: dict[str, str]) -> Wanted:
    """Return a stack with GitHub's roles, its parameters filled.

    Raises:
        SettingsError: E514, nobody knows one of them.
    """
    known |= {
        "Project": wanted.project,
        "Repository": identity.repository,
        "OwnerId": identity.owner_id,
        "RepositoryId": identity.repository_id,
        "Provider": provider(aws, wanted.name),
    }
    body = wanted.template.read_text("utf-8")
    asked: list[dict[str, Any]] = aws.cloudformation.get_template_summary(TemplateBody=body)["Parameters"]
    for item in asked:
        if item["ParameterKey"] not in known and item.get("DefaultValue") is None:
            raise SettingsError(f"""E514 nobody knows the parameter {item["ParameterKey"]}
                {wanted.template}
                {item.get("Description") or "it has no description"}
                give it a default there""")
    keys = [item["ParameterKey"] for item in asked]
    return replace(wanted, parameters={key: known[key] for key in keys if key in known and key != "Project"})


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


def refuse_leftovers(run: Run, where: Account) -> None:
    """Raise SettingsError E512 where an earlier project of this name has left what a new stack would make."""
    left = leftovers(run.aws, run.project, where)
    if left:
        raise SettingsError(f"""E512 an earlier {run.project} has left data in this account
            {", ".join(f"{kind} {name}" for kind, name in left.items())}
            no stack owns them, and CloudFormation makes nothing whose name is taken
            delete them and what they hold: python -m pipelines destroy --data; or take another slug""")
