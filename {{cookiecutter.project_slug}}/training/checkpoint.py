"""Checkpoints that a killed job can trust: written whole or not at all, checked, tied to one training.

In and out:  BASE/checkpoints/epoch-00012.checkpoint: one line of JSON (fingerprint, sha256), then the state

SageMaker keeps the folder on S3 and gives it to the job that is started again. The previous checkpoint
stays, for the case that the newest one arrived damaged.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
from pathlib import Path
from typing import Any

import torch

log = logging.getLogger(__name__)
KEPT = 2


class Checkpoints:
    """The folder of one training, known by its fingerprint."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        self.fingerprint = fingerprint
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, epoch: int, state: dict[str, Any]) -> Path:
        """Write the state after an epoch and drop all but the last two."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        payload = buffer.getvalue()
        header = {"fingerprint": self.fingerprint, "sha256": hashlib.sha256(payload).hexdigest()}
        path = self.folder / f"epoch-{epoch:05d}.checkpoint"
        write_whole(path, json.dumps(header).encode() + b"\n" + payload)
        for old in self._newest_first()[KEPT:]:
            old.unlink()
        return path

    def load(self) -> dict[str, Any] | None:
        """Return the newest sound state of this training, or None; says why a file was refused."""
        for path in self._newest_first():
            header, _, payload = path.read_bytes().partition(b"\n")
            reason = self._refusal(header, payload)
            if reason is None:
                return torch.load(io.BytesIO(payload), weights_only=True)
            log.warning("checkpoint_refused=%s reason=%r", path.name, reason)
            path.unlink()  # else it would count as the newest again
        return None

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("epoch-*.checkpoint"), reverse=True)

    def _refusal(self, header: bytes, payload: bytes) -> str | None:
        """Return why a file is not used, or None."""
        try:
            content = json.loads(header)
            fingerprint, digest = content["fingerprint"], content["sha256"]
        except (ValueError, TypeError, KeyError):
            return "damaged"
        if fingerprint != self.fingerprint:
            return "of a training with other settings or data"
        return None if hashlib.sha256(payload).hexdigest() == digest else "damaged"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that its name never stands for half of it, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name, too, must reach the disk
    finally:
        os.close(folder)
