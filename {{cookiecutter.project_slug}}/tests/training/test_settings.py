"""Hyperparameters: what is taken, what is refused and in which words."""

import pytest

from training.errors import SettingsError
from training.settings import Hyperparameters

NEEDED = {"task": "binary", "label": "income"}


def test_every_value_arrives_as_a_string_and_leaves_with_its_type():
    raw = NEEDED | {"epochs": "3", "learning-rate": "0.01", "slices-only": "sex, race", "release-id": "abc"}
    settings = Hyperparameters.parse(raw)
    assert (settings.epochs, settings.learning_rate) == (3, 0.01)
    assert settings.slices_only == ("sex", "race")
    assert settings.release_id == "abc"


def test_label_key_and_slices_are_not_features():
    settings = Hyperparameters.parse(NEEDED | {"key": "row_id", "slices-only": "sex"})
    assert settings.not_features == ("income", "row_id", "sex")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        pytest.param("epohcs", "3", "'3'; expected no such name", id="a typo"),
        pytest.param("batch_size", "3", "'3'; expected no such name", id="an underscore instead of a dash"),
        pytest.param("epochs", "three", "'three'; expected a whole number", id="a word for a number"),
        pytest.param("epochs", "2.5", "'2.5'; expected a whole number", id="half an epoch"),
        pytest.param("epochs", "0", "0; expected 1 to 10000", id="no epoch"),
        pytest.param("learning-rate", "-1", "-1.0; expected 1e-07 to 10", id="a negative rate"),
        pytest.param("learning-rate", "nan", "nan; expected 1e-07 to 10", id="a rate that is no number"),
        pytest.param("dropout", "1", "1.0; expected 0 to 0.9", id="everything dropped"),
        pytest.param(
            "task",
            "clustering",
            "'clustering'; expected one of binary, multiclass, regression",
            id="an unknown task",
        ),
        pytest.param("label", "", "''; expected a name", id="no label"),
    ],
)
def test_a_wrong_one_is_refused_with_name_value_and_what_was_wanted(name, value, words):
    with pytest.raises(SettingsError) as refused:
        Hyperparameters.parse(NEEDED | {name: value})
    assert str(refused.value).startswith(f"hyperparameter {name} is {words}")


def test_the_fingerprint_moves_with_what_decides_the_weights_and_with_nothing_else():
    plain = Hyperparameters.parse(NEEDED)
    assert plain.fingerprint("data") != Hyperparameters.parse(NEEDED | {"seed": "8"}).fingerprint("data")
    assert plain.fingerprint("data") != plain.fingerprint("other data")
    tracked = Hyperparameters.parse(NEEDED | {"tracking-uri": "sqlite:///runs.db"})
    assert plain.fingerprint("data") == tracked.fingerprint("data")
