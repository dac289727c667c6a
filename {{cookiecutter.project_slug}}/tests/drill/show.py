"""The drill as it is shown: a live table on a terminal, lines of fixed columns elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from tests.drill import table
from tests.drill.scenes import Row

WIDTHS = (1, 24, 6, 7, 11, 8, 8, 5, 6, 7, 5, 5, 7)


class Show:
    """Shows rows as they come."""

    def __init__(self, console: Console) -> None:
        self.console, self.rows = console, []
        self._live: Live | None = None

    @contextmanager
    def shown(self) -> Iterator[Show]:
        """Show rows while the block runs."""
        if not self.console.is_terminal:
            self.console.print(line(list(table.COLUMNS)), markup=False)
            yield self
            return
        with Live(table.rich_table([]), console=self.console, refresh_per_second=4) as self._live:
            yield self
            self._live.update(table.rich_table(self.rows))  # by now they know what came after them

    def add(self, row: Row) -> None:
        """Show one more row."""
        self.rows.append(row)
        if self._live:
            self._live.update(table.rich_table(self.rows))
        else:
            self.console.print(line(table.cells(row)), markup=False)

    def end(self, rows: list[Row], seconds: float, page: object, remarks: table.Remarks) -> None:
        """Show what was not as it had to be, and the totals; `rows` know by now what came after them."""
        for text in (table.handicap(remarks.unreachable), table.omitted(remarks.left_out)):
            if text:
                self.console.print(Text(text, "yellow"))
        if not table.shows_any(rows):
            self.console.print(Text(f"✗ {table.NOTHING}", "red"))
        for row in rows:
            for text in row.wrong:
                self.console.print(Text(f"✗ {row.name} ({row.preset}): {text}", "red"))
            if row.wrong and row.error:
                self.console.print(row.error, markup=False, style="dim")
        for text in (*table.NOTES, "", *table.sentences(table.totals(rows))):
            self.console.print(text, markup=False)
        verdict = Text("passed", "bold green") if table.passed(rows) else Text("FAILED", "bold red")
        self.console.print(Text.assemble(f"{seconds:.0f} s   {page}   ", verdict))


def line(cells: list[str]) -> str:
    """Return cells in columns; numbers stand at the right."""
    words = []
    for name, text, width in zip(table.COLUMNS, cells, WIDTHS, strict=True):
        words.append(text.rjust(width) if name in table.RIGHT else text.ljust(width))
    return " ".join(words).rstrip()
