"""What the API server checks and fills in before it stores an object."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sandbox.world.kube_errors import bad_request, invalid
from sandbox.world.kube_paths import matches_labels
from sandbox.world.kube_pod_template import admitted, container
from sandbox.world.kube_quantity import number
from sandbox.world.kube_resources import DAEMONSETS, DEPLOYMENTS, NODES, PODS, REPLICASETS, SERVICES, ResourceType

Cause = tuple[str, str, str]
_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
_LABEL_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_QUALIFIED_NAME = re.compile(r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)$")
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character"
)
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
MAX_NAME = 253
_DAEMON_COUNTS = ("currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady")


def defaulted(kind: ResourceType, body: Mapping[str, Any]) -> dict[str, Any]:
    """The object as defaulting leaves it (the fields that matter here)."""
    out = dict(body)
    spec = dict(out.get("spec") or {})
    if kind is PODS:
        out["spec"] = admitted(spec) if spec.get("containers") else spec
        out["status"] = {"phase": "Pending", "qosClass": "BestEffort", **(out.get("status") or {})}
    elif kind in (DAEMONSETS, DEPLOYMENTS, REPLICASETS) and spec.get("template"):
        out["spec"] = _workload(kind, spec)
        out.setdefault("status", dict.fromkeys(_DAEMON_COUNTS, 0) if kind is DAEMONSETS else {})
    elif kind is SERVICES:
        out["spec"] = {"type": "ClusterIP", "sessionAffinity": "None", **spec}
        out.setdefault("status", {"loadBalancer": {}})
    return out


def _workload(kind: ResourceType, spec: dict[str, Any]) -> dict[str, Any]:
    template = spec["template"]
    inner = dict(template.get("spec") or {})
    if inner.get("containers"):
        inner = {
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "schedulerName": "default-scheduler",
            "securityContext": {},
            **inner,
            "containers": [container(c) for c in inner["containers"]],
        }
    rolling: dict[str, Any] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    extra: dict[str, Any] = {"revisionHistoryLimit": 10}
    if kind is DAEMONSETS:
        extra["updateStrategy"] = rolling
    else:
        extra["replicas"] = 1
    if spec.get("updateStrategy"):
        extra["updateStrategy"] = {**rolling, **spec["updateStrategy"]}
        spec = {k: v for k, v in spec.items() if k != "updateStrategy"}
    return {**extra, **spec, "template": {**template, "spec": inner}}


def validate(kind: ResourceType, body: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> None:
    """Raises 422 with every cause, as the API server does."""
    metadata = body["metadata"]
    name = str(metadata.get("name") or "")
    causes = list(_metadata(metadata))
    try:
        for check in _CHECKS.get(kind, ()):
            causes += check(body)
        if old is not None:
            causes += _immutable(kind, body, old)
    except (AttributeError, TypeError, KeyError) as error:
        raise bad_request(f"{kind.kind} in version {kind.version!r} cannot be handled: {error!r}") from error
    if causes:
        raise invalid(kind.kind, kind.group, name, causes)


def _metadata(metadata: Mapping[str, Any]) -> Iterator[Cause]:
    name = metadata.get("name")
    if not name and not metadata.get("generateName"):
        yield "metadata.name", "FieldValueRequired", "Required value: name or generateName is required"
    elif name and (len(str(name)) > MAX_NAME or not _SUBDOMAIN.match(str(name))):
        yield "metadata.name", "FieldValueInvalid", f'Invalid value: "{name}": {_NAME_RULE}'
    for key, value in (metadata.get("labels") or {}).items():
        if not _QUALIFIED_NAME.match(key) or len(str(value)) > 63 or not _LABEL_VALUE.match(str(value)):
            rule = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'"
            yield "metadata.labels", "FieldValueInvalid", f'Invalid value: "{value}": {rule}'


def _pod(body: Mapping[str, Any]) -> Iterator[Cause]:
    yield from _pod_spec(body.get("spec") or {}, "spec")


def _pod_spec(spec: Mapping[str, Any], path: str) -> Iterator[Cause]:
    if not spec.get("containers"):
        yield f"{path}.containers", "FieldValueRequired", "Required value"
    for index, item in enumerate(spec.get("containers", ())):
        here = f"{path}.containers[{index}]"
        if not item.get("name"):
            yield f"{here}.name", "FieldValueRequired", "Required value"
        if not item.get("image"):
            yield f"{here}.image", "FieldValueRequired", "Required value"
        yield from _resources(item.get("resources") or {}, f"{here}.resources")
    for index, toleration in enumerate(spec.get("tolerations", ())):
        yield from _toleration(toleration, f"{path}.tolerations[{index}]")


def _resources(resources: Mapping[str, Any], path: str) -> Iterator[Cause]:
    limits = resources.get("limits") or {}
    for where in ("limits", "requests"):
        for name, value in (resources.get(where) or {}).items():
            try:
                number(str(value))
            except ValueError:
                yield f"{path}.{where}.{name}", "FieldValueInvalid", f'Invalid value: "{value}": must be a quantity'
    for name, value in (resources.get("requests") or {}).items():
        if "/" in name and str(limits.get(name)) != str(value):
            text = f'Invalid value: "{value}": must be equal to {name} limit of {limits.get(name, 0)}'
            yield f"{path}.requests", "FieldValueInvalid", text


def _toleration(toleration: Mapping[str, Any], path: str) -> Iterator[Cause]:
    operator, effect = toleration.get("operator", "Equal"), toleration.get("effect", "")
    if operator not in ("Equal", "Exists"):
        yield f"{path}.operator", "FieldValueNotSupported", f'Unsupported value: "{operator}"'
    if operator == "Exists" and toleration.get("value"):
        text = "value must be empty when `operator` is 'Exists'"
        yield f"{path}.operator", "FieldValueInvalid", f'Invalid value: "{toleration["value"]}": {text}'
    if not toleration.get("key") and operator != "Exists":
        text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield f"{path}.operator", "FieldValueInvalid", f'Invalid value: "{operator}": {text}'
    if effect and effect not in EFFECTS:
        yield f"{path}.effect", "FieldValueNotSupported", f'Unsupported value: "{effect}"'


def _template(body: Mapping[str, Any]) -> Iterator[Cause]:
    spec = body.get("spec") or {}
    template = spec.get("template") or {}
    selector = spec.get("selector")
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not selector:
        yield "spec.selector", "FieldValueRequired", "Required value"
    elif not matches_labels(selector, labels):
        text = f"Invalid value: {labels}: `selector` does not match template `labels`"
        yield "spec.template.metadata.labels", "FieldValueInvalid", text
    yield from _pod_spec(template.get("spec") or {}, "spec.template.spec")


def _node(body: Mapping[str, Any]) -> Iterator[Cause]:
    seen = set()
    for index, taint in enumerate((body.get("spec") or {}).get("taints", ())):
        path = f"metadata.taints[{index}]"
        if not _QUALIFIED_NAME.match(str(taint.get("key", ""))):
            yield f"{path}.key", "FieldValueInvalid", f'Invalid value: "{taint.get("key")}": name part must be set'
        if taint.get("effect") not in EFFECTS:
            supported = ", ".join(f'"{e}"' for e in EFFECTS)
            text = f'Unsupported value: "{taint.get("effect")}": supported values: {supported}'
            yield f"{path}.effect", "FieldValueNotSupported", text
        if (taint.get("key"), taint.get("effect")) in seen:
            text = f"Duplicate value: {dict(taint)}: taints must be unique by key and effect pair"
            yield path, "FieldValueDuplicate", text
        seen.add((taint.get("key"), taint.get("effect")))


_CHECKS: Mapping[ResourceType, tuple[Callable[[Mapping[str, Any]], Iterator[Cause]], ...]] = {
    PODS: (_pod,),
    NODES: (_node,),
    DAEMONSETS: (_template,),
    DEPLOYMENTS: (_template,),
    REPLICASETS: (_template,),
}

_POD_MUTABLE = frozenset({"activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations", "containers"})


def _immutable(kind: ResourceType, body: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[Cause]:
    new_spec, old_spec = body.get("spec") or {}, old.get("spec") or {}
    if kind in (DAEMONSETS, DEPLOYMENTS) and new_spec.get("selector") != old_spec.get("selector"):
        text = f"Invalid value: {new_spec.get('selector')}: field is immutable"
        yield "spec.selector", "FieldValueInvalid", text
    if kind is PODS and _frozen(new_spec) != _frozen(old_spec):
        text = (
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
            "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
            "previously negative)"
        )
        yield "spec", "FieldValueForbidden", text


def _frozen(spec: Mapping[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in spec.items() if k not in _POD_MUTABLE}
    kept["containers"] = [{k: v for k, v in c.items() if k != "image"} for c in spec.get("containers", ())]
    return kept
