"""New data in the bucket: what counts as new, what of it is brought into git, and that no value is told."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from doubles.aws import Bucket, error, make_aws, make_run
from doubles.project import ROOT as PROJECT
from sagemaker_gitops import arrivals, data, errors, fetching, newdata
from sagemaker_gitops.arrivals import Difference
from sagemaker_gitops.data import Lock, LockedFile
from sagemaker_gitops.errors import DataRefused
from sagemaker_gitops.story import Step

LOCK = Lock("data/adult", "row_id", 3, (LockedFile("a.parquet", 9, "aa" * 32, "v1"),), b"")


def parquet(rows: list[int], column: str = "row_id") -> bytes:
    body = io.BytesIO()
    pq.write_table(pa.table({column: rows, "name": [f"secret {row}" for row in rows]}), body)
    return body.getvalue()


@pytest.mark.parametrize(
    ("there", "mine", "same", "wanted"),
    [
        ({"a.parquet": 9}, set(), True, Difference()),
        ({"a.parquet": 9, "b.parquet": 4}, set(), True, Difference(added=("b.parquet",))),
        ({"a.parquet": 8}, set(), True, Difference(changed=("a.parquet",))),
        ({"a.parquet": 9}, set(), False, Difference(changed=("a.parquet",))),
        ({"b.parquet": 4}, set(), True, Difference(added=("b.parquet",), removed=("a.parquet",))),
        ({"b.parquet": 4}, {"a.parquet"}, True, Difference(added=("b.parquet",))),  # not pushed yet
        ({"a.parquet": 8}, {"a.parquet"}, False, Difference(held=("a.parquet",))),  # a release pushes git's
        ({"a.parquet": 9}, {"a.parquet"}, True, Difference()),
    ],
)
def test_what_differs_from_the_lock_and_is_not_gits_own_is_new(there, mine, same, wanted):
    assert arrivals.compare(LOCK, there, mine, lambda _: same) == wanted


def test_an_object_is_the_locked_file_by_its_version_too_where_somebody_else_uploaded_it():
    bucket = Bucket({"data/adult/a.parquet": b"123456789"})
    assert data.holds(make_aws(s3=bucket), "bucket", LOCK, LOCK.files[0])
    other = LockedFile("a.parquet", 9, "aa" * 32, "v0")
    unversioned = LockedFile("a.parquet", 9, "aa" * 32)
    assert not data.holds(make_aws(s3=bucket), "bucket", LOCK, other)
    assert not data.holds(make_aws(s3=bucket), "bucket", LOCK, unversioned)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Return a project with one locked file that lies in the bucket only, and that bucket."""
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    folder = tmp_path / "data/adult"
    folder.mkdir(parents=True)
    (folder / "a.parquet").write_bytes(parquet([1, 2]))
    lock = [sys.executable, "-m", "data_checks.lock", "data/adult", "--key", "row_id"]
    subprocess.run(lock, cwd=tmp_path, check=True, capture_output=True)
    bucket = Bucket({"data/adult/a.parquet": (folder / "a.parquet").read_bytes()})
    (folder / "a.parquet").unlink()
    told = json.loads((tmp_path / "data.lock").read_text())
    told["files"][0]["version_id"] = "v1"
    (tmp_path / "data.lock").write_text(json.dumps(told, indent=2) + "\n")
    bucket.answers["download_file"] = lambda Bucket, Key, Filename: Path(Filename).write_bytes(
        bucket.objects[Key]
    )
    bucket.answers["list_objects_v2"] = lambda **_: {
        "Contents": [{"Key": key, "Size": len(body)} for key, body in bucket.objects.items()]
    }
    return tmp_path, bucket


def bring(root: Path, bucket: Bucket):
    aws, lock = make_aws(s3=bucket), data.read_lock(root / "data.lock")
    difference = arrivals.look(aws, "bucket", lock, root)
    return (
        lock,
        difference,
        fetching.bring(aws, "bucket", lock, root, root / "data.lock", difference, Step("data")),
    )


def test_new_rows_move_the_lock_and_the_pull_request_tells_counts_and_no_value(tree):
    root, bucket = tree
    bucket.objects["data/adult/b.parquet"] = parquet([3, 4, 5])
    before, difference, after = bring(root, bucket)
    assert (before.rows, after.rows) == (2, 5)
    assert [file.version_id for file in after.files] == ["v1", "v1"]
    text = newdata.told(before, after, difference)
    assert "| rows | 2 | 5 |" in text
    assert "secret" not in text


def test_the_locked_version_is_the_one_whose_bytes_were_fetched(tree):
    root, bucket = tree
    bucket.objects["data/adult/b.parquet"] = parquet([3])
    download, head = bucket.answers["download_file"], bucket.answers["head_object"]
    versions: dict[str, str] = {}

    def replaced_meanwhile(Bucket: str, Key: str, Filename: str) -> None:
        download(Bucket=Bucket, Key=Key, Filename=Filename)
        if Key.endswith("b.parquet") and Key not in versions:
            bucket.objects[Key], versions[Key] = parquet([7, 8, 9]), "v2"

    bucket.answers["download_file"] = replaced_meanwhile
    bucket.answers["head_object"] = lambda **at: head(**at) | {"VersionId": versions.get(at["Key"], "v1")}
    lock = bring(root, bucket)[2]
    assert [(file.key, file.version_id) for file in lock.files] == [("a.parquet", "v1"), ("b.parquet", "v2")]
    assert lock.rows == 5


def test_what_the_bucket_has_no_more_goes_from_here_and_nothing_advises_to_lock_it_again(tree, make_settings):
    root, bucket = tree
    bucket.objects["data/adult/b.parquet"] = parquet([3])
    proposed(root, bucket, make_settings)
    del bucket.objects["data/adult/b.parquet"]
    proposed(root, bucket, make_settings)
    assert files(root) == {"data.lock", "data/adult/a.parquet"}
    run = make_run(make_settings(), s3=bucket)
    data.check(data.read_lock(root / "data.lock"), root, run.story)
    assert run.story.steps == []  # it warns of nothing


def test_where_nothing_is_new_there_is_nothing_to_propose(tree):
    root, bucket = tree
    assert not arrivals.look(make_aws(s3=bucket), "bucket", data.read_lock(root / "data.lock"), root)


def test_files_that_make_no_table_are_refused_and_the_lock_stays(tree):
    root, bucket = tree
    bucket.objects["data/adult/b.parquet"] = parquet([3], column="another")
    before = (root / "data.lock").read_bytes()
    with pytest.raises(DataRefused, match="cannot be locked"):
        bring(root, bucket)
    assert (root / "data.lock").read_bytes() == before


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() or path.is_symlink()}


@pytest.mark.parametrize(
    "broken", [b"no Parquet", parquet([3], column="another")], ids=["no Parquet", "another column"]
)
def test_a_refusal_names_the_object_leaves_nothing_here_and_clears_with_the_bucket(tree, broken):
    root, bucket = tree
    bucket.objects["data/adult/b.parquet"] = broken
    before = files(root)
    with pytest.raises(DataRefused) as refused:
        bring(root, bucket)
    assert refused.value.where == "s3://bucket/data/adult/b.parquet"
    assert str(root) not in refused.value.why
    assert files(root) == before
    bucket.objects["data/adult/b.parquet"] = parquet([3])
    assert bring(root, bucket)[2].rows == 3
    assert files(root) == before | {"data/adult/a.parquet", "data/adult/b.parquet"}


def test_what_lies_in_the_tree_unlocked_is_not_locked_and_bytes_that_would_come_are_no_obstacle(tree):
    root, bucket = tree
    (root / "data/adult/b.parquet").write_bytes(parquet([3]))
    (root / "data/adult/c.parquet").write_bytes(b"gone from the bucket")
    bucket.objects["data/adult/b.parquet"] = parquet([3])
    assert [file.key for file in bring(root, bucket)[2].files] == ["a.parquet", "b.parquet"]


def refused(root: Path, bucket: Bucket) -> DataRefused:
    """Return the refusal of what is new, which changes nothing here."""
    before = {name: (root / name).read_bytes() for name in files(root)}
    with pytest.raises(DataRefused, match="E201") as told:
        bring(root, bucket)
    assert {name: (root / name).read_bytes() for name in files(root)} == before
    return told.value


@pytest.mark.parametrize("key", ["/x.parquet", "../other/x.parquet", "./x.parquet", "a//x.parquet"])
def test_a_key_that_leads_out_of_the_tree_is_refused_by_its_address(tree, key):
    root, bucket = tree
    bucket.objects[f"data/adult/{key}"] = parquet([3])
    assert refused(root, bucket).where == f"s3://bucket/data/adult/{key}"
    assert "download_file" not in bucket.operations()


def test_a_file_of_the_users_own_is_not_written_over(tree):
    root, bucket = tree
    bucket.objects["data/adult/b.parquet"] = parquet([3])
    (root / "data/adult/b.parquet").write_bytes(parquet([7, 8]))
    assert refused(root, bucket).where == str(root / "data/adult/b.parquet")


@pytest.mark.parametrize("there", [None, [4, 5, 6]], ids=["gone from the bucket", "replaced in the bucket"])
def test_a_locked_file_that_was_edited_here_is_neither_removed_nor_written_over(tree, make_settings, there):
    root, bucket = tree
    bucket.objects["data/adult/b.parquet"] = parquet([3])
    proposed(root, bucket, make_settings)
    (root / "data/adult/b.parquet").write_bytes(parquet([7, 8]))
    del bucket.objects["data/adult/b.parquet"]
    bucket.objects |= {"data/adult/b.parquet": parquet(there)} if there else {}
    assert refused(root, bucket).where == str(root / "data/adult/b.parquet")


def test_where_data_lies_on_another_file_system_the_files_come_all_the_same(tree, monkeypatch):
    root, bucket = tree
    bucket.objects["data/adult/b.parquet"] = parquet([3])

    def crossing(real):
        def move(source, target, *more, **named):
            if "build" in Path(source).parts and "build" not in Path(target).parts:
                raise OSError(errno.EXDEV, "Invalid cross-device link", str(source))
            return real(source, target, *more, **named)

        return move

    monkeypatch.setattr(Path, "replace", crossing(Path.replace))
    monkeypatch.setattr(os, "rename", crossing(os.rename))
    bring(root, bucket)
    assert files(root) == {"data.lock", "data/adult/a.parquet", "data/adult/b.parquet"}


def test_where_nothing_is_new_the_locked_files_that_are_not_here_come(tree, make_settings):
    root, bucket = tree
    told = proposed(root, bucket, make_settings)
    assert "data.lock is as the bucket is; 1 locked files were not here: fetched" in told
    assert files(root) == {"data.lock", "data/adult/a.parquet"}
    assert "fetched" not in proposed(root, bucket, make_settings)


def test_a_lock_in_a_folder_of_its_own_names_files_below_the_root(tree, make_settings):
    root, bucket = tree
    (root / "locks").mkdir()
    (root / "data.lock").rename(root / "locks/data.lock")
    bucket.objects["data/adult/b.parquet"] = parquet([3])
    run = make_run(make_settings(**{"data.lock": "locks/data.lock"}), s3=bucket)
    newdata.propose(run, root, {})
    assert files(root) == {"locks/data.lock", "data/adult/a.parquet", "data/adult/b.parquet"}


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(root), *words], check=True)


def proposed(root: Path, bucket: Bucket, make_settings) -> str:
    """Return all that `data propose` prints."""
    said: list[str] = []
    run = make_run(make_settings(), s3=bucket)
    run.story.say = said.append
    return "\n".join([newdata.propose(run, root, {}), *said])


def test_it_says_which_locked_files_an_empty_bucket_lacks(tree, make_settings):
    root, bucket = tree
    body = bucket.objects.pop("data/adult/a.parquet")
    text = proposed(root, bucket, make_settings)
    assert "has nothing new, and 1 of the 1 locked files not yet; 1 of them are not here either" in text
    (root / "data/adult/a.parquet").write_bytes(body)
    assert proposed(root, bucket, make_settings).endswith("not yet: a release uploads them")


def test_it_says_that_the_new_files_are_no_part_of_the_commit(tree, make_settings):
    root, bucket = tree
    bucket.objects["data/adult/b.parquet"] = parquet([3])
    text = proposed(root, bucket, make_settings)
    assert "commit it and nothing else" in text
    assert "their place is the bucket" in text


def test_a_fetched_file_that_its_producer_has_replaced_is_new(tree, make_settings):
    root, bucket = tree
    git(root, "init", "--quiet")
    bucket.objects["data/adult/b.parquet"] = parquet([3])
    proposed(root, bucket, make_settings)
    git(root, "add", "data.lock")  # and nothing else, as the README says
    bucket.objects["data/adult/b.parquet"] = parquet([4, 5, 6])
    assert "data.lock has moved" in proposed(root, bucket, make_settings)
    assert data.read_lock(root / "data.lock").rows == 5
    assert "data.lock is as the bucket is" in proposed(root, bucket, make_settings)


@pytest.mark.parametrize("new", [[], [9]], ids=["nothing else is new", "beside what is new"])
def test_where_git_holds_a_file_and_the_bucket_another_it_says_which_one_stays(tree, make_settings, new):
    root, bucket = tree
    (root / "data/adult/a.parquet").write_bytes(bucket.objects["data/adult/a.parquet"])
    git(root, "init", "--quiet")
    git(root, "add", "data")
    told = (root / "data.lock").read_text()
    (root / "data.lock").write_text(told.replace('"v1"', '"v0"'))
    bucket.objects["data/adult/a.parquet"] = parquet([8, 9])  # as many bytes
    bucket.objects |= {f"data/adult/{n}.parquet": parquet([n]) for n in new}
    text = proposed(root, bucket, make_settings)
    assert "git holds a.parquet, the bucket has other bytes: a release overwrites them" in text
    assert "as the bucket is" not in text
    lock = data.read_lock(root / "data.lock")
    assert lock.rows == 2 + len(new)
    assert data.missing(make_aws(s3=bucket), "bucket", lock) == ["a.parquet"]  # or nothing would overwrite it


def test_what_was_locked_here_and_never_came_from_the_bucket_stays(tree, make_settings):
    root, bucket = tree
    (root / "data/adult/c.parquet").write_bytes(parquet([7]))
    (root / "data/adult/a.parquet").write_bytes(bucket.objects["data/adult/a.parquet"])
    lock = [sys.executable, "-m", "data_checks.lock", "data/adult", "--key", "row_id"]
    subprocess.run(lock, cwd=root, check=True, capture_output=True)
    bucket.objects["data/adult/b.parquet"] = parquet([3])
    proposed(root, bucket, make_settings)
    kept = [file.key for file in data.read_lock(root / "data.lock").files]
    assert kept == ["a.parquet", "b.parquet", "c.parquet"]


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("changes", range(1, 8))
def test_wherever_it_is_killed_no_file_here_is_another_than_locked_and_repeating_ends_it(
    tree, make_settings, monkeypatch, changes
):
    root, bucket = tree
    git(root, "init", "--quiet")
    bucket.objects |= {"data/adult/b.parquet": parquet([3]), "data/adult/d.parquet": parquet([7])}
    proposed(root, bucket, make_settings)
    bucket.objects |= {"data/adult/b.parquet": parquet([4, 5]), "data/adult/c.parquet": parquet([6])}
    del bucket.objects["data/adult/d.parquet"]
    left = [changes]

    def dying(real):
        def change(path: Path, *words, **more):
            if not path.is_relative_to(root) or "build" in Path(*words[:1] or (path,)).parts:
                return real(path, *words, **more)
            left[0] -= 1
            if not left[0]:
                raise Killed
            return real(path, *words, **more)

        return change

    with monkeypatch.context() as patched, suppress(Killed):
        patched.setattr(Path, "replace", dying(Path.replace))
        patched.setattr(Path, "unlink", dying(Path.unlink))
        proposed(root, bucket, make_settings)
    run = make_run(make_settings(), s3=bucket)
    data.check(data.read_lock(root / "data.lock"), root, run.story)
    proposed(root, bucket, make_settings)
    lock = data.read_lock(root / "data.lock")
    assert (lock.rows, data.missing(run.aws, "bucket", lock)) == (5, [])
    assert "data/adult/d.parquet" not in files(root)
    data.check(lock, root, run.story)


def test_a_lock_that_moves_meanwhile_is_not_written_over(tree, monkeypatch):
    root, bucket = tree
    bucket.objects["data/adult/b.parquet"] = parquet([3])
    real, path = fetching.unlocked, root / "data.lock"

    def meanwhile(*words):
        path.write_text(path.read_text() + "\n")
        return real(*words)

    monkeypatch.setattr(fetching, "unlocked", meanwhile)
    lock = data.read_lock(path)
    with pytest.raises(DataRefused, match="E201") as refused:
        fetching.bring(
            make_aws(s3=bucket), "bucket", lock, root, path, Difference(added=("b.parquet",)), Step("data")
        )
    assert "data.lock has changed" in refused.value.what
    assert path.read_bytes() == lock.text + b"\n"
    assert not (root / "data/adult/b.parquet").exists()


def test_an_object_that_nobody_may_fetch_is_named(tree):
    root, bucket = tree
    bucket.objects["data/adult/b.parquet"] = parquet([3])
    bucket.answers["download_file"] = error("403", "Forbidden", "HeadObject")
    with pytest.raises(ClientError) as refused:
        bring(root, bucket)
    told = errors.translate(refused.value)
    assert told is not None
    assert told.why.startswith("s3://bucket/data/adult/a.parquet takes s3:GetObject")
