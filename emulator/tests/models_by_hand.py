"""Makers for tests of endpoints: a model server of thirty lines, archives, and the calls that deploy them."""

from __future__ import annotations

import io
import tarfile
import time
import uuid

from pipelines_by_hand import ROLE, image

# What it answers says which code, which model data and which environment answered. Its behaviour is in
# its environment: PING (status), PING_AFTER (seconds), EXIT (at start), EXIT_IF (at start, when that file is
# there), RUDE (dies of SIGTERM at once), TWIST (added to answers).
SERVER = """
import http.server, os, signal, sys, threading, time
base = os.environ["SAGEMAKER_BASE_DIR"]
if os.environ.get("EXIT"):
    print("cannot start", flush=True); sys.exit(int(os.environ["EXIT"]))
if os.path.exists(os.environ.get("EXIT_IF", "")):
    sys.exit(1)
model = open(f"{base}/model/model.txt").read() if os.path.exists(f"{base}/model/model.txt") else "no model"
began = time.monotonic()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        late = time.monotonic() - began < float(os.environ.get("PING_AFTER", "0"))
        self.answer(503 if late else int(os.environ.get("PING", "200")), b"")
    def do_POST(self):
        print("asked", self.path, flush=True)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        word, _, rest = body.decode().partition(" ")
        if word == "only":  # "only oats fail 500": the server of that model fails, others just answer
            who, _, rest = rest.partition(" ")
            word, _, rest = rest.partition(" ") if who == model else ("", "", "")
        if word == "fail": return self.answer(int(rest), b"you asked for " + rest.encode())
        if word == "die": os._exit(9)
        if word == "sleep": time.sleep(float(rest))
        if word == "blob": return self.answer(200, bytes(range(256)), "application/octet-stream")
        if word == "headers":
            return self.answer(200, "\\n".join(f"{k.lower()}={v}" for k, v in self.headers.items()).encode())
        self.answer(200, f"{model} {sys.argv[-1]} {os.environ.get('TWIST', '')} {os.getpid()}".encode())
    def answer(self, status, body, kind="text/plain"):
        head = f"HTTP/1.1 {status} X\\r\\nContent-Type: {kind}\\r\\nContent-Length: {len(body)}\\r\\n"
        head += "X-Amzn-SageMaker-Custom-Attributes: model=" + model + "\\r\\n\\r\\n"
        self.wfile.write(head.encode() + body); self.wfile.flush()
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler)
server.daemon_threads = False
def stop(*_):
    print("asked to stop", flush=True)
    threading.Thread(target=server.shutdown).start()
if not os.environ.get("RUDE"):
    signal.signal(signal.SIGTERM, stop)
server.serve_forever(0.05); server.server_close()
print("stopped in peace", flush=True)
"""
IMAGE = "registry.example/answers:1"


def archive(**files):
    """Return a model.tar.gz with these files (name without .txt: content)."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"{name}.txt")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return target.getvalue()


class Account:
    """Deploys by boto3; every name is fresh."""

    def __init__(self, aws):
        image(IMAGE, ["python3", "-c", SERVER])
        self.aws, self.sagemaker, self.runtime = aws, aws.sagemaker, aws.runtime
        aws.s3.create_bucket(Bucket="models")
        self._made = []

    def upload(self, text):
        """Put an archive whose model.txt is `text` and return its URI."""
        key = f"{uuid.uuid4().hex}/model.tar.gz"
        self.aws.s3.put_object(Bucket="models", Key=key, Body=archive(model=text))
        return f"s3://models/{key}"

    def config(self, text="one", *, image=IMAGE, count=1, variant="main", **environment):
        """Create model and endpoint config; return the name of the config."""
        name = f"m-{uuid.uuid4().hex[:12]}"
        container = {"Image": image, "ModelDataUrl": self.upload(text), "Environment": environment}
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
        self.config_of(name, [{"VariantName": variant, "ModelName": name, "InitialInstanceCount": count}])
        return name

    def config_of(self, name, variants, **members):
        """Create a config of given variants."""
        full = [{"InstanceType": "ml.m5.large", **each} for each in variants]
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=full, **members)
        return name

    def endpoint(self, config, wait=True):
        """Create an endpoint and wait until it is in service; return its name."""
        name = f"e-{uuid.uuid4().hex[:12]}"
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        self._made.append(name)
        if wait:
            assert self.settled(name)["EndpointStatus"] == "InService"
        return name

    def settled(self, name, seconds=30):
        """Wait until the endpoint neither comes, changes nor goes; return its description."""
        deadline = time.monotonic() + seconds
        while True:
            described = self.sagemaker.describe_endpoint(EndpointName=name)
            if described["EndpointStatus"] in ("InService", "Failed", "UpdateRollbackFailed"):
                return described
            assert time.monotonic() < deadline, described["EndpointStatus"]
            time.sleep(0.03)

    def delete(self, name):
        """Delete an endpoint and wait until it is gone."""
        self.sagemaker.delete_endpoint(EndpointName=name)
        deadline = time.monotonic() + 20
        while name in self.listed():
            assert time.monotonic() < deadline
            time.sleep(0.03)

    def listed(self):
        """Return the names of all endpoints."""
        return [each["EndpointName"] for each in self.sagemaker.list_endpoints(MaxResults=100)["Endpoints"]]

    def clean(self):
        """Delete every endpoint that was made here and is still there."""
        for name in set(self._made) & set(self.listed()):
            self.settled(name)
            self.delete(name)

    def ask(self, name, body="hello", **members):
        """Invoke and return the answer as text."""
        return self.runtime.invoke_endpoint(EndpointName=name, Body=body, **members)["Body"].read().decode()

    def log(self, name):
        """Return every line that the endpoint's containers wrote."""
        logs, group = self.aws.logs, f"/aws/sagemaker/Endpoints/{name}"
        lines = []
        for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]:
            events = logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
            lines += [event["message"] for event in events]
        return lines
