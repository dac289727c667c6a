"""One case of the matrix: a release with one fault, and whether nothing was lost.

equal     exit 0 and the end state of a release without a fault
told      exit 0, the new release proven; of that end state one thing is missing, and the verb says which
red       a clean red: four lines, the old release serves rightly, and the same again reaches that end state
late      red in the same way, but after the proof: the new release serves, and was proven
lost      anything else
missed    the call was not made this time: nothing is shown
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.stories.crash import state
from tests.stories.crash.calls import Place
from tests.stories.crash.site import Site
from tests.stories.crash.state import Standing
from tests.stories.world import Ended

RUNTIME = "sagemaker-runtime"
PROVEN = "✓ production"
# What a fault that lasts may take away from a release that ends with 0, and the words that say so.
TOLD = {"evidence": "the evidence was not written", "alarms": "the alarms were not deleted"}


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

    case: object  # its text names it
    verdict: str
    code: int = 0
    first: str = ""  # line of the message
    notes: list[str] = field(default_factory=list)  # why it is lost
    asked: int = 0  # requests of the client meanwhile

    @property
    def lost(self) -> bool:
        """Whether something was lost, or nothing was shown."""
        return self.verdict in ("lost", "missed")

    def __str__(self) -> str:
        told = f"{self.verdict:<7}{self.case}"
        told += f" -> exit {self.code}: {self.first}" if self.code else ""
        return told + "".join(f"\n        {note}" for note in self.notes)


def run(site: Site, case: Case, wanted: dict[str, Any]) -> Outcome:
    """Release something new with the fault; judge; release it again without where that went wrong."""
    before, release_id = state.standing(site), site.change(code=case.place.needs_code)
    # A fault that is meant for a verb's own request must not reach the client's.
    with site.client.asking(never=case.place.service == RUNTIME):
        site.wire.wait_for(case.place, case.kind, case.times, case.here)
        ended = site.release()
        hits = site.wire.clear()
        outcome, shown = Outcome(case, "equal" if hits else "missed", ended.code), ended.output
        if ended.code:
            red(site, before, release_id, ended, outcome)
            ended = site.release()
            shown += ended.output
        if ended.code:
            outcome.notes.append(f"the same again ends with {ended.code}: {told(ended)}")
        else:
            compare(wanted, state.after(site, before, release_id), ended, outcome)
    outcome.notes += [f"a request of the client: {trouble}" for trouble in site.client.trouble[:3]]
    outcome.asked = site.client.sent
    if outcome.notes:
        outcome.verdict = "lost"
        outcome.notes += shown.splitlines()
    return outcome


def red(site: Site, before: Standing, release_id: str, ended: Ended, outcome: Outcome) -> None:
    """Judge a red end: who serves, and whether the verb says what happened."""
    proven = PROVEN in ended.output and site.live() and site.client.ask() == release_id
    outcome.verdict, outcome.first = "late" if proven else "red", told(ended)
    outcome.notes += unclean(ended)
    outcome.notes += state.untouched(site, before) if proven else state.unharmed(site, before)


def compare(wanted: dict[str, Any], got: dict[str, Any], ended: Ended, outcome: Outcome) -> None:
    """Judge a green end: whether it left what a release without a fault leaves."""
    different = state.differences(wanted, got)
    said = [name for name in different if name in TOLD and TOLD[name] in ended.output]
    if said and outcome.verdict == "equal":
        outcome.verdict = "told"
    outcome.notes += [note for name, note in different.items() if name not in said]


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
