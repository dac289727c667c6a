"""As whom the emulator does what it does for a job, a step, an endpoint: the role they run as, under --iam.

Without --iam everything is done by the root user of the account, who may do everything.

    with acting.as_role(role_arn, account, region, source_arn):   # raises acting.NotTrusted
        itself.client("s3", region).get_object(...)                # as the role; containers get its keys too
        acting.require(region, "ecr:BatchGetImage", arn)          # raises acting.Refused in AWS's words
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sagemaker_emulator import access, itself, seams

SERVICE = "sagemaker.amazonaws.com"
PRIVATE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<name>[^:@]+)"
)
PULL = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
# What puts a container into a subnet: SageMaker makes a network interface there, as the role.
SEE_NETWORK = (
    *("DescribeVpcs", "DescribeSubnets", "DescribeSecurityGroups", "DescribeDhcpOptions"),
    "DescribeNetworkInterfaces",
)
USE_INTERFACE = ("CreateNetworkInterfacePermission", "DeleteNetworkInterface")
USE_INTERFACE += ("CreateNetworkInterface", "DeleteNetworkInterfacePermission")


class NotTrusted(Exception):
    """The role is not there, or does not let SageMaker act as it; the message is its ARN."""


class Refused(Exception):
    """Whom we act for may not; the message is AWS's."""


@contextlib.contextmanager
def as_role(role: str | None, account: str, region: str, source: str) -> Iterator[None]:
    """Act as a role, for `source` (an ARN), in this thread. Raises NotTrusted."""
    with itself.acting(identity(role, account, region, source)):
        yield


def identity(role: str | None, account: str, region: str, source: str) -> itself.Identity:
    """Return the keys of the role's session. Raises NotTrusted."""
    if not access.enforced() or not role:
        return itself.root(account)
    from sagemaker_emulator.access import trust

    try:
        return trust.service_session(role, SERVICE, account, source, region)
    except trust.NotTrusted:
        raise NotTrusted(role) from None


def refuse_untrusting(call: seams.Call, role: str | None, source: str) -> None:
    """Refuse a request whose role SageMaker could not act as. Raises AwsError."""
    try:
        identity(role, call.account, call.region, source)
    except NotTrusted:
        raise seams.AwsError(
            "ValidationException",
            f"Could not assume role {role}. Please ensure that the role exists and allows principal "
            f"'{SERVICE}' to assume the role.",
        ) from None


def require(region: str, action: str, resource: str = "*", context: Mapping[str, Any] | None = None) -> None:
    """Return when whom this thread acts for may do something. Raises Refused."""
    if not access.enforced():
        return
    from sagemaker_emulator.access import authorize, callers
    from sagemaker_emulator.access.needs import Need

    whom = itself.identity()
    try:
        moment = authorize.Moment(region, called_via=whom.via)
        authorize.require(callers.of_key(whom.key), [Need(action, resource, dict(context or {}))], moment)
    except authorize.Denied as denied:
        raise Refused(str(denied)) from None


def may(region: str, action: str, resource: str = "*", context: Mapping[str, Any] | None = None) -> bool:
    """Whether whom this thread acts for may do something."""
    try:
        require(region, action, resource, context)
    except Refused:
        return False
    return True


def pull(uri: str) -> None:
    """Return when an image may be pulled; one that lies in no repository here may. Raises Refused."""
    found = PRIVATE.match(uri)
    if not access.enforced() or found is None:
        return
    account, region, name = found["account"], found["region"], found["name"]
    if name not in itself.backend("ecr", account, region).repositories:
        return
    require(region, "ecr:GetAuthorizationToken")
    for action in PULL:
        require(region, f"ecr:{action}", f"arn:aws:ecr:{region}:{account}:repository/{name}")


def join_network(region: str, request: dict[str, Any]) -> None:
    """Return when the role may put a container where VpcConfig says, if it says anything. Raises Refused."""
    wanted = request.get("VpcConfig") or request.get("NetworkConfig", {}).get("VpcConfig")
    if not wanted or not access.enforced():
        return
    from sagemaker_emulator.access import callers

    for action in SEE_NETWORK:
        require(region, f"ec2:{action}")
    arn = f"arn:aws:ec2:{region}:{callers.of_key(itself.identity().key).account}:"
    for action in USE_INTERFACE:
        require(region, f"ec2:{action}", f"{arn}network-interface/*")
    for kind, member in (("subnet", "Subnets"), ("security-group", "SecurityGroupIds")):
        for name in wanted[member]:
            require(region, "ec2:CreateNetworkInterface", f"{arn}{kind}/{name}")
