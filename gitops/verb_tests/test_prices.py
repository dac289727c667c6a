"""What machines cost comes from AWS's price list, or is said to be unknown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from sagemaker_gitops import prices
from sagemaker_gitops.aws import Aws

ASKED = prices.request("ml.m5.large", "eu-west-1")


def product(*values: str, unit: str = "Hrs", currency: str = "USD") -> str:
    """Return a product as the price list tells it, as far as it matters."""
    dimensions = {
        f"SKU.OFFER.{number}": {"unit": unit, "pricePerUnit": {currency: value}}
        for number, value in enumerate(values)
    }
    attributes = {"instanceName": "ml.m5.large", "component": "Hosting", "regionCode": "eu-west-1"}
    return json.dumps(
        {
            "product": {"attributes": attributes},
            "terms": {"OnDemand": {"SKU.OFFER": {"priceDimensions": dimensions}}},
        }
    )


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Answer as the Price List API would; botocore holds request and answer against Amazon's model."""
    prices.sentence.cache_clear()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "nobody")
    door = Aws(prices.LIST)
    monkeypatch.setattr(prices, "Aws", lambda _: door)
    with Stubber(door.pricing) as stub:
        yield stub


def sentence() -> str:
    return prices.sentence(2, "ml.m5.large", "eu-west-1")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([product("0.1280000000")], "2 x 0.128 USD an hour"),
        ([product("0.1280000000"), product("0.1280000000")], "2 x 0.128 USD an hour"),
        ([product("0.0000000000", "0.1280000000")], "2 x 0.128 USD an hour"),  # the free tier is no price
        ([product("0.97", currency="CNY")], "2 x 0.97 CNY an hour"),
        ([], "price unknown (the price list has 0 of ml.m5.large in eu-west-1)"),
        (
            [product("0.128"), product("0.256")],
            "price unknown (the price list has 2 of ml.m5.large in eu-west-1)",
        ),
        ([product("0.1", unit="GB")], "price unknown (the price list has 0 of ml.m5.large in eu-west-1)"),
    ],
)
def test_a_price_is_the_one_that_the_list_has(listed: Stubber, told: list[Any], said: str) -> None:
    listed.add_response("get_products", {"FormatVersion": "aws_v1", "PriceList": told}, ASKED)
    assert sentence() == said
    listed.assert_no_pending_responses()


def test_who_may_not_ask_is_told_that_the_price_is_unknown(listed: Stubber) -> None:
    listed.add_client_error("get_products", "AccessDeniedException")
    assert sentence() == "price unknown (AccessDeniedException, pricing:GetProducts is not allowed)"


def test_where_no_price_list_answers_no_code_of_ours_is_shown(listed: Stubber) -> None:
    listed.add_client_error("get_products", "NotImplemented", http_status_code=501)
    assert sentence() == "price unknown (no price list here)"


def test_a_price_list_that_cannot_be_reached_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    prices.sentence.cache_clear()

    def unreachable(_: str) -> Any:
        raise EndpointConnectionError(endpoint_url="https://example.invalid")

    monkeypatch.setattr(prices, "Aws", unreachable)
    assert sentence() == "price unknown (EndpointConnectionError)"
