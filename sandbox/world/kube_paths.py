"""Paths and selectors of the Kubernetes REST API: which object, which subresource, which labels and fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.world.kube_errors import KubeError, bad_request

Matcher = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """/api/v1/namespaces/{namespace}/{plural}/{name}/{subresource} in parts; what is not there is empty."""

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def parse_path(path: str) -> ResourcePath | None:
    """The parts of a resource path; None when it does not name a resource."""
    parts = [p for p in path.split("/") if p]
    if parts[:1] == ["api"]:
        group, version, rest = "", "".join(parts[1:2]), parts[2:]
    elif parts[:1] == ["apis"] and len(parts) >= 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] not in {"status", "finalize"}:
        namespace, rest = rest[1], rest[2:]
    if not rest or len(rest) > 3:
        return None
    name, subresource = (*rest[1:], "", "")[:2]
    return ResourcePath(group, version, rest[0], namespace, name, subresource)


_SET = re.compile(r"^(?P<key>[^\s!=,()]+)\s+(?P<op>in|notin)\s+\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s!=,()]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s!=,()]*)$")
_EXISTS = re.compile(r"^(?P<not>!?)\s*(?P<key>[^\s!=,()]+)$")


def _requirement(text: str) -> Callable[[Mapping[str, str]], bool]:
    if found := _SET.match(text):
        values = {v.strip() for v in found["values"].split(",")}
        key = found["key"]
        if found["op"] == "in":
            return lambda labels: key in labels and labels[key] in values
        return lambda labels: labels.get(key) not in values
    if found := _EQUAL.match(text):
        key, value = found["key"], found["value"]
        if found["op"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if found := _EXISTS.match(text):
        key, wanted = found["key"], not found["not"]
        return lambda labels: (key in labels) is wanted
    raise bad_request(f"unable to parse requirement: {text!r}")


def label_matcher(selector: str) -> Matcher:
    """`labelSelector`: equality (a=b, a!=b), sets (a in (b,c), a notin (b)) and existence (a, !a), joined by commas."""
    requirements = [_requirement(part.strip()) for part in re.split(r",(?![^()]*\))", selector) if part.strip()]

    def matches(body: Mapping[str, Any]) -> bool:
        labels = body["metadata"].get("labels", {})
        return all(requirement(labels) for requirement in requirements)

    return matches


def matches_labels(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """A LabelSelector object (matchLabels and matchExpressions) against labels."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(expression_holds(e, labels) for e in selector.get("matchExpressions", ()))


def expression_holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """One expression of a label selector or a node selector term: In NotIn Exists DoesNotExist Gt Lt."""
    key, operator, values = expression["key"], expression["operator"], expression.get("values", [])
    present = labels.get(key)
    match operator:
        case "In":
            return present in values
        case "NotIn":
            return present not in values
        case "Exists":
            return present is not None
        case "DoesNotExist":
            return present is None
        case "Gt" | "Lt" if present is not None and present.isdigit():
            return int(present) > int(values[0]) if operator == "Gt" else int(present) < int(values[0])
    return False


_FIELDS: Mapping[str, frozenset[str]] = {
    "pods": frozenset({"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "status.phase", "status.podIP"}),
    "nodes": frozenset({"spec.unschedulable"}),
    "events": frozenset(
        {
            "involvedObject.kind",
            "involvedObject.name",
            "involvedObject.namespace",
            "involvedObject.uid",
            "reason",
            "type",
        }
    ),
    "namespaces": frozenset({"status.phase"}),
}


def _field(body: Mapping[str, Any], path: str) -> str:
    value: Any = body
    for part in path.split("."):
        value = value.get(part, "") if isinstance(value, Mapping) else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value == "" and path == "spec.unschedulable":
        return "false"
    return str(value)


def field_matcher(plural: str, selector: str) -> Matcher:
    """`fieldSelector`: only the fields the API server indexes for that type; others are refused as it refuses them."""
    supported = _FIELDS.get(plural, frozenset()) | {"metadata.name", "metadata.namespace"}
    wanted: list[tuple[str, str, bool]] = []
    for part in filter(None, (p.strip() for p in selector.split(","))):
        found = re.match(r"^([\w.]+)(==|=|!=)(.*)$", part)
        if found is None:
            raise _bad_selector(selector, "invalid field selector")
        if found[1] not in supported:
            raise _bad_selector(selector, "field label not supported: " + found[1])
        wanted.append((found[1], found[3], found[2] != "!="))
    return lambda body: all((_field(body, path) == value) is equal for path, value, equal in wanted)


def _bad_selector(selector: str, why: str) -> KubeError:
    return bad_request(f'Unable to find fields matching selector "{selector}": {why}')
