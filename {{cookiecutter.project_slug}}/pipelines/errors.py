"""Everything that can stop a verb, as one tree; every message ends with the next step.

MLOpsError        E1xx  exit 1   a job or AWS failed; its log is named
├── DataRefused   E2xx  exit 2   the data broke its contract: nothing was trained
├── ModelRefused  E3xx  exit 3   the gate said no: nothing was registered
├── DeployFailed  E4xx  exit 4   rolled back (E401), not proven (E402), rejected earlier (E403)
├── SettingsError E5xx  exit 5   settings, region, stack, image: nothing was started
└── AccessError   E6xx  exit 6   AWS did not let us in
"""

from __future__ import annotations

import os
from collections.abc import Mapping

INTERRUPTED = 130  # 128 + SIGINT, as shells report it
EXIT_CODES = {"2": 2, "3": 3, "4": 4, "5": 5, "6": 6}


class MLOpsError(Exception):
    """A stop with a code and four lines: what, where, why, what to do."""

    verdict = "failed"  # of the step that it ends

    def __init__(self, code: str, what: str, where: str, why: str, todo: str) -> None:
        super().__init__(f"{code} {what}")
        self.code, self.what, self.where, self.why, self.todo = code, what, where, why, todo
        self.detail: list[str] = []  # the end of a log, shown above the four lines

    @property
    def exit_code(self) -> int:
        """The process's exit code: the code's first digit, 1 for anything without a number of its own."""
        return EXIT_CODES.get(self.code[1], 1)

    def lines(self) -> list[str]:
        """Return the four lines, each on one line whatever a service put into its message."""
        parts = [f"✗ {self.code} {self.what}", f"  {self.where}", f"  {self.why}", f"  {self.todo}"]
        return [
            " ".join(part.split()) if i == 0 else "  " + " ".join(part.split())
            for i, part in enumerate(parts)
        ]


class DataRefused(MLOpsError):
    """The data broke its contract; nothing was trained."""

    verdict = "refused"


class ModelRefused(MLOpsError):
    """The gate said no; nothing was registered."""

    verdict = "refused"


class DeployFailed(MLOpsError):
    """The release was rolled back, or could not be proven."""


class SettingsError(MLOpsError):
    """Settings, region, stack, image or files are not as they must be; nothing was started."""


class AccessError(MLOpsError):
    """AWS did not let us in, or could not be reached."""


def annotation(error: MLOpsError, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the GitHub Actions annotation of an error, or None outside of Actions."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return None
    body = "\n".join(error.lines()[1:])
    escaped = body.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    title = error.lines()[0].lstrip("✗ ").replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    return f"::error title={title}::{escaped}"
