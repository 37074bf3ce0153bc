"""Stand-ins for the ports of use and money: instances, exporters, GPU pods, Ray, counters; and what is said about it all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from fakes import FakeCloud, Script
from worlds import NOW

from domain.cluster import Cluster
from domain.costs import Costs
from domain.digests import Digest, Week
from domain.observation import ABSENT, ControlPlane, Exporters, ExporterSpec, Instance, PluginPod
from domain.operator import OperatorChart, RayOperator
from domain.ray import RayCluster, RayObjects
from domain.rules import Rules
from domain.signals import Allocation, GpuHistory, GpuSample, GpuScrape, RayDashboard
from domain.watch import Delivered
from services import ports

REST_W = 16.0
QUIET_RAY = RayDashboard((), (), 0)


@dataclass
class Use:
    """How the GPUs of the fake cloud are used, for all fakes of this file together."""

    pods: Allocation = field(default_factory=lambda: Allocation(()))
    ray: RayObjects = field(default_factory=lambda: RayObjects(installed=False))
    dashboards: dict[str, RayDashboard] = field(default_factory=dict)
    history: GpuHistory | None = None
    busy: float = 0.0


class FakeInstances(ports.Instances):
    """An instance for each node, from the first look that shows it to the first that does not."""

    def __init__(self, cloud: FakeCloud, clock: ports.Clock) -> None:
        self.cloud, self.script, self.clock = cloud, cloud.script, clock
        self.known: dict[str, Instance] = {}
        self.ends: dict[str, float] = {}

    def list(self, region: str, eks_name: str) -> tuple[Instance, ...]:
        self.script.hit("instances.list")
        now, nodes = self.clock.now(), self.cloud.nodes
        for node in nodes.values():
            began = Instance(f"i-{node.name}", node.group, node.instance_type, "us-west-2a", "running", now)
            if node.name not in self.known or self.known[node.name].is_over:
                self.known[node.name] = began
        for name, one in self.known.items():
            if name not in nodes and not one.is_over:
                self.known[name] = replace(one, state="terminated", ended_at=now)
        return tuple(self.known.values())

    def endings(self, region: str, asg_name: str) -> Mapping[str, float]:
        self.script.hit("instances.endings", asg_name)
        return self.ends


class FakeExporters(ports.ExporterSets):
    """dcgm-exporter DaemonSets; a pod runs on every node of theirs at once."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud, self.script = cloud, cloud.script
        self.spec: ExporterSpec | None = None

    def read(self, plane: ControlPlane) -> Exporters:
        self.script.hit("exporters.read")
        spec = self.spec
        if spec is None:
            return Exporters(ABSENT)
        homes = (node.name for node in self.cloud.nodes.values() if node.group in spec.groups)
        return Exporters(spec, tuple(PluginPod(name, "Running", True) for name in homes))

    def apply(self, plane: ControlPlane, spec: ExporterSpec) -> None:
        self.script.hit("exporters.apply")
        self.spec = spec
        self.script.end("exporters.apply")

    def remove(self, plane: ControlPlane) -> None:
        self.script.hit("exporters.remove")
        self.spec = None


class FakeOperators(ports.RayOperators, ports.HelmCharts):
    """KubeRay's operator, which runs as soon as helm has installed it."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.standing: tuple[RayOperator, ...] = ()

    def read(self, plane: ControlPlane) -> tuple[RayOperator, ...]:
        self.script.hit("operators.read")
        return self.standing

    def install(self, plane: ControlPlane, chart: OperatorChart) -> None:
        self.script.hit("charts.install", chart.version)
        self.standing = (RayOperator("kuberay-system", "kuberay-operator", f"kuberay/operator:v{chart.version}", True),)
        self.script.end("charts.install")


class FakeGpuPods(ports.GpuPods):
    """Who asks for GPUs."""

    def __init__(self, script: Script, use: Use) -> None:
        self.script, self.use = script, use

    def read(self, plane: ControlPlane) -> Allocation:
        self.script.hit("gpu_pods.read")
        self.script.end("gpu_pods.read")
        return self.use.pods


class FakeRays(ports.Rays):
    """KubeRay's objects and dashboards."""

    def __init__(self, script: Script, use: Use) -> None:
        self.script, self.use = script, use

    def objects(self, plane: ControlPlane) -> RayObjects:
        self.script.hit("rays.objects")
        return self.use.ray

    def dashboard(self, plane: ControlPlane, cluster: RayCluster) -> RayDashboard:
        self.script.hit("rays.dashboard", cluster.id)
        return self.use.dashboards.get(cluster.id, QUIET_RAY)

    def suspend(self, plane: ControlPlane, namespace: str, name: str, mark: str) -> None:
        self.script.hit("rays.suspend", f"{namespace}/{name} {mark}")

    def resume(self, plane: ControlPlane, namespace: str, name: str) -> None:
        self.script.hit("rays.resume", f"{namespace}/{name}")


class FakeScrapes(ports.GpuScrapes):
    """One GPU on each node, at rest unless `use.busy`."""

    def __init__(self, script: Script, use: Use, clock: ports.Clock) -> None:
        self.script, self.use, self.clock = script, use, clock

    def read(self, plane: ControlPlane, nodes: tuple[str, ...]) -> GpuScrape:
        self.script.hit("scrapes.read", ",".join(nodes))
        at, busy = self.clock.now(), self.use.busy
        energy = 1000.0 * REST_W * (at - NOW + 1e6)
        found = [GpuSample(n, f"GPU-{n}", "A10G", "", busy, busy, 0.0, energy, 3.0) for n in nodes]
        return GpuScrape(at, tuple(found))


class FakeHistories(ports.GpuHistories):
    """A metrics store that answers what `use.history` says."""

    def __init__(self, script: Script, use: Use) -> None:
        self.script, self.use = script, use

    def read(self, plane: ControlPlane, since: float, until: float) -> GpuHistory:
        self.script.hit("histories.read", f"{until - since:.0f}")
        return self.use.history or GpuHistory("fake", since, until, ())


class FakeReminders(ports.Reminders):
    """Words that tests can read: what kind of message, of which cluster, and what there is to know."""

    def idle(self, cluster: Cluster, rules: Rules, now: float) -> ports.Rendered:
        watch = cluster.watch
        steps = [f"{one.step}@{one.act_at:.0f}" for one in watch.told if one.act_at is not None]
        over = "over" if cluster.parked or cluster.deletion or cluster.kept else watch.use
        return _drawn(f"idle {cluster.spec.name} {over} {watch.idle_s:.0f}s {' '.join(steps)}")

    def nudge(self, cluster: Cluster, sent: Delivered, now: float) -> ports.Rendered:
        return _drawn(f"nudge {cluster.spec.name} {sent.kind} {sent.step} {' '.join(sent.reached)}")

    def daily(self, digest: Digest, now: float) -> ports.Rendered:
        return _drawn(f"daily {digest.owner} {digest.day} {digest.usd:.2f}")

    def weekly(self, week: Week, now: float) -> ports.Rendered:
        return _drawn(f"weekly {week.costs.last_day} {week.reminders}")


class FakeCharts(ports.Charts):
    """A picture of the sum."""

    def costs(self, found: Costs, locale: str) -> tuple[bytes, str, str]:
        return b"PNG", f"costs in {locale}", f"{len(found.rows)} clusters"


@dataclass
class FakePictures(ports.Pictures):
    """Keeps what was sent; `lost`: fails with that."""

    sent: list[tuple[str, bytes, str, str]] = field(default_factory=list)
    check: Callable[[], None] = lambda: None

    def send(self, user: str, picture: bytes, title: str, alt: str) -> None:
        self.check()
        self.sent.append((user, picture, title, alt))


def _drawn(text: str) -> ports.Rendered:
    return ports.Rendered(text, text, ())
