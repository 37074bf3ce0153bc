"""Small in-memory stand-ins for the ports: they keep what they are told, log each call, and fail when they are asked to.

A cloud without durations: what is asked for stands at the next look. The world of the sandbox is for everything longer.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from worlds import BOT, KNOWN, NOW, prices

from domain.capacity import Foundation, InstanceType, KubernetesVersion, Quota, Subnet
from domain.cluster import Cluster
from domain.errors import Missing, Outdated, Taken
from domain.lifecycle import is_live, phase
from domain.money import PriceList
from domain.observation import (
    ABSENT,
    Absent,
    Addon,
    ControlPlane,
    DevicePlugin,
    DevicePlugins,
    DevicePluginSpec,
    Insight,
    LaunchFailure,
    Leftover,
    Node,
    NodeGroup,
    PluginPod,
    SmokePod,
)
from domain.policy import Actor
from domain.spec import NodeGroupSpec, Taint
from services import ports

M5 = InstanceType("m5.xlarge", 4, 16, 0, "", "x86_64")
SUBNETS = (Subnet("subnet-a", "us-west-2a", 200), Subnet("subnet-b", "us-west-2b", 200))


class Script:
    """The log of all calls, and what shall go wrong: an exception before a call, or after its work is done."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._before: dict[str, list[BaseException]] = {}
        self._after: dict[str, list[BaseException]] = {}
        self.hooks: dict[str, Callable[[], None]] = {}

    def fail(self, name: str, *errors: BaseException) -> None:
        """The next calls of that name fail, one error each, without having done anything."""
        self._before.setdefault(name, []).extend(errors)

    def fail_after(self, name: str, *errors: BaseException) -> None:
        """The next calls of that name do their work, and their answer is lost."""
        self._after.setdefault(name, []).extend(errors)

    def hit(self, name: str, detail: str = "") -> None:
        """A call begins."""
        self.calls.append(f"{name} {detail}".strip())
        if self._before.get(name):
            raise self._before[name].pop(0)

    def end(self, name: str) -> None:
        """The work of a call is done."""
        hook = self.hooks.pop(name, None)
        if hook is not None:
            hook()
        if self._after.get(name):
            raise self._after[name].pop(0)

    def named(self, *names: str) -> list[str]:
        """The calls of these names, in order."""
        return [call for call in self.calls if call.split()[0] in names]


@dataclass
class FakeClock(ports.Clock):
    """A clock that a test moves."""

    time: float = NOW

    def now(self) -> float:
        return self.time


class FakeClusters(ports.Clusters):
    """Records in memory. A hook on `save` runs before it: what somebody else does in between."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.records: dict[str, Cluster] = {}
        self.operations: dict[str, str] = {}
        self.audit: list[ports.AuditEntry] = []
        self.before_save: list[Callable[[], None]] = []

    def add(self, cluster: Cluster, operation: str, audit: ports.AuditEntry) -> Cluster:
        self.script.hit("clusters.add", cluster.id)
        if operation in self.operations:
            return self.records[self.operations[operation]]
        if self.by_name(cluster.spec.region, cluster.spec.name):
            raise Taken("NameTaken", self.by_name(cluster.spec.region, cluster.spec.name)[0].id)
        self.operations[operation] = cluster.id
        self.records[cluster.id] = replace(cluster, version=1)
        self.audit.append(audit)
        return self.records[cluster.id]

    def get(self, cluster_id: str) -> Cluster | Absent:
        self.script.hit("clusters.get", cluster_id)
        return self.records.get(cluster_id, ABSENT)

    def all(self) -> tuple[Cluster, ...]:
        return tuple(self.records.values())

    def save(
        self, cluster: Cluster, operation: str, lease: ports.Lease | None, audit: ports.AuditEntry | None
    ) -> Cluster:
        self.script.hit("clusters.save", f"{phase(cluster)}")
        if self.before_save:
            self.before_save.pop(0)()
        if self.records[cluster.id].version != cluster.version:
            raise Outdated("Moved", "it is not at that version any more")
        self.records[cluster.id] = replace(cluster, version=cluster.version + 1)
        if audit is not None:
            self.audit.append(audit)
        self.script.end("clusters.save")
        return self.records[cluster.id]

    def by_name(self, region: str | None, name: str) -> tuple[Cluster, ...]:
        found = (c for c in self.records.values() if c.spec.name == name and region in (None, c.spec.region))
        return tuple(c for c in found if is_live(c))

    def put(self, cluster: Cluster) -> Cluster:
        """A record as it may stand, without any ceremony."""
        self.records[cluster.id] = replace(cluster, version=cluster.version + 1)
        return self.records[cluster.id]


class FakeDueSet(ports.DueSet):
    """Every id is always due and free, unless `lost` or `busy`; what was ended how is kept."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.woken: list[str] = []
        self.ended: list[tuple[float | None, bool]] = []
        self.busy = False
        self.beats: Iterator[bool] | None = None
        self.epoch = 0
        self.attempts = 0

    def wake(self, cluster_id: str, delay_s: float = 0.0) -> None:
        self.script.hit("due.wake", cluster_id)
        self.woken.append(cluster_id)

    def claim(self, cluster_id: str, owner: str) -> ports.Lease | None:
        if self.busy:
            return None
        self.epoch += 1
        self.attempts += 1
        return ports.Lease(cluster_id, owner, self.epoch, self.attempts)

    def beat(self, lease: ports.Lease) -> bool:
        return True if self.beats is None else next(self.beats)

    def done(self, lease: ports.Lease, again_s: float | None, succeeded: bool) -> bool:
        self.ended.append((again_s, succeeded))
        if succeeded:
            self.attempts = 0
        return True

    def overdue(self, limit: int) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.woken))[:limit]


@dataclass
class FakeQueue(ports.Queue):
    """Keeps the messages."""

    sent: list[str] = field(default_factory=list)

    def send(self, cluster_id: str) -> None:
        self.sent.append(cluster_id)


class FakeBoard(ports.Board):
    """Slack as the card sees it: messages by channel and ts. `closed`: channels that are gone."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.messages: dict[tuple[str, str], ports.Rendered] = {}
        self.closed: set[str] = set()
        self.number = 0

    def render(self, cluster: Cluster, now: float) -> ports.Rendered:
        text = f"{cluster.spec.name} {phase(cluster)} " + " ".join(f"{c.type}={c.status}" for c in cluster.conditions)
        return ports.Rendered(text, text, ())

    def post(self, channel: str, message: ports.Rendered) -> tuple[str, str]:
        self.script.hit("board.post", channel)
        if channel in self.closed:
            raise Missing("ChannelGone", "the channel is archived")
        self.number += 1
        self.messages[channel, f"ts-{self.number}"] = message
        self.script.end("board.post")
        return channel, f"ts-{self.number}"

    def update(self, channel: str, ts: str, message: ports.Rendered) -> None:
        self.script.hit("board.update", ts)
        if (channel, ts) not in self.messages:
            raise Missing("MessageGone", "somebody deleted it")
        self.messages[channel, ts] = message

    def direct(self, user: str, message: ports.Rendered) -> tuple[str, str]:
        return self.post(f"D-{user}", message)


@dataclass
class FakeCardStates(ports.CardStates):
    """Card states in memory."""

    states: dict[str, ports.CardState] = field(default_factory=dict)

    def get(self, cluster_id: str) -> ports.CardState:
        return self.states.get(cluster_id, ports.CardState())

    def put(self, cluster_id: str, state: ports.CardState) -> None:
        self.states[cluster_id] = state


class FakeOnce(ports.Once):
    """First come, first served, for ever."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    def first(self, key: str, ttl_s: float) -> bool:
        new = key not in self.keys
        self.keys.add(key)
        return new


class FakeIdentifiers(ports.Identifiers):
    """Suffixes in order: aaaa2, aaaa3, …"""

    def __init__(self) -> None:
        self.number = 1

    def suffix(self) -> str:
        self.number += 1
        return f"aaaa{self.number}"


class FakeCatalogue(ports.Catalogue):
    """The types of the tests' table."""

    def instance_types(self) -> Mapping[str, InstanceType]:
        return KNOWN


class FakePrices(ports.Prices):
    """The guide's prices. `list` may be exchanged."""

    def __init__(self) -> None:
        self.list: PriceList = prices()

    def look_up(self, region: str, instance_types: tuple[str, ...], version: str | None) -> PriceList:
        return self.list

    def at_hand(self, region: str, instance_types: tuple[str, ...]) -> PriceList:
        return self.list


class FakePeople(ports.People):
    """Knows everybody as a member."""

    def look_up(self, user_id: str) -> Actor:
        return Actor(user_id)


class FakeCloud:
    """What stands, for all AWS and Kubernetes fakes together."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.planes: dict[str, ControlPlane] = {}
        self.groups: dict[str, NodeGroup] = {}
        self.addons: dict[str, Addon] = {}
        self.principals: set[str] = set()
        self.plugin: DevicePluginSpec | None = None
        self.pods: dict[str, SmokePod] = {}
        self.leftovers: list[Leftover] = []
        self.balancers: list[str] = []
        self.nodes: dict[str, Node] = {}
        self.failures: tuple[LaunchFailure, ...] = ()

    def state(self) -> tuple[object, ...]:
        """Everything that stands, to be compared."""
        return (
            sorted(self.planes), sorted(self.groups), sorted(self.addons), sorted(self.principals), self.plugin,
            sorted(self.pods), tuple(self.leftovers), tuple(self.balancers), sorted(self.nodes),
        )  # fmt: skip

    @property
    def empty(self) -> bool:
        """Nothing that costs money stands."""
        return not (self.planes or self.groups or self.nodes or self.leftovers)

    def node(self, wanted: NodeGroupSpec, number: int) -> Node:
        """A healthy node."""
        return Node(
            f"{wanted.name}-{number}", wanted.name, wanted.instance_types[0], True, wanted.taints,
            wanted.gpus_per_node, float(wanted.disk_gb),
        )  # fmt: skip


class FakePlanes(ports.ControlPlanes):
    """EKS clusters."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud, self.script = cloud, cloud.script

    def describe(self, region: str, name: str) -> ControlPlane | Absent:
        self.script.hit("planes.describe")
        return self.cloud.planes.get(name, ABSENT)

    def create(self, order: ports.ControlPlaneOrder) -> None:
        self.script.hit("planes.create", order.name)
        standing = self.cloud.planes.get(order.name)
        if standing is not None and standing.client_request_token != order.token:
            raise Taken("InUse", f"{order.name} exists")
        self.cloud.planes[order.name] = ControlPlane(
            order.name, order.foundation.region, "ACTIVE", order.version, f"arn:{order.name}",
            client_request_token=order.token, tags=dict(order.tags),
        )  # fmt: skip
        self.script.end("planes.create")

    def tag(self, region: str, arn: str, tags: Mapping[str, str]) -> None:
        self.script.hit("planes.tag", arn)
        name = arn.removeprefix("arn:")
        plane = self.cloud.planes[name]
        self.cloud.planes[name] = replace(plane, tags={**plane.tags, **tags})
        self.script.end("planes.tag")

    def lift_protection(self, region: str, name: str) -> None:
        self.script.hit("planes.lift_protection", name)
        self.cloud.planes[name] = replace(self.cloud.planes[name], deletion_protection=False)

    def delete(self, region: str, name: str) -> None:
        self.script.hit("planes.delete", name)
        if self.cloud.groups:
            raise Taken("InUse", "node groups stand in it")
        self.cloud.planes.pop(name, None)
        self.cloud.addons.clear()
        self.cloud.principals.clear()
        self.script.end("planes.delete")

    def insights(self, region: str, name: str) -> tuple[Insight, ...]:
        self.script.hit("planes.insights")
        return (Insight("x", "PASSING", ""),)


class FakeGroups(ports.NodeGroups):
    """EKS node groups; their nodes are there at once."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud, self.script = cloud, cloud.script

    def list(self, region: str, cluster: str) -> Mapping[str, NodeGroup]:
        self.script.hit("groups.list")
        return dict(self.cloud.groups)

    def create(self, order: ports.NodeGroupOrder) -> None:
        wanted = order.group
        self.script.hit("groups.create", wanted.name)
        self.cloud.groups[wanted.name] = NodeGroup(
            wanted.name, "ACTIVE", wanted.ami_type, wanted.instance_types, wanted.min_size, wanted.desired,
            wanted.max_size, taints=wanted.taints, asg_name=f"eks-{wanted.name}", created_at=NOW,
        )  # fmt: skip
        for number in range(wanted.desired):
            node = self.cloud.node(wanted, number)
            self.cloud.nodes[node.name] = node
        self.script.end("groups.create")

    def delete(self, region: str, cluster: str, name: str) -> None:
        self.script.hit("groups.delete", name)
        self.cloud.groups.pop(name, None)
        self.cloud.nodes = {key: node for key, node in self.cloud.nodes.items() if node.group != name}
        self.cloud.pods = {key: pod for key, pod in self.cloud.pods.items() if key in self.cloud.nodes}
        self.script.end("groups.delete")

    def launch_failures(self, region: str, group: str, asg_name: str) -> tuple[LaunchFailure, ...]:
        self.script.hit("groups.launch_failures", group)
        return self.cloud.failures


class FakeAddons(ports.Addons):
    """EKS add-ons."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud, self.script = cloud, cloud.script

    def list(self, region: str, cluster: str) -> Mapping[str, Addon]:
        self.script.hit("addons.list")
        return dict(self.cloud.addons)

    def create(self, region: str, cluster: str, name: str, token: str) -> None:
        self.script.hit("addons.create", name)
        self.cloud.addons[name] = Addon(name, "ACTIVE")
        self.script.end("addons.create")

    def delete(self, region: str, cluster: str, name: str) -> None:
        self.script.hit("addons.delete", name)
        self.cloud.addons.pop(name, None)
        self.script.end("addons.delete")


class FakeAccess(ports.AccessEntries):
    """EKS access entries."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud, self.script = cloud, cloud.script

    def principals(self, region: str, cluster: str) -> frozenset[str]:
        self.script.hit("access.principals")
        return frozenset(self.cloud.principals)

    def grant(self, region: str, cluster: str, principal: str, policy: str) -> None:
        self.script.hit("access.grant", principal)
        self.cloud.principals.add(principal)
        self.script.end("access.grant")

    def own_principal(self) -> str:
        self.script.hit("access.own_principal")
        return BOT


class FakeApi(ports.ApiServer):
    """The Kubernetes API."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud, self.script = cloud, cloud.script

    def version(self, plane: ControlPlane) -> str:
        self.script.hit("api.version")
        return "v1.35.0"

    def nodes(self, plane: ControlPlane) -> tuple[Node, ...]:
        self.script.hit("api.nodes")
        return tuple(self.cloud.nodes.values())

    def repair_taints(self, plane: ControlPlane, node: str, taints: tuple[Taint, ...]) -> None:
        self.script.hit("api.repair_taints", node)
        seen = self.cloud.nodes[node]
        self.cloud.nodes[node] = replace(seen, taints=tuple(dict.fromkeys((*seen.taints, *taints))))
        self.script.end("api.repair_taints")

    def load_balancers(self, plane: ControlPlane) -> tuple[str, ...]:
        self.script.hit("api.load_balancers")
        return tuple(self.cloud.balancers)

    def delete_services(self, plane: ControlPlane, names: tuple[str, ...]) -> None:
        self.script.hit("api.delete_services", ",".join(names))
        self.cloud.balancers = [name for name in self.cloud.balancers if name not in names]
        self.script.end("api.delete_services")


class FakePlugins(ports.DevicePluginSets):
    """Device-plugin DaemonSets."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud, self.script = cloud, cloud.script

    def read(self, plane: ControlPlane) -> DevicePlugins:
        self.script.hit("plugins.read")
        spec = self.cloud.plugin
        if spec is None:
            return DevicePlugins(ABSENT)
        pods = tuple(PluginPod(n.name, "Running", True) for n in self.cloud.nodes.values() if n.group in spec.groups)
        return DevicePlugins(DevicePlugin(spec, len(pods), len(pods), pods))

    def apply(self, plane: ControlPlane, spec: DevicePluginSpec) -> None:
        self.script.hit("plugins.apply")
        self.cloud.plugin = spec
        self.script.end("plugins.apply")

    def remove(self, plane: ControlPlane) -> None:
        self.script.hit("plugins.remove")
        self.cloud.plugin = None


class FakeSmoke(ports.SmokePods):
    """Smoke pods; each has passed at the next look."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud, self.script = cloud, cloud.script

    def list(self, plane: ControlPlane) -> tuple[SmokePod, ...]:
        self.script.hit("smoke.list")
        return tuple(self.cloud.pods.values())

    def run(self, plane: ControlPlane, node: str, gpus: int, tolerations: tuple[Taint, ...]) -> None:
        self.script.hit("smoke.run", node)
        self.cloud.pods[node] = SmokePod(node, "Succeeded", "Test PASSED")
        self.script.end("smoke.run")

    def remove(self, plane: ControlPlane, node: str) -> None:
        self.script.hit("smoke.remove", node)
        self.cloud.pods.pop(node, None)
        self.script.end("smoke.remove")


class FakeLeftovers(ports.Leftovers):
    """What is left behind."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud, self.script = cloud, cloud.script

    def find(self, region: str, cluster_id: str, eks_name: str) -> tuple[Leftover, ...]:
        self.script.hit("leftovers.find")
        return tuple(self.cloud.leftovers)

    def remove(self, region: str, leftover: Leftover) -> None:
        self.script.hit("leftovers.remove", leftover.id)
        self.cloud.leftovers = [item for item in self.cloud.leftovers if item.id != leftover.id]
        self.script.end("leftovers.remove")


class FakeCapacity(ports.Capacity):
    """A region that can give everything."""

    def __init__(self, script: Script) -> None:
        self.script = script

    def versions(self, region: str) -> tuple[KubernetesVersion, ...]:
        self.script.hit("capacity.versions")
        return (KubernetesVersion("1.35", True, True),)

    def ami_exists(self, region: str, version: str, ami_type: str) -> bool:
        self.script.hit("capacity.ami_exists", ami_type)
        return True

    def instance_types(self, region: str, names: tuple[str, ...]) -> Mapping[str, InstanceType]:
        self.script.hit("capacity.instance_types")
        return {**KNOWN, "m5.xlarge": M5}

    def zones_offering(self, region: str, names: tuple[str, ...]) -> Mapping[str, frozenset[str]]:
        self.script.hit("capacity.zones_offering")
        return {name: frozenset({"us-west-2a", "us-west-2b"}) for name in names}

    def quota(self, region: str, instance_type: str, capacity_type: str) -> Quota:
        self.script.hit("capacity.quota", instance_type)
        return Quota("L-1", "vCPUs", 1000, 0)

    def foundation(self, region: str) -> Foundation | Absent:
        self.script.hit("capacity.foundation")
        return Foundation(region, "vpc-1", SUBNETS, "role/cluster", "role/node")
