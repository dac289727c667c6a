"""What the containers of the stories do: `run.py WHAT [/opt/ml]`; an endpoint starts it as `run.py serve`."""

import http.server
import json
import os
import pathlib
import signal
import sys
import threading
import time
from types import FrameType

what = sys.argv[1]
base = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def write(path: str, text: str) -> None:
    """Write a file below /opt/ml."""
    (base / path).parent.mkdir(parents=True, exist_ok=True)
    (base / path).write_text(text)


def config(name: str) -> dict[str, object]:
    """Read a configuration file of a training container."""
    return json.loads((base / "input" / "config" / name).read_text())


def process() -> None:
    """Count rows; say what SageMaker laid out."""
    rows = len((base / "processing/input/data/rows.csv").read_text().split())
    found = sorted(path.name for path in (base / "config").iterdir())
    write("processing/output/report.json", json.dumps({"rows": rows, "config": found, "score": 0.5}))
    write("output/message", f"counted {rows} rows")


def train() -> None:
    """Leave a checkpoint, a metric, a model, and what was found below /opt/ml."""
    layout = {
        "rows": len((base / "input/data/train/rows.csv").read_text().split()),
        "hyperparameters": config("hyperparameters.json"),
        "channels": sorted(config("inputdataconfig.json")),
        "host": config("resourceconfig.json")["current_host"],
        "job": os.environ.get("TRAINING_JOB_NAME"),
    }
    write("checkpoints/step-1.txt", "one")
    write("model/model.txt", "trained")
    write("output/data/layout.json", json.dumps(layout))
    print("loss=0.25", flush=True)


def fail() -> None:
    """Say why where a training job, and where a processing job is asked; exit as failed programs do."""
    write("output/failure", "the loss is not a number")
    write("output/message", "the rows are spoiled")
    sys.exit(3)


def endure() -> None:
    """Work until SIGTERM, then save."""

    def stop(*_: int | FrameType | None) -> None:
        write("model/model.txt", "saved on SIGTERM")
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    write("checkpoints/ready.txt", "ready")
    time.sleep(500)


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers pings with nothing and invocations with the model's text."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer either."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b"" if self.path == "/ping" else (base / "model" / "model.txt").read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET


def serve() -> None:
    """Serve on the port that SageMaker asks, until SIGTERM."""
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    server = http.server.ThreadingHTTPServer(("0.0.0.0", port), Answers)  # noqa: S104 - a container's own
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(0.1)


if __name__ == "__main__":
    {"process": process, "train": train, "fail": fail, "endure": endure, "serve": serve}[what]()
