"""How long an emulated minute is: what AWS merely waits for is scaled, what runs is not.

Scaled: bakes, alarm periods, termination waits, retry intervals. Not scaled: start of a process, max runtime.
"""

from __future__ import annotations

import os

VARIABLE = "SAGEMAKER_EMULATOR_MINUTE"


def scaled(seconds: float) -> float:
    """Return how many real seconds stand for `seconds` of AWS's waiting; a minute is a second unless told."""
    return seconds * float(os.environ.get(VARIABLE, "1")) / 60.0


def parse_minute(text: str) -> float:
    """Read `--minute 1s` or `0.5`. Raises ValueError."""
    value = float(text.removesuffix("s"))
    if value <= 0:
        raise ValueError("expected more than 0 seconds")
    return value
