"""What Spot costs in this world: for each type and zone its own price, other every few hours, alike in each run."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

from sandbox.world import catalogue

SHARE = 0.4  # of the on-demand price, before the zone's own deviation
SWING = 0.25  # by so much the dearest hours of a zone differ from its cheapest
CHANGES_S = 3 * 3600.0
KEPT_S = 90 * 86400.0  # EC2 keeps the history of 90 days


def prices(region: str, instance_type: str, zone: str, since: float, until: float) -> list[tuple[float, float]]:
    """(since when, USD an hour), oldest first, the first in force at `since`; empty where no price is known."""
    listed = catalogue.on_demand_price(region, instance_type)
    if listed is None:
        return []
    base = listed * (SHARE + 0.01 * (ord(zone[-1]) - ord("a")))
    name = f"{region}/{instance_type}/{zone}"
    shift = CHANGES_S * _share(name)
    first, last = (math.floor((at - shift) / CHANGES_S) for at in (since, max(since, until)))
    return [
        (n * CHANGES_S + shift, round(base * (1 + SWING * (_share(f"{name}/{n}") - 0.5)), 6))
        for n in range(first, last + 1)
    ]


def cost(region: str, instance_type: str, zone: str, since: float, until: float) -> float | None:
    """USD of one instance from `since` to `until`, each second at the price in force; None where none is known."""
    found = prices(region, instance_type, zone, since, until)
    return sum(_parts(found, since, until)) if found else None


def _parts(found: list[tuple[float, float]], since: float, until: float) -> Iterator[float]:
    for number, (at, usd) in enumerate(found):
        end = found[number + 1][0] if number + 1 < len(found) else until
        yield usd * max(0.0, min(end, until) - max(at, since)) / 3600


def _share(name: str) -> float:
    """A number from 0 to 1, always the same for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
