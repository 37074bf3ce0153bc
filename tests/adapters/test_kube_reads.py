"""Who asks for GPUs, and what a Ray head says, where neither world nor real Ray go: MIG, claims, evictions, many proxies."""

import json
from typing import Any

import pytest

from adapters.kube import Call, KubeGpuPods, KubeGpuScrapes, KubeRays
from domain.errors import Unavailable
from domain.observation import ControlPlane
from domain.ray import RayCluster
from domain.signals import RayDashboard

PLANE = ControlPlane("raygpu-demo", "us-west-2", "ACTIVE", "1.35", "arn")
CLUSTER = RayCluster("default", "exp", False, "ready", "exp-head-svc")
AT, LATER = "2027-01-15T08:00:00Z", "2027-01-15T09:00:00Z"
GPU, MIG = "nvidia.com/gpu", "nvidia.com/mig-1g.10gb"


class Canned:
    """A wire that answers by the end of a path."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def send(self, plane: ControlPlane, call: Call) -> bytes:
        self.asked.append(call.path)
        found = next((a for end, a in self.answers.items() if call.path.endswith(end)), None)
        if found is None or isinstance(found, Exception):
            raise found or Unavailable("ServerFault", f"nobody answers at {call.path}")
        return found.encode() if isinstance(found, str) else json.dumps(found).encode()


def asks(quantity: str, resource: str = GPU, **more: Any) -> dict[str, Any]:
    """A container with that limit."""
    return {"name": "c", "image": "i", "resources": {"limits": {resource: quantity}}, **more}


def pod(spec: dict[str, Any], name: str = "p", **status: Any) -> dict[str, Any]:
    metadata = {"namespace": "default", "name": name, "creationTimestamp": AT}
    return {"metadata": metadata, "spec": {"nodeName": "n1", **spec}, "status": {"phase": "Running", **status}}


def read(*pods: dict[str, Any]) -> Any:
    return KubeGpuPods(Canned({"/api/v1/pods": {"metadata": {}, "items": list(pods)}})).read(PLANE)


@pytest.mark.parametrize(("spec", "gpus"), [
    ({"containers": [asks("2"), asks("1")]}, 3.0),
    ({"containers": [asks("2", "nvidia.com/gpu.shared")]}, 2.0),
    ({"containers": [asks("3", MIG)]}, 3.0),
    ({"containers": [{"name": "c", "resources": {"requests": {GPU: "1"}}}]}, 1.0),
    ({"containers": [asks("1")], "initContainers": [asks("4")]}, 4.0),
    ({"containers": [asks("1")], "initContainers": [asks("1")]}, 1.0),
    ({"containers": [asks("1")], "initContainers": [asks("1", restartPolicy="Always")]}, 2.0),
    ({"containers": [{"name": "c"}], "resourceClaims": [{"name": "gpu"}]}, 1.0),
    ({"containers": [asks("0")]}, None),
    ({"containers": [asks("1", "amd.com/gpu"), asks("1", "vpc.amazonaws.com/pod-eni")]}, None),
    ({"containers": [{"name": "c", "resources": {}}, {"name": "d", "resources": None}]}, None),
])  # fmt: skip
def test_what_counts_as_asking(spec: dict[str, Any], gpus: float | None) -> None:
    """Whole, shared, slices, claims; init containers by the largest, sidecars beside the rest; other devices not."""
    assert [p.gpus for p in read(pod(spec)).pods] == ([] if gpus is None else [gpus])


def test_ended_pods_are_no_demand_and_date_the_last_use() -> None:
    """The latest end of all containers of all of them."""
    ended = {"state": {"terminated": {"finishedAt": LATER, "exitCode": 0}}}
    early = {"state": {"terminated": {"finishedAt": AT, "exitCode": 0}}}
    done = pod({"containers": [asks("1")]}, phase="Succeeded", containerStatuses=[early, ended])
    old = pod({"containers": [asks("1")]}, "old", phase="Failed", containerStatuses=[early])
    seen = read(done, old, pod({"containers": [asks("1")]}, "running"))
    assert [p.name for p in seen.pods] == ["running"]
    assert seen.ended_at == 1800003600.0


@pytest.mark.parametrize(("status", "at"), [
    ({"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": LATER}]}, 1800003600.0),
    ({}, 1800000000.0),
])  # fmt: skip
def test_an_evicted_pod_ended_when_it_was_last_spoken_of(status: dict[str, Any], at: float) -> None:
    """It has no container any more."""
    assert read(pod({"containers": [asks("1")]}, phase="Failed", reason="Evicted", **status)).ended_at == at


def test_a_pod_on_a_lost_node_still_holds_its_gpu() -> None:
    """Phase Unknown is not over, and neither is a pod that is being deleted."""
    leaving = pod({"containers": [asks("1")]}, "b")
    leaving["metadata"]["deletionTimestamp"] = LATER
    assert [p.phase for p in read(pod({"containers": [asks("1")]}, phase="Unknown"), leaving).pods] == [
        "Unknown",
        "Running",
    ]


@pytest.mark.parametrize("broken", [{"spec": None}, {"metadata": {}}, {"spec": {"containers": [asks("many")]}}])
def test_a_pod_that_cannot_be_read_fails_the_whole(broken: dict[str, Any]) -> None:
    """It may be the one that works."""
    with pytest.raises(Unavailable):
        read(pod({"containers": [asks("1")]}), {**pod({"containers": [asks("1")]}), **broken})


# Exporters of other makes


TEXT = '# TYPE DCGM_FI_DEV_GPU_UTIL gauge\nDCGM_FI_DEV_GPU_UTIL{UUID="GPU-a"} 5\n'
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def exporter(
    name: str, image: str = "corp/dcgm-exporter:1", *, port: int = 9400, ours: bool = False, **labels: str
) -> Any:
    container = {
        "name": "e",
        "image": image,
        "ports": [{"containerPort": 1}, {"name": "metrics", "containerPort": port}],
    }
    made = pod({"containers": [container]}, name, **READY)
    made["metadata"]["labels"] = labels
    if ours:
        own = {"app.kubernetes.io/name": "raygpu-dcgm-exporter", "app.kubernetes.io/managed-by": "raygpu"}
        made["metadata"]["labels"] = own
    return made


def scrape(*pods: Any, **texts: Any) -> Any:
    wire = Canned({"/api/v1/pods": {"metadata": {}, "items": list(pods)}})
    wire.answers |= {f"/{name}/proxy/metrics": text for name, text in texts.items()}
    wire.answers |= {f"/{n.replace('_', ':')}/proxy/metrics": text for n, text in texts.items()}
    return KubeGpuScrapes(wire, now=lambda: 7.0).read(PLANE, ("n1",)), wire


@pytest.mark.parametrize(("made", "key"), [
    (exporter("op", "nvcr.io/nvidia/k8s/dcgm-exporter:4", app="nvidia-dcgm-exporter"), "op_9400"),
    (exporter("mirror", "corp/gpu-metrics:1", **{"app.kubernetes.io/name": "dcgm-exporter"}), "mirror_9400"),
    (exporter("moved", port=9500), "moved_9500"),
])  # fmt: skip
def test_an_exporter_is_known_by_image_or_label(made: Any, key: str) -> None:
    """Of the GPU operator, mirrored under another name, on another port."""
    seen, _ = scrape(made, **{key: TEXT})
    assert [(s.node, s.util) for s in seen.samples] == [("n1", 0.05)]


def test_of_two_on_a_node_ours_is_read_and_the_other_only_without_it() -> None:
    """Never both: a GPU is there once."""
    pods = (exporter("a"), exporter("ours", ours=True))
    seen, wire = scrape(*pods, a_9400=TEXT, ours_9400=TEXT)
    assert len(seen.samples) == 1 and [p for p in wire.asked if "proxy" in p] == [
        "/api/v1/namespaces/default/pods/ours:9400/proxy/metrics"
    ]
    seen, _ = scrape(*pods, a_9400=TEXT)
    assert len(seen.samples) == 1 and seen.missing == {}


def test_what_is_no_metrics_text_is_missing() -> None:
    """A page of a mesh's sidecar: with the reason, and without a sample."""
    seen, _ = scrape(exporter("a"), a_9400="<html>no healthy upstream</html>\n")
    assert seen.samples == () and "no metrics text" in seen.missing["n1"]


# The dashboard of Ray


def actor(namespace: str, kind: str) -> dict[str, Any]:
    return {"state": "ALIVE", "ray_namespace": namespace, "class_name": kind}


def answers(**changes: Any) -> dict[str, Any]:
    """A quiet head that serves one application, but for what is given."""
    held = {"total": 0, "num_filtered": 0, "result": [], "partial_failure_warning": ""}
    return {
        "api/component_activities": {"driver": {"is_active": "INACTIVE", "reason": None, "last_activity_at": 5.0}},
        "api/jobs/": [],
        "api/v0/actors": {"result": True, "msg": "", "data": {"result": {**held, **changes.get("actors", {})}}},
        "api/serve/applications/": {"applications": {"chat": {"status": "RUNNING"}}, "proxies": changes.get("proxies")},
        **changes.get("parts", {}),
    }


def look(**changes: Any) -> RayDashboard:
    return KubeRays(Canned(answers(**changes))).dashboard(PLANE, CLUSTER)


def test_actors_of_people_are_counted_and_rays_own_are_not() -> None:
    """Supervisors, Serve, dashboards, and what Ray's libraries leave behind for good."""
    own = [
        actor("SUPERVISOR_ACTOR_RAY_NAMESPACE", "JobSupervisor"), actor("_ray_internal_dashboard", "X"),
        actor("serve", "ServeController"), actor("serve", "ProxyActor"), actor("serve", "ServeReplica:chat:Model"),
        actor("_dataset_stats_actor", "_StatsActor"), actor("_train_state_actor", "TrainStateActor"),
        actor("AutoscalingCoordinator", "_AutoscalingCoordinatorActor"),
    ]  # fmt: skip
    people = [actor("7f3a", "RayTrainWorker"), actor("serve", "MyCache"), actor("", "Keeper")]
    assert look(actors={"result": own + people}).actors == 3


@pytest.mark.parametrize("parts", [
    {"api/component_activities": {"driver": {"is_active": "MAYBE"}}},
    {"api/component_activities": {"driver": {}}}, {"api/component_activities": ["driver"]},
    {"api/jobs/": [{"type": "DRIVER"}]}, {"api/jobs/": "<html>"}, {"api/jobs/": {"detail": "not found"}},
    {"api/v0/actors": {"result": False, "msg": "GCS is down", "data": None}},
    {"api/serve/applications/": {}}, {"api/serve/applications/": []},
    {"api/serve/applications/": {"applications": {"chat": {}}}},
])  # fmt: skip
def test_an_answer_of_another_form_raises(parts: Any) -> None:
    """What Ray would never say is not taken for nothing."""
    with pytest.raises(Unavailable):
        look(parts=parts)


def test_an_answer_that_ray_calls_partial_raises() -> None:
    """Some of its sources did not answer: an actor may be among them."""
    with pytest.raises(Unavailable):
        look(actors={"partial_failure_warning": "failed to query 1 of 3 raylets"})


@pytest.mark.parametrize(("status", "serving"), [
    ("RUNNING", True), ("DEPLOYING", True), ("UNHEALTHY", True), ("DELETING", True), ("A_NEW_ONE", True),
    ("NOT_STARTED", False), ("DEPLOY_FAILED", False),
])  # fmt: skip
def test_which_applications_serve(status: str, serving: bool) -> None:
    """All but those that never came up; a state nobody knows counts."""
    parts = {"api/serve/applications/": {"applications": {"chat": {"status": status}}}}
    assert look(parts=parts).serving == (("chat",) if serving else ())


def counted(number: int) -> str:
    """A node's metrics: the counter, the same as a gauge of old, and the health checks."""
    name = "ray_serve_num_http_requests"
    return (
        f'# TYPE {name}_total counter\n{name}_total{{route="/chat"}} {number}\n{name}_total{{route="/-/healthz"}} 999\n'
        f'# TYPE {name} gauge\n{name}{{route="/chat"}} {number}\n'
    )


def test_requests_are_those_of_people_counted_once() -> None:
    """Ray writes each counter twice, and load balancers ask for its health all the time."""
    assert look(parts={":8080/proxy/metrics": counted(7)}).requests == 7


def ray_pods(**addresses: str) -> dict[str, Any]:
    items = [{"metadata": {"name": n}, "status": {"podIP": ip}} for n, ip in addresses.items()]
    return {"default/pods": {"metadata": {}, "items": items}}


def test_every_node_with_a_proxy_is_asked() -> None:
    """Each counts its own: the sum; one that cannot be read, or is no pod there, and nothing is known."""
    proxies = {"a": {"node_ip": "10.0.0.1"}, "b": {"node_ip": "10.0.0.2"}}
    both = ray_pods(head="10.0.0.1", worker="10.0.0.2", other="10.0.0.3")
    texts = {"pods/head:8080/proxy/metrics": counted(7), "pods/worker:8080/proxy/metrics": counted(5)}
    assert look(proxies=proxies, parts={**both, **texts}).requests == 12
    texts.pop("pods/worker:8080/proxy/metrics")
    assert look(proxies=proxies, parts={**both, **texts}).requests is None
    assert look(proxies=proxies, parts={**ray_pods(head="10.0.0.1"), **texts}).requests is None


@pytest.mark.parametrize("text", ["", "go_goroutines 5\n", "<html>", 'ray_serve_num_http_requests_total{route="/a"\n'])
def test_without_a_counter_requests_are_not_known(text: str) -> None:
    """None, which is not 0."""
    assert look(parts={":8080/proxy/metrics": text}).requests is None


def test_without_an_application_no_metrics_are_asked() -> None:
    """A head that serves nothing costs four calls."""
    wire = Canned(answers(parts={"api/serve/applications/": {"applications": {}}}))
    KubeRays(wire).dashboard(PLANE, CLUSTER)
    assert len(wire.asked) == 4
