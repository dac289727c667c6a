"""Data Docs of the rows that lie here: Great Expectations' own page about them, which shows values.

In:   data.lock and the files that it names, in the working tree; suite.py
Out:  build/data_docs.html, one file that loads nothing from anywhere
Run:  python -m pipelines data docs

For eyes on this machine only: everywhere else counts and row keys are shown. What the page would load from
seven other hosts as it opens (scripts, style sheets, a picture that tells its makers so) is left out.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_checks import engine, files, gx_import, lock, rules, suite

SHOWN = 20  # values and rows of a rule that fails
TARGET = Path("build/data_docs.html")
FOREIGN = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*>|<img\b[^>]*>|<footer\b.*?</footer>|url\(['\"]?https?:[^)]*\)",
    re.S | re.I,
)
STYLE = """<style>
:root { color-scheme: light dark; --line: #d9dde3; --soft: #5c636b; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 500; }
h5 { font-size: 1.15rem; margin: 2rem 0 .3rem; } h6 { font-size: 1rem; margin: 1rem 0 .2rem; }
.fa-check-circle::before { content: "\\2713"; color: #137a3f; }
.fa-times::before { content: "\\2717"; color: #c0311f; }
.fa-exclamation-triangle::before { content: "!"; color: #b4581a; }
/* What only scripts would bring to life. */
.breadcrumb, .navbar, .cooltip, .card, a[data-toggle] { display: none; }
.collapse:not(.show) { display: none; }
</style></head>"""


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page; return the exit code."""
    parser = argparse.ArgumentParser(prog="data_checks.docs", description=__doc__.splitlines()[0])
    parser.add_argument("--key", required=True)
    parser.add_argument("--label", required=True)
    parser.add_argument("--task", required=True, choices=rules.TASKS)
    parser.add_argument("--lock", type=Path, default=Path("data.lock"))
    args = parser.parse_args(argv)
    try:
        locked = lock.read(args.lock)
        table = list(rules.expand(suite.COLUMNS, suite.EXPECTATIONS, args.key, args.label, args.task))
        text = page(locked, args.lock.parent / locked.prefix, table, args.key, args.label)
    except (lock.LockError, rules.SuiteError, engine.RuleError, FileNotFoundError) as error:
        print(f"no Data Docs: {error}", file=sys.stderr)  # noqa: T201 - what was asked for
        return 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")
    print(f"{TARGET}: shows values, for this machine only")  # noqa: T201 - what was asked for
    return 0


def page(locked: lock.Lock, folder: Path, table: Sequence[Any], key: str, label: str) -> str:
    """Return the page about the locked files below a folder.

    Raises:
        FileNotFoundError: one of them is not here.
        RuleError: a rule cannot be built.
    """
    paths = {file.key: folder / file.key for file in locked.files}
    if missing := [name for name, path in paths.items() if not path.is_file()]:
        raise FileNotFoundError(f"{missing[0]} is not here, the bucket may have it")
    gx = gx_import.great_expectations()
    with (
        tempfile.TemporaryDirectory() as scratch,
        files.open_view(paths, suite.COLUMNS, Path(scratch)) as data,
    ):
        batch = engine.open_batch(gx, data)
        built = [engine.build(gx, rule, key, label) for rule in table]
        whole = gx.ExpectationSuite("suite.py", expectations=built)
        return alone(rendered(batch.validate(whole, result_format=asked(key))))


def asked(key: str) -> dict[str, Any]:
    """Return what Great Expectations is to tell of each rule: the first rows that break it, too."""
    rows = {"unexpected_index_column_names": [key], "partial_unexpected_count": SHOWN}
    return {"result_format": "SUMMARY", **rows}


def rendered(found: Any) -> str:
    """Return Great Expectations' page of one validation."""
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    return DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(found))


def alone(html: str) -> str:
    """Return the page without what it would load from elsewhere, and with a style of its own."""
    return FOREIGN.sub("", html).replace("</head>", STYLE, 1)


if __name__ == "__main__":
    sys.exit(main())
