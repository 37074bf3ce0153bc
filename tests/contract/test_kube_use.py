"""The contract of GpuPods and ExporterSets, over the real adapter on the wire and over the world in memory."""

from collections.abc import Iterator

import pytest
from kube_doors import Doors, KubeIsland, in_memory, over_https
from kube_use import GPU, PODS, SPEC, STOCK, TAINT, fault, grow, theirs, work

from domain.errors import Denied, Taken, Unavailable
from domain.exporter import IMAGE
from domain.observation import ABSENT, Exporters, ExporterSpec
from domain.signals import Allocation, GpuPod
from services.ports import ExporterSets, GpuPods, GpuScrapes, Rays

OURS = "/apis/apps/v1/namespaces/kube-system/daemonsets/raygpu-dcgm-exporter"
MERGE = "application/merge-patch+json"


@pytest.fixture(params=[over_https, in_memory], ids=["wire", "memory"])
def doors(request: pytest.FixtureRequest) -> Iterator[Doors]:
    with request.param(KubeIsland()) as doors:
        yield doors


def test_the_adapters_are_the_ports(doors: Doors) -> None:
    """They fit the Protocols of services.ports."""
    exporters: ExporterSets = doors.exporters
    pods: GpuPods = doors.gpu_pods
    rays: Rays = doors.rays
    scrapes: GpuScrapes = doors.scrapes
    assert (exporters, pods, rays, scrapes) == (doors.exporters, doors.gpu_pods, doors.rays, doors.scrapes)


class TestGpuPods:
    """GpuPods."""

    def read(self, doors: Doors) -> Allocation:
        return doors.gpu_pods.read(doors.plane)

    def test_nobody_asks(self, doors: Doors) -> None:
        """kube-proxy, CoreDNS and their like ask for no GPU."""
        grow(doors)
        assert self.read(doors) == Allocation(())

    def test_a_pod_on_its_node(self, doors: Doors) -> None:
        """Namespace, node, phase, how many, since when."""
        grow(doors)
        began = doors.world.now
        work(doors, "train", "3")
        doors.world.after(60)
        assert self.read(doors) == Allocation((GpuPod("default", "train", GPU, "Running", 3.0, began),))

    def test_a_pod_that_finds_no_gpu(self, doors: Doors) -> None:
        """Demand: no node, Pending, and the scheduler's words."""
        grow(doors)
        work(doors, "big", "8")
        doors.world.after(60)
        (pod,) = self.read(doors).pods
        assert (pod.node, pod.phase, pod.gpus) == ("", "Pending", 8.0)
        assert "Insufficient nvidia.com/gpu" in pod.message

    def test_raygpus_own_smoke_pods_are_marked(self, doors: Doors) -> None:
        """They are nobody's work, running or ended."""
        grow(doors)
        doors.smoke.run(doors.plane, GPU, 4, (TAINT,))
        doors.world.after(3)
        assert [(p.ours, p.gpus) for p in self.read(doors).pods] == [(True, 4.0)]
        doors.world.after(120)
        assert self.read(doors) == Allocation((), None)

    def test_when_the_last_one_ended(self, doors: Doors) -> None:
        """A pod that is over is no demand; its end is the last sign of use."""
        grow(doors)
        doors.smoke.run(doors.plane, GPU, 1, (TAINT,))
        body = {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}
        name = f"raygpu-smoke-{GPU}"
        assert doors.world.foreign("PATCH", f"{PODS}/{name}", body, MERGE)[0] == 200
        began = doors.world.now
        doors.world.after(120)
        seen = self.read(doors)
        assert seen.pods == () and seen.ended_at is not None
        assert began < seen.ended_at <= began + 60

    def test_all_pages_are_read(self, doors: Doors) -> None:
        """700 pods come in two pages, none left out."""
        for number in range(700):
            work(doors, f"p{number:04}")
        doors.world.calls.clear()
        assert len(self.read(doors).pods) == 700
        assert [o for o, _ in doors.world.calls] == ["GET /api/v1/pods"] * 2

    def test_a_page_that_fails_fails_the_whole(self, doors: Doors) -> None:
        """Half a list is no list."""
        for number in range(700):
            work(doors, f"p{number:04}")
        doors.between = lambda call: fault(doors, "kube_unreachable", seconds=9) if "continue" in call.query else None
        with pytest.raises(Unavailable):
            self.read(doors)

    def test_errors_are_those_of_the_domain(self, doors: Doors) -> None:
        """401, 403: never an empty cluster."""
        doors.world.entries = set()
        with pytest.raises(Unavailable):
            self.read(doors)
        doors.world.entries = {doors.world.caller: []}
        with pytest.raises(Denied):
            self.read(doors)


class TestExporters:
    """ExporterSets."""

    def read(self, doors: Doors) -> Exporters:
        return doors.exporters.read(doors.plane)

    def test_nothing_there_is_absent(self, doors: Doors) -> None:
        """And no foreign ones; other DaemonSets are no exporters."""
        grow(doors)
        assert self.read(doors) == Exporters(ABSENT)

    def test_what_is_applied_is_read_back_and_runs_on_the_tainted_node(self, doors: Doors) -> None:
        """The same spec, a Ready pod on the GPU node and nowhere else."""
        grow(doors)
        doors.exporters.apply(doors.plane, SPEC)
        doors.world.after(60)
        seen = self.read(doors)
        assert (seen.ours, seen.foreign) == (SPEC, ())
        assert [(p.node, p.phase, p.ready, p.message) for p in seen.pods] == [(GPU, "Running", True, "")]

    def test_without_our_toleration_it_never_reaches_the_node(self, doors: Doors) -> None:
        """What NVIDIA's chart does by default: the taint keeps it away, and the read shows no pod."""
        grow(doors)
        doors.exporters.apply(doors.plane, ExporterSpec(SPEC.groups, (STOCK,), IMAGE))
        doors.world.after(60)
        assert self.read(doors).pods == ()

    def test_applying_twice_writes_nothing(self, doors: Doors) -> None:
        """The resourceVersion stays."""
        grow(doors)
        doors.exporters.apply(doors.plane, SPEC)
        doors.world.after(60)
        before = doors.world.foreign("GET", OURS, None)[1]
        doors.exporters.apply(doors.plane, SPEC)
        assert doors.world.foreign("GET", OURS, None)[1] == before

    def test_edited_by_hand_it_is_not_what_we_write(self, doors: Doors) -> None:
        """None, and a foreign field manager is named instead of forced."""
        grow(doors)
        doors.exporters.apply(doors.plane, SPEC)
        live = doors.world.foreign("GET", OURS, None)[1]
        live["spec"]["template"]["spec"]["tolerations"] = [{"operator": "Exists"}]
        assert doors.world.foreign("PUT", OURS, live)[0] == 200
        assert self.read(doors).ours is None
        with pytest.raises(Taken, match="kubectl"):
            doors.exporters.apply(doors.plane, SPEC)

    def test_removed_is_absent_twice_over(self, doors: Doors) -> None:
        """Ours only: others' stand."""
        grow(doors)
        theirs(doors, tolerant=True)
        doors.exporters.apply(doors.plane, SPEC)
        for _ in range(2):
            doors.exporters.remove(doors.plane)
            doors.world.after(60)
        seen = self.read(doors)
        assert (seen.ours, seen.foreign) == (ABSENT, ("monitoring/dcgm",))

    @pytest.mark.parametrize(("tolerant", "nodes"), [(True, (GPU,)), (False, ())])
    def test_where_others_run(self, doors: Doors, tolerant: bool, nodes: tuple[str, ...]) -> None:
        """By name, and the nodes on which theirs is Ready."""
        grow(doors)
        theirs(doors, tolerant=tolerant)
        seen = self.read(doors)
        assert (seen.ours, seen.foreign, seen.foreign_nodes) == (ABSENT, ("monitoring/dcgm",), nodes)
