"""EC2, as far as a network for jobs and endpoints goes."""

from __future__ import annotations

from collections.abc import Iterable

from sagemaker_emulator.access.needs.table import Call, Need, rule

LOOKS = (
    *(
        "DescribeVpcs",
        "DescribeSubnets",
        "DescribeSecurityGroups",
        "DescribeVpcEndpoints",
        "DescribeDhcpOptions",
    ),
    *("DescribeNetworkInterfaces", "DescribeRouteTables", "DescribeAvailabilityZones", "DescribeRegions"),
    *(
        "DescribeVpcAttribute",
        "DescribeVpcEndpointServices",
        "DescribeInternetGateways",
        "DescribeNatGateways",
    ),
    *("DescribeSecurityGroupRules", "DescribePrefixLists", "DescribeAccountAttributes", "DescribeTags"),
    *("DescribeNetworkAcls",),
)
# Each resource that an operation needs the permission on: kind, and the member that names it ("": it is
# made).
CHANGES: dict[str, tuple[tuple[str, str], ...]] = {
    "CreateVpc": (("vpc", ""),),
    "DeleteVpc": (("vpc", "VpcId"),),
    "ModifyVpcAttribute": (("vpc", "VpcId"),),
    "CreateSubnet": (("vpc", "VpcId"), ("subnet", "")),
    "DeleteSubnet": (("subnet", "SubnetId"),),
    "ModifySubnetAttribute": (("subnet", "SubnetId"),),
    "CreateSecurityGroup": (("vpc", "VpcId"), ("security-group", "")),
    "DeleteSecurityGroup": (("security-group", "GroupId"),),
    "AuthorizeSecurityGroupIngress": (("security-group", "GroupId"),),
    "AuthorizeSecurityGroupEgress": (("security-group", "GroupId"),),
    "RevokeSecurityGroupIngress": (("security-group", "GroupId"),),
    "RevokeSecurityGroupEgress": (("security-group", "GroupId"),),
    "CreateVpcEndpoint": (("vpc", "VpcId"), ("vpc-endpoint", "")),
    "ModifyVpcEndpoint": (("vpc-endpoint", "VpcEndpointId"),),
    "DeleteVpcEndpoints": (("vpc-endpoint", "VpcEndpointIds"),),
    "CreateRouteTable": (("vpc", "VpcId"), ("route-table", "")),
    "DeleteRouteTable": (("route-table", "RouteTableId"),),
    "CreateRoute": (("route-table", "RouteTableId"),),
    "DeleteRoute": (("route-table", "RouteTableId"),),
    "AssociateRouteTable": (("route-table", "RouteTableId"), ("subnet", "SubnetId")),
    "DisassociateRouteTable": (("route-table", ""),),
    "CreateNetworkInterface": (
        ("subnet", "SubnetId"),
        ("security-group", "Groups"),
        ("network-interface", ""),
    ),
    "CreateNetworkInterfacePermission": (("network-interface", "NetworkInterfaceId"),),
    "DeleteNetworkInterface": (("network-interface", "NetworkInterfaceId"),),
    "DeleteNetworkInterfacePermission": (("network-interface", ""),),
}


@rule("ec2", *LOOKS)
def _look(call: Call) -> Iterable[Need]:
    yield Need(f"ec2:{call.operation}")


@rule("ec2", *CHANGES)
def _change(call: Call) -> Iterable[Need]:
    context = _tags(call)
    for kind, member in CHANGES[call.operation]:
        named = call.params.get(member) or "*"
        for name in named if isinstance(named, list) else [named]:
            yield Need(f"ec2:{call.operation}", call.arn(f"{kind}/{name}"), {} if member else context)
    if context:
        made = next(kind for kind, member in CHANGES[call.operation] if not member)
        yield Need("ec2:CreateTags", call.arn(f"{made}/*"), {**context, "ec2:CreateAction": call.operation})


@rule("ec2", "CreateTags", "DeleteTags")
def _change_tags(call: Call) -> Iterable[Need]:
    for name in call.params.get("Resources") or ["*"]:
        yield Need(f"ec2:{call.operation}", call.arn(f"{KINDS.get(name.rpartition('-')[0], '*')}/{name}"))


KINDS = {
    "vpc": "vpc",
    "subnet": "subnet",
    "sg": "security-group",
    "vpce": "vpc-endpoint",
    "rtb": "route-table",
    "eni": "network-interface",
}


def _tags(call: Call) -> dict[str, object]:
    pairs = {
        tag["Key"]: tag.get("Value", "")
        for each in call.params.get("TagSpecifications") or []
        for tag in each.get("Tags", [])
    }
    if not pairs:
        return {}
    return {**{f"aws:RequestTag/{key}": value for key, value in pairs.items()}, "aws:TagKeys": list(pairs)}
