"""What may run next. Pure: a graph of steps and what became of each so far, in; names, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sagemaker_emulator.executor import values
from sagemaker_emulator.executor.definition import Definition, Step
from sagemaker_emulator.executor.errors import DefinitionError


class State(StrEnum):
    """What became of a step. AWS's words, and two for steps that it does not list."""

    WAITING = "Waiting"
    SKIPPED = "Skipped"
    STARTING = "Starting"
    EXECUTING = "Executing"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    FAILED = "Failed"
    SUCCEEDED = "Succeeded"


RUNNING = frozenset({State.STARTING, State.EXECUTING, State.STOPPING})
_TRIGGERED_BY = {
    "Completed": frozenset({State.SUCCEEDED}),
    "Failed": frozenset({State.FAILED}),
    "Stopped": frozenset({State.STOPPED}),
    "Any": frozenset({State.SUCCEEDED, State.FAILED, State.STOPPED}),
}


@dataclass(frozen=True)
class Decision:
    """The steps to start now, in the document's order, and those that will never run."""

    start: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()


def dependencies(step: Step) -> dict[str, str]:
    """Return {step: trigger} of all that must come first: stated, from data, and the condition around it."""
    found = dict.fromkeys((name for name in referenced(step) if name != step.name), "Completed")
    found.update(step.depends_on)
    if step.branch is not None:
        found[step.branch.condition] = "Completed"
    return found


def referenced(step: Step) -> list[str]:
    """Return the names of the steps whose properties `step` reads; branches speak for themselves."""
    own = {key: value for key, value in step.arguments.items() if key not in ("IfSteps", "ElseSteps")}
    heads = (path.partition(".")[2] for path in values.references(own) if path.startswith("Steps."))
    return [head.partition(".")[0] for head in heads]


def decide(
    definition: Definition, states: Mapping[str, State], outcomes: Mapping[str, bool], failing: bool
) -> Decision:
    """Return what to start and what to give up.

    `failing`: a step has failed or was stopped. What runs already goes on to its end; only steps that wait
    for just that outcome (DependsOn with a trigger) may still start.
    """
    start, skip = [], []
    for step in definition.steps:
        if states[step.name] != State.WAITING:
            continue
        verdict = _verdict(step, states, outcomes)
        if verdict == State.SKIPPED:
            skip.append(step.name)
        elif verdict == State.STARTING and not (failing and not _answers_failure(definition, step)):
            start.append(step.name)
    return Decision(tuple(start), tuple(skip))


def refuse_cycles(definition: Definition) -> None:
    """Raise DefinitionError where steps wait for each other."""
    waiting = {step.name: set(dependencies(step)) for step in definition.steps}
    while free := {name for name, needs in waiting.items() if not needs & waiting.keys()}:
        waiting = {name: needs for name, needs in waiting.items() if name not in free}
    if waiting:
        raise DefinitionError(f"The definition has a cycle: {sorted(waiting)} wait for each other")


def _answers_failure(definition: Definition, step: Step) -> bool:
    """Whether the step was meant for this: it, or one before it, waits for a step to fail or stop."""
    needs = dependencies(step)
    return any(
        trigger != "Completed" or _answers_failure(definition, definition.step(name))
        for name, trigger in needs.items()
    )


def _verdict(step: Step, states: Mapping[str, State], outcomes: Mapping[str, bool]) -> State:
    waiting = False
    for name, trigger in dependencies(step).items():
        if states[name] in _TRIGGERED_BY[trigger]:
            continue
        if states[name] in RUNNING or states[name] == State.WAITING:
            waiting = True
        else:
            return State.SKIPPED
    branch = step.branch
    if branch is not None and outcomes.get(branch.condition, branch.outcome) != branch.outcome:
        return State.SKIPPED
    return State.WAITING if waiting else State.STARTING
