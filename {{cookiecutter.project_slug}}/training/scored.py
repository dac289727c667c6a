"""Models, each scored through its own artifact: its own graph and its own contract, never the other's code.

In:   a model.tar.gz and the test rows
Out:  predictions, one per row, or the reason why there are none
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from inference.contract import Contract
from inference.encode import EncodeError
from inference.predictor import ModelError, Predictor, verify_hashes
from training.archive import ArchiveError, unpack
from training.errors import DataError, JobError
from training.features import encode_table
from training.tracking import TOLD, told

SERVED = ("model.json", "model.onnx")  # what is taken from the candidate and goes into the served archive
UNUSABLE = (ArchiveError, ModelError, DataError, EncodeError)


class OtherAnswer(JobError):
    """The champion predicts something else than the candidate: its answers cannot be held against these."""


@dataclass(frozen=True)
class Candidate:
    """The model that training left, with its predictions on the test rows."""

    predictor: Predictor
    predictions: np.ndarray
    files: dict[str, bytes]
    tracking: dict[str, str]  # what became of the training's MLflow run

    @property
    def contract(self) -> Contract:
        """Return what the model takes and answers."""
        return self.predictor.contract


@dataclass(frozen=True)
class Champion:
    """The model to beat, or why it could not be scored."""

    package: str
    release_id: str
    predictions: np.ndarray | None = None
    error: str = ""
    # The archive is sound, but these rows do not suffice, it answers something else, or it is of a version
    # that today's code cannot load.
    incomparable: bool = False


def load_candidate(model: Path, folder: Path, rows: pa.Table) -> Candidate:
    """Score the candidate. Raises JobError when its archive is unusable: then there is nothing to judge."""
    try:
        unpack(model, folder, members=(*SERVED, TOLD))
        predictor = Predictor.load(folder)
        predictions = score(predictor, rows)
    except UNUSABLE as error:
        raise JobError(f"the candidate cannot be scored: {error}") from error
    said = told((folder / TOLD).read_bytes() if (folder / TOLD).exists() else b"")
    files = {name: (folder / name).read_bytes() for name in SERVED}
    return Candidate(predictor, predictions, files, said)


def load_champion(source: Path, folder: Path, rows: pa.Table, candidate: Contract) -> Champion | None:
    """Score the champion, or return None when there is none yet.

    A champion that cannot be scored is returned with its reason: the gate refuses then, for nobody could tell
    whether the candidate is worse.

    Raises:
        JobError: champion.json is unreadable, so a first release cannot be told from a lost champion.
    """
    try:
        about = json.loads((source / "champion.json").read_bytes())
        package, release = about["package"], str(about.get("release_id") or "")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise JobError("champion.json is missing or unreadable") from error
    if package is None:
        return None
    try:
        unpack(source / "model.tar.gz", folder)
        verify_hashes(folder, SERVED)
    except (ArchiveError, ModelError) as error:
        return Champion(package, release, error=str(error))
    try:
        predictor = Predictor.load(folder)
    except ModelError as error:
        why = f"this version of the code cannot load it: {error}"
        return Champion(package, release, error=why, incomparable=True)
    try:
        check_comparable(predictor.contract, candidate)
        predictions = score(predictor, rows)
    except (OtherAnswer, DataError, EncodeError) as error:
        return Champion(package, release, error=str(error), incomparable=True)
    if predictions.ndim == 2:  # in the candidate's order of classes
        predictions = predictions[:, [predictor.contract.classes.index(name) for name in candidate.classes]]
    return Champion(package, release, predictions)


def score(predictor: Predictor, rows: pa.Table) -> np.ndarray:
    """Return the predictions for all rows. Raises DataError where the rows lack a column."""
    if not rows.num_rows:
        return np.empty(0, np.float32)
    return predictor.predict(encode_table(rows, predictor.contract))


def check_comparable(champion: Contract, candidate: Contract) -> None:
    """Raise OtherAnswer when the champion predicts something else than the candidate."""
    for what in ("task", "label"):
        if getattr(champion, what) != getattr(candidate, what):
            raise OtherAnswer(f"its {what} is another one")
    in_order = tuple if champion.task == "binary" else sorted
    if in_order(champion.classes) != in_order(candidate.classes):
        raise OtherAnswer("its classes are others")
