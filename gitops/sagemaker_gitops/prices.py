"""What a machine costs, by AWS's price list of this moment. A price that nobody tells us is unknown.

Price List API: of ServiceCode AmazonSageMaker a product has the attributes instanceName, component and
regionCode, and terms.OnDemand.*.priceDimensions.* with unit and pricePerUnit by currency.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_gitops import errors
from sagemaker_gitops.aws import Aws

LISTS = {"cn-": "cn-northwest-1"}  # where the price list answers about such regions
LIST = "us-east-1"  # and about all others
ABSENT = ("NotImplemented", "NotImplementedError")  # an emulator's answer
SERVICE, COMPONENT = "AmazonSageMaker", "Hosting"  # machines of real-time endpoints


def request(instance_type: str, region: str, component: str = COMPONENT) -> dict[str, Any]:
    """Return the GetProducts request for a machine that does one thing: Hosting, Training, Processing."""
    wanted = {"instanceName": instance_type, "component": component, "regionCode": region}
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    return {"ServiceCode": SERVICE, "Filters": filters}


@cache
def sentence(count: int, instance_type: str, region: str) -> str:
    """Return what so many machines cost, in words; never raises for want of an answer."""
    try:
        told = Aws(LISTS.get(region[:3], LIST)).pricing.get_products(**request(instance_type, region))
    except (ClientError, BotoCoreError) as error:
        if errors.code(error) in ABSENT:
            return "price unknown (no price list here)"
        why = errors.code(error) or type(error).__name__
        hint = ", pricing:GetProducts is not allowed" if why in errors.REFUSED else ""
        return f"price unknown ({why}{hint})"
    found = {price for product in told["PriceList"] for price in hourly(json.loads(product))}
    if len(found) != 1:  # none, or AWS has several products of that name: no guess
        return f"price unknown (the price list has {len(found)} of {instance_type} in {region})"
    ((value, currency),) = found
    return f"{count} x {value:g} {currency} an hour"


def hourly(product: dict[str, Any]) -> list[tuple[float, str]]:
    """Return the on-demand prices of a product by the hour, with their currency; none where it is free."""
    return [
        (float(value), currency)
        for offer in product["terms"].get("OnDemand", {}).values()
        for dimension in offer["priceDimensions"].values()
        if dimension["unit"] in ("Hrs", "hours", "Hours")
        for currency, value in dimension["pricePerUnit"].items()
        if float(value)
    ]
