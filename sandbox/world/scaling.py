"""The Auto Scaling group behind a node group: launches where quota and capacity allow, says why where not, tries again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from sandbox.world import catalogue, spot
from sandbox.world.bill import Charge
from sandbox.world.state import Activity, Instance, Nodegroup
from sandbox.world.timeline import utc

if TYPE_CHECKING:
    from sandbox.world.network import Subnet
    from sandbox.world.world import World

RUNNING_S = 15.0
JOIN_S = (50.0, 70.0)
DRAIN_S = 75.0
TERMINATED_S = 30.0
FORGET_S = 3600.0  # EC2 shows a terminated instance for about an hour
RETRY_S = 20.0
MAX_RETRY_S = 300.0
MAX_ACTIVITIES = 200
SPOT_TAKEN = "Server.SpotInstanceTermination"  # EC2 writes no time to it


def reconcile(world: World, group: Nodegroup) -> None:
    """Bring the number of instances to `desired`; keeps trying while it falls short."""
    if not world.holds(group):
        return
    group.tick += 1
    tick = group.tick
    live = world.fleet.staying(group.asg)
    for surplus in live[: max(0, len(live) - group.desired)]:  # OldestInstance
        _scale_in(world, group, surplus)
    missing = group.desired - len(live)
    launched = True
    while missing > 0 and launched:
        launched = _attempt(world, group)
        missing -= 1 if launched else 0
    if missing <= 0:
        group.attempt = 0
        group.short_since = None
        return
    if group.short_since is None:
        group.short_since = world.now
        if group.status != "CREATING":
            world.watch(group)
    delay = min(MAX_RETRY_S, RETRY_S * max(1, group.attempt // max(1, len(group.subnets))))
    world.schedule(world.now + delay, lambda: reconcile(world, group) if group.tick == tick else None)


def _attempt(world: World, group: Nodegroup) -> bool:
    """One launch in the zone whose turn it is, the instance types in their order of preference."""
    subnets = world.network.subnets(group.region, group.subnets)
    if not subnets:
        _fail(world, group, "The subnet ID does not exist. Launching EC2 instance failed.")
        return False
    turn = (len(world.fleet.staying(group.asg)) + group.attempt) % len(subnets)
    subnet = subnets[turn]
    first = ""
    for name in group.instance_types:
        refusal = _refusal(world, group, name, subnet.zone)
        if refusal is None:
            _launch(world, group, name, subnet)
            return True
        first = first or refusal
    group.attempt += 1
    _fail(world, group, first)
    return False


def _refusal(world: World, group: Nodegroup, name: str, zone: str) -> str | None:
    """Why EC2 would not launch that type there, in its words; None when it would."""
    kind = catalogue.instance_types()[name]
    limit = world.quota(group.region, kind.quota_code(group.capacity_type))
    if world.fleet.vcpu_in_use(group.region, kind.quota_code(group.capacity_type)) + kind.vcpu > limit:
        return _quota_text(group, limit)
    offered = catalogue.offerings(group.region).get(name, ())
    if zone not in offered:
        return _unsupported_text(name, zone, offered)
    if world.fleet.room(name, zone) > 0:
        return None
    return _capacity_text(group, name, zone, list(_elsewhere(world, name, zone, offered)))


def _elsewhere(world: World, name: str, zone: str, offered: tuple[str, ...]) -> Iterator[str]:
    return (other for other in offered if other != zone and world.fleet.room(name, other) > 0)


def _kind(group: Nodegroup) -> str:
    return "Spot" if group.capacity_type == "SPOT" else "On-Demand"


def _quota_text(group: Nodegroup, limit: float) -> str:
    if group.capacity_type == "SPOT":
        return (
            "Could not launch Spot Instances. MaxSpotInstanceCountExceeded - Max spot instance count exceeded. "
            "Launching EC2 instance failed."
        )
    return (
        "Could not launch On-Demand Instances. VcpuLimitExceeded - You have requested more vCPU capacity than your "
        f"current vCPU limit of {limit:.0f} allows for the instance bucket that the specified instance type belongs to. "
        "Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit. "
        "Launching EC2 instance failed."
    )


def _unsupported_text(name: str, zone: str, offered: tuple[str, ...]) -> str:
    hint = f" or choosing {', '.join(offered)}" if offered else ""
    return (
        f"Could not launch On-Demand Instances. Unsupported - Your requested instance type ({name}) is not supported in "
        f"your requested Availability Zone ({zone}). Please retry your request by not specifying an Availability Zone"
        f"{hint}. Launching EC2 instance failed."
    )


def _capacity_text(group: Nodegroup, name: str, zone: str, elsewhere: list[str]) -> str:
    if group.capacity_type == "SPOT":
        return (
            "Could not launch Spot Instances. UnfulfillableCapacity - Unable to fulfill capacity due to your request "
            f"configuration. There is no Spot capacity for {name} in {zone} that matches your request. "
            "Launching EC2 instance failed."
        )
    hint = (
        f" You can currently get {name} capacity by not specifying an Availability Zone in your request "
        f"or choosing {', '.join(elsewhere)}."
        if elsewhere
        else ""
    )
    return (
        f"Could not launch {_kind(group)} Instances. InsufficientInstanceCapacity - We currently do not have sufficient "
        f"{name} capacity in the Availability Zone you requested ({zone}). Our system will be working on provisioning "
        f"additional capacity.{hint} Launching EC2 instance failed."
    )


def _record(world: World, group: Nodegroup, status: str, description: str, message: str = "") -> Activity:
    cause = f"An instance changed in response to a difference between desired and actual capacity ({group.desired})."
    ended = None if status == "InProgress" else world.now
    activity = Activity(world.ids.uuid("activity"), world.now, status, description, cause, message, ended)
    group.activities.append(activity)
    del group.activities[:-MAX_ACTIVITIES]
    return activity


def _fail(world: World, group: Nodegroup, message: str) -> None:
    _record(world, group, "Failed", "Launching a new EC2 instance.  Status Reason: " + message, message)


def _launch(world: World, group: Nodegroup, name: str, subnet: Subnet) -> None:
    instance_id = f"i-{world.ids.hex('instance')}"
    address = _address(world, group.region, subnet.zone)
    domain = "ec2.internal" if group.region == "us-east-1" else f"{group.region}.compute.internal"
    instance = Instance(
        id=instance_id,
        region=group.region,
        type=name,
        zone=subnet.zone,
        subnet=subnet.id,
        cluster=group.cluster,
        group=group.name,
        asg=group.asg,
        capacity_type=group.capacity_type,
        launched_at=world.now,
        private_ip=address,
        node_name=f"ip-{address.replace('.', '-')}.{domain}",
        tags={
            "aws:autoscaling:groupName": group.asg,
            "eks:cluster-name": group.cluster,
            "eks:nodegroup-name": group.name,
            f"kubernetes.io/cluster/{group.cluster}": "owned",
            f"k8s.io/cluster-autoscaler/{group.cluster}": "owned",
        },
    )
    world.fleet.add(instance)
    _open_charges(world, group, instance)
    activity = _record(world, group, "InProgress", f"Launching a new EC2 instance: {instance_id}")
    world.schedule(world.now + RUNNING_S, lambda: _run(world, instance, activity))
    joins = world.ids.jitter(f"join:{instance_id}", *JOIN_S)
    world.schedule(world.now + joins, lambda: world.join(instance))


def _open_charges(world: World, group: Nodegroup, instance: Instance) -> None:
    machine = Charge("ec2_instance", instance.id, group.cluster, None, world.now)
    if group.capacity_type == "SPOT":
        machine.cost = partial(spot.cost, group.region, instance.type, instance.zone)
    else:
        machine.usd_per_hour = catalogue.on_demand_price(group.region, instance.type)
    disk = group.disk_size * catalogue.gp3_price(group.region) / catalogue.HOURS_PER_MONTH
    world.ledger.open(machine)
    world.ledger.open(Charge("ebs_volume", f"{instance.id}/system", group.cluster, round(disk, 8), world.now))


def _address(world: World, region: str, zone: str) -> str:
    number = world.ids.count(f"address:{region}")
    return f"10.{ord(zone[-1]) - ord('a')}.{number // 250 % 250}.{number % 250 + 4}"


def _run(world: World, instance: Instance, activity: Activity) -> None:
    if instance.state == "pending":
        instance.state = "running"
        activity.status = "Successful"
    else:
        activity.status = "Cancelled"
    activity.ended_at = world.now


def _scale_in(world: World, group: Nodegroup, instance: Instance) -> None:
    """EKS drains a node before Auto Scaling ends its instance; until then it runs, and costs."""
    instance.leaving = True
    activity = _record(world, group, "InProgress", f"Terminating EC2 instance: {instance.id}")
    drain(world, instance)
    waits = DRAIN_S if instance.joined else 0.0
    world.schedule(world.now + waits, lambda: _end_drained(world, instance, activity))


def _end_drained(world: World, instance: Instance, activity: Activity) -> None:
    terminate(world, instance)
    activity.status, activity.ended_at = "Successful", world.now


def drain(world: World, instance: Instance) -> None:
    """Cordon the node of an instance and evict its pods."""
    api = world.api_of(instance)
    if instance.joined and api is not None:
        api.drain(instance.node_name)


def terminate(world: World, instance: Instance, reason: str = "") -> None:
    """End an instance now: its node leaves, billing stops, its capacity is free again. A second end changes nothing."""
    if not instance.is_live:
        return
    world.fleet.end(instance, world.now)
    instance.end_reason = reason or f"User initiated ({utc(world.now):%Y-%m-%d %H:%M:%S} GMT)"
    api = world.api_of(instance)
    if instance.joined and api is not None:
        api.leave(instance.node_name)
    world.ledger.close("ec2_instance", instance.id, world.now)
    world.ledger.close("ebs_volume", f"{instance.id}/system", world.now)
    world.schedule(world.now + TERMINATED_S, lambda: _terminated(instance))
    world.schedule(world.now + FORGET_S, lambda: world.fleet.forget(instance))


def _terminated(instance: Instance) -> None:
    instance.state = "terminated"


def end_with(world: World, group: Nodegroup, instance: Instance, reason: str = "") -> Activity:
    """An instance ends now, and its group says so."""
    activity = _record(world, group, "Successful", f"Terminating EC2 instance: {instance.id}")
    terminate(world, instance, reason)
    return activity


def end_one(world: World, group: Nodegroup, instance: Instance, reason: str = "") -> Activity:
    """Somebody (a person, or Spot) ends one instance; the group looks for a replacement soon after."""
    activity = end_with(world, group, instance, reason)
    world.schedule(world.now + RETRY_S, lambda: reconcile(world, group))
    return activity
