"""CloudWatch Container Insights of the world: which series there are, what their points say, and the way over the wire."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_wire_rig import Endpoint, endpoint
from world_rig import Rig, refused

NODE_DIMENSIONS = ("ClusterName", "InstanceId", "NodeName")
DEVICE_DIMENSIONS = ("ClusterName", "GpuDevice", "InstanceId", "InstanceType", "NodeName")
OBSERVABILITY = "amazon-cloudwatch-observability"
DEVICES = '{ContainerInsights,ClusterName,GpuDevice,InstanceId,InstanceType,NodeName} MetricName="node_gpu_utilization"'


def made(addon: bool = True) -> Rig:
    """A world with a cluster of a CPU node and a g5.12xlarge."""
    rig = Rig()
    rig.cluster()
    rig.active_group(**rig.cpu_order())
    rig.active_group(**rig.group_order(instanceTypes=["g5.12xlarge"]))
    if addon:
        rig.eks("CreateAddon", clusterName="demo", addonName=OBSERVABILITY)
    rig.wait(600)
    return rig


def ask(rig: Rig, *queries: dict[str, Any], minutes: float = 30, **more: Any) -> list[dict[str, Any]]:
    """GetMetricData of the last minutes."""
    now = rig.world.now
    span = {"StartTime": datetime.fromtimestamp(now - minutes * 60, UTC), "EndTime": datetime.fromtimestamp(now, UTC)}
    answer = rig.world.aws("cloudwatch", "GetMetricData", {**span, "MetricDataQueries": list(queries), **more})
    return list(answer["MetricDataResults"])


def metric(name: str, stat: str = "Maximum", period: int = 60, **dimensions: str) -> dict[str, Any]:
    """A metric query by its exact dimensions."""
    listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    what = {"Namespace": "ContainerInsights", "MetricName": name, "Dimensions": listed}
    return {"Id": "m1", "MetricStat": {"Metric": what, "Period": period, "Stat": stat}}


def search(stat: str = "Maximum", period: int = 60, **more: Any) -> dict[str, Any]:
    """All devices of the cluster in one query."""
    expression = f"SEARCH('{DEVICES} ClusterName=\"demo\"', '{stat}', {period})"
    return {"Id": "all", "Expression": expression, **more}


def gpu_node(rig: Rig) -> str:
    """The node with GPUs."""
    (name,) = rig.world.apis["demo"].gpu_nodes()
    return name


def test_without_the_addon_nothing_is_published() -> None:
    """A metric nobody sends answers Complete without a point, as CloudWatch does: silence is no zero."""
    rig = made(addon=False)
    (row,) = ask(rig, metric("node_gpu_utilization", ClusterName="demo"))
    assert (row["StatusCode"], row["Values"], row["Timestamps"]) == ("Complete", [], [])
    assert rig.world.aws("cloudwatch", "ListMetrics", {"Namespace": "ContainerInsights"})["Metrics"] == []


def test_series_are_listed_by_their_dimensions() -> None:
    """Utilisation by cluster, node and device; the counts of GPUs by cluster and node only."""
    rig = made()
    rows = rig.world.aws("cloudwatch", "ListMetrics", {"MetricName": "node_gpu_utilization"})["Metrics"]
    sets = sorted(tuple(d["Name"] for d in row["Dimensions"]) for row in rows)
    assert sets == sorted([("ClusterName",), NODE_DIMENSIONS] + [DEVICE_DIMENSIONS] * 4)
    limits = rig.world.aws("cloudwatch", "ListMetrics", {"MetricName": "node_gpu_limit"})["Metrics"]
    assert sorted(len(row["Dimensions"]) for row in limits) == [1, 3]
    wanted = [{"Name": "GpuDevice", "Value": "nvidia3"}]
    found = rig.world.aws("cloudwatch", "ListMetrics", {"Dimensions": wanted, "MetricName": "node_gpu_power_draw"})
    assert len(found["Metrics"]) == 1


def test_points_follow_what_runs_on_each_device() -> None:
    """One point a minute; the training's device is at 94 %, the others at 0, the draw to match."""
    rig = made()
    rig.world.apis["demo"].workload("train", 1, 600)
    rig.wait(3600)
    rows = ask(rig, search())
    assert [row["Id"] for row in rows] == ["all"] * 4 and {row["StatusCode"] for row in rows} == {"Complete"}
    assert sorted(row["Values"][0] for row in rows) == [0, 0, 0, 94] and {len(row["Values"]) for row in rows} == {28}
    stamps = rows[0]["Timestamps"]
    assert stamps == sorted(stamps, reverse=True) and all(t.second == 0 for t in stamps)
    node = {"ClusterName": "demo", "NodeName": gpu_node(rig)}
    node["InstanceId"] = rig.world.apis["demo"].facts(node["NodeName"]).instance_id
    watts, limit, used = ask(
        rig,
        metric("node_gpu_power_draw", "Minimum", **node),
        metric("node_gpu_limit", "Average", **node),
        metric("node_gpu_usage_total", "Average", **node),
    )
    assert (watts["Values"][0], limit["Values"][0], used["Values"][0]) == (16.0, 4.0, 1.0)


def test_the_series_of_a_cluster_blurs_its_devices() -> None:
    """One number for all: the greatest is the training's, the mean a quarter of it, and the count of samples tells."""
    rig = made()
    rig.world.apis["demo"].workload("train", 1, 600)
    rig.wait(3600)
    stats = [ask(rig, metric("node_gpu_utilization", s, ClusterName="demo"))[0]["Values"][0] for s in _STATS]
    assert stats == [94.0, 23.5, 0.0, 16.0]
    wrong = metric("node_gpu_utilization", ClusterName="demo", NodeName=gpu_node(rig))
    assert ask(rig, wrong)[0]["Values"] == []


_STATS = ("Maximum", "Average", "Minimum", "SampleCount")


def test_a_longer_period_keeps_the_greatest_burst() -> None:
    """A notebook's cell of 90 s shows in the Maximum of its five minutes and is thin in their Average."""
    rig = made()
    rig.world.apis["demo"].workload("notebook", 1, 600)
    rig.wait(3600)
    (greatest,) = [r for r in ask(rig, search(period=300), minutes=60) if max(r["Values"]) > 0]
    (mean,) = [r for r in ask(rig, search("Average", 300), minutes=60) if max(r["Values"]) > 0]
    assert sorted(set(greatest["Values"])) == [0, 60] and max(mean["Values"]) < 25


def test_a_gap_is_missing_points_and_not_zeros() -> None:
    """Ten minutes without the agent are a hole between two points; nothing fills it when all is healed."""
    rig = made()
    rig.wait(3600)
    rig.world.inject("insights_gap", cluster="demo", minutes=10)
    rig.wait(1200)
    rig.world.inject("kube_heal", cluster="demo")
    for row in ask(rig, search(), ScanBy="TimestampAscending"):
        steps = [(b - a).total_seconds() for a, b in itertools.pairwise(row["Timestamps"])]
        assert sorted(set(steps)) == [60, 600] and steps.count(600) == 1


def test_what_a_node_sent_outlives_it() -> None:
    """Scaled to nothing and back: the old instance's points end, the new one's begin, and a search finds both."""
    rig = made()
    for size in (0, 1):
        sizes = {"minSize": 0, "maxSize": 4, "desiredSize": size}
        rig.eks("UpdateNodegroupConfig", clusterName="demo", nodegroupName="gpu", scalingConfig=sizes)
        rig.wait(1800)
    rows = ask(rig, search(Label="${PROP('Dim.InstanceId')}"), minutes=90, ScanBy="TimestampAscending")
    old, new = (r["Timestamps"] for r in sorted(rows[:2], key=lambda r: r["Timestamps"][0]))
    assert len({r["Label"] for r in rows}) == 2 and len(rows) == 8
    assert (new[0] - old[-1]).total_seconds() > 1200
    rig.eks("DeleteAddon", clusterName="demo", addonName=OBSERVABILITY)
    rig.wait(1800)
    assert all(row["Values"] == [] for row in ask(rig, search(), minutes=20))


def test_partial_data_says_so() -> None:
    """Half of the points, under another StatusCode."""
    rig = made()
    rig.wait(3600)
    rig.world.inject("insights_partial", cluster="demo")
    rows = ask(rig, search())
    assert {row["StatusCode"] for row in rows} == {"PartialData"} and {len(row["Values"]) for row in rows} == {14}


def test_labels_pages_and_order_are_as_asked_for() -> None:
    """Dynamic labels tell the device; MaxDatapoints cuts pages; ScanBy turns the order."""
    rig = made()
    rig.wait(3600)
    label = "${PROP('Dim.NodeName')}/${PROP('Dim.GpuDevice')}"
    rows = ask(rig, search(Label=label), ScanBy="TimestampAscending")
    assert [row["Label"] for row in rows] == [f"{gpu_node(rig)}/nvidia{n}" for n in range(4)]
    assert rows[0]["Timestamps"] == sorted(rows[0]["Timestamps"])
    now = rig.world.now
    params = {"StartTime": now - 1800, "EndTime": now, "MetricDataQueries": [search()], "MaxDatapoints": 60}
    seen, token = 0, None
    for _ in range(4):
        answer = rig.world.aws("cloudwatch", "GetMetricData", {**params, **({"NextToken": token} if token else {})})
        seen, token = seen + len(answer["MetricDataResults"]), answer.get("NextToken")
        if token is None:
            break
    assert seen == 4 and token is None


def test_what_cloudwatch_refuses_is_refused() -> None:
    """A window that ends before it begins, another expression, a period that is no whole minute, a made-up statistic."""
    rig = made()
    now = rig.world.now
    backwards = {"StartTime": now, "EndTime": now - 60, "MetricDataQueries": [search()]}
    refused(lambda: rig.world.aws("cloudwatch", "GetMetricData", backwards), "ValidationError", "StartTime")
    refused(lambda: ask(rig, {"Id": "e", "Expression": "SUM(METRICS())"}), "ValidationError", "SEARCH")
    refused(lambda: ask(rig, search(period=90)), "ValidationError", "Period")
    refused(lambda: ask(rig, search("p99")), "ValidationError", "p99")


@pytest.fixture(scope="module")
def running() -> Iterator[Endpoint]:
    """An AWS endpoint for the module."""
    with endpoint() as served:
        yield served


def test_boto3_reads_it_over_the_wire(running: Endpoint) -> None:
    """The SDK's own protocol: times come as datetimes, values as floats, the paginator follows, errors keep their code."""
    aws = running.fresh()
    laid = aws.cluster()
    aws.group(laid)
    aws.wait(300)
    aws.client("eks").create_addon(clusterName="demo", addonName=OBSERVABILITY)
    aws.wait(1800)
    now = datetime.fromtimestamp(aws.world.now, UTC)
    since = datetime.fromtimestamp(aws.world.now - 900, UTC)
    cloudwatch = aws.client("cloudwatch")
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[search()], StartTime=since, EndTime=now
    )
    (row,) = [row for page in pages for row in page["MetricDataResults"]]
    assert row["StatusCode"] == "Complete" and row["Values"] == [0.0] * 13
    assert row["Timestamps"][0].tzinfo is not None and row["Timestamps"][0] > since
    listed = cloudwatch.list_metrics(Namespace="ContainerInsights", MetricName="node_gpu_limit")["Metrics"]
    assert {len(m["Dimensions"]) for m in listed} == {1, 3}
    with pytest.raises(cloudwatch.exceptions.ClientError) as caught:
        cloudwatch.get_metric_data(MetricDataQueries=[search()], StartTime=now, EndTime=since)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
