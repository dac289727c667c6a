"""MetricDataQueries, as GetMetricData and alarms on metric math have them: checked, then computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sagemaker_emulator.monitoring import expressions, statistics
from sagemaker_emulator.monitoring.arithmetic import Evaluator, Line, Value
from sagemaker_emulator.monitoring.data import Metric, Sample
from sagemaker_emulator.monitoring.expressions import ExpressionError
from sagemaker_emulator.monitoring.statistics import Grid

Query = Mapping[str, Any]
Reader = Callable[[Metric, float, float], Sequence[Sample]]
Gridder = Callable[[int], Grid]  # the periods of a request, for the length in seconds that it names


class Results:
    """The answers to the queries of one request, each computed when it is first asked for."""

    def __init__(self, queries: Sequence[Query], grid: Gridder, read: Reader) -> None:
        self._queries = {query["Id"]: query for query in queries}
        self._grid, self._read = grid, read
        self._known: dict[str, Value] = {}
        self._under_way: list[str] = []

    def of(self, name: str) -> Value:
        """Return what a query's Id stands for. Raises ExpressionError."""
        if name not in self._queries:
            raise ExpressionError(f"no metric or expression has the Id '{name}'")
        if name in self._under_way:
            raise ExpressionError(f"expression '{name}' refers to itself")
        if name not in self._known:
            self._under_way.append(name)
            self._known[name] = self._compute(self._queries[name])
            self._under_way.pop()
        return self._known[name]

    def lines(self, name: str) -> list[Line]:
        """Return the time series that a query answers with. Raises ExpressionError where it has none."""
        value = self.of(name)
        if isinstance(value, float):
            raise ExpressionError(f"expression '{name}' must give a time series, not a number")
        return [value] if isinstance(value, Line) else value

    def _compute(self, query: Query) -> Value:
        if "Expression" in query:
            tree = expressions.parse(query["Expression"])
            grid = self._grid(self._period(query, expressions.names(tree)))
            return Evaluator(grid, self._metrics(), self.of).value(tree)
        stat = query["MetricStat"]
        given = stat["Metric"]
        metric = Metric.of(given["Namespace"], given["MetricName"], given.get("Dimensions"))
        grid = self._grid(int(stat["Period"]))
        samples = self._read(metric, grid.start, grid.end)
        return Line(grid, statistics.values(samples, grid, stat["Stat"], stat.get("Unit")), query["Id"])

    def _metrics(self) -> list[Line]:
        lines = [self.of(name) for name, query in self._queries.items() if "MetricStat" in query]
        return [line for line in lines if isinstance(line, Line)]

    def _period(self, query: Query, names: set[str]) -> int:
        """Return the period of an expression: that of the metrics in it, which must be one."""
        periods = {period for name in names for period in self._periods(name)} or {
            period
            for each in self._queries.values()
            if "MetricStat" in each
            for period in self._periods(each["Id"])
        }
        if len(periods) > 1:
            raise ExpressionError(
                f"expression '{query['Id']}' mixes periods ({', '.join(map(str, sorted(periods)))}); "
                "sagemaker-emulator computes expressions of one period only"
            )
        return periods.pop() if periods else int(query.get("Period", 60))

    def _periods(self, name: str) -> set[int]:
        value = self.of(name)
        lines = [value] if isinstance(value, Line) else value if isinstance(value, list) else []
        return {line.grid.period for line in lines}


def check(queries: Sequence[Query]) -> None:
    """Raise ExpressionError for queries that could never be computed, before any is."""
    ids = [query.get("Id", "") for query in queries]
    for name in ids:
        if not name or not name[0].islower() or not name.replace("_", "").isalnum():
            raise ExpressionError(
                f"the Id '{name}' must begin with a lowercase letter, then letters, digits and _"
            )
        if ids.count(name) > 1:
            raise ExpressionError(f"the Id '{name}' is given twice")
    for query in queries:
        if ("MetricStat" in query) == ("Expression" in query):
            raise ExpressionError(f"query '{query['Id']}' must have either MetricStat or Expression")
        if "MetricStat" in query and not statistics.offered(query["MetricStat"]["Stat"]):
            stat = query["MetricStat"]["Stat"]
            raise ExpressionError(
                f"statistic {stat} is not supported by sagemaker-emulator (see COVERAGE.md)"
            )
        if "AccountId" in query:
            raise ExpressionError("AccountId: sagemaker-emulator has no metrics of other accounts")
    # Types and references do not depend on data: computing over no data at all finds what is wrong with them.
    results = Results(queries, lambda period: Grid(0.0, float(period), 1, period), lambda *_: ())
    for name in ids:
        results.of(name)


def single(queries: Sequence[Query], name: str) -> bool:
    """Whether a query answers with one time series, which an alarm can watch. Raises ExpressionError."""
    results = Results(queries, lambda period: Grid(0.0, float(period), 1, period), lambda *_: ())
    return len(results.lines(name)) == 1
