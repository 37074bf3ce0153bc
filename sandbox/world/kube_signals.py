"""What is broken in the signals of use of one cluster: exporters, counters, Ray's dashboard, the API server's proxy."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class BrokenSignals:
    """By node name ("*": every GPU node) where it says so. Written by faults, read by proxy, exporter and dashboard.

    `silent`: node -> refused, empty or fewer. `blank`: node -> int64, int32 or gone. `proxy`: empty, timeout or drop.
    `insights_gaps`: times (from, to) that CloudWatch was sent nothing for; they stay when everything is healed.
    """

    silent: dict[str, str] = field(default_factory=dict)
    blank: dict[str, str] = field(default_factory=dict)
    proxy: str = ""
    insights_partial: bool = False
    insights_gaps: list[tuple[float, float]] = field(default_factory=list)
    ray_unauthorized: bool = False
    ray_forbidden: bool = False
    ray_activity_error: bool = False

    def clear(self) -> None:
        """Everything can be seen again."""
        self.silent.clear()
        self.blank.clear()
        self.proxy = ""
        self.insights_partial = False
        self.ray_unauthorized = self.ray_forbidden = self.ray_activity_error = False


def of_node(names: dict[str, str], node: str) -> str:
    """What is broken at a node, empty where nothing is."""
    return names.get(node) or names.get("*", "")
