"""Data capture: requests and answers of an endpoint, as JSON lines on S3, laid out as AWS lays them out.

s3://destination/ENDPOINT/VARIANT/yyyy/mm/dd/hh/MM-SS-mmm-UUID.jsonl, times in UTC, of a file's first record.
A request only leaves what was said in a list; a thread writes the files, once in a minute of AWS's. What
cannot be kept or written is lost and logged: capture never slows a request and never makes one fail.
"""

from __future__ import annotations

import base64
import json
import logging
import random
import threading
import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator import acting, clock, endings, itself

log = logging.getLogger(__name__)

FLUSH_SECONDS = 60.0  # files seen on AWS cover about a minute each
SHORTEST_SECONDS = 0.1
MOST_WAITING_BYTES = 256 * 1024 * 1024
UNTYPED = "application/octet-stream"


@dataclass(frozen=True)
class Payload:
    """What was sent in one direction."""

    body: bytes
    content_type: str | None


@dataclass(frozen=True)
class Exchange:
    """One invocation: the request, the answer, and what identifies them."""

    region: str
    endpoint: str
    variant: str
    asked: Payload
    answered: Payload
    inference_id: str | None = None
    custom_attributes: str | None = None
    role: str | None = None  # of the model; writes the files
    account: str = itself.ACCOUNT
    event_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def size(self) -> int:
        """Return how many bytes it holds on to."""
        return len(self.asked.body) + len(self.answered.body)


Settings = Mapping[str, Any]  # DataCaptureConfig, as CreateEndpointConfig got it

_lock = threading.Lock()
_waiting: list[tuple[Settings, Exchange]] = []
_waiting_bytes = 0
_broken: set[str] = set()  # destinations that could not be written to the last time
_running = threading.Event()
_stop = threading.Event()


def record(settings: Settings | None, exchange: Exchange) -> None:
    """Take one invocation, by chance where the settings say so. Costs a draw and a list entry."""
    global _waiting_bytes
    if settings is None or not settings.get("EnableCapture", True):
        return
    if random.random() * 100 >= settings["InitialSamplingPercentage"]:  # noqa: S311 (a sample, no secret)
        return
    with _lock:
        if _waiting_bytes + exchange.size > MOST_WAITING_BYTES:
            log.warning("event=capture_full endpoint=%s", exchange.endpoint)
            return
        _waiting.append((settings, exchange))
        _waiting_bytes += exchange.size
    _start()


def summary(settings: Settings | None) -> dict[str, Any] | None:
    """Return what DescribeEndpoint shows of data capture."""
    if settings is None:
        return None
    enabled = settings.get("EnableCapture", True)
    working = enabled and settings["DestinationS3Uri"] not in _broken
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if working else "Stopped",
        "CurrentSamplingPercentage": settings["InitialSamplingPercentage"],
        "DestinationS3Uri": settings["DestinationS3Uri"],
        "KmsKeyId": settings.get("KmsKeyId", ""),
    }


@endings.at_shutdown
def finish() -> None:
    """Write what waits and end the thread; the server still answers at this moment."""
    _stop.set()
    flush()


def flush() -> None:
    """Write everything that waits, one file for each variant, destination and hour."""
    global _waiting_bytes
    with _lock:
        taken = list(_waiting)
        _waiting.clear()
        _waiting_bytes = 0
    files: defaultdict[tuple[str, ...], list[tuple[Settings, Exchange]]] = defaultdict(list)
    for settings, exchange in taken:
        hour = f"{exchange.at:%Y/%m/%d/%H}"
        files[settings["DestinationS3Uri"], exchange.endpoint, exchange.variant, hour].append(
            (settings, exchange)
        )
    for (destination, endpoint, variant, hour), lines in files.items():
        try:
            _write(destination, f"{endpoint}/{variant}/{hour}", lines)
            _broken.discard(destination)
        except Exception:
            _broken.add(destination)
            log.exception("event=capture_lost endpoint=%s records=%d", endpoint, len(lines))


def _write(destination: str, folder: str, lines: list[tuple[Settings, Exchange]]) -> None:
    settings, first = lines[0]
    bucket, _, prefix = destination.partition("://")[2].partition("/")
    name = f"{first.at:%M-%S}-{first.at.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
    key = "/".join(part for part in (prefix.strip("/"), folder, name) if part)
    body = "".join(json.dumps(line(each, one)) + "\n" for each, one in lines)
    extra = {}
    if settings.get("KmsKeyId"):
        extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": settings["KmsKeyId"]}
    source = f"arn:aws:sagemaker:{first.region}:{first.account}:endpoint/{first.endpoint}"
    with acting.as_role(first.role, first.account, first.region, source):
        itself.client("s3", first.region).put_object(Bucket=bucket, Key=key, Body=body.encode(), **extra)


def line(settings: Settings, exchange: Exchange) -> dict[str, Any]:
    """Return one record, as Model Monitor reads it."""
    modes = {option["CaptureMode"] for option in settings["CaptureOptions"]}
    data = {}
    if modes & {"Input", "InputAndOutput"}:
        data["endpointInput"] = _side(settings, exchange.asked, "INPUT")
    if modes & {"Output", "InputAndOutput"}:
        data["endpointOutput"] = _side(settings, exchange.answered, "OUTPUT")
    event: dict[str, Any] = {"eventId": exchange.event_id}
    if exchange.inference_id:
        event["inferenceId"] = exchange.inference_id
    if exchange.custom_attributes:
        event["customAttributes"] = [exchange.custom_attributes]
    event["inferenceTime"] = f"{exchange.at:%Y-%m-%dT%H:%M:%SZ}"
    return {"captureData": data, "eventMetadata": event, "eventVersion": "0"}


def _side(settings: Settings, payload: Payload, mode: str) -> dict[str, Any]:
    kind = payload.content_type or UNTYPED
    encoding = _encoding(settings.get("CaptureContentTypeHeader", {}), kind)
    data = base64.b64encode(payload.body).decode()
    if encoding != "BASE64":
        try:
            data = payload.body.decode("utf-8")
        except UnicodeDecodeError:
            encoding = "BASE64"
    return {"observedContentType": kind, "mode": mode, "data": data, "encoding": encoding}


def _encoding(headers: Mapping[str, list[str]], kind: str) -> str:
    """Return how a content type is written down: plain only where the settings name it, as AWS documents."""
    bare = kind.partition(";")[0].strip().lower()
    for encoding, member in (("CSV", "CsvContentTypes"), ("JSON", "JsonContentTypes")):
        if bare in (each.lower() for each in headers.get(member, [])):
            return encoding
    return "BASE64"


def _start() -> None:
    if not _running.is_set():
        _running.set()
        _stop.clear()
        threading.Thread(target=_write_on, name="capture", daemon=True).start()


def _write_on() -> None:
    while not _stop.wait(max(clock.scaled(FLUSH_SECONDS), SHORTEST_SECONDS)):
        flush()
    _running.clear()
