"""The ledger of what can befall a delivery, F56 to F72: merges, runners, identities, texts of others.

As faults.py, whose kinds it uses. What a workflow or a hook breaks is seen by the template's own tests.
"""

from __future__ import annotations

from faults import Change, Fault, aws, stories, verbs

NUMBERS = range(56, 73)
INNER = "{{cookiecutter.project_slug}}"
PULL_REQUEST = f"{INNER}/.github/workflows/pull_request.yml"
CLAIM = "token.actions.githubusercontent.com"


def races(*names: str) -> tuple[str, ...]:
    """Return tests of two runners, processes of their own, that change one production."""
    return tuple(f"tests/stories/test_races.py::test_{name}" for name in names)


def story(module: str, *names: str) -> tuple[str, ...]:
    """Return tests of verbs as a user runs them."""
    return tuple(f"tests/stories/test_{module}.py::test_{name}" for name in names)


WAITS = "a_release_waits_for_another_one_and_looks_what_it_did"
CONTRACTS = ("tests/workflows/test_contracts.py::test_the_workflows_keep_it",)
RACE = "of_two_runners_that_start_at_once_the_newest_commit_stays_and_no_caller_notices"
OTHERS = "a_role_is_refused_to_others"
HOSTILE_BAKE = "test_an_answer_never_runs_and_stands_in_the_settings_as_it_was_typed"

FAULTS = (
    Fault(
        56,
        "two merges at once",
        "nobody looks what the release did that was waited for",
        "DID NOT RAISE",
        (
            Change(
                "sagemaker_gitops/rollout.py", "if serves not in (was, config):", "if serves == 'no such':"
            ),
        ),
        (
            *verbs("test_rollout", f"{WAITS}[the other one took over]"),
            *verbs(
                "test_promotion",
                "a_release_that_an_older_commit_overtook_asks_again",
                "a_release_that_a_newer_commit_overtook_leaves_it_there",
                "who_is_overtaken_again_and_again_gives_up",
            ),
            *verbs("test_delivery", "who_asks_for_a_release_is_noted_before_it_serves"),
            *verbs(
                "test_watch",
                "a_release_that_another_one_was_quicker_than_by_a_moment_says_so_and_leaves_no_alarm",
            ),
            *races(
                "an_older_commit_that_waits_while_a_newer_one_takes_over_is_not_asked_for",
                "a_newer_commit_waits_for_an_older_one_and_then_takes_over",
                RACE,
            ),
        ),
        room="gitops",
    ),
    Fault(
        57,
        "three merges in a row",
        "all outcomes are recorded in one place",
        "outcomes/",
        (
            Change(
                "sagemaker_gitops/github/records.py",
                'return f"s3://{bucket}/outcomes/{commit}.json"',
                'return f"s3://{bucket}/outcomes/last.json"',
            ),
        ),
        verbs(
            "github/test_after",
            "three_merges_in_a_row_leave_one_outcome_each_in_whatever_order_they_end",
        ),
        template=CONTRACTS,  # a_release_waits_and_is_not_dropped, a_training_is_never_cancelled
        room="gitops",
    ),
    Fault(
        58,
        "an older run ends after a newer one",
        "every commit counts as one that came before",
        "superseded",
        (
            Change(
                "sagemaker_gitops/history.py",
                'return git(root, "merge-base", "--is-ancestor", commit, "HEAD") is not None',
                "return True",
            ),
        ),
        verbs(
            "test_promotion",
            "an_older_commit_that_comes_late_leaves_the_newer_release_alone",
            "a_commit_that_this_history_does_not_have_is_later",
            "a_later_commit_replaces_what_an_earlier_one_asked_for",
        ),
        room="gitops",
    ),
    Fault(
        59,
        "a releaser dies while production changes",
        "nobody waits for what is under way without its runner",
        "== 4",
        (
            Change(
                "sagemaker_gitops/rollout.py",
                "if before and endpoints.moving(before) and endpoints.pending(before) != config:",
                "if before and endpoints.pending(before) == 'no such':",
            ),
        ),
        (
            *verbs("test_rollout", f"{WAITS}[the other one went back, or its runner was killed]"),
            *races("a_runner_that_is_killed_while_production_changes_holds_nobody_up"),
            *story("rollout", "a_release_whose_runner_dies_is_taken_back_and_the_next_run_brings_it"),
        ),
        room="gitops",
    ),
    Fault(
        60,
        "a commit is reverted",
        "no package counts as whole: everything is trained again",
        "== []",
        (
            Change(
                "sagemaker_gitops/release.py",
                'package and "story_sha256" in package.metadata\n',
                'package and "no such" in package.metadata\n',
            ),
        ),
        (
            *verbs(
                "test_release",
                "a_revert_finds_the_package_of_the_earlier_content_and_trains_nothing",
            ),
            *verbs("test_tree", "reverting_gives_the_earlier_release_again"),
            *verbs("test_reconcile", "a_revert_makes_an_older_package_the_newest"),
        ),
        room="gitops",
    ),
    Fault(
        61,
        "the token of another branch, file, repository or issuer",
        "the pipeline's role does not ask for the repository's number",
        "DID NOT RAISE",
        (
            Change(
                f"{INNER}/infra/github.yml",
                f'"{CLAIM}:repository_id": !Ref RepositoryId\n'
                f'                "{CLAIM}:ref": refs/heads/main\n'
                f'                "{CLAIM}:job_workflow_ref":\n'
                '                  - !Sub "${Repository}/.github/workflows/release.yml',
                f'"{CLAIM}:ref": refs/heads/main\n'
                f'                "{CLAIM}:job_workflow_ref":\n'
                '                  - !Sub "${Repository}/.github/workflows/release.yml',
            ),
        ),
        emulator=aws(
            "oidc",
            "who_is_not_the_release_workflow_of_main_is_denied",
            "a_bad_token_is_refused_in_awss_codes",
            "what_is_no_token_is_said_to_be_none",
            "an_unsigned_token_is_refused",
        ),
        template=(
            f"tests/test_infra.py::test_{OTHERS}[a repository of the same name]",
            f"tests/test_infra.py::test_{OTHERS}[another workflow of main]",
            f"tests/test_infra.py::test_{OTHERS}[a forged token]",
        ),
        room="template",
    ),
    Fault(
        62,
        "credentials expire while a job runs",
        "the first token is sent again when the keys have ended",
        "== 6",
        (Change("sagemaker_gitops/aws.py", "sent[0] = token.ask()", "sent[0] = sent[0] or token.ask()"),),
        verbs(
            "test_identity",
            "a_job_of_several_hours_takes_its_role_again_with_a_token_of_that_hour",
            "where_github_gives_no_other_token_the_job_says_so_and_can_go_on_later",
            "a_role_that_aws_refuses_is_asked_for_once",
        ),
        room="gitops",
    ),
    Fault(
        63,
        "a permission is missing",
        "AWS's own sentence is left out",
        "in '  AccessDenied",
        (
            Change(
                "sagemaker_gitops/errors.py",
                "            {message}\n            give the role this permission",
                "            {code(error)}\n            give the role this permission",
            ),
        ),
        story("denied", "a_permission_that_is_missing_is_named_with_its_resource"),
        aws("iam_enforced", "a_denial_names_principal_action_resource_and_kind_of_policy"),
        room="gitops",
    ),
    Fault(
        64,
        "the key is disabled",
        "it counts as anything that AWS refuses",
        "E610",
        (
            Change(
                "sagemaker_gitops/errors.py",
                "if code(error).startswith(KEYLESS):",
                "if code(error).startswith('no such'):",
            ),
        ),
        (
            *verbs("test_errors", "botocores_errors_become_ours[a disabled key]"),
            *story("denied", "a_key_that_is_disabled_is_named_and_once_it_is_enabled_the_verb_goes_on"),
        ),
        aws(
            "keys",
            "what_a_key_encrypts_is_neither_written_nor_read_without_it",
            "a_key_that_is_enabled_again_reads_what_it_wrote",
        ),
        room="gitops",
    ),
    Fault(
        65,
        "a title, a branch or an answer that is a command",
        "a branch's name is handed to make, which writes it into a shell's line",
        "gives make",
        (
            Change(
                PULL_REQUEST,
                "BASE: ${{ github.event.pull_request.base.sha ||",
                "BASE: ${{ github.head_ref ||",
            ),
        ),
        (
            *verbs("github/test_revert", "a_commits_title_is_text"),
            *verbs("github/test_comment", "what_others_wrote_is_text_and_never_markup"),
            *verbs("github/test_summary", "hostile_text_is_text_everywhere"),
            *story("refusals", "what_looks_like_a_key_in_bad_rows_is_told_nowhere"),
        ),
        template=(*CONTRACTS, f"tests/test_bake.py::{HOSTILE_BAKE}"),
        room="template",
    ),
    Fault(
        66,
        "a pull request from a fork",
        "a fork's job asks for a role",
        "AWS_PULL_REQUEST_ROLE",
        (
            Change(
                PULL_REQUEST,
                "github.event.pull_request.head.repo.full_name == github.repository && vars",
                "vars",
            ),
        ),
        verbs("github/test_comment", "a_fork_gets_no_comment"),
        template=CONTRACTS,
        room="template",
    ),
    Fault(
        67,
        "a package or an action is no longer what it was",
        "setup does not compare hashes",
        "assert 0 != 0",
        (
            Change(
                f"{INNER}/requirements/install.py",
                'python.absolute(), "--compile-bytecode"]',
                'python.absolute(), "--compile-bytecode", "--no-verify-hashes"]',
            ),
        ),
        template=(
            "tests/test_pins.py::test_a_package_that_is_not_the_pinned_one_is_refused_by_setup",
            "tests/test_pins.py::test_every_pin_but_pytorch_carries_hashes",
            *CONTRACTS,  # an_action_is_pinned_by_commit
        ),
        room="template",
    ),
    Fault(
        68,
        "a repository is renamed or moved",
        "the newer form of a subject lacks the repository's number",
        "income-model@345",
        (
            Change(
                "infra/github.yml",
                '["repo:${Owner}@${OwnerId}/${Name}@${RepositoryId}:pull_request"',
                '["repo:${Owner}@${OwnerId}/${Name}:pull_request"',
            ),
        ),
        stories(
            "account/test_connect",
            "the_roles_trust_the_repository_by_its_numbers_and_both_forms_of_its_name",
            "a_repository_that_was_made_anew_is_trusted_by_its_new_number",
        ),
        aws("oidc", "both_forms_of_the_subject_are_let_in"),
        (
            "tests/test_infra.py::test_a_role_is_taken_by_its_jobs",
            "tests/slow/test_renamed.py::"
            "test_after_a_rename_jobs_say_what_to_do_and_connect_lets_them_in_again",
        ),
    ),
    Fault(
        69,
        "a clock is ten minutes off",
        "it counts as wrong credentials",
        "E611",
        (
            Change(
                "sagemaker_gitops/errors.py",
                'if any(words in f"{code(error)} {message}" for words in SKEWED):',
                'if any(words in f"{code(error)} {message}" for words in ()):',
            ),
        ),
        (
            *verbs(
                "test_identity",
                "a_clock_that_is_ten_minutes_off_is_one_clear_error_after_one_request",
            ),
            *verbs("test_errors", "botocores_errors_become_ours[a wrong clock, says S3]"),
        ),
        room="gitops",
    ),
    Fault(
        70,
        "the same end told twice, or late",
        "an earlier attempt replaces what a later one has recorded",
        "assert True is False",
        (
            Change(
                "sagemaker_gitops/github/records.py",
                "return work.attempt >= attempt",
                "return work.attempt + 9 >= attempt",
            ),
        ),
        (
            *verbs(
                "github/test_outcome",
                "a_record_is_never_replaced_by_an_older_one[an attempt that was slow]",
            ),
            *verbs(
                "github/test_after",
                "the_same_run_again_changes_nothing",
                "a_slow_earlier_attempt_undoes_nothing",
            ),
            *verbs("github/test_issue", "the_same_run_twice_says_it_once"),
            *verbs("github/test_revert", "a_second_run_opens_no_second_one"),
        ),
        room="gitops",
    ),
    Fault(
        71,
        "answers that no name of AWS could hold",
        "a bucket may begin with a prefix that S3 keeps for itself",
        "assert 0 != 0",
        (
            Change(
                "hooks/pre_gen_project.py",
                'r"(?!unnamed$|sthree-|amzn-s3-demo-)',
                'r"(?!unnamed$)',
            ),
        ),
        template=(
            "tests/test_answers.py::test_an_answer_that_cannot_be_used_is_refused_by_its_sentence"
            "[a prefix that S3 keeps for itself]",
            "tests/test_answers.py::test_all_bad_answers_are_named_in_one_go",
            "tests/test_bake.py::test_odd_answers_give_a_project_that_tools_can_read",
            f"tests/test_bake.py::{HOSTILE_BAKE}",
        ),
        room="template",
    ),
    Fault(
        72,
        "variables of another account or region",
        "any region will do",
        "DID NOT RAISE",
        (
            Change(
                "sagemaker_gitops/account/roles.py",
                'return "region" if expected and value != expected else ""',
                'return ""',
            ),
        ),
        stories(
            "account/test_connect",
            "a_repository_of_another_account_is_refused_before_anything_is_written",
        ),
        room="gitops",
    ),
)
