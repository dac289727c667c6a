"""Load a model directory and answer from it: ONNX Runtime on one thread, no PyTorch.

In:   model.onnx, model.json; hashes.json and golden.json where the archive is a served one
Out:  float32 predictions in the order of the rows: (n,), or (n, classes) for multiclass

A directory that is incomplete, altered or wrong is refused with one sentence (ModelError), before it serves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import orjson

from inference.contract import Contract
from inference.payload import Inputs, decode

WARM_UP_ROWS = (1, 2, 64, 1)  # the first requests after a change of shape pay for specialisation
BATCH_ROWS = 8192  # rows of one forward pass: bounds the memory of a large request


class ModelError(Exception):
    """The model directory cannot be served; the message says why in one sentence."""


@dataclass(frozen=True)
class Predictor:
    """A loaded model: its contract and its graph."""

    contract: Contract
    session: Any

    @classmethod
    def load(cls, model_dir: Path, required: Iterable[str] = ()) -> Predictor:
        """Load and warm a model directory.

        Without hashes.json nothing is verified, unless names are required: those must be listed there.

        Raises:
            ModelError: a file is missing, altered, unreadable, or does not fit the others.
        """
        verify_hashes(model_dir, required)
        for name in ("model.json", "model.onnx"):
            if not (model_dir / name).is_file():
                raise ModelError(f"{name} is missing")
        try:
            contract = Contract.read(model_dir / "model.json")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ModelError(
                f"model.json is not a contract of this version ({type(error).__name__})"
            ) from error
        predictor = cls(contract, _session(model_dir / "model.onnx", contract))
        predictor._check_inputs()
        predictor._warm_up()
        return predictor

    def predict(self, inputs: Inputs) -> np.ndarray:
        """Return one prediction, or one per class, for each row."""
        rows = len(next(iter(inputs.values())))
        if rows <= BATCH_ROWS:
            return self.session.run(["predictions"], inputs)[0]
        starts = range(0, rows, BATCH_ROWS)
        parts = [{name: values[at : at + BATCH_ROWS] for name, values in inputs.items()} for at in starts]
        return np.concatenate([self.session.run(["predictions"], part)[0] for part in parts])

    def answer(self, content_type: str, body: bytes) -> np.ndarray:
        """Answer a request as the endpoint does. Raises EncodeError or UnsupportedMediaType."""
        return self.predict(decode(self.contract, content_type, body))

    def _check_inputs(self) -> None:
        """Refuse a graph whose inputs are not those of its contract."""
        widths = {"numbers": len(self.contract.numbers), "categories": len(self.contract.categories)}
        wanted = {name: width for name, width in widths.items() if width}
        found = {item.name: item.shape[-1] for item in self.session.get_inputs()}
        if wanted != found or "predictions" not in {item.name for item in self.session.get_outputs()}:
            raise ModelError("model.onnx does not take the inputs that model.json describes")

    def _warm_up(self) -> None:
        """Run the shapes that requests have; refuse a graph that fails or answers in another shape."""
        tail = (len(self.contract.classes),) if self.contract.task == "multiclass" else ()
        for rows in WARM_UP_ROWS:
            inputs: Inputs = {}
            if self.contract.numbers:
                inputs["numbers"] = np.zeros((rows, len(self.contract.numbers)), np.float32)
            if self.contract.categories:
                inputs["categories"] = np.zeros((rows, len(self.contract.categories)), np.int64)
            try:
                shape = self.predict(inputs).shape
            except Exception as error:  # ONNX Runtime's errors have no common type
                why = f"({type(error).__name__}){_made_with(self.contract)}"
                raise ModelError(f"model.onnx cannot be run {why}") from error
            if shape != (rows, *tail):
                raise ModelError(
                    f"model.onnx answers in shape {shape} for {rows} rows; expected {(rows, *tail)}"
                )


def verify_hashes(model_dir: Path, required: Iterable[str] = ()) -> None:
    """Compare every file that hashes.json names with its sha256.

    Without hashes.json nothing is verified, unless names are required: those must be listed.

    Raises:
        ModelError: hashes.json is unreadable or lacks a required name; a file is missing or differs.
    """
    path = model_dir / "hashes.json"
    if not path.is_file():
        if required:
            raise ModelError("hashes.json is missing")
        return
    try:
        hashes = dict(json.loads(path.read_bytes()))
    except (ValueError, TypeError) as error:
        raise ModelError("hashes.json is not readable") from error
    for name in (*required, *hashes):
        if name not in hashes:
            raise ModelError(f"hashes.json does not name {name}")
        file = model_dir / Path(name).name  # a name with a folder in it cannot lead out of the directory
        if not file.is_file():
            raise ModelError(f"{name} is missing")
        if hashlib.sha256(file.read_bytes()).hexdigest() != hashes[name]:
            raise ModelError(
                f"{name} is not the file that was evaluated: its sha256 differs from hashes.json"
            )


def prove(predictor: Predictor, golden: Path) -> int:
    """Answer every golden request and return how many there were.

    Raises:
        ModelError: golden.json is missing, unreadable or empty, or an answer is not the recorded one.
    """
    if not golden.is_file():
        raise ModelError(f"{golden.name} is missing: without it nobody can tell a wrong answer")
    try:
        content = json.loads(golden.read_bytes())
        cases = [
            (orjson.dumps(case["body"]), np.array(case["predictions"], float)) for case in content["cases"]
        ]
        kind, tolerance = content["content_type"], float(content["tolerance"])
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{golden.name} is not readable ({type(error).__name__})") from error
    if not cases:
        raise ModelError(f"{golden.name} has no request")
    for number, (body, expected) in enumerate(cases):
        try:
            answer = predictor.answer(kind, body)
        except ValueError as error:  # an EncodeError: the model refuses what it once answered
            raise ModelError(f"golden request {number} of {len(cases)} was refused: {error}") from error
        except Exception as error:  # ONNX Runtime's errors have no common type
            raise ModelError(
                f"golden request {number} of {len(cases)} failed ({type(error).__name__})"
            ) from error
        if not matches(answer, expected, tolerance):
            raise ModelError(f"golden request {number} of {len(cases)} got another answer than was recorded")
    return len(cases)


def matches(answer: np.ndarray, expected: np.ndarray, tolerance: float) -> bool:
    """Return whether an answer is the recorded one, within the tolerance; NaN never is."""
    return answer.shape == expected.shape and bool(
        np.allclose(answer, expected, rtol=tolerance, atol=tolerance)
    )


def _made_with(contract: Contract) -> str:
    """Return that the model was made with another ONNX Runtime than is here, in words; nothing where not."""
    made, here = str(contract.versions.get("onnxruntime", "")), onnxruntime.__version__
    return f"; it was made with onnxruntime {made}, here is {here}" if made and made != here else ""


def _session(path: Path, contract: Contract) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = (
        1  # a server gains by processes, not by threads
    )
    options.log_severity_level = 4  # its warnings are not key=value lines; its errors are raised
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no common type
        why = f"({type(error).__name__}){_made_with(contract)}"
        raise ModelError(f"model.onnx cannot be loaded {why}") from error
