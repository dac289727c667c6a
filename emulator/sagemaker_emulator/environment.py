"""The variables under which any AWS program talks to the emulator, and only to it."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

REGION = "us-east-1"
# A profile or a session token would win over, or break, the test credentials.
CLEARED = (
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SAGEMAKER",
    "AWS_ROLE_ARN",
)


def variables(url: str, home: Path, region: str | None = None) -> dict[str, str]:
    """Return what a client of the emulator at `url` needs in its environment."""
    region = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or REGION
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GX_ANALYTICS_ENABLED": "false",
        "DOCKER": f"{shlex.quote(sys.executable)} -m sagemaker_emulator docker",
        "SAGEMAKER_EMULATOR_HOME": str(home),
    }


def child(url: str, home: Path, region: str | None = None) -> dict[str, str]:
    """Return this process's environment, pointed at the emulator."""
    kept = {name: value for name, value in os.environ.items() if name not in CLEARED}
    return {**kept, **variables(url, home, region)}


@contextlib.contextmanager
def cleared() -> Iterator[None]:
    """Run without what would lead our own clients elsewhere: a profile that is not there stops boto3."""
    before = {name: os.environ.pop(name) for name in CLEARED if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)


def shell(values: dict[str, str]) -> str:
    """Return lines that a POSIX shell can source."""
    lines = [f"unset {' '.join(CLEARED)}"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"
