"""The socket that the emulator listens on, bound before anything slow is imported: clients may queue."""

from __future__ import annotations

import errno
import os
import socket

HOST = "127.0.0.1"


class PortTaken(Exception):
    """Another process listens on the port that was asked for."""


def bind(port: int) -> socket.socket:
    """Return a listening socket, on a free port where `port` is 0. Raises PortTaken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(port) from error
        raise
    return listener


def url(listener: socket.socket) -> str:
    """Return where a socket listens, as clients of AWS want it."""
    return f"http://{HOST}:{listener.getsockname()[1]}"
