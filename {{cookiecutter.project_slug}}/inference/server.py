"""The endpoint's process: GET /ping and POST /invocations, as SageMaker calls them.

In:   $SAGEMAKER_BASE_DIR/model (default /opt/ml/model), a served model archive, unpacked
Out:  {"predictions": [...]} in the order of the rows; {"error": {...}} with a 4xx where the client is wrong
Run:  python -m inference.server serve   # port $SAGEMAKER_BIND_TO_PORT (8080), host $INFERENCE_HOST (0.0.0.0)

It listens only after every golden request of the archive was answered as recorded, so a /ping that is
answered means a model that answers. A broken model directory ends the process at once, with one line.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from pathlib import Path

import uvicorn

from inference.app import App
from inference.predictor import ModelError, Predictor, prove

SERVED = ("model.json", "model.onnx", "golden.json")  # what hashes.json must vouch for
DRAIN_SECONDS = 25  # SageMaker kills a container 30 s after SIGTERM
KEEP_ALIVE_SECONDS = 75  # longer than SageMaker's router keeps an idle connection
CONNECTIONS = 512  # those beyond are answered 503; with LARGE_IN_MEMORY of app.py it bounds the memory

log = logging.getLogger("inference")


def main(argv: list[str]) -> int:
    """Load, prove, serve until SIGTERM; return the exit code."""
    started = time.perf_counter()
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="level=%(levelname)s %(message)s")
    if argv not in ([], ["serve"]):
        log.error('event=refused error="expected the argument serve, or none"')
        return 2
    model_dir = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "model"
    try:
        predictor = Predictor.load(model_dir, required=SERVED)
        golden = prove(predictor, model_dir / "golden.json")
    except ModelError as error:
        log.error('event=refused model=%s error="%s"', model_dir, error)
        return 1
    app = App(predictor, package=os.environ.get("MODEL_PACKAGE_VERSION", "0"))
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    milliseconds = 1000 * (time.perf_counter() - started)
    log.info("event=ready port=%d golden=%d ms=%.0f %s", port, golden, milliseconds, app.identity)
    # uvicorn drains on SIGTERM and then raises the signal again: it shall mean "done", not "killed".
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.Server(_config(app, port)).run()
    return 0


def _config(app: App, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=os.environ.get("INFERENCE_HOST", "0.0.0.0"),  # noqa: S104 the container's network is the boundary
        port=port,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        limit_concurrency=CONNECTIONS,
        backlog=CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
