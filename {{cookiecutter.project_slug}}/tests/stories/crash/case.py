"""One case of the matrix: a release with one fault, and whether nothing was lost.

equal     exit 0 and the end state of a release without a fault
red       a clean red: four lines, the old release serves rightly, and the same again reaches that end state
lost      anything else
missed    the call was not made this time: nothing is shown
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.stories.crash import state
from tests.stories.crash.calls import Place
from tests.stories.crash.site import Site
from tests.stories.world import Ended

RUNTIME = "sagemaker-runtime"


@dataclass(frozen=True)
class Case:
    """One fault at one call."""

    place: Place
    kind: str
    times: int = 1
    here: bool = True  # whether the verb's own process makes the call

    def __str__(self) -> str:
        return f"{self.place}: {self.kind}" + (f" x {self.times}" if self.times > 1 else "")


@dataclass
class Outcome:
    """How a case ended."""

    case: Case
    verdict: str
    code: int = 0
    first: str = ""  # line of the message
    notes: list[str] = field(default_factory=list)  # why it is lost
    asked: int = 0  # requests of the client meanwhile

    def __str__(self) -> str:
        told = f"{self.verdict:<7}{self.case}"
        told += f" -> exit {self.code}: {self.first}" if self.code else ""
        return told + "".join(f"\n        {note}" for note in self.notes)


def run(site: Site, case: Case, wanted: dict[str, Any]) -> Outcome:
    """Release something new with the fault; judge; release it again without where that went wrong."""
    before, release_id = state.standing(site), site.change(code=case.place.needs_code)
    # A fault that is meant for a verb's own request must not reach the client's.
    outputs = []
    with site.client.asking(never=case.place.service == RUNTIME):
        site.wire.wait_for(case.place, case.kind, case.times, case.here)
        ended = site.release()
        hits = site.wire.clear()
        outcome = Outcome(case, "equal" if hits else "missed", ended.code)
        outputs += ended.output.splitlines()
        if ended.code:
            outcome.verdict, outcome.first = "red", told(ended)
            outcome.notes += unclean(ended) + state.unharmed(site, before)
            ended = site.release()
            outputs += ended.output.splitlines()
        if ended.code:
            outcome.notes.append(f"the same again ends with {ended.code}: {told(ended)}")
        else:
            outcome.notes += state.differences(wanted, state.after(site, before, release_id))
    outcome.notes += [f"a request of the client: {trouble}" for trouble in site.client.trouble[:3]]
    outcome.asked = site.client.sent
    if outcome.notes:
        outcome.verdict = "lost"
        outcome.notes += outputs
    return outcome


def told(ended: Ended) -> str:
    """Return the first line of what a verb ended with."""
    lines = [line for line in ended.output.splitlines() if line.startswith("✗ E")]
    return lines[-1] if lines else f"no message: {ended.output.rstrip().splitlines()[-1:]}"


def unclean(ended: Ended) -> list[str]:
    """Return what is wrong with how a verb ended red."""
    found = ["there is a traceback"] if "Traceback" in ended.output else []
    if "✗ E" not in ended.output or len(ended.message()) != 4:
        found.append("it does not end with four lines")
    return found
