"""The clients that all stories ask, and the certainty that they ask AWS, or the emulator."""

from __future__ import annotations

import os
from types import SimpleNamespace
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from verify_aws.ground import Refused
from verify_aws.transcript import Calls

CLIENTS = {name: name for name in ("s3", "iam", "sagemaker", "logs", "cloudwatch", "ecr", "sts")}
CLIENTS["runtime"] = "sagemaker-runtime"
AWS_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws")
RETRIES = Config(retries={"mode": "standard", "total_max_attempts": 5})
# How often AWS is looked at, and until a new role is known everywhere. Waiting is scaled in the emulator.
PACE = {False: {"poll_seconds": 5, "role_seconds": 15}, True: {"poll_seconds": 0.05, "role_seconds": 0}}


def connected(emulator: bool) -> tuple[SimpleNamespace, Calls]:
    """Return boto3's clients and the note of their calls. Raises Refused where it is not AWS, or is."""
    try:
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"))  # boto3 alone reads another name
        calls = Calls(session)
        clients = {name: session.client(service, config=RETRIES) for name, service in CLIENTS.items()}
        _refuse_wrong_address([client.meta.endpoint_url for client in clients.values()], emulator)
        caller = clients["sts"].get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        todo = "give credentials and a region; try: aws sts get-caller-identity"
        raise Refused(
            f"AWS cannot be asked\n  this shell's credentials and region\n  {error}\n  {todo}"
        ) from None
    return SimpleNamespace(**clients, caller=caller, **PACE[emulator]), calls


def _refuse_wrong_address(urls: list[str], emulator: bool) -> None:
    """Raise Refused where AWS is wanted and one address is another's, or the other way round."""
    elsewhere = [url for url in urls if not (urlsplit(url).hostname or "").endswith(AWS_HOSTS)]
    if not emulator and elsewhere:
        raise Refused(
            f"this is not AWS\n  {elsewhere[0]}\n  AWS_ENDPOINT_URL, or AWS's configuration file, says so\n"
            "  unset it, or add --emulator"
        )
    if emulator and len(elsewhere) < len(urls):
        raise Refused(
            "--emulator was given, and this is AWS\n  this shell\n  AWS_ENDPOINT_URL is not set\n"
            "  sagemaker-emulator run -- python -m verify_aws --emulator"
        )
