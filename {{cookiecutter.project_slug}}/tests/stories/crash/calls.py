"""The calls of a verb, each with a place that is the same in every run, however often the verb looked.

A call that changes something is told by its number. One that only looks is told by the last change before it
and its number since: how often a verb looks while it waits depends on the machine, where it looks does not.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

LOOKS = ("Describe", "List", "Get", "Head", "Invoke", "PutMetricData")
IN_LOOPS = ("Describe", "List", "Head", "Invoke", "PutMetricData")


@dataclass(frozen=True)
class Place:
    """Where a call stands in a verb."""

    verb: str
    service: str
    operation: str
    since: str  # the last change before a look; empty for a change
    number: int  # of this operation: since that change, or of the whole verb

    @property
    def changes(self) -> bool:
        """Whether the call changes anything."""
        return not self.operation.startswith(LOOKS)

    @property
    def only_reads(self) -> bool:
        """Whether AWS is the same after the call, so that losing the call or its answer is one."""
        return self.operation.startswith(("Describe", "List", "Get", "Head"))

    @property
    def needs_code(self) -> bool:
        """Whether only a release with new code makes this call, or has its place."""
        return self.verb == "image" or "UpdatePipeline" in self.operation + self.since

    def __str__(self) -> str:
        after = f" since {self.since}" if self.since else ""
        return f"{self.verb}: {self.service} {self.operation} {self.number}{after}"


class Places:
    """Gives each call of one verb its place, in the order in which they are made."""

    def __init__(self, verb: str) -> None:
        self.verb, self.last = verb, "the start"
        self._changes: Counter[tuple[str, str]] = Counter()
        self._looks: Counter[tuple[str, str]] = Counter()

    def next(self, service: str, operation: str) -> Place:
        """Return the place of the next call."""
        call = (service, operation)
        if operation.startswith(LOOKS):
            self._looks[call] += 1
            return Place(self.verb, service, operation, self.last, self._looks[call])
        self._changes[call] += 1
        self._looks.clear()
        self.last = f"{operation} {self._changes[call]}"
        return Place(self.verb, service, operation, "", self._changes[call])


def placed(verb: str, record: Iterable[tuple[str, str]]) -> list[Place]:
    """Return the place of every recorded call."""
    places = Places(verb)
    return [places.next(service, operation) for service, operation in record]


def kept(places: Iterable[Place]) -> tuple[list[Place], list[str]]:
    """Return the places to disturb, and each exclusion with its reason: of a loop the first and last look."""
    places = list(places)
    loops: dict[tuple[str, ...], list[Place]] = defaultdict(list)
    for place in places:
        if place.operation.startswith(IN_LOOPS):
            loops[place.verb, place.service, place.operation, place.since].append(place)
    left_out, why = set(), []
    for (verb, service, operation, since), looks in loops.items():
        left_out |= (inner := set(looks[1:-1]))
        if inner:
            what = f"{verb}: {service} {operation} since {since}: {len(inner)} of {len(looks)} looks"
            why.append(f"{what}, the same in a loop; first and last are in")
    return [place for place in places if place not in left_out], why
