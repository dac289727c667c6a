"""The ledger of what can befall data, training and the model on their way, F01 to F18 and F30 to F33.

As faults.py, whose kinds it uses.
"""

from __future__ import annotations

from faults import Change, Fault, aws, unit, verbs

NUMBERS = (*range(1, 19), *range(30, 34))


def story(module: str, *names: str) -> tuple[str, ...]:
    """Return tests of verbs as a user runs them."""
    return unit(f"stories/test_{module}", *names)


def checked(module: str, *names: str) -> tuple[str, ...]:
    """Return tests of the validation job."""
    return unit(f"data_checks/test_{module}", *names)


def trained(module: str, *names: str) -> tuple[str, ...]:
    """Return tests of the training and evaluation jobs."""
    return unit(f"training/test_{module}", *names)


def cases(name: str, *ids: str) -> tuple[str, ...]:
    """Return some cases of one test."""
    return tuple(f"{name}[{each}]" for each in ids)


BAD = "bad_data_is_refused_with_its_code"
REFUSED = "bad_data_is_refused_before_anything_is_trained"
TELLS = "data_that_tells_the_answer_is_refused_before_anything_is_trained"
LARGE = "a_file_too_large_for_anyone_is_refused_in_bounded_memory"
MOVED = "a_feature_that_moved_is_refused_by_name_and_the_others_are_told"
DAMAGED = "a_damaged_one_is_refused_and_the_one_before_is_taken"
DIES = "a_training_that_dies_is_named_and_nothing_comes_after_it"
NO_FILE = "what_is_no_file_is_refused_and_nothing_is_made_of_it"

FAULTS = (
    Fault(
        1,
        "a column is missing, renamed or in another place",
        "a missing column is not noticed",
        "('E202', 'age') in",
        (
            Change(
                "data_checks/intake.py",
                "missing.update(declared.keys() - types.keys())",
                "missing.update(())",
            ),
        ),
        (
            *checked(
                "validate", *cases(BAD, "a missing column", "a column in another case", "an extra column")
            ),
            *checked("untrusted", "the_order_of_the_columns_does_not_matter"),
            *story("refusals", f"{REFUSED}[a missing column]"),
        ),
    ),
    Fault(
        2,
        "wrong types, decimal commas, BOM, CRLF, no UTF-8, a CSV",
        "any type will do",
        "('E202', 'age') in",
        (
            Change(
                "data_checks/intake.py",
                "if declared.get(column, kind) != kind:",
                'if kind == "no such":',
            ),
        ),
        (
            *checked("validate", *cases(BAD, "text instead of integers", "numbers instead of integers")),
            *checked(
                "untrusted",
                *cases(
                    "what_a_spreadsheet_makes_of_a_table_is_refused_by_column",
                    "decimal commas",
                    "numbers and words",
                    "CRLF",
                    "a byte order mark",
                    "one in the header",
                ),
                "text_that_is_not_utf_8_is_refused_by_file",
                "a_csv_is_refused_when_it_is_locked_and_says_how_to_convert_it",
                "a_csv_under_another_name_is_no_parquet_file",
            ),
        ),
    ),
    Fault(
        3,
        "an empty file, no rows, one row, one class",
        "data without rows is taken",
        "E201",
        (
            Change(
                "data_checks/intake.py", "if not complaints and not rows:", "if not complaints and rows < 0:"
            ),
        ),
        (
            *checked("validate", *cases(BAD, "no rows", "one class only", "too few rows")),
            *checked("untrusted", "next_to_no_rows_are_refused_with_a_reason"),
            *story("refusals", *cases(REFUSED, "a file without rows", "one class only")),
        ),
    ),
    Fault(
        4,
        "NaN, infinity, 1e308, a negative age, a future date",
        "the minimum and maximum that a file tells of itself are trusted",
        "E204",
        (
            Change(
                "data_checks/files.py",
                'END" if column.type == "number" else value',
                'END" if column.type == "no such" else value',
            ),
        ),
        (
            *checked("validate", "a_nan_is_found_whoever_wrote_the_file"),
            *checked("validate", *cases(BAD, "NaN", "infinity", "minus infinity", "below its range")),
            *checked(
                "untrusted",
                "any_number_is_accepted_or_refused_by_its_bounds_and_never_a_traceback",
                "a_date_is_no_number_whatever_year_it_is",
            ),
        ),
    ),
    Fault(
        5,
        "rows in two splits, the label copied into a feature",
        "a feature may tell all of the label",
        "E211",
        (
            Change(
                "data_checks/leakage.py",
                'found <= rule.settings["maximum"]',
                "found <= 2",
            ),
        ),
        (
            *checked(
                "leakage",
                "a_copy_of_the_label_is_refused_by_name",
                "what_knows_the_label_by_heart_or_a_little_is_no_copy",
                "a_column_that_honestly_knows_it_all_can_be_allowed",
                "rows_that_stand_in_two_splits_under_other_keys_are_found",
            ),
            *story("bad_data", *cases(TELLS, "a feature that is the label", "rows in two splits")),
        ),
    ),
    Fault(
        6,
        "far more rows, 10,000 columns, a value of 600 MB, a bomb",
        "a value may be of any size",
        "could not be evaluated",
        (Change("data_checks/files.py", "if (largest or 0) > LARGEST_CHUNK:", "if (largest or 0) < 0:"),),
        checked(
            "untrusted",
            *cases(
                LARGE,
                "a value of 600 MB",
                "10,000 columns",
                "ten thousand times the rows",
                "a bomb in Parquet's own terms",
            ),
            "so_many_columns_are_counted_and_the_first_are_named",
            "without_enough_memory_the_job_says_what_to_do",
        )
        + checked("split", "rows_of_long_texts_are_released_in_the_memory_there_is_as_the_same_bytes"),
    ),
    Fault(
        7,
        "a feature's distribution has moved",
        "it may move as far as it likes",
        "E212",
        (
            Change(
                "data_checks/drift.py",
                'moved <= rule.settings["maximum"] + chance(then, found)',
                "moved <= 99",
            ),
        ),
        (
            *checked(
                "drift",
                *cases(MOVED, "a number that grew", "a number in another unit", "a category that grew"),
                "the_champions_own_rows_have_not_moved",
                "fewer_rows_of_the_same_kind_have_not_moved_either",
                "a_first_release_has_nothing_to_be_compared_with",
            ),
            *story(
                "bad_data",
                "a_first_release_has_nothing_to_be_compared_with_and_says_nothing_wrong",
                "a_feature_that_has_moved_is_refused_by_name_and_the_champion_serves_on",
                "a_feature_that_has_moved_a_little_is_a_warning_and_what_was_judged_is_the_model",
            ),
        ),
    ),
    Fault(
        8,
        "data is replaced between validation and training",
        "training reads the data where it lies",
        "not in",
        (
            Change(
                "pipelines/definition.json",
                "Steps.Validate.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri",
                "Parameters.DataPrefix",
            ),
        ),
        story(
            "bad_jobs",
            "a_job_reads_the_splits_and_never_the_data_itself",
            "data_replaced_while_a_model_is_trained_changes_nothing",
        ),
    ),
    Fault(
        9,
        "an upload is poisoned or truncated",
        "a file of the right size is the right file",
        "cannot be read to its end",
        (
            Change(
                "data_checks/lock.py",
                "elif sha256(path) != file.sha256:",
                'elif file.sha256 == "no such":',
            ),
        ),
        (
            *checked("untrusted", "a_flipped_bit_is_refused_by_the_locked_sha256"),
            *story("bad_data", "an_object_that_was_replaced_in_the_bucket_is_refused_by_its_bytes"),
            *story("refusals", "a_file_cut_short_after_it_was_locked_is_refused"),
        ),
    ),
    Fault(
        10,
        "a formula, markup, a path or an escape in a value or a name",
        "names and keys are told as they are, values are markup in Data Docs",
        "harmless",
        (
            Change(
                "data_checks/rules.py",
                "letter if letter.isprintable() else",
                "letter if letter else",
            ),
            Change("data_checks/docs.py", "html.escape(str(block))", "str(block)"),
        ),
        (
            *checked(
                "untrusted",
                "a_rows_key_is_told_in_harmless_words",
                "a_columns_name_is_told_in_harmless_words",
                "a_category_that_is_markup_or_a_formula_is_a_word_like_any_other",
                "a_path_that_leads_out_of_the_data_ends_the_job",
                "a_link_that_leads_out_of_the_data_is_refused",
            ),
            *checked("docs", "values_are_words_on_the_page_and_none_of_them_is_markup"),
            *checked(
                "adding",
                "a_formula_or_markup_in_an_open_text_is_taken_and_told",
                "a_source_whose_name_is_a_pattern_is_that_file_alone",
                "a_locked_key_that_is_a_pattern_is_that_file_alone",
            ),
            *verbs("test_adding", "an_escape_in_a_key_is_shown_and_not_obeyed"),
            *verbs("test_errors", "what_a_name_holds_reaches_no_terminal_as_a_command"),
            *trained("report", "names_from_the_data_cannot_become_markup"),
        ),
    ),
    Fault(
        11,
        "a training raises, exits, crashes or is killed",
        "it ends well whatever happened",
        "assert 0 == 1",
        (Change("training/train.py", "        return 1\n    return 0", "        return 0\n    return 0"),),
        (
            *trained(
                "train",
                "missing_hyperparameters_end_the_job_with_a_sentence",
                "an_error_from_elsewhere_is_told_by_type_and_place_without_its_words",
            ),
            *story(
                "bad_jobs",
                *cases(DIES, "it exits with 1", "it crashes", "it is killed, as for its memory"),
            ),
            *story("refusals", "a_training_that_raises_ends_red_and_says_where"),
        ),
        aws(
            "training_jobs",
            "what_a_failing_container_writes_to_failure_is_the_reason",
        )
        + aws("job_ends", "a_container_killed_from_outside_fails_with_its_signal"),
    ),
    Fault(
        12,
        "a training hangs",
        "that it ran out of time is not said",
        "timeExceeded",  # pytest shortens the text before it
        (
            Change(
                "sagemaker_emulator/jobs/training.py",
                'last = "MaxRuntimeExceeded" if self._timed_out and status == "Stopped" else status',
                "last = status",
            ),
        ),
        (
            *verbs("test_execution", "a_job_that_ran_out_of_time_is_named_with_its_limit_and_what_to_do"),
            *story("bad_jobs", "a_training_that_hangs_is_stopped_at_its_limit_and_keeps_its_checkpoint"),
        ),
        aws(
            "job_ends",
            "a_job_that_outlives_its_maximum_is_stopped_and_says_so",
            "a_job_that_ignores_sigterm_is_killed_with_all_its_children",
        ),
        room="emulator",
    ),
    Fault(
        13,
        "a spot interruption at any moment",
        "a training goes on from a checkpoint without its weights",
        "At index 1284 diff",
        (Change("training/fit.py", 'model.load_state_dict(state["model"])', "pass"),),
        (
            *trained("fit", "a_killed_training_resumes_to_the_same_bytes"),
            *trained("killed", "a_training_killed_at_random_moments_ends_in_the_same_bytes"),
        ),
        aws("training_jobs", "checkpoints_of_a_failed_job_are_there_for_the_next"),
    ),
    Fault(
        14,
        "the newest checkpoint is truncated, flipped or empty",
        "the one before is not looked at",
        "is not None",
        (
            Change(
                "training/checkpoint.py",
                "for path in (self.path, self.previous):",
                "for path in (self.path,):",
            ),
        ),
        trained(
            "checkpoint",
            *cases(DAMAGED, "truncated", "a flipped bit", "empty"),
            "when_both_are_damaged_the_training_starts_anew",
            "a_job_killed_between_two_names_leaves_the_one_before",
        ),
    ),
    Fault(
        15,
        "the checkpoint of another training",
        "the seal does not say whose it is",
        "is None",
        (
            Change(
                "training/checkpoint.py",
                'hashlib.sha256(self.fingerprint.encode() + b"\\n" + payload)',
                "hashlib.sha256(payload)",
            ),
        ),
        trained("checkpoint", "another_trainings_checkpoint_is_refused"),
    ),
    Fault(
        16,
        "the disk is full",
        "a full disk is any error",
        "File too large",
        (Change("training/checkpoint.py", "if error.errno in FULL:", "if error.errno == 0:"),),
        (
            *trained("checkpoint", "a_full_disk_leaves_the_last_whole_one"),
            *trained("killed", "without_room_on_the_disk_the_job_says_so_and_keeps_what_was_whole"),
        ),
    ),
    Fault(
        17,
        "a metric is missing, NaN or no number",
        "true counts as 1",
        "bar",
        (
            Change(
                "training/figures.py",
                "known = isinstance(value, int | float) and not isinstance(value, bool)",
                "known = isinstance(value, int | float)",
            ),
        ),
        (
            *trained(
                "gate",
                *cases(
                    "who_passes",
                    "true in place of a number",
                    "a text in place of a number",
                    "NaN in place of null",
                    "no value of the metric",
                    "the candidate lacks the metric",
                    "no candidate at all",
                ),
            ),
            *trained("evaluate", "a_candidate_that_answers_nan_is_refused_without_a_traceback"),
            *story("bad_jobs", "an_evaluation_that_leaves_no_metrics_registers_nothing"),
            *story("refusals", "a_metric_that_is_nan_is_refused_by_the_gate"),
        ),
    ),
    Fault(
        18,
        "exactly at the bar; better, but not in a slice",
        "a model must be above the bar",
        "bar",
        (
            Change(
                "training/gate.py",
                "passed = value >= bound - SLACK if higher",
                "passed = value > bound + SLACK if higher",
            ),
        ),
        trained(
            "gate",
            *cases(
                "who_passes",
                "exactly at the bar",
                "under the bar",
                "a slice is clearly worse",
                "a slice lost exactly what is tolerated",
            ),
        ),
    ),
    Fault(
        30,
        "a pickle that runs code",
        "a checkpoint is unpickled whatever it holds",
        "(RuntimeError)",
        (Change("training/checkpoint.py", "weights_only=True", "weights_only=False"),),
        (
            *trained("checkpoint", "a_pickle_that_runs_code_is_refused_whatever_seal_it_has"),
            *trained(
                "hostile",
                "a_pickle_beside_the_model_never_runs_and_is_not_registered",
                "a_pickle_in_place_of_the_model_is_refused_and_nothing_is_registered",
                "a_pickle_in_the_model_directory_of_the_server_is_refused",
            ),
        ),
    ),
    Fault(
        31,
        "an archive with links, devices, paths outside, a bomb",
        "a link is followed",
        "Regex",
        (
            Change(
                "data_checks/archive.py",
                "if not member.isfile() or (folder / name).exists():",
                "if (folder / name).exists():",
            ),
        ),
        (
            *trained("hostile", *cases(NO_FILE, "a symbolic link", "a hard link", "a character device")),
            *trained("hostile", "neither_mode_nor_owner_is_taken_over"),
            *trained(
                "archive",
                "nothing_is_written_outside_the_folder",
                "a_link_in_place_of_a_member_is_refused",
                "a_bomb_ends_at_the_cap_whatever_member_holds_it",
            ),
            *checked("drift", "a_champion_that_cannot_be_read_leaves_drift_unmeasured_and_says_so[a bomb]"),
        ),
    ),
    Fault(
        32,
        "weights whose bytes were made to harm",
        "what ONNX Runtime raises goes through",
        "_session",
        (
            Change(
                "inference/predictor.py",
                "    except Exception as error:  # ONNX Runtime's errors have no common type\n"
                '        why = f"({type(error).__name__}){_made_with(contract)}"',
                "    except MemoryError as error:\n"
                '        why = f"({type(error).__name__}){_made_with(contract)}"',
            ),
        ),
        trained(
            "hostile",
            "whatever_bytes_a_model_has_it_loads_or_is_refused_in_one_sentence",
            "a_graph_may_not_read_files_beside_or_above_it",
        ),
    ),
    Fault(
        33,
        "another version of the framework in the image",
        "which versions differ is not said",
        "made with",
        (
            Change(
                "inference/predictor.py",
                'if made and made != here else ""',
                'if made == here else ""',
            ),
        ),
        trained("hostile", "a_model_of_another_onnx_runtime_is_stopped_before_it_is_registered"),
    ),
)
