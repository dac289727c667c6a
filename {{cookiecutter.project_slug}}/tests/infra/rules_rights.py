"""Rules about what roles may do, and to what. Each yields what is wrong, in words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from tests.infra import kinds
from tests.infra.reading import ARN, GIVEN, REGION, Infra, Statement

# IAM knows no resource for these, or none that has a name before the call.
WITHOUT_RESOURCE = {
    "cloudwatch:GetMetricData": "metrics have no ARN",
    "cloudwatch:GetMetricStatistics": "metrics have no ARN",
    "cloudwatch:PutMetricData": "metrics have no ARN; the namespace is a condition",
    "ec2:DescribeDhcpOptions": "lists",
    "ec2:DescribeNetworkInterfaces": "lists",
    "ec2:DescribeSecurityGroups": "lists",
    "ec2:DescribeSubnets": "lists",
    "ec2:DescribeVpcs": "lists",
    "ecr:GetAuthorizationToken": "the whole registry's",
    "logs:DescribeLogGroups": "lists",
    "pricing:GetProducts": "a price list has no ARN",
    "sagemaker:ListEndpointConfigs": "lists",
    "sagemaker:ListEndpoints": "lists",
    "sagemaker:ListModels": "lists",
    "sns:GetSubscriptionAttributes": "IAM knows no ARN of subscriptions",
    "sns:Unsubscribe": "IAM knows no ARN of subscriptions",
}
# Patterns that stand in roles: settings of one bucket.
PATTERNS = {"s3:GetBucket*"}
VERBS = ("Create", "Delete", "Describe", "List", "Stop", "Update")
BOUNDARY_PATTERNS = PATTERNS | {
    *("ecr:Batch*", "kms:GenerateDataKey*", "kms:ReEncrypt*"),
    *(f"sagemaker:{verb}*" for verb in VERBS),
}
# Nobody may, whatever it is for.
NEVER = (
    "cloudwatch:SetAlarmState",
    "ecr:BatchDeleteImage",
    "ecr:DeleteRepository",
    "kms:DisableKey",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "sagemaker:DeleteModelPackage",
    "sagemaker:DeleteModelPackageGroup",
    "sts:AssumeRole",
)
# What models are trained on: the data, and each release's splits of it.
ROWS = (
    f"{ARN}:s3:::{GIVEN['Bucket']}/data/adult/batch=1/part-0.parquet",
    *(
        f"{ARN}:s3:::{GIVEN['Bucket']}/releases/r/e/validate/{split}/part-0.parquet"
        for split in ("train", "validation", "test")
    ),
)
PROOFS = tuple(f"sagemaker:CustomerMetadataProperties/{name}" for name in ("staging", "production"))


def rights(infra: Infra) -> list[Statement]:
    """Return what roles are given."""
    return [each for each in infra.statements("identity") if each.allows]


def role(account: str, kind: str) -> str:
    """Return the ARN of one of the project's roles."""
    return f"{ARN}:iam::{account}:role/income-{REGION}-{kind}"


def given(infra: Infra, action: str) -> Iterator[Statement]:
    """Yield each statement that gives an action to a role."""
    return (each for each in rights(infra) if any(fnmatchcase(action, pattern) for pattern in each.actions))


def actions_are_named(infra: Infra) -> Iterator[str]:
    """No `service:*`, nothing by exclusion; patterns only where they are listed above."""
    for each in infra.statements("identity", "boundary", "resource", "trust"):
        if left := {"NotAction", "NotResource", "NotPrincipal"} & set(each.told):
            yield f"{each}: {left}"
        known = BOUNDARY_PATTERNS if each.kind == "boundary" else PATTERNS
        if each.allows and (wide := [name for name in each.actions if "*" in name and name not in known]):
            yield f"{each}: {wide}"


def resources_are_named(infra: Infra) -> Iterator[str]:
    """`*` is a resource of actions that know none, and of no other."""
    for each in infra.statements("identity", "boundary"):
        wide = [action for action in each.actions if action not in WITHOUT_RESOURCE]
        if each.allows and "*" in each.resources and wide:
            yield f"{each}: {wide} on everything"


def actions_know_their_resources(infra: Infra) -> Iterator[str]:
    """A right on an ARN of another kind is none: each action has its resource, each resource its action."""
    for each in rights(infra):
        known_by = {action: kinds.of_action(action) for action in each.actions if "*" not in action}
        named = [name for name in each.resources if name != "*"]
        for action, known in known_by.items():
            if named and not any(kinds.matches(name, known) for name in named):
                yield f"{each}: {action} knows none of {named}"
        for name in named:
            patterns = len(known_by) < len(each.actions)
            if not patterns and not any(kinds.matches(name, known) for known in known_by.values()):
                yield f"{each}: no action knows {name}"


def only_the_execution_role_is_passed(infra: Infra) -> Iterator[str]:
    """And to SageMaker alone: whoever passes a role may do what it may."""
    for each in [
        *given(infra, "iam:PassRole"),
        *(s for s in infra.statements("boundary") if "iam:PassRole" in s.actions),
    ]:
        if each.resources != [role(each.account, "execution")]:
            yield f"{each}: passes {each.resources}"
        if each.condition("StringEquals", "iam:PassedToService") != ["sagemaker.amazonaws.com"]:
            yield f"{each}: to any service"


def only_deploy_approves(infra: Infra) -> Iterator[str]:
    """Jobs register what is pending, the pipeline completes it; the boundary says so once more."""
    key = "sagemaker:ModelApprovalStatus"
    for each in given(infra, "sagemaker:UpdateModelPackage"):
        if each.owner != "DeployRole" and each.condition("Null", key) != ["true"]:
            yield f"{each}: may approve"
    for each in given(infra, "sagemaker:CreateModelPackage"):
        if each.condition("StringEquals", key) != ["PendingManualApproval"]:
            yield f"{each}: may register what is approved"
    for template, condition in (("stack", {"StringEquals": {key: "Approved"}}), ("production", {})):
        right = [
            each
            for each in infra.of(template, "Boundary")
            if not each.allows
            and set(each.actions) == {"sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"}
            and each.told.get("Condition")
            == condition | {"ArnNotEquals": {"aws:PrincipalArn": role(each.account, "deploy")}}
            and each.resources == ["*"]
        ]
        if not right:
            yield f"{template}.yml: the boundary lets somebody else approve"


def only_deploy_writes_proofs(infra: Infra) -> Iterator[str]:
    """promote believes the metadata `staging` and `production`: who could write them could skip the proof."""
    for action in ("sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"):
        for each in given(infra, action):
            free = [proof for proof in PROOFS if each.condition("Null", proof) != ["true"]]
            if each.owner != "DeployRole" and free:
                yield f"{each}: writes {free}"
    for each in given(infra, "s3:PutObject"):
        judged = f"{ARN}:s3:::{GIVEN['Bucket']}/releases/r/e/evaluate/artifact/model.tar.gz"
        if each.place != ("stack", "ExecutionRole") and any(
            fnmatchcase(judged, name) for name in each.resources
        ):
            yield f"{each}: may replace what was evaluated"


def who_deploys_sees_no_data(infra: Infra) -> Iterator[str]:
    """Neither the data nor a release's splits of it: a proof needs the archive and the golden requests."""
    for each in given(infra, "s3:GetObject"):
        seen = [row for row in ROWS if any(fnmatchcase(row, name) for name in each.resources)]
        if each.owner == "DeployRole" and seen:
            yield f"{each}: reads {seen}"


def nobody_removes_what_a_release_needs(infra: Infra) -> Iterator[str]:
    """Bucket, objects, key, images, registry, and the state of alarms."""
    for action in NEVER:
        yield from (f"{each}: {action}" for each in given(infra, action))


def the_pull_request_only_looks(infra: Infra) -> Iterator[str]:
    """Its workflow is the branch's own: what the role may, anybody who pushes a branch may."""
    for each in infra.of("github", "PullRequestRole", "identity"):
        if wrong := [name for name in each.actions if not re.match(r"[a-z0-9]+:(Describe|Get|List)", name)]:
            yield f"{each}: {wrong}"
        if any(name.startswith("kms:") for name in each.actions):
            yield f"{each}: with the key it could read the data"


def metrics_have_a_namespace(infra: Infra) -> Iterator[str]:
    """Who publishes anywhere, silences anybody's alarms."""
    for each in given(infra, "cloudwatch:PutMetricData"):
        spaces = each.condition("StringEquals", "cloudwatch:namespace")
        spaces += each.condition("StringLike", "cloudwatch:namespace")
        if not spaces or "*" in spaces:
            yield f"{each}: any namespace"


def the_key_is_lent_to_aws_only(infra: Infra) -> Iterator[str]:
    """Grants only for AWS's own resources; a job of GitHub decrypts what S3 gives it and nothing else."""
    for each in given(infra, "kms:CreateGrant"):
        if each.condition("Bool", "kms:GrantIsForAWSResource") != ["true"]:
            yield f"{each}: grants to anybody"
    for each in given(infra, "kms:Decrypt"):
        through = each.condition("StringEquals", "kms:ViaService") == [f"s3.{REGION}.amazonaws.com"]
        if each.template in ("github", "production") and not through:
            yield f"{each}: not only through S3"


def statements_say_why(infra: Infra) -> Iterator[str]:
    """Each has a Sid, once in its policy."""
    seen: set[tuple[str, str, str, str]] = set()
    for each in infra.statements():
        sid = each.told.get("Sid", "")
        place = (each.template, each.owner, each.kind, sid)
        if not re.fullmatch(r"[A-Za-z0-9]{8,}", sid) or place in seen:
            yield f"{each}: no Sid, or one that is there twice"
        seen.add(place)


def nothing_is_fixed(infra: Infra) -> Iterator[str]:
    """No partition, account or region in the text: the templates serve all of them."""
    for stem, template in infra.templates.items():
        text = json.dumps(template)
        for found in re.findall(r"arn:aws[a-z-]*:[^\"]*|\b\d{12}\b|\b(?:eu|us|ap)-[a-z]+-\d\b", text):
            yield f"{stem}.yml: {found}"


RULES = (
    actions_are_named,
    resources_are_named,
    actions_know_their_resources,
    only_the_execution_role_is_passed,
    only_deploy_approves,
    only_deploy_writes_proofs,
    who_deploys_sees_no_data,
    nobody_removes_what_a_release_needs,
    the_pull_request_only_looks,
    metrics_have_a_namespace,
    the_key_is_lent_to_aws_only,
    statements_say_why,
    nothing_is_fixed,
)
