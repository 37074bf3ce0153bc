"""Container Insights as a history of GPUs: whole series only, every device by itself, pages, errors."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_rig import REGION, Stubs, stubbed

from adapters.container_insights import LAG_S, ContainerInsightsHistories
from domain.errors import Denied, Throttled, Unavailable
from domain.observation import ControlPlane
from domain.signals import GpuHistory
from services.ports import GpuHistories

PLANE = ControlPlane("raygpu-demo", REGION, "ACTIVE", "1.35", "arn")
NOON = 1_800_000_000.0  # a whole minute
UNTIL = NOON + 3600 + LAG_S
DEVICE = "ip-10-0-2-20.ec2.internal|i-0abc|nvidia0"


@pytest.fixture
def stubs() -> Iterator[Stubs]:
    with stubbed() as prepared:
        yield prepared


def row(name: str, values: list[float], status: str = "Complete", label: str = DEVICE) -> dict[str, Any]:
    stamps = [datetime.fromtimestamp(NOON + 60 * n, UTC) for n in range(len(values))]
    return {"Id": name, "Label": label, "Timestamps": stamps, "Values": values, "StatusCode": status}


def read(stubs: Stubs, *pages: list[dict[str, Any]], until: float = UNTIL) -> GpuHistory:
    """The history of an hour, from these pages."""
    for number, rows in enumerate(pages):
        token = {} if number == len(pages) - 1 else {"NextToken": f"page-{number + 1}"}
        stubs.says("cloudwatch", "get_metric_data", {"MetricDataResults": rows, **token})
    histories: GpuHistories = ContainerInsightsHistories(stubs.session)
    return histories.read(PLANE, NOON, until)


def test_an_hour_of_one_gpu(stubs: Stubs) -> None:
    """Percent become a share, watts joules, bytes MiB; instance and device stand for the UUID."""
    history = read(stubs, [row("busy", [0.0] * 59 + [40.0]), row("watts", [60.0] * 60), row("memory", [2.0**30] * 60)])
    assert (history.source, history.since, history.until) == ("Container Insights", NOON, NOON + 3600)
    (gpu,) = history.gpus
    assert (gpu.node, gpu.uuid) == ("ip-10-0-2-20.ec2.internal", "i-0abc/nvidia0")
    assert (gpu.busy, gpu.samples, gpu.expected) == (0.4, 60, 60)
    assert (gpu.energy_j, gpu.memory_used_mib) == (60.0 * 3600, 1024.0)


def test_what_is_asked(stubs: Stubs) -> None:
    """One search for each metric over every device of the cluster, in minutes, as far as points can be there by now."""
    asked = {}
    stubs.on("cloudwatch").add_response("get_metric_data", {"MetricDataResults": []})
    client = stubs.session.client("cloudwatch", REGION)
    client.meta.events.register("before-parameter-build.cloudwatch.*", lambda params, **_: asked.update(params))
    ContainerInsightsHistories(stubs.session).read(PLANE, NOON - 10, UNTIL + 31)
    assert asked["StartTime"] == datetime.fromtimestamp(NOON, UTC)
    assert asked["EndTime"] == datetime.fromtimestamp(NOON + 3600, UTC)
    assert [q["Expression"] for q in asked["MetricDataQueries"]] == [
        "SEARCH('{ContainerInsights,ClusterName,GpuDevice,InstanceId,InstanceType,NodeName} "
        f'MetricName="{metric}" ClusterName="raygpu-demo"\', \'{stat}\', 60)'
        for metric, stat in (
            ("node_gpu_utilization", "Maximum"),
            ("node_gpu_power_draw", "Average"),
            ("node_gpu_memory_used", "Average"),
        )
    ]


def test_every_device_is_a_gpu_of_its_own(stubs: Stubs) -> None:
    """A busy one does not hide that another was not seen."""
    other = "ip-10-0-2-20.ec2.internal|i-0abc|nvidia1"
    history = read(stubs, [row("busy", [90.0] * 60), row("busy", [0.0] * 6, label=other)])
    assert [(g.uuid, g.busy, g.samples) for g in history.gpus] == [
        ("i-0abc/nvidia0", 0.9, 60),
        ("i-0abc/nvidia1", 0.0, 6),
    ]


@pytest.mark.parametrize("status", ["PartialData", "InternalError", "Forbidden"])
def test_a_series_that_is_not_complete_counts_as_not_seen(stubs: Stubs, status: str) -> None:
    """Whatever values came: no sample of sixty, so nobody can call it idle."""
    history = read(stubs, [row("busy", [0.0] * 60, status), row("watts", [9.0] * 60, status)])
    assert [(g.samples, g.expected, g.energy_j) for g in history.gpus] == [(0, 60, None)]


@pytest.mark.parametrize("count", [0, 1, 30, 53])
def test_a_short_series_shows_as_few_samples(stubs: Stubs, count: int) -> None:
    """As many as there are, of sixty."""
    history = read(stubs, [row("busy", [0.0] * count)])
    assert [(g.samples, g.expected) for g in history.gpus] == [(count, 60)]
    assert history.gpus[0].busy == (0.0 if count else None)


@pytest.mark.parametrize("value", [-1.0, 101.0, 9.3e18])
def test_a_value_that_is_no_percentage_spoils_the_series(stubs: Stubs, value: float) -> None:
    """A sentinel that came through: the device counts as not seen."""
    assert [g.samples for g in read(stubs, [row("busy", [0.0] * 59 + [value])]).gpus] == [0]


def test_pages_are_one_series(stubs: Stubs) -> None:
    """PartialData on the way means that more comes; what the last page says holds."""
    history = read(stubs, [row("busy", [0.0] * 30, "PartialData")], [row("busy", [5.0] * 30)])
    assert [(g.busy, g.samples) for g in history.gpus] == [(0.05, 60)]
    cut = read(stubs, [row("busy", [0.0] * 30)], [row("busy", [0.0] * 30, "PartialData")])
    assert [g.samples for g in cut.gpus] == [0]


def test_no_series_is_no_gpu(stubs: Stubs) -> None:
    """Nothing published: an empty history, which is not an idle one. A window without a whole minute is not asked."""
    assert read(stubs, []).gpus == ()
    assert ContainerInsightsHistories(stubs.session).read(PLANE, NOON, NOON + 60).gpus == ()


def test_a_message_of_cloudwatch_spoils_the_answer(stubs: Stubs) -> None:
    """It names what is missing."""
    told = {"Code": "MaxMetricsExceeded", "Value": "A maximum of 100 metrics is allowed."}
    stubs.says("cloudwatch", "get_metric_data", {"MetricDataResults": [], "Messages": [told]})
    with pytest.raises(Unavailable, match="maximum of 100"):
        ContainerInsightsHistories(stubs.session).read(PLANE, NOON, UNTIL)


def test_a_label_of_another_form_is_no_answer(stubs: Stubs) -> None:
    """Which device it is must be known."""
    with pytest.raises(Unavailable) as raised:
        read(stubs, [row("busy", [0.0], label="node_gpu_utilization")])
    assert raised.value.reason == "UnreadableAnswer"


@pytest.mark.parametrize(("code", "status", "error"), [
    ("AccessDenied", 403, Denied), ("Throttling", 400, Throttled), ("InternalServiceFault", 500, Unavailable),
])  # fmt: skip
def test_errors_are_those_of_the_domain(stubs: Stubs, code: str, status: int, error: Any) -> None:
    """A missing permission is named."""
    stubs.fails("cloudwatch", "get_metric_data", code, "User: arn:x is not authorized", status)
    with pytest.raises(error) as raised:
        ContainerInsightsHistories(stubs.session).read(PLANE, NOON, UNTIL)
    assert "cloudwatch:GetMetricData" in raised.value.message
