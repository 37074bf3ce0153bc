"""What a cluster costs: prices with their source and date, and the sums made of them. Unknown is never zero."""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain.spec import SPOT, ClusterSpec, NodeGroupSpec
from domain.words import say

HOURS_PER_MONTH = 730  # AWS prices EBS by the GB-month; its own calculator counts 730 hours


@dataclass(frozen=True, slots=True)
class Price:
    """List price in USD. `unit`: hour, or GB-month. `usd` is None when no source knows it. `as_of` is an ISO date."""

    item: str
    usd: float | None
    unit: str
    source: str
    as_of: str


@dataclass(frozen=True, slots=True)
class PriceList:
    """The prices one spec needs: by instance type, for the control plane and for gp3 storage. `nat`: one NAT gateway of
    the foundation, which all clusters share and which is in no quote."""

    instances: tuple[Price, ...]
    control_plane: Price
    storage: Price
    nat: Price | None = None

    def of(self, instance_type: str) -> Price | None:
        """The price of an instance type, None when it was not asked for."""
        return next((p for p in self.instances if p.item == instance_type), None)


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """One line of a quote: `count` things at `usd_per_hour` each; None is "unknown", never 0."""

    label: str
    count: int
    usd_per_hour: float | None
    source: str
    as_of: str

    @property
    def total(self) -> float | None:
        """USD an hour of all of them. None of a thing costs nothing, whatever one would cost."""
        if self.count == 0:
            return 0.0
        return None if self.usd_per_hour is None else self.usd_per_hour * self.count


@dataclass(frozen=True, slots=True)
class Quote:
    """What a spec costs by the hour, line by line."""

    lines: tuple[QuoteLine, ...]

    @property
    def usd_per_hour(self) -> float | None:
        """The sum; None when any line is unknown."""
        known = [total for line in self.lines if (total := line.total) is not None]
        return sum(known) if len(known) == len(self.lines) else None

    @property
    def known_usd_per_hour(self) -> float:
        """The sum of the lines that are known: the least it costs."""
        return sum(total for line in self.lines if (total := line.total) is not None)

    def total(self, seconds: float) -> float | None:
        """USD for that long, None when a line is unknown."""
        rate = self.usd_per_hour
        return None if rate is None else rate * seconds / 3600


def quote(spec: ClusterSpec, prices: PriceList) -> Quote:
    """The quote of a spec at desired size. NAT is the foundation's, not the cluster's, and so not in it."""
    plane = prices.control_plane
    lines = [QuoteLine(say("EKS control plane"), 1, plane.usd, plane.source, plane.as_of)]
    for group in spec.groups:
        usd, source, as_of = _dearest(group, prices)
        lines.append(QuoteLine(_machine_label(group), group.desired, usd, source, as_of))
        disk = prices.storage
        per_disk = None if disk.usd is None else disk.usd * group.disk_gb / HOURS_PER_MONTH
        lines.append(QuoteLine(_disk_label(group), group.desired, per_disk, disk.source, disk.as_of))
    return Quote(tuple(lines))


def requote(old: Quote, spec: ClusterSpec) -> Quote:
    """The quote of a spec that differs from the quoted one in node counts only: the same prices, other counts.

    A group that `old` does not hold a price for (other types, another disk) is unknown.
    """
    known = {line.label: line for line in old.lines[1:]}
    lines = list(old.lines[:1])
    for group in spec.groups:
        for label in (_machine_label(group), _disk_label(group)):
            found = known.get(label, QuoteLine(label, 0, None, "unknown", ""))
            lines.append(replace(found, count=group.desired))
    return Quote(tuple(lines))


def _dearest(group: NodeGroupSpec, prices: PriceList) -> tuple[float | None, str, str]:
    """Price, source and date of a node. EKS tries instance types in order; the dearest is what it may come to."""
    found = [prices.of(kind) for kind in group.instance_types]
    known = [p for p in found if p is not None and p.usd is not None]
    if len(known) < len(group.instance_types):
        return None, "unknown", ""
    dearest = max(known, key=lambda p: p.usd or 0.0)
    return dearest.usd, dearest.source, dearest.as_of


def _machine_label(group: NodeGroupSpec) -> str:
    types: str = group.instance_types[0]
    for other in group.instance_types[1:]:
        types = say("{some} or {last}", some=types, last=other)
    return say("Spot, at most {types}", types=types) if group.capacity_type == SPOT else types


def _disk_label(group: NodeGroupSpec) -> str:
    return say("gp3 {size} GB", size=group.disk_gb)
