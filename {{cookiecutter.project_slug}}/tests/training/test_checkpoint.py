"""Checkpoints: whole or not there, of this training or refused."""

import pytest
import torch

from training.checkpoint import Checkpoints, write_whole


def save_three(folder, fingerprint="a"):
    """Save the states of three epochs; return their folder."""
    checkpoints = Checkpoints(folder, fingerprint)
    for epoch in (1, 2, 3):
        checkpoints.save({"epoch": epoch, "weights": torch.full((4,), float(epoch))})
    return checkpoints


def test_the_last_one_is_loaded_and_is_the_only_file(tmp_path):
    state = save_three(tmp_path).load()
    assert state["epoch"] == 3
    assert state["weights"].tolist() == [3.0] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["last.checkpoint"]


def test_without_a_checkpoint_there_is_nothing_to_load_and_nothing_to_say(tmp_path, caplog):
    assert Checkpoints(tmp_path / "new", "a").load() is None
    assert not caplog.records


def cut(content):
    """Lose the last byte."""
    return content[:-1]


def flip(content):
    """Flip one bit of the weights."""
    return content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]


@pytest.mark.parametrize("damage", [cut, flip, lambda _: b"not ours\n", lambda _: b""])
def test_a_damaged_one_is_refused_and_the_training_starts_anew(tmp_path, caplog, damage):
    checkpoints = save_three(tmp_path)
    checkpoints.path.write_bytes(damage(checkpoints.path.read_bytes()))
    assert checkpoints.load() is None
    assert "checkpoint=refused reason='damaged" in caplog.text
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


def test_writing_replaces_a_file_in_one_step(tmp_path):
    write_whole(tmp_path / "new" / "file", b"one")
    write_whole(tmp_path / "new" / "file", b"two")
    assert (tmp_path / "new" / "file").read_bytes() == b"two"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]
