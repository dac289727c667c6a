"""The client that the README recommends: it asks again where an endpoint failed, because another instance,
and during a rollout the release before, most likely answers. Copy it; it needs boto3 and nothing else.
"""

from __future__ import annotations

import random
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

TRIES = 3


def ask(runtime: Any, endpoint: str, body: bytes, content_type: str = "application/json") -> dict[str, Any]:
    """Return an endpoint's answer, its Body read, asked up to three times; raise what the last try raised.

    A prediction changes nothing, so asking twice does no harm. A refusal (4xx) is asked again too: while a
    release goes out it may be the new one that is wrong, not the request.
    """
    for tried in range(1, TRIES + 1):
        try:
            answer = runtime.invoke_endpoint(EndpointName=endpoint, ContentType=content_type, Body=body)
            return {**answer, "Body": answer["Body"].read()}  # a connection may end in the midst of it
        except (ClientError, BotoCoreError):
            if tried == TRIES:
                raise
        time.sleep(random.uniform(0.02, 0.08) * tried)
    raise AssertionError("unreachable")
