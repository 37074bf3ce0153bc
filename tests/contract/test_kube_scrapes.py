"""The contract of GpuScrapes, over the real adapter on the wire and over the world in memory."""

from collections.abc import Iterator

import pytest
from kube_doors import Doors, KubeIsland, in_memory, over_https
from kube_use import GPU, SECOND, SPEC, STOCK, fault, grow, theirs

from domain.errors import Denied
from domain.exporter import IMAGE
from domain.observation import ExporterSpec
from domain.signals import GpuScrape


@pytest.fixture(params=[over_https, in_memory], ids=["wire", "memory"])
def doors(request: pytest.FixtureRequest) -> Iterator[Doors]:
    with request.param(KubeIsland()) as doors:
        yield doors


class TestScrapes:
    """GpuScrapes."""

    def seen(self, doors: Doors, *nodes: str) -> GpuScrape:
        return doors.scrapes.read(doors.plane, nodes or (GPU,))

    def install(self, doors: Doors, second: bool = False) -> None:
        grow(doors, second=second)
        doors.exporters.apply(doors.plane, SPEC)
        doors.world.after(60)

    def test_every_gpu_at_rest(self, doors: Doors) -> None:
        """Four devices, no use, a counter that runs; dated by our own clock."""
        self.install(doors)
        before = self.seen(doors)
        assert (before.at, before.missing, len({s.uuid for s in before.samples})) == (doors.world.now, {}, 4)
        assert {(s.node, s.model, s.engine, s.util, s.dram, s.blank, s.xid) for s in before.samples} == {
            (GPU, "NVIDIA A10G", 0.0, 0.0, 0.0, False, 0)
        }
        doors.world.after(300)
        drawn = [b.energy_mj - a.energy_mj for a, b in zip(before.samples, self.seen(doors).samples, strict=True)]
        assert all(3_000_000 < mj < 12_000_000 for mj in drawn)

    def test_every_node_by_its_own_exporter(self, doors: Doors) -> None:
        """Pod by pod: two nodes, eight GPUs, and the paths name pods and their port."""
        self.install(doors, second=True)
        doors.world.calls.clear()
        seen = self.seen(doors, GPU, SECOND)
        assert {(s.node, s.uuid) for s in seen.samples} >= {(GPU, seen.samples[0].uuid)}
        assert [s.node for s in seen.samples] == [GPU] * 4 + [SECOND] * 4 and len({s.uuid for s in seen.samples}) == 8
        asked = [o for o, _ in doors.world.calls if "/proxy" in o]
        assert len(asked) == 2 and all("/pods/raygpu-dcgm-exporter-" in o and ":9400/proxy/metrics" in o for o in asked)

    def test_work_shows(self, doors: Doors) -> None:
        """A training on two GPUs: busy on those, at rest on the others."""
        self.install(doors)
        doors.world.api.workload("train", 2, 60, ray=False)
        doors.world.after(600)
        assert sum((s.util or 0) > 0.01 or (s.engine or 0) > 0.01 for s in self.seen(doors).samples) == 2

    def test_no_exporter_is_missing_with_its_reason(self, doors: Doors) -> None:
        """Not installed, and not there for the taint: a reason, no sample."""
        grow(doors)
        bare = self.seen(doors)
        assert bare.samples == () and "No dcgm-exporter" in bare.missing[GPU]
        doors.exporters.apply(doors.plane, ExporterSpec(SPEC.groups, (STOCK,), IMAGE))
        doors.world.after(60)
        assert "does not tolerate" in self.seen(doors).missing[GPU]

    def test_an_exporter_that_starts_is_missing(self, doors: Doors) -> None:
        """Not Ready: its phase is told."""
        grow(doors)
        doors.exporters.apply(doors.plane, SPEC)
        doors.world.after(2)
        assert "not Ready" in self.seen(doors).missing[GPU]

    def test_others_exporters_are_read_as_well(self, doors: Doors) -> None:
        """In another namespace, of another name, by image."""
        grow(doors)
        theirs(doors, tolerant=True)
        seen = self.seen(doors)
        assert (len(seen.samples), seen.missing) == (4, {})

    @pytest.mark.parametrize(("how", "words"), [("refused", "security groups"), ("empty", "shows no GPU")])
    def test_an_exporter_that_gives_nothing_is_missing(self, doors: Doors, how: str, words: str) -> None:
        """One node of two: the other one is read."""
        self.install(doors, second=True)
        fault(doors, "exporter_silent", node=GPU, how=how)
        seen = self.seen(doors, GPU, SECOND)
        assert {s.node for s in seen.samples} == {SECOND} and list(seen.missing) == [GPU]
        assert words in seen.missing[GPU]

    def test_a_gpu_that_is_not_shown_is_not_made_up(self, doors: Doors) -> None:
        """Three of four: whoever knows how many there are sees it."""
        self.install(doors)
        fault(doors, "exporter_silent", how="fewer")
        assert len(self.seen(doors).samples) == 3

    @pytest.mark.parametrize(("how", "blank"), [("int64", True), ("int32", True), ("gone", False)])
    def test_blanks_are_no_values(self, doors: Doors, how: str, blank: bool) -> None:
        """Sentinels of either width, and series that newer exporters leave out: None of use, energy as before."""
        self.install(doors)
        fault(doors, "exporter_blank", how=how)
        for sample in self.seen(doors).samples:
            assert (sample.engine, sample.util, sample.dram, sample.blank) == (None, None, None, blank)
            assert sample.energy_mj is not None

    def test_counter_reset_and_xid_are_seen(self, doors: Doors) -> None:
        """The counter is smaller than before; the error stands with its GPU."""
        self.install(doors)
        doors.world.after(600)
        before = self.seen(doors).samples[0]
        fault(doors, "energy_reset", node=GPU)
        fault(doors, "gpu_xid", node=GPU, xid=79)
        doors.world.after(40)
        after = self.seen(doors).samples
        assert after[0].energy_mj is not None and before.energy_mj is not None
        assert after[0].energy_mj < before.energy_mj
        assert sorted(s.xid for s in after) == [0, 0, 0, 79]

    @pytest.mark.parametrize("how", ["timeout", "drop"])
    def test_a_proxy_that_does_not_reach_the_pods(self, doors: Doors, how: str) -> None:
        """A closed security group: every node missing, no sample, no exception."""
        self.install(doors)
        fault(doors, "proxy_fails", how=how)
        seen = self.seen(doors)
        assert seen.samples == () and seen.missing[GPU]

    def test_pods_that_cannot_be_listed_raise(self, doors: Doors) -> None:
        """Then nothing is known of any node."""
        self.install(doors)
        doors.world.entries = {doors.world.caller: []}
        with pytest.raises(Denied):
            self.seen(doors)

    def test_no_node_asks_nothing(self, doors: Doors) -> None:
        """A parked cluster costs no call."""
        assert doors.scrapes.read(doors.plane, ()) == GpuScrape(doors.world.now, ())
        assert doors.world.calls == []

    def test_a_look_is_bounded_in_time(self, doors: Doors) -> None:
        """Nodes that come after too long a wait are missing this time."""
        self.install(doors, second=True)
        doors.between = lambda call: doors.world.after(41) if call.is_proxied else None
        seen = self.seen(doors, GPU, SECOND)
        assert {s.node for s in seen.samples} == {GPU} and "took too long" in seen.missing[SECOND]
