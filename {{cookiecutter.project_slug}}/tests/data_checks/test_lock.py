"""data.lock: written in one form, read strictly, held against the bytes."""

import json

import pytest

from data_checks import lock
from data_checks.lock import LockError
from tests.data_checks.makers import ROWS


@pytest.fixture
def folder(world):
    """Return a folder of two Parquet files."""
    world.write("DELETE FROM t WHERE id >= 100", name="batch=1/part-0.parquet")
    world.write("DELETE FROM t WHERE id < 100", name="batch=2/part-0.parquet")
    return world.data


@pytest.fixture
def written(folder, tmp_path, monkeypatch):
    """Return the path of a lock that the command wrote."""
    monkeypatch.chdir(folder.parent)
    assert lock.main([folder.name, "--key", "id", "--lock", str(tmp_path / "data.lock")]) == 0
    return tmp_path / "data.lock"


def test_the_command_locks_every_file_with_rows_schema_and_hash(written, folder):
    content = json.loads(written.read_text())
    assert (content["schema_version"], content["prefix"], content["key"]) == (1, "data", "id")
    assert content["rows"] == ROWS
    assert content["schema"][:2] == [{"name": "id", "type": "integer"}, {"name": "age", "type": "integer"}]
    assert [file["key"] for file in content["files"]] == ["batch=1/part-0.parquet", "batch=2/part-0.parquet"]
    assert [file["rows"] for file in content["files"]] == [100, 200]
    assert content["files"][0]["size"] == (folder / "batch=1/part-0.parquet").stat().st_size


def test_a_lock_survives_reading_and_writing_byte_for_byte(written, tmp_path):
    lock.write(lock.read(written), tmp_path / "again.lock")
    assert (tmp_path / "again.lock").read_bytes() == written.read_bytes()


def test_the_locked_files_are_these_files(written, folder):
    assert list(lock.problems(lock.read(written), folder)) == []


def test_versions_on_s3_are_kept_while_the_bytes_are_the_same(written, folder, world):
    content = json.loads(written.read_text())
    for file in content["files"]:
        file["version_id"] = "v1"
    written.write_text(json.dumps(content))
    world.write("DELETE FROM t WHERE id <> 5", name="batch=2/part-0.parquet")
    assert lock.main([folder.name, "--key", "id", "--lock", str(written)]) == 0
    assert [file.version_id for file in lock.read(written).files] == ["v1", None]


@pytest.mark.parametrize(
    "key", ["../secret.parquet", "/etc/passwd", "a/../../b", "a/./b", "a//b", "", ".", "a\\b", "a\nb", "a/"]
)
def test_a_key_that_leads_elsewhere_is_refused(written, key):
    content = json.loads(written.read_text())
    content["files"][0]["key"] = key
    written.write_text(json.dumps(content))
    with pytest.raises(LockError, match=r"data\.lock: key .* is not"):
        lock.read(written)


def test_a_link_that_leads_out_of_the_folder_is_refused(written, folder, tmp_path):
    outside = tmp_path / "outside.parquet"
    inside = folder / "batch=1" / "part-0.parquet"
    inside.rename(outside)
    inside.symlink_to(outside)
    assert list(lock.problems(lock.read(written), folder)) == [
        ("batch=1/part-0.parquet", "leads out of the data folder")
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"schema_version": 2}, "schema_version is not 1", id="another version"),
        pytest.param({"files": []}, "files is empty", id="no files"),
        pytest.param(
            {"files": [{"key": "a"}]}, "an entry is missing or of the wrong kind: 'size'", id="no size"
        ),
        pytest.param({"files": None}, "an entry is missing or of the wrong kind", id="files is null"),
        pytest.param({"rows": "many"}, "an entry is missing or of the wrong kind", id="rows is text"),
    ],
)
def test_a_lock_of_another_form_is_refused(written, change, words):
    written.write_text(json.dumps(json.loads(written.read_text()) | change))
    with pytest.raises(LockError, match=words):
        lock.read(written)


def test_a_hash_of_another_form_is_refused(written):
    written.write_text(written.read_text().replace('"sha256": "', '"sha256": "XY'))
    with pytest.raises(LockError, match="is not 64 lower-case hex digits"):
        lock.read(written)


def test_a_key_named_twice_is_refused(written):
    written.write_text(written.read_text().replace("batch=2", "batch=1"))
    with pytest.raises(LockError, match="names a key twice"):
        lock.read(written)


@pytest.mark.parametrize("content", [b"", b"rows = 3", b"[1]", b"\xff\xfe"])
def test_what_is_no_lock_is_refused(tmp_path, content):
    (tmp_path / "data.lock").write_bytes(content)
    with pytest.raises(LockError, match=r"data\.lock(: schema_version is not 1| cannot be read as JSON)"):
        lock.read(tmp_path / "data.lock")


def test_a_damaged_lock_is_mended_by_the_command_that_each_message_gives(written, folder, capsys):
    whole = written.read_bytes()
    written.write_text("<<<<<<< HEAD\n" + written.read_text())
    assert lock.main([folder.name, "--key", "id", "--lock", str(written)]) == 0
    assert "object versions are not kept" in capsys.readouterr().err
    assert written.read_bytes() == whole


def test_a_lock_that_cannot_be_written_whole_leaves_the_one_that_is_there(written, folder, monkeypatch):
    before = written.read_bytes()

    def full(path, text, **_):
        path.write_bytes(text[:9].encode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(OSError, match="No space"):
        lock.main([folder.name, "--key", "id", "--lock", str(written)])
    assert written.read_bytes() == before


def test_columns_that_went_or_came_are_named_when_a_lock_is_replaced(written, folder, world, capsys):
    capsys.readouterr()
    for part, rows in (("batch=1", ">="), ("batch=2", "<")):
        changes = (
            f"DELETE FROM t WHERE id {rows} 100",
            "ALTER TABLE t DROP age",
            'ALTER TABLE t ADD "\x1b" INT',
        )
        world.write(*changes, name=f"{part}/part-0.parquet")
    for told in (["columns gone: age", "columns new: \\x1b"], []):
        assert lock.main([folder.name, "--key", "id", "--lock", str(written)]) == 0
        assert capsys.readouterr().out.splitlines()[1:] == told


def test_tables_that_are_not_parquet_are_named_with_what_reads_them(written, folder, capsys):
    for name in ("b.csv", "a x.csv.gz", "c.xlsx", "d.JSONL", "README.md", ".hidden.csv", "~$c.xlsx", "e.txt"):
        (folder / name).write_text("id\n1\n")
    capsys.readouterr()
    assert lock.main([folder.name, "--key", "id", "--lock", str(written)]) == 0
    said, unread = capsys.readouterr().out.splitlines()
    assert said.endswith("2 files, 300 rows, 6 columns")
    add = "python -m pipelines data add 'data/a x.csv.gz' data/b.csv data/c.xlsx"
    assert unread == f"a x.csv.gz, b.csv, c.xlsx and 1 more are not Parquet and were not read: {add}"


def test_one_table_that_is_not_parquet_is_named_as_a_terminal_bears_it(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(folder.parent)
    (folder / "\x1b[2Jx.csv").write_text("id\n1\n")
    assert lock.main([folder.name, "--key", "id", "--lock", str(tmp_path / "data.lock")]) == 0
    unread = capsys.readouterr().out.splitlines()[1]
    assert unread.startswith("\\x1b[2Jx.csv is not Parquet and was not read: python -m pipelines data add ")
    assert "\x1b" not in unread


def test_a_locked_folder_with_only_a_csv_is_told_of_data_add_first(written, folder, capsys):
    for path in folder.rglob("*.parquet"):
        path.unlink()
    (folder / "people.csv").write_text("id\n1\n")
    assert lock.main([folder.name, "--key", "id", "--lock", str(written)]) == 1
    told = capsys.readouterr().err
    assert "data holds no Parquet files but 'people.csv': no other format is read" in told
    assert "python -m pipelines data add data/people.csv writes them in the suite's; DuckDB" in told


class TestTheCommandRefuses:
    """Nothing is locked that a release would refuse a minute later."""

    def test_files_that_disagree(self, world, capsys, tmp_path):
        world.write(name="a.parquet")
        world.write("ALTER TABLE t ALTER age TYPE VARCHAR", name="b.parquet")
        told = "b.parquet and a.parquet disagree on 1 column: age (string, integer)\n"
        assert told in self.refusal(world, capsys, tmp_path)

    def test_files_of_which_one_lacks_a_column(self, world, capsys, tmp_path):
        world.write(name="a.parquet")
        world.write("ALTER TABLE t DROP age", name="b.parquet")
        told = "b.parquet and a.parquet disagree on 1 column: age (not there, integer)\n"
        assert told in self.refusal(world, capsys, tmp_path)

    def test_names_that_move_a_cursor_and_are_many(self, world, capsys, tmp_path):
        world.write(name="a.parquet")
        evil = [f'ALTER TABLE t ADD "\x1b[2J{number}" INTEGER' for number in range(50)]
        world.write(*evil, name="b.parquet")
        told = self.refusal(world, capsys, tmp_path)
        assert (
            "disagree on 50 columns: \\x1b[2J0 (integer, not there), \\x1b[2J1 (integer, not there), " in told
        )
        assert "\x1b" not in told

    def test_a_file_that_is_not_whole(self, world, capsys, tmp_path):
        path = world.write(name="a.parquet")
        path.write_bytes(path.read_bytes()[:-8])
        assert "a.parquet is not a whole Parquet file" in self.refusal(world, capsys, tmp_path)

    def test_a_key_that_is_no_column(self, world, capsys, tmp_path):
        world.write()
        assert "have no column 'nope', the key" in self.refusal(world, capsys, tmp_path, "nope")

    @staticmethod
    def refusal(world, capsys, tmp_path, key="id"):
        target = tmp_path / "new.lock"
        assert lock.main([str(world.data), "--key", key, "--lock", str(target)]) == 1
        assert not target.exists()
        return capsys.readouterr().err
