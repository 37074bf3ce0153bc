"""Small in-memory stand-ins for the ports: they keep what they are told, log each call, and fail when they are asked to.

A cloud without durations: what is asked for stands at the next look. The world of the sandbox is for everything longer.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from worlds import BOT, KNOWN, NOW, PEOPLE, prices

from domain.budgets import Spent
from domain.capacity import Foundation, InstanceType, KubernetesVersion, Quota, Subnet
from domain.cluster import Cluster
from domain.errors import Missing, Outdated, OutsideError, Taken
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
    SpotPrice,
)
from domain.quotas import Usage, accounts_of, fits, holding
from domain.rules import Actor, Freeze
from domain.spec import NodeGroupSpec, Taint
from domain.spending import month_spend
from services import ports

M5 = InstanceType("m5.xlarge", 4, 16, 0, "", "x86_64")
NOTICES = frozenset({"asked", "reminder", "nobody", "approved", "denied", "lapsed", "refused", "cut", "ready"})
CRIES = frozenset({"idle", "nudge", "daily", "weekly"})
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
    """Records in memory, quotas judged where they are saved. A hook on `save` runs before it: what somebody else does."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.records: dict[str, Cluster] = {}
        self.operations: dict[str, str] = {}
        self.saved: dict[tuple[str, str], int] = {}
        self.audit: list[ports.AuditEntry] = []
        self.writs: list[ports.Writ] = []
        self.before_save: list[Callable[[], None]] = []

    def add(self, cluster: Cluster, operation: str, audit: ports.AuditEntry) -> Cluster:
        self.script.hit("clusters.add", cluster.id)
        if operation in self.operations:
            return self.records[self.operations[operation]]
        if holders := self._named(cluster.spec.region, cluster.spec.name):
            raise Taken("NameTaken", holders[0].id)
        self.operations[operation] = cluster.id
        self.records[cluster.id] = replace(cluster, version=1)
        self.audit.append(audit)
        return self.records[cluster.id]

    def get(self, cluster_id: str) -> Cluster | Absent:
        self.script.hit("clusters.get", cluster_id)
        return self.records.get(cluster_id, ABSENT)

    def all(self) -> tuple[Cluster, ...]:
        self.script.hit("clusters.all")
        return tuple(self.records.values())

    def live(self) -> tuple[Cluster, ...]:
        self.script.hit("clusters.live")
        return tuple(c for c in self.records.values() if is_live(c))

    def save(self, cluster: Cluster, operation: str, lease: ports.Lease | None, writ: ports.Writ) -> Cluster:
        self.script.hit("clusters.save", f"{phase(cluster)}")
        if self.before_save:
            self.before_save.pop(0)()
        known = self.saved.get((cluster.id, operation))
        if known == cluster.version:
            return self.records[cluster.id]
        if known is not None:
            raise Outdated("OperationReused", "that operation has changed another version")
        if self.records[cluster.id].version != cluster.version:
            raise Outdated("Moved", "it is not at that version any more")
        self._reserve(cluster, writ)
        self.records[cluster.id] = replace(cluster, version=cluster.version + 1)
        self.saved[cluster.id, operation] = cluster.version
        self.writs.append(writ)
        if writ.audit is not None:
            self.audit.append(writ.audit)
        self.script.end("clusters.save")
        return self.records[cluster.id]

    def by_name(self, region: str | None, name: str, *, past: bool = False) -> tuple[Cluster, ...]:
        self.script.hit("clusters.by_name", name)
        return self._named(region, name, past=past)

    def put(self, cluster: Cluster) -> Cluster:
        """A record as it may stand, without any ceremony."""
        self.records[cluster.id] = replace(cluster, version=cluster.version + 1)
        return self.records[cluster.id]

    def used(self, account: str, without: str = "") -> Usage:
        """What an account holds now."""
        held = [
            h.usage for c in self.records.values() if c.id != without and (h := holding(c)) and account in h.accounts
        ]
        return Usage(
            sum(u.clusters for u in held), sum(u.gpus for u in held), sum(u.usd_per_hour for u in held),
            sum(u.unpriced for u in held),
        )  # fmt: skip

    def _named(self, region: str | None, name: str, *, past: bool = False) -> tuple[Cluster, ...]:
        found = (c for c in self.records.values() if c.spec.name == name and region in (None, c.spec.region))
        return tuple(c for c in found if past or is_live(c))

    def _reserve(self, cluster: Cluster, writ: ports.Writ) -> None:
        wanted = holding(cluster)
        if wanted is not None and writ.limits:
            usage = {account: self.used(account, cluster.id) for account in wanted.accounts}
            exceeded = fits(usage, wanted, writ.limits)
            if exceeded is not None:
                raise exceeded


class FakeAccounts(ports.Accounts):
    """The sums over the fake records."""

    def __init__(self, clusters: FakeClusters) -> None:
        self.clusters, self.script = clusters, clusters.script

    def usage(self, accounts: tuple[str, ...]) -> Mapping[str, Usage]:
        self.script.hit("accounts.usage")
        return {account: self.clusters.used(account) for account in accounts}

    def spent(self, month: str, accounts: tuple[str, ...]) -> Mapping[str, Spent]:
        self.script.hit("accounts.spent", month)
        found = {}
        for account in accounts:
            mine = [month_spend(c, month) for c in self.clusters.records.values() if account in accounts_of(c.spec)]
            found[account] = Spent(sum(s.usd for s in mine), sum(s.unknown_s for s in mine))
        return found


class FakeTrail(ports.Trail):
    """The audit of the fake records."""

    def __init__(self, clusters: FakeClusters) -> None:
        self.clusters, self.script = clusters, clusters.script

    def of(self, cluster_id: str, limit: int) -> tuple[ports.AuditEntry, ...]:
        self.script.hit("trail.of", cluster_id)
        return tuple([entry for entry in reversed(self.clusters.audit) if entry.object == cluster_id][:limit])

    def since(self, at: float) -> Iterator[ports.AuditEntry]:
        return (entry for entry in self.clusters.audit if entry.at >= at)


class FakeSwitches(ports.Switches):
    """The emergency brake and the halt, moved by assignment; an installation that began at `installed`."""

    def __init__(self) -> None:
        self.pulled: Freeze | None = None
        self.halted: Freeze | None = None
        self.installed = 0.0

    def freeze(self) -> Freeze | None:
        return self.pulled

    def set_freeze(self, freeze: Freeze | None, operation: str, audit: ports.AuditEntry) -> None:
        self.pulled = freeze

    def halt(self) -> Freeze | None:
        return self.halted

    def set_halt(self, halt: Freeze | None, operation: str, audit: ports.AuditEntry) -> None:
        self.halted = halt

    def installed_at(self, now: float) -> float:
        return self.installed


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

    def wake_many(self, cluster_ids: Sequence[str]) -> None:
        self.script.hit("due.wake_many", str(len(cluster_ids)))
        self.woken.extend(cluster_ids)

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
        self.replies: list[tuple[str, str]] = []
        self.number = 0

    def render(self, cluster: Cluster, now: float) -> ports.Rendered:
        text = f"{cluster.spec.name} {phase(cluster)} " + " ".join(f"{c.type}={c.status}" for c in cluster.conditions)
        return ports.Rendered(text, text, ())

    def post(self, channel: str, message: ports.Rendered) -> tuple[str, str]:
        self.script.hit("board.post", channel)
        sent = self._put(channel, message)
        self.script.end("board.post")
        return sent

    def update(self, channel: str, ts: str, message: ports.Rendered) -> None:
        self.script.hit("board.update", ts)
        if (channel, ts) not in self.messages:
            raise Missing("MessageGone", "somebody deleted it")
        self.messages[channel, ts] = message

    def direct(self, user: str, message: ports.Rendered) -> tuple[str, str]:
        self.script.hit("board.direct", user)
        return self._put(f"D-{user}", message)

    def render_notice(self, cluster: Cluster, kind: str, people: tuple[str, ...], now: float) -> ports.Rendered:
        text = f"{kind} {cluster.spec.name} {' '.join(people)}"
        return ports.Rendered(text, text, ())

    def reply(self, channel: str, ts: str, message: ports.Rendered) -> str:
        self.script.hit("board.reply", f"{ts}: {message.text}")
        if (channel, ts) not in self.messages or channel in self.closed:
            raise Missing("MessageGone", "somebody deleted it")
        answer = self._put(channel, message)[1]
        self.replies.append((ts, answer))
        self.script.end("board.reply")
        return answer

    @property
    def cards(self) -> list[ports.Rendered]:
        """The messages that are cards, as they stand."""
        return [m for m in self.messages.values() if m.text.split()[0] not in NOTICES | CRIES]

    @property
    def notices(self) -> list[tuple[str, str]]:
        """Channel and text of every message beside a card, in order."""
        return [(channel, m.text) for (channel, _), m in self.messages.items() if m.text.split()[0] in NOTICES]

    @property
    def cries(self) -> list[tuple[str, str]]:
        """Channel and text of every message about idleness and the end, in order, as they stand."""
        return [(channel, m.text) for (channel, _), m in self.messages.items() if m.text.split()[0] in CRIES]

    def _put(self, channel: str, message: ports.Rendered) -> tuple[str, str]:
        if channel in self.closed:
            raise Missing("ChannelGone", "the channel is archived")
        self.number += 1
        self.messages[channel, f"ts-{self.number}"] = message
        return channel, f"ts-{self.number}"


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

    def spot(self, region: str, zone: str, instance_type: str, since: float) -> tuple[SpotPrice, ...]:
        return (SpotPrice(0.0, 0.5),)


class FakePeople(ports.People):
    """The people of the tests; everybody else is a member. `groups`: members of user groups; `errors` by id."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.known: dict[str, Actor] = dict(PEOPLE)
        self.groups: dict[str, frozenset[str]] = {}
        self.errors: dict[str, OutsideError] = {}
        self.unknown: set[str] = set()

    def look_up(self, user_id: str) -> Actor:
        self.script.hit("people.look_up", user_id)
        if user_id in self.errors:
            raise self.errors[user_id]
        if user_id in self.unknown:
            raise Missing("UserNotFound", "Slack knows nobody of that id")
        return self.known.get(user_id, Actor(user_id))

    def members(self, group_id: str) -> frozenset[str]:
        self.script.hit("people.members", group_id)
        if group_id in self.errors:
            raise self.errors[group_id]
        return self.groups.get(group_id, frozenset())


class FakeCloud:
    """What stands, for all AWS and Kubernetes fakes together."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.planes: dict[str, ControlPlane] = {}
        self.groups: dict[str, NodeGroup] = {}
        self.specs: list[NodeGroupSpec] = []
        self.addons: dict[str, Addon] = {}
        self.principals: dict[str, frozenset[str]] = {}
        self.plugin: DevicePluginSpec | None = None
        self.pods: dict[str, SmokePod] = {}
        self.leftovers: list[Leftover] = []
        self.balancers: list[str] = []
        self.nodes: dict[str, Node] = {}
        self.failures: tuple[LaunchFailure, ...] = ()

    def state(self) -> tuple[object, ...]:
        """Everything that stands, to be compared."""
        entries = sorted((principal, sorted(policies)) for principal, policies in self.principals.items())
        return (
            sorted(self.planes), sorted(self.groups), sorted(self.addons), entries, self.plugin,
            sorted((g.name, g.min_size, g.desired, g.max_size) for g in self.groups.values()),
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
        self.cloud.specs.append(wanted)
        self.cloud.groups[wanted.name] = NodeGroup(
            wanted.name, "ACTIVE", wanted.ami_type, wanted.instance_types, wanted.min_size, wanted.desired,
            wanted.max_size, taints=wanted.taints, asg_name=f"eks-{wanted.name}", created_at=NOW,
        )  # fmt: skip
        for number in range(wanted.desired):
            node = self.cloud.node(wanted, number)
            self.cloud.nodes[node.name] = node
        self.script.end("groups.create")

    def scale(self, region: str, cluster: str, name: str, sizes: ports.Sizes, token: str) -> None:
        self.script.hit("groups.scale", f"{name} {sizes.min_size}/{sizes.desired}/{sizes.max_size}")
        group = self.cloud.groups[name]
        self.cloud.groups[name] = replace(
            group, min_size=sizes.min_size, desired=sizes.desired, max_size=sizes.max_size
        )
        gone = [key for key, node in self.cloud.nodes.items() if node.group == name][sizes.desired :]
        for key in gone:
            self.cloud.nodes.pop(key)
            self.cloud.pods.pop(key, None)
        spec = next(g for g in self.cloud.specs if g.name == name)
        for number in range(sizes.desired):
            node = self.cloud.node(spec, number)
            self.cloud.nodes.setdefault(node.name, node)
        self.script.end("groups.scale")

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

    def principals(self, region: str, cluster: str) -> Mapping[str, frozenset[str]]:
        self.script.hit("access.principals")
        return dict(self.cloud.principals)

    def grant(self, region: str, cluster: str, principal: str, policy: str) -> None:
        self.script.hit("access.grant", principal)
        self.cloud.principals[principal] = frozenset({policy})
        self.script.end("access.grant")

    def revoke(self, region: str, cluster: str, principal: str) -> None:
        self.script.hit("access.revoke", principal)
        self.cloud.principals.pop(principal, None)
        self.script.end("access.revoke")

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
