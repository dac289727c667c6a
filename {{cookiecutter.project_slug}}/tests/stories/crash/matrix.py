"""The matrix: which cases there are, and all of them run, on several sites at once.

The calls of one release without a fault are recorded; each is thrown out of step once in each of five ways,
and for good in two: throttled, or answered with 500, until the client gives up.

Run:  python -m tests.stories.crash.matrix [--only PATTERN] [--sites 4]     in a project as it was baked
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import queue
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sagemaker_gitops import aws

from tests.stories.crash import case as cases
from tests.stories.crash import site as sites
from tests.stories.crash import state
from tests.stories.crash.calls import Place, kept, placed
from tests.stories.crash.case import Case, Outcome
from tests.stories.crash.site import VERBS, Site

KINDS = ("throttle", "error", "drop-before", "drop-after", "hang")
FOR_GOOD = ("throttle", "error")
TRIES = 3  # where a loop had fewer looks than when it was recorded
SITES = 6  # at once: most of a release is waiting
Attempt = Callable[[Site, Any, dict[str, Any]], Outcome]
BATCH = 40  # cases after which a site is replaced: lists of what is over grow


@dataclass
class Recording:
    """A release without a fault."""

    calls: int
    places: list[tuple[Place, bool]]  # and whether the verb's own process made the call
    left_out: list[str]
    wanted: dict[str, Any]  # the end state


def record(site: Site) -> Recording:
    """Release without a fault; return its calls and what it leaves."""
    before, release_id = state.standing(site), site.change(code=True)
    places: list[Place] = []
    own: set[Place] = set()
    for verb in VERBS:
        ended = site.verb(verb)
        assert ended.code == 0, ended.output
        places += placed(verb, site.wire.recorded())
        own |= set(site.wire.made)
    chosen, left_out = kept(places)
    wanted = state.after(site, before, release_id)
    site.tidy()
    return Recording(len(places), [(place, place in own) for place in chosen], left_out, wanted)


def all_cases(recording: Recording) -> list[Case]:
    """Return every case, those that hold a call up for good last."""
    once = [
        Case(place, kind, 1, own)
        for place, own in recording.places
        for kind in KINDS
        if not (place.only_reads and kind == "drop-after")
    ]
    ever = [Case(place, kind, aws.RETRIES, own) for place, own in recording.places for kind in FOR_GOOD]
    return once + ever


def attempt(site: Site, case: Case, wanted: dict[str, Any]) -> Outcome:
    """Run a case; where a loop ended earlier this time, again at its last look then."""
    for _ in range(TRIES):
        outcome = cases.run(site, case, wanted)
        site.tidy()
        if outcome.verdict != "missed" or case.place.changes:
            break
        place = case.place
        looks = [made.number for made in site.seen if replace(made, number=place.number) == place]
        case = replace(case, place=replace(place, number=max([*looks, 2]) - 1))
    return outcome


def run_on_one(todo: Any, out: Any, attempt: Attempt) -> None:
    """Run cases on a site of their own, so many that it stays quick, or until something is lost on it."""
    parent = multiprocessing.parent_process()
    assert parent, "a site has a process of its own"
    with tempfile.TemporaryDirectory() as folder, sites.opened(Path(folder)) as site:
        wanted = record(site).wanted
        for _ in range(BATCH):
            try:
                case = todo.get_nowait()
            except queue.Empty:
                return
            try:
                outcome = attempt(site, case, wanted)
            except Exception as error:
                outcome = Outcome(case, "lost", notes=[f"{error!r} {traceback.format_exc(limit=-3)}"])
            out.put(outcome)
            if outcome.verdict == "lost" or not parent.is_alive():
                return


def run_all(chosen: Sequence[Any], at_once: int, attempt: Attempt = attempt) -> Iterator[Outcome]:
    """Yield the outcome of each case as it comes; `attempt` runs one on a site."""
    context, running, left = multiprocessing.get_context("spawn"), [], len(chosen)
    with context.Manager() as shared:
        todo, out = shared.Queue(), shared.Queue()
        for case in chosen:
            todo.put(case)
        while left:
            # Another one would fare no better: its process has said why, on stderr.
            assert not any(process.exitcode for process in running), "a site could not be opened"
            running = [process for process in running if process.is_alive()]
            while len(running) < min(at_once, todo.qsize()):
                process = context.Process(target=run_on_one, args=(todo, out, attempt))
                process.start()
                running.append(process)
            assert running or not out.empty(), "the sites have ended before their cases"
            with contextlib.suppress(queue.Empty):
                yield out.get(timeout=1)
                left -= 1
        for process in running:
            process.join()


def summary(what: str, outcomes: list[Outcome]) -> str:
    """Return the matrix in one line."""
    count = Counter(outcome.verdict for outcome in outcomes)
    return (
        f"crash matrix: {len(outcomes)} cases {what}: {count['equal']} equal, {count['told']} equal but for "
        f"what the verb says, {count['red']} clean red, {count['late']} red after the proof, "
        f"{count['lost']} lost, {count['missed']} missed; "
        f"{sum(outcome.asked for outcome in outcomes)} requests of a client meanwhile"
    )


def run_whole(only: str, at_once: int) -> list[Outcome]:
    """Record, run every case whose name `only` matches, print each; return the outcomes."""
    started, outcomes = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder, sites.opened(Path(folder)) as site:
        recording = record(site)
    reads = sum(place.only_reads for place, _ in recording.places)
    for reason in [
        *recording.left_out,
        f"drop-after of {reads} reads: they change nothing, drop-before is in",
    ]:
        print(f"left out  {reason}", flush=True)
    chosen = [case for case in all_cases(recording) if re.search(only, str(case))]
    print(f"{len(chosen)} cases at {len(recording.places)} of {recording.calls} calls", flush=True)
    for outcome in run_all(chosen, at_once):
        outcomes.append(outcome)
        print(f"{time.monotonic() - started:6.0f} s {len(outcomes):4} {outcome}", flush=True)
    print(summary(f"at {len(recording.places)} of {recording.calls} calls", outcomes))
    return outcomes


def main() -> int:
    """Run the matrix; 0 where nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a pattern: the cases whose name it matches")
    parser.add_argument("--sites", type=int, default=SITES, help="at once")
    args = parser.parse_args()
    outcomes = run_whole(args.only, args.sites)
    return int(any(outcome.lost for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
