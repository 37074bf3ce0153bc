"""The EC2 calls the world answers itself: instances, Spot prices, types and offerings, and what clusters leave behind.

On the wire only instances and Spot prices are asked here (`WIRE_OPERATIONS`); moto's EC2 answers the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from sandbox.world import catalogue, scaling, spot
from sandbox.world.call import Call, Handler, Paging, page
from sandbox.world.errors import AwsError
from sandbox.world.state import Instance
from sandbox.world.timeline import utc

if TYPE_CHECKING:
    from sandbox.world.world import World

_PAGES = Paging("NextToken", "MaxResults", 1000, "InvalidParameterValue")
_STATE_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48}
WIRE_OPERATIONS = ("DescribeInstances", "TerminateInstances", "DescribeSpotPriceHistory")


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def matches(fields: Mapping[str, str], tags: Mapping[str, str], filters: list[dict[str, Any]]) -> bool:
    """Whether a resource passes EC2's filters: all of them, any value of each, with * and ? as wildcards."""
    return all(_passes(fields, tags, row["Name"], row.get("Values") or []) for row in filters)


def _passes(fields: Mapping[str, str], tags: Mapping[str, str], name: str, values: list[str]) -> bool:
    if name == "tag-key":
        have = list(tags)
    elif name.startswith("tag:"):
        have = [tags[name[4:]]] if name[4:] in tags else []
    elif name in fields:
        have = [fields[name]]
    else:
        raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid", 400)
    return any(fnmatchcase(item, pattern) for item in have for pattern in values)


def describe_instances(world: World, call: Call) -> dict[str, Any]:
    """DescribeInstances: the nodes of the world, one reservation each; ended ones stay visible for an hour."""
    wanted = call.get("InstanceIds", [])
    rows = [i for i in world.fleet.all() if i.region == call.region and (not wanted or i.id in wanted)]
    missing = sorted(set(wanted) - {instance.id for instance in rows})
    if missing:
        raise AwsError("InvalidInstanceID.NotFound", f"The instance ID '{missing[0]}' does not exist", 400)
    filters = call.get("Filters", [])
    found, token = page([i for i in rows if matches(_fields(i), i.tags, filters)], call, _PAGES)
    return {"Reservations": [_reservation(world, instance) for instance in found], "NextToken": token}


def _fields(instance: Instance) -> dict[str, str]:
    return {
        "instance-id": instance.id,
        "instance-type": instance.type,
        "instance-state-name": instance.state,
        "availability-zone": instance.zone,
        "subnet-id": instance.subnet,
        "instance-lifecycle": "spot" if instance.capacity_type == "SPOT" else "",
        "private-dns-name": instance.node_name,
    }


def _reservation(world: World, instance: Instance) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "InstanceId": instance.id,
        "InstanceType": instance.type,
        "LaunchTime": utc(instance.launched_at),
        "Placement": {"AvailabilityZone": instance.zone, "Tenancy": "default"},
        "State": {"Name": instance.state, "Code": _STATE_CODES[instance.state]},
        "PrivateDnsName": instance.node_name,
        "PrivateIpAddress": instance.private_ip,
        "SubnetId": instance.subnet,
        "Tags": _tag_list(instance.tags),
        "Architecture": catalogue.instance_types()[instance.type].arch,
    }
    if instance.capacity_type == "SPOT":
        shape["InstanceLifecycle"] = "spot"
    if instance.end_reason:
        shape["StateTransitionReason"] = instance.end_reason
    return {
        "ReservationId": f"r-{instance.id[2:]}",
        "OwnerId": world.account,
        "Instances": [shape],
    }


def terminate_instances(world: World, call: Call) -> dict[str, Any]:
    """TerminateInstances: their groups start others."""
    found = [(name, world.fleet.get(name)) for name in call.params["InstanceIds"]]
    rows = []
    for name, instance in found:
        if instance is None or instance.region != call.region:
            raise AwsError("InvalidInstanceID.NotFound", f"The instance ID '{name}' does not exist", 400)
    for name, instance in found:
        if instance is None:
            continue
        before = instance.state
        group = world.group_of(instance)
        if instance.is_live and group is not None:
            scaling.end_one(world, group, instance)
        rows.append({"InstanceId": name, "PreviousState": _state(before), "CurrentState": _state(instance.state)})
    return {"TerminatingInstances": rows}


def _state(name: str) -> dict[str, Any]:
    return {"Name": name, "Code": _STATE_CODES[name]}


def describe_spot_price_history(world: World, call: Call) -> dict[str, Any]:
    """DescribeSpotPriceHistory, newest first: every price since StartTime, and the one in force then."""
    zone = call.get("AvailabilityZone")
    until = min(world.now, _moment(call.get("EndTime"), world.now))
    since = max(until - spot.KEPT_S, _moment(call.get("StartTime"), until - spot.KEPT_S))
    products = call.get("ProductDescriptions") or ["Linux/UNIX"]
    rows = [
        {
            "AvailabilityZone": place,
            "InstanceType": name,
            "ProductDescription": "Linux/UNIX",
            "SpotPrice": f"{price:.6f}",
            "Timestamp": utc(at),
        }
        for name in call.get("InstanceTypes", [])
        for place in catalogue.offerings(call.region).get(name, ())
        if zone in (None, place) and "Linux/UNIX" in products
        for at, price in spot.prices(call.region, name, place, since, until)
    ]
    rows.sort(key=lambda row: row["Timestamp"], reverse=True)
    found, token = page(rows, call, _PAGES)
    return {"SpotPriceHistory": found, "NextToken": token}


def _moment(given: Any, otherwise: float) -> float:
    return given.timestamp() if isinstance(given, datetime) else otherwise


def describe_instance_types(_world: World, call: Call) -> dict[str, Any]:
    """DescribeInstanceTypes of the packaged table; a name it does not know is refused."""
    wanted = call.get("InstanceTypes") or list(catalogue.instance_types())
    unknown = [name for name in wanted if name not in catalogue.instance_types()]
    if unknown:
        message = f"The following supplied instance types do not exist: [{', '.join(unknown)}]"
        raise AwsError("InvalidInstanceType", message, 400)
    filters = call.get("Filters", [])
    kinds = [catalogue.instance_types()[n] for n in wanted if matches({"instance-type": n}, {}, filters)]
    found, token = page([_type_shape(kind) for kind in kinds], call, _PAGES)
    return {"InstanceTypes": found, "NextToken": token}


def _type_shape(kind: catalogue.InstanceType) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "InstanceType": kind.name,
        "CurrentGeneration": True,
        "VCpuInfo": {"DefaultVCpus": kind.vcpu},
        "MemoryInfo": {"SizeInMiB": int(kind.memory_gib * 1024)},
        "ProcessorInfo": {"SupportedArchitectures": [kind.arch]},
        "SupportedUsageClasses": ["on-demand", "spot"],
    }
    if kind.gpu_model:
        gpu = {
            "Name": kind.gpu_model.upper(),
            "Manufacturer": kind.gpu_manufacturer.upper(),
            "Count": kind.gpus,
            "MemoryInfo": {"SizeInMiB": kind.gpu_memory_mib},
        }
        shape["GpuInfo"] = {"Gpus": [gpu], "TotalGpuMemoryInMiB": kind.gpu_memory_mib * kind.gpus}
    return shape


def describe_instance_type_offerings(_world: World, call: Call) -> dict[str, Any]:
    """DescribeInstanceTypeOfferings by region or availability zone, with filters instance-type and location."""
    by_zone = call.get("LocationType", "region") == "availability-zone"
    rows = [
        {"InstanceType": name, "LocationType": "availability-zone" if by_zone else "region", "Location": place}
        for name, zones in catalogue.offerings(call.region).items()
        for place in (zones if by_zone else (call.region,))
    ]
    filters = call.get("Filters", [])
    rows = [r for r in rows if matches({"instance-type": r["InstanceType"], "location": r["Location"]}, {}, filters)]
    found, token = page(rows, call, _PAGES)
    return {"InstanceTypeOfferings": found, "NextToken": token}


def describe_regions(_world: World, _call: Call) -> dict[str, Any]:
    """DescribeRegions: those the world has offerings for."""
    return {"Regions": [{"RegionName": name, "OptInStatus": "opt-in-not-required"} for name in catalogue.REGION_FACTOR]}


OPERATIONS: dict[str, Handler] = {
    "DescribeInstances": describe_instances,
    "TerminateInstances": terminate_instances,
    "DescribeSpotPriceHistory": describe_spot_price_history,
    "DescribeInstanceTypes": describe_instance_types,
    "DescribeInstanceTypeOfferings": describe_instance_type_offerings,
    "DescribeRegions": describe_regions,
}
