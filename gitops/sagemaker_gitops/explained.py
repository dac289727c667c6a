"""One release's whole story as a person reads it: a label and a text a line, 80 columns where nobody looks.

In:   the document of explain.py
Out:  rows, which are pure; a check that fails is red, on a terminal and as its words
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sagemaker_gitops import card, names, watch
from sagemaker_gitops.execution import SHOWN
from sagemaker_gitops.story import counted

PLAIN, WIDEST = 80, 120  # columns: elsewhere than on a terminal, and on the widest one
FILES, MOMENTS = 6, 6  # of the data, and of one rollout, that are shown; --json has all
DECIMALS = 4  # of a metric
COUNTED = {"new": "by the new", "old": "by the old", "wrong": "wrong", "failed": "failed"}  # of a prober
Document = dict[str, Any]
Row = tuple[str, str, str]  # label, text, style


def show(console: Console, told: Document) -> None:
    """Print the story of a release."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True, min_width=11)
    table.add_column(overflow="fold")
    for label, text, style in rows(told):
        table.add_row(Text(label, "bold"), Text(text, style))
    if console.is_terminal:
        console.print(table, width=min(console.width, WIDEST), soft_wrap=False)
        return
    with console.capture() as captured:
        console.print(table, width=PLAIN, soft_wrap=False)
    for line in captured.get().splitlines():
        console.print(line.rstrip(), markup=False)


def rows(told: Document) -> Iterator[Row]:
    """Yield the whole story: read these in order."""
    if told["package"] is None:
        yield from without_package(told)
        return
    story, package = told["story"], told["package"]
    yield from labelled("release", head(told))
    yield from ids(package["metadata"])
    if not story:
        yield "story", "not shown: release.json is not what was registered, see checks", "bold red"
    else:
        yield from labelled("data", data(story))
        yield from labelled("pins", pins(story))
        yield from labelled("training", training(story))
        yield from labelled("metrics", metrics(story))
        yield from labelled("verdict", verdict(story))
    yield from labelled("staging", staging(package["metadata"], [*told["outcomes"].values()]))
    yield from labelled("approval", approval(package))
    yield from labelled("rollouts", rollouts(told["rollouts"]))
    yield from labelled("outcome", outcomes([*told["outcomes"].values()]))
    yield from labelled("documents", documents(told["documents"]))
    yield from checks(told["checks"])


def without_package(told: Document) -> Iterator[Row]:
    """Yield the story of a release that has no package, as far as it came."""
    known, judged = told["ids"], told.get("judged")
    yield "release", f"{names.short(known['release_id'])} of {told['project']}", ""
    yield "", told["became"]["sentence"], "" if told["became"]["is"] == "runs" else "bold red"
    yield from labelled("", (line.strip() for line in told["stopped"][1:]))
    yield from ids(known)
    if lock := told["lock"]:
        yield "data", f"{lock['prefix']}: {held(lock)}", ""
    if checked := told.get("data checks"):
        yield "data checks", checked, ""
    yield from labelled("execution", ran(told))
    if judged:
        yield from labelled("metrics", metrics(judged))
        yield from labelled("verdict", verdict(judged))
    yield from labelled("outcome", outcomes([*told["outcomes"].values()]))
    yield from labelled("documents", documents(told["documents"]))


def ran(told: Document) -> Iterator[str]:
    """Yield the execution that told all that, and its jobs."""
    again = f", the last of {told['attempts']}" if told["attempts"] > 1 else ""
    yield told["execution"].rsplit("/", 1)[-1] + again
    yield from jobs(told["jobs"])


def jobs(arns: dict[str, str]) -> Iterator[str]:
    """Yield the job of each step that has one."""
    for step in (name for name in SHOWN if name in arns):
        yield f"{step}: {arns[step].rsplit('/', 1)[-1]}"


def labelled(label: str, lines: Iterable[str]) -> Iterator[Row]:
    """Yield lines of which the first carries the label."""
    for number, line in enumerate(lines):
        yield "" if number else label, line, ""


def head(told: Document) -> Iterator[str]:
    """Yield what it is, what became of it, and who registered it when."""
    package, known = told["package"], told["package"]["metadata"]
    yield f"{names.short(known.get('release_id', ''))}, version {package['version']} of {told['project']}"
    yield f"{package['approval']}; {told['became']['sentence']}"
    yield f"registered {minute(package['created'])} by {known.get('registered_by', 'nobody knows whom')}"
    if run := known.get("registered_run"):
        yield f"in {run}"


def ids(known: dict[str, str]) -> Iterator[Row]:
    """Yield what it was made of, each id whole: people search for them."""
    labels = {
        "commit": "commit_sha", "release id": "release_id", "code id": "code_id", "data id": "snapshot_id",
        "image jobs": "image_jobs", "image serve": "image_serve",
    }  # fmt: skip
    for label, key in labels.items():
        if key in known:
            yield label, known[key].removeprefix("sha256:"), ""


def held(lock: Document) -> str:
    """Return how much a lock names, in words."""
    return f"{counted(lock['rows'], 'row')} in {counted(len(lock['files']), 'file')}"


def data(story: Document) -> Iterator[str]:
    """Yield the files by key, sha256 and object version: no value of theirs."""
    lock, versions = story["data"]["lock"], story["data"]["versions"]
    yield f"{lock['prefix']}: {held(lock)}; sha256, object version:"
    for file in lock["files"][:FILES]:
        yield f"{file['key']} {file['sha256'][:12]} {versions.get(file['key']) or 'not versioned'}"
    if left := len(lock["files"]) - FILES:
        yield from [f"and {left} more: --json"] if left > 0 else []


def pins(story: Document) -> Iterator[str]:
    """Yield the files of pins by sha256, with the versions that somebody asked for."""
    for entry in filter(None, story.get("pins", {}).values()):
        packages = ", ".join(f"{name} {version}" for name, version in entry["packages"].items())
        yield f"{entry['file']} {entry['sha256'][:12]}: {packages}"


def training(story: Document) -> Iterator[str]:
    """Yield which jobs made it, and where its run is recorded."""
    yield from jobs(story.get("jobs", {}))
    yield f"execution {story['execution'].rsplit('/', 1)[-1]}; {card.recorded(story.get('tracking', {}))}"


def metrics(story: Document) -> Iterator[str]:
    """Yield each metric with its interval, beside the champion's; the gate's first, with the difference."""
    yield f"{story.get('rows', 0):,} rows held out; 95% intervals"
    rivals, judged = story.get("champion_metrics", {}), story["gate"]["metric"]
    for name in sorted(story["metrics"], key=lambda name: name != judged):
        rival = f"; champion {number(rivals[name].get('value'))}" if name in rivals else ""
        yield f"{name} {spread(story['metrics'][name])}{rival}"
        if name == judged and (change := story.get("difference", {}).get(name)):
            yield f"{name} differs by {spread(change, '+')}"


def spread(entry: Document, sign: str = "") -> str:
    """Return a number with its interval; `sign` "+" shows that of a difference."""
    value, low, high = (number(entry.get(key), sign) for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def number(value: float | None, sign: str = "") -> str:
    """Return a number that may be missing."""
    return "none" if value is None else f"{value:{sign}.{DECIMALS}f}"


def verdict(story: Document) -> Iterator[str]:
    """Yield what the gate said, against whom, and why."""
    said, champion = story["gate"]["verdict"], story["champion"]
    against = f"version {names.package_version(champion)}" if champion else "no champion"
    yield f"{card.said(said)}, against {against}"
    yield from said["reasons"]


def staging(known: dict[str, str], told: list[Document]) -> Iterator[str]:
    """Yield how the proof on staging ended, with what the run that made it said."""
    at = f" {minute(known['staging_at'])}" if "staging_at" in known else ""
    yield f"{known.get('staging', 'not proven yet')}{at}"
    steps = [step for item in told for step in item.get("steps", ()) if step.get("name") == "staging"]
    yield from list(dict.fromkeys(step["note"] for step in steps if step.get("note")))


def approval(package: Document) -> Iterator[str]:
    """Yield who judged it, when and why."""
    known = package["metadata"]
    yield ": ".join(filter(None, [package["approval"], package["why"]]))
    if by := known.get("judged_by"):
        yield f"by {by}, {minute(known.get('judged_at', ''))}"


def rollouts(told: list[Document]) -> Iterator[str]:
    """Yield each rollout: its end, its alarms, its moments. A first release takes over from nothing."""
    if not told:
        yield "none: it took over from no other release, or never came to production"
    for item in told:
        how = item.get("rollout", {}).get("strategy", "shadow")
        said = item.get("verdict", "unknown") + (", unwatched" if item.get("unwatched") else "")
        yield f"{minute(item['at'])} {said} ({how}); answers: {answers(item)}"
        if why := item.get("why"):
            yield f"why: {why}"
        alarms = item.get("alarms", {})
        fired = ", ".join(alarms.get("fired", {})) or "none"
        yield f"alarms watched: {len(alarms.get('watched', ()))}, fired: {fired}"
        yield from moments(item.get("events", []))


def answers(item: Document) -> str:
    """Return how often golden requests were answered: by the new release, by the old one, wrongly, not."""
    probes = item.get("probes", {})
    return ", ".join(f"{probes[key]} {word}" for key, word in COUNTED.items() if key in probes) or "none"


def moments(events: list[Document]) -> Iterator[str]:
    """Yield a rollout's moments: the first and the last ones where they are many."""
    lines = [line.strip() for line in watch.told_by_minute(events)]
    if len(lines) <= MOMENTS:
        yield from lines
        return
    half = MOMENTS // 2
    yield from [*lines[:half], f"... {len(lines) - 2 * half} more: --json", *lines[-half:]]


def outcomes(told: list[Document]) -> Iterator[str]:
    """Yield how the workflow runs ended that were about it."""
    if not told:
        yield "none recorded: no workflow run has told how it ended"
    for item in told:
        what = " ".join(filter(None, [minute(item.get("at", "")), item.get("outcome"), item.get("code")]))
        yield f"{what}: {item.get('run', {}).get('url', '')}"


def documents(told: dict[str, str]) -> Iterator[str]:
    """Yield where each document lies: the folder once, then what is below it."""
    root = told["data.lock"].removesuffix("lock/data.lock")
    yield root
    for name, uri in told.items():
        yield f"{name}: {uri.removeprefix(root)}"


def checks(told: list[Document]) -> Iterator[Row]:
    """Yield each check, red where a document is not what was registered."""
    for place, check in enumerate(told):
        label = "" if place else "checks"
        if check["same"]:
            yield label, f"✓ {check['what']} is as registered: {(check['is'] or '')[-64:][:12]}", "green"
        else:
            yield label, f"✗ {check['what']} {check['why']}", "bold red"


def minute(at: str) -> str:
    """Return a time as people read it, UTC."""
    return at[:16].replace("T", " ") or "some time"
