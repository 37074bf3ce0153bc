"""The Kubernetes API on the wire: TLS, EKS tokens as the authenticator judges them, the real client against it."""

import base64
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
import urllib3
from botocore.model import ServiceId
from botocore.signers import RequestSigner
from kube_rig import BOT, CLUSTER, GPU_NODE, PLUGIN_IMAGE, KubeIsland, cpu_facts, daemonset, gpu_facts
from kubernetes import client, dynamic

from sandbox.kubernetes import KubernetesServer

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def world() -> KubeIsland:
    world = KubeIsland()
    world.add().join(gpu_facts(world))
    world.after(120)
    return world


@pytest.fixture
def server(world: KubeIsland) -> Iterator[KubernetesServer]:
    server = KubernetesServer(
        world,
        lambda: None,
        principal_of=lambda key: BOT if key == KEY else None,
        secret_of=lambda key: SECRET if key == KEY else None,
    )
    server.start()
    yield server
    server.stop()


def token(
    cluster: str = CLUSTER,
    *,
    key: str = KEY,
    secret: str = SECRET,
    region: str = "us-west-2",
    url: str = "",
    **headers: str,
) -> str:
    """A token signed by botocore, as the reference gives it."""
    session = boto3.Session(key, secret, region_name=region)
    signer = RequestSigner(ServiceId("STS"), region, "sts", "v4", session.get_credentials(), session.events)
    request = {
        "method": "GET",
        "url": url or f"https://sts.{region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {},
        "headers": headers or {"x-k8s-aws-id": cluster},
        "context": {},
    }
    return wrap(signer.generate_presigned_url(request, region_name=region, expires_in=60, operation_name=""))


def wrap(url: str) -> str:
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def unwrap(text: str) -> str:
    body = text.removeprefix("k8s-aws-v1.")
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()


def get(server: KubernetesServer, path: str = "/api/v1/nodes", bearer: str = "", cluster: str = CLUSTER) -> Any:
    """One request that trusts the server's CA."""
    pool = urllib3.PoolManager(ca_cert_data=server.ca_pem.decode(), retries=False, timeout=5)
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    return pool.request("GET", server.endpoint(cluster) + path, headers=headers)


def api_client(server: KubernetesServer) -> client.ApiClient:
    """The real client, signing by itself."""
    config = client.Configuration(
        host=server.endpoint(CLUSTER),
        ca_cert_data=server.ca_pem.decode(),
        api_key={"authorization": f"Bearer {token()}"},
    )
    return client.ApiClient(config)


def test_a_signed_token_opens_the_cluster(server: KubernetesServer, world: KubeIsland) -> None:
    """200, and the call is in the world's log with cluster and principal."""
    answer = get(server, bearer=token())
    assert (answer.status, answer.json()["kind"]) == (200, "NodeList")
    logged = world.calls[-1]
    assert (logged["service"], logged["operation"], logged["status"]) == ("kubernetes", "GET /api/v1/nodes", 200)
    assert (logged["params"]["cluster"], logged["params"]["principal"]) == (CLUSTER, BOT)


def without(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    return head + "?" + "&".join(p for p in query.split("&") if not p.startswith(name))


BAD_TOKENS = {
    "none": (lambda: "", "no bearer token"),
    "garbage": (lambda: "abc", "too long or not of version 1"),
    "not base64": (lambda: "k8s-aws-v1.%%%", "not a URL"),
    "padded": (lambda: "k8s-aws-v1." + base64.urlsafe_b64encode(unwrap(token()).encode()).decode() + "=", "padding"),
    "another cluster": (lambda: token("other"), "not one for the cluster"),
    "wrong secret": (lambda: token(secret="x" * 40), "not one for the cluster"),
    "unknown key": (lambda: token(key="AKIAOTHER", secret="y" * 40), "does not know the access key"),
    "no cluster header": (lambda: token(**{"x-other": "1"}), "not both signed"),
    "global STS host": (lambda: wrap(unwrap(token()).replace("sts.us-west-2.", "sts.")), "regional STS"),
    "another host": (
        lambda: wrap(unwrap(token()).replace("sts.us-west-2.amazonaws.com", "evil.example.com")),
        "regional STS",
    ),
    "plain http": (lambda: wrap(unwrap(token()).replace("https://", "http://")), "regional STS"),
    "another action": (lambda: wrap(unwrap(token()).replace("GetCallerIdentity", "AssumeRole")), "GetCallerIdentity"),
    "a stray parameter": (lambda: wrap(unwrap(token()) + "&Extra=1"), "do not belong"),
    "a doubled parameter": (lambda: wrap(unwrap(token()) + "&Version=2011-06-15"), "do not belong"),
    "no signature": (lambda: wrap(without(unwrap(token()), "X-Amz-Signature")), "x-amz-signature is missing"),
    "no date": (lambda: wrap(without(unwrap(token()), "X-Amz-Date")), "x-amz-date is missing"),
    "too long": (lambda: wrap(unwrap(token()) + "&X-Amz-Security-Token=" + "a" * 4096), "too long"),
}


@pytest.mark.parametrize(("make", "why"), BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_a_token_that_proves_nothing_is_401(server: KubernetesServer, world: KubeIsland, make: Any, why: str) -> None:
    """The client is told Unauthorized and never why; the world's log says why."""
    answer = get(server, bearer=make())
    assert (answer.status, answer.json()["reason"], answer.json()["message"]) == (401, "Unauthorized", "Unauthorized")
    assert world.calls[-1]["status"] == 401
    assert why in world.calls[-1]["error"]


@pytest.mark.parametrize(("minutes", "status"), [(14.9, 200), (15.1, 401), (-4.9, 200), (-5.1, 401)])
def test_a_token_lives_fifteen_minutes_from_its_date(world: KubeIsland, minutes: float, status: int) -> None:
    """Well signed, and judged that much later (or earlier: a clock may be five minutes off)."""
    later = timedelta(minutes=minutes)
    server = KubernetesServer(world, lambda: None, secret_of=lambda key: SECRET, now=lambda: datetime.now(UTC) + later)
    server.start()
    try:
        assert get(server, bearer=token()).status == status
    finally:
        server.stop()


def test_a_principal_without_access_entry_is_401_and_one_without_policy_403(
    server: KubernetesServer, world: KubeIsland
) -> None:
    """As EKS: no entry, no identity; an entry without an access policy is known and may do nothing."""
    world.entries = set()
    assert get(server, bearer=token()).status == 401
    world.entries = {BOT: set()}
    answer = get(server, bearer=token())
    assert (answer.status, answer.json()["reason"]) == (403, "Forbidden")
    world.entries = {BOT: ["arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"]}
    assert get(server, bearer=token()).status == 200


def test_a_view_policy_reads_and_does_not_write(server: KubernetesServer, world: KubeIsland) -> None:
    """403 names the verb and the resource."""
    world.entries = {BOT: ["arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy"]}
    core = client.CoreV1Api(api_client(server))
    assert len(core.list_node().items) == 1
    with pytest.raises(client.ApiException) as refused:
        core.patch_node(GPU_NODE, {"spec": {"unschedulable": True}})
    assert (refused.value.status, 'cannot patch resource \\"nodes' in refused.value.body) == (403, True)


def test_only_health_is_open_to_everybody(server: KubernetesServer) -> None:
    """No token: /readyz answers, the rest is 401; a bad token is 401 there too."""
    assert (get(server, "/readyz").status, get(server, "/readyz").data) == (200, b"ok")
    assert get(server, "/version").status == 401
    assert get(server, "/readyz", bearer="bad").status == 401


def test_a_stranger_to_the_ca_is_refused_by_the_client(server: KubernetesServer) -> None:
    """The certificate verifies against the cluster's CA only."""
    with pytest.raises(urllib3.exceptions.SSLError):
        urllib3.PoolManager(retries=False).request("GET", server.endpoint(CLUSTER) + "/readyz")
    assert ssl.create_default_context(cadata=server.ca_pem.decode())


def test_a_cluster_that_is_not_there_does_not_answer(server: KubernetesServer) -> None:
    """The endpoint of a deleted cluster is a broken connection, not an answer."""
    with pytest.raises(urllib3.exceptions.HTTPError):
        get(server, bearer=token(), cluster="gone")


def test_unreachable_breaks_the_connection(server: KubernetesServer, world: KubeIsland) -> None:
    """While the fault holds no byte comes back; afterwards it does."""
    world.faults.inject("kube_unreachable", cluster=CLUSTER, seconds=60)
    with pytest.raises(urllib3.exceptions.HTTPError):
        get(server, bearer=token())
    world.after(61)
    assert get(server, bearer=token()).status == 200


def test_the_tick_brings_the_world_to_the_present(world: KubeIsland) -> None:
    """Each request first advances the clock."""
    ticks: list[float] = []
    server = KubernetesServer(world, lambda: ticks.append(world.now))
    server.start()
    try:
        get(server, bearer=token())
        get(server, bearer=token())
    finally:
        server.stop()
    assert len(ticks) == 2


def test_the_typed_client_works(server: KubernetesServer) -> None:
    """kubernetes.client models: list, read, patch a node, read a log that is not there yet."""
    client_ = api_client(server)
    core = client.CoreV1Api(client_)
    nodes = core.list_node().items
    assert [(n.metadata.name, n.status.allocatable["nvidia.com/gpu"]) for n in nodes] == [(GPU_NODE, "1")]
    patched = core.patch_node(GPU_NODE, {"spec": {"unschedulable": True}})
    assert patched.spec.unschedulable is True
    assert [p.status.phase for p in core.list_pod_for_all_namespaces().items].count("Running") == 2
    assert client.AppsV1Api(client_).list_daemon_set_for_all_namespaces().items[0].status.number_ready == 1
    assert client.AppsV1Api(client_).list_deployment_for_all_namespaces().items[0].metadata.name == "coredns"
    assert client.PolicyV1Api(client_).list_pod_disruption_budget_for_all_namespaces().items
    assert {e.reason for e in core.list_event_for_all_namespaces().items} >= {"Scheduled", "NodeReady"}
    with pytest.raises(client.ApiException) as missing:
        core.read_namespaced_pod("nobody", "default")
    assert missing.value.status == 404


def test_the_dynamic_client_discovers_and_applies(server: KubernetesServer) -> None:
    """DynamicClient.server_side_apply: the second apply keeps the resourceVersion, a foreign one conflicts."""
    found = dynamic.DynamicClient(api_client(server)).resources.get(api_version="apps/v1", kind="DaemonSet")
    args = {"name": "plugin", "namespace": "kube-system"}
    body = daemonset("plugin", PLUGIN_IMAGE)
    first = found.server_side_apply(body, field_manager="raygpu", **args)
    second = found.server_side_apply(body, field_manager="raygpu", **args)
    assert first.metadata.resourceVersion == second.metadata.resourceVersion
    other = daemonset("plugin", "foreign:v1")
    with pytest.raises(dynamic.exceptions.ConflictError) as clash:
        found.server_side_apply(other, field_manager="helm", **args)
    assert 'conflict with \\"raygpu\\"' in clash.value.body


def test_a_body_over_three_megabytes_is_not_read(server: KubernetesServer) -> None:
    """The API server's own limit."""
    pool = urllib3.PoolManager(ca_cert_data=server.ca_pem.decode(), retries=False, timeout=5)
    headers = {"Authorization": f"Bearer {token()}", "Content-Length": str(4 * 1024 * 1024)}
    url = server.endpoint(CLUSTER) + "/api/v1/namespaces/default/configmaps"
    with pytest.raises(urllib3.exceptions.HTTPError):
        pool.request("POST", url, headers=headers, body=b"x" * 1024)


def test_the_proxy_brings_text_json_and_refusals_as_they_are(server: KubernetesServer, world: KubeIsland) -> None:
    """Prometheus text and Ray's lists come through with their slashes; Ray's 401 is Ray's, the cut line is cut."""
    api = world.apis[CLUSTER]
    api.join(cpu_facts(world))
    world.after(60)
    (name,) = api.workload("train", 1, 60, ray=True)
    world.after(120)
    base = f"/api/v1/namespaces/default/services/{name}-head-svc"
    jobs = get(server, f"{base}:8265/proxy/api/jobs/", token())
    assert (jobs.status, [job["status"] for job in jobs.json()]) == (200, ["RUNNING"])
    metrics = get(server, f"{base}:8080/proxy/metrics", token())
    assert metrics.headers["content-type"].startswith("text/plain") and metrics.data.startswith(b"# HELP ray_")
    world.faults.inject("ray_401", cluster=CLUSTER)
    refused = get(server, f"{base}:8265/proxy/api/jobs/", token())
    assert (refused.status, refused.data) == (401, b"Unauthorized: Missing authentication token")
    world.faults.inject("proxy_fails", cluster=CLUSTER, how="drop")
    with pytest.raises(urllib3.exceptions.HTTPError):
        get(server, f"{base}:8265/proxy/api/jobs/", token())
