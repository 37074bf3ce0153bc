"""The EC2 instances of the world, counted by Auto Scaling group, by quota and by what each zone still has room for."""

from __future__ import annotations

from sandbox.world import catalogue
from sandbox.world.state import Instance

PLENTY = 1_000_000


class Fleet:
    """All instances. `capacity` maps (instance type, zone) to how many more a zone can start; a missing key is plenty."""

    def __init__(self) -> None:
        self.capacity: dict[tuple[str, str], int] = {}
        self._all: dict[str, Instance] = {}
        self._by_asg: dict[str, dict[str, Instance]] = {}
        self._vcpu: dict[tuple[str, str], int] = {}

    def add(self, instance: Instance) -> None:
        """A launched instance: takes room in its zone and counts against its quota."""
        self._all[instance.id] = instance
        self._by_asg.setdefault(instance.asg, {})[instance.id] = instance
        self._count(instance, 1)

    def end(self, instance: Instance, now: float) -> None:
        """A live instance begins to shut down: its quota is free again."""
        instance.state = "shutting-down"
        instance.ended_at = now
        self._by_asg.get(instance.asg, {}).pop(instance.id, None)
        self._count(instance, -1)

    def forget(self, instance: Instance) -> None:
        """EC2 no longer shows it."""
        self._all.pop(instance.id, None)

    def of(self, asg: str) -> list[Instance]:
        """The live instances of an Auto Scaling group, oldest first."""
        return list(self._by_asg.get(asg, {}).values())

    def staying(self, asg: str) -> list[Instance]:
        """Those of them that are not being drained on their way out."""
        return [instance for instance in self.of(asg) if not instance.leaving]

    def get(self, instance_id: str) -> Instance | None:
        """An instance by id, also one that has just ended."""
        return self._all.get(instance_id)

    def all(self) -> list[Instance]:
        """All that EC2 shows, terminated ones of the last hour included."""
        return list(self._all.values())

    def room(self, instance_type: str, zone: str) -> int:
        """How many more of a type a zone can start."""
        return self.capacity.get((instance_type, zone), PLENTY)

    def vcpu_in_use(self, region: str, quota_code: str) -> int:
        """vCPUs of live instances that count against a quota."""
        return self._vcpu.get((region, quota_code), 0)

    def _count(self, instance: Instance, sign: int) -> None:
        key = (instance.type, instance.zone)
        if key in self.capacity and sign > 0:  # what is given back, others take
            self.capacity[key] = max(0, self.capacity[key] - 1)
        kind = catalogue.instance_types()[instance.type]
        bucket = (instance.region, kind.quota_code(instance.capacity_type))
        self._vcpu[bucket] = self._vcpu.get(bucket, 0) + sign * kind.vcpu
