"""A locked file goes to the bucket block by block: S3 checks what arrives, and no file is too large."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from botocore.validate import validate_parameters

from doubles.aws import Bucket, error, input_shape, make_aws
from sagemaker_gitops import data
from sagemaker_gitops.data import Lock, LockedFile
from sagemaker_gitops.errors import DataRefused
from sagemaker_gitops.story import Step

LARGE, BOUND = 400 << 20, 64 << 20  # bytes: of a file, and by which the process may grow over it
KEY = "data/adult/part-0.parquet"
PUSH = """
import resource, sys
from pathlib import Path
from sagemaker_gitops import aws, data
from sagemaker_gitops.story import Step

root, size, sha256, at_once = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
data.AT_ONCE, data.PART = at_once, 8 << 20
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
door = aws.Aws("eu-west-1")
small = data.Lock("small", "row_id", 1, (data.LockedFile("part-0.parquet", 0, sys.argv[5]),), b"{}")
data.push(door, "bucket", small, root, Step("data"))
before = peak()
large = data.Lock("data/adult", "row_id", 1, (data.LockedFile("part-0.parquet", size, sha256),), b"{}")
data.push(door, "bucket", large, root, Step("data"))
print(peak() - before)
"""


class Storage(BaseHTTPRequestHandler):
    """An S3 that keeps nothing, and refuses what has not the sha256 that was announced."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = "Initiate" if "uploads" in self.path else "Complete"
        self.reply(f"<{kind}MultipartUploadResult><UploadId>u</UploadId></{kind}MultipartUploadResult>")

    def do_PUT(self) -> None:
        left, total = int(self.headers["Content-Length"]), hashlib.sha256()
        while left:
            block = self.rfile.read(min(left, 1 << 20))
            total.update(block)
            left -= len(block)
        assert base64.b64encode(total.digest()).decode() == self.headers["x-amz-checksum-sha256"]
        self.server.taken.append(self.path)
        self.reply("")

    def reply(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("ETag", '"e"')
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def storage():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Storage)
    server.taken = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("at_once", "requests"),
    [pytest.param(5 << 30, 1, id="at once"), pytest.param(1 << 20, 50, id="in parts")],
)
def test_a_large_file_is_uploaded_in_bounded_memory(tmp_path, storage, monkeypatch, at_once, requests):
    for folder in ("data/adult", "small"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "part-0.parquet").touch()
    with (tmp_path / KEY).open("r+b") as stream:
        stream.truncate(LARGE)
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{storage.server_port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    words = [str(tmp_path), str(LARGE), sha256, str(at_once), hashlib.sha256().hexdigest()]
    source = Path(data.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", PUSH, *words], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < BOUND
    assert len(storage.taken) == 1 + requests


class Parts(Bucket):
    """S3 as a dictionary that takes parts, and makes an object of them in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[bytes] = []
        self.answers |= {
            "create_multipart_upload": {"UploadId": "u"},
            "upload_part": self._part,
            "complete_multipart_upload": self._complete,
        }

    def _part(self, Body: bytes, **_: object) -> dict:
        self.parts.append(Body)
        return {"ETag": f"e{len(self.parts)}"}

    def _complete(self, Key: str, **_: object) -> dict:
        self.objects[Key] = b"".join(self.parts)
        return {"VersionId": "v2"}


BODY = b"0123456789"
LOCK = Lock(
    "data/adult", "row_id", 3, (LockedFile("part-0.parquet", 10, hashlib.sha256(BODY).hexdigest()),), b"{}"
)


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """Return a working tree whose locked file is too large for one request."""
    monkeypatch.setattr(data, "AT_ONCE", 4)
    monkeypatch.setattr(data, "PART", 4)
    (tmp_path / "data/adult").mkdir(parents=True)
    (tmp_path / KEY).write_bytes(BODY)
    return tmp_path


def test_a_file_too_large_for_one_request_goes_in_parts_each_with_its_own_sha256(root):
    bucket = Parts()
    versions = data.push(make_aws(s3=bucket), "bucket", LOCK, root, Step("data"))
    assert (versions, bucket.objects) == ({"part-0.parquet": "v2"}, {KEY: BODY})
    assert bucket.parts == [b"0123", b"4567", b"89"]
    for operation, shape in (
        ("create_multipart_upload", "CreateMultipartUpload"),
        ("upload_part", "UploadPart"),
        ("complete_multipart_upload", "CompleteMultipartUpload"),
    ):
        for request in (asked for name, asked in bucket.asked if name == operation):
            validate_parameters(request, input_shape(shape, "s3"))
    first = dict(bucket.asked)["create_multipart_upload"]
    assert first["Metadata"] == {"sha256": LOCK.files[0].sha256}  # what a later run knows it by
    sums = [asked["ChecksumSHA256"] for name, asked in bucket.asked if name == "upload_part"]
    assert sums == [base64.b64encode(hashlib.sha256(part).digest()).decode() for part in bucket.parts]


def test_a_file_that_changes_while_its_parts_are_sent_becomes_no_object(root):
    bucket = Parts()

    def changing(**_: object) -> dict:
        (root / KEY).write_bytes(b"0123xxxx89")
        return {"UploadId": "u"}

    bucket.answers["create_multipart_upload"] = changing
    with pytest.raises(DataRefused, match="changed while it was uploaded"):
        data.push(make_aws(s3=bucket), "bucket", LOCK, root, Step("data"))
    assert (bucket.objects, bucket.operations()[-1]) == ({}, "abort_multipart_upload")


def test_an_upload_that_breaks_off_leaves_no_parts_and_says_what_broke_it(root):
    bucket = Parts()
    bucket.answers |= {"upload_part": error("SlowDown"), "abort_multipart_upload": error("AccessDenied")}
    with pytest.raises(Exception, match="SlowDown"):
        data.push(make_aws(s3=bucket), "bucket", LOCK, root, Step("data"))
    assert bucket.objects == {}
    assert bucket.operations()[-1] == "abort_multipart_upload"
