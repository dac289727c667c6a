"""What the stories cost at most, by AWS's price list of this moment. What nobody tells us is unknown.

Price List API: of ServiceCode AmazonSageMaker a product has the attributes instanceName, component and
regionCode, and terms.OnDemand.*.priceDimensions.* with unit and pricePerUnit by currency.
"""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from verify_aws.story import Story

LISTS = {"cn-": "cn-northwest-1"}  # where the price list answers about such regions
LIST = "us-east-1"  # and about all others
QUICKLY = Config(retries={"total_max_attempts": 2}, connect_timeout=5, read_timeout=10)
UNKNOWN = "unknown"


@cache
def hourly(component: str, instance_type: str, region: str) -> tuple[float, str] | str:
    """Return one machine's price an hour with its currency, or why it is unknown."""
    wanted = {"instanceName": instance_type, "component": component, "regionCode": region}
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    try:
        pricing = boto3.client("pricing", region_name=LISTS.get(region[:3], LIST), config=QUICKLY)
        listed = pricing.get_products(ServiceCode="AmazonSageMaker", Filters=filters)["PriceList"]
    except ClientError as error:
        return f"pricing:GetProducts: {error.response['Error']['Code']}"
    except (BotoCoreError, ValueError) as error:
        return f"pricing:GetProducts: {type(error).__name__}"
    found = {price for product in listed for price in on_demand(json.loads(product))}
    if len(found) != 1:  # none, or several products of that name: no guess
        return f"the price list has {len(found)} of {instance_type} for {component} in {region}"
    return found.pop()


def on_demand(product: dict[str, Any]) -> list[tuple[float, str]]:
    """Return the on-demand prices of a product by the hour, with their currency."""
    return [
        (float(value), currency)
        for offer in product["terms"].get("OnDemand", {}).values()
        for dimension in offer["priceDimensions"].values()
        if dimension["unit"] in ("Hrs", "hours", "Hours")
        for currency, value in dimension["pricePerUnit"].items()
        if float(value)
    ]


def at_most(stories: list[Story], instance_type: str, region: str) -> str:
    """Return the upper bound of what machines of these stories cost, in words."""
    total, currency = 0.0, ""
    for component, count, minutes in (each for story in stories for each in story.machines):
        told = hourly(component, instance_type, region)
        if isinstance(told, str):
            return f"{UNKNOWN} ({told})"
        total, currency = total + told[0] * count * minutes / 60, told[1]
    return f"at most {math.ceil(total * 100) / 100:.2f} {currency}" if currency else "no machines"
