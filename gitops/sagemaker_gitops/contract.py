"""What staging must show before production is asked: 4xx for bad requests, right answers under load."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_gitops import errors, proof
from sagemaker_gitops.aws import Aws
from sagemaker_gitops.errors import WrongRelease
from sagemaker_gitops.proof import Ready

LOAD, AT_ONCE = 64, 8  # requests, and how many at the same time
# What a client may get wrong, whatever the columns are: name, content type, body.
BAD = (
    ("no JSON", "application/json", b"{"),
    ("no instances", "application/json", b'{"rows": []}'),
    ("no rows but a number", "application/json", b'{"instances": 1}'),
    ("an empty row", "application/json", b'{"instances": [[]]}'),
    ("an unknown column", "application/json", b'{"instances": [{"no such column": 1}]}'),
    ("no UTF-8", "application/json", b'{"instances": [["\xff"]]}'),
    ("an unknown content type", "application/x-unknown", b"1"),
    ("a row of text for CSV", "text/csv", b"no,such,row\n"),
)


def prove(aws: Aws, ready: Ready) -> str:
    """Return what was shown, in words; raise WrongRelease E402 for what is not as it must be."""
    for name, content_type, body in BAD:
        refused(aws, ready.endpoint, name, content_type, body)
    proof.of_answers(aws, ready.endpoint, ready.golden, ready.package)  # the server lives
    slowest = load(aws, ready)
    return f"{len(BAD)} bad requests refused, {LOAD} under load right (p99 {slowest * 1000:.0f} ms)"


def refused(aws: Aws, endpoint: str, name: str, content_type: str, body: bytes) -> None:
    """Send a bad request; raise WrongRelease unless the container answered it with a 4xx."""
    try:
        aws.runtime.invoke_endpoint(EndpointName=endpoint, ContentType=content_type, Body=body)
        why = "it was answered as if it were right"
    except (ClientError, BotoCoreError) as error:
        status = errors.container_status(error)
        if 400 <= status < 500:
            return
        why = f"status {status}" if status else type(error).__name__
    raise WrongRelease(f"""E402 a bad request ({name}) did not end as 4xx
        {endpoint}
        {why}
        correct the server (inference/): a client's mistake must not look like a fault of the model""")


def load(aws: Aws, ready: Ready) -> float:
    """Send golden requests at the same time; return the slowest but one in a hundred, in seconds."""
    cases = ready.golden["cases"]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        seconds = sorted(pool.map(lambda n: _timed(aws, ready, cases[n % len(cases)]), range(LOAD)))
    return seconds[int(0.99 * len(seconds)) - 1]


def _timed(aws: Aws, ready: Ready, case: dict[str, Any]) -> float:
    started = time.monotonic()
    proof.of_answers(aws, ready.endpoint, ready.golden | {"cases": [case]}, ready.package)
    return time.monotonic() - started
