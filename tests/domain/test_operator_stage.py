"""KubeRay's operator: installed once where it is wanted, behind readiness, and never a trouble of the cluster."""

from dataclasses import replace
from typing import Any

import pytest
from worlds import BLIND, NOW, proven_record, ready, true, unknown

from domain import operator_stage, provisioning
from domain.actions import InstallOperator
from domain.cluster import Cluster, Phase
from domain.conditions import Condition, Status, merge
from domain.errors import OutsideError, Rejected, Unavailable
from domain.lifecycle import OPERATOR, all_proven, phase
from domain.observation import ABSENT, NOT_LOOKED, Observed
from domain.operator import OperatorChart, RayOperator
from domain.setbacks import after_failure
from domain.stages import Stage, View

T, U = Status.TRUE, Status.UNKNOWN
CHART = OperatorChart(version="1.5.1")
RUNS = RayOperator("kuberay-system", "kuberay-operator", "quay.io/kuberay/operator:v1.5.1", True)
STARTS = replace(RUNS, available=False)
OTHERS = replace(RUNS, namespace="default", image="mirror.example/kuberay/operator:v1.4.2")
READY = proven_record(ready_at=NOW - 600)


def judged(
    seen: Any, *before: Condition, cluster: Cluster = READY, chart: OperatorChart | None = CHART
) -> Stage | None:
    told = replace(cluster, conditions=(*cluster.conditions, *before))
    return operator_stage.operator(View(told, ready(told, operators=seen), NOW, operator=chart))


def said(stage: Stage | None) -> Any:
    """Verdict and whether it is installed."""
    if stage is None:
        return None
    assert all(action == InstallOperator(CHART) for action in stage.actions)
    return (stage.condition.status, stage.condition.reason, len(stage.actions))


FAILED = after_failure(InstallOperator(CHART), False, Rejected("HelmFailed", "no such chart"))
TABLE = [
    ("not looked", NOT_LOOKED, (), None),
    ("unreadable", BLIND, (), (U, "Timeout", 0)),
    ("none", (), (), (U, "Installing", 1)),
    ("none, after a failure", (), (FAILED,), (U, "Installing", 1)),
    ("none, while it is installed", (), (unknown(OPERATOR, "Installing", NOW),), (U, "Installing", 1)),
    ("it starts", (STARTS,), (), (U, "NotRunning", 0)),
    ("it runs", (RUNS,), (), (T, "Running", 0)),
    ("somebody else's runs", (OTHERS,), (), (T, "Running", 0)),
    ("one of two runs", (STARTS, OTHERS), (), (T, "Running", 0)),
    ("it was uninstalled", (), (true(OPERATOR),), (U, "OperatorGone", 0)),
    ("it was uninstalled before it ran", (), (unknown(OPERATOR, "NotRunning", NOW),), (U, "OperatorGone", 0)),
    ("it stays uninstalled", (), (unknown(OPERATOR, "OperatorGone", NOW),), (U, "OperatorGone", 0)),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "before", "expected"), [r[1:] for r in TABLE], ids=[r[0] for r in TABLE])
def test_what_stands_and_what_is_done(seen: Any, before: tuple[Condition, ...], expected: Any) -> None:
    """Anybody's operator is as good as ours; one that a person took away is not put back."""
    assert said(judged(seen, *before)) == expected


def test_it_is_not_looked_at_where_nobody_wants_it_or_before_the_cluster_is_ready() -> None:
    """Without a condition, so that no card speaks of it."""
    assert judged((), chart=None) is None
    assert judged((), cluster=replace(READY, ready_at=None)) is None
    assert judged((), cluster=replace(READY, ready_at=None), chart=None) is None


def test_without_a_control_plane_nothing_is_installed() -> None:
    """The stage is reached by what was observed only."""
    assert operator_stage.operator(View(READY, Observed(control_plane=ABSENT), NOW, operator=CHART)) is None


@pytest.mark.parametrize("error", [Rejected("HelmFailed", "no such chart"), Unavailable("HelmTimedOut", "too long")])
def test_a_chart_that_cannot_be_had_is_told_and_the_cluster_stays_ready(error: OutsideError) -> None:
    """Neither a failed cluster nor trouble: its GPUs work."""
    failed = after_failure(InstallOperator(CHART), False, error)
    assert (failed.type, failed.status, failed.reason) == (OPERATOR, U, error.reason)
    assert failed.message == f"Could not install KubeRay 1.5.1: {error.message}"
    after = replace(READY, conditions=merge(READY.conditions, (failed,), NOW))
    assert all_proven(after.conditions) and phase(after) is Phase.READY


WAITS = [
    ("not wanted", None, (), provisioning.POLL_READY_S),
    ("to be installed", CHART, (), provisioning.POLL_STEP_S),
    ("installed, not running", CHART, (unknown(OPERATOR, "NotRunning", NOW),), provisioning.POLL_STEP_S),
    ("failed just now", CHART, (FAILED,), provisioning.POLL_READY_S),
    ("not running for long", CHART, (unknown(OPERATOR, "NotRunning", NOW - 601),), provisioning.POLL_READY_S),
    ("running", CHART, (true(OPERATOR),), provisioning.POLL_READY_S),
    ("taken away", CHART, (unknown(OPERATOR, "OperatorGone", NOW),), provisioning.POLL_READY_S),
]


@pytest.mark.parametrize(("chart", "before", "wait"), [r[1:] for r in WAITS], ids=[r[0] for r in WAITS])
def test_a_ready_cluster_is_looked_at_soon_while_it_comes(
    chart: OperatorChart | None, before: tuple[Condition, ...], wait: float
) -> None:
    """Then as rarely as any other."""
    known = tuple(replace(c, since=NOW) if c is FAILED else c for c in before)
    told = replace(READY, conditions=(*READY.conditions, *known))
    reason = before[0].reason if before else ""
    seen = {"NotRunning": (STARTS,), "Seen": (RUNS,)}.get(reason, ())
    view = View(told, ready(told, operators=seen), NOW, operator=chart)
    assert provisioning.decide(view).due_in == wait
