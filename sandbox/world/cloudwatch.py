"""CloudWatch metrics: GetMetricData with metric queries and SEARCH expressions, ListMetrics; namespace ContainerInsights."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.world.call import Call, Handler, Paging, page
from sandbox.world.container_insights import DELAY_S, NAMESPACE, PERIOD_S, Dimensions, Source, sources, stored
from sandbox.world.errors import AwsError
from sandbox.world.timeline import utc

if TYPE_CHECKING:
    from sandbox.world.world import World

MOST_QUERIES = 500
MOST_POINTS = 100_800
_LIST_PAGES = Paging("NextToken", "MaxRecords", 500, "InvalidParameterValue")
_DATA_PAGES = Paging("NextToken", "MaxResults", MOST_QUERIES, "InvalidNextToken")
_SEARCH = re.compile(
    r"""^\s*SEARCH\(\s*'\s*\{(?P<schema>[^}]*)\}(?P<terms>.*?)'\s*,\s*'(?P<stat>\w+)'\s*(?:,\s*(?P<period>\d+)\s*)?\)\s*$""",
    re.DOTALL,
)
_TERM = re.compile(r"""([\w.]+)\s*=\s*"?([^\s"']+)"?""")
_PROPERTY = re.compile(r"\$\{PROP\('(?:Dim\.)?(\w+)'\)\}")
_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Average": lambda values: sum(values) / len(values),
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
}
Series = tuple[str, Dimensions]


@dataclass(frozen=True, slots=True)
class _Window:
    """What is asked of a series: the time, the period in seconds, the statistic."""

    since: float
    until: float
    period: int
    stat: str


def get_metric_data(world: World, call: Call) -> dict[str, Any]:
    """GetMetricData. A metric that is not stored answers no values and Complete, as CloudWatch has it."""
    queries = call.params["MetricDataQueries"]
    if len(queries) > MOST_QUERIES:
        raise _invalid(f"The collection MetricDataQueries must not have a size greater than {MOST_QUERIES}.")
    since, until = _epoch(call.params["StartTime"]), _epoch(call.params["EndTime"])
    if since >= until:
        raise _invalid("The parameter StartTime must be less than the parameter EndTime.")
    series = stored(sources(world, call.region))
    rows: list[dict[str, Any]] = []
    for query in queries:
        if query.get("ReturnData", True):
            rows += _results(world, query, series, (since, min(until, world.now - DELAY_S)))
    if call.get("ScanBy", "TimestampDescending") == "TimestampDescending":
        for row in rows:
            row["Timestamps"].reverse()
            row["Values"].reverse()
    found, token = page(rows, _paged(call, rows), _DATA_PAGES)
    return {"MetricDataResults": found, "NextToken": token, "Messages": []}


def _paged(call: Call, rows: list[dict[str, Any]]) -> Call:
    """As many results to a page as MaxDatapoints leaves room for, at least one."""
    longest = max((len(row["Values"]) for row in rows), default=0) or 1
    size = max(1, min(MOST_QUERIES, int(call.get("MaxDatapoints", MOST_POINTS)) // longest))
    return Call({**call.params, "MaxResults": size}, call.region, call.caller)


def _results(
    world: World, query: Mapping[str, Any], series: Mapping[Series, list[Source]], span: tuple[float, float]
) -> Iterator[dict[str, Any]]:
    if query.get("Expression"):
        keys, period, stat = _searched(str(query["Expression"]), series)
    else:
        stat_of = query.get("MetricStat") or {}
        metric = stat_of.get("Metric") or {}
        given = tuple(sorted((d["Name"], d["Value"]) for d in metric.get("Dimensions", ())))
        here = metric.get("Namespace") == NAMESPACE
        keys = [(str(metric.get("MetricName")), given)] if here else [(str(metric.get("MetricName")), ())]
        period, stat = int(stat_of.get("Period", PERIOD_S)), str(stat_of.get("Stat"))
    if period < 1 or (period > PERIOD_S and period % PERIOD_S):
        raise _invalid(f"The parameter Period must be a multiple of {PERIOD_S}.")
    window = _Window(*span, max(period, PERIOD_S), stat)
    for key in keys:
        points = list(_points(series.get(key, []), window))
        partial = _is_partial(world, key)
        points = points[: len(points) // 2] if partial else points
        yield {
            "Id": query["Id"],
            "Label": _label(query.get("Label"), key),
            "Timestamps": [utc(at) for at, _ in points],
            "Values": [value for _, value in points],
            "StatusCode": "PartialData" if partial else "Complete",
        }


def _searched(expression: str, series: Mapping[Series, list[Source]]) -> tuple[list[Series], int, str]:
    """The series a SEARCH finds: exactly its dimensions, every term (Name="value") true."""
    found = _SEARCH.match(expression)
    if found is None:
        raise _invalid("Error in expression: this world evaluates SEARCH alone.")
    namespace, *names = (part.strip().strip('"') for part in found["schema"].split(","))
    terms = dict(_TERM.findall(found["terms"]))
    keys = [
        (metric, dimensions)
        for metric, dimensions in sorted(series)
        if namespace == NAMESPACE and tuple(name for name, _ in dimensions) == tuple(sorted(names))
        if all({"MetricName": metric, **dict(dimensions)}.get(name) == value for name, value in terms.items())
    ]
    return keys, int(found["period"] or 300), found["stat"]


def _points(found: Sequence[Source], window: _Window) -> Iterator[tuple[float, float]]:
    statistic = _STATISTICS.get(window.stat)
    if statistic is None:
        raise _invalid(f"The value {window.stat} for parameter Stat is not supported.")
    at = window.since // window.period * window.period
    while at + PERIOD_S <= window.until:
        end = min(at + window.period, window.until)
        values = [value for source in found for value in source.samples(at, end)]
        if values:
            yield at, float(statistic(values))
        at += window.period


def _is_partial(world: World, key: Series) -> bool:
    name = dict(key[1]).get("ClusterName", "")
    api = next((world.apis[c.key] for c in world.clusters.values() if c.name == name and c.key in world.apis), None)
    return api is not None and api.broken.signals.insights_partial


def _label(asked: str | None, key: Series) -> str:
    """The label as asked for, its ${PROP('Dim.Name')} filled in; by default the metric's name and its dimensions."""
    metric, dimensions = key
    held = {"MetricName": metric, "Namespace": NAMESPACE, **dict(dimensions)}
    if asked:
        return _PROPERTY.sub(lambda found: held.get(found[1], found[0]), asked)
    return " ".join([metric, *(value for _, value in dimensions)])


def list_metrics(world: World, call: Call) -> dict[str, Any]:
    """ListMetrics by namespace, name and dimensions (a filter without a value matches any)."""
    wanted = [(d["Name"], d.get("Value")) for d in call.get("Dimensions", ())]
    rows = []
    for metric, dimensions in sorted(stored(sources(world, call.region))):
        held = dict(dimensions)
        fits = call.get("Namespace") in (None, NAMESPACE) and call.get("MetricName") in (None, metric)
        if fits and all(name in held and value in (None, held[name]) for name, value in wanted):
            listed = [{"Name": name, "Value": value} for name, value in dimensions]
            rows.append({"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": listed})
    found, token = page(rows, call, _LIST_PAGES)
    return {"Metrics": found, "NextToken": token}


def _epoch(value: Any) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    return float(value) if isinstance(value, int | float) else datetime.fromisoformat(str(value)).timestamp()


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message, 400)


OPERATIONS: dict[str, Handler] = {"GetMetricData": get_metric_data, "ListMetrics": list_metrics}
