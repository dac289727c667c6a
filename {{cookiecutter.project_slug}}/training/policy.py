"""The gate's policy: `[gate]` of mlops.toml, as the job gets it; a key too many or too few is refused."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, fields
from math import isfinite
from typing import Any

from training.errors import JobError


class PolicyError(JobError):
    """A key of [gate] is unknown, missing or out of range; nothing was judged."""

    def __init__(self, key: str, wanted: str) -> None:
        super().__init__(f"gate.{key}: expected {wanted}")


@dataclass(frozen=True)
class Policy:
    """What a candidate must reach. A loss counts in the metric's worse direction: it is never negative."""

    metric: str  # its name in training/metrics.py
    max_regression: float  # loss against the champion that is still a tie
    slice_max_regression: float  # the same, in every slice that is large enough to gate on
    slice_min_rows: int  # smaller slices are shown, not gated
    slice_min_positives: int  # of the rarer class; binary tasks only
    minimum: float | None = None  # the absolute bar, where higher is better
    maximum: float | None = None  # the absolute bar, where lower is better
    max_possible_regression: float | None = None  # loss that the test rows must rule out; 10 x max_regression

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Read the JSON of `[gate]`; null counts as absent.

        Raises:
            PolicyError: it is not a JSON object, or a key is unknown, missing or out of range.
        """
        try:
            content = json.loads(text)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise PolicyError("*", "a JSON object, the [gate] table of mlops.toml")
        given = {key: value for key, value in content.items() if value is not None}
        known = {field.name: field.default is MISSING for field in fields(cls)}
        for key in given.keys() - known:
            raise PolicyError(key, f"no such key (known: {', '.join(sorted(known))})")
        for key, needed in known.items():
            if needed and key not in given:
                raise PolicyError(key, "a value, it is missing")
        return cls(**given)

    def __post_init__(self) -> None:
        """Check types and ranges here, so that the gate may trust them."""
        for key, value in vars(self).items():
            if key == "metric":
                good, wanted = isinstance(value, str) and value, "the name of a metric in training/metrics.py"
            elif key.startswith("slice_min"):
                good = _is_number(value) and isinstance(value, int) and value >= 1
                wanted = "a whole number, 1 or more"
            elif "regression" in key:
                good, wanted = value is None or (_is_number(value) and value >= 0), "a number, 0 or more"
            else:
                good, wanted = value is None or _is_number(value), "a finite number"
            if not good:
                raise PolicyError(key, wanted)

    @property
    def possible_regression(self) -> float:
        """Return the loss that the interval of the difference must rule out."""
        told = self.max_possible_regression
        return 10 * self.max_regression if told is None else told


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
