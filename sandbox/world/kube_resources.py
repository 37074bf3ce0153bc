"""The resource types the cluster serves: the built-in ones, those that CustomResourceDefinitions add, and discovery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

VERBS = ("create", "delete", "get", "list", "patch", "update")


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One served type. `group` is empty for the core group; `subresources` such as status, log, eviction."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    has_generation: bool = False
    custom: bool = False

    @property
    def api_version(self) -> str:
        """v1, apps/v1, ..."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The plural with its group, as messages spell it: pods, daemonsets.apps."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


def _core(plural: str, kind: str, *, namespaced: bool = True, short: str = "", sub: str = "") -> ResourceType:
    return ResourceType("", "v1", plural, kind, namespaced, tuple(short.split()), tuple(sub.split()))


def _apps(plural: str, kind: str, short: str) -> ResourceType:
    return ResourceType("apps", "v1", plural, kind, True, (short,), ("status",), has_generation=True)


def _other(group: str, plural: str, kind: str, *, namespaced: bool = True, generation: bool = False) -> ResourceType:
    subresources = ("status",) if generation else ()
    return ResourceType(group, "v1", plural, kind, namespaced, (), subresources, generation)


RBAC = "rbac.authorization.k8s.io"
NODES = _core("nodes", "Node", namespaced=False, short="no", sub="status")
PODS = _core("pods", "Pod", short="po", sub="status log eviction")
EVENTS = _core("events", "Event", short="ev")
NAMESPACES = _core("namespaces", "Namespace", namespaced=False, short="ns", sub="status")
SERVICES = _core("services", "Service", short="svc", sub="status")
DAEMONSETS = _apps("daemonsets", "DaemonSet", "ds")
DEPLOYMENTS = _apps("deployments", "Deployment", "deploy")
REPLICASETS = _apps("replicasets", "ReplicaSet", "rs")
BUDGETS = _other("policy", "poddisruptionbudgets", "PodDisruptionBudget", generation=True)
DEFINITIONS = _other(
    "apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False, generation=True
)
ACCESS_REVIEWS = _other("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False)

BUILT_IN: tuple[ResourceType, ...] = (
    NODES,
    PODS,
    EVENTS,
    NAMESPACES,
    SERVICES,
    _core("configmaps", "ConfigMap", short="cm"),
    _core("secrets", "Secret"),
    _core("serviceaccounts", "ServiceAccount", short="sa"),
    _core("endpoints", "Endpoints", short="ep"),
    _core("persistentvolumeclaims", "PersistentVolumeClaim", short="pvc", sub="status"),
    _core("persistentvolumes", "PersistentVolume", namespaced=False, short="pv", sub="status"),
    DAEMONSETS,
    DEPLOYMENTS,
    REPLICASETS,
    _apps("statefulsets", "StatefulSet", "sts"),
    _other("batch", "jobs", "Job", generation=True),
    _other("batch", "cronjobs", "CronJob", generation=True),
    BUDGETS,
    _other("networking.k8s.io", "ingresses", "Ingress", generation=True),
    _other("coordination.k8s.io", "leases", "Lease"),
    _other("scheduling.k8s.io", "priorityclasses", "PriorityClass", namespaced=False),
    _other("storage.k8s.io", "storageclasses", "StorageClass", namespaced=False),
    _other(RBAC, "roles", "Role"),
    _other(RBAC, "rolebindings", "RoleBinding"),
    _other(RBAC, "clusterroles", "ClusterRole", namespaced=False),
    _other(RBAC, "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    ACCESS_REVIEWS,
    DEFINITIONS,
)


class ResourceRegistry:
    """What is served now. Types of CustomResourceDefinitions come and go."""

    def __init__(self) -> None:
        self._types = {(t.group, t.version, t.plural): t for t in BUILT_IN}

    def find(self, group: str, version: str, plural: str) -> ResourceType | None:
        """The type at that path, None where nothing is served."""
        return self._types.get((group, version, plural))

    def serves(self, group: str, version: str) -> bool:
        """True when any type of that group and version is served."""
        return any((t.group, t.version) == (group, version) for t in self)

    def serve(self, definition: Mapping[str, Any]) -> None:
        """Serves every served version of a CustomResourceDefinition."""
        spec = definition["spec"]
        names = spec["names"]
        for version in spec["versions"]:
            if not version.get("served", False):
                continue
            self._types[(spec["group"], version["name"], names["plural"])] = ResourceType(
                spec["group"],
                version["name"],
                names["plural"],
                names["kind"],
                spec.get("scope") == "Namespaced",
                tuple(names.get("shortNames", ())),
                tuple(version.get("subresources", {})),
                has_generation=True,
                custom=True,
            )

    def retire(self, definition: Mapping[str, Any]) -> list[ResourceType]:
        """Serves the definition's types no longer; answers them."""
        spec = definition["spec"]
        gone = [t for t in self if t.custom and t.group == spec["group"] and t.plural == spec["names"]["plural"]]
        for kind in gone:
            del self._types[(kind.group, kind.version, kind.plural)]
        return gone

    def __iter__(self) -> Iterator[ResourceType]:
        return iter(tuple(self._types.values()))


def _listed(kind: ResourceType) -> Iterator[dict[str, Any]]:
    verbs = ["create"] if kind is ACCESS_REVIEWS else list(VERBS)
    entry: dict[str, Any] = {
        "name": kind.plural,
        "singularName": kind.kind.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": verbs,
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    yield entry
    for sub in kind.subresources:
        sub_verbs = {"log": ["get"], "eviction": ["create"]}.get(sub, ["get", "patch", "update"])
        yield {
            "name": f"{kind.plural}/{sub}",
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": "Eviction" if sub == "eviction" else kind.kind,
            "verbs": sub_verbs,
        }


def _versions(registry: ResourceRegistry, group: str) -> list[dict[str, str]]:
    names = sorted({t.version for t in registry if t.group == group})
    return [{"groupVersion": f"{group}/{name}", "version": name} for name in names]


def discovery(registry: ResourceRegistry, path: str) -> dict[str, Any] | None:
    """/api, /apis, /api/v1 and /apis/<group>/<version>; None for any other path and for what is not served."""
    parts = [p for p in path.split("/") if p]
    if parts == ["api"]:
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if parts == ["apis"]:
        groups = [_group(registry, g) for g in dict.fromkeys(t.group for t in registry if t.group)]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    if parts[:1] == ["apis"] and len(parts) == 2 and _versions(registry, parts[1]):
        return {"kind": "APIGroup", "apiVersion": "v1", **_group(registry, parts[1])}
    wanted = {("api", 2): ["", *parts[1:]], ("apis", 3): parts[1:]}.get((parts[0] if parts else "", len(parts)))
    types = [t for t in registry if [t.group, t.version] == wanted]
    if not types:
        return None
    resources = [entry for t in types for entry in _listed(t)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": types[0].api_version,
        "resources": resources,
    }


def _group(registry: ResourceRegistry, group: str) -> dict[str, Any]:
    versions = _versions(registry, group)
    return {"name": group, "versions": versions, "preferredVersion": versions[-1]}
