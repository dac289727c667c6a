"""Cuts into an ONNX graph: what a wrong sign, a lost shape or a mixed-up order does to a model, really done.

Each cut returns a graph that loads, takes the same inputs and answers in the same shape: no check of files,
hashes or states can tell it from the honest one.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import orjson
from onnx import helper, numpy_helper

from inference.predictor import Predictor

if TYPE_CHECKING:
    from tests.drill.honest import Model

ANSWER = "predictions"


def after(graph: bytes, nodes: Sequence[Any], **constants: Any) -> bytes:
    """Return the graph with `nodes` behind its answer: they read "honest" and write "predictions"."""
    model = onnx.load_from_string(graph)
    _rename(model.graph.node, {ANSWER: _own("honest", model)})
    return _grown(model, len(model.graph.node), nodes, constants)


def before(graph: bytes, name: str, nodes: Sequence[Any], **constants: Any) -> bytes:
    """Return the graph with `nodes` before all others: they read input `name` and write "spoilt"."""
    model = onnx.load_from_string(graph)
    _rename(model.graph.node, {name: _own("spoilt", model)})
    return _grown(model, 0, nodes, constants)


def scaled(graph: bytes, factor: float, offset: float) -> bytes:
    """Return a graph that answers factor * honest + offset."""
    nodes = [node("Mul", ["honest", "factor"], "product"), node("Add", ["product", "offset"], ANSWER)]
    return after(graph, nodes, factor=np.float32(factor), offset=np.float32(offset))


def node(kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> Any:
    """Return one node."""
    return helper.make_node(kind, list(inputs), [output], **attributes)


def cut(start: int, end: int, axis: int = 0, step: int = 1) -> dict[str, np.ndarray]:
    """Return the constants of a Slice."""
    words = {"start": start, "end": end, "axis": axis, "step": step}
    return {name: np.array([value], np.int64) for name, value in words.items()}


def inputs(graph: bytes) -> set[str]:
    """Return the names of a graph's inputs."""
    return {item.name for item in onnx.load_from_string(graph).graph.input}


def with_golden(model: Model, honest: bool = False) -> Model:
    """Return a model with golden requests as its own graph answers them.

    Where it is `honest` they are also what evaluation recorded; else they stand in the archive alone.
    """
    answers = predict(model, [case["body"] for case in model.golden["cases"]])
    cases = [case | {"predictions": got} for case, got in zip(model.golden["cases"], answers, strict=True)]
    golden = model.golden | {"cases": cases}
    return model.but(golden=golden) if honest else model.but(own_golden=golden)


def predict(model: Model, bodies: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """Return what a model answers, through the project's own serving code."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.json").write_bytes(orjson.dumps(model.contract))
        (Path(folder) / "model.onnx").write_bytes(model.graph)
        predictor = Predictor.load(Path(folder))
        return [predictor.answer("application/json", orjson.dumps(body)).tolist() for body in bodies]


def _grown(model: Any, place: int, nodes: Sequence[Any], constants: dict[str, Any]) -> bytes:
    fixed = {ANSWER, *(item.name for item in model.graph.input)}
    made = {*constants, *(name for item in nodes for name in (*item.input, *item.output))} - fixed
    names = {name: _own(name, model) for name in made}
    tensors = [numpy_helper.from_array(np.asarray(value), names[name]) for name, value in constants.items()]
    added = copy.deepcopy(nodes)
    _rename(added, names)
    for offset, item in enumerate(added):
        model.graph.node.insert(place + offset, item)
    model.graph.initializer.extend(tensors)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _own(name: str, model: Any) -> str:
    """Return a name that this cut alone uses: a graph may be cut again."""
    return f"{name}_{len(model.graph.initializer)}"


def _rename(nodes: Sequence[Any], names: dict[str, str]) -> None:
    for item in nodes:
        for words in (item.input, item.output):
            words[:] = [names.get(word, word) for word in words]
