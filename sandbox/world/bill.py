"""What the world's resources cost: every billed thing from its first second to its last, running or finished."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Cost = Callable[[float, float], float | None]


@dataclass(slots=True)
class Charge:
    """One billed resource. `usd_per_hour` is None when its price is not known; `ended_at` None while it runs.

    `cost`: for what has a price that changes, USD from one time to another.
    """

    kind: str
    id: str
    cluster: str
    usd_per_hour: float | None
    started_at: float
    ended_at: float | None = None
    cost: Cost | None = None

    def hours(self, now: float) -> float:
        """Hours billed until `now`."""
        return max(0.0, self._end(now) - self.started_at) / 3600

    def usd(self, now: float) -> float | None:
        """USD billed until `now`."""
        if self.cost is not None:
            return self.cost(self.started_at, self._end(now))
        return None if self.usd_per_hour is None else self.hours(now) * self.usd_per_hour

    def rate(self, now: float) -> float | None:
        """USD an hour as it is now, or was at the end."""
        if self.cost is None:
            return self.usd_per_hour
        end = self._end(now)
        second = self.cost(end, end + 1)
        return None if second is None else round(3600 * second, 6)

    def _end(self, now: float) -> float:
        return self.ended_at if self.ended_at is not None else now


class Ledger:
    """The charges of the world, in the order in which they began."""

    def __init__(self) -> None:
        self._charges: dict[tuple[str, str], Charge] = {}

    def open(self, charge: Charge) -> None:
        """Begin to bill a resource."""
        self._charges[charge.kind, charge.id] = charge

    def close(self, kind: str, resource_id: str, at: float) -> None:
        """End it; a second end changes nothing."""
        charge = self._charges.get((kind, resource_id))
        if charge is not None and charge.ended_at is None:
            charge.ended_at = at

    def per_hour(self, now: float) -> float:
        """USD per hour of all that runs and has a known price."""
        return round(sum(c.rate(now) or 0.0 for c in self._charges.values() if c.ended_at is None), 6)

    def bill(self, now: float) -> dict[str, Any]:
        """Rows with hours and dollars, the total, and what runs by the hour. `unknown` names what has no price."""
        rows: list[dict[str, Any]] = []
        for charge in self._charges.values():
            usd = charge.usd(now)
            rows.append(
                {
                    "kind": charge.kind,
                    "id": charge.id,
                    "cluster": charge.cluster,
                    "running": charge.ended_at is None,
                    "hours": round(charge.hours(now), 6),
                    "usd_per_hour": charge.rate(now),
                    "usd": None if usd is None else round(usd, 6),
                }
            )
        return {
            "resources": rows,
            "usd_total": round(sum(row["usd"] or 0.0 for row in rows), 6),
            "usd_per_hour": self.per_hour(now),
            "unknown": [row["id"] for row in rows if row["usd_per_hour"] is None],
        }
