"""What is learned from the training rows, and that columns and requests are encoded alike."""

import numpy as np
import pyarrow as pa
import pytest

from data_checks.contract import Column
from inference.encode import Contract, encode_rows
from tests.training.makers import COLUMNS, FEATURES, make_rows
from training.arrow import read_split
from training.errors import DataError
from training.features import (
    bin_edges,
    encode_label,
    encode_table,
    feature_columns,
    learn_classes,
    learn_features,
)

LABEL = COLUMNS[-1]


def make_contract(table, task="binary", label=LABEL, max_categories=1000):
    """Return the contract learned from these rows."""
    columns = feature_columns(COLUMNS, without=("id", "sex", "rich"))
    return Contract(
        task, label.name, learn_classes(table, label, task), learn_features(table, columns, max_categories)
    )


def feature(contract, name):
    """Return one feature by its name."""
    return next(each for each in contract.features if each.name == name)


def test_key_label_and_slices_are_left_out_and_the_suites_order_kept():
    assert make_contract(make_rows()).names == FEATURES


def test_a_slice_that_the_suite_does_not_know_is_refused_rather_than_learned_from():
    with pytest.raises(DataError, match=r"suite.py has no column gender"):
        feature_columns(COLUMNS, without=("gender",))


def test_the_suites_values_are_a_closed_vocabulary_in_its_order():
    job = feature(make_contract(make_rows(job=pa.array(["smith"] * 300))), "job")
    assert job.vocabulary == ("clerk", "cook", "smith")
    assert not job.open
    assert job.statistics == {"rows": 300, "missing": 0.0, "frequencies": [0.0, 0.0, 1.0]}


def test_a_column_without_values_has_an_open_vocabulary_of_the_most_frequent_ones():
    towns = pa.array(["Cork"] * 150 + ["Bath"] * 149 + ["Derby"])
    town = feature(make_contract(make_rows(town=towns), max_categories=2), "town")
    assert town.vocabulary == ("Bath", "Cork")
    assert town.open


def test_numbers_carry_the_statistics_that_drift_is_measured_against():
    age = feature(make_contract(make_rows(age=pa.array(range(300)))), "age")
    assert age.statistics["mean"] == 149.5
    assert len(age.statistics["quantiles"]) == 11
    assert (age.minimum, age.maximum) == (0, 120)
    assert sum(age.statistics["shares"]) == pytest.approx(1.0)
    assert (age.statistics["edges"][0], age.statistics["edges"][-1], age.statistics["shares"][-1]) == (
        0.0,
        299.0,
        0.0,
    )
    assert feature(make_contract(make_rows(gain=pa.nulls(300, pa.float64()))), "gain").statistics == {
        "rows": 300,
        "missing": 1.0,
    }


def test_unknown_categories_become_code_0_and_are_counted():
    contract = make_contract(make_rows())
    unknown: dict[str, int] = {}
    strange = make_rows(3, town=pa.array(["Cork", "Oslo", None]), job=pa.array(["cook", "pilot", None]))
    codes = encode_table(strange, contract, unknown)["categories"]
    assert codes[:, 0].tolist() == [2, 0, 0]
    assert codes[:, 1].tolist() == [2, 0, 0]
    assert unknown == {"job": 1, "town": 1, "member": 0}


def test_a_table_and_a_request_of_the_same_rows_are_encoded_alike():
    table = make_rows()
    contract = make_contract(table)
    columns = encode_table(table, contract)
    rows = encode_rows(contract, table.select(FEATURES).to_pylist())
    np.testing.assert_array_equal(columns["numbers"], rows["numbers"])
    np.testing.assert_array_equal(columns["categories"], rows["categories"])
    assert np.isnan(columns["numbers"][:, 1]).sum() == table["gain"].null_count


def test_parquets_dictionaries_and_chunks_make_no_difference():
    table = make_rows()
    contract = make_contract(table)
    chunks = pa.concat_tables([table.slice(0, 100), table.slice(100)])
    coded = chunks.set_column(4, "town", chunks["town"].dictionary_encode())
    np.testing.assert_array_equal(
        encode_table(coded, contract)["categories"], encode_table(table, contract)["categories"]
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"age": ["old"] * 300}, "column age is of type string; expected numbers", id="text"),
        pytest.param({"job": range(300)}, "column job is of type int64; expected string", id="numbers"),
        pytest.param({"member": [1] * 300}, "column member is of type int64; expected boolean", id="0 and 1"),
        pytest.param({"town": [["a"]] * 300}, "expected single values", id="lists"),
        pytest.param(
            {"gain": [1.0] * 298 + [np.inf] * 2}, "gain: 2 of 300 values are infinite", id="infinity"
        ),
    ],
)
def test_columns_of_another_kind_than_the_suite_says_are_refused(changes, words):
    with pytest.raises(DataError, match=words):
        make_contract(make_rows(**changes))


def test_classes_come_in_the_suites_order_or_sorted():
    table = make_rows()
    assert learn_classes(table, LABEL, "binary") == ("no", "yes")
    assert learn_classes(table, Column("town", "string"), "multiclass") == ("Bath", "Cork", "Derby")
    assert learn_classes(table, Column("member", "boolean"), "binary") == ("false", "true")
    digits = pa.table({"digit": pa.array([10, 9, 9, 2])})
    assert learn_classes(digits, Column("digit", "integer"), "multiclass") == ("2", "9", "10")
    assert learn_classes(table, Column("gain", "number"), "regression") == ()


@pytest.mark.parametrize(
    ("label", "task", "words"),
    [
        (["yes"] * 300, "binary", "binary needs 2 classes, the training rows hold 1"),
        ([None] * 300, "multiclass", "multiclass needs at least 2 classes, the training rows hold 0"),
        (["a", "b", "c"] * 100, "binary", "binary needs 2 classes, the training rows hold 3"),
    ],
    ids=["one class", "no class", "three classes for binary"],
)
def test_a_label_without_the_classes_of_its_task_is_refused(label, task, words):
    with pytest.raises(DataError, match=words):
        learn_classes(pa.table({"rich": pa.array(label, pa.string())}), Column("rich", "string"), task)


def test_labels_become_class_numbers_or_values():
    contract = make_contract(make_rows())
    assert encode_label(pa.table({"rich": ["yes", "no"]}), contract).tolist() == [1, 0]
    amounts = Contract("regression", "amount", (), contract.features)
    assert encode_label(pa.table({"amount": [1, 2]}), amounts).dtype == np.float32


@pytest.mark.parametrize(
    ("task", "values"),
    [("binary", ["yes", None, "maybe"]), ("regression", [1.0, None, np.nan])],
    ids=["null and a class that is none", "null and NaN"],
)
def test_rows_without_a_usable_label_are_counted_and_not_quoted(task, values):
    contract = Contract(task, "rich", ("no", "yes") if task == "binary" else (), ())
    with pytest.raises(DataError, match=r"label rich: 2 of 3 rows have no usable label$"):
        encode_label(pa.table({"rich": values}), contract)


def test_bins_follow_the_crowd_and_the_tail():
    column = np.r_[np.zeros(900), np.arange(1, 101)].astype(np.float32)  # nine of ten are 0
    edges, medians = bin_edges(column[:, None], 10)
    assert edges[0, 0] == 0
    assert edges[0, -1] == 100
    assert (np.diff(edges[0]) > 0).sum() >= 5  # quantiles of the rows alone would leave one bin for the tail
    assert medians.tolist() == [0]


def test_a_few_distinct_values_have_an_edge_each():
    edges, _ = bin_edges(np.array([[1, 7], [2, 7], [3, np.nan]], np.float32), 48)
    assert edges.tolist() == [[1, 2, 3], [7, 7, 7]]


def test_a_column_of_nothing_gets_bins_without_width():
    edges, medians = bin_edges(np.full((3, 1), np.nan, np.float32), 4)
    assert edges.tolist() == [[0, 0]]
    assert medians.tolist() == [0]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "channel train holds no Parquet file"),
        ({"a.parquet": make_rows(0)}, "channel train holds no rows"),
        ({"a.parquet": make_rows(3).drop_columns(["age"])}, "train/a.parquet lacks the columns age"),
        ({"a.parquet": b"text"}, "train/a.parquet is damaged or no Parquet file"),
    ],
    ids=["no file", "no rows", "a missing column", "a damaged file"],
)
def test_a_channel_that_cannot_be_read_says_why(tmp_path, files, words):
    folder = tmp_path / "train"
    folder.mkdir()
    for name, content in files.items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            pa.parquet.write_table(content, folder / name)
    with pytest.raises(DataError, match=words):
        read_split(folder, ["age", "job"])


def test_files_are_read_in_the_order_of_their_names_and_folders_make_no_columns(tmp_path):
    for name in ("b", "a"):
        (tmp_path / "town=other").mkdir(exist_ok=True)
        pa.parquet.write_table(pa.table({"town": [name]}), tmp_path / "town=other" / f"{name}.parquet")
    table = read_split(tmp_path, ["town"])
    assert table.to_pydict() == {"town": ["a", "b"]}
