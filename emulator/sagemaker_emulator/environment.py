"""The variables under which any AWS program talks to the emulator, and only to it."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

REGION = "us-east-1"
# What would win over, or break, the test credentials and the one address. AWS_IGNORE_CONFIGURED_ENDPOINT_URLS
# makes clients go to AWS itself; an endpoint of one service goes before the one for all.
CLEARED = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
)
SERVICE_ENDPOINT = "AWS_ENDPOINT_URL_"
# Files of the user may hold endpoints, FIPS and profiles as well: there are none here.
NO_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def is_cleared(name: str) -> bool:
    """Return whether a variable would lead a client elsewhere than to the emulator."""
    return name in CLEARED or name.startswith(SERVICE_ENDPOINT)


def variables(url: str, home: Path, region: str | None = None) -> dict[str, str]:
    """Return what a client of the emulator at `url` needs in its environment."""
    region = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or REGION
    return {
        **NO_FILES,
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
    kept = {name: value for name, value in os.environ.items() if not is_cleared(name)}
    return {**kept, **variables(url, home, region)}


@contextlib.contextmanager
def cleared() -> Iterator[None]:
    """Run without what would lead our own clients elsewhere: a profile that is not there stops boto3."""
    before = {name: value for name, value in os.environ.items() if is_cleared(name) or name in NO_FILES}
    for name in before:
        del os.environ[name]
    os.environ.update(NO_FILES)
    try:
        yield
    finally:
        for name in NO_FILES:
            os.environ.pop(name, None)
        os.environ.update(before)


def shell(values: dict[str, str]) -> str:
    """Return lines that a POSIX shell can source."""
    lines = [f"unset {' '.join(CLEARED)}"]
    # Which services have an address of their own is known only in the shell that sources this.
    pattern = rf"s/^\({SERVICE_ENDPOINT}[A-Za-z0-9_]*\)=.*/\1/p"
    lines += [f"for name in $(env | sed -n '{pattern}'); do unset \"$name\"; done; unset name"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"
