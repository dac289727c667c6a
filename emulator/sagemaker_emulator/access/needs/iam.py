"""IAM and STS: roles by their paths, policies, providers; who may be a role is up to its trust."""

from __future__ import annotations

from collections.abc import Iterable

from sagemaker_emulator.access import directory
from sagemaker_emulator.access.needs.table import Call, Need, on, rule, tags, with_context

ON_A_ROLE = (
    *("CreateRole", "GetRole", "DeleteRole", "UpdateRole", "UpdateRoleDescription", "TagRole", "UntagRole"),
    *("UpdateAssumeRolePolicy", "PutRolePolicy", "GetRolePolicy", "DeleteRolePolicy", "ListRolePolicies"),
    *("AttachRolePolicy", "DetachRolePolicy", "ListAttachedRolePolicies", "ListRoleTags"),
    *("PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary", "ListInstanceProfilesForRole"),
)
ON_A_POLICY = (
    *("CreatePolicy", "GetPolicy", "GetPolicyVersion", "DeletePolicy", "CreatePolicyVersion"),
    *("DeletePolicyVersion", "ListPolicyVersions", "SetDefaultPolicyVersion", "ListEntitiesForPolicy"),
)
ON_A_USER = (
    *("CreateUser", "GetUser", "DeleteUser", "PutUserPolicy", "DeleteUserPolicy", "AttachUserPolicy"),
    *("DetachUserPolicy", "CreateAccessKey", "DeleteAccessKey", "ListAccessKeys", "ListAttachedUserPolicies"),
    *("ListUserPolicies", "GetUserPolicy", "UpdateAccessKey"),
)
ON_A_GROUP = (
    *("CreateGroup", "GetGroup", "DeleteGroup", "AddUserToGroup", "RemoveUserFromGroup", "PutGroupPolicy"),
    *("DeleteGroupPolicy", "GetGroupPolicy", "ListGroupPolicies", "AttachGroupPolicy", "DetachGroupPolicy"),
    "ListAttachedGroupPolicies",
)
ON_A_PROVIDER = (
    *("GetOpenIDConnectProvider", "DeleteOpenIDConnectProvider", "UpdateOpenIDConnectProviderThumbprint"),
    *("AddClientIDToOpenIDConnectProvider", "RemoveClientIDFromOpenIDConnectProvider"),
    *("TagOpenIDConnectProvider", "ListOpenIDConnectProviderTags"),
)


def _arn(call: Call, name: str) -> str:
    return f"arn:{call.partition}:iam::{call.caller.account}:{name}"


@rule("iam", *ON_A_ROLE)
def _role(call: Call) -> Iterable[Need]:
    name = call.params.get("RoleName", "*")
    found = directory.role_named(call.caller.account, name)
    path = found.path if found is not None else call.params.get("Path", "/")
    context = {**tags(call.params)}
    if call.params.get("PolicyArn"):
        context["iam:PolicyARN"] = call.params["PolicyArn"]
    boundary = call.params.get("PermissionsBoundary") or getattr(found, "permissions_boundary_arn", None)
    if boundary:
        context["iam:PermissionsBoundary"] = boundary
    yield Need(f"iam:{call.operation}", _arn(call, f"role{path}{name}"), context)
    if call.operation == "CreateRole" and call.params.get("Tags"):
        yield Need("iam:TagRole", _arn(call, f"role{path}{name}"), context)


@rule("iam", *ON_A_POLICY)
def _policy(call: Call) -> Iterable[Need]:
    made = _arn(call, f"policy{call.params.get('Path', '/')}{call.params.get('PolicyName', '*')}")
    yield Need(f"iam:{call.operation}", call.params.get("PolicyArn", made), tags(call.params))


@rule("iam", *ON_A_USER)
def _user(call: Call) -> Iterable[Need]:
    path = call.params.get("Path", "/")
    yield Need(f"iam:{call.operation}", _arn(call, f"user{path}{call.params.get('UserName', '*')}"))


@rule("iam", *ON_A_GROUP)
def _group(call: Call) -> Iterable[Need]:
    path = call.params.get("Path", "/")
    yield Need(f"iam:{call.operation}", _arn(call, f"group{path}{call.params.get('GroupName', '*')}"))


@rule("iam", "CreateOpenIDConnectProvider")
def _create_provider(call: Call) -> Iterable[Need]:
    name = call.params.get("Url", "").removeprefix("https://")
    needs = [Need("iam:CreateOpenIDConnectProvider", _arn(call, f"oidc-provider/{name}"))]
    if call.params.get("Tags"):
        needs.append(Need("iam:TagOpenIDConnectProvider", needs[0].resource))
    return with_context(needs, tags(call.params))


on("iam", "{OpenIDConnectProviderArn}", ON_A_PROVIDER)
on(
    "iam",
    "*",
    (
        *("ListRoles", "ListPolicies", "ListUsers", "ListOpenIDConnectProviders", "GetAccountSummary"),
        *("GetAccountAuthorizationDetails", "ListAccountAliases", "ListInstanceProfiles"),
        *("ListGroups", "SimulateCustomPolicy"),
    ),
)


@rule("sts", "AssumeRole")
def _assume_role(call: Call) -> Iterable[Need]:
    members = {"sts:ExternalId": "ExternalId", "sts:RoleSessionName": "RoleSessionName"}
    context = {key: call.params[member] for key, member in members.items() if call.params.get(member)}
    yield Need("sts:AssumeRole", call.params.get("RoleArn", "*"), context)


@rule("sts", "GetCallerIdentity", "AssumeRoleWithWebIdentity", "GetAccessKeyInfo")
def _nothing(call: Call) -> Iterable[Need]:
    """Everybody may ask who he is; a web identity is checked by what it shows (access/trust.py)."""
    return []


on("sts", "*", ("GetSessionToken",))
