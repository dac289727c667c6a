"""A VPC's stack can be deleted: moto leaves route tables and endpoints, and with them the VPC."""

from __future__ import annotations

from typing import Any

from sagemaker_emulator import itself, seams


@seams.wrap("moto.ec2.models.vpcs", "VPCEndPoint.delete_from_cloudformation_json")
def delete_endpoint(_original: Any, _cls: Any, name: str, _document: Any, account: str, region: str) -> None:
    """Delete the endpoint, its interfaces and its routes."""
    ec2 = itself.backend("ec2", account, region)
    ec2.delete_vpc_endpoints([name])
    ec2.vpc_end_points.pop(name, None)


@seams.wrap("moto.ec2.models.route_tables", "RouteTable.delete_from_cloudformation_json")
def delete_route_table(
    _original: Any, _cls: Any, name: str, _document: Any, account: str, region: str
) -> None:
    """Delete the table, after the endpoints that it leads to: moto tries again what could not be deleted.

    Raises:
        RuntimeError: an endpoint leads to it still; moto tries again later.
    """
    ec2 = itself.backend("ec2", account, region)
    if any(name in (each.route_table_ids or []) for each in ec2.vpc_end_points.values()):
        raise RuntimeError(f"The routeTable '{name}' has dependencies and cannot be deleted.")
    ec2.delete_route_table(name)
