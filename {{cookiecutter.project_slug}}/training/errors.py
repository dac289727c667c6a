"""What can go wrong in training and evaluation, in words that name no data value.

JobError
├── SettingsError   a hyperparameter is wrong          nothing was read
├── DataError       the rows cannot be used            nothing was trained
├── FitError        the loss is no longer a number     nothing was saved
├── ParityError     ONNX and PyTorch disagree          nothing was written
└── DiskError       the disk is full                   what was whole before still is
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from inference.encode import EncodeError

PROJECT = Path(__file__).parents[1]
OURS = ("training", "inference", "data_checks")


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


class DiskError(JobError):
    """There is no room for a file."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__(
            f"no room for {name} ({size:,} bytes): a larger volume_gb for this job in [jobs] of mlops.toml"
        )


def explain(error: BaseException) -> str:
    """Return one line for the failure file: what happened and where, without values from the data.

    Only the texts of our own errors are repeated. Any other may quote a row, whatever its type.
    """
    if isinstance(error, JobError | EncodeError):
        return str(error)
    where = f" at {place}" if (place := last_place(error)) else ""
    return f"{type(error).__name__}{where}; its text is left out, it may quote the data"


def last_place(error: BaseException) -> str:
    """Return file, line and function of the last of our own lines that an error went through."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.parent.parent == PROJECT and path.parent.name in OURS:
            return f"{path.parent.name}/{path.name}:{frame.lineno} in {frame.name}"
    return ""
