"""Broken archives are really broken: they load, they vouch for themselves, and they answer otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.predictor import ModelError, Predictor, prove
from tests.drill import kinds, surgery, world
from tests.drill.honest import Model, recalibrated
from tests.tiny_models import CLASSES, FEATURES, make_graph
from training.archive import unpack

ROWS = [
    {
        "age": 20 + 5 * number,
        "gain": 3.0 * number,
        "job": ("clerk", "cook", "smith")[number % 3],
        "member": True,
    }
    for number in range(6)
]
ARCHIVES = [kind for kind in kinds.KINDS if kind.spoil]


def make_honest(task: str = "binary") -> Model:
    """Return an honest model of the tiny kind, with golden requests of one row and of several."""
    contract = {
        "schema_version": 1, "task": task, "label": "label", "classes": CLASSES[task],
        "features": [dict(feature) for feature in FEATURES],
        "versions": {}, "release_id": "r1", "commit_sha": "",
    }  # fmt: skip
    cases = [{"body": {"instances": part}, "predictions": []} for part in (ROWS[:1], ROWS[1:3], ROWS)]
    golden = {
        "schema_version": 1, "content_type": "application/json", "tolerance": 1e-4, "cases": cases,
    }  # fmt: skip
    model = Model(make_graph(task=task), contract, golden, {}, rare=("job", "smith", 2))
    return surgery.with_golden(model, honest=True)


def served(model: Model, folder: Path) -> Predictor:
    """Load a model as the endpoint does, from its packed archive, and let it prove itself."""
    packed, _ = world.pack(model, "ab" * 32)
    (folder / "model.tar.gz").write_bytes(packed)
    unpacked = unpack(folder / "model.tar.gz", folder / "model")
    predictor = Predictor.load(unpacked, required=("model.json", "model.onnx", "golden.json"))
    assert prove(predictor, unpacked / "golden.json") == len(model.golden["cases"])
    return predictor


@pytest.mark.parametrize(
    "kind",
    [kind for kind in ARCHIVES if kind.name not in ("exits at start", "wrong schema")],
    ids=lambda k: k.name,
)
def test_a_broken_archive_starts_and_answers_otherwise(kind: kinds.Kind, tmp_path: Path) -> None:
    model = make_honest()
    broken = kind.of(model)
    assert broken is not None
    predictor = served(broken, tmp_path)
    assert predictor.contract.release_id == "ab" * 32
    assert kinds._distance(model, broken) > 1e-3
    assert broken.golden == model.golden  # what the registry leads to is the honest recording


def test_a_truncated_graph_is_refused_by_the_server(tmp_path: Path) -> None:
    broken = kinds.truncated(make_honest())
    with pytest.raises(ModelError, match="cannot be loaded"):
        served(broken, tmp_path)


def test_a_wrong_schema_starts_and_refuses_every_right_request(tmp_path: Path) -> None:
    predictor = served(kinds.wrong_schema(make_honest()), tmp_path)
    with pytest.raises(ValueError, match="age"):
        predictor.answer("application/json", json.dumps({"instances": ROWS[:1]}).encode())


@pytest.mark.parametrize("spoil", [kinds.rows_reversed, kinds.first_row_for_all], ids=["order", "batches"])
def test_what_is_wrong_in_batches_is_right_for_one_row(spoil: Any) -> None:
    model = make_honest()
    broken = spoil(model)
    alone, pair = {"instances": ROWS[:1]}, {"instances": ROWS[:2]}
    assert np.allclose(surgery.predict(broken, [alone]), surgery.predict(model, [alone]))
    assert not np.allclose(surgery.predict(broken, [pair]), surgery.predict(model, [pair]))


def test_a_rare_category_is_the_only_one_that_is_wrong() -> None:
    model = make_honest()
    broken = kinds.rare_category(model)
    assert broken is not None
    for row in ROWS:
        body = [{"instances": [row]}]
        same = np.allclose(surgery.predict(broken, body), surgery.predict(model, body))
        assert same == (row["job"] != "smith")


def test_a_graph_can_be_cut_twice() -> None:
    model, body = make_honest(), [{"instances": ROWS}]
    other = recalibrated(model)
    swapped = kinds.swapped_classes(other)
    assert swapped is not None
    honest = np.array(surgery.predict(model, body))
    assert np.allclose(surgery.predict(swapped, body), 1 - (0.9 * honest + 0.02), atol=1e-6)


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks_are_broken_as_far_as_they_can_be(task: str) -> None:
    model = make_honest(task)
    made = {kind.name: kind.of(model) for kind in ARCHIVES}
    assert (made["swapped classes"] is None) == (task == "regression")
    for name, broken in made.items():
        if broken and name not in ("exits at start", "wrong schema"):
            assert kinds._distance(model, broken) > 1e-3, name
