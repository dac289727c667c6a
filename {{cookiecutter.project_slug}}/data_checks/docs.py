"""Data Docs of the rows that lie here: Great Expectations' own page about them, which shows values.

In:   data.lock and the files that it names, in the working tree; suite.py
Out:  build/data_docs.html, one file that loads nothing from anywhere
Run:  python -m pipelines data docs

For eyes on this machine only: everywhere else counts and row keys are shown. Values are words on it, whatever
they hold. What the page would load from seven other hosts as it opens (scripts, style sheets, a picture that
tells its makers so) is left out.
"""

from __future__ import annotations

import argparse
import html
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_checks import engine, files, gx_import, intake, lock, rules, suite, validate

SHOWN = 20  # values and rows of a rule that fails
TARGET = Path("build/data_docs.html")
FOREIGN = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*>|<img\b[^>]*>|<footer\b.*?</footer>|url\(['\"]?https?:[^)]*\)",
    re.S | re.I,
)
# A browser runs and loads nothing of the page, should a value be more than words after all.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
HEAD = f"""<head>
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
"""
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


class NotAsLocked(Exception):
    """The files here are not the ones that data.lock names, or hold other columns."""


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
        put(page(locked, Path(locked.prefix), table, args.key, args.label))
    except (lock.LockError, rules.SuiteError, engine.RuleError, NotAsLocked) as error:
        return fail(str(error))
    except Exception as error:  # texts from below may quote values
        return fail(validate.untold(error))
    print(f"{TARGET}: shows values, for this machine only")  # noqa: T201 - what was asked for
    return 0


def fail(why: str) -> int:
    """Say why there is no page; return the exit code."""
    print(f"no Data Docs: {why}", file=sys.stderr)  # noqa: T201 - what was asked for
    return 1


def put(text: str) -> None:
    """Write the page whole, or leave the one that is there."""
    TARGET.parent.mkdir(exist_ok=True)
    partial = TARGET.with_name(f"{TARGET.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(TARGET)


def page(locked: lock.Lock, folder: Path, table: Sequence[Any], key: str, label: str) -> str:
    """Return the page about the locked files below a folder.

    Raises:
        NotAsLocked: one of them is not here, or not as it is locked, or has not the columns of the suite.
        RuleError: a rule cannot be built.
    """
    taken = intake.take(locked, folder, suite.COLUMNS)
    if taken.reasons:
        raise NotAsLocked(taken.reasons[0].message)
    gx = gx_import.great_expectations()
    with (
        tempfile.TemporaryDirectory() as scratch,
        files.open_view(taken.paths, suite.COLUMNS, Path(scratch)) as data,
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
    from jinja2 import pass_context

    class Escaping(DefaultJinjaPageView):
        """Its own page, where a text is a text: it escapes those in its templates, and no others."""

        @pass_context
        def render_content_block(self, context: Any, block: Any, *more: Any, **named: Any) -> Any:
            if isinstance(block, dict) and block.get("content_block_type") == "graph":
                return ""  # values within a script, which is not run
            shown = [escaped(each) for each in block] if isinstance(block, list) else escaped(block)
            return super().render_content_block(context, shown, *more, **named)

    return Escaping().render(ValidationResultsPageRenderer().render(found))


def escaped(block: Any) -> Any:
    """Return what is no block of blocks, a text or a row, as HTML shows it."""
    nested = block is None or (isinstance(block, dict) and "content_block_type" in block)
    return block if nested else html.escape(str(block))


def alone(text: str) -> str:
    """Return the page without what it would load from elsewhere, and with a policy and a style of its own."""
    return FOREIGN.sub("", text).replace("<head>", HEAD, 1).replace("</head>", STYLE, 1)


if __name__ == "__main__":
    sys.exit(main())
