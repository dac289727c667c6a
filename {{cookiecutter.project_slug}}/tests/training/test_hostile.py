"""Archives, graphs and contracts made to harm: nothing of them runs, nothing leaves its folder."""

from __future__ import annotations

import io
import json
import os
import pickle
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from inference.predictor import ModelError, Predictor
from tests.tiny_models import make_graph, make_model
from tests.training.evaluations import read, run_job
from training.archive import ArchiveError, unpack

PROJECT = Path(__file__).parents[2]


class Payload:
    """Leaves a file when it is unpickled."""

    def __init__(self, flag: Path) -> None:
        self.flag = flag

    def __reduce__(self):
        return Path.touch, (self.flag,)


def members(path: Path) -> dict[str, bytes]:
    """Return what an archive holds."""
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


def rewrite(path: Path, files: dict[str, bytes]) -> None:
    """Write an archive anew."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("name", ["model.pkl", "model.safetensors", "code/inference.py", "data.pkl"])
def test_a_pickle_beside_the_model_never_runs_and_is_not_registered(tmp_path, name):
    flag = tmp_path / "ran"

    def poison(inputs):
        archive = inputs / "model" / "model.tar.gz"
        rewrite(archive, members(archive) | {name: pickle.dumps(Payload(flag))})

    assert run_job(tmp_path, before=poison) == 0
    assert not flag.exists()
    assert read(tmp_path)["verdict"]["accepted"]
    served = members(tmp_path / "processing/output/artifact/model.tar.gz")
    assert sorted(served) == ["golden.json", "hashes.json", "model.json", "model.onnx"]


@pytest.mark.parametrize("name", ["model.onnx", "model.json"])
def test_a_pickle_in_place_of_the_model_is_refused_and_nothing_is_registered(tmp_path, name):
    flag = tmp_path / "ran"

    def poison(inputs):
        archive = inputs / "model" / "model.tar.gz"
        rewrite(archive, members(archive) | {name: pickle.dumps(Payload(flag))})

    assert run_job(tmp_path, before=poison) == 1
    message = (tmp_path / "output" / "message").read_text()
    assert message.startswith(f"the candidate cannot be scored: {name} ")
    assert not flag.exists()
    assert not (tmp_path / "processing/output/artifact").exists()


def test_a_pickle_in_the_model_directory_of_the_server_is_refused(tmp_path):
    flag = tmp_path / "ran"
    folder = make_model(tmp_path / "model")
    (folder / "model.onnx").write_bytes(pickle.dumps(Payload(flag)))
    with pytest.raises(ModelError, match=r"model\.onnx cannot be loaded"):
        Predictor.load(folder)
    assert not flag.exists()


KINDS = {
    "a symbolic link": (tarfile.SYMTYPE, "/etc/passwd"),
    "a hard link": (tarfile.LNKTYPE, "../../outside"),
    "a character device": (tarfile.CHRTYPE, ""),
    "a block device": (tarfile.BLKTYPE, ""),
    "a pipe": (tarfile.FIFOTYPE, ""),
    "a folder": (tarfile.DIRTYPE, ""),
}


@pytest.mark.parametrize(("kind", "target"), KINDS.values(), ids=KINDS)
def test_what_is_no_file_is_refused_and_nothing_is_made_of_it(tmp_path, kind, target):
    info = tarfile.TarInfo("model.json")
    info.type, info.linkname, info.devmajor, info.devminor = kind, target, 1, 5
    with tarfile.open(tmp_path / "m.tar.gz", "w:gz") as tar:
        tar.addfile(info)
    with pytest.raises(ArchiveError, match=r"holds model\.json twice, or not as a file"):
        unpack(tmp_path / "m.tar.gz", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_neither_mode_nor_owner_is_taken_over(tmp_path):
    info = tarfile.TarInfo("model.json")
    info.mode, info.uid, info.gid, info.size = 0o4777, 12345, 12345, 2
    with tarfile.open(tmp_path / "m.tar.gz", "w:gz") as tar:
        tar.addfile(info, io.BytesIO(b"{}"))
    told = (unpack(tmp_path / "m.tar.gz", tmp_path / "out") / "model.json").stat()
    assert stat.S_IMODE(told.st_mode) & 0o7111 == 0
    assert told.st_uid == os.getuid()


def test_a_graph_may_not_read_files_beside_or_above_it(tmp_path):
    """ONNX lets weights lie in another file; in a served archive there is none to name."""
    (tmp_path / "secret").write_bytes(bytes(4096))
    folder = make_model(tmp_path / "model")
    for place in ("../secret", str(tmp_path / "secret"), "/etc/passwd"):
        graph = onnx.load_from_string(make_graph())
        weights = next(each for each in graph.graph.initializer if each.name == "bias")
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=place)
        (folder / "model.onnx").write_bytes(graph.SerializeToString())
        with pytest.raises(ModelError, match=r"model\.onnx cannot be loaded"):
            Predictor.load(folder)


FUZZ = """
import random, resource, sys
from pathlib import Path
from inference.predictor import ModelError, Predictor
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
folder, draw = Path(sys.argv[1]), random.Random(7)
whole = {name: (folder / name).read_bytes() for name in ("model.onnx", "model.json")}
refused = 0
for number in range(int(sys.argv[2])):
    name = ("model.onnx", "model.json")[number % 2]
    content = bytearray(whole[name])
    for _ in range(draw.randint(1, 8)):
        at = draw.randrange(len(content))
        action = draw.randrange(4)
        if action == 0: content[at] = draw.randrange(256)
        elif action == 1: content[at:at + 8] = b"\\xff" * 7 + b"\\x7f"  # a length of 2 to the 63rd
        elif action == 2: del content[at:at + draw.randint(1, 40)]
        else: content[at:at] = content[at:at + 40]  # a name twice, overlapping
        content = content or bytearray(b"x")
    (folder / name).write_bytes(content)
    try:
        Predictor.load(folder)
    except ModelError as error:
        refused += 1
        assert "\\n" not in str(error), error
    (folder / name).write_bytes(whole[name])
print("refused", refused)
"""


def test_whatever_bytes_a_model_has_it_loads_or_is_refused_in_one_sentence(tmp_path):
    folder = make_model(tmp_path / "model")
    command = [sys.executable, "-c", FUZZ, str(folder), "600"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 300


def newer(inputs: Path) -> None:
    """Make the graph one that only a later ONNX Runtime could read."""
    archive = inputs / "model" / "model.tar.gz"
    files = members(archive)
    graph = onnx.load_from_string(files["model.onnx"])
    del graph.opset_import[:]
    graph.opset_import.append(helper.make_opsetid("", 999))
    contract = json.loads(files["model.json"]) | {"versions": {"onnxruntime": "9.9.9"}}
    rewrite(archive, {"model.onnx": graph.SerializeToString(), "model.json": json.dumps(contract).encode()})


def test_a_model_of_another_onnx_runtime_is_stopped_before_it_is_registered(tmp_path):
    assert run_job(tmp_path, before=newer) == 1
    message = (tmp_path / "output" / "message").read_text()
    assert message.startswith("the candidate cannot be scored: model.onnx cannot be loaded (")
    assert "; it was made with onnxruntime 9.9.9, here is " in message
    assert not (tmp_path / "processing/output/artifact").exists()
