"""The configuration files that SageMaker puts below /opt/ml before a container starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HOST = "algo-1"


def write_json(path: Path, value: Any) -> None:
    """Write one file, folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, default=str), encoding="utf-8")


def resource_config(instance_type: str) -> dict[str, Any]:
    """Return resourceconfig.json for one instance."""
    group = {"instance_group_name": "homogeneousCluster", "instance_type": instance_type, "hosts": [HOST]}
    return {
        "current_host": HOST,
        "current_instance_type": instance_type,
        "current_group_name": "homogeneousCluster",
        "hosts": [HOST],
        "instance_groups": [group],
        "network_interface_name": "eth0",
    }


def input_data_config(channels: list[dict[str, Any]], mode: str) -> dict[str, Any]:
    """Return inputdataconfig.json: one entry a channel."""
    return {
        channel["ChannelName"]: {
            **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
            "TrainingInputMode": channel.get("InputMode", mode),
            "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                "S3DataDistributionType", "FullyReplicated"
            ),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
        for channel in channels
    }
