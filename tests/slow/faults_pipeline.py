"""The ledger of what can befall pipeline, calls and registry of a release, F19 to F29.

As faults.py, whose kinds it uses.
"""

from __future__ import annotations

from faults import Change, Fault, aws, trouble, unit, verbs

NUMBERS = range(19, 30)


def story(module: str, *names: str) -> tuple[str, ...]:
    """Return tests of verbs as a user runs them."""
    return unit(f"stories/test_{module}", *names)


SAMPLE = "half_a_dozen_faults_cost_neither_a_release_nor_an_answer"
AGAIN = "what_may_succeed_the_next_time_is_asked_for_again_after_growing_pauses"
NO_MORE = "what_is_approved_no_more_when_its_turn_has_come_is_not_served"

FAULTS = (
    Fault(
        19,
        "worse than the live one, and above the absolute bar",
        "a loss that is clear is borne",
        "loss",
        (
            Change(
                "training/gate.py",
                "return Rule(rule, metric, value, needs, not (too_much and clear), message)",
                "return Rule(rule, metric, value, needs, True, message)",
            ),
        ),
        (
            *unit(
                "training/test_gate",
                "who_passes[clearly worse than is tolerated]",
                "who_passes[worse, and chance does not explain it]",
                "who_passes[as good as the champion]",
            ),
            *story("refusals", "a_worse_model_is_refused_by_the_gate_and_the_champion_serves_on"),
        ),
    ),
    Fault(
        20,
        "the same commit again, also at the same time",
        "each start has a token of its own",
        "assert",
        (
            Change(
                "sagemaker_gitops/execution.py",
                'hashlib.sha256(f"{release_id}:{failed}".encode()).hexdigest()',
                'hashlib.sha256(f"{release_id}:{failed}:{time.monotonic_ns()}".encode()).hexdigest()',
            ),
        ),
        (
            *verbs("test_execution", "two_runners_send_the_same_token_and_a_retry_sends_another"),
            *story(
                "by_content",
                "two_runners_of_one_release_make_one_execution_and_one_package",
                "what_was_finished_is_reused_by_every_runner_that_comes_later",
            ),
        ),
        room="gitops",
    ),
    Fault(
        21,
        "the answer to StartPipelineExecution is lost",
        "a start says nothing that a second one could be known by",
        "50b73e59d5b",
        (
            Change(
                "sagemaker_gitops/execution.py", "        ClientRequestToken=token(release_id, failed),\n", ""
            ),
        ),
        (
            *verbs("test_retries", "a_lost_answer_to_a_start_is_asked_for_with_the_same_token"),
            *story("crash_matrix", SAMPLE),
        ),
        room="gitops",
    ),
    Fault(
        22,
        "the answer to CreateModel or CreateEndpointConfig is lost; a job's is SageMaker's own",
        "whatever has the name is taken for ours",
        "DID NOT RAISE",
        (
            Change(
                "sagemaker_gitops/endpoints.py",
                "if there.get(name) != value]:",
                "if there.get(name) is name]:",
            ),
        ),
        (
            *verbs(
                "test_endpoints",
                "something_else_under_the_name_of_a_config_stops_the_release_before_it_is_served",
                "a_config_made_earlier_is_used_and_one_that_cannot_be_made_is_said",
            ),
            *story("crash_matrix", SAMPLE),
        ),
        room="gitops",
    ),
    Fault(
        23,
        "throttled twice, seven times, for good",
        "a call is tried as often as boto3 does by itself",
        "ThrottlingException",
        (Change("sagemaker_gitops/aws.py", "RETRIES = 10", "RETRIES = 3"),),
        (
            *verbs(
                "test_retries",
                f"{AGAIN}[throttled seven times]",
                f"{AGAIN}[throttled twice]",
                "what_is_throttled_for_good_is_given_up",
            ),
        ),
        room="gitops",
    ),
    Fault(
        24,
        "500, 503, a connection that drops, an answer that never comes",
        "an answer is waited for for an hour",
        "3600",
        (Change("sagemaker_gitops/aws.py", "read_timeout=seconds)", "read_timeout=3600)"),),
        (
            *verbs(
                "test_retries",
                "an_answer_that_never_comes_is_waited_for_so_long_and_no_longer",
                f"{AGAIN}[broken, then away]",
                f"{AGAIN}[lost, broken, lost]",
            ),
            *story("crash_matrix", SAMPLE),
        ),
        room="gitops",
    ),
    Fault(
        25,
        "a quota leaves no room",
        "it is any no of AWS's",
        "E103",
        (
            Change(
                "sagemaker_gitops/errors.py",
                'if code(error) == "ResourceLimitExceeded":',
                'if code(error) == "no such":',
            ),
        ),
        (
            *verbs(
                "test_errors",
                "botocores_errors_become_ours[a quota]",
                "a_quota_that_is_used_up_is_named_first",
            ),
            *verbs("test_retries", "a_quota_is_not_asked_for_twice"),
            *verbs("test_execution", "a_job_that_a_quota_kept_from_starting_names_the_quota"),
            *trouble("a_quota_that_is_used_up_is_named_and_not_asked_for_twice"),
        ),
        aws("faults", "a_refused_call_hears_the_code_and_the_message_that_were_asked_for"),
        room="gitops",
    ),
    Fault(
        26,
        "what was made a moment ago is not seen yet",
        "it is not asked for again",
        "1 < 1",
        (
            Change(
                "sagemaker_gitops/endpoints.py",
                "if not UNSEEN.search(str(error)) or waited > SETTLE_SECONDS:",
                "if waited >= 0:",
            ),
        ),
        (
            *verbs(
                "test_endpoints",
                "what_is_never_seen_is_waited_for_so_long_and_then_said",
                "what_was_made_a_moment_ago_is_asked_for_again_until_it_is_seen",
                "what_will_not_come_is_not_waited_for",
            ),
            *trouble("what_sagemaker_has_made_and_does_not_see_yet_is_waited_for"),
        ),
        room="gitops",
    ),
    Fault(
        27,
        "the pipeline is edited in the console",
        "a definition that is there is taken for ours",
        "unchanged",
        (
            Change(
                "sagemaker_gitops/execution.py",
                'if there["PipelineDefinition"] == definition and',
                'if there["PipelineDefinition"] and',
            ),
        ),
        (
            *verbs(
                "test_execution",
                "the_pipeline_is_sent_only_where_it_differs[another]",
                "an_execution_of_another_releases_definition_is_never_used",
            ),
            *verbs("test_reconcile", "each_difference_is_found_with_what_mends_it"),
            *story("meddling", "a_pipeline_that_somebody_edited_is_put_back_and_said_before_anything_runs"),
        ),
        room="gitops",
    ),
    Fault(
        28,
        "the registry's group is gone; a package is deleted or rejected between gate and deploy",
        "what was approved once is",
        "DID NOT RAISE",
        (
            Change(
                "sagemaker_gitops/delivery.py",
                '    if now.approval != "Approved":\n        raise DeployFailed(f"""E403',
                '    if now.approval == "no such":\n        raise DeployFailed(f"""E403',
            ),
        ),
        (
            *verbs(
                "test_delivery",
                f"{NO_MORE}[before-rejected]",
                f"{NO_MORE}[before-deleted]",
                f"{NO_MORE}[while it waits for others-rejected]",
                "a_group_that_is_gone_is_named_with_the_command_that_makes_it",
            ),
            *story(
                "meddling",
                "a_package_that_somebody_rejected_after_its_approval_is_not_served",
                "a_package_that_somebody_deleted_is_not_served",
            ),
        ),
        room="gitops",
    ),
    Fault(
        29,
        "the archive is changed after it was registered",
        "whatever lies there is served",
        "DID NOT RAISE",
        (Change("sagemaker_gitops/proof.py", "    if found != wanted:\n", "    if not found:\n"),),
        (
            *verbs("test_release", "a_champion_whose_archive_was_changed_is_compared_with_nothing"),
            *verbs("test_rollout", "an_archive_that_is_not_the_evaluated_one_is_never_served"),
            *story(
                "meddling",
                "an_archive_that_somebody_replaced_after_it_was_registered_is_not_served",
            ),
        ),
        room="gitops",
    ),
)
