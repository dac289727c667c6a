"""A stack's change set: what CloudFormation would do, shown before it does it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from botocore.exceptions import ClientError

from sagemaker_gitops import stack
from sagemaker_gitops.account import asking
from sagemaker_gitops.aws import Aws
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.stack import Wanted
from sagemaker_gitops.story import Step, pause

NOTHING = (stack.UNCHANGED, "didn't contain changes")  # both are CloudFormation's words
DONE, MOVING = "_COMPLETE", ("CREATE_PENDING", "CREATE_IN_PROGRESS")
WORDS = {"Add": "make", "Modify": "change", "Remove": "remove", "Import": "take over", "Dynamic": "change"}


@dataclass(frozen=True)
class Change:
    """One resource: what happens to it, its name in the template, its type."""

    action: str
    resource: str
    kind: str
    replaced: str = ""  # True, Conditional: it is made anew, and what it holds is not carried over

    def __str__(self) -> str:
        """Return the resource, and whether it is made anew."""
        return self.resource + {"True": " (anew)", "Conditional": " (perhaps anew)"}.get(self.replaced, "")


@dataclass(frozen=True)
class ChangeSet:
    """What bringing one stack to what infra/ says would do."""

    wanted: Wanted
    state: str  # the stack's now
    arn: str = ""  # empty: nothing to change
    changes: tuple[Change, ...] = ()

    def __str__(self) -> str:
        """Return it in words."""
        if not self.arn:
            return "nothing"
        verbs: dict[str, list[str]] = {}
        for change in self.changes:
            verbs.setdefault(WORDS.get(change.action, change.action), []).append(str(change))
        return (
            "; ".join(f"{verb} {', '.join(these)}" for verb, these in verbs.items())
            or "change its parameters"
        )


def propose(aws: Aws, wanted: Wanted) -> ChangeSet:
    """Ask CloudFormation what it would do; raise SettingsError E504 where it cannot say."""
    there = stack.describe(aws, wanted.name)
    if there and there["StackStatus"] in stack.EMPTY:  # holds nothing
        stack.delete(aws, wanted, Step("delete"))
        there = None
    state = there["StackStatus"] if there else "none"
    if there and not state.endswith(DONE):
        raise SettingsError(f"""E504 the stack '{wanted.name}' is {state}
            CloudFormation in {aws.region}
            {there.get("StackStatusReason") or "somebody else is changing it"}
            wait until that is over, or continue its rollback in the console; then repeat""")
    wanted = stack.keeping(wanted, there)
    request = {"ChangeSetName": f"connect-{uuid.uuid4().hex[:12]}", **wanted.request()}
    try:
        arn = aws.cloudformation.create_change_set(**request, ChangeSetType="UPDATE" if there else "CREATE")[
            "Id"
        ]
    except ClientError as error:
        if any(words in str(error) for words in NOTHING):
            return ChangeSet(wanted, state)
        raise
    return _told(aws, wanted, state, arn)


def _told(aws: Aws, wanted: Wanted, state: str, arn: str) -> ChangeSet:
    """Return the change set once CloudFormation has made it."""
    started = time.monotonic()
    while (told := aws.cloudformation.describe_change_set(ChangeSetName=arn))["Status"] in MOVING:
        time.sleep(pause(time.monotonic() - started))
    if told["Status"] == "CREATE_COMPLETE":
        return ChangeSet(wanted, state, arn, tuple(_changes(aws, arn)))
    aws.cloudformation.delete_change_set(ChangeSetName=arn)  # a failed one would stay in the console
    reason = told.get("StatusReason", "")
    if any(words in reason for words in NOTHING):
        return ChangeSet(wanted, state)
    raise SettingsError(f"""E504 CloudFormation refuses the template of '{wanted.name}'
        {wanted.template}
        {reason}
        correct it, then repeat: python -m pipelines {wanted.verb}; nothing was changed""")


def _changes(aws: Aws, arn: str) -> Iterator[Change]:
    pages = aws.cloudformation.get_paginator("describe_change_set").paginate(ChangeSetName=arn)
    for item in (item for page in pages for item in page.get("Changes", [])):
        told = item["ResourceChange"]
        facts = (told["Action"], told["LogicalResourceId"], told["ResourceType"])
        yield Change(*facts, replaced=told.get("Replacement", ""))


def execute(aws: Aws, proposed: ChangeSet, step: Step) -> None:
    """Do what was shown and wait; raise SettingsError E504 with the resource that failed."""
    if not proposed.arn:
        step.verdict, step.note = "reused", f"{proposed.wanted.name} is as the template says"
        return
    aws.cloudformation.execute_change_set(ChangeSetName=proposed.arn)
    stack.wait(aws, proposed.wanted, step)


def agreed(aws: Aws, sets: Sequence[ChangeSet]) -> bool:
    """Ask whether to do what was shown; whatever is not yes takes the change sets back."""
    answer = False
    try:
        answer = asking.agree("Do this?")
    finally:
        if not answer:
            for item in reversed(sets):
                discard(aws, item)
    return answer


def discard(aws: Aws, proposed: ChangeSet) -> None:
    """Take a change set back; and with it the empty stack that it was to create."""
    if proposed.arn and proposed.state == "none":
        stack.delete(aws, proposed.wanted, Step("delete"))
    elif proposed.arn:
        aws.cloudformation.delete_change_set(ChangeSetName=proposed.arn)
