"""One checkpoint that a killed job can trust: written whole or not at all, tied to one training.

In and out:  BASE/checkpoints/last.checkpoint: a sha256 over fingerprint and state, then the state

SageMaker keeps the folder on S3 and gives it to the job that is started again.
"""

from __future__ import annotations

import hashlib
import io
import logging
from pathlib import Path
from typing import Any

import torch

log = logging.getLogger(__name__)
SEAL_BYTES = 32


class Checkpoints:
    """The folder of one training, known by its fingerprint."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.path = folder / "last.checkpoint"
        self.fingerprint = fingerprint

    def save(self, state: dict[str, Any]) -> None:
        """Write the state after an epoch in place of the one before."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        payload = buffer.getvalue()
        write_whole(self.path, self._seal(payload) + payload)

    def load(self) -> dict[str, Any] | None:
        """Return the last state of this training, or None; says so when there is one that is refused."""
        if not self.path.is_file():
            return None
        content = self.path.read_bytes()
        seal, payload = content[:SEAL_BYTES], content[SEAL_BYTES:]
        if seal != self._seal(payload):
            log.warning("checkpoint=refused reason='damaged, or of a training with other settings or data'")
            return None
        return torch.load(io.BytesIO(payload), weights_only=True)

    def _seal(self, payload: bytes) -> bytes:
        return hashlib.sha256(self.fingerprint.encode() + b"\n" + payload).digest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that its name never stands for half of it, also when the job is killed meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
