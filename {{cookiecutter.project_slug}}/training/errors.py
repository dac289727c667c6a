"""What can go wrong in training and evaluation, in words that name no data value.

JobError
├── SettingsError   a hyperparameter is wrong          nothing was read
├── DataError       the rows cannot be used            nothing was trained
├── FitError        the loss is no longer a number     nothing was saved
└── ParityError     ONNX and PyTorch disagree          nothing was written
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from inference.encode import EncodeError

# Python's and Arrow's errors of these kinds quote the value that they stumbled over.
QUOTE_VALUES = (ValueError, LookupError, OverflowError)


class JobError(Exception):
    """The job cannot go on; the message is fit for the failure file."""


class SettingsError(JobError):
    """A hyperparameter is unknown, of the wrong type or out of range."""

    def __init__(self, name: str, value: Any, wanted: str) -> None:
        super().__init__(f"hyperparameter {name} is {value!r}; expected {wanted}")


class DataError(JobError):
    """The rows cannot be used."""


class FitError(JobError):
    """The loss or the metric is no longer a finite number."""


class ParityError(JobError):
    """The exported graph does not answer as PyTorch does."""


def explain(error: BaseException) -> str:
    """Return the lines of the failure file: what happened and where, without values from the data."""
    if isinstance(error, JobError | EncodeError):
        return str(error)
    words = "(its message may quote data and is left out)" if isinstance(error, QUOTE_VALUES) else str(error)
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    where = [f"  at {Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames]
    return "\n".join([f"{type(error).__name__}: {words}", *where])
