"""Intrinsic functions as CloudFormation resolves them, where moto leaves something out."""

from __future__ import annotations

import ipaddress
from typing import Any

from moto.cloudformation import parsing

from sagemaker_emulator import seams


@seams.wrap("moto.cloudformation.parsing", "clean_json")
def clean_json(original: Any, document: Any, resources: Any) -> Any:
    """Resolve functions. Raises ValueError for what moto leaves out, and for a reference to nothing."""
    if isinstance(document, list):  # AWS::NoValue takes an item away
        return [value for value in original(document, resources) if value is not None]
    if isinstance(document, dict) and document.keys() == {"Fn::Cidr"}:
        return _cidr(*parsing.clean_json(document["Fn::Cidr"], resources))
    if isinstance(document, dict) and document.keys() == {"Fn::GetAZs"}:
        region = parsing.clean_json(document["Fn::GetAZs"], resources) or resources["AWS::Region"]
        document = {"Fn::GetAZs": region}
    try:
        value = original(document, resources)
    except KeyError as error:
        if isinstance(document, dict) and "Ref" in document:
            raise ValueError(f"Unresolved resource dependencies [{error.args[0]}] in the template") from None
        raise
    if value is None and isinstance(document, dict) and "Fn::GetAtt" in document:
        name = document["Fn::GetAtt"]
        raise ValueError(f"sagemaker-emulator does not implement Fn::GetAtt {'.'.join(map(str, name))}")
    return value


def _cidr(block: str, count: int | str, bits: int | str) -> list[str]:
    """Return the first `count` networks of a block whose hosts have `bits` bits. Raises ValueError."""
    network = ipaddress.ip_network(block)
    networks = network.subnets(new_prefix=network.max_prefixlen - int(bits))
    found = [str(each) for each, _ in zip(networks, range(int(count)), strict=False)]
    if len(found) < int(count):
        raise ValueError(f"Template error: Fn::Cidr: {block} has no {count} blocks of {bits} bits")
    return found
