"""Rules between the account that trains and the one that serves. Each yields what is wrong, in words."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from tests.infra.reading import ACCOUNT, ARN, GIVEN, OTHER, REGION, Infra, Statement
from tests.infra.rules_limits import covers, pointless
from tests.infra.rules_rights import ROWS, rights, role

BUCKET = f"{ARN}:s3:::{GIVEN['Bucket']}"
DEPLOY = role(OTHER, "deploy")
APPROVAL = "sagemaker:ModelApprovalStatus"
READING = re.compile(r"[a-z0-9]+:(Get|List|Describe|Batch(Get|Check))|kms:Decrypt|sagemaker:CreateModel$")
# What production's deploy role alone may do in the registry's account, and to what; `*` is the key itself.
OF_DEPLOY = {
    "kms:GenerateDataKey": {"*"},
    "s3:GetObject": {f"{BUCKET}/releases/*/rollout.json"},
    "s3:ListBucket": {BUCKET},
    "s3:PutObject": {f"{BUCKET}/releases/*/rollout.json", f"{BUCKET}/outcomes/*"},
    "sagemaker:UpdateModelPackage": {
        f"{ARN}:sagemaker:{REGION}:{ACCOUNT}:model-package/{GIVEN['Project']}/*",
    },
}
# What any role of production's account may, where its own policies let it.
OF_ANYBODY = {
    "s3:GetObject": {
        f"{BUCKET}/releases/*/evaluate/{name}"
        for name in ("artifact/model.tar.gz", "evaluation/evaluation.json", "evaluation/golden.json")
    }
}
# What the boundary there holds of the registry's objects, whatever is written into a role's own policies.
WITHIN = {
    "s3:GetObject": {f"{BUCKET}/releases/*/evaluate/*"} | OF_DEPLOY["s3:GetObject"],
    "s3:PutObject": OF_DEPLOY["s3:PutObject"],
}
SERVES = re.compile(
    r"sagemaker:((Create|Delete|Describe)(Model|Endpoint|EndpointConfig)|UpdateEndpoint|InvokeEndpoint"
    r"|(Describe|Update)ModelPackage|List(EndpointConfigs|ModelPackages|Models))"
)


def to_production(infra: Infra) -> Iterator[Statement]:
    """Yield each statement of the registry's account that lets production's in."""
    for each in infra.statements():
        if (
            each.template != "production"
            and each.allows
            and f"{ARN}:iam::{OTHER}:root" in each.principals("AWS")
        ):
            yield each


def by_deploy_alone(each: Statement) -> bool:
    """Say whether a statement is production's deploy role's: a principal that is not there yet is refused."""
    return each.condition("ArnEquals", "aws:PrincipalArn") == [DEPLOY]


def nobody_else_is_let_in(infra: Infra) -> Iterator[str]:
    """No account but the two, and each by its number alone: a role stands in a condition."""
    for each in infra.statements():
        known = {f"{ARN}:iam::{each.account}:root", f"{ARN}:iam::{OTHER}:root", "*"}
        if each.allows and (strangers := set(each.principals("AWS")) - known):
            yield f"{each}: {sorted(strangers)}"


def without_a_second_account_nobody_is_let_in(infra: Infra) -> Iterator[str]:
    """Each grant hangs on the parameter: an account that serves its own models grants nothing to any."""
    for name in ("Key", "BucketPolicy", "Repository", "Registry"):
        told = infra.resource("stack", name)["Properties"]
        if "ProductionAccount" in str(_without(told)):
            yield f"stack.yml {name}: a grant that does not ask whether there are two accounts"


def _without(value: object) -> object:
    """Return a value as it is where there is one account."""
    if isinstance(value, list):
        return [_without(each) for each in value]
    if not isinstance(value, dict):
        return value
    condition, _, otherwise = value.get("Fn::If", ("", None, None))
    if condition == "TwoAccounts":
        return _without(otherwise)
    return {key: _without(each) for key, each in value.items()}


def production_sees_no_data(infra: Infra) -> Iterator[str]:
    """The registry's account lets nobody of production's at what models learn from; no role there asks."""
    asking = [each for each in infra.statements("identity", "boundary") if each.template == "production"]
    for each in [*to_production(infra), *asking]:
        bucket = each.owner == "BucketPolicy" or each.kind in ("identity", "boundary")
        objects = [name for name in each.actions if fnmatchcase("s3:GetObject", name) or "s3:Put" in name]
        seen = [row for row in ROWS if any(fnmatchcase(row, name) for name in each.resources)]
        if each.allows and bucket and objects and seen:
            yield f"{each}: {objects} on {seen}"


def only_productions_deploy_role_writes(infra: Infra) -> Iterator[str]:
    """All else that production's account may in the registry's is reading; and no more than is listed."""
    for each in to_production(infra):
        wide = [action for action in each.actions if "*" in action]
        writes = [action for action in each.actions if not READING.match(action)]
        if wide or (writes and not by_deploy_alone(each)):
            yield f"{each}: {wide or writes} by anybody of the account"
        known = OF_DEPLOY if by_deploy_alone(each) else OF_ANYBODY
        for action in each.actions:
            listed = action in OF_DEPLOY or action in OF_ANYBODY
            if listed and (more := set(each.resources) - known.get(action, set())):
                yield f"{each}: {action} on {sorted(more)}"
            if by_deploy_alone(each) and action not in OF_DEPLOY:
                yield f"{each}: {action} is none of its work"


def only_productions_deploy_role_changes_packages(infra: Infra) -> Iterator[str]:
    """It approves, rejects, notes the proof; it registers none, and nothing else of the account does any."""
    for each in to_production(infra):
        changes = {"sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"} & set(each.actions)
        status = each.condition("StringEqualsIfExists", APPROVAL) == ["Approved", "Rejected"]
        if changes and (
            changes != {"sagemaker:UpdateModelPackage"} or not by_deploy_alone(each) or not status
        ):
            yield f"{each}: {sorted(changes)}"


def the_key_opens_through_s3(infra: Infra) -> Iterator[str]:
    """Production's account uses the registry's key for objects, never by itself."""
    through = [f"s3.{REGION}.amazonaws.com"]
    for each in to_production(infra):
        if each.kind == "key" and each.condition("StringEquals", "kms:ViaService") != through:
            yield f"{each}: not only through S3"


def production_only_serves(infra: Infra) -> Iterator[str]:
    """Nothing is trained or registered there, even at the boundary; the endpoint calls no SageMaker."""
    for each in infra.statements("identity", "boundary"):
        if each.template != "production" or not each.allows:
            continue
        calls = [name for name in each.actions if name.startswith("sagemaker:")]
        if each.owner == "ExecutionRole" and (calls or "s3:PutObject" in each.actions):
            yield f"{each}: the endpoint's role may more than read and serve"
        if wrong := [name for name in calls if not SERVES.fullmatch(name)]:
            yield f"{each}: {wrong}"


def productions_boundary_keeps_reading_and_writing_apart(infra: Infra) -> Iterator[str]:
    """Outcomes are written from there and read by nobody; what was evaluated is read, and never replaced."""
    for each in infra.statements("boundary"):
        for action, known in WITHIN.items():
            named = any(fnmatchcase(action, pattern) for pattern in each.actions)
            if each.template == "production" and each.allows and named and set(each.resources) - known:
                yield f"{each}: {action} on {sorted(set(each.resources) - known)}"


def both_accounts_agree(infra: Infra) -> Iterator[str]:
    """What production's roles ask of the registry's account it grants, else nobody has it; and no more."""
    grants = list(to_production(infra))
    asked = list(_asked(infra))
    for each, action, name in asked:
        if not any(_grants(grant, action, name, each.owner) for grant in grants):
            yield f"{each}: {action} on {name} is granted by nobody"
    for grant in (one for each in grants for one in _single(each)):
        if not any(_grants(grant, action, name, each.owner) for each, action, name in asked):
            yield f"{grant}: {grant.actions} on {grant.resources} is asked for by nobody"


def _asked(infra: Infra) -> Iterator[tuple[Statement, str, str]]:
    """Yield (statement, action, resource) of all that production's roles ask of the registry's account."""
    for each in (each for each in rights(infra) if each.template == "production"):
        for action, name in itertools.product(each.actions, each.resources):
            theirs = f":{ACCOUNT}:" in name or name.startswith(BUCKET)
            if theirs and not pointless(action, name, each.actions):
                yield each, action, name


def _single(grant: Statement) -> Iterator[Statement]:
    """Yield a statement for each action and resource; what hangs on a key or a repository names none."""
    for action in grant.actions:
        for name in grant.resources or [""]:
            yield replace(grant, told=grant.told | {"Action": action} | ({"Resource": name} if name else {}))


def _grants(grant: Statement, action: str, name: str, owner: str) -> bool:
    """Say whether a resource's policy lets one of production's roles do something to it."""
    if by_deploy_alone(grant) and owner != "DeployRole":
        return False
    if grant.kind == "key" or ":ecr:" in name:  # such a policy is about what it hangs on
        return action in grant.actions and (grant.owner == "Key") == (":kms:" in name)
    return covers(grant, action, name)


RULES = (
    nobody_else_is_let_in,
    without_a_second_account_nobody_is_let_in,
    production_sees_no_data,
    only_productions_deploy_role_writes,
    only_productions_deploy_role_changes_packages,
    the_key_opens_through_s3,
    production_only_serves,
    productions_boundary_keeps_reading_and_writing_apart,
    both_accounts_agree,
)
