"""S3's conditional writes, one at a time: moto looks at the object first and writes it a moment later.

On AWS the first of several writers wins and the others get PreconditionFailed; here two could win.
"""

from __future__ import annotations

import threading
from typing import Any

from sagemaker_emulator import seams

CONDITIONS = ("If-Match", "If-None-Match")
_one_at_a_time = threading.Lock()


@seams.wrap("moto.s3.responses", "S3Response.put_object")
def put_object(original: Any, response: Any) -> Any:
    """Let no other conditional write come between the look and the write."""
    if not any(condition in response.headers for condition in CONDITIONS):
        return original(response)
    with _one_at_a_time:
        return original(response)
