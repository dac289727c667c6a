"""Export the trained network to ONNX and prove that both answer alike before anything is written.

In:   the trained model, the contract
Out:  BASE/model/{model.onnx,model.safetensors,model.json}

`torch.onnx.export` takes seconds of plain Python, whatever the size of the network. So a second process
draws the graph of the untrained network while this one trains (`Drawing`), and the trained weights are put
into it at the end. Should that not answer as PyTorch does, the trained network is exported as it is.
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
TOLERANCE = 1e-5  # largest difference; relative where answers are larger than 1
LIBRARIES = ("torch", "onnx", "onnxruntime", "onnxscript", "numpy", "pyarrow", "safetensors")


class Drawing:
    """The ONNX graph of a network, being drawn by a process of its own."""

    def __init__(self, shape: Shape, task: str, mean: float, std: float) -> None:
        """Start drawing; mean and std must be the true ones, since the exporter drops an "add 0"."""
        context = multiprocessing.get_context(
            "spawn"
        )  # fork would copy PyTorch's threads in the midst of work
        self._result, outlet = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_draw_untrained, args=(outlet, shape, task, mean, std), daemon=True
        )
        self._process.start()
        outlet.close()  # the process has its own; when that one ends, reading ends too

    def take(self) -> bytes | None:
        """Return the graph, waiting for it; None where the process died."""
        try:
            return self._result.recv_bytes()
        except (EOFError, OSError):
            return None

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.terminate()
        self._process.join()
        self._result.close()


def to_onnx(model: Answers, rows: Split, drawn: bytes | None = None) -> bytes:
    """Return the trained network as ONNX.

    Args:
        model: the trained network.
        rows: rows on which the answers are compared.
        drawn: the graph of the same network with other weights, if there is one.

    Raises:
        ParityError: ONNX Runtime and PyTorch differ; ONNX understands something in the network differently.
    """
    if drawn is not None:
        # A weight that the drawing does not hold under its own name keeps its untrained value; parity tells.
        graph = with_weights(drawn, model)
        if difference(graph, model, rows) <= TOLERANCE:
            return graph
    log.info("export=again note='the graph drawn before the training cannot be used'")
    graph = draw(model, rows.numbers, rows.categories)
    gap = difference(graph, model, rows)
    if not gap <= TOLERANCE:
        raise ParityError(
            f"ONNX Runtime and PyTorch differ by {gap:.2g}, {TOLERANCE:g} is allowed\n"
            "  something in training/model.py means another thing in ONNX"
        )
    return graph


def draw(model: Answers, numbers: Tensor | None, categories: Tensor | None) -> bytes:
    """Return the network as an ONNX graph with a dynamic batch, named inputs and the output "predictions"."""
    inputs = _present(numbers, categories, 3)
    model.eval()
    for chatty in ("torch.onnx", "onnxscript", "onnx_ir"):  # they miss torchvision, and tell of each rewrite
        logging.getLogger(chatty).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations that concern PyTorch's own code
        program = torch.onnx.export(
            model,
            kwargs=inputs,
            dynamic_shapes={name: {0: "batch"} for name in inputs},
            input_names=list(inputs),
            output_names=["predictions"],
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # only the old exporter returns None
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
    """Return the largest difference between ONNX Runtime and PyTorch, over batches of 1, 7 and 1,000 rows."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    model.eval()
    gaps = []
    for count in PARITY_ROWS:
        inputs = _present(rows.numbers, rows.categories, count)
        with torch.inference_mode():
            wanted = model(**inputs).numpy()
        feed = {name: tensor.numpy() for name, tensor in inputs.items()}
        got = np.asarray(session.run(["predictions"], feed)[0])
        if got.shape != wanted.shape or got.dtype != wanted.dtype:
            return float("inf")
        gaps.append(np.max(np.abs(got - wanted) / np.maximum(1.0, np.abs(wanted))))
    return float(np.max(gaps))  # numpy's: NaN wins


def write_model(
    folder: Path, graph: bytes, model: Answers, contract: Contract, network: dict[str, Any]
) -> None:
    """Write the three files; `network` is what builds the same network around the weights again."""
    versions = {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
    document = replace(contract, versions=versions).document()
    # One key of metadata: safetensors does not keep the order of several, and the bytes must not vary.
    weights = save(model.state_dict(), metadata={"network": json.dumps(network, sort_keys=True)})
    write_whole(folder / "model.onnx", graph)
    write_whole(folder / "model.safetensors", weights)
    write_whole(folder / "model.json", (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())


def _draw_untrained(outlet: Connection, shape: Shape, task: str, mean: float, std: float) -> None:
    """Draw the untrained network and send the graph: the whole work of the second process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too; the first process ends us
    torch.set_num_threads(1)
    numbers = torch.zeros(3, len(shape.medians)) if len(shape.medians) else None
    categories = torch.zeros(3, len(shape.cardinalities), dtype=torch.int64) if shape.cardinalities else None
    outlet.send_bytes(draw(Answers(TabularNet(shape), task, mean, std), numbers, categories))


def _present(numbers: Tensor | None, categories: Tensor | None, count: int) -> dict[str, Tensor]:
    """Return this many rows, repeated where there are fewer, of the inputs that the model has."""
    inputs = {"numbers": numbers, "categories": categories}
    there = {name: tensor for name, tensor in inputs.items() if tensor is not None}
    return {name: tensor[torch.arange(count) % len(tensor)] for name, tensor in there.items()}


def _without_origins(program: onnx.ModelProto) -> onnx.ModelProto:
    """Drop what the exporter notes about the code it came from: paths of this machine, half of the file."""
    graph = program.graph
    del program.metadata_props[:], graph.metadata_props[:]
    for part in (*graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    return program
