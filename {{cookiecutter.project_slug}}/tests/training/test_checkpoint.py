"""Checkpoints: whole or not there, of this training or refused."""

import torch

from training.checkpoint import Checkpoints, write_whole


def save_three(folder, fingerprint="a"):
    """Save the states of three epochs; return their folder."""
    checkpoints = Checkpoints(folder, fingerprint)
    for epoch in (1, 2, 3):
        checkpoints.save(epoch, {"epoch": epoch, "weights": torch.full((4,), float(epoch))})
    return checkpoints


def test_the_newest_is_loaded_and_the_one_before_it_kept(tmp_path):
    checkpoints = save_three(tmp_path)
    state = checkpoints.load()
    assert state["epoch"] == 3
    assert state["weights"].tolist() == [3.0] * 4
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "epoch-00002.checkpoint",
        "epoch-00003.checkpoint",
    ]


def test_a_damaged_newest_one_falls_back_to_the_one_before(tmp_path, caplog):
    checkpoints = save_three(tmp_path)
    newest = tmp_path / "epoch-00003.checkpoint"
    newest.write_bytes(newest.read_bytes()[:-1])
    assert checkpoints.load()["epoch"] == 2
    assert "checkpoint_refused=epoch-00003.checkpoint reason='damaged'" in caplog.text


def test_one_flipped_bit_is_noticed(tmp_path):
    checkpoints = save_three(tmp_path)
    newest = tmp_path / "epoch-00003.checkpoint"
    content = bytearray(newest.read_bytes())
    content[-100] ^= 1
    newest.write_bytes(content)
    assert checkpoints.load()["epoch"] == 2


def test_rubbish_instead_of_a_checkpoint_is_refused(tmp_path):
    (tmp_path / "epoch-00009.checkpoint").write_bytes(b"not ours\n")
    assert Checkpoints(tmp_path, "a").load() is None


def test_another_trainings_checkpoint_is_refused(tmp_path, caplog):
    save_three(tmp_path, fingerprint="a")
    assert Checkpoints(tmp_path, "b").load() is None
    assert "of a training with other settings or data" in caplog.text


def test_a_job_killed_while_writing_leaves_the_last_whole_one(tmp_path):
    checkpoints = save_three(tmp_path)
    (tmp_path / "epoch-00004.checkpoint.tmp").write_bytes(b"half")
    assert checkpoints.load()["epoch"] == 3


def test_writing_replaces_a_file_in_one_step(tmp_path):
    write_whole(tmp_path / "new" / "file", b"one")
    write_whole(tmp_path / "new" / "file", b"two")
    assert (tmp_path / "new" / "file").read_bytes() == b"two"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]
