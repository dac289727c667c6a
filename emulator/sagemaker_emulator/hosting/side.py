"""What serves before an update: one fleet, or the mixed ones that a failed rollback left behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sagemaker_emulator.hosting.fleet import Fleet
from sagemaker_emulator.hosting.rollout import Counts, OldCounts


class OldSide:
    """The fleets that serve when an update starts, as one; `full` is what each has then, to get back to."""

    def __init__(self, fleets: Sequence[Fleet]) -> None:
        self.fleets = tuple(fleets)
        self._full = [fleet.in_service for fleet in self.fleets]

    @property
    def full(self) -> dict[str, int]:
        """Return how many instances of each variant served before the update."""
        return _sum(self._full)

    @property
    def counts(self) -> OldCounts:
        """Return what there was, what runs and what takes traffic."""
        running = _sum([fleet.running for fleet in self.fleets])
        return OldCounts(self.full, running, _sum([fleet.in_service for fleet in self.fleets]))

    def put_in_service(self, counts: Counts) -> None:
        """Let so many instances of each variant take traffic."""
        self._share(counts, lambda fleet, part: fleet.put_in_service(part))

    def scale(self, counts: Counts) -> None:
        """Have so many instances. Raises FleetFailed."""
        self._share(counts, lambda fleet, part: fleet.scale(part))

    def end(self) -> None:
        """Drain and end all of it."""
        for fleet in self.fleets:
            fleet.end()

    def _share(self, counts: Counts, act: Callable[[Fleet, Counts], None]) -> None:
        left = dict(counts)
        for fleet, full in zip(self.fleets, self._full, strict=True):
            part = {name: min(left.get(name, 0), most) for name, most in full.items()}
            left = {name: count - part.get(name, 0) for name, count in left.items()}
            act(fleet, part)


def _sum(parts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    return {name: sum(part.get(name, 0) for part in parts) for part in parts for name in part}
