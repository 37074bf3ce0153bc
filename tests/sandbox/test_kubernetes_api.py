"""The REST door of the world's clusters: objects, versions, selectors, pages, patches, refusals."""

import pytest
from kube_rig import CPU_NODE, GPU_NODE, MERGE, KubeIsland, call, cpu_facts, gpu_facts, pod

from sandbox.world.cluster_api import ClusterApi

PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def world() -> KubeIsland:
    return KubeIsland()


@pytest.fixture
def api(world: KubeIsland) -> ClusterApi:
    return world.add(addons=())


def config(name: str, **data: str) -> dict:
    return {"metadata": {"name": name}, "data": data}


def test_a_missing_object_is_a_status_of_reason_not_found(api: ClusterApi) -> None:
    """404 names the kind and the object as the real server does."""
    status, body = call(api, "GET", "/api/v1/nodes/nobody")
    assert status == 404
    assert body["message"] == 'nodes "nobody" not found'
    assert (body["kind"], body["reason"], body["details"]) == (
        "Status",
        "NotFound",
        {"name": "nobody", "kind": "nodes"},
    )


def test_a_group_nobody_serves_is_404_in_plain_text_until_its_definition_is_created(
    world: KubeIsland, api: ClusterApi
) -> None:
    """ray.io/v1 answers only once the CRD is established; then RayClusters can be stored and go with it."""
    path = "/apis/ray.io/v1/namespaces/default/rayclusters"
    assert call(api, "GET", path) == (404, "404 page not found\n")
    names = {"plural": "rayclusters", "singular": "raycluster", "kind": "RayCluster", "listKind": "RayClusterList"}
    versions = [{"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}}]
    definition = {
        "metadata": {"name": "rayclusters.ray.io"},
        "spec": {"group": "ray.io", "scope": "Namespaced", "names": names, "versions": versions},
    }
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert call(api, "POST", definitions, definition)[0] == 201
    world.after(2)
    ray = {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": "one"}, "spec": {"rayVersion": "2.52"}}
    assert call(api, "POST", path, ray)[0] == 201
    assert [i["kind"] for i in call(api, "GET", path)[1]["items"]] == ["RayCluster"]
    assert any(g["name"] == "ray.io" for g in call(api, "GET", "/apis")[1]["groups"])
    call(api, "DELETE", f"{definitions}/rayclusters.ray.io")
    assert call(api, "GET", path)[0] == 404


@pytest.mark.parametrize("path", ["/api", "/apis", "/api/v1", "/apis/apps/v1", "/apis/apps", "/version"])
def test_discovery_answers(api: ClusterApi, path: str) -> None:
    """What kubectl asks first is served."""
    assert call(api, "GET", path)[0] == 200


def test_readyz_says_ok(api: ClusterApi) -> None:
    """The health path answers in plain text."""
    assert call(api, "GET", "/readyz") == (200, "ok")


def test_create_twice_is_already_exists(api: ClusterApi) -> None:
    """The second POST of a name is 409 AlreadyExists and changes nothing."""
    call(api, "POST", MAPS, config("a", x="1"))
    status, body = call(api, "POST", MAPS, config("a", x="2"))
    assert (status, body["reason"]) == (409, "AlreadyExists")
    assert call(api, "GET", f"{MAPS}/a")[1]["data"] == {"x": "1"}


def test_a_stale_replace_is_a_conflict(api: ClusterApi) -> None:
    """PUT under an old resourceVersion is 409 Conflict; under the present one it passes and raises the version."""
    old = call(api, "POST", MAPS, config("a", x="1"))[1]
    new = call(api, "PUT", f"{MAPS}/a", {**old, "data": {"x": "2"}})[1]
    status, body = call(api, "PUT", f"{MAPS}/a", {**old, "data": {"x": "3"}})
    assert (status, body["reason"]) == (409, "Conflict")
    assert "the object has been modified" in body["message"]
    assert new["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"]
    assert new["metadata"]["uid"] == old["metadata"]["uid"]


def test_a_merge_patch_under_a_stale_version_is_a_conflict(api: ClusterApi) -> None:
    """metadata.resourceVersion in a patch is an optimistic lock."""
    old = call(api, "POST", MAPS, config("a", x="1"))[1]
    patch = {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}, "data": {"y": "1"}}
    assert call(api, "PATCH", f"{MAPS}/a", patch, kind=MERGE)[0] == 200
    assert call(api, "PATCH", f"{MAPS}/a", patch, kind=MERGE)[0] == 409


def test_a_write_that_changes_nothing_keeps_the_version(api: ClusterApi) -> None:
    """An empty patch is no write."""
    old = call(api, "POST", MAPS, config("a", x="1"))[1]
    same = call(api, "PATCH", f"{MAPS}/a", {"data": {"x": "1"}}, kind=MERGE)[1]
    assert same["metadata"]["resourceVersion"] == old["metadata"]["resourceVersion"]


def test_json_patch_tests_and_replaces(api: ClusterApi) -> None:
    """RFC 6902: a failed test is 422 and changes nothing."""
    call(api, "POST", MAPS, config("a", x="1"))
    kind = "application/json-patch+json"
    good = [{"op": "test", "path": "/data/x", "value": "1"}, {"op": "replace", "path": "/data/x", "value": "2"}]
    assert call(api, "PATCH", f"{MAPS}/a", good, kind=kind)[1]["data"] == {"x": "2"}
    assert call(api, "PATCH", f"{MAPS}/a", good, kind=kind)[0] == 422


def test_a_strategic_patch_merges_containers_by_name_and_replaces_taints(world: KubeIsland, api: ClusterApi) -> None:
    """Keyed lists merge by key, node taints are one atomic list."""
    api.join(cpu_facts(world))
    kind = "application/strategic-merge-patch+json"
    patch = {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}
    assert (
        call(api, "PATCH", f"/api/v1/nodes/{CPU_NODE}", patch, kind=kind)[1]["spec"]["taints"]
        == patch["spec"]["taints"]
    )
    call(api, "POST", PODS, pod("p"))
    fresh = {"spec": {"containers": [{"name": "main", "image": "busybox:1.38"}]}}
    containers = call(api, "PATCH", f"{PODS}/p", fresh, kind=kind)[1]["spec"]["containers"]
    assert [(c["name"], c["image"], c["imagePullPolicy"]) for c in containers] == [
        ("main", "busybox:1.38", "IfNotPresent")
    ]


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("tier=a", "x"),
        ("tier!=a", "yz"),
        ("tier in (a, b)", "xy"),
        ("tier notin (a)", "yz"),
        ("tier", "xy"),
        ("!tier", "z"),
    ],
)
def test_label_selectors(api: ClusterApi, selector: str, found: str) -> None:
    """Equality, sets and existence."""
    for name, labels in (("x", {"tier": "a"}), ("y", {"tier": "b"}), ("z", {})):
        call(api, "POST", MAPS, {"metadata": {"name": name, "labels": labels}})
    items = call(api, "GET", MAPS, labelSelector=selector)[1]["items"]
    assert "".join(i["metadata"]["name"] for i in items) == found


def test_field_selectors_take_what_is_indexed_and_refuse_the_rest(world: KubeIsland) -> None:
    """spec.nodeName finds a node's pods; an unknown field is 400."""
    api = world.add("other")
    api.join(cpu_facts(world))
    world.after(60)
    items = call(api, "GET", "/api/v1/pods", fieldSelector=f"spec.nodeName={CPU_NODE},status.phase=Running")[1]["items"]
    assert len(items) == 4
    status, body = call(api, "GET", "/api/v1/pods", fieldSelector="spec.color=red")
    assert (status, "field label not supported" in body["message"]) == (400, True)


def test_pages_show_one_state_and_their_token_expires(world: KubeIsland, api: ClusterApi) -> None:
    """A later page comes from the state of the first; five minutes later its token is 410 Expired."""
    for index in range(5):
        call(api, "POST", MAPS, config(f"m{index}"))
    first = call(api, "GET", MAPS, limit="2")[1]
    call(api, "DELETE", f"{MAPS}/m3")
    token = first["metadata"]["continue"]
    rest = call(api, "GET", MAPS, limit="2", continue_=token)[1]
    assert [i["metadata"]["name"] for i in rest["items"]] == ["m2", "m3"]
    assert first["metadata"]["remainingItemCount"] == 3
    world.after(301)
    assert call(api, "GET", MAPS, limit="2", continue_=token)[1]["reason"] == "Expired"


def test_lists_of_built_in_objects_do_not_repeat_their_kind(api: ClusterApi) -> None:
    """As the real server, which clients must cope with."""
    call(api, "POST", MAPS, config("a"))
    body = call(api, "GET", MAPS)[1]
    assert (body["kind"], "kind" in body["items"][0]) == ("ConfigMapList", False)


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (
            PODS,
            {"metadata": {"name": "Bad_Name"}, "spec": {"containers": [{"name": "a", "image": "b"}]}},
            422,
            "RFC 1123",
        ),
        (PODS, {"metadata": {"name": "a"}, "spec": {}}, 422, "spec.containers: Required value"),
        (PODS, {"kind": "Node", "metadata": {"name": "a"}}, 400, "do not match"),
        ("/api/v1/namespaces/nowhere/pods", pod("a"), 404, 'namespaces "nowhere" not found'),
        (PODS, b"{broken", 400, "error decoding"),
        (PODS, pod("a", tolerations=[{"operator": "Exists", "value": "x"}]), 422, "value must be empty"),
        (PODS, pod("a", tolerations=[{"key": "k", "effect": "NO_SCHEDULE"}]), 422, "Unsupported value"),
    ],
)
def test_what_the_server_refuses(api: ClusterApi, path: str, body: object, status: int, words: str) -> None:
    """Bad objects are refused with a cause and nothing is stored."""
    found, answer = call(api, "POST", path, body)
    assert (found, words in answer["message"]) == (status, True), answer
    assert call(api, "GET", PODS)[1]["items"] == []


def test_a_taint_effect_of_eks_is_refused_by_kubernetes(world: KubeIsland, api: ClusterApi) -> None:
    """NO_SCHEDULE is EKS' spelling; a node takes NoSchedule only."""
    api.join(gpu_facts(world))
    patch = {"spec": {"taints": [{"key": "a", "value": "b", "effect": "NO_SCHEDULE"}]}}
    status, body = call(api, "PATCH", f"/api/v1/nodes/{GPU_NODE}", patch, kind=MERGE)
    assert (status, body["details"]["causes"][0]["field"]) == (422, "metadata.taints[0].effect")


def test_the_main_resource_cannot_write_the_status(world: KubeIsland, api: ClusterApi) -> None:
    """Allocatable changes through /status only."""
    api.join(gpu_facts(world))
    patch = {"status": {"allocatable": {"nvidia.com/gpu": "8"}}}
    path = f"/api/v1/nodes/{GPU_NODE}"
    assert "nvidia.com/gpu" not in call(api, "PATCH", path, patch, kind=MERGE)[1]["status"]["allocatable"]
    changed = call(api, "PATCH", f"{path}/status", patch, kind=MERGE)[1]
    assert changed["status"]["allocatable"]["nvidia.com/gpu"] == "8"


def test_dry_run_stores_nothing(api: ClusterApi) -> None:
    """dryRun=All answers as if and keeps nothing."""
    assert call(api, "POST", MAPS, config("a"), dryRun="All")[0] == 201
    assert call(api, "GET", f"{MAPS}/a")[0] == 404


def test_a_load_balancer_service_goes_only_after_its_load_balancer(world: KubeIsland, api: ClusterApi) -> None:
    """A finalizer holds the Service until the load balancer is down; the world is told of both."""
    told = []
    world.create_load_balancer = lambda cluster, name: told.append(("up", name)) or "lb.example"
    world.delete_load_balancer = lambda cluster, name: told.append(("down", name))
    path = "/api/v1/namespaces/default/services"
    call(api, "POST", path, {"metadata": {"name": "web"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}})
    world.after(10)
    assert call(api, "GET", f"{path}/web")[1]["status"]["loadBalancer"]["ingress"] == [{"hostname": "lb.example"}]
    assert call(api, "DELETE", f"{path}/web")[1]["metadata"]["deletionTimestamp"]
    world.after(5)
    assert call(api, "GET", f"{path}/web")[0] == 200
    world.after(30)
    assert call(api, "GET", f"{path}/web")[0] == 404
    assert told == [("up", "default/web"), ("down", "default/web")]


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
def test_deleting_a_daemonset_takes_its_pods_along(world: KubeIsland, policy: str) -> None:
    """Dependents go with their owner; in the foreground the owner waits for them."""
    api = world.add("other")
    api.join(cpu_facts(world))
    world.after(60)
    path = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"
    call(api, "DELETE", path, {"propagationPolicy": policy})
    assert call(api, "GET", path)[0] == (200 if policy == "Foreground" else 404)
    world.after(10)
    assert call(api, "GET", path)[0] == 404
    assert not [p for p in api.snapshot()["pods"] if p["name"].startswith("kube-proxy")]


def test_an_eviction_beyond_the_budget_is_429(world: KubeIsland) -> None:
    """coredns allows one pod to be away, not two."""
    api = world.add("other")
    api.join(cpu_facts(world))
    world.after(60)
    names = [p["name"] for p in api.snapshot()["pods"] if p["name"].startswith("coredns")]
    path = "/api/v1/namespaces/kube-system/pods"

    def evict(name: str, named: str) -> tuple[int, dict]:
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"namespace": "kube-system", "name": named}}
        return call(api, "POST", f"{path}/{name}/eviction", body)

    assert evict(names[0], "")[0] == 400
    answers = [evict(name, name) for name in names]
    assert [a[0] for a in answers] == [201, 429]
    assert answers[1][1]["reason"] == "TooManyRequests"


def test_a_deleted_namespace_takes_its_objects_along(world: KubeIsland, api: ClusterApi) -> None:
    """It stays Terminating until it is empty, and takes nothing new for ever after."""
    call(api, "POST", "/api/v1/namespaces", {"metadata": {"name": "team"}})
    call(api, "POST", "/api/v1/namespaces/team/configmaps", config("a"))
    assert call(api, "DELETE", "/api/v1/namespaces/team")[1]["status"]["phase"] == "Terminating"
    world.after(5)
    assert call(api, "GET", "/api/v1/namespaces/team")[0] == 404
    assert call(api, "POST", "/api/v1/namespaces/team/configmaps", config("b"))[0] == 404
