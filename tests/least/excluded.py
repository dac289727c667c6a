"""Permissions that nothing recorded here asks for: each by name, with the reason why the role has it."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from least.inner import reading
from least.permissions import Permission

REGION = "us-east-1"  # of the schemas: CloudFormation's first
HANDLER = "on AWS CloudFormation's handler asks for it: {}"
TAGS = "AWS names it as needed beside the creation where that gives tags; the definition gives none here"
LOGS = "AWS names it among what an execution role needs to write logs; the emulator asks for less"
LOOK = "AWS looks at a key before it lends it; the emulator does not"
OPENS = "CreateEndpointConfig wants the key open to the role that serves, says AWS; here its maker's will do"
SERVES = "AWS names it among what the role of a model needs to write metrics; only jobs write any here"
THERE = "AWS names it among what the role of a model needs to write logs; the stack has made the group"
KILLED = "only a run after one that was killed between its rollout and its note reads it"
# (role, Sid, action) -> why
REASONS = {
    ("execution", "RunThePipelinesJobs", "sagemaker:AddTags"): TAGS,
    ("execution", "TagWhatThePipelineRegisters", "sagemaker:AddTags"): TAGS,
    ("execution", "WriteLogs", "logs:DescribeLogStreams"): LOGS,
    ("execution", "UseTheKey", "kms:DescribeKey"): LOOK,
    ("deploy", "SeeTheKeyOfVolumes", "kms:DescribeKey"): LOOK,
    ("deploy", "ReadTheEvidenceOfAnEarlierRun", "s3:GetObject"): KILLED,
}
# Of the execution role in production's own account, which runs no jobs.
APART = {
    ("execution", "SeeTheKeyOfVolumes", "kms:DescribeKey"): LOOK,
    ("execution", "LendTheKeyToVolumes", "kms:CreateGrant"): OPENS,
    ("execution", "WriteLogs", "logs:CreateLogGroup"): THERE,
    ("execution", "WriteMetrics", "cloudwatch:PutMetricData"): SERVES,
}


def reason(permission: Permission, apart: bool) -> str:
    """Return why a permission is given that nothing here asks for; empty where there is no reason."""
    reasons = REASONS | APART if apart else REASONS
    named = reasons.get((permission.role, permission.sid, permission.action))
    if named or permission.role != "infra":
        return named or ""
    asked = [kind for action, kind in handled() if fnmatchcase(action.lower(), permission.action.lower())]
    return HANDLER.format(", ".join(sorted(set(asked)))) if asked else ""


@cache
def handled() -> tuple[tuple[str, str], ...]:
    """Return (action, type) of all that reading and updating the stacks' resources asks for on AWS."""
    return tuple(_handled())


def _handled() -> Iterator[tuple[str, str]]:
    kinds = {kind for template in ("stack", "github") for kind in _kinds(template)}
    for kind in sorted(kinds):
        handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema.get("handlers", {})
        for name in ("read", "update"):
            yield from ((action, kind) for action in handlers.get(name, {}).get("permissions", []))


def _kinds(template: str) -> set[str]:
    return {told["Type"] for told in reading.read().templates[template]["Resources"].values()}
