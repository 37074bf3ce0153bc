"""What a look at the use of a cluster reads, and what it makes of a read that fails."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from service_rig import Rig
from worlds import ALICE, CAROL, NOW, RULES, groups, nodes, plane, proven_record, strangers

from domain.cluster import Cluster
from domain.errors import Denied, Outdated, Throttled, Unavailable
from domain.observation import NOT_LOOKED, Observed, Unreadable
from domain.ray import RayCluster, RayObjects
from domain.rules import Idle, IdlePolicy
from domain.signals import GpuScrape, Signals
from services.ports import AuditEntry
from services.watcher import kept_alive

HEAD = RayCluster("default", "demo", False, "ready", "demo-head-svc")
ASLEEP = RayCluster("default", "asleep", True, "suspended")
BLIND = Unreadable("Timeout", "no answer")


def alive() -> bool:
    """The lease holds."""
    return True


def seen(cluster: Cluster, **changes: object) -> Observed:
    """What the pass has read of it before."""
    whole = Observed(
        control_plane=plane(cluster),
        groups=groups(cluster),
        api_server="v1.35.0",
        nodes=nodes(cluster),
        ray=RayObjects(True, (HEAD, ASLEEP)),
    )
    return replace(whole, **changes)


def looked(rig: Rig, observed: Observed | None = None, lease: Callable[[], bool] = alive) -> Signals:
    """One look at the guide's cluster."""
    cluster = proven_record()
    return rig.watcher.look(cluster, observed or seen(cluster), rig.authority.rules(), lease)


def test_every_signal_is_read_in_this_very_look() -> None:
    """Pods, Ray as this pass saw it, the head that is up, the exporters of the GPU nodes; once each."""
    rig = Rig()
    signals = looked(rig)
    assert signals.at == NOW and signals.allocation == rig.use.pods
    assert signals.ray == RayObjects(True, (HEAD, ASLEEP)) and set(signals.dashboards) == {"default/demo"}
    assert isinstance(signals.scrape, GpuScrape) and len(signals.scrape.samples) == 1
    reads = ["gpu_pods.read", "rays.dashboard default/demo", "scrapes.read gpu-node-group-0.internal"]
    assert [call for call in rig.script.calls if not call.startswith("trail")] == reads


@pytest.mark.parametrize("error", [Unavailable("Timeout", "no"), Throttled("Timeout", "no"), Denied("Timeout", "no")])
@pytest.mark.parametrize(
    ("call", "of"),
    [
        ("gpu_pods.read", lambda s: s.allocation),
        ("rays.dashboard", lambda s: s.dashboards["default/demo"]),
        ("scrapes.read", lambda s: s.scrape),
        ("histories.read", lambda s: s.history),
    ],
)
def test_a_read_that_fails_fails_alone_with_its_reason(
    call: str, of: Callable[[Signals], object], error: Unavailable
) -> None:
    """The others are read all the same, and nothing is taken for empty."""
    rig = Rig(with_history=True)
    rig.script.fail(call, error)
    signals = looked(rig)
    assert of(signals) == Unreadable("Timeout", "no")
    assert len(rig.script.named("gpu_pods.read", "rays.dashboard", "scrapes.read", "histories.read")) == 4


@pytest.mark.parametrize(
    "observed",
    [
        Observed(control_plane=BLIND),
        seen(proven_record(), api_server=BLIND),
        seen(proven_record(), control_plane=strangers(proven_record())),
        seen(proven_record(), control_plane=plane(proven_record(), "DELETING")),
    ],
    ids=["plane unreadable", "API server silent", "a stranger's", "going"],
)
def test_where_nobody_can_be_asked_nobody_is(observed: Observed) -> None:
    """No timeouts one after the other: everything is as unknown as the way there, and never IDLE."""
    rig = Rig(with_history=True)
    signals = looked(rig, observed)
    for found in (signals.allocation, signals.ray, signals.scrape, signals.history):
        assert found == (BLIND if BLIND in (observed.control_plane, observed.api_server) else NOT_LOOKED)
    assert rig.script.calls == []


def test_a_metrics_store_is_asked_for_one_window_where_there_is_one() -> None:
    """An hour by the rules of the tests, twenty minutes for a dear cluster; without a store nothing was looked for."""
    rig = Rig(replace(RULES, idle=Idle(IdlePolicy(window_s=3600))), with_history=True)
    looked(rig)
    dear = proven_record(usd_per_hour_now=55.0)
    rig.watcher.look(dear, seen(dear), rig.authority.rules(), alive)
    assert rig.script.named("histories.read") == ["histories.read 3600", "histories.read 1200"]
    assert looked(Rig()).history is NOT_LOOKED


def test_the_last_gesture_of_a_person_is_found_and_raygpus_own_is_none() -> None:
    """The newest entry of the audit of this cluster that somebody else wrote."""
    rig, cluster = Rig(), proven_record()
    assert looked(rig).used_at is None
    for actor, of, at in (
        (ALICE, cluster.id, NOW - 900),
        (CAROL, cluster.id, NOW - 600),
        ("raygpu", cluster.id, NOW - 60),
        (ALICE, "other-22222", NOW - 30),
    ):
        rig.clusters.audit.append(AuditEntry(actor, "extend", of, "button", at))
    assert looked(rig).used_at == NOW - 600


def test_a_look_is_dated_by_its_beginning() -> None:
    """What is read later is younger: nothing is credited that was not seen."""
    rig = Rig()
    rig.script.hooks["gpu_pods.read"] = lambda: setattr(rig.clock, "time", NOW + 45)
    assert looked(rig).at == NOW


def test_a_lease_that_was_lost_over_a_long_look_ends_the_pass() -> None:
    """Somebody else looks by now; what this one saw counts for nothing."""
    with pytest.raises(Outdated):
        looked(Rig(), lease=lambda: False)


def test_the_lease_is_renewed_while_a_look_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exporters that time out one after the other take longer than a lease lasts."""
    monkeypatch.setattr("services.watcher.BEAT_S", 0.001)
    beats = iter(range(1000))
    renewed: list[int] = []

    def beat() -> bool:
        renewed.append(next(beats))
        return True

    with kept_alive(beat):
        while len(renewed) < 5:
            pass
    assert len(renewed) >= 6  # and once more at the end


def test_a_store_that_is_down_meanwhile_is_told_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look itself goes on; the lease is asked for once more before anything is made of it."""
    monkeypatch.setattr("services.watcher.BEAT_S", 0.001)
    calls: list[int] = []

    def beat() -> bool:
        calls.append(1)
        raise Unavailable("Down", "redis")

    with pytest.raises(Unavailable), kept_alive(beat):
        while not calls:
            pass
    assert len(calls) == 2
