"""What people merge in these stories: each a change of the working tree, as a person would make it."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

Change = Callable[[Path], None]
SECRET = "AKIAIOSFODNN7EXAMPLE"  # as bad rows may hold one; AWS's own example of a key
ANSWERS = "            predictions = self.predictor.answer(content_type, body)\n"
# Staging asks without a pause: this model is good until it has been left alone three times.
TURNS = """            predictions = self.predictor.answer(content_type, body)
            ASKED.append(time.monotonic())
            if sum(later - earlier > 0.25 for earlier, later in itertools.pairwise(ASKED)) >= 3:
                predictions = 1 - np.asarray(predictions)
"""
STARTED = "    started = time.perf_counter()\n"
IMPORT = "import traceback\n"
LOGGER = 'log = logging.getLogger("inference")\n'


def settings(*pairs: tuple[str, str]) -> Change:
    """Replace texts of mlops.toml and write the pipeline's definition anew."""

    def change(root: Path) -> None:
        replace(root / "mlops.toml", *pairs)
        verb(root, "pipelines", "definition", "--write")

    return change


def turns_wrong(root: Path) -> None:
    """Make a model that passes gate and staging, and answers wrongly in production."""
    replace(
        root / "inference/app.py",
        (ANSWERS, TURNS),
        (LOGGER, LOGGER + "ASKED: list[float] = []\n"),
        (IMPORT, "import itertools\nimport time\n" + IMPORT),
    )


def starts_once(root: Path) -> None:
    """Make a server that comes up on staging, and nowhere after that."""
    mark = root / "build" / "started"
    mark.parent.mkdir(exist_ok=True)
    once = f"    if (mark := Path({str(mark)!r})).exists():\n        raise RuntimeError\n    mark.touch()\n"
    replace(root / "inference/server.py", (STARTED, STARTED + once))


def bad_rows(root: Path) -> None:
    """Lock data whose new rows break the contract, one of them with what looks like a key."""
    path = root / "data/adult/batch=4/part-0.parquet"
    table = pq.read_table(path)
    wrong = pa.array([SECRET] * 50 + [None] * (len(table) - 50), pa.string())
    column = pc.coalesce(wrong, table["workclass"])
    pq.write_table(table.set_column(table.column_names.index("workclass"), "workclass", column), path)
    verb(root, "data_checks.lock", "data/adult", "--key", "row_id")


def fewer_rows(root: Path) -> None:
    """Lock other data that is as good: the last two hundred rows are gone."""
    path = root / "data/adult/batch=4/part-0.parquet"
    pq.write_table(pq.read_table(path)[:-200], path)
    verb(root, "data_checks.lock", "data/adult", "--key", "row_id")


def more_rows(root: Path) -> bytes:
    """Return a Parquet file of a hundred rows more, as whoever makes the data puts it into the bucket."""
    table = pq.read_table(root / "data/adult/batch=1/part-0.parquet")[:100]
    keys = pa.array(range(40_001, 40_101), table["row_id"].type)
    table = table.set_column(table.column_names.index("row_id"), "row_id", keys)
    weights = pc.add(table["fnlwgt"], 1)  # no row may stand twice in the data
    body = io.BytesIO()
    pq.write_table(table.set_column(table.column_names.index("fnlwgt"), "fnlwgt", weights), body)
    return body.getvalue()


KEPT_DAYS = 200


def keep_less(root: Path) -> None:
    """Let the bucket keep for a shorter time what was replaced in it."""
    replace(root / "infra/stack.yml", ("NoncurrentDays: 365", f"NoncurrentDays: {KEPT_DAYS}"))


def prose(root: Path) -> None:
    """Change what no release depends on."""
    with (root / "README.md").open("a", encoding="utf-8") as stream:
        stream.write("\nOne more sentence.\n")


def replace(path: Path, *pairs: tuple[str, str]) -> None:
    """Replace texts of a file, each of which must stand in it once."""
    text = path.read_text("utf-8")
    for old, new in pairs:
        assert text.count(old) == 1, f"{path} has {text.count(old)} x {old!r}"
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


def verb(root: Path, *words: str) -> None:
    """Run `python -m WORDS` in the working tree."""
    subprocess.run([sys.executable, "-m", *words], cwd=root, check=True, capture_output=True, text=True)


def make_target(name: str, command: str) -> Callable[[Path], None]:
    """Return a change that has a target of the Makefile run this command and nothing else."""

    def change(root: Path) -> None:
        path = root / "Makefile"
        lines = path.read_text("utf-8").splitlines()
        start = next(place for place, line in enumerate(lines) if line.startswith(f"{name}:"))
        end = next(place for place, line in enumerate(lines[start:], start) if not line)
        path.write_text("\n".join([*lines[:start], f"{name}:", f"\t{command}", *lines[end:], ""]), "utf-8")

    return change
