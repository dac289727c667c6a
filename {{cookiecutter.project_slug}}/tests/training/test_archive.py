"""Archives: reproducible when packed, harmless when unpacked."""

from __future__ import annotations

import gzip
import io
import tarfile
import time

import pytest

from training.archive import ArchiveError, pack, sha256, unpack

FILES = {"model.json": b"{}", "model.onnx": b"\x00" * 1000}


def write_tar(path, members):
    """Write a tar.gz of (TarInfo or name, content), hostile if asked for."""
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_the_same_files_give_the_same_archive_at_any_time_and_in_any_order(tmp_path):
    first = pack(FILES, tmp_path / "a" / "model.tar.gz")
    time.sleep(1.1)  # a time stamp in the archive would show
    second = pack(dict(reversed(FILES.items())), tmp_path / "b" / "other.tar.gz")
    assert first == second == sha256((tmp_path / "a" / "model.tar.gz").read_bytes())


def test_what_was_packed_is_unpacked(tmp_path):
    pack(FILES, tmp_path / "model.tar.gz")
    folder = unpack(tmp_path / "model.tar.gz", tmp_path / "out")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES


def test_only_the_expected_members_are_taken(tmp_path):
    foreign = [("model.safetensors", b"x"), ("code/inference.py", b"import os"), ("./model.json", b"{}")]
    folder = unpack(write_tar(tmp_path / "m.tar.gz", foreign), tmp_path / "out")
    assert [path.name for path in folder.rglob("*")] == ["model.json"]


@pytest.mark.parametrize("name", ["../model.json", "/tmp/model.json", "sub/../../model.json"])
def test_nothing_is_written_outside_the_folder(tmp_path, name):
    folder = unpack(write_tar(tmp_path / "m.tar.gz", [(name, b"{}")]), tmp_path / "out")
    assert list(folder.iterdir()) == []
    assert not (tmp_path / "model.json").exists()


def test_a_link_in_place_of_a_member_is_refused(tmp_path):
    link = tarfile.TarInfo("model.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(ArchiveError, match=r"holds model\.json twice, or not as a file"):
        unpack(write_tar(tmp_path / "m.tar.gz", [(link, b"")]), tmp_path / "out")


def test_a_member_that_comes_twice_is_refused(tmp_path):
    twice = [("model.json", b"{}"), ("model.json", b"[]")]
    with pytest.raises(ArchiveError, match="twice"):
        unpack(write_tar(tmp_path / "m.tar.gz", twice), tmp_path / "out")


@pytest.mark.parametrize("name", ["model.onnx", "padding"])
def test_a_bomb_ends_at_the_cap_whatever_member_holds_it(tmp_path, name):
    archive = write_tar(tmp_path / "m.tar.gz", [(name, bytes(5_000_000)), ("model.json", b"{}")])
    assert archive.stat().st_size < 10_000
    with pytest.raises(ArchiveError, match="larger than allowed"):
        unpack(archive, tmp_path / "out", max_bytes=1_000_000)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not a gzip", id="not gzipped"),
        pytest.param(gzip.compress(b"not a tar" * 100), id="not a tar"),
    ],
)
def test_what_is_no_archive_is_refused_in_one_sentence(tmp_path, content):
    (tmp_path / "m.tar.gz").write_bytes(content)
    with pytest.raises(ArchiveError, match=r"m\.tar\.gz cannot be read"):
        unpack(tmp_path / "m.tar.gz", tmp_path / "out")


def test_an_archive_that_ends_early_is_refused_wherever_it_ends(tmp_path):
    pack({"model.json": bytes(range(256)) * 40, "model.onnx": b"y" * 5000}, tmp_path / "whole.tar.gz")
    whole = (tmp_path / "whole.tar.gz").read_bytes()
    for end in range(1, len(whole) - 1, 40):
        (tmp_path / "m.tar.gz").write_bytes(whole[:end])
        with pytest.raises(ArchiveError):
            unpack(tmp_path / "m.tar.gz", tmp_path / f"out{end}")


def test_a_missing_archive_is_named(tmp_path):
    with pytest.raises(ArchiveError, match=r"model\.tar\.gz is missing"):
        unpack(tmp_path / "model.tar.gz", tmp_path / "out")
