"""The fire drill: every broken kind, under load, through the code that releases for real.

Run:  make drill
      make drill ARGS="--only constant"        one kind or trouble, after a good release
      make drill ARGS="--unreachable wrong"    an alarm that cannot ring: the drill must turn red
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path

from sagemaker_gitops import tree
from sagemaker_gitops.story import make_console

from tests.drill import blunt, honest, presets, scenes, table, world
from tests.drill.kinds import KINDS, Kind
from tests.drill.load import Load
from tests.drill.scenes import Row, Scene
from tests.drill.show import Show
from tests.drill.troubles import TROUBLES, Trouble
from tests.drill.watch import Watch

BUILD = Path("build")
KINDS_BETWEEN_GOOD = 4


def main() -> int:
    """Drill; return 0 where every scene was as it had to be."""
    args = parse()
    started = time.monotonic()
    work = tree.read(presets.settings("safe"))
    drill = Drill(work, args.only)
    show = Show(make_console())
    with show.shown(), blunt.alarm(args.unreachable):
        rows = drill.play(show.add)
    seconds = time.monotonic() - started
    remarks = table.Remarks(args.unreachable, drill.left_out)
    page = table.write(rows, seconds, work.settings.project.name, BUILD, remarks)
    show.end(rows, seconds, page, remarks)
    return 0 if table.passed(rows) else 1


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME", default="", help="kinds and troubles whose name holds this")
    parser.add_argument("--unreachable", choices=blunt.NEVER, help="make this alarm unable to ring")
    args = parser.parse_args()
    names = [item.name for item in (*KINDS, *TROUBLES)]
    if not any(args.only in name for name in names):
        parser.error(f"--only {args.only}: there are {', '.join(names)}")
    return args


class Drill:
    """All scenes of one drill."""

    def __init__(self, work: tree.Tree, only: str) -> None:
        self.work, self.only = work, only
        self.models: tuple[honest.Model, ...] = ()
        self.runs = {name: presets.quiet(presets.settings(name)) for name in presets.INSTANCES}
        self.world = world.World(presets.quiet(work.settings), work)
        self.staging = ThreadPoolExecutor(1)
        self.staging_run = presets.quiet(work.settings)
        self.staged: dict[str, Future[str]] = {}
        self.left_out: list[str] = []  # kinds that this model cannot be broken in
        self.made = 0

    def play(self, tell: Callable[[Row], object]) -> list[Row]:
        """Play every scene in turn."""
        self.set_up()
        region, endpoint = self.work.settings.project.region, self.runs["safe"].endpoint("production")
        rows = []
        bodies = [json.dumps(body).encode() for body in self.world.bodies]
        looking, asking = Watch(region, endpoint), Load(region, endpoint, bodies, self.world.truths)
        with looking as looked, asking as load, self.staging:
            for scene in ahead(self.program()):
                rows.append(scenes.play(scene, self.world, load, looked))
                tell(rows[-1])
            end = time.monotonic()
        scenes.close(rows, load, end)
        return rows

    def set_up(self) -> None:
        """Make AWS and the models, and release a first good one: there is no load yet, nobody serves."""
        with ThreadPoolExecutor(1) as aside:
            making = aside.submit(honest.make, self.work, BUILD / "drill")
            self.world.set_up()
            model = making.result()
        self.models, self.world.bodies = (model, honest.recalibrated(model)), world.requests(model)
        first = self.good("safe")
        scenes.release(first.run, scenes.let_through(first))

    def program(self) -> Iterator[Scene]:
        """Yield all scenes: after every few broken kinds a good release, which has troubles of its own."""
        troubles = iter(self.wanted(TROUBLES))
        yield self.good("safe")
        for number, kind in enumerate(self.wanted(KINDS), 1):
            if scene := self.broken(kind, "safe"):
                yield scene
            if number % KINDS_BETWEEN_GOOD == 0:
                yield from (self.good("safe", trouble) for trouble in islice(troubles, 1))
        yield from (self.good("safe", trouble) for trouble in troubles)
        small = [kind for kind in self.wanted(KINDS) if kind.small]
        if small:
            yield self.good("small")
        for kind in small:
            if scene := self.broken(kind, "small"):
                yield scene

    def wanted(self, all_of: tuple) -> list:
        """Return those whose name holds --only."""
        return [item for item in all_of if self.only in item.name]

    def good(self, preset: str, trouble: Trouble | None = None) -> Scene:
        """Return the release of a good model; its answers are not those of the release before it."""
        self.made += 1
        model, label = self.models[self.made % 2], f"good {self.made}"
        package = self.world.register(label, model, model)
        staged = self.staging.submit(scenes.stage, self.staging_run, package)
        scene = Scene(label, package, self.runs[preset], False, expected="promoted", staged=staged)
        return replace(scene, **vars(trouble)) if trouble else scene

    def broken(self, kind: Kind, preset: str) -> Scene | None:
        """Return the release of a broken copy of the good model that would be next, where it has one."""
        right = self.models[(self.made + 1) % 2]
        model = kind.of(right)
        if model is None:
            self.left_out += [kind.name] if kind.name not in self.left_out else []
            return None
        package = self.world.register(kind.name, model, right, kind.fault)
        if kind.name not in self.staged:  # staging is the same whatever production's preset is
            self.staged[kind.name] = self.staging.submit(scenes.stage, self.staging_run, package)
        return Scene(kind.name, package, self.runs[preset], staged=self.staged[kind.name], says=kind.says)


def ahead(scenes: Iterator[Scene]) -> Iterator[Scene]:
    """Yield scenes; while one plays, the one after it is made and sent to staging."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, scenes, None)
        while scene := coming.result():
            coming = maker.submit(next, scenes, None)
            yield scene


if __name__ == "__main__":
    sys.exit(main())
