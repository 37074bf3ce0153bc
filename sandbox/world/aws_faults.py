"""The faults of the AWS half, as the catalogue offers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.world import catalogue, cluster_life, scaling
from sandbox.world.eks_reads import INSIGHTS
from sandbox.world.errors import AwsError
from sandbox.world.gate import Trap
from sandbox.world.iam import known_actions
from sandbox.world.quotas import QUOTAS
from sandbox.world.state import Artifact, Cluster, Issue
from sandbox.world.validation import service_model

if TYPE_CHECKING:
    from sandbox.world.world import World

MAX_STATUS = 599


class AwsFaults:
    """Each method is one fault; a wrong value is a ValueError with a sentence."""

    def __init__(self, world: World) -> None:
        self._world = world

    def register(self) -> None:
        """Put them all into the world's catalogue."""
        for name, params, text in _CATALOGUE:
            self._world.register_fault(name, params, text, getattr(self, name))

    def no_capacity(self, instance_type: str, zone: str | None = None, slots: Any = 0) -> dict[str, Any]:
        """A zone (or all zones) has no more instances of a type."""
        if instance_type not in catalogue.instance_types():
            raise ValueError(f"There is no instance type {instance_type}.")
        zones = [zone] if zone else self._all_zones()
        if zone and zone not in self._all_zones():
            raise ValueError(f"There is no Availability Zone {zone}.")
        left = _whole("slots", slots, least=0)
        for place in zones:
            self._world.fleet.capacity[instance_type, place] = left
        return {"zones": zones}

    def _all_zones(self) -> list[str]:
        return sorted({z for region in catalogue.REGION_FACTOR for z in self._world.zones(region)})

    def capacity_returns(self, instance_type: str, zone: str | None = None) -> None:
        """Plenty again."""
        for key in list(self._world.fleet.capacity):
            if key[0] == instance_type and zone in (None, key[1]):
                del self._world.fleet.capacity[key]

    def quota(self, code: str, value: Any, region: str | None = None) -> None:
        """Set an applied quota."""
        if code not in QUOTAS:
            raise ValueError(f"There is no quota {code}; known are {', '.join(QUOTAS)}.")
        number = _whole("value", value, least=0)
        for place in [region] if region else list(catalogue.REGION_FACTOR):
            self._world.set_quota(place, code, number)

    def cluster_create_failed(self, cluster: str = "*", code: str = "InternalFailure", message: str = "") -> None:
        """A control plane turns FAILED instead of ACTIVE."""
        self._world.armed.clusters[cluster] = (code, message or "Amazon EKS could not create the control plane.")

    def nodegroup_create_failed(
        self, group: str, code: str = "InternalFailure", message: str = "", cluster: str = "*"
    ) -> None:
        """A node group turns CREATE_FAILED a minute after its creation."""
        self._world.armed.groups[cluster, group] = (code, message or "Amazon EKS could not create the node group.")

    def nodegroup_delete_failed(
        self, group: str, code: str = "InternalFailure", message: str = "", cluster: str = "*"
    ) -> None:
        """A deletion ends in DELETE_FAILED once."""
        self._world.armed.group_deletes[cluster, group] = (
            code,
            message or "Amazon EKS could not delete the node group.",
        )

    def join_failure(self, group: str, cluster: str = "*") -> None:
        """Instances launch but never join."""
        self._world.armed.join_failures.add((cluster, group))

    def eni_leak(self, cluster: str) -> None:
        """The CNI leaves an interface behind when the next node group of the cluster goes."""
        self._world.armed.eni_leaks.add(cluster)

    def ebs_leak(self, cluster: str, gib: Any = 100) -> dict[str, str]:
        """A persistent volume's disk stays behind, unattached."""
        found = self._cluster(cluster)
        tags = {f"kubernetes.io/cluster/{cluster}": "owned", "ebs.csi.aws.com/cluster": "true"}
        zone = self._world.network.subnets(found.region, found.vpc["subnetIds"])[0].zone
        volume = self._world.network.add_volume(found.region, zone, _whole("gib", gib, least=1), tags)
        self._world.remains.keep(Artifact("volume", volume, found.region, cluster, loose=True))
        self._world.remains.bill_volume(found, volume, int(gib))
        return {"volume": volume}

    def api_error(  # noqa: PLR0913, PLR0917 - the parameters the catalogue offers
        self,
        service: str,
        operation: str,
        code: str,
        message: str = "An internal error occurred.",
        status: Any = 500,
        count: Any = 1,
        when: str = "before",
    ) -> None:
        """The next `count` calls fail, before they take effect or after."""
        _check_call(service, operation)
        if when not in ("before", "after"):
            raise ValueError("when must be before or after.")
        number = _whole("status", status, least=400)
        if number > MAX_STATUS:
            raise ValueError("status must be an HTTP error status, 400 to 599.")
        error = AwsError(code, message, number)
        self._world.gate.arm(Trap(service, operation, error, when == "after", _whole("count", count, least=1)))

    def throttle(self, service: str, seconds: Any) -> None:
        """A service answers "slow down" for some seconds of the world."""
        _check_call(service, "*")
        self._world.gate.throttle(service, self._world.now + _number("seconds", seconds))

    def access_denied(self, service: str, operation: str, count: Any = None) -> None:
        """A permission is missing."""
        _check_call(service, operation)
        self._world.gate.deny(service, operation, None if count is None else _whole("count", count, least=1))

    def permission_missing(self, action: str) -> None:
        """An IAM action is not allowed: the call is refused, and IAM's simulation says so."""
        if action not in known_actions():
            raise ValueError(f"The bot's role has no action {action} (such as eks:CreateCluster or iam:PassRole).")
        self._world.gate.take_permission(action)

    def slow(self, service: str, seconds: Any) -> None:
        """Every answer of a service takes that long in real seconds (on the wire only); 0 ends it."""
        _check_call(service, "*")
        delay = _number("seconds", seconds)
        if delay > 0:
            self._world.gate.delays[service] = delay
        else:
            self._world.gate.delays.pop(service, None)

    def spot_interruption(self, cluster: str, group: str | None = None) -> dict[str, str]:
        """EC2 takes one Spot instance back."""
        found = self._cluster(cluster)
        for row in found.nodegroups.values():
            live = self._world.fleet.of(row.asg)
            if row.capacity_type == "SPOT" and group in (None, row.name) and live:
                scaling.end_one(self._world, row, live[0], scaling.SPOT_TAKEN)
                return {"instance": live[0].id}
        raise ValueError(f"Cluster {cluster} has no running Spot instance.")

    def cluster_deleted_by_hand(self, cluster: str) -> None:
        """Somebody removed the cluster with everything in it, outside the bot."""
        found = self._cluster(cluster)
        for group in found.nodegroups.values():
            for instance in self._world.fleet.of(group.asg):
                scaling.end_with(self._world, group, instance)
            self._world.past_groups[group.asg] = group
        cluster_life.vanish(self._world, found)

    def tags_removed(self, cluster: str) -> None:
        """Somebody removed every tag of the cluster."""
        self._cluster(cluster).tags.clear()

    def addon_degraded(self, cluster: str, addon: str, code: str = "InternalFailure", message: str = "") -> None:
        """An add-on turns DEGRADED and stays so."""
        found = self._cluster(cluster)
        if addon not in found.addons:
            raise ValueError(f"Cluster {cluster} has no add-on {addon}.")
        found.addons[addon].issue = Issue(code, message or "The add-on is unhealthy.")

    def insight(self, cluster: str, insight: str, status: str = "ERROR", reason: str = "") -> None:
        """A cluster insight changes its status."""
        if insight not in INSIGHTS:
            raise ValueError(f"There is no insight {insight}; known are {', '.join(INSIGHTS)}.")
        if status not in ("PASSING", "WARNING", "ERROR", "UNKNOWN"):
            raise ValueError("status must be PASSING, WARNING, ERROR or UNKNOWN.")
        self._cluster(cluster).insights[insight] = (status, reason or f"{insight}: needs attention.")

    def clear(self) -> None:
        """All waiting and lasting AWS faults end; capacity is plenty again."""
        self._world.gate.clear()
        self._world.armed.clear()
        self._world.fleet.capacity.clear()

    def _cluster(self, name: str) -> Cluster:
        for cluster in self._world.clusters.values():
            if name in (cluster.name, cluster.key):
                return cluster
        raise ValueError(f"There is no cluster {name}.")


def _check_call(service: str, operation: str) -> None:
    try:
        model = service_model(service)
    except KeyError as unknown:
        raise ValueError(
            f"There is no AWS service {service} (boto3's names, such as eks or service-quotas)."
        ) from unknown
    if operation != "*" and operation not in model.operation_names:
        raise ValueError(f"{service} has no operation {operation} (CamelCase, such as CreateCluster, or *).")


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as wrong:
        raise ValueError(f"{name} must be a number, not {value!r}.") from wrong
    if not 0 <= number <= 1e9:
        raise ValueError(f"{name} must be between 0 and 1e9.")
    return number


def _whole(name: str, value: Any, *, least: int) -> int:
    number = _number(name, value)
    if number != int(number) or number < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}.")
    return int(number)


_CATALOGUE: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (
        "no_capacity",
        ("instance_type", "zone?", "slots?"),
        "EC2 has no (or only `slots`) more of a type in a zone, or in all zones.",
    ),
    ("capacity_returns", ("instance_type", "zone?"), "EC2 has plenty of a type again."),
    ("quota", ("code", "value", "region?"), "Set an applied Service Quota, in one region or in all."),
    (
        "cluster_create_failed",
        ("cluster?", "code?", "message?"),
        "The next control plane (or the one named) turns FAILED instead of ACTIVE.",
    ),
    (
        "nodegroup_create_failed",
        ("group", "code?", "message?", "cluster?"),
        "The node group of that name turns CREATE_FAILED with that health issue.",
    ),
    (
        "nodegroup_delete_failed",
        ("group", "code?", "message?", "cluster?"),
        "The next deletion of that node group ends in DELETE_FAILED.",
    ),
    ("join_failure", ("group", "cluster?"), "Instances of that node group launch but never join the cluster."),
    ("eni_leak", ("cluster",), "The CNI leaves a network interface behind when the next node group goes."),
    ("ebs_leak", ("cluster", "gib?"), "An unattached EBS volume of the cluster stays behind."),
    (
        "api_error",
        ("service", "operation", "code", "message?", "status?", "count?", "when?"),
        "The next `count` calls answer with that error; when=after: the call took effect all the same.",
    ),
    ("throttle", ("service", "seconds"), "A service refuses every call for that many seconds of the world."),
    (
        "access_denied",
        ("service", "operation", "count?"),
        "The permission is missing, until cleared or for `count` calls.",
    ),
    (
        "permission_missing",
        ("action",),
        "The bot's role lacks an IAM action (eks:CreateCluster, iam:PassRole) until cleared: call and simulation.",
    ),
    ("slow", ("service", "seconds"), "Every answer of a service takes that many real seconds; 0 ends it."),
    ("spot_interruption", ("cluster", "group?"), "EC2 takes one Spot instance of the cluster back."),
    ("cluster_deleted_by_hand", ("cluster",), "Somebody deletes the cluster and all in it behind the bot's back."),
    ("tags_removed", ("cluster",), "Somebody removes all tags of the cluster."),
    ("addon_degraded", ("cluster", "addon", "code?", "message?"), "An add-on turns DEGRADED and stays so."),
    ("insight", ("cluster", "insight", "status?", "reason?"), "A cluster insight changes its status."),
    ("clear", (), "All waiting and lasting AWS faults end."),
)
