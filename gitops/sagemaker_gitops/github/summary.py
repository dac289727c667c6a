"""The job summary of a release: what is so now, the way it went as a picture and as tables, where to look.

In:   an outcome, what AWS shows, the links that there are
Out:  Markdown for $GITHUB_STEP_SUMMARY; everything that others wrote stays text
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sagemaker_gitops import names
from sagemaker_gitops.github import endings
from sagemaker_gitops.github import outcome as outcomes
from sagemaker_gitops.github.look import Look
from sagemaker_gitops.github.markup import label, link, table, text
from sagemaker_gitops.github.outcome import Outcome
from sagemaker_gitops.registry import Package

# Each node of the picture, what it is called, and the steps that tell of it: the last one that ran counts.
NODES = {
    "data": ("Data", ("data", "validate")),
    "train": ("Train", ("train",)),
    "evaluate": ("Evaluate", ("evaluate",)),
    "gate": ("Gate", ("gate",)),
    "registered": ("Registered", ("register", "reuse")),
    "staging": ("staging", ("staging",)),
    "production": ("production", ("production", "put back")),
}
EARLIER = ("data", "train", "evaluate", "gate")  # what a release that is reused went through before
COLOURS = {
    "done": "fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
    "reused": "fill:#dafbe1,stroke:#1a7f37,color:#1f2328,stroke-dasharray:4",
    "waiting": "fill:#fff8c5,stroke:#9a6700,color:#1f2328",
    "red": "fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-width:3px",
    "unreached": "fill:#f6f8fa,stroke:#8c959f,color:#57606a,stroke-dasharray:2",
}
CLASSES = {
    "done": "done", "reused": "reused", "waiting": "waiting", "superseded": "waiting", "running": "waiting",
    "refused": "red", "failed": "red", "stopped": "red",
}  # fmt: skip
CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}


def markdown(outcome: Outcome, seen: Look, project: str, links: Sequence[str] = ()) -> str:
    """Return the job summary; `links` are Markdown."""
    waits = outcome.kind == outcomes.WAITING
    parts = [
        f"## {text(heading(outcome, seen, project))}",
        reasons(outcome, seen) if outcome.red or (waits and outcome.lines) else "",
        f"```mermaid\n{flowchart(outcome, seen)}\n```",
        steps(outcome),
        releases(seen),
        " · ".join(links),
    ]
    return "\n\n".join(filter(None, parts)) + "\n\n"


def heading(outcome: Outcome, seen: Look, project: str) -> str:
    """Return the sentence that says what is so now."""
    release = f"{project} {outcome.version}" if outcome.version is not None else project
    if outcome.code == "E406":
        return f"{release}: production may serve it, and it is not proven"
    if outcome.kind == outcomes.ROLLED_BACK and not seen.trouble:
        return f"{release}: production rolled back to {seen.serving.version if seen.serving else 'nothing'}"
    return (
        f"{release}: {said(outcome)}, {seen.now()}"
        if outcome.kind != outcomes.RELEASED
        else f"{release}: in production"
    )


def said(outcome: Outcome) -> str:
    """Return how a release ended, in words."""
    stopped = next((step for step in outcome.steps if CLASSES.get(step["verdict"]) == "red"), None)
    where = f" in step {stopped['name']}" if stopped else ""
    if outcome.by_hand and not outcome.taken_back:
        return f"{endings.of_rollback(outcome.kind)}{where}"
    return {
        outcomes.UNCHANGED: "nothing to train, nothing to change",
        outcomes.WAITING: "waits for its approval",
        outcomes.DATA_REFUSED: "data refused, nothing trained",
        outcomes.GATE_REFUSED: "model refused, nothing registered",
        outcomes.ROLLED_BACK: "rolled back",
        outcomes.NOT_PROVEN: f"not proven{' on staging' if outcome.environment == 'staging' else ''}",
        outcomes.SUPERSEDED: "a newer release was there first",
        outcomes.FAILED: f"failed{where}",
        outcomes.CANCELLED: f"cancelled{where}",
    }.get(outcome.kind, outcome.kind)


def reasons(outcome: Outcome, seen: Look) -> str:
    """Return what stopped a release, as a table: the four lines, the alarms, what is so now."""
    what, where, why, todo = (line.strip() for line in (*outcome.lines, "", "", "", "")[:4])
    alarms = "; ".join(f"{name}: {reason}" for name, reason in outcome.fired.items())
    rows = [
        ("What", text(what)),
        ("Where", text(where)),
        ("Why", text(why, 1000)),
        ("Alarm", text(alarms, 1000)),
        ("Now", text(seen.now())),
        ("Next", text(todo, 1000)),
    ]
    return table(["", ""], [row for row in rows if row[1]])


def states(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Return the step that tells of each node; a release that is reused has done the earlier ones before."""
    found = {}
    for node, (_, steps) in NODES.items():
        mine = [step for step in outcome.steps if step["name"] in steps]
        if mine:
            found[node] = worst(mine)
    if any(step["name"] == "reuse" for step in outcome.steps):
        found = {node: {"verdict": "reused", "note": "done before"} for node in EARLIER} | found
    return found


def worst(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the step that went wrong, else the last one."""
    return next((step for step in steps if CLASSES.get(step["verdict"]) == "red"), steps[-1])


def flowchart(outcome: Outcome, seen: Look) -> str:
    """Return the way of a release as Mermaid."""
    told = states(outcome)
    lines = ["flowchart LR"]
    for node, (title, _) in NODES.items():
        step = told.get(node, {})
        verdict = step.get("verdict", "")
        note = "" if verdict in ("", "done") else verdict
        if node == "production" and outcome.kind == outcomes.ROLLED_BACK:
            note = f"rolled back to {seen.serving.version}" if seen.serving else "rolled back"
        shown = label(title, note, duration(step.get("seconds", 0)) if step else "not reached")
        shape = f"{{{shown}}}" if node == "gate" else f"[{shown}]"
        lines.append(f"  {node}{shape}:::{CLASSES.get(verdict, 'unreached')}")
    lines.append(f"  {' --> '.join(NODES)}")
    lines += [f"  classDef {name} {colour}" for name, colour in COLOURS.items()]
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """Return seconds as a person says them; nothing for no time."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s" if rest else ""


def steps(outcome: Outcome) -> str:
    """Return the steps of all verbs as a table: for whoever cannot see the picture."""
    rows = [
        (
            text(step["verb"]),
            text(step["name"]),
            text(step["verdict"]),
            f"{step['seconds']:.1f} s",
            text(step["note"]),
        )
        for step in outcome.steps
    ]
    jobs = [(text(name), "", text(result), "", "the whole job") for name, result in outcome.jobs.items()]
    return table(
        ["verb", "step", "verdict", "time", ""],
        [*rows, *(jobs if not rows or outcome.code == outcomes.UNTOLD else [])],
    )


def releases(seen: Look) -> str:
    """Return the last releases as a table, or why there is none."""
    if not seen.packages:
        return (
            f"The registry was not read: {text(seen.trouble)}"
            if seen.trouble
            else "No release is registered."
        )
    rows = [
        (
            package.version,
            f"`{short}`" if (short := _id(package)) else "",
            text(package.metadata.get("metric", "")),
            state(package, seen),
        )
        for package in seen.packages
    ]
    return "Last releases\n\n" + table(["version", "release", "metric", "state"], rows)


def _id(package: Package) -> str:
    short = names.short(package.release_id)
    return short if short.isalnum() else ""


def state(package: Package, seen: Look) -> str:
    """Return what has become of a package, as Markdown."""
    if seen.serving and package.arn == seen.serving.arn:
        return "**in production**"
    was = package.metadata.get("production", "")
    return text(f"{package.approval}{f' (production: {was})' if was else ''}")


def console(region: str, endpoint: str) -> str:
    """Return where AWS's console shows an endpoint."""
    host = next(
        (host for prefix, host in CONSOLES.items() if region.startswith(prefix)), "console.aws.amazon.com"
    )
    return f"https://{region}.{host}/sagemaker/home?region={region}#/endpoints/{endpoint}"


def run_link(outcome: Outcome) -> str:
    """Return a link to the run."""
    return link(f"run {outcome.work.id}, attempt {outcome.work.attempt}", outcome.work.url)
