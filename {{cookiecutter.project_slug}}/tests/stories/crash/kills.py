"""A release whose runner is killed with SIGKILL at a random moment, and what the next run makes of it.

Moments are spread over the whole of a release: its length is measured first, on the same site. A moment that
comes when the verb is over kills nothing: it is drawn anew, of a shorter length. Each case ends clean, or is
lost:

before    the old release serves, untouched, until the same again brings the new one
after     the new one serves already, noted as proven or not yet

Meanwhile a client asks all the time. No file is left half written; the same again ends with 0, the release is
noted as proven in production, and the end state is that of a release that nobody disturbed.

Run:  python -m tests.stories.crash.kills [--times 50] [--seed 7] [--sites 3]     in a project as it was baked
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.stories.crash import case as cases
from tests.stories.crash import matrix, state
from tests.stories.crash.case import Outcome
from tests.stories.crash.site import Site

TIMES, SEED, SITES = 50, 7, 3
SETTLED = 90.0  # seconds until SageMaker has put back what nobody watches
SHORTER, DRAWS = 0.9, 8  # of the length, where a moment came too late; how often it is drawn
HALF = ".part"  # what a file is called while it is written
MERGE = f'"{sys.executable}" -m pipelines image && exec "{sys.executable}" -m pipelines release'


@dataclass(frozen=True)
class Kill:
    """One moment, as a share of the release's length."""

    number: int
    share: float

    def __str__(self) -> str:
        return f"kill {self.number:2} at {self.share:.0%}"


def moments(times: int, seed: int) -> list[Kill]:
    """Return one random moment in each of `times` equal parts of a release."""
    chance = random.Random(seed)
    return [Kill(number, (number + chance.random()) / times) for number in range(times)]


def merge() -> subprocess.Popen[str]:
    """Start the verbs of a merge in a process group of their own, as a runner does."""
    return subprocess.Popen(
        MERGE, shell=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )  # fmt: skip


def length(site: Site) -> float:
    """Return how many seconds a release takes here that nobody disturbs."""
    site.change(code=True)
    began, running = time.monotonic(), merge()
    told, _ = running.communicate()
    assert running.returncode == 0, told
    seconds = time.monotonic() - began
    site.tidy()
    return seconds


def attempt(site: Site, kill: Kill, wanted: dict[str, Any]) -> Outcome:
    """Release something new, kill it at its moment, look, and release it again."""
    site.length = site.length or length(site)
    for _ in range(DRAWS):
        before, release_id = state.standing(site), site.change(code=True)
        with site.client.asking():
            code, shown = kill_at(kill.share * site.length)
            outcome = Outcome(kill, "before", code)
            outcome.first = (shown.strip().splitlines() or ["nothing was said"])[-1].strip()
            if code == -signal.SIGKILL:
                judge_all(site, before, release_id, wanted, outcome)
        if code != 0:
            break
        site.length *= SHORTER
        site.tidy()
    else:
        outcome.verdict = "missed"
    if code not in (0, -signal.SIGKILL):
        outcome.notes.append(f"the release ended with {code} before its moment came")
    outcome.notes += [f"a request of the client: {trouble}" for trouble in site.client.trouble[:3]]
    outcome.asked = site.client.sent
    if outcome.notes:
        outcome.verdict = "lost"
        outcome.notes += shown.splitlines()
    site.tidy()
    return outcome


def kill_at(seconds: float) -> tuple[int, str]:
    """Release, and kill that after so many seconds; return its exit code and what it has said."""
    running = merge()
    try:
        shown, _ = running.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        shown, _ = running.communicate()
    return running.returncode, shown


def judge_all(
    site: Site, before: state.Standing, release_id: str, wanted: dict[str, Any], outcome: Outcome
) -> None:
    """Judge what a killed release has left, and what the same again makes of it."""
    outcome.notes += settle(site)
    judge(site, before, release_id, outcome)
    ended = site.release()
    if ended.code:
        outcome.notes.append(f"the same again ends with {ended.code}: {cases.told(ended)}")
    else:
        outcome.notes += unproven(site, release_id)
        outcome.notes += state.differences(wanted, state.after(site, before, release_id)).values()
    if outcome.notes:
        outcome.notes += ended.output.splitlines()


def unproven(site: Site, release_id: str) -> list[str]:
    """Return that a release is not noted as proven in production; nothing where it is."""
    noted = [told["CustomerMetadataProperties"] for told in site.packages().values()]
    [mine] = [facts for facts in noted if facts["release_id"] == release_id]
    proof = mine.get("production")
    return [] if proof == "proven" else [f"production is noted as {proof}, not as proven"]


def settle(site: Site) -> list[str]:
    """Wait until production is in service and nothing is pending; return what did not come to rest."""
    end = time.monotonic() + SETTLED
    while time.monotonic() < end:
        told = site.sagemaker.describe_endpoint(EndpointName=site.endpoint)
        if told["EndpointStatus"] == "InService" and "PendingDeploymentSummary" not in told:
            return []
        time.sleep(0.2)
    return [f"production is {told['EndpointStatus']} after {SETTLED:.0f} s"]


def judge(site: Site, before: state.Standing, release_id: str, outcome: Outcome) -> None:
    """Note what a killed release has broken: who serves, other packages, files that are no whole ones."""
    if site.client.ask() == release_id:
        outcome.verdict = "after"
        outcome.notes += state.untouched(site, before)
    else:
        outcome.notes += state.unharmed(site, before)
    files = [*Path("build").rglob("*"), Path("data.lock"), Path("pipelines/definition.json")]
    outcome.notes += [f"{file} is no whole file" for file in files if file.is_file() and not whole(file)]


def whole(file: Path) -> bool:
    """Say whether a file is as somebody has written it to its end; one that says it is half is no matter."""
    if file.suffix == HALF:
        return True
    text = file.read_text("utf-8")
    if file.suffix == ".html":
        return text.rstrip().endswith("</html>")
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def summary(outcomes: list[Outcome]) -> str:
    """Return all kills in one line."""
    count = Counter(outcome.verdict for outcome in outcomes)
    clean = count["before"] + count["after"]
    return (
        f"SIGKILL at {len(outcomes)} random moments of a release: {clean} of {len(outcomes)} clean ends "
        f"({count['before']} before the new one served, {count['after']} after); "
        f"{sum(outcome.asked for outcome in outcomes)} requests of a client meanwhile"
    )


def run_all(times: int, seed: int, at_once: int) -> list[Outcome]:
    """Run every kill, print each; return the outcomes."""
    outcomes = []
    for outcome in matrix.run_all(moments(times, seed), at_once, attempt):
        outcomes.append(outcome)
        print(f"{len(outcomes):4} {outcome}", flush=True)
    print(summary(outcomes))
    return outcomes


def main() -> int:
    """Kill so many; 0 where nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--sites", type=int, default=SITES, help="at once")
    args = parser.parse_args()
    return int(any(outcome.lost for outcome in run_all(args.times, args.seed, args.sites)))


if __name__ == "__main__":
    sys.exit(main())
