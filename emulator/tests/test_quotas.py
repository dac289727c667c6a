"""Service Quotas: what the table in the state folder says, page by page; nothing without one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

TABLE = {"ml.m5.large for endpoint usage": 0, "ml.m5.xlarge for training job usage": 15}


@pytest.fixture
def quotas(emulator):
    """Return a client, and see to it that no other test finds the table."""
    yield boto3.client("service-quotas")
    _table().unlink(missing_ok=True)


def _table():
    return Path(os.environ["SAGEMAKER_EMULATOR_HOME"]) / "quotas.json"


def listed(quotas, **page):
    pages = quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker", **page)
    return {item["QuotaName"]: item for page in pages for item in page["Quotas"]}


def test_without_a_table_there_are_none(quotas):
    assert listed(quotas) == {}


@pytest.mark.parametrize("size", [1, 100])
def test_the_table_is_told_page_by_page(quotas, size):
    _table().write_text(json.dumps(TABLE))
    told = listed(quotas, PaginationConfig={"PageSize": size})
    assert {name: item["Value"] for name, item in told.items()} == TABLE


def test_one_is_told_by_its_code_and_another_code_is_refused(quotas):
    _table().write_text(json.dumps(TABLE))
    wanted = listed(quotas)["ml.m5.xlarge for training job usage"]
    told = quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode=wanted["QuotaCode"])["Quota"]
    assert told == wanted
    with pytest.raises(ClientError, match="NoSuchResourceException"):
        quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode="L-00000000")


def test_other_services_are_motos(quotas):
    vpc = quotas.get_service_quota(ServiceCode="vpc", QuotaCode="L-F678F1CE")["Quota"]
    assert vpc["QuotaName"] == "VPCs per Region"
    with pytest.raises(ClientError, match="does not implement service-quotas:ListServiceQuotas"):
        quotas.list_service_quotas(ServiceCode="vpc")
