"""Where a pod may run: taints against tolerations, node selectors and affinity, free resources. Pure predicates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.world.kube_paths import expression_holds
from sandbox.world.kube_quantity import number, pod_requests

_EPSILON = 1e-6


def tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    """Kubernetes' rule: an empty effect tolerates all effects, an empty key with Exists tolerates all taints."""
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    key, operator = toleration.get("key", ""), toleration.get("operator", "Equal")
    if operator == "Exists":
        return key in ("", taint["key"])
    return bool(key == taint["key"] and toleration.get("value", "") == taint.get("value", ""))


def untolerated(
    tolerations: Iterable[Mapping[str, Any]], taints: Iterable[Mapping[str, Any]], effects: tuple[str, ...]
) -> Mapping[str, Any] | None:
    """The first taint of those effects that nothing tolerates."""
    held = list(tolerations)
    for taint in taints:
        if taint["effect"] in effects and not any(tolerates(t, taint) for t in held):
            return taint
    return None


def matches_node(spec: Mapping[str, Any], node: Mapping[str, Any]) -> bool:
    """nodeSelector and required node affinity of a pod spec against a node."""
    labels = node["metadata"].get("labels", {})
    if any(labels.get(k) != v for k, v in spec.get("nodeSelector", {}).items()):
        return False
    terms = _terms(spec)
    if terms is None:
        return True
    return any(_term_holds(term, node, labels) for term in terms)


def _terms(spec: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    affinity = spec.get("affinity", {}).get("nodeAffinity", {})
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return None if required is None else list(required.get("nodeSelectorTerms", ()))


def _term_holds(term: Mapping[str, Any], node: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    expressions, fields = term.get("matchExpressions", ()), term.get("matchFields", ())
    names = {"metadata.name": node["metadata"]["name"]}
    if not expressions and not fields:
        return False
    return all(expression_holds(e, labels) for e in expressions) and all(expression_holds(f, names) for f in fields)


def pinned_to(spec: Mapping[str, Any]) -> set[str] | None:
    """The node names a pod is pinned to by matchFields on metadata.name; None when it is not pinned."""
    terms = _terms(spec)
    if not terms or not all(t.get("matchFields") for t in terms):
        return None
    return {value for t in terms for f in t["matchFields"] if f["operator"] == "In" for value in f.get("values", ())}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a node does not take a pod. `resolvable`: evicting pods could help (resources), unlike taints and labels."""

    reasons: tuple[str, ...] = ()
    resolvable: bool = False


def filter_node(spec: Mapping[str, Any], node: Mapping[str, Any], free: Mapping[str, float]) -> Verdict:
    """The scheduler's filters in their order; `free` is what is left of the node's allocatable, pods included."""
    pinned = pinned_to(spec)
    if pinned is not None and node["metadata"]["name"] not in pinned:
        return Verdict(("node(s) didn't satisfy plugin(s) [NodeAffinity]",))
    taints = node["spec"].get("taints", ())
    tolerations = spec.get("tolerations", ())
    cordon = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    if node["spec"].get("unschedulable") and not any(tolerates(t, cordon) for t in tolerations):
        return Verdict(("node(s) were unschedulable",))
    taint = untolerated(tolerations, taints, ("NoSchedule", "NoExecute"))
    if taint is not None:
        return Verdict((f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}",))
    if not matches_node(spec, node):
        return Verdict(("node(s) didn't match Pod's node affinity/selector",))
    return Verdict(tuple(_lacking(spec, free)), resolvable=True)


def _lacking(spec: Mapping[str, Any], free: Mapping[str, float]) -> Iterable[str]:
    if free.get("pods", 0.0) < 1:
        yield "Too many pods"
    for name, wanted in sorted(pod_requests(spec).items()):
        if wanted > free.get(name, 0.0) + _EPSILON:
            yield f"Insufficient {name}"


def free_resources(node: Mapping[str, Any], requests: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Allocatable less what the pods on the node asked for."""
    free = {name: number(str(value)) for name, value in node["status"]["allocatable"].items()}
    for wanted in requests:
        free["pods"] = free.get("pods", 0.0) - 1
        for name, value in wanted.items():
            free[name] = free.get(name, 0.0) - value
    return free


def unschedulable_message(verdicts: Iterable[Verdict]) -> str:
    """The sentence of the scheduler: counts per reason, sorted, and what preemption could do."""
    seen = list(verdicts)
    if not seen:
        return "no nodes available to schedule pods"
    helpless = sum(not v.resolvable for v in seen)
    preemption = _counted(
        {
            "No preemption victims found for incoming pod": len(seen) - helpless,
            "Preemption is not helpful for scheduling": helpless,
        }
    )
    counts: dict[str, int] = {}
    for verdict in seen:
        for reason in verdict.reasons:
            counts[reason] = counts.get(reason, 0) + 1
    head = f"0/{len(seen)} nodes are available: {_counted(counts)}."
    return f"{head} preemption: 0/{len(seen)} nodes are available: {preemption}."


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items() if count))
