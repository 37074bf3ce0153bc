"""Money and the scorecard: unknown is never $0, and what could not be read keeps what was known."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import (
    BLIND,
    al2023,
    bottlerocket,
    doomed,
    group,
    groups,
    node_name,
    nodes,
    plane,
    prices,
    proven_record,
    ready,
    record,
    smoke,
    spec,
    view,
)

from domain import scorecard
from domain.cluster import Meter
from domain.money import HOURS_PER_MONTH, quote
from domain.observation import ABSENT, NOT_LOOKED, HealthIssue, Observed
from domain.spec import CPU_GROUP, GPU_GROUP, SPOT, gpu_group

DISKS = 0.08 * (256 + 1024) / HOURS_PER_MONTH
GUIDE = 0.10 + 0.192 + 1.006 + DISKS


def test_the_guides_cluster_costs_about_one_and_a_half_dollars() -> None:
    """Control plane, both nodes and their disks, to the cent."""
    made = quote(bottlerocket(), prices())
    assert made.usd_per_hour == pytest.approx(GUIDE)
    assert made.total(8 * 3600) == pytest.approx(8 * GUIDE)
    assert [line.count for line in made.lines] == [1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    "unknown", [{"plane": None}, {"storage": None}, {"g5_xlarge": None}, {"m5_xlarge": None}], ids=str
)
def test_one_unknown_price_makes_the_sum_unknown(unknown: Any) -> None:
    """A sum with a hole is unknown, never less; what is known is told apart."""
    made = quote(bottlerocket(), prices(**unknown))
    assert made.usd_per_hour is None
    assert made.total(3600) is None
    assert 0 < made.known_usd_per_hour < GUIDE
    assert all(line.usd_per_hour is None or line.usd_per_hour > 0 for line in made.lines)


def test_a_type_without_a_price_is_unknown() -> None:
    """A type that the price list does not even name is unknown as well."""
    assert quote(spec(gpu_group(("g6.xlarge",), 1)), prices()).usd_per_hour is None


def test_the_dearest_alternative_is_quoted() -> None:
    """EKS may start any of the types: the quote is what it may come to; one unknown alternative makes it unknown."""
    either = spec(gpu_group(("g5.xlarge", "g6.xlarge"), 1, 2))
    line = quote(either, prices(g6_xlarge=0.805)).lines[3]
    assert (line.label, line.count, line.usd_per_hour) == ("g5.xlarge or g6.xlarge", 2, 1.006)
    assert quote(either, prices(g6_xlarge=None)).usd_per_hour is None


def test_spot_is_quoted_as_at_most() -> None:
    """A Spot price moves: the on-demand price is the bound that is shown."""
    cheap = spec(replace(gpu_group(("g5.xlarge",), 1), capacity_type=SPOT))
    assert any(line.label == "Spot, at most g5.xlarge" for line in quote(cheap, prices()).lines)


price = st.one_of(st.none(), st.floats(0.001, 100))


@given(price, price, price, price, st.integers(1, 8))
def test_unknown_is_never_zero(control: Any, storage: Any, cpu: Any, gpu: Any, count: int) -> None:
    """The sum is known exactly when every price is, and then it is at least as much as any part of it."""
    made = quote(spec(gpu_group(("g5.xlarge",), 1, count)), prices(control, storage, m5_xlarge=cpu, g5_xlarge=gpu))
    known = [p for p in (control, storage, cpu, gpu) if p is not None]
    assert (made.usd_per_hour is None) is (len(known) < 4)
    if made.usd_per_hour is not None:
        assert made.usd_per_hour == pytest.approx(made.known_usd_per_hour)
        assert made.usd_per_hour >= max(control, cpu, gpu * count)


def test_group_rows_show_eksctls_columns_and_more() -> None:
    """Each standing group of the spec with sizes, type, image, health, nodes, GPUs, taints and price."""
    cluster = record(spec(gpu_group(("g5.xlarge",), 1, 2)))
    cpu, gpu = scorecard.group_rows(view(cluster, ready(cluster)), prices())
    assert (cpu.name, cpu.gpus, cpu.ready_nodes, cpu.taints) == (CPU_GROUP, 0, 1, ())
    assert (gpu.name, gpu.status, gpu.min_size, gpu.max_size, gpu.desired) == (GPU_GROUP, "ACTIVE", 0, 2, 2)
    assert (gpu.instance_type, gpu.image, gpu.asg_name) == (
        "g5.xlarge",
        "BOTTLEROCKET_x86_64_NVIDIA",
        "eks-gpu-node-group",
    )
    assert (gpu.health, gpu.ready_nodes, gpu.gpus) == ("ok", 2, 2)
    assert gpu.taints == ("ray.io/node-type=worker:NoSchedule",)
    assert gpu.usd_per_hour == pytest.approx(2 * (1.006 + 0.08 * 1024 / HOURS_PER_MONTH))


def test_group_health_is_the_cause() -> None:
    """An unhealthy group shows the reason, not eksctl's silence."""
    cluster = record()
    ill = group(cluster.spec.groups[1], "DEGRADED", health=(HealthIssue("InsufficientFreeAddresses", "none"),))
    rows = scorecard.group_rows(view(cluster, ready(cluster, groups=groups(cluster) | {GPU_GROUP: ill})), prices())
    assert rows[1].health == "InsufficientFreeAddresses"


def test_rows_and_scores_outlive_a_pass_that_could_not_read() -> None:
    """Unreadable groups or nodes keep the rows and scores of the last pass."""
    cluster = proven_record()
    rows = scorecard.group_rows(view(cluster, ready(cluster)), prices())
    known = replace(cluster, group_rows=rows)
    blind = view(known, ready(known, groups=BLIND, nodes=BLIND))
    assert scorecard.group_rows(blind, prices()) == rows
    assert scorecard.scores(blind) == known.scores


def test_a_group_that_went_first_stays_on_the_list_of_a_deletion() -> None:
    """Groups go at different times; the receipt still has to name each of them."""
    cluster = doomed()
    rows = scorecard.group_rows(view(cluster, ready(cluster)), prices())
    going = replace(cluster, group_rows=rows)
    left = ready(going, groups={GPU_GROUP: group(going.spec.groups[1], "DELETING")}, nodes=NOT_LOOKED)
    after = scorecard.group_rows(view(going, left), prices())
    assert [row.name for row in after] == [CPU_GROUP, GPU_GROUP]
    assert after[0].usd_per_hour == 0.0 and after[0].status == "DELETED"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (True, True, 1, True)),
        ({"ready": None}, (None, True, 1, True)),
        ({"taints": ()}, (True, False, 1, True)),
        ({"gpus_allocatable": 0}, (True, True, 0, True)),
        ({"disk_gb": 20.0}, (True, True, 1, False)),
        ({"disk_gb": 0.0}, (True, True, 1, None)),
        ({"disk_gb": 973.0}, (True, True, 1, True)),
    ],
    ids=["healthy", "readiness unknown", "taint lost", "no GPU", "20 GB instead of 1024", "disk unknown", "5 % less"],
)
def test_scores(changes: Any, expected: Any) -> None:
    """Ready, taint, GPUs and disk of each GPU node; what is not known is None and not a no."""
    cluster = record()
    (score,) = scorecard.scores(view(cluster, ready(cluster, nodes=nodes(cluster, **changes))))
    assert (score.ready, score.taint_ok, score.gpus, score.disk_ok) == expected
    assert bool(score.note) is (score.gpus == 0)


@pytest.mark.parametrize(
    ("pods", "word"),
    [((), "to come"), ("Pending", "running"), ("Running", "running"), ("Failed", "failed"), ("Succeeded", "passed")],
)
def test_smoke_words(pods: Any, word: str) -> None:
    """The scorecard says where the proof of each node stands."""
    cluster = record()
    seen = smoke(cluster, pods) if isinstance(pods, str) else pods
    (score,) = scorecard.scores(view(cluster, ready(cluster, smoke_pods=seen)))
    assert score.smoke == word


def test_a_passed_node_stays_passed_when_its_pod_is_gone_or_unreadable() -> None:
    """The proof outlives its pod."""
    cluster = proven_record()
    for pods in ((), BLIND, NOT_LOOKED):
        (score,) = scorecard.scores(view(cluster, ready(cluster, smoke_pods=pods)))
        assert score.smoke == "passed"


def test_no_smoke_is_skipped() -> None:
    """With --no-smoke nothing is claimed."""
    cluster = record(replace(bottlerocket(), smoke=False))
    assert [s.smoke for s in scorecard.scores(view(cluster, ready(cluster)))] == ["skipped"]


def test_the_scorecard_names_the_cause_of_a_shortage() -> None:
    """The note of a short node is the diagnosis."""
    cluster = record(al2023())
    seen = ready(cluster, nodes=nodes(cluster, gpus_allocatable=0))
    (score,) = scorecard.scores(view(cluster, seen))
    assert node_name(cluster.spec.groups[1], 0) in score.note and "driver" in score.note


def test_a_group_costs_what_its_nodes_are_metered_at() -> None:
    """Spot at its own price, once there is a meter for each node; before that the list says what it costs at most."""
    cluster = record()

    def gpu_rate(*usd: float | None) -> float | None:
        found = tuple(
            Meter(f"i-{number}", "instance", 1.0, 2.0, rate, group=GPU_GROUP) for number, rate in enumerate(usd)
        )
        gone = Meter("i-gone", "instance", 1.0, 2.0, 9.0, ended=2.0, group=GPU_GROUP)
        metered = replace(cluster, meters=(*found, gone))
        return scorecard.group_rows(view(metered, ready(metered)), prices())[1].usd_per_hour

    assert gpu_rate(0.52) == 0.52 and gpu_rate(None) is None
    assert gpu_rate() == gpu_rate(0.52, 0.51) == pytest.approx(1.006 + 0.08 * 1024 / HOURS_PER_MONTH)


def rate(cluster: Any, seen: Observed, **unknown: Any) -> float | None:
    """What it costs now."""
    found = view(cluster, seen)
    return scorecard.rate_now(found, scorecard.group_rows(found, prices(**unknown)), prices(**unknown))


def test_rate_now_counts_what_stands() -> None:
    """Nothing, the control plane alone, or all of it."""
    cluster = record()
    assert rate(cluster, Observed(control_plane=ABSENT)) == 0.0
    assert rate(cluster, ready(cluster, groups={})) == pytest.approx(0.10)
    assert rate(cluster, ready(cluster)) == pytest.approx(GUIDE)


@pytest.mark.parametrize("seen", [{"control_plane": BLIND}, {"groups": BLIND}], ids=["plane", "groups"])
def test_rate_now_keeps_the_last_rate_while_unread(seen: Any) -> None:
    """A cluster that cannot be read still costs what it cost: not nothing, and not its control plane alone."""
    cluster = record(usd_per_hour_now=1.44)
    assert rate(cluster, ready(cluster, **seen)) == 1.44


def test_rate_now_is_unknown_with_an_unknown_price() -> None:
    """Something that stands and has no known price makes the rate unknown; what does not stand does not."""
    cluster = record()
    assert rate(cluster, ready(cluster), g5_xlarge=None) is None
    only_cpu = {CPU_GROUP: group(cluster.spec.groups[0])}
    assert rate(cluster, ready(cluster, groups=only_cpu), g5_xlarge=None) is not None
    assert rate(cluster, Observed(control_plane=plane(cluster, "CREATING")), plane=None) is None
