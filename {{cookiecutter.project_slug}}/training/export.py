"""Export the trained network to ONNX, prove that both answer alike, write the model's three files.

In:   Answers with trained weights, Contract
Out:  BASE/model/{model.onnx,model.safetensors,model.json}

`torch.onnx.export` needs seconds of pure Python, whatever the size of the network. So a second process draws the graph of
the untrained network while this one trains (`GraphDrawing`), and the trained weights are put into it at the end. Where
that is not possible the trained network is exported as it is. Nothing is written before parity is proven.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import platform
import signal
import warnings
from dataclasses import replace
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.torch import save
from torch import Tensor

from inference.encode import Contract
from training.checkpoint import write_whole
from training.errors import ParityError
from training.model import Shape, TabularNet
from training.splits import Split
from training.tasks import Answers

log = logging.getLogger(__name__)
PARITY_ROWS = (1, 7, 1000)
TOLERANCE = 1e-5  # largest difference, relative to answers larger than 1
LIBRARIES = ("torch", "onnx", "onnxruntime", "onnxscript", "numpy", "pyarrow", "safetensors")


class GraphDrawing:
    """Draws the ONNX graph of a network in a process of its own, while this one does something else."""

    def __init__(self, shape: Shape, task: str) -> None:
        context = multiprocessing.get_context(
            "spawn"
        )  # fork would copy PyTorch's threads in an unknown state
        self._result, outlet = context.Pipe(duplex=False)
        self._process = context.Process(target=_draw, args=(outlet, shape, task), daemon=True)
        self._process.start()
        outlet.close()  # ours is closed, so that the end of the process reads as the end of the pipe

    def take(self) -> bytes | None:
        """Return the graph, waiting for it; None where the process died."""
        try:
            return self._result.recv_bytes()
        except (EOFError, OSError):
            log.warning("graph_drawing=failed note='the graph is drawn again'")
            return None
        finally:
            self.close()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.terminate()
        self._process.join()


def to_onnx(model: Answers, rows: Split, drawn: bytes | None = None) -> bytes:
    """Return the trained network as ONNX, which answers as PyTorch does.

    Args:
        model: the trained network.
        rows: rows to compare the answers on.
        drawn: the graph of the same network with other weights, if there is one.

    Raises:
        ParityError: ONNX Runtime and PyTorch differ; the network uses something that ONNX understands differently.
    """
    if drawn is not None:
        # A weight that the drawing does not hold under its own name stays as it was drawn; parity tells.
        graph = with_weights(drawn, model)
        if difference(graph, model, rows) <= TOLERANCE:
            return graph
        log.warning("graph_drawing=unusable note='the graph is drawn again'")
    graph = draw(model, rows.numbers, rows.categories)
    gap = difference(graph, model, rows)
    if not gap <= TOLERANCE:
        raise ParityError(
            f"ONNX Runtime and PyTorch differ by {gap:.2g}; allowed is {TOLERANCE:g} (training/model.py)"
        )
    return graph


def draw(model: Answers, numbers: Tensor | None, categories: Tensor | None) -> bytes:
    """Return the network as an ONNX graph with a dynamic batch, named inputs and the output "predictions"."""
    inputs = _present(numbers, categories, np.arange(3))
    model.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations that concern PyTorch's own code
        program = torch.onnx.export(
            model,
            kwargs=inputs,
            dynamic_shapes={name: {0: torch.export.Dim("batch")} for name in inputs},
            input_names=list(inputs),
            output_names=["predictions"],
            dynamo=True,
            verbose=False,
        )
    return _without_origins(program.model_proto).SerializeToString(deterministic=True)


def with_weights(drawn: bytes, model: Answers) -> bytes:
    """Return the drawn graph with this network's weights."""
    graph = onnx.load_from_string(drawn)
    places = {place.name: place for place in graph.graph.initializer}
    for name, tensor in model.state_dict().items():
        if name in places:
            places[name].CopyFrom(onnx.numpy_helper.from_array(tensor.numpy(), name))
    return graph.SerializeToString(deterministic=True)


def difference(graph: bytes, model: Answers, rows: Split) -> float:
    """Return the largest difference between ONNX Runtime and PyTorch over batches of 1, 7 and 1,000 rows."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    model.eval()
    largest = 0.0
    for count in PARITY_ROWS:
        inputs = _present(rows.numbers, rows.categories, np.arange(count) % len(rows.target))
        with torch.inference_mode():
            wanted = model(**inputs).numpy()
        got = session.run(["predictions"], {name: tensor.numpy() for name, tensor in inputs.items()})[0]
        if got.shape != wanted.shape or got.dtype != wanted.dtype:
            return float("inf")
        largest = max(largest, float(np.max(np.abs(got - wanted) / np.maximum(1.0, np.abs(wanted)))))
    return largest


def write_model(
    folder: Path, graph: bytes, model: Answers, contract: Contract, network: dict[str, Any]
) -> None:
    """Write the three files; model.json last, since readers start with it."""
    versions = {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
    document = replace(contract, versions=versions).document()
    # One key: safetensors does not keep the order of several, and the bytes must not vary.
    weights = save(model.state_dict(), metadata={"network": json.dumps(network, sort_keys=True)})
    write_whole(folder / "model.onnx", graph)
    write_whole(folder / "model.safetensors", weights)
    write_whole(folder / "model.json", (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())


def _draw(outlet: Connection, shape: Shape, task: str) -> None:
    """Draw the untrained network and send the graph: the whole work of the second process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too; the first process ends us
    torch.set_num_threads(1)
    numbers = torch.zeros(3, len(shape.medians)) if len(shape.medians) else None
    categories = torch.zeros(3, len(shape.cardinalities), dtype=torch.int64) if shape.cardinalities else None
    outlet.send_bytes(draw(Answers(TabularNet(shape), task), numbers, categories))


def _present(numbers: Tensor | None, categories: Tensor | None, rows: np.ndarray) -> dict[str, Tensor]:
    """Return these rows of the inputs that the model has, by the names of the graph's inputs."""
    picked = torch.from_numpy(rows)
    inputs = {"numbers": numbers, "categories": categories}
    return {name: tensor[picked] for name, tensor in inputs.items() if tensor is not None}


def _without_origins(program: onnx.ModelProto) -> onnx.ModelProto:
    """Drop what the exporter notes about the code it came from: paths of this machine, half of the file."""
    del program.metadata_props[:], program.graph.metadata_props[:]
    graph = program.graph
    for part in (*graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    return program
