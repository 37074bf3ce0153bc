"""What kwok's kubelets do: nodes become Ready and stay so, pods run, end when they are told to, and go when deleted.

Stages are kwok.x-k8s.io/v1alpha1; the world, not kwok, writes labels, taints, capacity and GPUs of a node.
"""

from __future__ import annotations

from typing import Any

ENDS = "sandbox.raygpu/ends"  # annotation of a pod: how it ends, "Succeeded" or "Failed"; without one it runs on
AFTER = "sandbox.raygpu/after"  # annotation of a pod: how long after it was told so, as Go writes it (0s); else half a second
HELD = "sandbox.raygpu/held"  # annotation of a node or pod: its kubelet does nothing


def _stage(name: str, kind: str, when: list[dict[str, Any]], then: dict[str, Any], **more: Any) -> dict[str, Any]:
    held = {"key": f'.metadata.annotations["{HELD}"]', "operator": "DoesNotExist"}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": [*when, held]},
            "next": then,
            **more,
        },
    }


def _key(path: str, operator: str, *values: str) -> dict[str, Any]:
    found: dict[str, Any] = {"key": path, "operator": operator}
    return {**found, "values": list(values)} if values else found


_GOING = _key(".metadata.deletionTimestamp", "Exists")
_STAYING = _key(".metadata.deletionTimestamp", "DoesNotExist")
_READY = '.status.conditions.[] | select( .type == "Ready" ) | .status'
_CONTAINERS_READY = '.status.conditions.[] | select( .type == "ContainersReady" ) | .status'

_NODE_STATUS = """
{{ $now := Now }}
conditions:
- {type: Ready, status: "True", reason: KubeletReady, message: kubelet is posting ready status,
   lastHeartbeatTime: {{ $now | Quote }}, lastTransitionTime: {{ $now | Quote }}}
{{ range tuple "MemoryPressure" "DiskPressure" "PIDPressure" }}
- {type: {{ . }}, status: "False", reason: KubeletHasNo{{ . }}, message: kubelet has none,
   lastHeartbeatTime: {{ $now | Quote }}, lastTransitionTime: {{ $now | Quote }}}
{{ end }}
phase: Running
"""

_POD_RUNS = """
{{ $now := Now }}
conditions:
{{ range tuple "Initialized" "Ready" "ContainersReady" }}
- {type: {{ . }}, status: "True", lastTransitionTime: {{ $now | Quote }}}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- {name: {{ .name | Quote }}, image: {{ .image | Quote }}, imageID: "", ready: true, started: true, restartCount: 0,
   state: {running: {startedAt: {{ $now | Quote }}}}}
{{ end }}
hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
podIP: {{ PodIPWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" )
  ( or .metadata.name "" ) ( or .metadata.namespace "" ) | Quote }}
phase: Running
startTime: {{ $now | Quote }}
"""

# What the node lifecycle controller took while the node was not heard of; a kubelet that is back says it anew.
_POD_READY_AGAIN = """
{{ $now := Now }}
conditions:
- {type: Ready, status: "True", lastTransitionTime: {{ $now | Quote }}}
"""

_POD_ENDS = """
{{ $now := Now }}
{{ $root := . }}
{{ $phase := index .metadata.annotations "sandbox.raygpu/ends" }}
conditions:
{{ range tuple "Ready" "ContainersReady" }}
- {type: {{ . }}, status: "False", reason: PodCompleted, lastTransitionTime: {{ $now | Quote }}}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- {name: {{ .name | Quote }}, image: {{ .image | Quote }}, imageID: "", ready: false, started: false, restartCount: 0,
   state: {terminated: {exitCode: {{ if eq $phase "Succeeded" }}0{{ else }}1{{ end }},
     reason: {{ if eq $phase "Succeeded" }}Completed{{ else }}Error{{ end }},
     startedAt: {{ $root.status.startTime | Quote }}, finishedAt: {{ $now | Quote }}}}}
{{ end }}
phase: {{ $phase }}
"""

STAGES: list[dict[str, Any]] = [
    _stage("node-ready", "Node", [_key(_READY, "NotIn", "True")], {"statusTemplate": _NODE_STATUS}),
    _stage(
        "pod-runs",
        "Pod",
        [_STAYING, _key(".spec.nodeName", "Exists"), _key(".status.phase", "In", "Pending")],
        {"statusTemplate": _POD_RUNS},
    ),
    _stage(
        "pod-ready-again",
        "Pod",
        [
            _STAYING,
            _key(".status.phase", "In", "Running"),
            _key(_READY, "In", "False"),
            _key(_CONTAINERS_READY, "In", "True"),
        ],
        {"statusTemplate": _POD_READY_AGAIN},
    ),
    _stage(
        "pod-ends",
        "Pod",
        [
            _STAYING,
            _key(".status.phase", "In", "Running"),
            _key(f'.metadata.annotations["{ENDS}"]', "In", "Succeeded", "Failed"),
        ],
        {"statusTemplate": _POD_ENDS},
        delay={"durationMilliseconds": 500, "durationFrom": {"expressionFrom": f'.metadata.annotations["{AFTER}"]'}},
    ),
    _stage(
        "pod-goes", "Pod", [_GOING, _key(".spec.nodeName", "Exists")], {"delete": True, "finalizers": {"empty": True}}
    ),
]
