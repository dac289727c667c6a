"""Two checkpoints that a killed job can trust: written whole or not at all, tied to one training.

In and out:  BASE/checkpoints/{last,previous}.checkpoint: a sha256 over fingerprint and state, then the state

SageMaker keeps the folder on S3 and gives it to the job that is started again.
"""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import os
from pathlib import Path
from typing import Any

import torch

from training.errors import DiskError

log = logging.getLogger(__name__)
SEAL_BYTES = 32
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Checkpoints:
    """The folder of one training, known by its fingerprint."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.path = folder / "last.checkpoint"
        self.previous = folder / "previous.checkpoint"
        self.fingerprint = fingerprint

    def save(self, state: dict[str, Any]) -> None:
        """Write the state after an epoch; the one before is kept, should this one be damaged later."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        payload = buffer.getvalue()
        new = self.path.with_name("new.checkpoint")
        write_whole(new, self._seal(payload) + payload)
        if self.path.is_file():
            self.path.replace(self.previous)
        new.replace(self.path)

    def load(self) -> dict[str, Any] | None:
        """Return the last state of this training that is whole, or None; says so of each that is refused."""
        for path in (self.path, self.previous):
            if path.is_file() and (state := self._read(path)) is not None:
                return state
        return None

    def _read(self, path: Path) -> dict[str, Any] | None:
        content = path.read_bytes()
        seal, payload = content[:SEAL_BYTES], content[SEAL_BYTES:]
        if seal != self._seal(payload):
            why = "damaged, or of a training with other settings or data"
        else:
            try:
                return torch.load(io.BytesIO(payload), weights_only=True)
            except (
                Exception
            ) as error:  # who can write the seal can write a pickle, too: that one is never run
                why = f"not the weights of a network ({type(error).__name__})"
        log.warning("checkpoint=refused file=%s reason='%s'", path.name, why)
        return None

    def _seal(self, payload: bytes) -> bytes:
        return hashlib.sha256(self.fingerprint.encode() + b"\n" + payload).digest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that its name never stands for half of it, also when the job is killed meanwhile.

    Raises:
        DiskError: there is no room; what the name stood for before, it still does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())  # else a machine that loses power may keep the name and not the bytes
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno in FULL:
            raise DiskError(path.name, len(content)) from None
        raise
