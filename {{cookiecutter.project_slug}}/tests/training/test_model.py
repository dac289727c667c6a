"""The network: what its encoding does to numbers, missing values and categories."""

import math

import numpy as np
import pytest
import torch

from tests.training.makers import make_model, make_split
from training.model import Categories, PiecewiseLinear


def spread(values, edges=(0.0, 10.0, 20.0, 40.0), median=15.0):
    """Return the bins of one number column, missing indicator last."""
    layer = PiecewiseLinear(np.array([edges], np.float32), np.array([median], np.float32))
    return layer(torch.tensor([[value] for value in values])).tolist()


@pytest.mark.parametrize(
    ("value", "bins"),
    [
        pytest.param(5.0, [0.5, 0, 0, 0], id="half through the first bin"),
        pytest.param(25.0, [1, 1, 0.25, 0], id="a quarter through the last bin"),
        pytest.param(-99.0, [0, 0, 0, 0], id="below all bins"),
        pytest.param(1e9, [1, 1, 1, 0], id="above all bins"),
        pytest.param(math.nan, [1, 0.5, 0, 1], id="missing: the median, and the indicator"),
    ],
)
def test_a_number_fills_the_bins_below_it(value, bins):
    assert spread([value]) == [bins]


def test_padded_bins_stay_empty():
    assert spread([5.0, 50.0], edges=(0.0, 10.0, 10.0, 10.0)) == [[0.5, 0, 0, 0], [1, 0, 0, 0]]


def test_columns_do_not_share_the_vectors_of_their_codes():
    torch.manual_seed(0)
    _, vectors = Categories((4, 4), outputs=1, size=3)(torch.tensor([[1, 1], [3, 3]]))
    first, second = vectors[:, :3], vectors[:, 3:]
    assert not torch.allclose(first, second)


@pytest.mark.parametrize(
    ("numbers", "categories"), [(2, 0), (0, 2), (2, 2)], ids=["numbers", "categories", "both"]
)
def test_either_kind_of_column_may_be_absent(numbers, categories):
    split = make_split(rows=5, numbers=numbers, categories=categories)
    model = make_model(split).eval()
    assert model(split.numbers, split.categories).shape == (5,)


def test_a_row_of_nothing_but_missing_values_gets_an_answer():
    model = make_model(make_split()).eval()
    answer = model(torch.full((1, 2), math.nan), torch.zeros(1, 1, dtype=torch.int64))
    assert 0 < answer.item() < 1


@pytest.mark.parametrize(
    ("task", "shape"), [("binary", (200,)), ("multiclass", (200, 3)), ("regression", (200,))], ids=str
)
def test_each_task_answers_in_its_own_form(task, shape):
    split = make_split(task=task)
    answers = make_model(split, task).eval()(split.numbers, split.categories)
    assert answers.shape == shape
    if task == "multiclass":
        assert torch.allclose(answers.sum(1), torch.ones(200))
    if task == "regression":  # the label's unit, though the network itself thinks in standard deviations
        assert abs(answers.mean().item() - split.target.mean().item()) < 50
