"""From any sequence of updates, faults and alarms an endpoint serves one complete release.

Endpoint, Runner, OldSide, Fleet and traffic are the real ones; instances are objects instead of processes,
and waiting is a call that lets something happen. Each wait is a moment in which everything is looked at.
"""

from __future__ import annotations

import collections
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sagemaker_emulator import seams
from sagemaker_emulator.hosting import deployments, endpoint, provision, rollout, watch
from sagemaker_emulator.hosting.configs import EndpointConfig
from sagemaker_emulator.hosting.fleet import Fleet, NoInstance, Variant

HEALTHY, FAILS, NEVER = "healthy", "fails at start", "never answers"
FAULTS = ("silent-rollback", "stuck-update", "rollback-failed")
EVENTS = ("alarm", "old dies", "new dies", "old cannot start", "all come back")


class Instance:
    """What Fleet needs of an instance; `container` says what it does."""

    def __init__(self, container, where, variant, folder, changed):
        self.container, self.ready, self.failure, self.in_flight = container, False, None, 0
        self.started = self.retired = self.was_ready = False

    def start(self):
        self.started = True
        if self.container.kind == HEALTHY:
            self.ready = self.was_ready = True
        elif self.container.kind == FAILS:
            self.failure = "It did not start."

    def retire(self):
        assert self.in_flight == 0, "a request was under way"
        self.ready, self.retired = False, True

    def join(self, seconds):
        pass

    def kill(self):
        self.ready = False


class Watched(Fleet):
    """Shows itself to the world after each change."""

    def put_in_service(self, counts):
        super().put_in_service(counts)
        self.world.look()

    def end(self, drain=True):
        super().end(drain)
        self.world.look()


class World:
    """Time, alarms and faults, as a test wants them; `script` says what happens at which wait."""

    def __init__(self):
        self.now, self.script, self.waits = 0.0, {}, 0
        self.alarms, self.faults = set(), collections.Counter()
        self.fleets, self.look, self.violations = [], lambda: None, []

    def fleet(self, where, config, generation):
        variants = [
            Variant(
                each["VariantName"],
                each,
                SimpleNamespace(kind=config.containers["kind"]),
                each["InitialInstanceCount"],
                1.0,
            )
            for each in config.variants
        ]
        made = Watched(
            where, config.endpoint_config_name, Path(tempfile.gettempdir()) / "none", variants, Instance
        )
        made.world = self
        self.fleets.append(made)
        return made

    def fault(self, name, kind):
        wanted = self.faults[kind] > 0
        self.faults[kind] -= wanted
        return wanted

    def happen(self):
        """Let what the script says for this wait happen."""
        event, self.waits = self.script.get(self.waits), self.waits + 1
        if event == "alarm":
            self.alarms.add("watched")
        for fleet in self.fleets:
            newest = fleet is self.fleets[-1]
            for variant in fleet.variants.values():
                if event == "old cannot start" and not newest:
                    variant.container.kind = FAILS
                for instance in variant.instances:
                    if event == ("new dies" if newest else "old dies"):
                        instance.kill()
                    elif event == "all come back" and instance.was_ready and not instance.retired:
                        instance.ready = True
        self.look()


def stopwatch(world):
    class Stopwatch:
        def __init__(self, stop=None):
            self._began, self.tick = world.now, 60.0

        @property
        def spent(self):
            return world.now - self._began

        def wait(self, seconds):
            world.now += seconds
            world.happen()

    return Stopwatch


counts = st.integers(1, 6)
kinds = st.sampled_from([HEALTHY, HEALTHY, HEALTHY, FAILS, NEVER])
waits = st.sampled_from([0, 60, 300])
limits = st.sampled_from([3600, 3600, 600])
scripts = st.dictionaries(st.integers(0, 12), st.sampled_from(EVENTS), max_size=3)


@st.composite
def sizes(draw, count):
    """Return a CapacitySize that a variant of so many instances may have."""
    if draw(st.booleans()):
        return {"Type": "INSTANCE_COUNT", "Value": draw(st.integers(1, count // 2))}
    return {"Type": "CAPACITY_PERCENT", "Value": draw(st.sampled_from([10, 25, 33, 50]))}


@st.composite
def updates(draw):
    """Return how many instances an update asks for, and by which DeploymentConfig."""
    count = draw(counts)
    kind = draw(st.sampled_from(["none", "ALL_AT_ONCE"] + ["CANARY", "LINEAR", "rolling"] * (count > 1)))
    if kind == "none":
        return count, None
    alarms = draw(
        st.sampled_from([{}, {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "watched"}]}}])
    )
    limit = {"MaximumExecutionTimeoutInSeconds": draw(limits)}
    if kind == "rolling":
        back = {"RollbackMaximumBatchSize": draw(sizes(count))} if draw(st.booleans()) else {}
        policy = {
            "MaximumBatchSize": draw(sizes(count)),
            "WaitIntervalInSeconds": draw(waits),
            **back,
            **limit,
        }
        return count, {"RollingUpdatePolicy": policy, **alarms}
    routing = {"Type": kind, "WaitIntervalInSeconds": draw(waits)}
    if kind != "ALL_AT_ONCE":
        routing["CanarySize" if kind == "CANARY" else "LinearStepSize"] = draw(sizes(count))
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": draw(waits), **limit}
    return count, {"BlueGreenUpdatePolicy": policy, **alarms}


class Rollouts(RuleBasedStateMachine):
    """One endpoint under everything that may happen to it."""

    @initialize(variants=st.integers(1, 2), count=counts)
    def begin(self, variants, count):
        self.patches = pytest.MonkeyPatch()
        self.world, self.number = World(), 0
        self.names = [f"v{number}" for number in range(variants)]
        for module, name, value in (
            (provision, "fleet", self.world.fleet),
            (endpoint, "Stopwatch", stopwatch(self.world)),
            (rollout, "LONGEST_SECONDS", 3600),
            (endpoint.Endpoint, "_begin", lambda found, work: found._guarded(work)),
            (watch, "fault", self.world.fault),
            (watch, "tell", lambda *_: None),
            (watch, "alarm_state", lambda *_: "ALARM" if self.world.alarms else "OK"),
        ):
            self.patches.setattr(module, name, value)
        self.patches.setenv("SAGEMAKER_EMULATOR_HEALTH_SECONDS", "0.002")
        self.endpoint = endpoint.Endpoint("e", "arn", "1", "r", self.config(count, HEALTHY))
        self.endpoint.create()
        self.world.look = self.look

    def teardown(self):
        if hasattr(self, "patches"):
            self.patches.undo()

    def look(self):
        """Look while an update runs; what it catches of errors must not hide ours."""
        try:
            self.serves_a_complete_release()
        except AssertionError as error:
            self.world.violations.append(error)

    def config(self, count, kind):
        self.number += 1
        variants = [
            {"VariantName": name, "ModelName": "m", "InitialInstanceCount": count} for name in self.names
        ]
        return EndpointConfig(f"c{self.number}", "arn", {"ProductionVariants": variants}, {"kind": kind})

    @rule(
        asked=updates(),
        kind=kinds,
        script=scripts,
        faults=st.one_of(st.just(set()), st.sets(st.sampled_from(FAULTS), max_size=2)),
    )
    def update(self, asked, kind, script, faults):
        """UpdateEndpoint, with what happens meanwhile; what AWS refuses changes nothing."""
        count, policy = asked
        config, before = self.config(count, kind), self.endpoint.config
        self.world.alarms.clear()
        try:
            deployments.check(SimpleNamespace(account="1", region="r"), policy, config)
        except seams.AwsError:
            return
        was, old = self.endpoint.status, self.endpoint.fleet.wanted
        steps = rollout.plan(policy, dict.fromkeys(self.names, count), old)
        late = sum(step.bake_seconds for step in steps.steps) > steps.limit_seconds
        self.world.script, self.world.waits = script, 0
        self.world.faults = collections.Counter(faults)
        self.endpoint.update(config, policy)
        self.world.script = {}
        assert not self.world.violations, self.world.violations[0]
        alarmed = "AutoRollbackConfiguration" in (policy or {}) and bool(self.world.alarms)
        hopeless = kind != HEALTHY or alarmed or late or bool(faults - {"rollback-failed"})
        self.ended_as_it_should(config, before, was, hopeless, trouble=bool(hopeless or script))
        self.everybody_comes_back()

    @rule(count=counts)
    @precondition(lambda self: self.endpoint.status == "InService")
    def scale(self, count):
        """UpdateEndpointWeightsAndCapacities."""
        self.endpoint.reshape({self.names[0]: {"DesiredInstanceCount": count}})
        assert self.endpoint.fleet.in_service[self.names[0]] == count

    def everybody_comes_back(self):
        """Containers that died are started again; configs can be started again."""
        for fleet in self.endpoint.fleets:
            for variant in fleet.variants.values():
                variant.container.kind = HEALTHY
                for instance in variant.instances:
                    instance.ready = instance.ready or (instance.was_ready and not instance.retired)

    def ended_as_it_should(self, config, before, was, hopeless, trouble):
        found = self.endpoint
        assert found.pending is None
        if found.status == "UpdateRollbackFailed":
            assert trouble or was == "UpdateRollbackFailed"
            assert found.failure_reason
            return
        assert found.status == "InService"
        assert len(found.fleets) == 1
        assert found.fleet.config_name == found.config.endpoint_config_name
        promoted = found.config is config
        assert promoted or found.config is before
        assert promoted or trouble
        assert not (promoted and hopeless)
        assert not (promoted and found.failure_reason)

    @invariant()
    def serves_a_complete_release(self):
        """Every variant has capacity that once was healthy, and a request goes to what is ready."""
        if not hasattr(self, "endpoint"):
            return
        for name in self.names:
            taking = [
                instance
                for fleet in self.endpoint.fleets
                for instance in fleet.variants[name].instances[: fleet.variants[name].in_service]
            ]
            assert taking, f"nothing serves {name}"
            assert all(each.was_ready and not each.retired for each in taking)
            try:
                fleet, _, instance = self.endpoint.acquire(name)
            except NoInstance:
                assert not any(each.ready for each in taking)
            else:
                assert instance.ready and instance in taking
                fleet.release(instance)

    @invariant()
    def what_does_not_serve_has_ended(self):
        """At rest nothing runs but what serves, and all of it serves."""
        if not hasattr(self, "endpoint"):
            return
        for fleet in self.world.fleets:
            for variant in fleet.variants.values():
                serving = fleet in self.endpoint.fleets
                assert all(each.retired for each in variant.instances) or serving
                if serving:
                    assert variant.in_service == len(variant.instances)
                    assert self.endpoint.status != "InService" or variant.in_service == variant.count


Rollouts.TestCase.settings = settings(
    max_examples=150, stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck)
)


class TestRollouts(Rollouts.TestCase):
    """Run the machine."""
