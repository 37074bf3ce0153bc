"""The mirror of a real API server, and what kubelets would write into it; no control plane is needed for either."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.real import audit
from sandbox.real.kubelets import Kubelets, registered
from sandbox.real.mirror import Mirror, Order, path_of
from sandbox.real.stages import ENDS, HELD
from sandbox.world.kube_core import Core
from sandbox.world.kube_daemonsets import delete_pod
from sandbox.world.kube_resources import DAEMONSETS, NODES, PODS
from sandbox.world.kube_store import Record
from sandbox.world.node_facts import NodeFacts, NodeTaint
from sandbox.world.timeline import Timeline

START = 1_800_000_000.0
NODE = "ip-10-0-0-4.us-west-2.compute.internal"


def facts(ami: str = "BOTTLEROCKET_x86_64_NVIDIA") -> NodeFacts:
    """A g5.xlarge that joins as the world begins."""
    return NodeFacts(
        name=NODE,
        instance_id="i-1",
        instance_type="g5.xlarge",
        zone="us-west-2a",
        cluster="demo",
        group="gpu",
        ami_type=ami,
        labels={},
        taints=(NodeTaint("ray.io/node-type", "worker", "NoSchedule"),),
        vcpu=4,
        memory_gib=16.0,
        gpus=1,
        gpu_model="NVIDIA A10G",
        disk_gb=100,
        joined_at=START,
        provider_id="aws:///us-west-2a/i-1",
    )


class Place:
    """A mirror that is told by the test what the API server says."""

    def __init__(self, ami: str = "BOTTLEROCKET_x86_64_NVIDIA") -> None:
        self.time = Timeline(START)
        self.core = Core("demo", self.time)
        self.mirror = Mirror("demo", lambda: self.time.now, lambda: None)
        self.core.store = self.mirror
        self.core.facts[NODE] = facts(ami)
        self.kubelets = Kubelets(self.core)
        self.node = registered(facts(ami), "1.35")
        self.node["metadata"]["uid"] = "node"  # the server's
        self.pods: list[dict[str, Any]] = []

    def look(self, seconds: float = 0.0) -> list[Order]:
        """Time passes, the server is read, and this is what has to be written."""
        self.time.advance_to(self.time.now + seconds)
        self.mirror.reflect(NODES, [self.node])
        self.mirror.reflect(PODS, self.pods)
        return self.kubelets.orders()

    def ready(self, status: str = "True") -> None:
        """What kwok's stage makes of the node."""
        for row in self.node["status"]["conditions"]:
            if row["type"] == "Ready":
                row["status"] = status

    def pod(self, name: str, image: str, **spec: Any) -> dict[str, Any]:
        """A pod that runs there, and has for a day by the real clock."""
        container = {"name": "main", "image": image, "resources": {"limits": {"nvidia.com/gpu": "1"}}}
        running = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
        made = {
            "metadata": {"name": name, "namespace": "default", "uid": name},
            "spec": {"nodeName": NODE, "containers": [container], **spec},
            "status": {"phase": "Running", "containerStatuses": [{"name": "main", "state": running}]},
        }
        self.pods.append(made)
        return made

    def record(self, name: str) -> Record:
        """A pod as mirrored."""
        found = self.mirror.find(PODS, "default", name)
        assert found is not None
        return found


def test_a_write_is_an_order_and_a_reflection_is_not() -> None:
    """Create, change and delete become POST, PATCH and DELETE on the right paths; what the server says orders nothing."""
    place = Place()
    place.core.add(DAEMONSETS, {"metadata": {"name": "aws-node", "namespace": "kube-system"}, "spec": {"a": 1}}, "eks")
    place.look()
    node = place.mirror.find(NODES, "", NODE)
    assert node is not None
    place.mirror.write(NODES, node, {**node.body, "spec": {**node.body["spec"], "taints": []}}, "kubectl-taint")
    place.mirror.remove(NODES, node)
    assert [(o.method, o.path) for o in place.mirror.orders] == [
        ("POST", "/apis/apps/v1/namespaces/kube-system/daemonsets"),
        ("PATCH", f"/api/v1/nodes/{NODE}"),
        ("DELETE", f"/api/v1/nodes/{NODE}"),
    ]
    posted, patched, _ = place.mirror.orders
    assert posted.body["metadata"] == {"name": "aws-node", "namespace": "kube-system"}
    assert patched.body == {"spec": {"taints": []}}


def test_a_pods_deletion_is_graceful_with_a_kubelet_and_at_once_without() -> None:
    """Marked as being deleted it is DELETE with the pod's own grace; without a node it is DELETE with none."""
    place = Place()
    place.pod("one", "busybox")
    place.look()
    delete_pod(place.core, place.record("one"))
    place.core.store.remove(NODES, place.mirror.all(NODES)[0])
    delete_pod(place.core, Record({**place.pods[0]}, {}))
    path = path_of(PODS, "default", "one")
    assert [o.body for o in place.mirror.orders if o.path == path] == [None, {"gracePeriodSeconds": 0}]


def test_what_runs_does_so_since_the_world_saw_it() -> None:
    """The API server's clock is the real one; ages are counted by the world's."""
    place = Place()
    place.pod("one", "busybox")
    place.look(60)
    first = place.record("one").body["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    place.look(60)
    again = place.record("one").body["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    assert first == again == "2027-01-15T08:01:00Z"


def test_a_node_is_held_until_its_network_runs() -> None:
    """No aws-node, no Ready, however long; with one, the hold is taken off and nothing else is written."""
    place = Place()
    assert place.look(3600) == []
    place.pod("cni", "eks/amazon-k8s-cni:v1")["metadata"]["namespace"] = "kube-system"
    (order,) = place.look()
    assert order.body == {"metadata": {"annotations": {HELD: None}}}


def test_gpus_are_offered_half_a_minute_after_ready() -> None:
    """Where the AMI brings the plugin; under gpus_missing a node offers none."""
    place = Place()
    place.ready()
    place.node["metadata"]["annotations"] = {}
    assert place.look(29) == []
    (order,) = place.look(31)
    assert (order.path, order.body) == (
        f"/api/v1/nodes/{NODE}/status",
        {"status": {"capacity": {"nvidia.com/gpu": "1"}, "allocatable": {"nvidia.com/gpu": "1"}}},
    )
    place.core.broken.gpus_missing.add("*")
    assert place.look() == []


@pytest.mark.parametrize(("broken", "phase"), [(False, "Succeeded"), (True, "Failed")])
def test_a_smoke_pod_is_told_how_to_end_once(broken: bool, phase: str) -> None:
    """Ten world seconds after it was seen running; told already, it is not told again."""
    place = Place()
    place.node["metadata"]["annotations"] = {}
    place.ready()
    place.node["status"]["allocatable"]["nvidia.com/gpu"] = place.node["status"]["capacity"]["nvidia.com/gpu"] = "1"
    if broken:
        place.core.broken.smoke_fails.add("*")
    place.look()
    pod = place.pod("smoke", "cuda-sample:vectoradd", restartPolicy="Never")
    place.look(60)
    (order,) = place.look(10)
    assert order.body["metadata"]["annotations"][ENDS] == phase
    pod["metadata"]["annotations"] = order.body["metadata"]["annotations"]
    assert place.look(10) == []


def test_a_plugin_without_a_driver_crashes() -> None:
    """Not Ready and waiting in CrashLoopBackOff, so that its DaemonSet counts it as not ready."""
    place = Place("AL2023_x86_64_STANDARD")
    place.node["metadata"]["annotations"] = {}
    place.ready()
    place.pod("plugin", "nvcr.io/nvidia/k8s-device-plugin:v0.18.0")
    place.look()
    (order,) = place.look(5)
    (row,) = order.body["status"]["containerStatuses"]
    assert row["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert {c["status"] for c in order.body["status"]["conditions"]} == {"False"}


def test_draining_evicts_what_no_daemonset_owns() -> None:
    """By the eviction API, which keeps budgets; a refused one is tried again, not at every look."""
    place = Place()
    place.node["metadata"]["annotations"] = {}
    place.ready()
    place.pod("people", "busybox")
    place.pod("daemon", "busybox")["metadata"]["ownerReferences"] = [{"kind": "DaemonSet", "uid": "d"}]
    place.look()
    place.kubelets.draining.add(NODE)
    evictions = [o for o in place.look() if o.path.endswith("/eviction")]
    assert [o.path for o in evictions] == ["/api/v1/namespaces/default/pods/people/eviction"]
    assert not [o for o in place.look() if o.path.endswith("/eviction")]


def test_an_audit_event_reads_like_a_call_of_the_world() -> None:
    """Method and path of HTTP, the principal, the body, and the words of a refusal."""
    event = {
        "verb": "list",
        "requestURI": "/api/v1/nodes?limit=500",
        "user": {"username": "arn:aws:iam::111122223333:role/bob"},
        "responseStatus": {"code": 403, "message": "nodes is forbidden"},
    }
    operation, params, status, error = audit.row("demo", event)
    assert (operation, status, error) == ("GET /api/v1/nodes", 403, "nodes is forbidden")
    assert params["principal"].endswith("role/bob")
    assert params["query"] == {"limit": "500"}
