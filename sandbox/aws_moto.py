"""moto in this process: EC2, IAM, STS, CloudFormation and the rest, and the world's seam to its EC2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qsl, urlencode

from moto.core.config import default_user_config
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.logs.models import logs_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sts.models import sts_backends
from werkzeug.test import Client

from sandbox.world.errors import AwsError
from sandbox.world.network import Interface, Subnet

_PARTITION = "aws"


class Moto:
    """moto's services for one account; `app` is their WSGI application."""

    def __init__(self, account: str) -> None:
        # eks.md §17: without it no managed policy (AmazonEKSClusterPolicy, ...) exists.
        default_user_config["iam"]["load_aws_managed_policies"] = True
        self.account = account
        self.app = DomainDispatcherApplication(create_backend_app)

    def reset(self) -> None:
        """Forget everything."""
        Client(self.app).post("/moto-api/reset")

    def role_exists(self, arn: str) -> bool:
        """Whether IAM has a role of that ARN."""
        return any(role.arn == arn for role in iam_backends[self.account][_PARTITION].get_roles())

    def principal_of(self, access_key: str) -> str | None:
        """The IAM principal behind an access key: a user, or the role of an assumed-role session; None: unknown."""
        assumed = sts_backends[self.account][_PARTITION].get_assumed_role_from_access_key(access_key)
        if assumed is not None:
            return str(assumed.role_arn)
        user = iam_backends[self.account][_PARTITION].get_user_from_access_key_id(access_key)
        return str(user.arn) if user is not None else None

    def secret_of(self, access_key: str) -> str | None:
        """The secret of an access key of this account; None: unknown."""
        assumed = sts_backends[self.account][_PARTITION].get_assumed_role_from_access_key(access_key)
        if assumed is not None:
            return str(assumed.secret_access_key)
        keys = (key for user in iam_backends[self.account][_PARTITION].users.values() for key in user.access_keys)
        return next((str(key.secret_access_key) for key in keys if key.access_key_id == access_key), None)

    def make_user(self, name: str) -> tuple[str, str]:
        """An IAM user with an access key: (access key id, secret)."""
        iam = iam_backends[self.account][_PARTITION]
        if name not in iam.users:
            iam.create_user(self.account, name)
        key = iam.create_access_key(name)
        return str(key.access_key_id), str(key.secret_access_key)

    def understandable(self, operation: str, params: Mapping[str, Any], region: str, body: bytes) -> bytes:
        """The request body in words moto knows: it finds interfaces by their groups' ids, not by their names."""
        filters = params.get("Filters") or []
        if operation != "DescribeNetworkInterfaces" or not any(row["Name"] == "group-name" for row in filters):
            return body
        pairs = [(key, value) for key, value in parse_qsl(body.decode()) if not key.startswith("Filter.")]
        for number, row in enumerate(filters, start=1):
            name, values = row["Name"], row.get("Values") or []
            if name == "group-name":
                name, values = "group-id", self._group_ids(region, values) or ["sg-none"]
            pairs.append((f"Filter.{number}.Name", name))
            pairs += [(f"Filter.{number}.Value.{place}", value) for place, value in enumerate(values, start=1)]
        return urlencode(pairs).encode()

    def _group_ids(self, region: str, patterns: list[str]) -> list[str]:
        groups = (group for rows in ec2_backends[self.account][region].groups.values() for group in rows.values())
        return [str(group.id) for group in groups if any(fnmatchcase(group.name, pattern) for pattern in patterns)]

    def check_dependencies(self, operation: str, params: Mapping[str, Any], region: str) -> None:
        """EC2 refuses what moto lets pass (eks.md §17): a security group or subnet that an interface still uses."""
        enis = ec2_backends[self.account][region].enis.values()
        if operation == "DeleteSecurityGroup":
            group = params.get("GroupId")
            if group and any(group in {g.id for g in eni.group_set} for eni in enis):
                raise AwsError("DependencyViolation", f"resource {group} has a dependent object", 400)
        if operation == "DeleteSubnet":
            subnet = params.get("SubnetId")
            if any(eni.subnet.id == subnet for eni in enis):
                raise AwsError(
                    "DependencyViolation", f"The subnet '{subnet}' has dependencies and cannot be deleted.", 400
                )


class MotoNetwork:
    """The world's Network, kept in moto's EC2 and CloudWatch Logs so that EC2 and Logs calls see it."""

    def __init__(self, account: str) -> None:
        self._account = account

    def _ec2(self, region: str) -> Any:
        return ec2_backends[self._account][region]

    def subnets(self, region: str, ids: Iterable[str]) -> list[Subnet]:
        """Those of `ids` that exist."""
        known = {
            subnet_id: Subnet(subnet_id, zone, row.vpc_id)
            for zone, rows in self._ec2(region).subnets.items()
            for subnet_id, row in rows.items()
        }
        return [known[i] for i in ids if i in known]

    def add_security_group(self, region: str, vpc: str, name: str, tags: Mapping[str, str]) -> str:
        """A new group's id."""
        text = "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes"
        group = self._ec2(region).create_security_group(name, text, vpc_id=vpc, tags=dict(tags))
        return str(group.id)

    def remove_security_group(self, region: str, group_id: str) -> bool:
        """False when an interface still uses it (then it stays)."""
        ec2 = self._ec2(region)
        if any(group_id in {g.id for g in eni.group_set} for eni in ec2.enis.values()):
            return False
        for groups in ec2.groups.values():
            groups.pop(group_id, None)
        return True

    def add_interface(self, region: str, wanted: Interface) -> str:
        """A new interface's id."""
        ec2 = self._ec2(region)
        eni = ec2.create_network_interface(
            ec2.get_subnet(wanted.subnet),
            [],
            group_ids=[wanted.security_group],
            description=wanted.description,
            tags=dict(wanted.tags),
        )
        eni.status = "in-use" if wanted.attached else "available"
        return str(eni.id)

    def remove_interface(self, region: str, interface_id: str) -> None:
        """Gone, whether it was there or not."""
        self._ec2(region).enis.pop(interface_id, None)

    def add_volume(self, region: str, zone: str, gib: int, tags: Mapping[str, str]) -> str:
        """A new volume's id; nothing is attached to it."""
        volume = self._ec2(region).create_volume(size=gib, zone_name=zone, volume_type="gp3")
        volume.add_tags(dict(tags))
        return str(volume.id)

    def add_log_group(self, region: str, name: str) -> None:
        """Made if it is not there."""
        logs = logs_backends[self._account][region]
        if name not in logs.groups:
            logs.create_log_group(name, {})

    def tagged(self, region: str) -> list[tuple[str, dict[str, str]]]:
        """Every EC2 resource with its tags, as (ARN, tags)."""
        found: dict[str, dict[str, str]] = {}
        for row in self._ec2(region).describe_tags():
            arn = f"arn:aws:ec2:{region}:{self._account}:{row['resource_type']}/{row['resource_id']}"
            found.setdefault(arn, {})[row["key"]] = row["value"]
        return list(found.items())
