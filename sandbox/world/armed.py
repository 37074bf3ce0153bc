"""Faults that wait for their moment: a control plane that will fail, a group that will fail, an interface that will leak."""

from __future__ import annotations

from dataclasses import dataclass, field

Failure = tuple[str, str]


@dataclass(slots=True)
class Armed:
    """Waiting faults. A name "*" stands for whichever comes first. Each is used up by the first that meets it."""

    clusters: dict[str, Failure] = field(default_factory=dict)
    groups: dict[tuple[str, str], Failure] = field(default_factory=dict)
    group_deletes: dict[tuple[str, str], Failure] = field(default_factory=dict)
    eni_leaks: set[str] = field(default_factory=set)
    join_failures: set[tuple[str, str]] = field(default_factory=set)

    def take_cluster_failure(self, name: str) -> Failure | None:
        """The failure meant for that control plane."""
        return self.clusters.pop(name, None) or self.clusters.pop("*", None)

    def take_group_failure(self, cluster: str, group: str) -> Failure | None:
        """The failure meant for that node group."""
        return self.groups.pop((cluster, group), None) or self.groups.pop(("*", group), None)

    def take_group_delete_failure(self, cluster: str, group: str) -> Failure | None:
        """The failure meant for the deletion of that node group."""
        return self.group_deletes.pop((cluster, group), None) or self.group_deletes.pop(("*", group), None)

    def take_eni_leak(self, cluster: str) -> bool:
        """Whether an interface of that cluster is to be left behind now."""
        if cluster in self.eni_leaks:
            self.eni_leaks.discard(cluster)
            return True
        return False

    def joins_fail(self, cluster: str, group: str) -> bool:
        """Whether nodes of that group cannot reach the API server; lasts until cleared."""
        return bool({(cluster, group), ("*", group)} & self.join_failures)

    def clear(self) -> None:
        """Nothing waits any more."""
        self.clusters.clear()
        self.groups.clear()
        self.group_deletes.clear()
        self.eni_leaks.clear()
        self.join_failures.clear()
