"""A request on its way in: who sent it, what it needs, whether it may, and in whose account it runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagemaker_emulator import itself
from sagemaker_emulator.access import callers, directory, parse, trust, wording
from sagemaker_emulator.access.authorize import Denied, Moment, require
from sagemaker_emulator.access.directory import ANYBODY, Caller
from sagemaker_emulator.access.needs import Call, Need, UnknownCall, needed
from sagemaker_emulator.faults.answers import Answer
from sagemaker_emulator.faults.identify import Asked
from sagemaker_emulator.policies import UnsupportedPolicy

ACCOUNT_HEADER = "HTTP_X_MOTO_ACCOUNT_ID"  # moto's own way to be told whose state a request is about
KEYS = "emulator.keys"
REGION = "us-east-1"
CLOUDFORMATION = "cloudformation.amazonaws.com"
OPEN = ("AssumeRoleWithWebIdentity",)  # needs no credentials: the token is checked instead


_stack_roles: dict[tuple[str, str, str], str] = {}


def stopped(environ: dict[str, Any], asked: Asked) -> Answer | None:
    """Return why a request may not pass, None where it may; it is then told whose state it is about.

    Raises:
        Refused: nobody has signed it; other refusals are returned.
    """
    environ.pop(ACCOUNT_HEADER, None)
    try:
        content = parse.body(environ, asked)
        caller = callers.caller(environ, content)
        if caller is ANYBODY and asked.service != "s3" and asked.operation not in OPEN:
            raise callers.Refused("unsigned")
        call = _call(environ, asked, content, caller)
        needs = needed(call)
        require(caller, needs, _moment(environ))
        environ[KEYS] = _identity(environ, call)
    except callers.Refused as refused:
        return wording.credentials(asked, str(refused))
    except Denied as denial:
        return wording.denied(asked, _words(asked, denial))
    except UnknownCall as unknown:
        return wording.not_known(asked, str(unknown))
    except parse.Unreadable as unreadable:
        return wording.not_known(asked, str(unreadable))
    except UnsupportedPolicy as unsupported:
        return wording.not_known(asked, str(unsupported))
    except trust.NotTrusted as distrusted:
        return wording.invalid(asked, f"Role {distrusted} is invalid or cannot be assumed")
    environ[ACCOUNT_HEADER] = _about(caller, needs)
    return None


def on_behalf(environ: dict[str, Any]) -> itself.Identity:
    """Return whose keys the emulator's own calls bear while it answers this request."""
    return environ[KEYS]


def _identity(environ: dict[str, Any], call: Call) -> itself.Identity:
    """Return the keys for our own calls: those of a stack's role, where it has one, else the caller's."""
    caller = call.caller
    via = CLOUDFORMATION if call.service == "cloudformation" else None
    if via and (role := _stack_role(call)):
        source = call.arn(f"stack/{call.params.get('StackName', '*')}/*")
        return trust.service_session(role, CLOUDFORMATION, caller.account, source, call.region)
    if caller.type == "Account" or caller is ANYBODY:
        return replace(itself.root(caller.account or itself.ACCOUNT), via=via)
    signed = callers.signed(environ)
    assert signed is not None
    known = directory.session_of(signed.key) or directory.user_of(signed.key)
    assert known is not None
    return itself.Identity(signed.key, known[1].secret or "", known[1].token, via)


def _stack_role(call: Call) -> str | None:
    """Return the role that a stack is changed as: the one it was given last."""
    stack = (call.caller.account, call.region, str(call.params.get("StackName", "")).split("/")[-2:][0])
    if call.params.get("RoleARN"):
        _stack_roles[stack] = call.params["RoleARN"]
    elif call.operation == "CreateStack":
        _stack_roles.pop(stack, None)
    return _stack_roles.get(stack)


def _call(environ: dict[str, Any], asked: Asked, content: bytes | None, caller: Caller) -> Call:
    if not asked.operation:
        raise UnknownCall(f"{asked.service} {environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
    params = parse.parameters(environ, asked, content)
    headers = {"user-agent": environ.get("HTTP_USER_AGENT", "")}
    return Call(asked.service, asked.operation, params, caller, _region(environ), headers)


def _moment(environ: dict[str, Any]) -> Moment:
    agent = environ.get("HTTP_USER_AGENT", "")
    return Moment(_region(environ), agent, itself.via(agent))


def _region(environ: dict[str, Any]) -> str:
    found = callers.signed(environ)
    return found.region if found is not None and found.region != "aws-global" else REGION


def _about(caller: Caller, needs: list[Need]) -> str:
    """Return the account whose state the call reads and changes: that of its first resource."""
    own = caller.account or itself.ACCOUNT
    if not needs or needs[0].action == "iam:PassRole":
        return own
    parts = needs[0].resource.split(":", 5)
    owner = needs[0].owner or (parts[4] if len(parts) == 6 else "")
    return owner if callers.ROOT.fullmatch(owner) else own


def _words(asked: Asked, denial: Denied) -> str:
    """Return the message; S3 tells a stranger of another account nothing, and puts resources in quotes."""
    if denial.need.action == "sts:AssumeRole":
        return str(denial).removesuffix(f" {denial.decision.why}")
    if asked.service != "s3":
        return str(denial)
    if denial.need.owner not in (None, denial.caller.account):
        return "Access Denied"
    named = denial.need.resource
    return str(denial).replace(named, f'"{named}"') if ":s3:::" in named else str(denial)
