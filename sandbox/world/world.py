"""The world: one object that holds AWS as raygpu meets it, moves it along on a virtual clock, and answers its calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sandbox.world import (
    catalogue,
    eks_addons,
    group_life,
    quotas,
)
from sandbox.world.api_servers import ApiServers, BuiltinServers
from sandbox.world.armed import Armed
from sandbox.world.aws_faults import AwsFaults
from sandbox.world.bill import Ledger
from sandbox.world.call import Call, CallLog
from sandbox.world.cluster_api import ClusterApi
from sandbox.world.dispatch import handler_of
from sandbox.world.errors import AwsError
from sandbox.world.faults import Faults
from sandbox.world.fleet import Fleet
from sandbox.world.gate import Gate
from sandbox.world.ids import Ids
from sandbox.world.kube_faults import register_kube_faults
from sandbox.world.network import MemoryNetwork, Network
from sandbox.world.nodes import facts_of
from sandbox.world.remains import Remains
from sandbox.world.snapshot import snapshot
from sandbox.world.state import Cluster, Instance, Nodegroup
from sandbox.world.timeline import Timeline
from sandbox.world.validation import service_model, validate


class World:
    """AWS as raygpu meets it. Deterministic: the same seed and the same calls at the same times give the same world.

    `start` is in epoch seconds. `cluster_endpoint(key)` answers (URL, base64 CA) for a new cluster's API server.
    `network` is where EC2 objects are kept (default: in memory). Doors hold `lock` around what they do; `aws`,
    `advance_to`, `inject`, `bill` and `snapshot` take it themselves.
    """

    def __init__(
        self,
        start: float,
        seed: int = 0,
        account: str = "111122223333",
        region: str = "us-west-2",
        cluster_endpoint: Callable[[str], tuple[str, str]] | None = None,
        *,
        network: Network | None = None,
    ) -> None:
        self.account = account
        self.region = region
        self.started_at = start
        self.cluster_endpoint = cluster_endpoint
        self.lock = threading.RLock()
        self.ids = Ids(seed)
        self.timeline = Timeline(start)
        self.network: Network = network if network is not None else MemoryNetwork(account, self.ids)
        self.caller = f"arn:aws:iam::{account}:role/raygpu-bot"
        self.role_exists: Callable[[str], bool] = self._is_registered
        self.zones_without_eks = {"us-east-1e"}  # zone id use1-az3; its like in other regions has no offerings here
        self.clusters: dict[tuple[str, str], Cluster] = {}
        self.api_servers: ApiServers = BuiltinServers()
        self.apis: dict[str, ClusterApi] = {}
        self.past_groups: dict[str, Nodegroup] = {}  # Auto Scaling keeps the activities of deleted groups for six weeks
        self.fleet = Fleet()
        self.ledger = Ledger()
        self.gate = Gate()
        self.armed = Armed()
        self.calls = CallLog()
        self.faults = Faults(self.full_name)
        self._roles: set[str] = set()
        self._quotas: dict[tuple[str, str], float] = {}
        self.remains = Remains(self)
        AwsFaults(self).register()
        register_kube_faults(self)

    # time

    @property
    def now(self) -> float:
        """The world's time, epoch seconds."""
        return self.timeline.now

    def schedule(self, at: float, callback: Callable[[], None]) -> None:
        """Run `callback` when the world's time reaches `at`."""
        self.timeline.schedule(at, callback)

    def advance_to(self, now: float) -> None:
        """Run all transitions due until `now`, in time order. An earlier time changes nothing."""
        with self.lock:
            self.timeline.advance_to(now)

    # calls

    def aws(
        self,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        region: str | None = None,
        caller: str | None = None,
    ) -> dict[str, Any]:
        """One AWS call with botocore's parameter and reply shapes. Raises AwsError as the service would answer."""
        with self.lock:
            call = Call(params, region or self.region, caller or self.caller)
            try:
                answer = self._answer(service, operation, call)
            except AwsError as error:
                if error.http_status is None:
                    error.http_status = _status_of(service, error.code)
                self.record(service, operation, params, error.http_status, error.code)
                raise
            self.record(service, operation, params, 200)
            return answer

    def _answer(self, service: str, operation: str, call: Call) -> dict[str, Any]:
        self.gate.before(service, operation, self.now, call.caller)
        validate(service, operation, call.params)
        handler = handler_of(service, operation)
        if handler is None:
            raise AwsError("NotImplemented", f"The sandbox has no {service} {operation}.", 501)
        answer = handler(self, call)
        self.gate.after(service, operation)
        return {key: value for key, value in answer.items() if value is not None}

    def record(self, service: str, operation: str, params: Any, status: int, error: str | None = None) -> None:
        """Enter a call into the log: AWS's own, those moto answers, and those of the Kubernetes half."""
        self.calls.add(self.now, service, operation, params, (status, error))

    # what exists

    def register_role(self, arn: str) -> None:
        """Make an IAM role known."""
        self._roles.add(arn)

    def _is_registered(self, arn: str) -> bool:
        return arn in self._roles

    def zones(self, region: str) -> list[str]:
        """The Availability Zones of a region."""
        return sorted({zone for zones in catalogue.offerings(region).values() for zone in zones})

    def quota(self, region: str, code: str) -> float:
        """An applied quota."""
        return self._quotas.get((region, code), quotas.QUOTAS[code].applied)

    def set_quota(self, region: str, code: str, value: float) -> None:
        """Change an applied quota."""
        self._quotas[region, code] = value

    def stands(self, cluster: Cluster) -> bool:
        """Whether this very cluster still exists (and not another of its name)."""
        return self.clusters.get((cluster.region, cluster.name)) is cluster

    def holds(self, group: Nodegroup) -> bool:
        """Whether this very node group still exists."""
        cluster = self.clusters.get((group.region, group.cluster))
        return cluster is not None and cluster.nodegroups.get(group.name) is group

    def group_of(self, instance: Instance) -> Nodegroup | None:
        """The node group an instance belongs to, None when it is gone."""
        cluster = self.clusters.get((instance.region, instance.cluster))
        group = cluster.nodegroups.get(instance.group) if cluster is not None else None
        return group if group is not None and group.asg == instance.asg else None

    def watch(self, group: Nodegroup) -> None:
        """Have EKS look at a group soon."""
        cluster = self.clusters.get((group.region, group.cluster))
        if cluster is not None:
            self.schedule(self.now + group_life.WATCH_S, lambda: group_life.watch(self, cluster, group))

    # the Kubernetes half

    def api_key(self, region: str, name: str) -> str:
        """The name of a cluster among the API servers: its own, with the region where two regions share it."""
        taken = any(c.key == name and (c.region, c.name) != (region, name) for c in self.clusters.values())
        return f"{name}.{region}" if taken else name

    def start_api(self, cluster: Cluster) -> None:
        """The API server of a cluster comes up."""
        api = self.api_servers.open(self, cluster)
        if cluster.request.get("bootstrapSelfManagedAddons", True):
            for name in eks_addons.SELF_MANAGED:
                api.addon_installed(name)
        self.apis[cluster.key] = api

    def stop_api(self, cluster: Cluster) -> None:
        """The API server is gone."""
        api = self.apis.pop(cluster.key, None)
        if api is not None:
            api.stop()
        self.api_servers.end(cluster)

    def full_name(self, name: str) -> str:
        """The key of the one cluster that people call `name`: its name in EKS, or the name its owner gave it (a tag)."""
        given = [c.key for c in self.clusters.values() if c.tags.get("raygpu:name") == name]
        return given[0] if name not in {c.key for c in self.clusters.values()} and len(given) == 1 else name

    def api_of(self, instance: Instance) -> ClusterApi | None:
        """The API server of an instance's cluster."""
        cluster = self.clusters.get((instance.region, instance.cluster))
        return self.apis.get(cluster.key) if cluster is not None else None

    def access_entries(self, key: str) -> dict[str, list[str]]:
        """Who may speak to the API server of that key: principal ARNs with their associated policies."""
        for cluster in self.clusters.values():
            if cluster.key == key:
                return {entry.principal: sorted(entry.policies) for entry in cluster.entries.values()}
        return {}

    def join(self, instance: Instance) -> None:
        """An instance's kubelet registers, unless it has ended or cannot reach the API server."""
        group, api = self.group_of(instance), self.api_of(instance)
        if group is None or api is None or not instance.is_live or self.armed.joins_fail(group.cluster, group.name):
            return
        instance.joined = True
        api.join(facts_of(group, instance, self.now))

    def ready_nodes(self, cluster: Cluster) -> set[str]:
        """The names of a cluster's Ready nodes."""
        api = self.apis.get(cluster.key)
        return set(api.ready_nodes()) if api is not None else set()

    def open_nodes(self, cluster: Cluster) -> set[str]:
        """The Ready nodes of groups without a taint that keeps pods away: where coredns can run."""
        ready = self.ready_nodes(cluster)
        return {
            instance.node_name
            for group in cluster.nodegroups.values()
            if not any(taint["effect"] != "PREFER_NO_SCHEDULE" for taint in group.taints)
            for instance in self.fleet.of(group.asg)
            if instance.node_name in ready
        }

    # what carries tags

    def eks_tagged(self, region: str) -> Iterator[tuple[str, dict[str, str]]]:
        """The EKS resources of a region with their own (live) tag dictionaries."""
        for cluster in self.clusters.values():
            if cluster.region == region:
                yield cluster.arn, cluster.tags
                yield from ((group.arn, group.tags) for group in cluster.nodegroups.values())
                yield from ((eks_addons.addon_arn(self, cluster, a), a.tags) for a in cluster.addons.values())

    def tagged(self, region: str) -> list[tuple[str, dict[str, str]]]:
        """Every resource of a region with its tags."""
        instances = [
            (f"arn:aws:ec2:{region}:{self.account}:instance/{i.id}", i.tags)
            for i in self.fleet.all()
            if i.region == region and i.is_live
        ]
        return [*self.eks_tagged(region), *instances, *self.network.tagged(region)]

    # for the control API

    def register_fault(self, name: str, params: Iterable[str], description: str, apply: Callable[..., Any]) -> None:
        """Add a fault to the catalogue; `apply` raises ValueError with a sentence on bad parameters."""
        self.faults.register(name, params, description, apply)

    def inject(self, name: str, **params: Any) -> Any:
        """Make a fault happen. Raises KeyError on an unknown name, ValueError with a sentence on bad parameters."""
        with self.lock:
            return self.faults.inject(name, **params)

    def bill(self) -> dict[str, Any]:
        """Hours and dollars of every resource that runs or ran."""
        with self.lock:
            return self.ledger.bill(self.now)

    def snapshot(self) -> dict[str, Any]:
        """The world at a glance."""
        with self.lock:
            return snapshot(self)


def _status_of(service: str, code: str) -> int:
    """The HTTP status the service's model gives an error code; 400 where it says nothing."""
    for shape in service_model(service).error_shapes:
        if code in (shape.name, shape.error_code):
            return int(shape.metadata.get("error", {}).get("httpStatusCode", 400))
    return 400
