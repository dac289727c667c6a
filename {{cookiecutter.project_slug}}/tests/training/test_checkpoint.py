"""Checkpoints: whole or not there, of this training or refused."""

import io
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from training import checkpoint
from training.checkpoint import Checkpoints, write_whole


def save_three(folder, fingerprint="a"):
    """Save the states of three epochs; return their folder."""
    checkpoints = Checkpoints(folder, fingerprint)
    for epoch in (1, 2, 3):
        checkpoints.save({"epoch": epoch, "weights": torch.full((4,), float(epoch))})
    return checkpoints


def test_the_last_one_is_loaded_and_the_one_before_is_kept(tmp_path):
    state = save_three(tmp_path).load()
    assert state["epoch"] == 3
    assert state["weights"].tolist() == [3.0] * 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.checkpoint", "previous.checkpoint"]


def test_without_a_checkpoint_there_is_nothing_to_load_and_nothing_to_say(tmp_path, caplog):
    assert Checkpoints(tmp_path / "new", "a").load() is None
    assert not caplog.records


def cut(content):
    """Lose the last byte."""
    return content[:-1]


def flip(content):
    """Flip one bit of the weights."""
    return content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]


DAMAGES = [
    pytest.param(cut, id="truncated"),
    pytest.param(flip, id="a flipped bit"),
    pytest.param(lambda _: b"not ours\n", id="another file"),
    pytest.param(lambda _: b"", id="empty"),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_refused_and_the_one_before_is_taken(tmp_path, caplog, damage):
    checkpoints = save_three(tmp_path)
    checkpoints.path.write_bytes(damage(checkpoints.path.read_bytes()))
    state = checkpoints.load()
    assert state is not None
    assert state["epoch"] == 2
    assert "checkpoint=refused file=last.checkpoint reason='damaged" in caplog.text
    checkpoints.save({"epoch": 3})
    assert checkpoints.load() == {"epoch": 3}


@pytest.mark.parametrize("damage", DAMAGES)
def test_when_both_are_damaged_the_training_starts_anew(tmp_path, caplog, damage):
    checkpoints = save_three(tmp_path)
    for path in (checkpoints.path, checkpoints.previous):
        path.write_bytes(damage(path.read_bytes()))
    assert checkpoints.load() is None
    assert caplog.text.count("checkpoint=refused") == 2
    checkpoints.save({"epoch": 1})
    assert checkpoints.load() == {"epoch": 1}


def test_another_trainings_checkpoint_is_refused(tmp_path, caplog):
    save_three(tmp_path, fingerprint="a")
    assert Checkpoints(tmp_path, "b").load() is None
    assert "of a training with other settings or data" in caplog.text


def test_a_job_killed_while_writing_leaves_the_last_whole_one(tmp_path):
    checkpoints = save_three(tmp_path)
    (tmp_path / "last.checkpoint.tmp").write_bytes(b"half")
    assert checkpoints.load()["epoch"] == 3


def test_a_job_killed_between_two_names_leaves_the_one_before(tmp_path):
    checkpoints = save_three(tmp_path)
    checkpoints.path.replace(checkpoints.previous)
    assert checkpoints.load()["epoch"] == 3


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, flag):
        self.flag = flag

    def __reduce__(self):
        return Path.touch, (self.flag,)


def test_a_pickle_that_runs_code_is_refused_whatever_seal_it_has(tmp_path, caplog):
    checkpoints, flag = save_three(tmp_path / "checkpoints"), tmp_path / "ran"
    for content in (pickle.dumps(Payload(flag)), saved({"epoch": Payload(flag)})):
        checkpoints.path.write_bytes(checkpoints._seal(content) + content)
        assert checkpoints.load()["epoch"] == 2
        assert "not the weights of a network (UnpicklingError)" in caplog.text
        assert not flag.exists()
    pickle.loads(pickle.dumps(Payload(flag)))
    assert flag.exists()  # it would have run


def saved(state):
    """Return what torch.save writes."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


FULL = """
import resource, sys, torch
from pathlib import Path
from training.checkpoint import Checkpoints
from training.errors import DiskError
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    Checkpoints(Path(sys.argv[1]), "a").save({"epoch": 4, "weights": torch.zeros(10_000)})
except DiskError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_last_whole_one(tmp_path):
    checkpoints = save_three(tmp_path)
    root = Path(checkpoint.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], cwd=root, capture_output=True, text=True
    )
    assert re.match(r"no room for new\.checkpoint \([\d,]+ bytes\): a larger volume_gb", done.stdout), (
        done.stderr
    )
    assert checkpoints.load()["epoch"] == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.checkpoint", "previous.checkpoint"]


def test_writing_replaces_a_file_in_one_step(tmp_path):
    write_whole(tmp_path / "new" / "file", b"one")
    write_whole(tmp_path / "new" / "file", b"two")
    assert (tmp_path / "new" / "file").read_bytes() == b"two"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]
