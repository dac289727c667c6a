"""Properties of the plan, over random graphs and random ends of their steps."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from sagemaker_emulator.executor import checks, plan
from sagemaker_emulator.executor.plan import State

ENDS = st.sampled_from([State.SUCCEEDED, State.SUCCEEDED, State.SUCCEEDED, State.FAILED, State.STOPPED])
TRIGGERS = st.sampled_from(["Completed", "Completed", "Completed", "Failed", "Any"])


@st.composite
def pipelines(draw):
    """Draw a definition: steps that depend on earlier ones, some inside the branches of conditions."""
    count = draw(st.integers(1, 9))
    steps, places = [], []  # a place: the list to put a step in, and the conditions around it
    for number in range(count):
        name = f"s{number}"
        place, around = draw(st.sampled_from([(steps, []), *places]))
        step = {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": "x"}, "DependsOn": []}
        if draw(st.booleans()):
            step["Type"] = "Condition"
            always = [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}]
            step["Arguments"] = {"Conditions": always, "IfSteps": [], "ElseSteps": []}
        for earlier in range(number):
            if draw(st.integers(0, 3)) == 0:
                trigger = "Completed" if f"s{earlier}" in around else draw(TRIGGERS)
                step["DependsOn"].append({"Step": f"s{earlier}", "Trigger": trigger})
        place.append(step)
        if step["Type"] == "Condition":
            places += [(step["Arguments"][branch], [*around, name]) for branch in ("IfSteps", "ElseSteps")]
    return checks.parse(json.dumps({"Version": "2020-12-01", "Steps": steps}))


@settings(max_examples=200, deadline=None)
@given(pipelines(), st.data())
def test_whatever_happens_every_step_ends_once_and_none_starts_before_what_it_waits_for(found, data):
    states = {step.name: State.WAITING for step in found.steps}
    outcomes, started = {}, []
    while True:
        failing = any(state in (State.FAILED, State.STOPPED) for state in states.values())
        decision = plan.decide(found, states, outcomes, failing)
        states.update(dict.fromkeys(decision.skip, State.SKIPPED))
        for name in decision.start:
            assert name not in started
            assert right_to_start(found, name, states, outcomes)
            states[name] = State.EXECUTING
            started.append(name)
        running = [name for name, state in states.items() if state == State.EXECUTING]
        if not running and not decision.skip:
            break
        if running:
            name = data.draw(st.sampled_from(running))
            states[name] = data.draw(ENDS)
            if found.step(name).type == "Condition" and states[name] == State.SUCCEEDED:
                outcomes[name] = data.draw(st.booleans())
    failed = any(state in (State.FAILED, State.STOPPED) for state in states.values())
    waiting = [name for name, state in states.items() if state == State.WAITING]
    assert failed or not waiting, "without a failure every step has run or was skipped"


def right_to_start(found, name, states, outcomes):
    """Say, in other words than the plan's, whether a step may start."""
    step = found.step(name)
    if step.branch and outcomes.get(step.branch.condition) != step.branch.outcome:
        return False
    allowed = {"Completed": "Succeeded", "Failed": "Failed", "Stopped": "Stopped"}
    return all(
        states[need] == allowed[trigger] if trigger != "Any" else states[need] in allowed.values()
        for need, trigger in step.depends_on.items()
    )
