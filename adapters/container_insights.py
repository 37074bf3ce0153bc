"""GPU use out of CloudWatch Container Insights (enhanced observability), as it was over a window: the port GpuHistories.

The series of a whole cluster would hide one GPU behind another, so every device is asked for by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from adapters.aws_session import AwsSession
from adapters.faults import aws_call
from domain.errors import Unavailable
from domain.observation import ControlPlane
from domain.signals import GpuHistory, GpuWindow

SOURCE = "Container Insights"
PERIOD_S = 60  # the agent publishes once a minute
LAG_S = 120.0  # and its points are there about so long after they were measured
NAMESPACE = "ContainerInsights"
DIMENSIONS = ("ClusterName", "GpuDevice", "InstanceId", "InstanceType", "NodeName")
# Our id of a query -> the metric, and what of the samples of a minute is taken.
METRICS: Mapping[str, tuple[str, str]] = {
    "busy": ("node_gpu_utilization", "Maximum"),
    "watts": ("node_gpu_power_draw", "Average"),
    "memory": ("node_gpu_memory_used", "Average"),
}
_LABEL = "${PROP('Dim.NodeName')}|${PROP('Dim.InstanceId')}|${PROP('Dim.GpuDevice')}"
_MIB = 1024.0 * 1024.0
Device = tuple[str, str, str]


@dataclass(slots=True)
class _Series:
    """One metric of one device over all pages."""

    values: list[float] = field(default_factory=list)
    status: str = ""


class ContainerInsightsHistories:
    """Reads."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    def read(self, plane: ControlPlane, since: float, until: float) -> GpuHistory:
        """Every GPU with a series in the window. A series that CloudWatch did not give whole counts as seen never.

        The answer's own window is the one of whole minutes whose points can be there by now. GPUs have no UUID here;
        instance and device stand for it. Energy is the mean draw times the window.
        """
        first, last = math.ceil(since / PERIOD_S) * PERIOD_S, int((until - LAG_S) // PERIOD_S) * PERIOD_S
        if last <= first:
            return GpuHistory(SOURCE, since, since, ())
        expected = (last - first) // PERIOD_S
        found = self._all(plane, first, last)
        devices = sorted({device for _, device in found})
        gpus = tuple(_window(device, found, expected) for device in devices)
        return GpuHistory(SOURCE, first, last, gpus)

    def _all(self, plane: ControlPlane, since: float, until: float) -> dict[tuple[str, Device], _Series]:
        found: dict[tuple[str, Device], _Series] = {}
        with aws_call("cloudwatch:GetMetricData"):
            for result in self._results(plane, since, until):
                device = _device(str(result["Label"]))
                series = found.setdefault((str(result["Id"]), device), _Series())
                series.values.extend(float(value) for value in result["Values"])
                series.status = str(result["StatusCode"])
        return found

    def _results(self, plane: ControlPlane, since: float, until: float) -> Iterator[Mapping[str, Any]]:
        """All results of all pages. Raises Unavailable where CloudWatch says that it left something out."""
        client, token = self._session.client("cloudwatch", plane.region), ""
        while True:
            page = client.get_metric_data(
                MetricDataQueries=_queries(plane.name),
                StartTime=datetime.fromtimestamp(since, UTC),
                EndTime=datetime.fromtimestamp(until, UTC),
                ScanBy="TimestampAscending",
                **({"NextToken": token} if token else {}),
            )
            if page.get("Messages"):
                said = "; ".join(str(m.get("Value") or m.get("Code")) for m in page["Messages"])
                raise Unavailable("PartialAnswer", f"CloudWatch says that a part of its answer is missing: {said}")
            yield from page["MetricDataResults"]
            following = str(page.get("NextToken") or "")
            if not following:
                return
            if following == token:
                raise Unavailable("UnreadableAnswer", "CloudWatch names the same page again and again.")
            token = following


def _queries(cluster: str) -> list[dict[str, Any]]:
    """A search for each metric: it finds the devices by itself, those of nodes that are gone by now among them."""
    schema = ",".join((NAMESPACE, *DIMENSIONS))
    return [
        {
            "Id": name,
            "Expression": f'SEARCH(\'{{{schema}}} MetricName="{metric}" ClusterName="{cluster}"\', '
            f"'{statistic}', {PERIOD_S})",
            "Label": _LABEL,
        }
        for name, (metric, statistic) in METRICS.items()
    ]


def _device(label: str) -> Device:
    """(node, instance, device) of a label as we asked for it. Raises KeyError on any other: then it is no answer."""
    parts = label.split("|")
    if len(parts) != 3:
        raise KeyError(label)
    return parts[0], parts[1], parts[2]


def _window(device: Device, found: Mapping[tuple[str, Device], _Series], expected: int) -> GpuWindow:
    busy, watts, memory = (found.get((name, device), _Series()) for name in ("busy", "watts", "memory"))
    valid = [value for value in busy.values if 0 <= value <= 100]
    whole = busy.status == "Complete" and len(valid) == len(busy.values)
    power, used = _mean(watts), _mean(memory)
    return GpuWindow(
        node=device[0],
        uuid=f"{device[1]}/{device[2]}",
        busy=max(valid) / 100 if valid else None,
        samples=min(len(valid), expected) if whole else 0,
        expected=expected,
        energy_j=None if power is None else power * expected * PERIOD_S,
        memory_used_mib=None if used is None else used / _MIB,
    )


def _mean(series: _Series) -> float | None:
    """The mean of a series that came whole; None otherwise."""
    return sum(series.values) / len(series.values) if series.values and series.status == "Complete" else None
