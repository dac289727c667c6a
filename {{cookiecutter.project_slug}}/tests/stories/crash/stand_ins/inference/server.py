"""Adds its model's number to each row, and says which release answered: /ping and /invocations."""

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MODEL = json.loads((Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model/model.json").read_text("utf-8"))
STAMP = f"release={MODEL['release_id']};package={os.environ['MODEL_PACKAGE_VERSION']}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer /ping."""
        self.answer(b"\n")

    def do_POST(self) -> None:
        """Answer /invocations."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            assert self.headers["Content-Type"] == "application/json"
            predictions = [row[0] + MODEL["bias"] for row in json.loads(body)["instances"]]
        except (AssertionError, ValueError, KeyError, IndexError, TypeError):
            self.answer(b'{"error": {"code": "bad_request"}}', 400)
        else:
            self.answer(json.dumps({"predictions": predictions}).encode())

    def answer(self, body: bytes, status: int = 200) -> None:
        """Send an answer with the release's stamp."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", STAMP)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write no log."""


def main() -> None:
    """Serve until SIGTERM; what was being answered then is answered."""
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.05)
    sys.exit(0)


if __name__ == "__main__":
    main()
