"""The ledger of what can befall a release on its way, F34 to F55: what proves it, and what breaks it.

A `Fault` names the tests that inject it and hold the outcome, and one way to break the feature which those
tests watch. test_fault_ledger.py holds the ledger against the tree; test_faults_are_seen.py runs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = {
    "project": ROOT / "{{cookiecutter.project_slug}}",
    "gitops": ROOT / "gitops",
    "emulator": ROOT / "emulator",
    "template": ROOT,
}
OF_GITOPS = ("verb_tests/", "stories/")
NUMBERS = range(34, 56)


@dataclass(frozen=True)
class Change:
    """A text of one file that is replaced by another: it occurs exactly once."""

    file: str  # of the fault's room
    old: str
    new: str


@dataclass(frozen=True)
class Fault:
    """One fault, its proof, and the feature taken away."""

    number: int
    says: str
    broken: str  # what the changes do
    seen: str  # how the test that turns red says so
    changes: tuple[Change, ...]
    verbs: tuple[str, ...] = ()  # tests of the project and of gitops, the quickest that turn red first
    emulator: tuple[str, ...] = ()
    template: tuple[str, ...] = ()
    room: str = "project"  # of the changes

    @property
    def tests(self) -> dict[str, tuple[str, ...]]:
        """The tests by room."""
        gitops = tuple(test for test in self.verbs if test.startswith(OF_GITOPS))
        project = tuple(test for test in self.verbs if not test.startswith(OF_GITOPS))
        return {
            "gitops": gitops,
            "project": project,
            "emulator": self.emulator,
            "template": self.template,
        }

    def __str__(self) -> str:
        return f"F{self.number:02d} {self.says}"


def rollout(*names: str) -> tuple[str, ...]:
    """Return tests of releases that are broken, from end to end."""
    return tuple(f"tests/stories/test_broken_releases.py::test_{name}" for name in names)


def trouble(*names: str) -> tuple[str, ...]:
    """Return tests of good releases under trouble, from end to end."""
    return tuple(f"tests/stories/test_troubled_releases.py::test_{name}" for name in names)


def unit(module: str, *names: str) -> tuple[str, ...]:
    """Return tests of one module of the project."""
    return tuple(f"tests/{module}.py::test_{name}" for name in names)


def verbs(module: str, *names: str) -> tuple[str, ...]:
    """Return tests of one module of the verbs."""
    return tuple(f"verb_tests/{module}.py::test_{name}" for name in names)


def stories(module: str, *names: str) -> tuple[str, ...]:
    """Return tests of the verbs on a whole project."""
    return tuple(f"stories/{module}.py::test_{name}" for name in names)


def aws(module: str, *names: str) -> tuple[str, ...]:
    """Return tests of the emulator."""
    return tuple(f"tests/test_{module}.py::test_{name}" for name in names)


READY = "an_alarm_that_would_watch_nothing_stops_the_release_before_it_starts"
DEAD = "an_alarm_that_could_not_fire_at_a_third_of_the_traffic_is_named"
REFUSED = "what_is_wrong_is_refused_by_key_and_wanted_value"
NEVER_UP = "a_container_that_never_comes_up_gets_no_request"
NO_PING = "a_fleet_that_never_answers_pings_gets_no_request"
STATUS_200 = "wrong_answers_with_status_200_go_back"
STAGING = "what_breaks_the_contract_is_stopped_on_staging_and_production_is_never_asked"

FAULTS = (
    Fault(
        34,
        "container exits at start",
        "a fleet is taken for healthy whatever its containers do",
        "assert",
        (
            Change(
                "sagemaker_emulator/hosting/fleet.py",
                "bad = [instance for instance in instances if not instance.ready]",
                "bad = [instance for instance in () if not instance.ready]",
            ),
        ),
        rollout(f"{NEVER_UP}[exits at start]"),
        aws("rollout_rollback", f"{NO_PING}[canary-exits at start]", f"{NO_PING}[rolling-exits at start]"),
        room="emulator",
    ),
    Fault(
        35,
        "ping fails or is never answered",
        "any answer to a ping is a good one",
        "assert",
        (
            Change(
                "sagemaker_emulator/hosting/instance.py",
                "return connection.getresponse().status == 200",
                "return connection.getresponse().status > 0",
            ),
        ),
        rollout(f"{NEVER_UP}[ping never answers]"),
        aws("rollout_rollback", f"{NO_PING}[canary-ping never good]", f"{NO_PING}[rolling-ping never good]"),
        room="emulator",
    ),
    Fault(
        36,
        "every invocation fails",
        "UpdateEndpoint names no alarm",
        "E402",
        (
            Change(
                "sagemaker_gitops/rollout.py",
                'back = {"Alarms": [{"AlarmName": name} for name in watching]}',
                "back: dict[str, Any] = {}",
            ),
        ),
        rollout(
            "a_canary_that_fails_every_request_goes_back_and_the_old_fleet_answers_on",
            "a_production_that_fails_every_request_is_healed_by_the_next_release",
        ),
        room="gitops",
    ),
    Fault(
        37,
        "fails only after a while",
        "no final bake: TerminationWaitInSeconds is 0",
        "promoted",
        (
            Change(
                "sagemaker_gitops/rollout.py",
                '"TerminationWaitInSeconds": (rollout.final_bake_minutes or 0) * 60',
                '"TerminationWaitInSeconds": 0',
            ),
        ),
        (
            *rollout("what_fails_only_after_a_while_is_found_in_the_final_bake"),
            *unit("pipelines/test_settings", f"{REFUSED}[no final bake]"),
        ),
        room="gitops",
    ),
    Fault(
        38,
        "50 times slower",
        "the latency alarm takes the old fleet for a thousand times slower than it was",
        "promoted",
        (
            Change(
                "sagemaker_gitops/alarms.py",
                'f"FILL(old, {baseline:.0f})"',
                'f"FILL(old, {1000 * baseline:.0f})"',
            ),
        ),
        rollout("a_release_fifty_times_slower_goes_back"),
        room="gitops",
    ),
    Fault(
        39,
        "wrong answers with status 200",
        "the prober counts wrong answers as right ones",
        "E402",
        (Change("sagemaker_gitops/prober.py", "self.counts.wrong += 1", "self.counts.new += 1"),),
        rollout(
            f"{STATUS_200}[swapped classes]",
            f"{STATUS_200}[NaN with status 200]",
            f"{STATUS_200}[sign flipped]",
            f"{STATUS_200}[constant]",
        ),
        room="gitops",
    ),
    Fault(
        40,
        "wrong content type, schema or batch order",
        "staging takes any status for a refusal",
        "DID NOT RAISE",
        (Change("sagemaker_gitops/contract.py", "if 400 <= status < 500:", "if status:"),),
        (
            *verbs(
                "test_contract",
                "a_bad_request_that_does_not_end_as_4xx_stops_the_release[500-status 500]",
                "a_release_that_goes_wrong_only_under_load_is_stopped",
            ),
            *rollout(f"{STAGING}[wrong schema]", f"{STAGING}[rows in the wrong order]"),
        ),
        room="gitops",
    ),
    Fault(
        41,
        "no traffic while it is watched",
        "probes that stop are no reason to go back",
        "promoted",
        (
            Change(
                "sagemaker_gitops/alarms.py",
                '_alarm(wrong, asked, 1.0, "breaching")',
                '_alarm(wrong, asked, 1.0, "missing")',
            ),
            Change(
                "sagemaker_gitops/alarms.py",
                'metric.get("TreatMissingData") != "breaching"',
                'metric.get("TreatMissingData") == "no such"',
            ),
        ),
        (
            *trouble("where_the_probes_fall_silent_the_release_goes_back_and_is_not_blamed"),
            *rollout("without_a_single_client_the_probes_find_what_is_wrong"),
            *verbs("test_prober", "so_many_probes_miss_a_canary_less_than_once_in_a_million"),
        ),
        room="gitops",
    ),
    Fault(
        42,
        "an alarm rings before the release starts",
        "nobody looks whether one rings",
        "DID NOT RAISE NotStarted",
        (
            Change(
                "sagemaker_gitops/guard.py",
                "for name, why in fires.items():",
                "for name, why in dict[str, str]().items():",
            ),
            Change(
                "sagemaker_gitops/guard.py",
                'silent = [name for name, state in states.items() if state != "OK"]',
                'silent = [name for name, state in states.items() if state == "INSUFFICIENT_DATA"]',
            ),
        ),
        (
            *trouble("an_alarm_that_rings_already_stops_the_release_before_it_starts"),
            *verbs("test_alarms", f"{READY}[in ALARM]", f"{READY}[ours fires]"),
        ),
        room="gitops",
    ),
    Fault(
        43,
        "an alarm is missing, unreadable or has no data",
        "nobody misses an alarm that is not there",
        "DID NOT RAISE",
        (
            Change(
                "sagemaker_gitops/guard.py",
                "if name not in there]:",
                "if name not in watched.names]:",
            ),
        ),
        (
            *verbs(
                "test_alarms",
                f"{READY}[missing or misspelt]",
                f"{READY}[unreadable]",
                f"{READY}[never any data]",
            ),
            *trouble("an_alarm_that_is_missing_stops_the_release_before_it_starts"),
        ),
        room="gitops",
    ),
    Fault(
        44,
        "an alarm that can never fire",
        "any threshold counts as one that can be reached",
        "of all answers",
        (
            Change(
                "sagemaker_gitops/alarms.py",
                "if operator not in reached or reached[operator]():",
                "if operator:",
            ),
        ),
        verbs(
            "test_alarms",
            f"{DEAD}[AWS's canary notebook]",
            f"{DEAD}[AWS's guardrails page]",
            f"{DEAD}[longer than the bake]",
            f"{DEAD}[another config]",
            f"{READY}[one that could not fire]",
        ),
        room="gitops",
    ),
    Fault(
        45,
        "silent rollback",
        "nobody compares the config that serves with the one that was asked for",
        "E402",
        (Change("sagemaker_gitops/proof.py", "elif serves != config:", "elif not serves:"),),
        trouble("a_silent_rollback_is_red_and_not_taken_for_a_success"),
        room="gitops",
    ),
    Fault(
        46,
        "odd states of an endpoint",
        "every state but Creating is as good as InService",
        "the endpoint is Failed",
        (Change("sagemaker_gitops/proof.py", 'if status != "InService":', 'if status == "Creating":'),),
        (
            *verbs(
                "test_watch",
                "any_other_end_is_unknown_and_red[Failed]",
                "any_other_end_is_unknown_and_red[UpdateRollbackFailed]",
                "an_update_that_is_stuck_is_red_after_sagemakers_own_limit_and_keeps_its_alarms",
            ),
            *verbs(
                "test_endpoints",
                "whatever_moves_is_waited_for[SystemUpdating]",
                "whatever_moves_is_waited_for[RollingBack]",
            ),
            *trouble("a_rollback_that_fails_is_not_known_to_be_one_and_production_is_healed"),
        ),
        room="gitops",
    ),
    Fault(
        47,
        "the releasing process is killed",
        "an update of our own that is under way is asked for again",
        "update_endpoint",
        (
            Change(
                "sagemaker_gitops/rollout.py",
                "if attached := endpoints.pending(before) == config:",
                "if attached := endpoints.pending(before) == 'no such':",
            ),
        ),
        (
            *verbs(
                "test_watch",
                "nobody_is_asked_a_second_time_while_our_own_update_is_under_way",
            ),
            *trouble("a_release_whose_runner_was_killed_is_picked_up_or_made_again_and_nobody_notices"),
        ),
        room="gitops",
    ),
    Fault(
        48,
        "a variant has another name",
        "the emulator lets it pass",
        "DID NOT RAISE",
        (
            Change(
                "sagemaker_emulator/hosting/operations.py",
                "deployments.refuse_renamed(found.config, config)",
                "deployments.refuse_renamed(config, config)",
            ),
        ),
        emulator=aws("hosting_updates", "a_renamed_variant_is_refused_under_guardrails"),
        room="emulator",
    ),
    Fault(
        49,
        "a canary on one instance",
        "the settings let it pass",
        "DID NOT RAISE",
        (Change("sagemaker_gitops/tables.py", "self.instance_count < 2 and", "self.instance_count < 1 and"),),
        unit("pipelines/test_settings", f"{REFUSED}[a canary on one machine]"),
        aws(
            "rollout_refusals",
            "a_deployment_that_aws_forbids_is_refused_and_nothing_moves[canary on one instance]",
        ),
        room="gitops",
    ),
    Fault(
        50,
        "autoscaling has changed the count",
        "the update keeps nothing of what runs",
        "== 2",
        (
            Change(
                "sagemaker_gitops/rollout.py",
                '"RetainAllVariantProperties": same_machines',
                '"RetainAllVariantProperties": False',
            ),
        ),
        trouble("what_autoscaling_has_set_is_what_the_next_release_runs_on"),
        aws(
            "rollout_refusals",
            "scaled_counts_are_kept_when_asked_and_given_up_otherwise",
            "a_scalable_target_survives_updates_keeps_its_instance_type_and_goes_with_its_endpoint",
        ),
        room="gitops",
    ),
    Fault(
        51,
        "collecting what is live, previous or pending",
        "what an update is on its way to may go",
        "{1, 3, 5} == {1, 3}",
        (
            Change(
                "sagemaker_gitops/prune.py",
                "endpoints.pending(each)",
                "endpoints.pending(None)",
            ),
        ),
        verbs(
            "test_prune",
            "nothing_live_previous_or_pending_is_deleted[an update is on its way to 5]",
            "nothing_live_previous_or_pending_is_deleted[4 serves, 2 is where a rollback goes, 6 waits]",
            "nothing_live_previous_or_pending_is_deleted[1 is being proven on staging]",
            "without_yes_everything_is_shown_and_nothing_deleted",
        ),
        room="gitops",
    ),
    Fault(
        52,
        "the first release of all fails",
        "what failed stays where it is",
        "Failed",
        (
            Change(
                "sagemaker_gitops/undo.py",
                'endpoints.delete(run.aws, endpoint)\n            step.note = "nothing served before',
                'step.note = "nothing served before',
            ),
        ),
        rollout("a_first_release_that_is_broken_leaves_nothing_and_the_next_one_works"),
        room="gitops",
    ),
    Fault(
        53,
        "hostile bodies",
        "half a body is the server's fault",
        "500",
        (Change("inference/payload.py", "except orjson.JSONDecodeError:", "except ZeroDivisionError:"),),
        (
            *unit(
                "inference/test_server",
                "hostile_bodies_cost_a_4xx_each_and_the_server_answers_on_in_bounded_memory",
            ),
            *unit(
                "inference/test_app",
                "an_endless_body_is_cut_off_at_twice_the_limit",
                "a_body_that_does_not_arrive_is_given_up_and_frees_its_place",
            ),
        ),
    ),
    Fault(
        54,
        "SIGTERM while requests are under way",
        "the server waits for none of them",
        "== 200",
        (
            Change(
                "inference/server.py",
                "timeout_graceful_shutdown=DRAIN_SECONDS",
                "timeout_graceful_shutdown=0",
            ),
        ),
        unit("inference/test_server", "it_answers_as_sagemaker_asks_and_drains_on_sigterm"),
        aws(
            "rollout_traffic",
            "requests_under_way_are_answered_by_the_fleet_that_took_them[drains on SIGTERM]",
        ),
    ),
    Fault(
        55,
        "200 requests at the same time",
        "requests share the place where a body is kept",
        "= [(200, b'",
        (
            Change(
                "inference/app.py",
                "                body = await read_body(receive, headers)\n",
                "                self.body = await read_body(receive, headers)\n"
                "                await asyncio.sleep(0.01)\n"
                "                body = self.body\n",
            ),
        ),
        unit(
            "inference/test_server",
            "two_hundred_requests_at_once_get_the_answers_of_one_after_the_other",
        ),
    ),
)
