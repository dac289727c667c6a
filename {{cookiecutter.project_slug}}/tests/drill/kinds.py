"""The broken kinds: a table. Each is a broken archive or a broken container; nothing else is touched.

An archive is broken by `spoil`, consistently: its hashes fit, its own golden requests have the broken model's
answers. A container is broken by `fault`, which faulty.py plays around the project's own server.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.drill import surgery
from tests.drill.honest import Model
from tests.drill.surgery import ANSWER, cut, node

SLICE = ("start", "end", "axis", "step")
LAST, FIRST = np.iinfo(np.int64).max, np.iinfo(np.int64).min  # beyond both ends, as Slice understands them


@dataclass(frozen=True)
class Kind:
    """One way to be broken."""

    name: str
    says: str
    spoil: Callable[[Model], Model | None] | None = None  # None: this model cannot be broken so
    fault: str = ""
    small: bool = False  # shown on one instance as well

    def of(self, model: Model) -> Model | None:
        """Return the broken copy of an honest model; None where it has nothing to break in this way.

        The archive's own golden requests have the broken answers: the server's check at start passes, as it
        does when model and recording share one mistake.
        """
        made = self.spoil(model) if self.spoil else model
        return surgery.with_golden(made) if made and self.spoil and made.own_golden is None else made


def truncated(model: Model) -> Model:
    """Return a model whose graph ends in the middle: the server refuses it."""
    return model.but(graph=model.graph[: len(model.graph) // 2], own_golden=model.golden)


def sign_flipped(model: Model) -> Model | None:
    """Return a model that reads every number with the wrong sign."""
    if "numbers" not in surgery.inputs(model.graph):
        return None
    return model.but(graph=surgery.before(model.graph, "numbers", [node("Neg", ["numbers"], "spoilt")]))


def constant(model: Model) -> Model:
    """Return a model that answers every row alike, with an answer that is ordinary."""
    usual = float(np.mean([np.mean(case["predictions"]) for case in model.golden["cases"]]))
    return model.but(graph=surgery.scaled(model.graph, 0.0, usual))


def swapped_classes(model: Model) -> Model | None:
    """Return a model whose classes stand in the other order."""
    if model.contract["task"] == "regression":
        return None
    if model.contract["task"] == "binary":
        return model.but(graph=surgery.scaled(model.graph, -1.0, 1.0))
    nodes = [node("Slice", ["honest", *SLICE], ANSWER)]
    return model.but(graph=surgery.after(model.graph, nodes, **cut(-1, FIRST, axis=1, step=-1)))


def rows_reversed(model: Model) -> Model:
    """Return a model that answers the last row first: right for one row, wrong for two."""
    nodes = [node("Slice", ["honest", *SLICE], ANSWER)]
    return model.but(graph=surgery.after(model.graph, nodes, **cut(-1, FIRST, step=-1)))


def first_row_for_all(model: Model) -> Model:
    """Return a model that answers every row of a batch with what its first row deserves."""
    nodes = [
        node("Slice", ["honest", *SLICE], "first"),
        node("Sub", ["honest", "honest"], "nothing"),
        node("Add", ["nothing", "first"], ANSWER),
    ]
    return model.but(graph=surgery.after(model.graph, nodes, **cut(0, 1)))


def rare_category(model: Model) -> Model | None:
    """Return a model that takes the rarest category for another: wherever that changes the answer most."""
    if model.rare is None:
        return None
    column, value, _ = model.rare
    features = [feature for feature in model.contract["features"] if feature["kind"] == "category"]
    place = [feature["name"] for feature in features].index(column)
    code = features[place]["vocabulary"].index(value) + 1
    return max(_mistaken(model, place, code, features), key=lambda made: _distance(model, made))


def wrong_schema(model: Model) -> Model:
    """Return a model that asks for a column under another name: it refuses every right request."""
    old = model.contract["features"][0]["name"]
    new = f"{old}_v2"
    features = [{**f, "name": new if f["name"] == old else f["name"]} for f in model.contract["features"]]
    cases = [
        {**case, "body": {"instances": [_renamed(row, old, new) for row in case["body"]["instances"]]}}
        for case in model.golden["cases"]
    ]
    return model.but(
        contract={**model.contract, "features": features}, own_golden={**model.golden, "cases": cases}
    )


def _mistaken(model: Model, place: int, code: int, features: list[Any]) -> list[Model]:
    """Return models that take one category of a column for another, by the other's code."""
    count = len(features)
    here = np.arange(count) == place
    nodes = [
        node("Equal", ["categories", "code"], "same"),
        node("And", ["same", "here"], "mistaken"),
        node("Where", ["mistaken", "other", "categories"], "spoilt"),
    ]
    others = range(1, min(len(features[place]["vocabulary"]), 8) + 1)
    constants = {"code": np.int64(code), "here": here}
    return [
        model.but(graph=surgery.before(model.graph, "categories", nodes, other=np.int64(other), **constants))
        for other in others
        if other != code
    ]


def _distance(model: Model, made: Model) -> float:
    """Return the largest difference to the recorded answers."""
    cases = model.golden["cases"]
    answers = surgery.predict(made, [case["body"] for case in cases])
    pairs = zip(answers, cases, strict=True)
    return max(float(np.max(np.abs(np.subtract(got, case["predictions"])))) for got, case in pairs)


def _renamed(row: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if name == old else name: value for name, value in row.items()}


KINDS = (
    Kind("exits at start", "its graph ends in the middle, the server refuses it", truncated),
    Kind("ping never answers", "it listens and does not answer /ping", fault="silent"),
    Kind("every invocation 500", "healthy, but no request is answered", fault="error", small=True),
    Kind("dies after N requests", "the process ends in the midst of its work", fault="dies"),
    Kind("leaks memory", "a few MB with each request, until the limit kills it", fault="leaks"),
    Kind("50 x slower", "each answer takes 50 times as long", fault="slow"),
    Kind("NaN with status 200", "every answer is NaN, none is an error", fault="nan"),
    Kind("sign flipped", "every number is read with the wrong sign", sign_flipped, small=True),
    Kind("constant", "every row gets the average answer", constant),
    Kind("swapped classes", "the classes stand in the other order", swapped_classes),
    Kind("rows in the wrong order", "the last row is answered first", rows_reversed),
    Kind("wrong only in batches", "each row of a batch gets its first row's answer", first_row_for_all),
    Kind("wrong on a rare category", "one category is taken for another", rare_category, small=True),
    Kind("wrong schema", "a column has another name: right requests are refused", wrong_schema),
)
