"""Time the data checks against one hand-written scan that answers the same questions, in the same run.

In:   --rows, one size or several, and --repeat; 31 columns: a key, 24 numbers, 5 categories, a label
Out:  Markdown: CPU seconds, wall seconds, peak memory, the CPU seconds over those by hand; --json: as JSON
Run:  .venv/bin/python benchmarks/data_checks.py --rows 1000000 10000000 50000000

`by hand` is one scan, and a second one for distinct keys: as one query, they cost more CPU and memory.
`data checks` is the engine that asks Great Expectations' questions, the same ones. `whole validation` is all
of the validation job: files against data.lock (sha256), the same checks, every feature against the label
(E211) and against the champion (E212), and the three splits written and checked. The scan does none of that.

All run in processes of their own on the same Parquet files, turn by turn, and all must accept them. `judged`
is the time from the open files to the verdict; `process` adds start and imports. More rows than LARGEST are
some of them, read several times with keys moved on: what the disk does is then not measured, and no whole
validation, which takes no file twice.
"""

# ruff: noqa: S608  (SQL from the names below; a benchmark talks to a person)

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data_checks.contract import Column, Expectation

ROOT = Path(__file__).parents[1]
INNER = ROOT / ("{" * 2 + "cookiecutter.project_slug" + "}" * 2)
PARTS = 4
LARGEST = 10_000_000  # rows on disk: 1.2 GB
NUMBERS = [f"n{i}" for i in range(24)]
SETS = {"c0": 3, "c1": 8, "c2": 20, "c3": 50, "c4": 5}  # category -> how many values
LABEL = ("no", "yes")
KNOWN = 100_000  # rows that the champion was trained with
sys.path.insert(0, str(INNER))


def main() -> None:
    """Generate the files once, then measure both sides in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keep the generated files here, or use what lies here")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--side", choices=tuple(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--times", type=int, default=1, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        measure(args.side, args.folder, args.rows[0], args.times)
        return
    with tempfile.TemporaryDirectory(prefix="data-checks-") as scratch:
        found = []
        for rows in args.rows:
            found.append(compared(args.folder or Path(scratch), rows, args.repeat))
            tell(found[-1], args.repeat, first=len(found) == 1)
    print(NOTES)
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n")


def compared(folder: Path, rows: int, repeat: int) -> dict[str, Any]:
    """Return what the sides cost on one size of data, in medians. Raises SystemExit where one refused it."""
    times = -(-rows // LARGEST)
    own = folder / str(rows // times)
    if not own.exists():
        generate(own / "input" / "data", rows // times)
        lay_out(own / "input")
    sides = [side for side in SIDES if times == 1 or side != WHOLE]
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for _ in range(repeat):
        for side in sides:
            runs[side].append(child(side, own, rows // times, times))
    if not all(run["accepted"] for side in runs.values() for run in side):
        raise SystemExit("a side refused the generated data: nothing to compare")
    medians = {
        side: {name: statistics.median(run[name] for run in results) for name in FIGURES}
        for side, results in runs.items()
    }
    return {"rows": rows // times * times, "medians": medians}


def generate(folder: Path, rows: int) -> None:
    """Write the table in parts: normal and skewed numbers, categories of several sizes, a label of 20 %."""
    import duckdb

    numbers = ", ".join(
        f"{'exp' if n % 3 == 0 else ''}(sqrt(-2 * ln(1 - random())) * cos(6.283185307 * random())) AS {name}"
        for n, name in enumerate(NUMBERS)
    )
    sets = ", ".join(f"'v' || floor(random() * {size})::INT AS {name}" for name, size in SETS.items())
    for part in range(PARTS):
        first, last = rows * part // PARTS, rows * (part + 1) // PARTS
        path = folder / f"part={part}" / "data.parquet"
        path.parent.mkdir(parents=True)
        with duckdb.connect() as connection:
            connection.execute(f"SET threads = 1; SELECT setseed({part / PARTS})")
            connection.execute(
                f"COPY (SELECT i AS id, {numbers}, {sets}, if(random() < 0.2, 'yes', 'no') AS label "
                f"FROM range({first}, {last}) AS r(i)) TO '{path}' (FORMAT parquet, COMPRESSION snappy)"
            )


def lay_out(given: Path) -> None:
    """Lay lock and champion beside the data, as a release does for the job; the champion knew other rows."""
    import duckdb
    from data_checks import lock
    from inference.contract import Contract
    from training.archive import pack
    from training.features import learn_features

    (given / "lock").mkdir()
    lock.main([str(given / "data"), "--key", "id", "--lock", str(given / "lock" / "data.lock")])
    with duckdb.connect() as connection:
        table = connection.from_parquet(str(given / "data" / "*" / "*.parquet"))
        features = learn_features(table.limit(KNOWN).to_arrow_table(), columns()[1:-1], max_categories=100)
    (given / "champion").mkdir()
    (given / "champion" / "champion.json").write_text(json.dumps({"package": "arn:1", "release_id": "r1"}))
    document = Contract("binary", "label", LABEL, features, release_id="r1").document()
    pack(
        {"model.json": json.dumps(document).encode(), "model.onnx": b""}, given / "champion" / "model.tar.gz"
    )


def child(side: str, folder: Path, rows: int, times: int) -> dict[str, Any]:
    """Return what one side measured, in a process of its own. Raises SystemExit where that failed."""
    command = [sys.executable, __file__, "--side", side, "--folder", str(folder)]
    command += ["--rows", str(rows), "--times", str(times)]
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{side} of {rows * times:,} rows ended with {done.returncode}")
    return {**json.loads(done.stdout.splitlines()[-1]), "process_wall": time.perf_counter() - start}


def measure(side: str, folder: Path, rows: int, times: int) -> None:
    """Print, as JSON, what one side cost."""
    judged = SIDES[side](folder, rows, times)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    judged["process_cpu"] = usage.ru_utime + usage.ru_stime
    judged["peak_mb"] = usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
    print(json.dumps(judged))


def again(once: str, rows: int, times: int) -> str:
    """Return a query that reads `once` several times, each time with the next keys."""
    moved = (f"SELECT * REPLACE (id + {rows * turn} AS id) FROM {once}" for turn in range(times))
    return " UNION ALL ".join(moved)


def columns() -> tuple[Column, ...]:
    """Return what a suite would declare."""
    from data_checks.contract import Column

    return (
        Column("id", "integer"),
        *(Column(name, "number", minimum=-50, maximum=1_000_000) for name in NUMBERS),
        *(Column(n, "string", values=tuple(f"v{i}" for i in range(size))) for n, size in SETS.items()),
        Column("label", "string", values=LABEL),
    )


def expectations() -> tuple[Expectation, ...]:
    """Return what a suite would expect of these rows."""
    from data_checks.contract import expect, label_balance, no_rows_where

    quantiles = {"quantiles": [0.05, 0.5, 0.95], "value_ranges": [[-5, 5], [-5, 5], [-5, 10]]}
    return (
        expect("expect_table_row_count_to_be_between", min_value=1),
        *(expect("expect_column_mean_to_be_between", n, min_value=-5, max_value=5) for n in NUMBERS[:6]),
        *(expect("expect_column_stdev_to_be_between", n, min_value=0, max_value=9) for n in NUMBERS[:2]),
        *(
            expect("expect_column_quantile_values_to_be_between", n, quantile_ranges=quantiles)
            for n in NUMBERS[:3]
        ),
        expect("expect_column_values_to_match_regex", "c0", regex="^v[0-9]$"),
        expect("expect_column_values_to_match_regex", "c1", regex="^v[0-9]$"),
        no_rows_where("two far values", "n1 > 100 AND n2 > 100"),
        label_balance(0.1),
    )


def checks(folder: Path, rows: int, times: int) -> dict[str, Any]:
    """Judge with the project's own engine, as the validation job does."""
    from data_checks import engine, files, gx_import, rules

    paths = sorted(folder.glob("input/data/**/*.parquet"))
    wanted = rules.expand(columns(), expectations(), "id", "label", "binary")
    gx_import.great_expectations()
    keyed = {str(path.relative_to(paths[0].parents[1])): path for path in paths}
    with tempfile.TemporaryDirectory() as scratch, files.open_view(keyed, columns(), Path(scratch)) as data:
        if times > 1:
            data.execute(f"ALTER VIEW {files.VIEW} RENAME TO once")
            data.execute(f"CREATE VIEW {files.VIEW} AS {again('once', rows, times)}")
        began = clock()
        outcomes = engine.judge(data, wanted, "id", "label")
        return cost(began, all(outcome.success for outcome in outcomes))


def whole_validation(folder: Path, rows: int, times: int) -> dict[str, Any]:
    """Do all that the validation job does, with the rules that every suite is shipped with."""
    from data_checks import gx_import, split, validate
    from data_checks.contract import no_drift, no_row_in_two_splits, no_target_leakage

    every = (*expectations(), no_row_in_two_splits(0.005), no_target_leakage(0.95), no_drift(1.0))
    splitter = split.Splitter.parse("id", "0.7,0.15,0.15", "")
    gx_import.great_expectations()
    began = clock()
    report = validate.run(validate.Job(folder, "id", "label", "binary", splitter, columns(), every))
    return cost(began, report.accepted)


def one_scan(folder: Path, rows: int, times: int) -> dict[str, Any]:
    """Answer the same questions by hand, distinct counts and quantiles exact."""
    import duckdb

    listed = ", ".join(f"'{path}'" for path in sorted(folder.glob("input/data/**/*.parquet")))
    wrong = [f"count(*) FILTER ({name} IS NULL)" for name in ["id", *NUMBERS, *SETS, "label"]]
    wrong += [f"count(*) FILTER (NOT {name} BETWEEN -50 AND 1000000)" for name in NUMBERS]
    for name, size in SETS.items():
        values = ", ".join(f"'v{i}'" for i in range(size))
        wrong.append(f"count(*) FILTER ({name} NOT IN ({values}))")
    wrong += [f"count(*) FILTER (NOT regexp_matches({name}, '^v[0-9]$'))" for name in ("c0", "c1")]
    wrong += ["count(*) FILTER (label NOT IN ('no', 'yes'))", "count(*) FILTER (n1 > 100 AND n2 > 100)"]
    wrong += ["(count(*) FILTER (label = 'yes') NOT BETWEEN 0.1 * count(*) AND 0.9 * count(*))::INT"]
    wrong += [f"(avg({name}) NOT BETWEEN -5 AND 5)::INT" for name in NUMBERS[:6]]
    wrong += [f"(stddev_samp({name}) NOT BETWEEN 0 AND 9)::INT" for name in NUMBERS[:2]]
    wrong += [f"(quantile_disc({name}, [0.05, 0.5, 0.95])[3] > 10)::INT" for name in NUMBERS[:3]]
    distinct = "count(*) - count(DISTINCT id), count(DISTINCT label) - 2"
    source = again(f"read_parquet([{listed}])", rows, times)
    with duckdb.connect() as connection:
        began = clock()
        counts = connection.execute(f"SELECT {', '.join(wrong)} FROM ({source})").fetchall()[0]
        counts += connection.execute(f"SELECT {distinct} FROM ({source})").fetchall()[0]
        return cost(began, not any(counts))


def clock() -> tuple[float, float]:
    """Return CPU seconds of this process, and wall seconds."""
    return time.process_time(), time.perf_counter()


def cost(began: tuple[float, float], accepted: bool) -> dict[str, Any]:
    """Return what was spent since, and the verdict."""
    cpu, wall = (now - then for now, then in zip(clock(), began, strict=True))
    return {"judged_cpu": cpu, "judged_wall": wall, "accepted": accepted}


HAND, WHOLE = "by hand", "whole validation"
SIDES = {HAND: one_scan, "data checks": checks, WHOLE: whole_validation}
NOTES = f"""
By hand: two queries, the second for distinct keys; as one, they cost more CPU and memory. More than
{LARGEST:,} rows are some of them, read several times; a whole validation takes no file twice and is left out
there. Of so many rows the data checks ask quantiles of a part, see data_checks/engine.py; by hand of all."""
FIGURES = {  # measured -> the table's column
    "judged_cpu": "CPU, s",
    "judged_wall": "wall, s",
    "process_cpu": "process CPU, s",
    "process_wall": "process wall, s",
    "peak_mb": "peak MB",
}


def tell(size: dict[str, Any], repeat: int, first: bool) -> None:
    """Print medians and the ratio of a size, as soon as they are known; before the first, the heading."""
    if first:
        print(f"| rows, medians of {repeat} | | {' | '.join(FIGURES.values())} | CPU / by hand |")
        print("|---" * (len(FIGURES) + 3) + "|")
    for side, values in size["medians"].items():
        cells = [f"{values[name]:,.0f}" if name == "peak_mb" else f"{values[name]:.2f}" for name in FIGURES]
        ratio = f"{values['judged_cpu'] / size['medians'][HAND]['judged_cpu']:.2f}"
        print(f"| {size['rows']:,} | {side} | {' | '.join(cells)} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
