"""The one door to AWS: the only file that imports boto3. Clients are made once and passed down.

boto3 itself honours AWS_ENDPOINT_URL, profiles, roles and tokens. No code asks where AWS is in order to act
otherwise: the one exception is `local-test`, which refuses to run where no AWS_ENDPOINT_URL is set.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import botocore.credentials
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from sagemaker_gitops import errors, names
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.github import token

RETRIES = 10  # throttled or broken answers, with the standard mode's growing pauses
CONNECT_SECONDS, READ_SECONDS = 5, 70  # an endpoint may think for 60
# Every other client has its service's name.
SERVICES = {
    "runtime": "sagemaker-runtime",
    "probe": "sagemaker-runtime",
    "publish": "cloudwatch",
    "quotas": "service-quotas",
}
# Clients that never try again: the prober asks all the time, a price is not worth waiting for. The seconds
# that an answer may take.
ONCE = {"probe": 60, "publish": 2, "pricing": 5}


class Aws:
    """The clients of one region, named as their services: sagemaker, s3, cloudwatch. None is global."""

    def __init__(self, region: str) -> None:
        """Nobody is asked: a client is made when it is first needed."""
        self.region = region
        self.caller = ""  # the ARN that AWS knows us by, once it has told
        self._credentials = _github_role(region)  # of the job's role; None for what boto3 finds

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        patience = (1, ONCE[name]) if name in ONCE else ()
        self.__dict__[name] = self._client(SERVICES.get(name, name), *patience)  # made when first asked for
        return self.__dict__[name]

    def _client(self, service: str, attempts: int = RETRIES, seconds: float = READ_SECONDS) -> Any:
        retries: Any = {"mode": "standard", "total_max_attempts": attempts}
        config = Config(retries=retries, connect_timeout=CONNECT_SECONDS, read_timeout=seconds)
        inner: Any = botocore.session.get_session()
        if self._credentials:
            inner._credentials = self._credentials
        session: Any = boto3.Session(botocore_session=inner, region_name=self.region)
        try:
            client = session.client(service, config=config)
        except ValueError as error:  # AWS_ENDPOINT_URL is no address
            raise errors.bad_address(error) from None
        client.meta.events.register("before-parse", functools.partial(_of_aws, client.meta.endpoint_url))
        return client

    def account(self) -> str:
        """Return the account we are let into; the first call of every verb, so it gives up soon."""
        told = self._client("sts", attempts=3).get_caller_identity()
        self.caller = told.get("Arn", "")
        return told["Account"]

    def read_json(self, uri: str) -> Any:
        """Return the JSON at an s3:// address."""
        return json.loads(self.read_bytes(uri))

    def read_bytes(self, uri: str) -> bytes:
        """Return what lies at an s3:// address."""
        return self._open(uri).read()

    def sha256(self, uri: str) -> str:
        """Return the sha256 of what lies at an s3:// address, however large it is."""
        body, total = self._open(uri), hashlib.sha256()
        while block := body.read(1 << 20):
            total.update(block)
        return total.hexdigest()

    def _open(self, uri: str) -> Any:
        bucket, key = names.split_uri(uri)
        try:
            return self.s3.get_object(Bucket=bucket, Key=key)["Body"]
        except ClientError as error:
            error.add_note(uri)  # S3's message names no object
            raise

    def write_bytes(self, uri: str, body: bytes, **only: str) -> None:
        """Put bytes at an s3:// address, checked by S3 on arrival; `only`: its IfMatch or IfNoneMatch."""
        bucket, key = names.split_uri(uri)
        self.s3.put_object(Bucket=bucket, Key=key, Body=body, ChecksumAlgorithm="SHA256", **only)

    def listed(self, operation: str, member: str, **request: Any) -> Iterator[dict[str, Any]]:
        """Yield every item of a SageMaker list operation, page after page."""
        for page in self.sagemaker.get_paginator(operation).paginate(**request):
            yield from page[member]


def _of_aws(where: str, response_dict: Any, operation_model: Any, **_: Any) -> None:
    """Raise AccessError E603 for a page where AWS would have answered: a proxy's, or another server's.

    From 500 on AWS's own balancers answer with pages, too, and boto3 asks again.
    """
    status, body = response_dict["status_code"], response_dict["body"]
    if status >= 500 or not isinstance(body, bytes) or operation_model.has_streaming_output:
        return
    begins, protocol = body[:200].lstrip().lower(), operation_model.service_model.resolved_protocol
    page = begins.startswith((b"<!doctype html", b"<html"))
    if page or status == 407 or (protocol == "query" and not begins.startswith(b"<")):
        kind = "an HTML page" if page else "no XML" if begins else "an empty answer"
        raise errors.not_aws(where, f"{operation_model.name} was answered with HTTP {status}, {kind}")


def _github_role(region: str) -> Any:
    """Return credentials of the role that a job of GitHub Actions takes, renewed while it runs; or None."""
    arn, sent = token.role(), [""]
    if arn is None:
        return None

    def load() -> str:
        sent[0] = token.ask()
        return sent[0]

    def fetch() -> Any:
        try:
            return fetcher.fetch_credentials()
        except ClientError as error:
            raise token.refused(arn, sent[0], str(error)) from None

    fetcher = botocore.credentials.AssumeRoleWithWebIdentityCredentialFetcher(
        client_creator=functools.partial(botocore.session.get_session().create_client, region_name=region),
        web_identity_token_loader=load,
        role_arn=arn,
        extra_args={"RoleSessionName": token.session_name()},
    )
    return botocore.credentials.DeferredRefreshableCredentials(fetch, "github-actions")


def connect(region: str) -> tuple[Aws, str]:
    """Return the clients and the account; raise SettingsError E506 or AccessError E6xx."""
    known = regions()
    if region not in known:
        near = difflib.get_close_matches(region, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known)[:6])} and more"
        raise SettingsError(f"""E506 '{region}' is not a region with SageMaker
            mlops.toml, key project.region
            {hint}
            correct it; for a region newer than this botocore, update botocore""")
    aws = Aws(region)
    return aws, aws.account()


def offline_session() -> Any:
    """Return a session that can sign nothing: the SDK wants one even where it only writes JSON."""
    return boto3.Session(region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")  # noqa: S106


def found(call: Callable[..., Any], **request: Any) -> Any:
    """Return AWS's answer, or None where it says that there is no such thing."""
    try:
        return named(call, **request)
    except ClientError as error:
        if errors.missing(error):
            return None
        raise


def named(call: Callable[..., Any], **request: Any) -> Any:
    """Return AWS's answer; what it refuses of S3 is named: the answer to a HEAD says no word of it."""
    try:
        return call(**request)
    except ClientError as error:
        if "Bucket" in request:
            error.add_note("/".join(("s3:/", request["Bucket"], *filter(None, [request.get("Key")]))))
        raise


@functools.cache
def regions() -> frozenset[str]:
    """Return the regions that botocore knows SageMaker in; asks nobody."""
    session = boto3.Session(region_name="us-east-1")
    parts = session.get_available_partitions()
    return frozenset(region for part in parts for region in session.get_available_regions("sagemaker", part))
