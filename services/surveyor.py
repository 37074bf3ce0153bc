"""Reads what the preflight judges: what the region offers, and the live prices."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from domain.capacity import Foundation, KubernetesVersion, Quota
from domain.observation import Absent, Unreadable
from domain.preflight import PreflightFacts, choose_version
from domain.spec import ClusterSpec
from services.observer import read
from services.ports import Capacity, ControlPlanes, Prices


class Surveyor:
    """Gathers facts; judges none."""

    def __init__(self, *, capacity: Capacity, planes: ControlPlanes, prices: Prices) -> None:
        self._capacity = capacity
        self._planes = planes
        self._prices = prices

    def survey(self, spec: ClusterSpec, eks_name: str) -> PreflightFacts:
        """All facts for this spec; each that could not be read says why."""
        region = spec.region
        kinds = tuple(dict.fromkeys(kind for group in spec.groups for kind in group.instance_types))
        versions = read(lambda: self._capacity.versions(region))
        version = choose_version(versions) if not isinstance(versions, Unreadable) else ""
        return PreflightFacts(
            foundation=self.foundation(region),
            existing=read(lambda: self._planes.describe(region, eks_name)),
            versions=versions,
            amis=self._amis(spec, versions, version),
            types=read(lambda: self._capacity.instance_types(region, kinds)),
            zones=read(lambda: self._capacity.zones_offering(region, kinds)),
            quotas={group.name: self._quota(spec, group.name) for group in spec.groups},
            prices=self._prices.look_up(region, kinds, version or None),
        )

    def foundation(self, region: str) -> Foundation | Absent | Unreadable:
        """The foundation of a region."""
        return read(lambda: self._capacity.foundation(region))

    def _amis(
        self, spec: ClusterSpec, versions: tuple[KubernetesVersion, ...] | Unreadable, version: str
    ) -> Mapping[str, bool] | Unreadable:
        if isinstance(versions, Unreadable):
            return versions
        found = {}
        for kind in dict.fromkeys(group.ami_type for group in spec.groups):
            exists = read(partial(self._capacity.ami_exists, spec.region, version, kind))
            if isinstance(exists, Unreadable):
                return exists
            found[kind] = exists
        return found

    def _quota(self, spec: ClusterSpec, group_name: str) -> Quota | Unreadable:
        group = next(g for g in spec.groups if g.name == group_name)
        return read(lambda: self._capacity.quota(spec.region, group.instance_types[0], group.capacity_type))
