"""Git against what is live: what should serve follows from main's history, and every difference is a finding.

In:   the commits of main; what the registry, the endpoint, the pipeline and the stacks are
Out:  findings, each with what mends it; nothing is changed here
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rich.table import Table

from sagemaker_gitops import endpoints, names, registry, story
from sagemaker_gitops.accounts import BY_WORKFLOWS, PRODUCTION, REGISTRY
from sagemaker_gitops.registry import Package

LEFT_OVER_HOURS = 3  # a proof on staging takes minutes; a job of GitHub may have died in it
WAITS = "waits"  # a difference that goes by itself: nobody has anything to do
HEALS = ("release", "definition", "tidy")  # differences that `reconcile --heal` mends
FINAL = ("InService", "Failed", "UpdateRollbackFailed", "OutOfService")


@dataclass(frozen=True)
class Live:
    """What is in one account, as gathered; `None` where nobody could tell."""

    here: frozenset[str] = frozenset((REGISTRY, PRODUCTION))
    newest: bool = True  # what is compared is main's newest commit
    commits: tuple[str, ...] = ()  # main's first-parent history, newest first
    packages: tuple[Package, ...] = ()
    named: str | None = None  # the release in production.lock, where that file decides
    serving: Package | None = None
    endpoint: dict[str, Any] | None = None
    changing: bool | None = None  # a job promotes or rolls back just now
    config: str = ""  # that the desired release should have
    outcome: str = ""  # recorded for the newest commit; empty where a runner died before it was said
    active: bool | None = None  # another workflow run releases the newest commit
    executing: bool = False  # its pipeline runs
    definition: bool | None = None  # the pipeline's definition is the newest commit's
    staging: dict[str, float] = field(default_factory=dict)  # endpoints and their age in hours
    keep_staging: bool = False
    left_over: str = ""  # production's endpoint of the time before it got an account of its own
    region: str = ""  # of all this
    missing_alarms: tuple[str, ...] = ()
    stacks: dict[str, bool] = field(default_factory=dict)  # whether each is as infra/ and mlops.toml say
    network: str = ""  # the stack of the VPC
    unwanted: str = ""  # how that stack is taken away, where mlops.toml wants no VPC any more


@dataclass(frozen=True)
class Finding:
    """One difference: what, how it is, how git has it, what mends it and which verb does that by itself."""

    what: str
    state: str
    wanted: str
    todo: str
    heal: str = ""  # release, definition, tidy, collect, infra, WAITS; empty: a person must look


def desired(live: Live) -> Package | None:
    """Return what production should serve: the newest on main that was proven there and not rejected.

    A package counts where the last commit that asked for it stands, so that a revert counts as new.
    """
    proven = [
        item
        for item in live.packages
        if item.metadata.get("production") == "proven" and item.approval == "Approved"
    ]
    if live.named is not None:
        return next((item for item in proven if item.release_id.startswith(live.named or "-")), None)
    order = {commit: place for place, commit in enumerate(live.commits)}
    placed = [(order[asked], -item.version, item) for item in proven if (asked := asked_by(item)) in order]
    return min(placed, key=lambda each: each[:2])[2] if placed else None


def asked_by(package: Package) -> str:
    """Return the commit that last brought a package to production, else the one that it was trained from."""
    return package.metadata.get("asked_by") or package.metadata.get("commit_sha", "")


def findings(live: Live) -> list[Finding]:
    """Return every difference, what is worst first; of an older commit none is known."""
    if not live.newest:
        return []
    production = _production(live) if PRODUCTION in live.here else ()
    newest = _newest(live) if REGISTRY in live.here else ()
    return [*production, *newest, *_around(live)]


def _production(live: Live) -> Iterator[Finding]:
    """Compare what production serves with what it should; while that changes, nobody need do anything."""
    state = (live.endpoint or {}).get("EndpointStatus", "InService")
    for item in _served(live):
        if (live.changing or state not in FINAL) and item.what != "production.lock":
            todo = "wait: a release or a rollback is under way, compared again later"
            yield replace(item, todo=todo, heal=WAITS)
        else:
            yield item


def _served(live: Live) -> Iterator[Finding]:
    """Compare what production serves at this moment with what it should."""
    wanted, state = desired(live), (live.endpoint or {}).get("EndpointStatus", "")
    if wanted is None:
        if live.named:
            state = f"names release {names.short(live.named)}: rejected, or never proven"
            todo = "merge the revert, or the promotion of another release"
            yield Finding("production.lock", state, "the release that serves", todo)
        elif live.serving and live.named is not None:
            state = f"not there, while production serves {_named(live.serving)}"
            todo = "merge the pull request of a release's promotion; or to keep this one, commit the file: "
            todo += f'{{"release_id": "{live.serving.release_id}"}}'
            yield Finding("production.lock", state, "the release that serves", todo)
        elif live.serving and live.commits:
            name = _named(live.serving)
            yield Finding("production", name, "nothing that main has proven", "release main's newest commit")
        return
    should = _named(wanted)
    todo = f"python -m pipelines promote {names.short(wanted.release_id)}"
    if REGISTRY not in live.here:
        todo = BY_WORKFLOWS["reconcile --heal"]
    if live.endpoint is None:
        yield Finding("production", "no endpoint", should, todo, "release")
    elif state in FINAL and state != "InService":
        reason = live.endpoint.get("FailureReason", "no reason given")
        yield Finding("production", f"{state}: {reason}", f"{should}, InService", todo, "release")
    elif live.serving is None:
        yield Finding("production", "something that is no release (E405)", should, todo)
    elif live.serving.release_id != wanted.release_id:
        yield Finding("production", _named(live.serving), should, todo, "release")
    elif live.config and live.endpoint["EndpointConfigName"] != live.config:
        was = live.endpoint["EndpointConfigName"]
        yield Finding("machines of production", was, f"{live.config}, as mlops.toml says", todo, "release")
    elif (last := registry.last(live.packages)) and last.arn != live.serving.arn:  # a runner died too early
        yield Finding("production", f"{should}, not noted", "noted in the registry", todo, "release")


def _newest(live: Live) -> Iterator[Finding]:
    """Look for a merge whose release nobody brought to its end: a training longer than a runner may live."""
    if not live.commits or live.outcome or live.active:
        return
    what, state = "the newest commit's release", f"commit {names.short(live.commits[0])} has no outcome"
    if live.executing:
        yield Finding(what, f"{state}, its pipeline runs", "an outcome", "wait: collected later", WAITS)
    else:
        todo = (
            "python -m pipelines release goes on, or says again why it was refused; reconcile.yml records it"
        )
        yield Finding(what, f"{state}, and nothing runs", "one that has ended", todo, "collect")


def _around(live: Live) -> Iterator[Finding]:
    """Compare what stands around a release."""
    for name in live.missing_alarms:
        todo = "make the alarm again, or take it out of [environments.production.rollout]"
        yield Finding("alarm", f"there is no {name}", "the alarm that mlops.toml names", todo)
    if live.left_over:
        todo = f"once the other serves: {endpoints.deletion(live.region, live.left_over)}"
        yield Finding("production", f"{live.left_over} stands here, too", "none here: it costs money", todo)
    if live.definition is False and live.outcome:
        todo = "python -m pipelines reconcile --heal"
        yield Finding("pipeline", "another definition", "pipelines/definition.json", todo, "definition")
    for name, hours in live.staging.items():
        if hours > LEFT_OVER_HOURS and not live.keep_staging:
            state = f"{name} stands since {hours:.0f} hours"
            yield Finding("staging", state, "nothing: it costs money", "reconcile --heal deletes it", "tidy")
    for name, same in live.stacks.items():
        todo, heal = ("python -m pipelines infra --yes, or reconcile.yml's job of that name", "infra")
        wanted = "infra/*.yml, and project.alarm_email of mlops.toml"
        if name == live.network:
            wanted = "infra/network.yml, where mlops.toml has network.vpc"
        if name == live.network or REGISTRY not in live.here:  # no job has that right
            todo, heal = "python -m pipelines connect, as an administrator of this account", ""
        if name == live.network and live.unwanted:
            state, wanted = f"{name} stands for nothing", "none: mlops.toml has no network.vpc"
            yield Finding("stack", state, wanted, live.unwanted)
        elif not same:
            yield Finding("stack", f"{name} is not as infra/ and mlops.toml say", wanted, todo, heal)


def _named(package: Package) -> str:
    return f"version {package.version} ({names.short(package.release_id)})"


def settled(package: Package | None, commit: str, waits: bool) -> bool:
    """Say whether the registry shows a commit's release at its end: of a laptop's no outcome tells.

    It was rejected; or proven in production for this very commit, for a revert has the package of an earlier
    one; or, where it `waits` for a person once staging has proven it, nobody has let it in yet.
    """
    if package is None:
        return False
    known = package.metadata
    held = waits and package.approval == "PendingManualApproval" and known.get("staging") == "proven"
    served = known.get("production") == "proven" and asked_by(package) == commit
    return held or served or package.approval == "Rejected"


def counted(found: Sequence[Finding]) -> str:
    """Return how many differences there are, in words."""
    return story.counted(len(found), "difference") if found else "all is as main has it"


def table(found: Sequence[Finding], healed: Sequence[Finding] = ()) -> Table:
    """Return the findings for a terminal."""
    shown = Table("what", "is", "should be", "mended by", box=None)
    for item in found:
        shown.add_row(item.what, item.state, item.wanted, "mended" if item in healed else item.todo)
    return shown
