"""What the exit code tells, and the words beside it."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

from verify_aws.ground import Refused
from verify_aws.ledger import Ledger

TOLD, DIFFERENT, REFUSED, INCOMPLETE, LEFT, INTERRUPTED = 0, 1, 2, 3, 4, 130


def code(act: Callable[[], int], ledger: Ledger) -> int:
    """Do it and return its exit code; LEFT, whatever happened, where the ledger names something then."""
    try:
        found = act()
    except (Exception, KeyboardInterrupt) as error:
        found = said(error)
    return LEFT if ledger.made else found


def said(error: BaseException) -> int:
    """Say why it did not go on and return the exit code: never the one that speaks of AWS."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, Refused):
        print(f"✗ {error}", file=sys.stderr)
        return REFUSED
    traceback.print_exception(error)
    return INCOMPLETE


def say_left(left: list[str], ledger: Ledger) -> None:
    """Say what could not be removed."""
    if left:
        print("\n".join(["Left behind:", *left]))
        print(f"Again, {ledger.path} tells what: python -m verify_aws --clean")
        return
    gone = "what was made is gone. Records of jobs and of metrics stay; they cost nothing."
    print(f"Nothing in {ledger.path.name}: {gone}")
