"""Unpacking model data: nothing lands outside the folder, nothing fills the disk, on any Python."""

from __future__ import annotations

import io
import os
import stat
import tarfile

import pytest

from sagemaker_emulator.hosting import artifacts


def archive(*members):
    """Return a tar.gz of (name, changes of its TarInfo) with three bytes in every regular file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, changes in members:
            info = tarfile.TarInfo(name)
            for key, value in changes.items():
                setattr(info, key, value)
            info.size = 3 if info.isreg() else 0
            tar.addfile(info, io.BytesIO(b"abc"))
    packed.seek(0)
    return packed


@pytest.fixture(params=["with data_filter", "without"])
def python(request, monkeypatch):
    """Be a Python that has tarfile's filter, and one that lacks it, as Debian's 3.11.2."""
    if request.param == "without":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    return request.param


def test_files_and_folders_are_unpacked(python, tmp_path):
    artifacts.unpack(archive(("code", {"type": tarfile.DIRTYPE}), ("code/model", {})), tmp_path)
    assert (tmp_path / "code" / "model").read_bytes() == b"abc"


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("../outside", {}),
        ("a/../../outside", {}),
        ("link", {"type": tarfile.SYMTYPE, "linkname": "/etc"}),
        ("hard", {"type": tarfile.LNKTYPE, "linkname": "../outside"}),
        ("device", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}),
        ("pipe", {"type": tarfile.FIFOTYPE}),
    ],
)
def test_what_leads_outside_or_is_no_file_is_refused(python, tmp_path, name, changes):
    folder = tmp_path / "model"
    with pytest.raises(tarfile.TarError):
        artifacts.unpack(archive((name, changes)), folder)
    assert os.listdir(tmp_path) in ([], ["model"]) and not list(folder.glob("*"))


def test_an_absolute_name_lands_nowhere_outside(python, tmp_path):
    outside = tmp_path / "outside"
    try:
        artifacts.unpack(archive((str(outside), {})), tmp_path / "model")
    except tarfile.TarError:
        assert python == "without"
    assert not outside.exists()


def test_no_file_is_set_uid_or_writable_by_others(python, tmp_path):
    artifacts.unpack(archive(("model", {"mode": 0o6777})), tmp_path)
    assert stat.S_IMODE((tmp_path / "model").stat().st_mode) == 0o755


def test_an_archive_of_too_many_bytes_is_refused_before_they_are_written(python, tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "MOST_BYTES", 5)
    with pytest.raises(artifacts.ArchiveTooLarge):
        artifacts.unpack(archive(("one", {}), ("two", {})), tmp_path)
    assert os.listdir(tmp_path) == ["one"]


def test_an_archive_of_too_many_members_is_refused(python, tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "MOST_MEMBERS", 1)
    with pytest.raises(artifacts.ArchiveTooLarge):
        artifacts.unpack(archive(("one", {}), ("two", {})), tmp_path)
