"""The checkpoint folder of a training job: brought before it starts, copied to S3 while it runs."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from sagemaker_emulator import itself
from sagemaker_emulator.jobs import transfer

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 2.0


class Checkpoints:
    """Keeps one folder and one S3 prefix alike. Files are copied when size or time changed."""

    def __init__(self, region: str, folder: Path, uri: str) -> None:
        self._region, self._folder, self._uri = region, folder, uri
        self._sent: dict[str, tuple[int, int]] = {}
        self._over = threading.Event()
        self._identity = itself.identity()
        self._thread = threading.Thread(target=self._keep_copying, daemon=True)

    def bring(self) -> None:
        """Fetch what earlier jobs left there; an empty prefix is a first run. Raises TransferError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if transfer.anything(self._region, self._uri):
            transfer.download(self._region, self._uri, self._folder)
        self._sent = dict(self._files())
        self._thread.start()

    def finish(self) -> None:
        """Copy what is new a last time. Raises TransferError."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
            self._copy()

    def _keep_copying(self) -> None:
        while not self._over.wait(INTERVAL_SECONDS):
            try:
                with itself.acting(self._identity):
                    self._copy()
            except (
                transfer.TransferError,
                OSError,
            ) as error:  # a file that is being written: the next round has it
                log.warning("event=checkpoint_copy_failed error=%s", error)

    def _copy(self) -> None:
        bucket, prefix = transfer.split(self._uri)
        for name, state in self._files().items():
            if self._sent.get(name) != state:
                with (self._folder / name).open("rb") as body:
                    transfer.put(self._region, bucket, f"{prefix.rstrip('/')}/{name}", body)
                self._sent[name] = state

    def _files(self) -> dict[str, Any]:
        files = (path for path in self._folder.rglob("*") if path.is_file())
        return {
            path.relative_to(self._folder).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in files
        }
