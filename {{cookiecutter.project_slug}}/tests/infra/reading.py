"""Read infra/*.yml as CloudFormation does: functions resolved for their account, every statement found.

In:   the templates, and values for their parameters
Out:  statements with the role or resource they belong to, texts instead of functions
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.decode import decode

INFRA = Path(__file__).parents[2] / "infra"
ACCOUNT, OTHER, REGION, PARTITION = "123456789012", "210987654321", "eu-west-1", "the-partition"
ARN = f"arn:{PARTITION}"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": PARTITION,
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NoValue": None,
}
GIVEN = {
    "Project": "income",
    "Repository": "octo/hello",
    "OwnerId": "12",
    "RepositoryId": "345",
    "Provider": "",
    "Bucket": f"income-{ACCOUNT}-{REGION}",
    "Key": f"{ARN}:kms:{REGION}:{ACCOUNT}:key/the-key",
    "ExecutionRole": f"{ARN}:iam::{ACCOUNT}:role/income-{REGION}-execution",
    "ProductionAccount": OTHER,
    "RegistryAccount": ACCOUNT,
    "RegistryKey": f"{ARN}:kms:{REGION}:{ACCOUNT}:key/the-key",
    "Vpc": "vpc-0abc",
    "Subnets": "subnet-0abc,subnet-0def",
    "SecurityGroup": "sg-0abc",
    "Cidr": "10.64.0.0/24",
    "AlarmEmail": "a@example.com",
    "MonthlyBudget": "50",
}
ACCOUNTS = {"production": OTHER}  # by template; every other is deployed in the registry's account
PLACEHOLDER = re.compile(r"\$\{([^!}]+)\}")

Template = dict[str, Any]


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, its functions resolved."""

    template: str  # file's stem: stack, github, network, production
    owner: str  # the resource in the template
    kind: str  # trust, identity, boundary, key, resource, endpoint
    told: dict[str, Any]

    def __str__(self) -> str:
        """Return where it stands."""
        return f"{self.template}.yml {self.owner} {self.told.get('Sid', 'without a Sid')}"

    @property
    def place(self) -> tuple[str, str]:
        """Its template and the resource in it."""
        return self.template, self.owner

    @property
    def account(self) -> str:
        """The account that its template is deployed in."""
        return ACCOUNTS.get(self.template, ACCOUNT)

    @property
    def allows(self) -> bool:
        """Whether it gives something."""
        return self.told["Effect"] == "Allow"

    @property
    def actions(self) -> list[str]:
        """What may be done, or not."""
        return listed(self.told.get("Action", []))

    @property
    def resources(self) -> list[str]:
        """To what."""
        return listed(self.told.get("Resource", []))

    def condition(self, operator: str, key: str) -> list[str]:
        """Return the values of one condition; none where it is not there."""
        return [str(value) for value in listed(self.told.get("Condition", {}).get(operator, {}).get(key, []))]

    def principals(self, kind: str) -> list[str]:
        """Return the principals of one kind; `*` alone is of every kind."""
        told = self.told.get("Principal", {})
        return listed(told.get(kind, [])) if isinstance(told, dict) else listed(told)


@dataclass
class Infra:
    """The templates, as they are or weakened."""

    templates: dict[str, Template]

    def resource(self, template: str, name: str) -> dict[str, Any]:
        """Return one resource, as it is written."""
        return self.templates[template]["Resources"][name]

    def properties(self, template: str, name: str) -> dict[str, Any]:
        """Return a resource's properties, resolved."""
        told = self.resource(template, name).get("Properties", {})
        return resolved(told, self.templates[template], given(template))

    def of_type(self, kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield (template, name, properties) of every resource of a type."""
        for stem, template in self.templates.items():
            for name, told in template["Resources"].items():
                if told["Type"] == kind:
                    yield stem, name, self.properties(stem, name)

    def statements(self, *kinds: str) -> list[Statement]:
        """Return every statement, or those of some kinds of policies."""
        found = []
        for stem, template in self.templates.items():
            for name, told in template["Resources"].items():
                properties = self.properties(stem, name)
                for kind, document in documents(told["Type"], properties):
                    owner = properties["RoleName"] if told["Type"] == "AWS::IAM::RolePolicy" else name
                    found += [Statement(stem, owner, kind, each) for each in listed(document["Statement"])]
        return [each for each in found if not kinds or each.kind in kinds]

    def of(self, template: str, owner: str, *kinds: str) -> list[Statement]:
        """Return the statements of one role or resource."""
        return [each for each in self.statements(*kinds) if each.place == (template, owner)]


def given(template: str) -> dict[str, str]:
    """Return the parameters of one template, and the account that it is deployed in."""
    return GIVEN | {"AWS::AccountId": ACCOUNTS.get(template, ACCOUNT)}


def read() -> Infra:
    """Return the templates as they lie in infra/."""
    return Infra({name: copy.deepcopy(template) for name, template in _read().items()})


@cache
def _read() -> dict[str, Template]:
    return {path.stem: plain(decode(str(path))[0]) for path in sorted(INFRA.glob("*.yml"))}


def plain(value: Any) -> Any:
    """Return cfn-lint's nodes, which know their line, as Python's own."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return str(value) if isinstance(value, str) else value


def listed(value: Any) -> list[Any]:
    """Return what may stand alone as a list."""
    return value if isinstance(value, list) else [value]


def documents(kind: str, properties: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (kind of policy, document) of one resource."""
    if kind == "AWS::IAM::Role":
        yield "trust", properties["AssumeRolePolicyDocument"]
        for policy in properties.get("Policies", []):
            yield "identity", policy["PolicyDocument"]
    elif kind == "AWS::KMS::Key":
        yield "key", properties["KeyPolicy"]
    elif "PolicyDocument" in properties:
        kinds = {"ManagedPolicy": "boundary", "RolePolicy": "identity", "VPCEndpoint": "endpoint"}
        yield kinds.get(kind.rsplit(":", 1)[1], "resource"), properties["PolicyDocument"]
    for name in ("RepositoryPolicyText", "ModelPackageGroupPolicy"):
        if name in properties:
            yield "resource", properties[name]


def resolved(value: Any, template: Template, given: dict[str, str]) -> Any:
    """Return a value with its functions carried out, every option of the stacks taken."""
    if isinstance(value, list):
        return [each for item in value if (each := resolved(item, template, given)) is not None]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and (name := next(iter(value))) in FUNCTIONS:
        return FUNCTIONS[name](value[name], template, given)
    found = {key: resolved(item, template, given) for key, item in value.items()}
    return {key: item for key, item in found.items() if item is not None}


def _ref(name: str, template: Template, given: dict[str, str]) -> Any:
    if name in PSEUDO:
        return given.get(name, PSEUDO[name])
    if name in template.get("Parameters", {}):
        return given[name]
    told = template["Resources"][name]
    if told["Type"] in ("AWS::IAM::ManagedPolicy", "AWS::IAM::OIDCProvider", "AWS::SNS::Topic"):
        return _arn(name, template, given)
    return name


def _arn(name: str, template: Template, given: dict[str, str]) -> str:
    """Return the ARN that a resource will have."""
    told = template["Resources"][name]
    account, region = given.get("AWS::AccountId", ACCOUNT), given.get("AWS::Region", REGION)
    own = {key: each for key, each in told.get("Properties", {}).items() if key.endswith("Name")}
    own = {key: resolved(each, template, given) for key, each in own.items()}
    parts = {
        "AWS::KMS::Key": f"kms:{region}:{account}:key/the-key",
        "AWS::S3::Bucket": f"s3:::{own.get('BucketName')}",
        "AWS::ECR::Repository": f"ecr:{region}:{account}:repository/{own.get('RepositoryName')}",
        "AWS::SNS::Topic": f"sns:{region}:{account}:{own.get('TopicName')}",
        "AWS::IAM::Role": f"iam::{account}:role/{own.get('RoleName')}",
        "AWS::IAM::ManagedPolicy": f"iam::{account}:policy/{own.get('ManagedPolicyName')}",
        "AWS::IAM::OIDCProvider": f"iam::{account}:oidc-provider/token.actions.githubusercontent.com",
    }
    return f"{ARN}:{parts[told['Type']]}"


def _get_att(path: Any, template: Template, given: dict[str, str]) -> str:
    name, attribute = path.split(".") if isinstance(path, str) else path
    return _arn(name, template, given) if attribute == "Arn" else f"{name}.{attribute}"


def _sub(told: Any, template: Template, given: dict[str, str]) -> str:
    text, own = told if isinstance(told, list) else (told, {})
    own = {key: resolved(item, template, given) for key, item in own.items()}

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name in own:
            return str(own[name])
        return str(_get_att(name, template, given) if "." in name else _ref(name, template, given))

    return PLACEHOLDER.sub(value, text)


def _if(told: list[Any], template: Template, given: dict[str, str]) -> Any:
    return resolved(told[1], template, given)


def _select(told: list[Any], template: Template, given: dict[str, str]) -> Any:
    index, items = told
    return resolved(items, template, given)[int(index)]


def _split(told: list[Any], template: Template, given: dict[str, str]) -> list[str]:
    return resolved(told[1], template, given).split(told[0])


def _as_it_is(told: Any, *_: Any) -> list[str]:
    return [str(told)] * 4


FUNCTIONS = {
    "Ref": _ref,
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::If": _if,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Cidr": _as_it_is,
    "Fn::GetAZs": _as_it_is,
}
