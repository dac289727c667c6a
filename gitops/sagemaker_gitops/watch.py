"""One rollout, watched from before its update to its verdict: minute by minute, and the evidence."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_gitops import alarms, endpoints, errors, guard, names, proof
from sagemaker_gitops.alarms import Watched
from sagemaker_gitops.errors import DeployFailed, WrongRelease
from sagemaker_gitops.prober import MISS, Counts, Prober
from sagemaker_gitops.proof import Ready
from sagemaker_gitops.registry import Package
from sagemaker_gitops.run import Run
from sagemaker_gitops.story import Step

GRACE_MINUTES = 15  # after SageMaker's own limit: then the update is stuck
BEGIN_SECONDS = 5  # within which an update shows that it has begun
CLOCKS_SECONDS = 60  # by which this machine's clock may be ahead of AWS's
QUIET_SECONDS = 60  # a look at least this often stands in the record, also when nothing has changed
# Reasons that are AWS's: the same release may well succeed the next time.
NOT_THE_MODEL = re.compile(r"capacity|limit|throttl|internal (server )?(error|failure)", re.IGNORECASE)


class Watcher:
    """What is known of one rollout."""

    def __init__(self, run: Run, ready: Ready, watched: Watched, prober: Prober, step: Step) -> None:
        self.run, self.ready, self.watched, self.prober, self.step = run, ready, watched, prober, step
        self.started, self.began = time.monotonic(), time.time()
        self.events: list[dict[str, Any]] = []
        self.fired: dict[str, str] = {}  # alarms that fired since the endpoint was asked, with their reasons
        self.asked = self.attached = self.over = False
        self.verdict, self.why = "unknown", ""

    def refused(self, error: ClientError) -> None:
        """Note that SageMaker did not take the request: nothing goes on, nobody needs the alarms."""
        self.over, self.why = error.operation_name == "UpdateEndpoint", errors.code(error)

    def begin(self, attached: bool = False) -> None:
        """Note that the endpoint is asked now, or was by an earlier run that we go on for."""
        self.asked = self.prober.asked = self.ready.asked = True
        self.attached, self.began = attached, time.time()

    @property
    def seen(self) -> bool:
        """Whether the new fleet answered, and its first share of the traffic was surely asked."""
        steps = self.watched.machines.share() < 1 and not self.attached  # the step may have been over
        counts = self.prober.counts
        return counts.new > 0 and (not steps or counts.missed < MISS)

    def follow(self) -> int:
        """Look until the endpoint moves no more, then judge; return how many golden requests proved it.

        Raises:
            WrongRelease: E401, rolled back; E402, promoted although an answer was wrong.
            DeployFailed: rolled back for a reason that is not the release's; not known what happened; E402,
                never begun, or promoted without being seen.
        """
        self.started = time.monotonic()
        minutes = self.watched.machines.max_minutes() + GRACE_MINUTES
        for now in endpoints.looks(self.run.aws, self.watched.endpoint, minutes):
            if now is None:
                raise endpoints.gone(self.watched.endpoint)
            self.look(now)
            begun = self.attached or len({event["status"] for event in self.events}) > 1
            if endpoints.moving(now) or not (begun or time.monotonic() - self.started > BEGIN_SECONDS):
                continue
            if not begun and now["EndpointConfigName"] != self.watched.config:
                raise never_began(self.watched.endpoint)
            self.over = True
            return self.judge(now)
        raise AssertionError  # looks never ends by itself

    def look(self, now: dict[str, Any]) -> None:
        """Note how things are, where that differs from the last time."""
        found = guard.described(self.run.aws, self.watched.names)
        self.fired |= guard.firing(found)
        counts, moving = self.prober.counts, endpoints.moving(now)
        arrived = now["EndpointConfigName"] == self.watched.config
        self.prober.share = endpoints.share(now) if moving else float(arrived)
        event = {
            "seconds": round(time.monotonic() - self.started, 1),
            "status": now["EndpointStatus"],
            "phase": endpoints.phase(now),
            "share": round(self.prober.share, 3),
            "alarms": {name: alarm["StateValue"] for name, alarm in found.items()},
            "new": counts.new,
            "old": counts.old,
            "wrong": counts.wrong,
            "failed": counts.failed,
        }
        told = ("status", "phase", "share", "alarms")
        last = self.events[-1] if self.events else None
        if (
            last is None
            or any(event[key] != last[key] for key in told)
            or event["seconds"] - last["seconds"] >= QUIET_SECONDS
        ):
            self.events.append(event)
        self.step.note = sentence(event)

    def judge(self, now: dict[str, Any]) -> int:
        """Return how many golden requests were answered rightly, once the release is promoted.

        Raises:
            WrongRelease: E401, rolled back; E402, promoted although an answer was wrong.
            DeployFailed: rolled back by no fault of its own, or E402, nobody watched it to its end.
        """
        self.why = now.get("FailureReason", "")
        try:
            proof.of_state(now, self.watched.config)
        except WrongRelease as back:
            self.verdict = "rolled back"
            raise self.rolled_back(back) from None
        counts = self.prober.counts
        if counts.wrong:
            raise WrongRelease(f"""E402 the release answered {counts.wrong} golden requests wrongly
                {self.watched.endpoint}
                {counts.first_wrong}; no alarm sent it back
                {proof.LOOK}""")
        if not self.prober.alive:
            raise DeployFailed(f"""E402 nobody watched the release to its end
                {self.watched.endpoint}
                the prober stopped {self.prober.trouble}
                release again""")
        if not self.seen:
            raise DeployFailed(f"""E402 nobody saw the release take its share of the traffic
                {self.watched.endpoint}
                {counts.new} right answers; no probe met the canary with a chance of {counts.missed:.0e}
                make bake_minutes longer or share larger, release again""")
        answered = proof.of_answers(
            self.run.aws, self.watched.endpoint, self.ready.golden, self.ready.package
        )
        self.verdict = "promoted"
        return answered

    def rolled_back(self, back: WrongRelease) -> DeployFailed:
        """Return the error of a rollback: with the alarm, and whether the release is to blame."""
        counts, told = self.prober.counts, [f"alarm {name}: {why}" for name, why in self.fired.items()]
        told += [why for why in (self.why, counts.first_wrong) if why]
        self.why = "; ".join(told) or "no alarm, no reason given"
        unseen = set(self.fired) == {alarms.own(self.watched.config)[-1]} and not counts.wrong
        kind, todo = WrongRelease, back.todo
        if unseen or not self.prober.alive:
            self.why = f"nobody watched it, probes stopped {self.prober.trouble}; {self.why}"
            kind, todo = DeployFailed, "nothing was found against it: release it again"
        elif not self.fired and NOT_THE_MODEL.search(self.why):
            kind, todo = DeployFailed, "that is no fault of the release: release it again"
        log = self.log()
        self.why = proof.with_log(self.why, log)
        four = f"{back.code} {back.what}\n{self.watched.endpoint}\n{self.why}\n{todo}"
        return kind(four, [*log, *told_by_minute(self.events)])

    def log(self) -> list[str]:
        """Return what a new container wrote last, where none of them came up: no request has reached it."""
        reached = self.prober.counts.new or self.fired or any(event["share"] for event in self.events)
        if reached or self.attached:
            return []
        return endpoints.last_lines(self.run.aws, self.watched.endpoint, self.began - CLOCKS_SECONDS)

    def evidence(self) -> dict[str, Any]:
        """Return the whole record, for S3 and the report."""
        package, rollout = self.ready.package, self.watched.machines.rollout
        return {
            "schema_version": 1,
            "verdict": self.verdict,
            "unwatched": False,
            "why": self.why,
            "endpoint": self.watched.endpoint,
            "config": {"from": self.watched.before, "to": self.watched.config},
            "package": package.facts(),
            "rollout": rollout.model_dump(mode="json") | {"share": self.watched.machines.share()},
            "alarms": {"watched": self.watched.names, "fired": self.fired},
            "probes": asdict(self.prober.counts),
            "canary_seen": self.seen,
            "events": self.events,
        }


def unwatched(ready: Ready, sent: dict[str, Any], asked: int) -> dict[str, Any]:
    """Return the record of a rollout that SageMaker ended by itself, after its run was killed. Pure.

    `sent` is its DeploymentConfig, `asked` the golden requests that were answered rightly afterwards.
    """
    names = [alarm["AlarmName"] for alarm in sent.get("AutoRollbackConfiguration", {}).get("Alarms", [])]
    traffic = sent.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    how = "rolling" if "RollingUpdatePolicy" in sent else traffic.get("Type", "unknown").lower()
    return {
        "schema_version": 1,
        "verdict": "promoted",
        "unwatched": True,
        "why": "nobody watched its end: the run that began it did not live to see it. SageMaker promoted it, "
        f"no alarm sent it back; {asked} golden requests afterwards were answered rightly",
        "endpoint": ready.endpoint,
        "config": {"from": None, "to": ready.config},
        "package": ready.package.facts(),
        "rollout": {"strategy": how},
        "alarms": {"watched": names, "fired": {}},
        "probes": asdict(Counts(sent=asked, new=asked)),
        "canary_seen": False,
        "events": [],
    }


@contextmanager
def watching(run: Run, ready: Ready, watched: Watched, step: Step) -> Iterator[Watcher]:
    """Probe while the block runs; afterwards leave the evidence, and no alarm that nobody needs any more."""
    prober = Prober(run.aws, watched, ready.golden, ready.package)
    watcher = Watcher(run, ready, watched, prober, step)
    try:
        with prober:
            yield watcher
    finally:
        if watcher.asked:
            leave(run, watcher)
        if watcher.over or not watcher.asked:  # while it goes on, SageMaker needs them
            tidy(run, watched)


def never_began(endpoint: str) -> DeployFailed:
    """Return the error for an update of which SageMaker shows nothing; it keeps its alarms."""
    return DeployFailed(f"""E402 the update never began
        {endpoint}
        SageMaker took the request {BEGIN_SECONDS:g} s ago and shows nothing of it
        nothing was found against the release: release it again""")


def tidy(run: Run, watched: Watched) -> None:
    """Delete our alarms; where that fails, say who does."""
    try:
        guard.delete(run.aws, watched)
    except errors.TROUBLE as error:
        why = f"{type(error).__name__}; python -m pipelines prune takes them away"
        run.story.say(f"  the alarms were not deleted: {why}")


def leave(run: Run, watcher: Watcher) -> None:
    """Write the evidence of a rollout."""
    record(run, watcher.ready.package, watcher.evidence())


def record(run: Run, package: Package, told: dict[str, Any]) -> None:
    """Write evidence beside release.json; a bucket that refuses it must not hide the verdict."""
    run.story.facts.setdefault("rollouts", []).append(told)
    try:
        run.aws.write_bytes(uri(run, package), json.dumps(told, indent=2).encode())
    except errors.TROUBLE as error:
        run.story.say(f"  the evidence was not written: {type(error).__name__}")


def seen_promoted(run: Run, ready: Ready) -> bool:
    """Say whether an earlier run has seen the end of this rollout and left its record; then show that one.

    Where it cannot be read nobody knows, and the release is proven again.
    """
    try:
        told = json.loads(run.aws.read_bytes(uri(run, ready.package)))
        kept = told["verdict"] == "promoted" and told["config"]["to"] == ready.config
    except (*errors.TROUBLE, ValueError, LookupError, TypeError):
        return False
    if kept:
        run.story.facts.setdefault("rollouts", []).append(told)
    return kept


def uri(run: Run, package: Package) -> str:
    """Return where the evidence of a release's last rollout lies; S3 keeps the earlier ones as versions."""
    return f"{names.release_prefix(run.stack.bucket, package.release_id)}/rollout.json"


def sentence(event: dict[str, Any]) -> str:
    """Return one moment of a rollout in words."""
    doing = " ".join(filter(None, [event["status"], event["phase"]]))
    firing = [name.rsplit("-", 1)[-1] for name, state in event["alarms"].items() if state == "ALARM"]
    wrong = f", {event['wrong']} wrong" if event["wrong"] else ""
    alarm = f"; ALARM: {', '.join(firing)}" if firing else ""
    return (
        f"{doing}, {event['share']:.0%} on the new fleet, {event['new']} of its answers right{wrong}{alarm}"
    )


def told_by_minute(events: list[dict[str, Any]]) -> list[str]:
    """Return a rollout as lines: when, and what."""
    return [f"{event['seconds']:7.1f} s  {sentence(event)}" for event in events]
