"""Model directories and archives made by hand, so that tests of serving and evaluation need no training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

AGE = {"name": "age", "kind": "number", "type": "integer", "minimum": 0, "maximum": 120}
GAIN = {"name": "gain", "kind": "number", "type": "number", "nullable": True}
JOB = {
    "name": "job",
    "kind": "category",
    "type": "string",
    "nullable": True,
    "vocabulary": ["clerk", "cook", "smith"],
}
MEMBER = {"name": "member", "kind": "category", "type": "boolean", "vocabulary": ["false", "true"]}
FEATURES = (AGE, GAIN, JOB, MEMBER)
CLASSES = {"binary": ["no", "yes"], "multiclass": ["a", "b", "c"], "regression": []}


def make_graph(
    features: Sequence[dict[str, Any]] = FEATURES,
    task: str = "binary",
    weights: Sequence[float] = (0.05, 0.01, 0.3, 0.5),
    bias: float = -2.0,
) -> bytes:
    """Return an ONNX graph: a linear model of the numbers (null is 0) and of the categories' codes."""
    outputs = max(1, len(CLASSES[task]) if task == "multiclass" else 1)
    kinds = {"numbers": ("number", TensorProto.FLOAT), "categories": ("category", TensorProto.INT64)}
    nodes, inputs, constants, terms = [], [], [], []
    constants.append(numpy_helper.from_array(np.full(outputs, bias, np.float32), "bias"))
    constants.append(numpy_helper.from_array(np.array(0.0, np.float32), "zero"))
    for name, (kind, type_) in kinds.items():
        chosen = [w for w, feature in zip(weights, features, strict=True) if feature["kind"] == kind]
        if not chosen:
            continue
        inputs.append(helper.make_tensor_value_info(name, type_, ["batch", len(chosen)]))
        matrix = np.outer(chosen, np.arange(1, outputs + 1)).astype(np.float32)
        constants.append(numpy_helper.from_array(matrix, f"{name}_weights"))
        nodes.append(helper.make_node("Cast", [name], [f"{name}_float"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("IsNaN", [f"{name}_float"], [f"{name}_missing"]))
        nodes.append(
            helper.make_node("Where", [f"{name}_missing", "zero", f"{name}_float"], [f"{name}_full"])
        )
        nodes.append(helper.make_node("MatMul", [f"{name}_full", f"{name}_weights"], [f"{name}_term"]))
        terms.append(f"{name}_term")
    nodes.append(helper.make_node("Sum", [*terms, "bias"], ["scores"]))
    shape: list[Any] = ["batch"]
    if task == "multiclass":
        nodes.append(helper.make_node("Softmax", ["scores"], ["predictions"], axis=1))
        shape.append(outputs)
    else:
        constants.append(numpy_helper.from_array(np.array([-1]), "flat"))
        nodes.append(helper.make_node("Reshape", ["scores", "flat"], ["score"]))
        nodes.append(
            helper.make_node("Sigmoid" if task == "binary" else "Identity", ["score"], ["predictions"])
        )
    output = helper.make_tensor_value_info("predictions", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "tiny", inputs, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


def make_model(
    folder: Path,
    features: Sequence[dict[str, Any]] = FEATURES,
    task: str = "binary",
    release: str = "r1",
    classes: Sequence[str] | None = None,
    **graph: Any,
) -> Path:
    """Write model.json and model.onnx, as training leaves them."""
    folder.mkdir(parents=True, exist_ok=True)
    contract = {
        "schema_version": 1,
        "task": task,
        "label": "label",
        "classes": list(classes or CLASSES[task]),
        "features": list(features),
        "versions": {"python": "3.11"},
        "release_id": release,
        "commit_sha": "",
    }
    (folder / "model.json").write_text(json.dumps(contract))
    (folder / "model.onnx").write_bytes(make_graph(features, task, **graph))
    return folder


def add_golden(
    folder: Path, instances: Sequence[Any], predictions: Sequence[float], tolerance: float = 1e-4
) -> Path:
    """Write golden.json and hashes.json, as evaluation leaves them."""
    cases = [{"body": {"instances": list(instances)}, "predictions": list(predictions)}]
    content = {
        "schema_version": 1,
        "content_type": "application/json",
        "tolerance": tolerance,
        "cases": cases,
    }
    (folder / "golden.json").write_text(json.dumps(content))
    return add_hashes(folder)


def add_hashes(folder: Path) -> Path:
    """Write hashes.json for what lies in the folder."""
    files = [path for path in sorted(folder.iterdir()) if path.name != "hashes.json"]
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    (folder / "hashes.json").write_text(json.dumps(hashes))
    return folder
