"""The use case of finding clusters that no record knows: look over all regions, tell, and take one in when somebody says so.

A sweep changes nothing in AWS. What could not be read is said, and never taken for "nothing there".
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from domain import adoption
from domain.adoption import Found, Sweep
from domain.cluster import Cluster
from domain.doctor import SWEEP, SweepNote
from domain.errors import OutsideError, Refused, Taken
from domain.naming import TAG_ID, TAG_NAME
from domain.observation import Absent, ControlPlane
from domain.policy import Act
from domain.words import say
from services.authority import Authority
from services.ports import AuditEntry, Beats, Capacity, Clock, Clusters, Fleet, NodeGroups
from services.requests import Asked
from services.waker import Waker

log = logging.getLogger(__name__)

AT_ONCE = 8  # regions: one that hangs must not cost the others their time
PREFIX = "raygpu-"  # of names in EKS; people name a cluster with it or without


@dataclass(frozen=True, slots=True)
class Lookout:
    """The ports through which AWS is searched."""

    fleet: Fleet
    groups: NodeGroups
    capacity: Capacity


@dataclass(frozen=True, slots=True)
class _Seen:
    """Every control plane that could be read, and the regions that could not."""

    planes: tuple[ControlPlane, ...]
    unread: tuple[str, ...]


class Sweeper:
    """Looks at every region of the configuration, and every other in which a live record says that it stands."""

    def __init__(
        self,
        *,
        lookout: Lookout,
        clusters: Clusters,
        waker: Waker,
        beats: Beats,
        clock: Clock,
        authority: Authority,
    ) -> None:
        self._lookout = lookout
        self._clusters = clusters
        self._waker = waker
        self._beats = beats
        self._clock = clock
        self._authority = authority

    def sweep(self) -> Sweep:
        """What stands without a record, and what a record says stands and does not; its beat remembers the counts."""
        seen = self._look()
        found = adoption.swept(seen.planes, self._clusters.all(), seen.unread, self._clock.now())
        for orphan in found.orphans:
            log.error("ORPHAN: %s in %s costs money: %s", orphan.plane.name, orphan.plane.region, orphan.why)
        for cluster_id in found.missing:
            log.error("MISSING: the record %s says that its control plane stands, and AWS has none", cluster_id)
        note = SweepNote(len(found.orphans), len(found.missing), found.unread)
        self._beats.put(SWEEP, note.written())
        return found

    def adopt(self, wanted: str, asked: Asked) -> Cluster:
        """The new record of a control plane, by its id, its EKS name or the name in its tags; raises Refused."""
        self._authority.allow(asked.actor, Act.ADOPT)
        plane = self._wanted(wanted.strip())
        self._refuse_known(plane)
        now = self._clock.now()
        made = adoption.adopted(self._found(plane), asked.actor, self._authority.rules(), now)
        audit = AuditEntry(asked.actor.id, Act.ADOPT, made.id, asked.via, now, made.digest, after=plane.name)
        try:
            stored = self._clusters.add(made, asked.operation, audit)
        except Taken as taken:
            text = say("The name {name} in {region} is in use here already.", name=made.spec.name, region=plane.region)
            raise Refused("NameTaken", text, "name") from taken
        self._waker.wake(stored.id)
        return stored

    def _look(self) -> _Seen:
        regions = set(self._authority.rules().regions) | {cluster.spec.region for cluster in self._clusters.live()}
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sweep") as pool:
            read = dict(zip(sorted(regions), pool.map(self._region, sorted(regions)), strict=True))
        planes = tuple(plane for found in read.values() for plane in found or ())
        return _Seen(planes, tuple(region for region, found in read.items() if found is None))

    def _region(self, region: str) -> tuple[ControlPlane, ...] | None:
        """All that stands there; None when that could not be read."""
        try:
            return self._lookout.fleet.managed(region)
        except OutsideError as error:
            log.warning("the sweep could not read %s: %s", region, error.message)
            return None

    def _wanted(self, name: str) -> ControlPlane:
        seen = self._look()
        exact = [plane for plane in seen.planes if name in (plane.name, plane.name.removeprefix(PREFIX))]
        found = exact or [plane for plane in seen.planes if name == plane.tags.get(TAG_NAME)]
        if len(found) > 1:
            names = ", ".join(sorted(f"{plane.name} ({plane.region})" for plane in found))
            text = say("There is more than one {name}: {names}. Use the whole name.", name=name, names=names)
            raise Refused("Ambiguous", text, "name")
        if found:
            return found[0]
        if seen.unread:
            text = say(
                "There is no cluster {name} of raygpu's where AWS could be read; {regions} could not be read.",
                name=name,
                regions=", ".join(seen.unread),
            )
            raise Refused("Unread", text, "name")
        text = say(
            "There is no cluster {name} of raygpu's in AWS. `/raygpu admin orphans` names those there are.", name=name
        )
        raise Refused("NotFound", text, "name")

    def _refuse_known(self, plane: ControlPlane) -> None:
        held = self._clusters.get(plane.tags.get(TAG_ID, ""))
        if isinstance(held, Absent):
            return
        text = say("There is a record of {id} already: “{name}”.", id=held.id, name=held.spec.name)
        raise Refused("Known", text, "name")

    def _found(self, plane: ControlPlane) -> Found:
        groups = self._lookout.groups.list(plane.region, plane.name)
        kinds = tuple(dict.fromkeys(kind for group in groups.values() for kind in group.instance_types))
        known = self._lookout.capacity.instance_types(plane.region, kinds) if kinds else {}
        return Found(plane, groups, known)
