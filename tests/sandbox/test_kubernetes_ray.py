"""KubeRay in the world's Kubernetes: the objects of ray.io/v1, the operator's work, and the dashboard of a head."""

from __future__ import annotations

from typing import Any

import pytest
from kube_rig import CLUSTER, CPU_NODE, GPU_NODE, MERGE, KubeIsland, call, cpu_facts, gpu_facts, node
from prometheus_client.parser import text_string_to_metric_families

from sandbox.world.cluster_api import ClusterApi
from sandbox.world.kube_ray_types import raycluster

RAY = "/apis/ray.io/v1"
IN_DEFAULT = f"{RAY}/namespaces/default"
PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture
def world() -> KubeIsland:
    return KubeIsland()


@pytest.fixture
def api(world: KubeIsland) -> ClusterApi:
    """One CPU node, one node with 4 GPUs, no KubeRay."""
    api = world.add()
    api.join(cpu_facts(world))
    api.join(gpu_facts(world, gpus=4))
    world.after(120)
    return api


def installed(world: KubeIsland, api: ClusterApi) -> None:
    """KubeRay with its operator up."""
    world.faults.inject("ray_installed", cluster=CLUSTER)
    world.after(30)


def made(world: KubeIsland, api: ClusterApi, workers: int = 2, **spec: Any) -> str:
    """A RayCluster that somebody applied; its head's Service."""
    body = raycluster("exp", "default", workers, {})
    body["spec"] |= spec
    status, answer = call(api, "POST", f"{IN_DEFAULT}/rayclusters", body)
    assert status == 201, answer
    world.after(60)
    return "exp-head-svc"


def got(api: ClusterApi, name: str = "exp", plural: str = "rayclusters") -> dict[str, Any]:
    """One object."""
    return call(api, "GET", f"{IN_DEFAULT}/{plural}/{name}")[1]


def pods(api: ClusterApi, kind: str) -> list[dict[str, Any]]:
    """The Ray pods of a kind, head or worker."""
    return list(call(api, "GET", PODS, labelSelector=f"ray.io/node-type={kind}")[1]["items"])


def head(api: ClusterApi, path: str, service: str = "exp-head-svc", port: int = 8265, **query: str) -> tuple[int, Any]:
    """GET at the head through the API server's proxy to its Service."""
    return call(api, "GET", f"/api/v1/namespaces/default/services/{service}:{port}/proxy/{path}", **query)


def requests(api: ClusterApi, service: str) -> float:
    """What Serve's counter says of the routes of people."""
    families = text_string_to_metric_families(head(api, "metrics", service, 8080)[1])
    samples = [s for f in families for s in f.samples if s.name == "ray_serve_num_http_requests_total"]
    return sum(s.value for s in samples if not s.labels["route"].startswith("/-/"))


def test_without_kuberay_the_group_is_not_there(api: ClusterApi) -> None:
    """404 in plain text for the group and its types, as for any API nobody serves."""
    for path in ("/apis/ray.io", f"{RAY}/rayclusters", f"{IN_DEFAULT}/rayjobs/x"):
        assert call(api, "GET", path) == (404, "404 page not found\n")


def test_installed_it_is_discovered_and_can_be_taken_away(world: KubeIsland, api: ClusterApi) -> None:
    """Definitions and operator come with the installation; uninstalled, its objects are gone with their pods."""
    installed(world, api)
    names = {r["name"] for r in call(api, "GET", RAY)[1]["resources"]}
    assert {"rayclusters", "rayclusters/status", "rayjobs", "rayservices"} <= names
    made(world, api)
    world.faults.inject("ray_removed", cluster=CLUSTER)
    world.after(120)
    assert call(api, "GET", f"{RAY}/rayclusters")[0] == 404 and call(api, "GET", PODS)[1]["items"] == []


def test_a_raycluster_becomes_a_head_on_cpus_and_workers_on_gpus(world: KubeIsland, api: ClusterApi) -> None:
    """Head and Service first, workers with one GPU each on the GPU node, then state ready."""
    installed(world, api)
    service = made(world, api)
    (one,), workers = pods(api, "head"), pods(api, "worker")
    assert one["spec"]["nodeName"] == CPU_NODE
    assert [w["spec"]["nodeName"] for w in workers] == [GPU_NODE, GPU_NODE]
    status = got(api)["status"]
    assert (status["state"], status["readyWorkerReplicas"], status["desiredGPU"]) == ("ready", 2, "2")
    assert status["head"]["serviceName"] == service and status["head"]["podIP"] == one["status"]["podIP"]
    assert node(api, GPU_NODE)["gpus_allocated"] == 2


def test_without_an_operator_nothing_happens(world: KubeIsland, api: ClusterApi) -> None:
    """Objects lie there without pods and without a status while its Deployment is scaled to none."""
    installed(world, api)
    path = "/apis/apps/v1/namespaces/default/deployments/kuberay-operator"
    call(api, "PATCH", path, {"spec": {"replicas": 0}}, kind=MERGE)
    world.after(60)
    made(world, api)
    assert pods(api, "head") == [] and "status" not in got(api)


def test_workers_that_find_no_gpu_wait_and_the_cluster_is_not_ready(world: KubeIsland, api: ClusterApi) -> None:
    """Six workers on four GPUs: two stay Pending, no state is told."""
    installed(world, api)
    made(world, api, workers=6)
    phases = sorted(w["status"]["phase"] for w in pods(api, "worker"))
    assert phases == ["Pending"] * 2 + ["Running"] * 4
    assert "state" not in got(api)["status"] and got(api)["status"]["readyWorkerReplicas"] == 4


def test_suspend_takes_the_pods_away_and_resume_brings_new_ones(world: KubeIsland, api: ClusterApi) -> None:
    """A merge patch of spec.suspend: no pod, state suspended, the Service's proxy without endpoints; and back again."""
    installed(world, api)
    service = made(world, api)
    before = {p["metadata"]["uid"] for p in pods(api, "head") + pods(api, "worker")}
    path = f"{IN_DEFAULT}/rayclusters/exp"
    mark = {"metadata": {"annotations": {"who": "me"}}, "spec": {"suspend": True}}
    assert call(api, "PATCH", path, mark, kind=MERGE)[0] == 200
    world.after(60)
    assert pods(api, "head") + pods(api, "worker") == [] and got(api)["status"]["state"] == "suspended"
    assert got(api)["metadata"]["annotations"]["who"] == "me" and node(api, GPU_NODE)["gpus_allocated"] == 0
    status, body = head(api, "api/jobs/", service)
    assert (status, body["message"]) == (503, f'no endpoints available for service "{service}"')
    call(api, "PATCH", path, {"spec": {"suspend": False}}, kind=MERGE)
    world.after(60)
    after = {p["metadata"]["uid"] for p in pods(api, "head") + pods(api, "worker")}
    assert got(api)["status"]["state"] == "ready" and len(after) == 3 and not after & before


def test_a_deleted_raycluster_leaves_nothing(world: KubeIsland, api: ClusterApi) -> None:
    """Its pods and its Service are its dependents."""
    installed(world, api)
    made(world, api)
    call(api, "DELETE", f"{IN_DEFAULT}/rayclusters/exp")
    world.after(60)
    services = call(api, "GET", "/api/v1/namespaces/default/services")[1]["items"]
    assert pods(api, "head") + pods(api, "worker") == [] and services == []


def test_a_head_at_rest_says_so(world: KubeIsland, api: ClusterApi) -> None:
    """No driver, no job, no application, no actor; a cluster on which no job ever ended has no last activity."""
    installed(world, api)
    made(world, api)
    driver = head(api, "api/component_activities", timeout="10")[1]["driver"]
    assert (driver["is_active"], driver["reason"], driver["last_activity_at"]) == ("INACTIVE", None, None)
    assert driver["timestamp"] == world.now
    assert head(api, "api/jobs/") == (200, [])
    assert head(api, "api/serve/applications/")[1]["applications"] == {}
    assert head(api, "api/v0/actors")[1]["data"]["result"]["result"] == []
    assert head(api, "api/nothing") == (404, "404: Not Found") and head(api, "metrics", port=8080)[0] == 200
    assert head(api, "", port=9999)[1]["reason"] == "ServiceUnavailable"


def test_a_training_is_a_running_submission_and_then_a_finished_one(world: KubeIsland, api: ClusterApi) -> None:
    """PENDING while a worker is missing, RUNNING with a driver, SUCCEEDED after its minutes; the GPUs stay held."""
    installed(world, api)
    (name,) = api.workload("train", 2, 30)
    service = f"{name}-head-svc"
    world.after(60)
    (job,) = head(api, "api/jobs/", service)[1]
    assert (job["type"], job["status"], job["end_time"]) == ("SUBMISSION", "RUNNING", None)
    driver = head(api, "api/component_activities", service)[1]["driver"]
    assert (driver["is_active"], driver["reason"]) == ("ACTIVE", "Number of active drivers: 1")
    actors = head(api, "api/v0/actors", service, filter_keys="state", filter_predicates="!=", filter_values="DEAD")
    assert {a["class_name"] for a in actors[1]["data"]["result"]["result"]} == {"JobSupervisor", "RayTrainWorker"}
    world.after(1800)
    (job,) = head(api, "api/jobs/", service)[1]
    assert job["status"] == "SUCCEEDED" and job["end_time"] - job["start_time"] >= 1800 * 1000
    driver = head(api, "api/component_activities", service)[1]["driver"]
    assert (driver["is_active"], driver["last_activity_at"]) == ("INACTIVE", job["end_time"] / 1000)
    assert (node(api, GPU_NODE)["gpus_allocated"], node(api, GPU_NODE)["utilisation"]) == (2, 0.0)


def test_a_notebook_is_an_attached_driver_without_a_submission(world: KubeIsland, api: ClusterApi) -> None:
    """It stays attached after its last cell, as notebooks that people leave open do."""
    installed(world, api)
    (name,) = api.workload("notebook", 1, 30)
    world.after(7200)
    (job,) = head(api, "api/jobs/", f"{name}-head-svc")[1]
    assert (job["type"], job["status"], job["submission_id"]) == ("DRIVER", "RUNNING", None)
    driver = head(api, "api/component_activities", f"{name}-head-svc")[1]["driver"]
    assert driver["is_active"] == "ACTIVE" and node(api, GPU_NODE)["utilisation"] == 0.0


def test_a_served_model_counts_requests_and_has_no_driver(world: KubeIsland, api: ClusterApi) -> None:
    """The counter moves while people ask and stands still afterwards; probes of health go on all the time."""
    installed(world, api)
    (name,) = api.workload("serve", 1, 30)
    service = f"{name}-head-svc"
    world.after(60)
    (app,) = head(api, "api/serve/applications/", service)[1]["applications"].values()
    assert app["status"] == "RUNNING"
    first = requests(api, service)
    world.after(600)
    assert requests(api, service) == pytest.approx(first + 1500, abs=3)
    world.after(1800)
    last, probes = requests(api, service), head(api, "metrics", service, 8080)[1]
    world.after(600)
    assert requests(api, service) == last and head(api, "metrics", service, 8080)[1] != probes
    assert head(api, "api/component_activities", service)[1]["driver"]["is_active"] == "INACTIVE"
    spaces = {a["ray_namespace"] for a in head(api, "api/v0/actors", service)[1]["data"]["result"]["result"]}
    assert spaces == {"serve"} and head(api, "api/jobs/", service)[1] == []


def test_a_new_head_knows_nothing_of_the_old_ones_work(world: KubeIsland, api: ClusterApi) -> None:
    """Ray keeps its jobs in the head: suspended and resumed, the cluster is empty and its GPUs are idle."""
    installed(world, api)
    (name,) = api.workload("train", 1, 600)
    world.after(60)
    for suspend in (True, False):
        call(api, "PATCH", f"{IN_DEFAULT}/rayclusters/{name}", {"spec": {"suspend": suspend}}, kind=MERGE)
        world.after(60)
    assert head(api, "api/jobs/", f"{name}-head-svc") == (200, []) and node(api, GPU_NODE)["utilisation"] == 0.0


def test_a_rayjob_has_its_own_cluster_and_takes_it_along(world: KubeIsland, api: ClusterApi) -> None:
    """Initializing, Running, Complete; shutdownAfterJobFinishes deletes the cluster it made."""
    installed(world, api)
    spec = {"rayClusterSpec": raycluster("x", "default", 1, {})["spec"], "shutdownAfterJobFinishes": True}
    call(api, "POST", f"{IN_DEFAULT}/rayjobs", {"metadata": {"name": "fit"}, "spec": spec})
    world.after(5)
    assert got(api, "fit", "rayjobs")["status"]["jobDeploymentStatus"] == "Initializing"
    world.after(60)
    status = got(api, "fit", "rayjobs")["status"]
    assert (status["jobDeploymentStatus"], status["jobStatus"]) == ("Running", "RUNNING")
    (cluster,) = call(api, "GET", f"{RAY}/rayclusters")[1]["items"]
    assert cluster["metadata"]["name"] == status["rayClusterName"]
    assert cluster["metadata"]["ownerReferences"][0]["kind"] == "RayJob"
    world.after(900)
    status = got(api, "fit", "rayjobs")["status"]
    assert (status["jobDeploymentStatus"], status["jobStatus"]) == ("Complete", "SUCCEEDED") and status["endTime"]
    assert call(api, "GET", f"{RAY}/rayclusters")[1]["items"] == [] and node(api, GPU_NODE)["gpus_allocated"] == 0


def test_a_rayservice_is_served_again_by_a_new_head(world: KubeIsland, api: ClusterApi) -> None:
    """The operator puts the application on every head that comes up."""
    installed(world, api)
    spec = {"rayClusterConfig": raycluster("x", "default", 1, {})["spec"]}
    call(api, "POST", f"{IN_DEFAULT}/rayservices", {"metadata": {"name": "chat"}, "spec": spec})
    world.after(60)
    status = got(api, "chat", "rayservices")["status"]
    assert status["serviceStatus"] == "Running"
    service = f"{status['activeServiceStatus']['rayClusterName']}-head-svc"
    assert list(head(api, "api/serve/applications/", service)[1]["applications"]) == ["chat"]
    (one,) = pods(api, "head")
    call(api, "DELETE", f"{PODS}/{one['metadata']['name']}")
    world.after(90)
    assert list(head(api, "api/serve/applications/", service)[1]["applications"]) == ["chat"]


def test_the_dashboard_can_want_a_token_and_the_objects_can_be_forbidden(world: KubeIsland, api: ClusterApi) -> None:
    """Ray's own 401 in plain text comes through the proxy; the API server's 403 names the resource."""
    installed(world, api)
    made(world, api)
    world.faults.inject("ray_401", cluster=CLUSTER)
    assert head(api, "api/jobs/") == (401, "Unauthorized: Missing authentication token")
    assert got(api)["kind"] == "RayCluster"
    world.faults.inject("ray_403", cluster=CLUSTER)
    status, body = call(api, "GET", f"{RAY}/rayclusters")
    assert (status, body["reason"]) == (403, "Forbidden") and 'API group "ray.io"' in body["message"]
    assert call(api, "GET", "/api/v1/pods")[0] == 200
    world.faults.inject("kube_heal", cluster=CLUSTER)
    assert head(api, "api/jobs/")[0] == 200 and call(api, "GET", f"{RAY}/rayclusters")[0] == 200


def test_an_error_of_the_activities_is_a_state_of_its_own(world: KubeIsland, api: ClusterApi) -> None:
    """ERROR with a reason, still HTTP 200, as Ray answers when its store does not."""
    installed(world, api)
    made(world, api)
    world.faults.inject("ray_activity_error", cluster=CLUSTER)
    driver = head(api, "api/component_activities")[1]["driver"]
    assert driver["is_active"] == "ERROR" and driver["reason"]


def test_the_same_acts_give_the_same_ray(world: KubeIsland) -> None:
    """Names, ids and answers of two worlds are equal."""
    seen = []
    for _ in range(2):
        other = KubeIsland()
        api = other.add()
        api.join(cpu_facts(other))
        api.join(gpu_facts(other, gpus=4))
        other.after(120)
        (name,) = api.workload("train", 2, 30, ray=True)
        other.after(90)
        seen.append((name, head(api, "api/jobs/", f"{name}-head-svc"), got(api, name)["status"]))
    assert seen[0] == seen[1]
