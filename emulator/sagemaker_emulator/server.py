"""The server: moto's WSGI application with the emulator's operations, on 127.0.0.1, in threads."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from sagemaker_emulator import endings, environment, installing, itself, listening
from sagemaker_emulator.faults import routes, wire

MOST_HOSTS = 1000  # remembered: services and regions are fewer, but a client may send any Host
log = logging.getLogger(__name__)


class Unserved(Exception):
    """Moto has no service of this name."""


class QuietHandler(MotoRequestHandler):
    """Moto's handler without a line per request; connections stay open, which saves time on small calls."""

    protocol_version = "HTTP/1.1"

    def log_request(self, *_: Any) -> None:
        """Say nothing."""


class Server(ThreadedMotoServer):
    """Moto's threaded server on a socket that is bound before."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(ip_address=listening.HOST, port=0, verbose=False)
        self._socket = listener

    def _server_entry(self) -> None:
        app = Application(_create_app)
        self._server = make_server(
            listening.HOST, 0, app, threaded=True, request_handler=QuietHandler, fd=self._socket.fileno()
        )
        self._server.daemon_threads = True
        self._server_ready_event.set()
        self._server.serve_forever(poll_interval=0.05)

    @property
    def url(self) -> str:
        """Return where it listens."""
        return listening.url(self._socket)

    def stop(self) -> None:
        """Stop listening and give the port back."""
        super().stop()
        if self._server is not None:
            self._server.server_close()
        with contextlib.suppress(OSError):
            self._socket.close()


class Application(DomainDispatcherApplication):
    """Moto's dispatcher; what falls through it gets one JSON error instead of a page of HTML."""

    def __init__(self, create_app: Callable[[Any], Any]) -> None:
        super().__init__(create_app)
        self._backends: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        """Return which of moto's backends serves a host, found once: moto lists a folder for each request.

        Raises Unserved.
        """
        if host and "amazonaws.com" in host and not self._served(host):
            raise Unserved(host.partition(".")[0])
        if host not in self._backends:
            if len(self._backends) > MOST_HOSTS:
                self._backends.clear()
            self._backends[host] = super().get_backend_for_host(host)
        return self._backends[host]

    def _served(self, host: str) -> bool:
        return host in self._backends or any(
            pattern.match(f"http://{host}") for _, pattern in self.backend_url_patterns
        )

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer one request; raises ConnectionDropped where a fault wants no answer."""
        if environ["PATH_INFO"].startswith(routes.PREFIX):
            return routes.answer(environ, start_response)
        return wire.guarded(self._dispatch, environ, start_response)

    def _dispatch(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        lost, what = False, f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            nonlocal lost
            page = ("Content-Type", "text/html; charset=utf-8") in headers
            # S3 answers HEAD of an absent key with a bare 404, which is no page of moto's.
            lost = status.startswith("404") and page and environ["REQUEST_METHOD"] != "HEAD"
            return None if lost else start_response(status, headers, *rest)

        try:
            answer = super().__call__(environ, start)
        except Unserved as service:
            lost, what = True, f"service {service}"
        except Exception:
            log.exception("event=request_failed path=%s", environ.get("PATH_INFO"))
            lost = True
        if not lost:
            return answer
        text = f"sagemaker-emulator has no {what} (see COVERAGE.md)"
        body = json.dumps({"__type": "NotImplemented", "message": text}).encode()
        # 501 is not among the codes that botocore retries.
        start_response(
            "501 Not Implemented", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        )
        return [body]


@contextlib.contextmanager
def running(listener: socket.socket | None = None) -> Iterator[str]:
    """Run the emulator in this process and yield its URL; everything it started has ended afterwards.

    It listens on `listener`, else on a port of its own.
    """
    with environment.cleared():
        installing.install()
        server = Server(listener or listening.bind(0))
        itself.set_url(server.url)
        server.start()
        try:
            yield server.url
        finally:
            endings.shutdown()
            server.stop()


def wait_for_signal(stop: threading.Event) -> None:
    """Block until `stop` is set; in slices, as a blocked main thread may run no signal handler."""
    while not stop.wait(timeout=1.0):
        pass


def _create_app(service: Any) -> Any:
    installing.prepare(service)
    return create_backend_app(service)
