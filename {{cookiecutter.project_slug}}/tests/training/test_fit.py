"""The training loop: it learns, stops, repeats itself bit for bit, and refuses to go on with NaN."""

import math

import pytest
import torch
from safetensors.torch import save

from tests.training.makers import fit_small, make_model, make_split
from training.errors import FitError
from training.splits import Split


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize(
    ("task", "metric", "good"),
    [
        ("binary", "auc", lambda value: value > 0.9),
        ("multiclass", "accuracy", lambda value: value > 0.75),
        ("regression", "rmse", lambda value: value < 25),  # 55 for the mean
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_task_learns_from_numbers_and_categories(tmp_path, task, metric, good):
    train, validation = make_split(600, task), make_split(300, task, seed=1)
    model = make_model(train, task)
    history = fit_small(tmp_path, model, train, validation, task=task, epochs=15, patience=15)
    assert good(history[-1][f"validation_{metric}"])


def weights_after(folder, **changes):
    """Return the bytes of the weights of a small training."""
    train, validation = make_split(), make_split(seed=1)
    model = make_model(train)
    fit_small(folder, model, train, validation, **changes)
    return save(model.state_dict())


def test_the_same_settings_give_the_same_bytes(tmp_path):
    assert weights_after(tmp_path / "a") == weights_after(tmp_path / "b")
    assert weights_after(tmp_path / "a") != weights_after(tmp_path / "c", seed=8)


@pytest.mark.parametrize("epoch", [1, 3, 5], ids=["after the first epoch", "in the middle", "near the end"])
def test_a_killed_training_resumes_to_the_same_bytes(tmp_path, epoch):
    class Dying(list):
        def append(self, record):
            if record["epoch"] == epoch:
                raise Killed

    train, validation = make_split(), make_split(seed=1)
    with pytest.raises(Killed):
        fit_small(tmp_path / "a", make_model(train), train, validation, Dying(), epochs=6)
    model, reports = make_model(train), []
    history = fit_small(tmp_path / "a", model, train, validation, reports, epochs=6)
    assert save(model.state_dict()) == weights_after(tmp_path / "b", epochs=6)
    assert [record["epoch"] for record in history] == [1, 2, 3, 4, 5, 6]
    assert reports == history  # the tracking server hears of the epochs before the resume, too


def test_it_stops_when_validation_no_longer_improves_and_keeps_the_best_weights(tmp_path):
    train, validation = make_split(60), make_split(60, seed=1)
    validation = Split(
        validation.numbers, validation.categories, validation.target.flip(0)
    )  # nothing to learn
    model = make_model(train)
    history = fit_small(tmp_path, model, train, validation, epochs=50, patience=2)
    best = max(history, key=lambda record: record["validation_auc"])
    assert len(history) == best["epoch"] + 2
    with torch.inference_mode():
        answers = model(validation.numbers, validation.categories).numpy()
    assert model.task.measure(validation.target.numpy(), answers) == best["validation_auc"]


def test_a_finished_training_started_again_does_not_go_on(tmp_path, caplog):
    first = weights_after(tmp_path, epochs=4)
    caplog.set_level("INFO")
    assert weights_after(tmp_path, epochs=4) == first
    assert "resumed_after_epoch=4" in caplog.text
    assert "epoch=5" not in caplog.text


def test_each_epoch_is_one_line_that_metric_definitions_can_read(tmp_path, caplog):
    caplog.set_level("INFO")
    weights_after(tmp_path, epochs=1)
    names = [pair.split("=")[0] for pair in caplog.messages[-1].split()]
    assert names == ["epoch", "train_loss", "validation_loss", "validation_auc"]


def test_a_loss_that_is_no_number_ends_the_training_with_advice(tmp_path):
    train = make_split(task="regression")
    model = make_model(train, "regression")
    with torch.no_grad():
        model.network.linear.weight.fill_(math.inf)
    with pytest.raises(FitError, match=r"epoch 1: train_loss is not a finite number\n  lower learning-rate"):
        fit_small(tmp_path, model, train, train, task="regression")


def test_a_validation_split_of_one_class_ends_the_training(tmp_path):
    train, validation = make_split(), make_split(seed=1)
    validation = Split(validation.numbers, validation.categories, torch.ones_like(validation.target))
    with pytest.raises(FitError, match="validation_auc is not a finite number"):
        fit_small(tmp_path, make_model(train), train, validation)


def test_shuffling_hides_the_share_it_is_told_to_and_keeps_rows_together():
    split = make_split(4000)
    torch.manual_seed(0)
    hidden = split.shuffled(0.25)
    assert abs(torch.isnan(hidden.numbers).float().mean().item() - 0.25) < 0.02
    whole = split.shuffled(0.0)
    rows = {
        (*row, code): label
        for row, code, label in zip(
            split.numbers.tolist() and map(tuple, split.numbers.tolist()),
            split.categories[:, 0].tolist(),
            split.target.tolist(),
            strict=True,
        )
    }
    for row, code, label in zip(
        whole.numbers.tolist(), whole.categories[:, 0].tolist(), whole.target.tolist(), strict=True
    ):
        assert rows[(*row, code)] == label
