"""The EC2 calls about the world's own network, for the door without a wire: subnets and what clusters leave behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.world.call import Call, Handler, Paging, page
from sandbox.world.ec2 import matches
from sandbox.world.errors import AwsError
from sandbox.world.network import MemoryNetwork

if TYPE_CHECKING:
    from sandbox.world.world import World

_PAGES = Paging("NextToken", "MaxResults", 1000, "InvalidParameterValue")


def _network(world: World) -> MemoryNetwork:
    if not isinstance(world.network, MemoryNetwork):
        raise AwsError("NotImplemented", "This world keeps its network outside.", 501)
    return world.network


def _rows(rows: Mapping[tuple[str, str], dict[str, Any]], call: Call) -> list[dict[str, Any]]:
    return [row for (region, _), row in rows.items() if region == call.region]


def _tags(row: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in row["tags"].items()]


def describe_availability_zones(world: World, call: Call) -> dict[str, Any]:
    """DescribeAvailabilityZones of the region."""
    zones = [
        {
            "ZoneName": zone,
            "ZoneId": zone,
            "State": "available",
            "RegionName": call.region,
            "ZoneType": "availability-zone",
        }
        for zone in world.zones(call.region)
    ]
    return {"AvailabilityZones": zones}


def describe_subnets(world: World, call: Call) -> dict[str, Any]:
    """DescribeSubnets of the foundation, by id."""
    known = {subnet.id: subnet for subnet in _network(world).private_subnets(call.region)}
    wanted = call.get("SubnetIds") or list(known)
    missing = [name for name in wanted if name not in known]
    if missing:
        raise AwsError("InvalidSubnetID.NotFound", f"The subnet ID '{missing[0]}' does not exist", 400)
    rows = [
        {
            "SubnetId": name,
            "AvailabilityZone": known[name].zone,
            "VpcId": known[name].vpc,
            "AvailableIpAddressCount": 8000,
            "State": "available",
            "Tags": [],
        }
        for name in wanted
    ]
    found, token = page(rows, call, _PAGES)
    return {"Subnets": found, "NextToken": token}


def describe_network_interfaces(world: World, call: Call) -> dict[str, Any]:
    """DescribeNetworkInterfaces by filter."""
    network = _network(world)
    found = []
    for row in _rows(network.interfaces, call):
        group = network.groups.get((call.region, row["sg"]), {"GroupId": row["sg"], "GroupName": ""})
        fields = {
            "network-interface-id": row["NetworkInterfaceId"],
            "status": row["Status"],
            "description": row["Description"],
            "subnet-id": row["SubnetId"],
            "group-id": row["sg"],
            "group-name": group["GroupName"],
        }
        if matches(fields, row["tags"], call.get("Filters", [])):
            shape = {key: row[key] for key in ("NetworkInterfaceId", "SubnetId", "Description", "Status")}
            groups = [{"GroupId": group["GroupId"], "GroupName": group["GroupName"]}]
            found.append({**shape, "Groups": groups, "TagSet": _tags(row)})
    rows, token = page(found, call, _PAGES)
    return {"NetworkInterfaces": rows, "NextToken": token}


def describe_security_groups(world: World, call: Call) -> dict[str, Any]:
    """DescribeSecurityGroups by filter."""
    found = []
    for row in _rows(_network(world).groups, call):
        fields = {"group-id": row["GroupId"], "group-name": row["GroupName"], "vpc-id": row["VpcId"]}
        if matches(fields, row["tags"], call.get("Filters", [])):
            shape = {key: row[key] for key in ("GroupId", "GroupName", "VpcId")}
            found.append({**shape, "Tags": _tags(row)})
    rows, token = page(found, call, _PAGES)
    return {"SecurityGroups": rows, "NextToken": token}


def describe_volumes(world: World, call: Call) -> dict[str, Any]:
    """DescribeVolumes by filter."""
    found = []
    for row in _rows(_network(world).volumes, call):
        fields = {"volume-id": row["VolumeId"], "status": row["State"], "availability-zone": row["AvailabilityZone"]}
        if matches(fields, row["tags"], call.get("Filters", [])):
            shape = {key: row[key] for key in ("VolumeId", "AvailabilityZone", "Size", "State", "VolumeType")}
            found.append({**shape, "Tags": _tags(row)})
    rows, token = page(found, call, _PAGES)
    return {"Volumes": rows, "NextToken": token}


def delete_network_interface(world: World, call: Call) -> dict[str, Any]:
    """DeleteNetworkInterface; refused while it is attached."""
    name = call.params["NetworkInterfaceId"]
    row = _network(world).interfaces.get((call.region, name))
    if row is None:
        raise AwsError("InvalidNetworkInterfaceID.NotFound", f"The networkInterface ID '{name}' does not exist", 400)
    if row["Status"] != "available":
        message = f"Network interface '{name}' is currently in use."
        raise AwsError("InvalidParameterValue", message, 400)
    world.network.remove_interface(call.region, name)
    world.remains.forget(call.region, name)
    return {}


def delete_security_group(world: World, call: Call) -> dict[str, Any]:
    """DeleteSecurityGroup; refused while an interface uses it."""
    name = call.get("GroupId", "")
    if (call.region, name) not in _network(world).groups:
        raise AwsError("InvalidGroup.NotFound", f"The security group '{name}' does not exist", 400)
    if not world.network.remove_security_group(call.region, name):
        raise AwsError("DependencyViolation", f"resource {name} has a dependent object", 400)
    world.remains.forget(call.region, name)
    return {}


def delete_volume(world: World, call: Call) -> dict[str, Any]:
    """DeleteVolume."""
    name = call.params["VolumeId"]
    if _network(world).volumes.pop((call.region, name), None) is None:
        raise AwsError("InvalidVolume.NotFound", f"The volume '{name}' does not exist.", 400)
    world.remains.forget(call.region, name)
    return {}


OPERATIONS: dict[str, Handler] = {
    "DescribeAvailabilityZones": describe_availability_zones,
    "DescribeSubnets": describe_subnets,
    "DescribeNetworkInterfaces": describe_network_interfaces,
    "DescribeSecurityGroups": describe_security_groups,
    "DescribeVolumes": describe_volumes,
    "DeleteNetworkInterface": delete_network_interface,
    "DeleteSecurityGroup": delete_security_group,
    "DeleteVolume": delete_volume,
}
