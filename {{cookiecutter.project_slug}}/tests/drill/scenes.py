"""One scene: a release goes to production under load, and what came of it is held against what had to."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from typing import Any

from sagemaker_gitops import delivery, errors, registry
from sagemaker_gitops.registry import Package
from sagemaker_gitops.run import Run

from tests.drill import watch
from tests.drill.load import Load, Tally, tally
from tests.drill.watch import Rollout, Watch
from tests.drill.world import World

# By code of the message; any other refusal is not about the model, and stops nothing that is broken.
VERDICTS = {
    "E401": "rolled back", "E402": "not proven", "E405": "unknown", "E406": "unknown", "E412": "refused",
}  # fmt: skip
SETTLE_SECONDS = 0.4  # of load after each rollout, at least: a wrong answer then would be one after
SETTLE_RATE = 60  # requests a second meanwhile
Act = Callable[[Run, Package], Any]


def release(run: Run, package: Package) -> None:
    """Bring a release to production: the code that releases for real, and nothing around it."""
    delivery.to_production(run, package)


@dataclass
class Row:
    """What the drill says of one scene."""

    name: str
    preset: str
    expected: str  # `promoted`, or `rolled back` for whatever is wrong
    bad: bool
    says: str = ""  # in what way it is broken, or what befalls it
    staging: str = ""  # would staging have refused it?
    verdict: str = ""
    found_by: str = ""
    detected: float | None = None  # AWS seconds from its first traffic
    starting: float | None = None  # real seconds, where it never had traffic
    during: Tally = field(default_factory=Tally)
    after: Tally = field(default_factory=Tally)
    live: str = ""
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)  # what was not as it had to be
    began: float = 0.0
    ended: float = 0.0  # when `after` begins
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything was as it had to be."""
        return not self.wrong

    def as_json(self) -> dict[str, Any]:
        """Return the row for a file."""
        clock = ("began", "ended")
        return {key: value for key, value in asdict(self).items() if key not in clock} | {"ok": self.ok}


@dataclass(frozen=True)
class Scene:
    """What is released and what has to come of it: `promoted`, or `rolled back` for whatever is wrong."""

    name: str
    package: Package
    run: Run
    bad: bool = True
    act: Act = release
    expected: str = "rolled back"
    staged: Future[str] | None = None
    says: str = ""
    silent: bool = False  # no alarm may ring


def stage(run: Run, package: Package) -> str:
    """Prove a release on staging; return what came of it."""
    try:
        delivery.prove_on_staging(run, package)
    except Exception as error:  # whatever stops it would have stopped the release
        known = errors.translate(error)
        return f"refused {known.code if known else type(error).__name__}"
    return "passed"


def play(scene: Scene, world: World, load: Load, looked: Watch) -> Row:
    """Bring the scene's release to production, as if staging had let it through; tell what happened."""
    preset = scene.run.settings.environments.production.rollout.preset
    row = Row(scene.name, preset, scene.expected, scene.bad, scene.says)
    row.staging = scene.staged.result() if scene.staged else ""
    package = let_through(scene)
    before, row.began = serving(scene.run), time.monotonic()
    try:
        scene.act(scene.run, package)
        row.verdict = "promoted"
    except Exception as error:
        known = errors.translate(error)
        row.verdict = VERDICTS.get(known.code, f"red {known.code}") if known else "broke"
        row.error = "\n".join(known.lines()) if known else f"{type(error).__name__}: {error}"
    row.ended = time.monotonic()
    row.seconds = row.ended - row.began
    with load.at(SETTLE_RATE):
        time.sleep(SETTLE_SECONDS)
    after = serving(scene.run)
    row.during = tally(load.outcomes, row.began, row.ended)  # so far: close() has those still under way too
    seen = watch.rollout(looked.looks, row.began, row.ended + SETTLE_SECONDS)
    row.live, row.found_by = world.label(after), found_by(row, seen)
    row.detected, row.starting = seen.detected, seen.starting
    row.wrong = complaints(scene, row, seen, kept=before == after, live=after == package.release_id)
    if scene.bad:
        _look_at_package(scene, row)
    return row


def let_through(scene: Scene) -> Package:
    """Approve a package, whatever staging said: the point is what happens when staging has missed it."""
    return registry.judge(scene.run.aws, scene.package, "Approved", "the drill: as if staging had missed it")


def serving(run: Run) -> str:
    """Return the release that production serves; empty for none."""
    package = registry.served(run.aws, run.stack.group, run.endpoint("production"))
    return package.release_id if package else ""


def found_by(row: Row, seen: Rollout) -> str:
    """Name what found a release out: an alarm, the health check, or the proof afterwards."""
    if row.verdict == "promoted":
        return ""
    if seen.ringing:
        return " + ".join(seen.ringing)
    if "health check" in seen.reason:
        return "health"
    if seen.began is None:
        return "before traffic"
    return "proof"


def complaints(scene: Scene, row: Row, seen: Rollout, kept: bool, live: bool) -> list[str]:
    """Return what was not as it had to be. Pure."""
    found = []
    if row.verdict == "promoted" and scene.expected != "promoted":
        found.append("false green: the release says promoted")
    elif row.verdict not in (scene.expected, "refused" if scene.bad else ""):
        found.append(f"the release says {row.verdict}, expected {scene.expected}")
    if scene.expected == "promoted" and not live:
        found.append("it is not what serves")
    if scene.expected != "promoted" and seen.promoted:
        found.append("SageMaker promoted it")
    if scene.expected != "promoted" and not kept:
        found.append("what served before does not serve")
    if scene.silent and seen.ringing:
        found.append(f"{' + '.join(seen.ringing)} rang: AWS did not go back in silence")
    return found


def close(rows: list[Row], load: Load, end: float) -> None:
    """Count what came during each rollout and after it, until the next began; every request has ended."""
    for row, until in zip(rows, [*(row.began for row in rows[1:]), end], strict=True):
        row.during = tally(load.outcomes, row.began, row.ended)
        row.after = tally(load.outcomes, row.ended, until)
        if not (row.bad or row.during.clean):
            row.wrong.append(f"during it: {row.during.failed_as_is} failed, {row.during.wrong} wrong")
        if row.after.wrong or row.after.failed_as_is:
            row.wrong.append(f"after it: {row.after.failed_as_is} failed, {row.after.wrong} wrong")
        if not (row.during.requests and row.after.requests):
            row.wrong.append(
                f"the client asked {row.during.requests} times during it, {row.after.requests} after"
            )


def _look_at_package(scene: Scene, row: Row) -> None:
    approval = registry.describe(scene.run.aws, scene.package.arn).approval
    if row.verdict == "rolled back" and approval != "Rejected":
        row.wrong.append(f"its package is {approval}, not Rejected")
