"""A reviewed exception: where candidate and champion cannot be compared, the absolute bar alone decides.

In:   `[gate.waiver]` of mlops.toml as JSON: one champion, a last day, a reason; a champion without scores
Out:  whether that is excused today, or why not, and the line of mlops.toml that would excuse it

It covers rows that lack what the champion needs, a champion that predicts something else (other classes,
another label), and one that today's code can no longer load. It does not cover one whose archive is damaged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any

from training.errors import JobError

LONGEST_DAYS = 90  # ahead: what lasts longer is a rule and no exception
OFFERED_DAYS = 14  # in the line that a refusal shows
REASON_LENGTH = 120  # characters, as mlops.toml takes them: SageMaker takes 256 of a job's argument
UNWRITTEN = re.compile(r'["\\\x00-\x1f\x7f]')  # in a reason
ID = re.compile(r"[0-9a-f]{12,64}")  # a release's id, or its beginning


class WaiverError(JobError):
    """A key of [gate.waiver] is unknown, missing or wrong; nothing was judged."""

    def __init__(self, key: str, wanted: str) -> None:
        super().__init__(f"gate.waiver.{key}: expected {wanted}")


@dataclass(frozen=True)
class Waiver:
    """Which champion need not be compared with, how long, and why."""

    champion: str  # its release's id, or the beginning of it
    until: date  # the last day on which it holds, in UTC
    reason: str

    @classmethod
    def parse(cls, text: str) -> Waiver | None:
        """Read the JSON of `[gate.waiver]`; no text is no waiver.

        Raises:
            WaiverError: it is not a JSON object, or a key is unknown, missing or wrong.
        """
        if not text:
            return None
        try:
            content = json.loads(text)
        except ValueError:
            content = None
        known = {field.name for field in fields(cls)}
        if not isinstance(content, dict) or content.keys() != known:
            raise WaiverError("*", f"a JSON object of {', '.join(sorted(known))}")
        champion, until, reason = (content[field.name] for field in fields(cls))
        if not isinstance(champion, str) or not ID.fullmatch(champion):
            raise WaiverError("champion", "12 to 64 hex digits, a release's id")
        if not isinstance(reason, str) or not reason.strip():
            raise WaiverError("reason", "why, in words")
        try:
            return cls(champion, date.fromisoformat(until), reason.strip())
        except (TypeError, ValueError):
            raise WaiverError("until", "a date such as 2030-01-31") from None

    def objection(self, release_id: str, today: date) -> str:
        """Return why it does not hold for this champion today; nothing where it does."""
        if not release_id.startswith(self.champion):
            serving = release_id[:12] or "one without an id"
            return f"is about champion {self.champion[:12]}, and {serving} is the champion"
        if self.until < today:
            return f"ended on {self.until}"
        if self.until > today + timedelta(days=LONGEST_DAYS):
            return f"lasts until {self.until}, and {LONGEST_DAYS} days ahead is the most"
        return ""

    def __str__(self) -> str:
        """Return what stands wherever the verdict is told."""
        return f"waived until {self.until} by mlops.toml: {self.reason.rstrip('.')}"


@dataclass(frozen=True)
class Excuse:
    """Why a champion without scores need not stop the candidate, or what would excuse that."""

    waiver: Waiver | None = None  # that holds
    told: str = ""  # why none does
    line: str = ""  # of mlops.toml, which would


def unscored(champion: Mapping[str, Any]) -> str:
    """Return why the champion of evaluation.json has no scores; nothing where it has."""
    return champion.get("error") or ("" if champion.get("metrics") else "it has no metrics")


def excuse(champion: Mapping[str, Any] | None, today: date, waiver: Waiver | None) -> Excuse:
    """Hold the waiver against a champion that cannot be compared; no other can be excused."""
    if champion is None or not champion.get("incomparable"):
        return Excuse()
    release = champion.get("release_id") or ""
    objection = waiver.objection(release, today) if waiver else ""
    if waiver and not objection:
        return Excuse(waiver)
    told = f"The waiver in mlops.toml {objection}" if objection else "There is no waiver in mlops.toml"
    return Excuse(told=f" {told}.", line=line(release, unscored(champion), today))


def line(release_id: str, why: str, today: date) -> str:
    """Return the line of [gate] that would waive the comparison; nothing for a champion without an id."""
    if not ID.match(release_id):
        return ""
    until, reason = today + timedelta(days=OFFERED_DAYS), UNWRITTEN.sub("'", why)[:REASON_LENGTH]
    return f'waiver = {{ champion = "{release_id[:12]}", until = {until}, reason = "{reason}" }}'
