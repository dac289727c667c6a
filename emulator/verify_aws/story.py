"""What a story is, and what it is told with: clients, names, claims, patience, and a note of all it makes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from verify_aws.ledger import Ledger

AS_CLAIMED, DIFFERS, NOT_RUN = "as claimed", "differs", "not run"
# Answers that say something of the account, not of SageMaker's behaviour.
OF_THE_ACCOUNT = {
    *("ResourceLimitExceeded", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation"),
    *("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"),
    *("ThrottlingException", "Throttling", "SlowDown", "OptInRequired"),
}


class NotRun(Exception):
    """A story could not be told to its end; the message says why."""


@dataclass(frozen=True)
class Story:
    """One story: what it shows, which machines it needs at most, how it goes."""

    name: str
    shows: str
    machines: tuple[tuple[str, int, int], ...]  # (component of the price list, machines, minutes at most)
    tell: Callable[[Run], None]

    @property
    def machine_minutes(self) -> int:
        """Return the upper bound of what is billed by time."""
        return sum(count * minutes for _, count, minutes in self.machines)


@dataclass
class Run:
    """One telling of one story."""

    aws: SimpleNamespace  # boto3's clients by name
    ground: Any  # bucket, role, image: what all stories stand on
    ledger: Ledger
    prefix: str
    claims: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)

    def name(self, what: str) -> str:
        """Return a name nobody else has."""
        return f"{self.prefix}-{what}"

    def uri(self, path: str) -> str:
        """Return a place on S3 that is this run's own."""
        return f"s3://{self.ground.bucket}/{self.prefix}/{path}"

    def key(self, path: str) -> dict[str, str]:
        """Return the same place as S3's calls want it."""
        return {"Bucket": self.ground.bucket, "Key": f"{self.prefix}/{path}"}

    def make(self, kind: str, name: str) -> str:
        """Note what is about to be made, before it is: a lost answer must not leave anything behind."""
        self.ledger.add(kind, name)
        return name

    def same(self, what: str, seen: Any, wanted: Any) -> None:
        """Claim that AWS answers exactly this."""
        self._claim(what, seen, wanted, seen == wanted)

    def like(self, what: str, seen: str | None, pattern: str) -> None:
        """Claim that AWS's words fit a pattern."""
        self._claim(what, seen, pattern, bool(re.search(pattern, seen or "")))

    def refused(self, what: str, call: Callable[[], object], code: str, pattern: str) -> None:
        """Claim that AWS refuses a call with this code and these words."""
        wanted = f"{code}: {pattern}"
        try:
            call()
        except ClientError as error:
            found, words = error.response["Error"]["Code"], error.response["Error"]["Message"]
            if found != code and of_the_account(error):
                raise
            self._claim(what, f"{found}: {words}", wanted, found == code and bool(re.search(pattern, words)))
        else:
            self._claim(what, "accepted", wanted, False)

    def _claim(self, what: str, seen: Any, wanted: Any, holds: bool) -> None:
        self.claims.append({"claim": what, "expected": wanted, "seen": seen, "holds": holds})

    def wait(
        self, look: Callable[[], dict[str, Any]], status: str, rest: Collection[str], minutes: int
    ) -> tuple[dict[str, Any], list[str]]:
        """Look until the status is one of `rest`; return the last answer and each status in its order.

        Raises NotRun where it takes longer, or AWS has no machine to give.
        """
        seen: list[str] = []
        for answer in self.looks(look, minutes):
            if answer[status] not in seen[-1:]:
                seen.append(answer[status])
            if answer[status] in rest:
                break
        self.provisioned(answer)
        return answer, seen

    def provisioned(self, answer: dict[str, Any]) -> None:
        """Raise NotRun where something failed because AWS had no machine to give just then."""
        if "capacity" in answer.get("FailureReason", "").lower():
            raise NotRun(answer["FailureReason"])

    def looks(self, look: Callable[[], Any], minutes: int) -> Any:
        """Yield what `look` returns, again and again. Raises NotRun when the minutes are over."""
        deadline = time.monotonic() + minutes * 60
        while time.monotonic() < deadline:
            yield look()
            time.sleep(self.aws.poll_seconds)
        raise NotRun(f"not over after {minutes} minutes")


def of_the_account(error: ClientError) -> bool:
    """Say whether an answer is about this account or this moment, not about how SageMaker behaves."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return error.response["Error"]["Code"] in OF_THE_ACCOUNT or status >= 500


def told(story: Story, run: Run) -> tuple[str, str]:
    """Tell a story; return the verdict and its reason. Ctrl-C passes through."""
    try:
        story.tell(run)
    except NotRun as error:
        return NOT_RUN, str(error)
    except ClientError as error:
        return NOT_RUN if of_the_account(error) else DIFFERS, str(error)
    except BotoCoreError as error:
        return NOT_RUN, str(error)
    except Exception as error:  # a story that breaks must not keep the others from being told, or cleaned
        return NOT_RUN, f"the story itself broke: {type(error).__name__}: {error}"
    against = [claim["claim"] for claim in run.claims if not claim["holds"]]
    return (DIFFERS, "; ".join(against)) if against else (AS_CLAIMED, "")
