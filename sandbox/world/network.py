"""The seam to EC2: where subnets come from and where security groups, network interfaces, volumes and log groups of a
cluster are put. In memory it keeps its own; on the wire the same is done in moto's EC2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.world.ids import Ids


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet with its zone and VPC."""

    id: str
    zone: str
    vpc: str


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface to make. `attached` False leaves it in status available."""

    subnet: str
    security_group: str
    description: str
    tags: Mapping[str, str]
    attached: bool


class Network(Protocol):
    """What the world asks of EC2 and CloudWatch Logs. All by region; deletes of what is gone succeed."""

    def subnets(self, region: str, ids: Iterable[str]) -> list[Subnet]:
        """Those of `ids` that exist."""

    def add_security_group(self, region: str, vpc: str, name: str, tags: Mapping[str, str]) -> str: ...
    def remove_security_group(self, region: str, group_id: str) -> bool:
        """False when an interface still uses it (then it stays)."""

    def add_interface(self, region: str, wanted: Interface) -> str: ...
    def remove_interface(self, region: str, interface_id: str) -> None: ...
    def add_volume(self, region: str, zone: str, gib: int, tags: Mapping[str, str]) -> str: ...
    def add_log_group(self, region: str, name: str) -> None: ...
    def tagged(self, region: str) -> list[tuple[str, dict[str, str]]]:
        """Every EC2 resource with its tags, as (ARN, tags)."""


@dataclass(slots=True)
class MemoryNetwork:
    """A network of the world's own: in each region one VPC with three private subnets in three zones."""

    account: str
    ids: Ids
    groups: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    interfaces: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    volumes: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    log_groups: set[tuple[str, str]] = field(default_factory=set)
    _foundation: dict[str, list[Subnet]] = field(default_factory=dict)

    def private_subnets(self, region: str) -> list[Subnet]:
        """The three private subnets of the region's foundation."""
        if region not in self._foundation:
            vpc = f"vpc-{self.ids.hex(f'vpc:{region}')}"
            self._foundation[region] = [
                Subnet(f"subnet-{self.ids.hex(f'subnet:{region}')}", f"{region}{letter}", vpc) for letter in "abc"
            ]
        return self._foundation[region]

    def subnets(self, region: str, ids: Iterable[str]) -> list[Subnet]:
        """Those of `ids` that exist."""
        known = {subnet.id: subnet for subnet in self.private_subnets(region)}
        return [known[i] for i in ids if i in known]

    def add_security_group(self, region: str, vpc: str, name: str, tags: Mapping[str, str]) -> str:
        """A new group's id."""
        group_id = f"sg-{self.ids.hex('sg')}"
        self.groups[region, group_id] = {"GroupId": group_id, "GroupName": name, "VpcId": vpc, "tags": dict(tags)}
        return group_id

    def remove_security_group(self, region: str, group_id: str) -> bool:
        """False when an interface still uses it (then it stays)."""
        if any(r == region and row["sg"] == group_id for (r, _), row in self.interfaces.items()):
            return False
        self.groups.pop((region, group_id), None)
        return True

    def add_interface(self, region: str, wanted: Interface) -> str:
        """A new interface's id."""
        interface_id = f"eni-{self.ids.hex('eni')}"
        self.interfaces[region, interface_id] = {
            "NetworkInterfaceId": interface_id,
            "SubnetId": wanted.subnet,
            "Description": wanted.description,
            "Status": "in-use" if wanted.attached else "available",
            "sg": wanted.security_group,
            "tags": dict(wanted.tags),
        }
        return interface_id

    def remove_interface(self, region: str, interface_id: str) -> None:
        """Gone, whether it was there or not."""
        self.interfaces.pop((region, interface_id), None)

    def add_volume(self, region: str, zone: str, gib: int, tags: Mapping[str, str]) -> str:
        """A new volume's id; nothing is attached to it."""
        volume_id = f"vol-{self.ids.hex('vol')}"
        self.volumes[region, volume_id] = {
            "VolumeId": volume_id,
            "AvailabilityZone": zone,
            "Size": gib,
            "State": "available",
            "VolumeType": "gp3",
            "tags": dict(tags),
        }
        return volume_id

    def add_log_group(self, region: str, name: str) -> None:
        """Made if it is not there."""
        self.log_groups.add((region, name))

    def tagged(self, region: str) -> list[tuple[str, dict[str, str]]]:
        """Every resource kept here with its tags, as (ARN, tags)."""
        kinds = (("security-group", self.groups), ("network-interface", self.interfaces), ("volume", self.volumes))
        return [
            (f"arn:aws:ec2:{region}:{self.account}:{kind}/{key}", dict(row["tags"]))
            for kind, rows in kinds
            for (r, key), row in rows.items()
            if r == region
        ]
