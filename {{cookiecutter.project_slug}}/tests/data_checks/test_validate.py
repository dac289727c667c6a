"""What the validation job accepts, refuses and leaves behind."""

import json
import subprocess
import sys
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from data_checks.contract import Column, expect, label_balance, no_rows_where
from data_checks.files import CANONICAL
from tests.data_checks.makers import OWN, ROOT, ROWS, TABLE, World, as_words

BROKEN = [
    pytest.param("ALTER TABLE t DROP pay", ("E202", "pay"), id="a missing column"),
    pytest.param("ALTER TABLE t ADD COLUMN nickname VARCHAR", ("E202", "nickname"), id="an extra column"),
    pytest.param("ALTER TABLE t ALTER age TYPE VARCHAR", ("E202", "age"), id="text instead of integers"),
    pytest.param("ALTER TABLE t ALTER age TYPE DOUBLE", ("E202", "age"), id="numbers instead of integers"),
    pytest.param("ALTER TABLE t RENAME age TO Age", ("E202", "age"), id="a column in another case"),
    pytest.param("ALTER TABLE t ALTER pay TYPE DATE USING DATE '2024-01-01'", ("E202", "pay"), id="a date"),
    pytest.param("DELETE FROM t", ("E201", None), id="no rows"),
    pytest.param("UPDATE t SET city = NULL WHERE id = 7", ("E203", "city"), id="a null"),
    pytest.param("UPDATE t SET id = NULL WHERE id = 7", ("E203", "id"), id="a null key"),
    pytest.param("UPDATE t SET bought = NULL WHERE id = 7", ("E203", "bought"), id="a null label"),
    pytest.param("UPDATE t SET age = 121 WHERE id = 7", ("E204", "age"), id="above its range"),
    pytest.param("UPDATE t SET age = -1, pay = NULL WHERE id = 7", ("E204", "age"), id="below its range"),
    pytest.param("UPDATE t SET pay = 'nan' WHERE id = 7", ("E204", "pay"), id="NaN"),
    pytest.param("UPDATE t SET pay = 'inf' WHERE id = 7", ("E204", "pay"), id="infinity"),
    pytest.param("UPDATE t SET pay = '-inf' WHERE id = 7", ("E204", "pay"), id="minus infinity"),
    pytest.param("UPDATE t SET city = 'Bern' WHERE id = 7", ("E205", "city"), id="outside its set"),
    pytest.param("UPDATE t SET bought = 'maybe' WHERE id = 7", ("E205", "bought"), id="a class nobody knows"),
    pytest.param("UPDATE t SET id = 8 WHERE id = 7", ("E206", "id"), id="a duplicate key"),
    pytest.param("DELETE FROM t WHERE id >= 90", ("E207", None), id="too few rows"),
    pytest.param("UPDATE t SET age = age + 40", ("E207", "age"), id="a mean that moved"),
    pytest.param("UPDATE t SET age = if(age < 51, 20, age)", ("E207", "age"), id="a quantile that moved"),
    pytest.param("UPDATE t SET age = 17 WHERE id = 7", ("E208", None), id="a rule across columns"),
    pytest.param("UPDATE t SET bought = 'no'", ("E209", "bought"), id="one class only"),
    pytest.param("UPDATE t SET bought = 'no' WHERE id > 60", ("E209", None), id="a rare class"),
    pytest.param(
        "INSERT INTO t SELECT id + 1000, * EXCLUDE id FROM t", ("E210", None), id="rows in two splits"
    ),
]


@pytest.mark.parametrize("write_statistics", [True, False])
def test_a_nan_is_found_whoever_wrote_the_file(world, monkeypatch, write_statistics):
    """Arrow, and pandas by it, leaves NaN out of the minimum and maximum that a file tells of itself."""
    path = world.write("UPDATE t SET pay = 'nan' WHERE id = 7")
    pq.write_table(pq.ParquetFile(path).read(), path, write_statistics=write_statistics)
    world.write_lock()
    assert world.run(monkeypatch) == 0
    assert world.reasons() == [("E204", "pay")]


def test_a_key_that_is_no_number_is_told_as_such(world, monkeypatch):
    world.columns = (Column("id", "number"), *world.columns[1:])
    world.write("ALTER TABLE t ALTER id TYPE DOUBLE", "UPDATE t SET id = 'nan' WHERE id = 7")
    world.write_lock()
    assert world.run(monkeypatch) == 0
    (reason,) = world.report()["verdict"]["reasons"]
    assert (reason["code"], reason["row_keys"]) == ("E204", ["nan"])


@pytest.mark.parametrize(("change", "wanted"), BROKEN)
def test_bad_data_is_refused_with_its_code(judged, world, change, wanted):
    assert wanted in judged(change)
    assert not world.report()["verdict"]["accepted"]
    assert world.report()["splits"] == {"train": 0, "validation": 0, "test": 0}
    for split in ("train", "validation", "test"):
        assert [path.name for path in (world.output / split).iterdir()] == ["EMPTY"]


def test_good_data_is_accepted_and_split(judged, world):
    assert judged() == []
    report = world.report()
    assert report["verdict"] == {"accepted": True, "reasons": [], "warnings": []}
    assert report["rows"] == sum(report["splits"].values()) == ROWS
    assert sum(report["positives"].values()) == ROWS / 3
    assert report["columns"][:2] == [{"name": "id", "type": "integer"}, {"name": "age", "type": "integer"}]
    assert all(expectation["success"] for expectation in report["expectations"])
    assert len(world.split("train")) == report["splits"]["train"]


def test_a_refusal_names_rule_count_and_row_keys(judged, world):
    judged("UPDATE t SET age = 121 WHERE id IN (7, 8, 30, 31)")
    assert world.report()["verdict"]["reasons"] == [
        {
            "code": "E204",
            "column": "age",
            "rule": "expect_column_values_to_be_between",
            "count": 4,
            "row_keys": [7, 8, 30],
            "message": "Column age is not at least 0 and at most 120 years in 4 rows.",
        }
    ]


def test_a_rule_across_columns_names_its_rows_and_its_meaning(judged, world):
    judged("UPDATE t SET age = 17 WHERE id IN (7, 8)")
    (reason,) = world.report()["verdict"]["reasons"]
    assert (reason["count"], reason["row_keys"]) == (2, [7, 8])
    assert reason["message"] == "2 rows break a rule across columns: pay of a child."


def test_several_faults_are_all_reported_at_once(judged):
    reasons = judged("UPDATE t SET age = 121, city = 'x' WHERE id = 7", "UPDATE t SET id = 8 WHERE id = 9")
    assert {("E204", "age"), ("E205", "city"), ("E206", "id")} <= set(reasons)


def test_no_value_of_the_data_is_told(judged, world, capfd):
    secret, number = "S3CRET-MARKER", 987654321
    judged(
        f"UPDATE t SET city = '{secret}', bought = '{secret}', age = {number}, pay = 1 WHERE id IN (7, 8)",
        f"UPDATE t SET pay = {number} WHERE id = 10",
        f"INSERT INTO t SELECT 9, {number}, {number}, '{secret}', true, '{secret}'",
    )
    told = capfd.readouterr()
    written = "".join(path.read_text() for path in world.output.rglob("*") if path.suffix == ".json")
    assert len(world.reasons()) > 4
    for text in (told.out, told.err, written):
        assert secret not in text
        assert str(number) not in text


class TestFiles:
    """Files that are not what data.lock says, or disagree."""

    def test_a_changed_byte_is_refused(self, world, monkeypatch):
        path = world.write()
        world.write_lock()
        content = bytearray(path.read_bytes())
        content[100] ^= 1
        path.write_bytes(content)
        assert (
            self.message(world, monkeypatch)
            == "batch=1/part-0.parquet has another sha256 than data.lock says."
        )

    def test_a_file_that_is_missing_is_refused(self, world, monkeypatch):
        world.write(name="a.parquet")
        world.write(name="b.parquet")
        world.write_lock()
        (world.data / "b.parquet").unlink()
        assert self.message(world, monkeypatch) == "b.parquet is missing."

    def test_an_empty_file_is_refused(self, world, monkeypatch):
        world.write().write_bytes(b"")
        world.write_lock()
        assert self.message(world, monkeypatch) == "batch=1/part-0.parquet is empty."

    def test_a_truncated_file_is_refused(self, world, monkeypatch):
        path = world.write()
        path.write_bytes(path.read_bytes()[:-200])
        world.write_lock()
        assert self.message(world, monkeypatch) == "batch=1/part-0.parquet is not a whole Parquet file."

    def test_a_file_of_another_kind_is_refused(self, world, monkeypatch):
        world.write().write_text("id,age\n1,40\n")
        world.write_lock()
        assert self.message(world, monkeypatch) == "batch=1/part-0.parquet is not a whole Parquet file."

    def test_a_file_torn_in_its_middle_is_refused(self, world, monkeypatch):
        path = world.write()
        content = bytearray(path.read_bytes())
        content[4:1000] = b"\xff" * 996
        path.write_bytes(content)
        world.write_lock()
        assert self.message(world, monkeypatch) == "batch=1/part-0.parquet cannot be read to its end."

    def test_a_lock_with_another_row_count_is_refused(self, world, monkeypatch):
        world.write()
        world.write_lock()
        world.lock.write_text(world.lock.read_text().replace(f'"rows": {ROWS}', '"rows": 1'))
        assert "another number of rows" in self.message(world, monkeypatch)

    def test_files_that_disagree_on_types_are_refused(self, world, monkeypatch):
        world.write("DELETE FROM t WHERE id < 150", name="a.parquet")
        world.write("DELETE FROM t WHERE id >= 150", "ALTER TABLE t ALTER age TYPE VARCHAR", name="b.parquet")
        world.write_lock()
        message = "Column age is string in 1 of 2 files; the suite says integer."
        assert self.message(world, monkeypatch, "E202") == message

    def test_files_of_other_widths_and_column_orders_are_one_table(self, world, monkeypatch):
        world.table = f"SELECT id::TINYINT AS id, * EXCLUDE id FROM ({TABLE}) WHERE id < 100"
        world.write(name="a.parquet")
        world.table = (
            f"SELECT bought, member, pay::DECIMAL(9, 2) AS pay, city, id, age FROM ({TABLE}) WHERE id >= 100"
        )
        world.write(name="b.parquet")
        world.write_lock()
        world.run(monkeypatch)
        assert world.reasons() == []
        assert sum(world.report()["splits"].values()) == ROWS

    def test_files_that_the_lock_does_not_name_are_left_alone(self, world, monkeypatch):
        world.write()
        world.write_lock()
        world.write("UPDATE t SET age = 999", name="late.parquet")
        world.run(monkeypatch)
        assert world.report()["rows"] == ROWS

    def test_a_folder_is_a_column_where_the_suite_says_so(self, world, monkeypatch):
        for city in world.columns[3].values:
            world.write(
                f"DELETE FROM t WHERE city <> '{city}'",
                "ALTER TABLE t DROP city",
                name=f"city={city}/a.parquet",
            )
        world.write_lock()
        world.run(monkeypatch)
        assert world.reasons() == []
        assert {row[3] for row in world.split("train")} == {"bern", "oslo", "rome"}

    def test_a_folder_of_another_type_is_refused(self, world, monkeypatch):
        world.write("ALTER TABLE t DROP age", name="age=young/a.parquet")
        world.write_lock()
        message = "Column age is string in 1 of 1 files; the suite says integer."
        assert self.message(world, monkeypatch, "E202") == message

    def test_a_type_that_no_suite_can_name_says_so(self, world, monkeypatch):
        world.write("ALTER TABLE t ALTER age TYPE TIMESTAMP USING TIMESTAMP '2024-01-01'")
        world.write_lock()
        message = (
            "Column age is timestamp in 1 of 1 files; the suite says integer, and no column may be "
            "other than integer, number, string, boolean."
        )
        assert self.message(world, monkeypatch, "E202") == message

    def test_names_that_look_like_patterns_are_only_names(self, tmp_path, monkeypatch):
        world = World(tmp_path / "it's [a] *?")
        world.write(name="odd [1]*.parquet")
        world.write_lock()
        world.run(monkeypatch)
        assert world.reasons() == []

    @staticmethod
    def message(world, monkeypatch, code="E201"):
        assert world.run(monkeypatch) == 0
        (reason,) = world.report()["verdict"]["reasons"]
        assert reason["code"] == code
        return reason["message"]


class TestTasks:
    """The label means something else for each task."""

    def test_regression_asks_for_no_classes(self, judged, world):
        assert judged("UPDATE t SET bought = 'no'", label="pay", task="regression") == []
        assert world.report()["positives"] is None

    def test_a_label_holds_no_null_even_where_its_column_may(self, judged):
        assert judged("UPDATE t SET pay = NULL WHERE id = 7", label="pay", task="regression") == [
            ("E203", "pay")
        ]

    def test_multiclass_takes_more_than_two_classes(self, judged, world):
        assert judged(label="city", task="multiclass") == []
        assert world.report()["positives"] is None

    def test_binary_refuses_three_classes(self, judged):
        assert judged(label="city") == [("E209", "city")]

    def test_multiclass_refuses_data_without_one_of_its_classes(self, judged):
        reasons = judged("UPDATE t SET city = 'oslo' WHERE city = 'bern'", label="city", task="multiclass")
        assert reasons == [("E209", "city")]

    @pytest.mark.parametrize(("kind", "values"), [("integer", ("0", "1")), ("boolean", ("false", "true"))])
    def test_a_label_of_integers_or_booleans_is_counted_as_well(self, judged, world, kind, values):
        world.columns = (*world.columns[:5], Column("bought", kind, values=values))
        sql = "BIGINT USING (bought = 'yes')::BIGINT" if kind == "integer" else "BOOLEAN USING bought = 'yes'"
        assert judged(f"ALTER TABLE t ALTER bought TYPE {sql}") == []
        assert sum(world.report()["positives"].values()) == ROWS / 3


class TestTheSuite:
    """What a user may write in suite.py."""

    def test_a_warning_is_told_and_refuses_nothing(self, judged, world):
        rule = "expect_column_mean_to_be_between"
        world.expectations = (expect(rule, "age", min_value=100, severity="warning"),)
        assert judged() == []
        verdict = world.report()["verdict"]
        assert verdict["accepted"]
        assert [(warning["code"], warning["rule"]) for warning in verdict["warnings"]] == [("E207", rule)]

    @pytest.mark.parametrize(
        ("rule", "code"),
        [
            (expect("expect_column_stdev_to_be_between", "age", max_value=1), "E207"),
            (
                expect("expect_column_pair_values_a_to_be_greater_than_b", column_A="id", column_B="age"),
                "E208",
            ),
            (expect("expect_compound_columns_to_be_unique", column_list=["age", "city"]), "E206"),
            (expect("expect_column_value_lengths_to_equal", "bought", value=2), "E299"),
            (expect("expect_column_values_to_be_in_set", "city", value_set=["oslo"], mostly=0.5), "E205"),
            (
                expect(
                    "expect_column_kl_divergence_to_be_less_than",
                    "city",
                    partition_object={"values": ["bern", "oslo", "rome"], "weights": [0.8, 0.1, 0.1]},
                    threshold=0.1,
                ),
                "E207",
            ),
        ],
        ids=lambda value: getattr(value, "rule", value),
    )
    def test_any_expectation_of_great_expectations_works_by_name(self, judged, world, rule, code):
        world.expectations = (rule,)
        assert [found for found, _ in judged()] == [code]

    def test_a_regular_expression_is_searched_for(self, judged, world):
        world.expectations = (expect("expect_column_values_to_match_regex", "city", regex="e"),)
        judged()
        (reason,) = world.report()["verdict"]["reasons"]
        assert reason["count"] == ROWS / 3  # those of oslo

    def test_a_condition_may_hold_what_means_something_to_the_tools_between(self, judged, world):
        world.expectations = (
            no_rows_where("odd texts", "city IN ('{x}', ':id', '100%', '?') OR age::INT = 29"),
        )
        judged("UPDATE t SET age = 29 WHERE id = 7")
        (reason,) = world.report()["verdict"]["reasons"]
        assert reason["count"] == ROWS / 50 + 1

    def test_names_that_sql_reserves_or_that_need_quotes_are_only_names(self, judged, world):
        names = {"age": "Order Date", "pay": "pivot", "city": 'the "city"', "member": "percent%"}
        world.columns = tuple(
            Column(**(vars(c) | {"name": names.get(c.name, c.name)})) for c in world.columns
        )
        world.expectations = (
            label_balance(0.2),
            expect("expect_column_mean_to_be_between", "pivot", min_value=1),
        )
        renames = [
            f"""ALTER TABLE t RENAME {old} TO "{new.replace('"', '""')}" """ for old, new in names.items()
        ]
        assert judged(*renames) == []
        assert judged(*renames, 'UPDATE t SET "pivot" = \'nan\', "Order Date" = 130 WHERE id = 7') == [
            ("E204", "Order Date"),
            ("E204", "pivot"),
            ("E207", "pivot"),
        ]


@pytest.mark.parametrize("values", [("0", "1"), None], ids=["named", "found"])
@pytest.mark.parametrize("kind", ["integer", "number", "boolean"])
def test_the_positives_of_a_label_of_any_type_are_counted(judged, world, kind, values):
    if kind == "boolean" and values:
        values = ("false", "true")
    label = Column("bought", kind, values=values)
    world.columns = tuple(label if column.name == "bought" else column for column in world.columns)
    assert judged(f"ALTER TABLE t ALTER bought TYPE {CANONICAL[kind]} USING (bought = 'yes')::INT") == []
    assert sum(world.report()["positives"].values()) == ROWS / 3


class TestWhatCannotBeJudged:
    """Exit code 1 and a message where SageMaker reads it."""

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"key": "nope"}, "the key 'nope' is not among COLUMNS in data_checks/suite.py"),
            ({"label": "nope"}, "the label 'nope' is not among COLUMNS"),
            ({"slices-only": "city,nope"}, "the slice 'nope' is not among COLUMNS"),
            ({"label": "id"}, "'id' cannot be key and label at once"),
            ({"task": "ranking"}, "task is 'ranking'; expected one of binary, multiclass, regression"),
            ({"task": "regression"}, "task is regression, but the label 'bought' is a string"),
            ({"spilts": "0.7,0.15,0.15"}, "unrecognized arguments: --spilts"),
            ({"splits": "0.5,0.5"}, "expected three shares that make 1"),
            ({"splits": "0.9,0.1,0"}, "expected three shares that make 1"),
        ],
        ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
    )
    def test_arguments_that_do_not_fit_the_suite(self, world, monkeypatch, arguments, words):
        world.write()
        world.write_lock()
        assert words in self.message(world, monkeypatch, **arguments)

    def test_a_column_of_a_type_that_there_is_not(self, world, monkeypatch):
        world.columns = tuple(replace(c, type="timestamp") if c.name == "age" else c for c in world.columns)
        world.write("ALTER TABLE t ALTER age TYPE TIMESTAMP USING TIMESTAMP '2024-01-01'")
        world.write_lock()
        words = "suite.py: age is a 'timestamp'; expected one of integer, number, string, boolean"
        assert words in self.message(world, monkeypatch)

    @pytest.mark.parametrize(
        ("rule", "words"),
        [
            (expect("expect_column_to_be_nice", "age"), "Great Expectations has no expect_column_to_be_nice"),
            (
                expect("expect_column_meen_to_be_between", "age", min_value=1),
                "Great Expectations has no expect_column_meen_to_be_between; "
                "did you mean 'expect_column_mean_to_be_between'?",
            ),
            (
                expect("expect_column_mean_to_be_between", "age", minimum=3),
                "wrong settings for expect_column_mean_to_be_between on age",
            ),
            (
                expect("expect_column_mean_to_be_between", "nope", min_value=3),
                "expect_column_mean_to_be_between on nope could not be evaluated",
            ),
            (
                no_rows_where("a typo", "agee > 3"),
                "unexpected_rows_expectation on a typo could not be evaluated",
            ),
        ],
        ids=["unknown", "misspelt", "wrong settings", "unknown column", "wrong sql"],
    )
    def test_a_suite_that_cannot_be_evaluated(self, world, monkeypatch, rule, words):
        world.expectations = (rule,)
        world.write()
        world.write_lock()
        assert self.message(world, monkeypatch) == f"suite.py: {words}\n"

    def test_a_missing_lock(self, world, monkeypatch):
        world.write()
        assert "data.lock is not there" in self.message(world, monkeypatch)

    def test_a_lock_of_another_key(self, world, monkeypatch):
        world.write()
        world.write_lock()
        words = "data.lock is about rows by 'id', but the key asked for is 'age'"
        assert words in self.message(world, monkeypatch, key="age")

    def test_an_error_from_below_says_where_it_broke_but_not_what_it_said(self, world, monkeypatch, capfd):
        def explode(*args):
            raise ValueError("S3CRET-MARKER")

        world.write()
        world.write_lock()
        monkeypatch.setattr("data_checks.split.write", explode)
        message = self.message(world, monkeypatch)
        assert message.startswith("ValueError at ")
        assert "validate.py:" in message
        assert "S3CRET" not in message + "".join(capfd.readouterr())

    @staticmethod
    def message(world, monkeypatch, **arguments):
        assert world.run(monkeypatch, **arguments) == 1
        assert not (world.output / "report").exists()
        return world.message.read_text()


def test_the_command_writes_report_and_message_and_ends_with_its_code(world, monkeypatch):
    root = ROOT
    world.arguments = OWN  # the command reads the project's own suite, whose columns these are not
    world.write("ALTER TABLE t ADD COLUMN no_such_column INTEGER")
    command = [sys.executable, "-m", "data_checks.validate", *as_words(OWN)]
    environment = {"SAGEMAKER_BASE_DIR": str(world.base), "PATH": "/usr/bin:/bin"}
    for code in (1, 0):  # without a lock, then with one
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        world.write_lock()
    assert "accepted=False rows=300" in done.stdout
    assert {code for code, _ in world.reasons()} == {"E202"}
    assert json.loads((world.output / "report" / "validation.json").read_text())["schema_version"] == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            "UPDATE t SET age = 121 WHERE id = 7", id="refused by the table: no split was looked at"
        ),
        pytest.param("ALTER TABLE t DROP city", id="refused by its columns: no value was looked at"),
    ],
)
def test_refused_and_accepted_data_have_the_same_number_of_expectations(judged, world, change):
    judged()
    every = world.report()
    assert every["not_judged"] == 0
    judged(change)
    refused = world.report()
    assert refused["not_judged"] > 0
    assert len(refused["expectations"]) + refused["not_judged"] == len(every["expectations"])
