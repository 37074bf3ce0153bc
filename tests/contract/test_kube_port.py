"""The contract of the Kubernetes ports, over the real adapter on the wire and over the world in memory."""

from collections.abc import Iterator

import pytest
from kube_doors import WORKER, Doors, KubeIsland, in_memory, over_https

from adapters.kube import Call
from domain.errors import Denied, Missing, Rejected, Taken, Throttled, Unavailable
from domain.observation import ABSENT, DevicePlugin, DevicePluginSpec, Node, SmokePod
from domain.spec import Taint
from services.ports import ApiServer, DevicePluginSets, SmokePods

CPU, GPU, SECOND = "ip-10-0-1-10.ec2.internal", "ip-10-0-2-20.ec2.internal", "ip-10-0-2-21.ec2.internal"
BOTTLEROCKET, AL2023 = "BOTTLEROCKET_x86_64_NVIDIA", "AL2023_x86_64_NVIDIA"
TAINT = Taint("ray.io/node-type", "worker", "NoSchedule")
FOREIGN = Taint("team", "red", "NoExecute")
STOCK = Taint("nvidia.com/gpu", "", "NoSchedule")
SPEC = DevicePluginSpec(("gpu-node-group",), (STOCK, TAINT), "nvcr.io/nvidia/k8s-device-plugin:v0.20.0")
OURS = "/apis/apps/v1/namespaces/kube-system/daemonsets/raygpu-nvidia-device-plugin"
MERGE = "application/merge-patch+json"


@pytest.fixture(params=[over_https, in_memory], ids=["wire", "memory"])
def doors(request: pytest.FixtureRequest) -> Iterator[Doors]:
    with request.param(KubeIsland()) as doors:
        yield doors


def grow(doors: Doors, ami: str = BOTTLEROCKET, gpus: int = 4) -> None:
    """The guide's two groups, both Ready, GPUs there where the AMI brings the plugin."""
    for addon in ("vpc-cni", "kube-proxy", "coredns"):
        doors.world.api.addon_installed(addon)
    doors.world.join(CPU, "cpu-node-group", "AL2023_x86_64_STANDARD")
    doors.world.join(GPU, "gpu-node-group", ami, gpus, (WORKER,))
    doors.world.after(120)


def one(doors: Doors, name: str = GPU) -> Node:
    return next(n for n in doors.server.nodes(doors.plane) if n.name == name)


def ours(doors: Doors) -> DevicePlugin:
    found = doors.plugins.read(doors.plane).ours
    assert isinstance(found, DevicePlugin)
    return found


def pod_of(doors: Doors, name: str = GPU) -> SmokePod:
    return next(p for p in doors.smoke.list(doors.plane) if p.node == name)


def writes(doors: Doors) -> list[str]:
    return [operation for operation, _ in doors.world.calls if not operation.startswith("GET")]


def test_the_adapters_are_the_ports(doors: Doors) -> None:
    """They fit the Protocols of services.ports (mypy checks the same by this assignment)."""
    server: ApiServer = doors.server
    plugins: DevicePluginSets = doors.plugins
    smoke: SmokePods = doors.smoke
    assert (server, plugins, smoke) == (doors.server, doors.plugins, doors.smoke)


class TestServer:
    """ApiServer."""

    def test_version_of_a_ready_server(self, doors: Doors) -> None:
        """gitVersion, after /readyz."""
        assert doors.server.version(doors.plane).startswith("v1.34.")
        assert [o for o, _ in doors.world.calls] == ["GET /readyz", "GET /version"]

    def test_an_empty_cluster_has_no_nodes(self, doors: Doors) -> None:
        """An empty tuple, not an error."""
        assert doors.server.nodes(doors.plane) == ()

    def test_a_node_is_read_whole(self, doors: Doors) -> None:
        """Every field of domain.observation.Node."""
        grow(doors)
        node = one(doors)
        assert 0.95 * 1024 < node.disk_gb <= 1024
        assert node.created_at == 1_800_000_000.0
        assert (node.group, node.instance_type, node.zone) == ("gpu-node-group", "g5.12xlarge", "us-west-2b")
        assert (node.ready, node.taints, node.gpus_allocatable) == (True, (TAINT,), 4)
        assert (node.instance_id, node.unschedulable) == (f"i-{GPU}", False)

    def test_ready_is_false_then_true_and_unknown_is_none(self, doors: Doors) -> None:
        """Three values of the Ready condition."""
        doors.world.api.addon_installed("vpc-cni")
        doors.world.join(CPU, "cpu-node-group", "AL2023_x86_64_STANDARD")
        seen = [one(doors, CPU).ready]
        doors.world.after(60)
        seen.append(one(doors, CPU).ready)
        doors.world.faults.inject("node_not_ready", cluster="raygpu-demo", node=CPU)
        doors.world.after(5)
        seen.append(one(doors, CPU).ready)
        assert seen == [False, True, None]

    def test_all_pages_are_read(self, doors: Doors) -> None:
        """1,100 nodes come in three pages of at most 500."""
        for index in range(1100):
            doors.world.join(f"n{index:04}", "cpu-node-group", "AL2023_x86_64_STANDARD")
        assert len({n.name for n in doors.server.nodes(doors.plane)}) == 1100
        assert len(doors.world.calls) == 3

    def test_a_list_whose_token_expires_begins_again(self, doors: Doors) -> None:
        """410 in the middle: read anew from the first page, complete."""
        for index in range(600):
            doors.world.join(f"n{index:04}", "cpu-node-group", "AL2023_x86_64_STANDARD")
        late = [301.0]
        doors.between = lambda call: doors.world.after(late.pop()) if "continue" in call.query and late else None
        assert len(doors.server.nodes(doors.plane)) == 600
        assert [status for _, status in doors.world.calls] == [200, 410, 200, 200]

    def test_load_balancers_are_listed_and_deleted(self, doors: Doors) -> None:
        """Only Services of that type; a second delete is as good as the first."""
        for name, kind in (("web", "LoadBalancer"), ("inner", "ClusterIP")):
            body = {"metadata": {"name": name}, "spec": {"type": kind, "ports": [{"port": 80}]}}
            doors.world.foreign("POST", "/api/v1/namespaces/default/services", body)
        assert doors.server.load_balancers(doors.plane) == ("default/web",)
        doors.server.delete_services(doors.plane, ("default/web",))
        doors.world.after(60)
        doors.server.delete_services(doors.plane, ("default/web",))
        assert doors.server.load_balancers(doors.plane) == ()


class TestTaints:
    """ApiServer.repair_taints."""

    @pytest.mark.parametrize("fault", ["taint_removed", "taint_wrong_value"])
    def test_ours_are_put_right_and_foreign_ones_kept(self, doors: Doors, fault: str) -> None:
        """Missing or wrong: one taint per key and effect, the stranger's stays."""
        grow(doors)
        extra = {"key": "team", "value": "red", "effect": "NoExecute"}
        doors.world.faults.inject("extra_taint", cluster="raygpu-demo", node=GPU, **extra)
        doors.world.faults.inject(fault, cluster="raygpu-demo")
        assert TAINT not in one(doors).taints
        doors.server.repair_taints(doors.plane, GPU, (TAINT,))
        assert set(one(doors).taints) == {TAINT, FOREIGN}

    def test_a_node_that_is_right_is_not_written(self, doors: Doors) -> None:
        """Repairing twice writes once."""
        grow(doors)
        doors.world.faults.inject("taint_removed", cluster="raygpu-demo")
        doors.server.repair_taints(doors.plane, GPU, (TAINT,))
        doors.server.repair_taints(doors.plane, GPU, (TAINT,))
        assert writes(doors) == [f"PATCH /api/v1/nodes/{GPU}"]

    def test_a_write_in_between_is_not_lost(self, doors: Doors) -> None:
        """409: read again, and both changes stand."""
        grow(doors)
        doors.world.faults.inject("taint_removed", cluster="raygpu-demo")
        patch = {"spec": {"taints": [{"key": "team", "value": "red", "effect": "NoExecute"}]}}
        other = [patch]

        def meddle(call: Call) -> None:
            if call.method == "PATCH" and other:
                assert doors.world.foreign("PATCH", f"/api/v1/nodes/{GPU}", other.pop(), MERGE)[0] == 200

        doors.between = meddle
        doors.server.repair_taints(doors.plane, GPU, (TAINT,))
        assert set(one(doors).taints) == {TAINT, FOREIGN}
        assert [status for operation, status in doors.world.calls if operation.startswith("PATCH")] == [409, 200]

    def test_a_node_that_is_gone_is_missing(self, doors: Doors) -> None:
        """Missing, not Unavailable."""
        with pytest.raises(Missing, match="nobody"):
            doors.server.repair_taints(doors.plane, "nobody", (TAINT,))


class TestPlugins:
    """DevicePluginSets."""

    def test_nothing_there_is_absent(self, doors: Doors) -> None:
        """ABSENT and no foreign ones; kube-proxy and its like are no device plugins."""
        grow(doors)
        seen = doors.plugins.read(doors.plane)
        assert (seen.ours, seen.foreign) == (ABSENT, ())

    def test_what_is_applied_is_read_back(self, doors: Doors) -> None:
        """The same spec, a pod on the GPU node only, GPUs allocatable."""
        grow(doors, AL2023)
        assert one(doors).gpus_allocatable == 0
        doors.plugins.apply(doors.plane, SPEC)
        doors.world.after(60)
        found = ours(doors)
        assert (found.spec, found.desired, found.ready) == (SPEC, 1, 1)
        assert [(p.node, p.phase, p.ready, p.message) for p in found.pods] == [(GPU, "Running", True, "")]
        assert one(doors).gpus_allocatable == 4

    def test_applying_twice_writes_nothing(self, doors: Doors) -> None:
        """The resourceVersion stays."""
        grow(doors, AL2023)
        doors.plugins.apply(doors.plane, SPEC)
        doors.world.after(60)
        before = doors.world.foreign("GET", OURS, None)[1]
        doors.plugins.apply(doors.plane, SPEC)
        assert doors.world.foreign("GET", OURS, None)[1] == before

    def test_a_changed_spec_is_applied(self, doors: Doors) -> None:
        """Other groups and tolerations replace ours."""
        grow(doors, AL2023)
        doors.plugins.apply(doors.plane, SPEC)
        other = DevicePluginSpec(("a", "b"), (STOCK,), "nvcr.io/nvidia/k8s-device-plugin:v0.21.0")
        doors.plugins.apply(doors.plane, other)
        assert ours(doors).spec == other

    def test_a_foreign_field_manager_is_named(self, doors: Doors) -> None:
        """Never forced: Taken, with the name of who holds the field; the object stays theirs."""
        grow(doors, AL2023)
        doors.plugins.apply(doors.plane, SPEC)
        live = doors.world.foreign("GET", OURS, None)[1]
        live["spec"]["template"]["spec"]["tolerations"].append({"operator": "Exists"})
        assert doors.world.foreign("PUT", OURS, live, fieldManager="kubectl-edit")[0] == 200
        with pytest.raises(Taken, match="kubectl-edit"):
            doors.plugins.apply(doors.plane, SPEC)
        assert ours(doors).spec is None

    def test_what_is_not_as_we_write_it_has_no_spec(self, doors: Doors) -> None:
        """A hand edit beside groups, tolerations and image: None, so that it is put right."""
        grow(doors, AL2023)
        doors.plugins.apply(doors.plane, SPEC)
        patch = {"spec": {"template": {"spec": {"priorityClassName": "low"}}}}
        doors.world.foreign("PATCH", OURS, patch, MERGE, fieldManager="kubectl-edit")
        assert ours(doors).spec is None

    def test_foreign_plugins_are_listed_and_left_alone(self, doors: Doors) -> None:
        """NVIDIA's stock manifest, installed by somebody."""
        grow(doors, AL2023)
        labels = {"name": "nvidia-device-plugin-ds"}
        container = {"name": "c", "image": "nvcr.io/nvidia/k8s-device-plugin:v0.17.1"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        body = {
            "metadata": {"name": "nvidia-device-plugin-daemonset"},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        }
        path = "/apis/apps/v1/namespaces/kube-system/daemonsets"
        assert doors.world.foreign("POST", path, body)[0] == 201
        doors.plugins.remove(doors.plane)
        seen = doors.plugins.read(doors.plane)
        assert (seen.ours, seen.foreign) == (ABSENT, ("kube-system/nvidia-device-plugin-daemonset",))

    def test_a_pod_that_cannot_be_scheduled_says_why(self, doors: Doors) -> None:
        """The scheduler's sentence, and the node the pod is for."""
        grow(doors, AL2023)
        doors.world.faults.inject("plugin_unscheduled", cluster="raygpu-demo", how="full")
        doors.plugins.apply(doors.plane, SPEC)
        doors.world.after(30)
        pod = ours(doors).pods[0]
        assert (pod.node, pod.phase, pod.ready, "Too many pods" in pod.message) == (GPU, "Pending", False, True)

    def test_a_taint_it_does_not_tolerate_keeps_it_away(self, doors: Doors) -> None:
        """No pod for the node and a desired count of 0."""
        grow(doors, AL2023)
        doors.world.faults.inject("plugin_unscheduled", cluster="raygpu-demo")
        doors.plugins.apply(doors.plane, SPEC)
        doors.world.after(30)
        found = ours(doors)
        assert (found.desired, found.pods) == (0, ())

    def test_a_crash_loop_is_named(self, doors: Doors) -> None:
        """On a node without a driver."""
        grow(doors)
        doors.plugins.apply(doors.plane, DevicePluginSpec(("cpu-node-group",), (STOCK,), SPEC.image))
        doors.world.after(60)
        pod = ours(doors).pods[0]
        assert (pod.node, pod.ready, pod.message.startswith("CrashLoopBackOff: back-off")) == (CPU, False, True)

    def test_remove_takes_ours_and_may_be_repeated(self, doors: Doors) -> None:
        """Gone with its pods; the second call finds nothing and is content."""
        grow(doors, AL2023)
        doors.plugins.apply(doors.plane, SPEC)
        doors.world.after(60)
        doors.plugins.remove(doors.plane)
        doors.plugins.remove(doors.plane)
        doors.world.after(60)
        assert doors.plugins.read(doors.plane).ours == ABSENT
        assert one(doors).gpus_allocatable == 0


class TestSmoke:
    """SmokePods."""

    def test_it_runs_where_it_is_pinned_and_passes(self, doors: Doors) -> None:
        """Pending, then Succeeded on that very node of two."""
        grow(doors)
        doors.world.join(SECOND, "gpu-node-group", BOTTLEROCKET, 4, (WORKER,))
        doors.world.after(120)
        doors.smoke.run(doors.plane, SECOND, 4, (TAINT,))
        begun = pod_of(doors, SECOND)
        assert (begun.phase, begun.started_at) == ("Pending", doors.world.now)
        doors.world.after(60)
        assert doors.smoke.list(doors.plane) == (SmokePod(SECOND, "Succeeded", "", begun.started_at),)

    def test_running_twice_keeps_the_first(self, doors: Doors) -> None:
        """One pod per node; a doubled message starts no second one."""
        grow(doors)
        doors.smoke.run(doors.plane, GPU, 1, (TAINT,))
        doors.world.after(60)
        doors.smoke.run(doors.plane, GPU, 1, (TAINT,))
        assert [p.phase for p in doors.smoke.list(doors.plane)] == ["Succeeded"]

    def test_without_the_toleration_it_waits_and_says_why(self, doors: Doors) -> None:
        """The scheduler's sentence names the taint."""
        grow(doors)
        doors.smoke.run(doors.plane, GPU, 1, ())
        doors.world.after(5)
        waiting = pod_of(doors)
        assert waiting.phase == "Pending"
        assert "untolerated taint {ray.io/node-type: worker}" in waiting.message

    def test_a_failure_brings_the_last_words_of_its_log(self, doors: Doors) -> None:
        """CUDA's error, not merely an exit code."""
        grow(doors)
        doors.world.faults.inject("smoke_fails", cluster="raygpu-demo", node=GPU)
        doors.smoke.run(doors.plane, GPU, 1, (TAINT,))
        doors.world.after(60)
        failed = pod_of(doors)
        assert (failed.phase, "busy or unavailable" in failed.message) == ("Failed", True)

    def test_remove_may_be_repeated(self, doors: Doors) -> None:
        """It is off the list at once, gone in a moment, and can then be run anew."""
        grow(doors)
        doors.smoke.run(doors.plane, GPU, 1, (TAINT,))
        doors.world.after(60)
        doors.smoke.remove(doors.plane, GPU)
        assert doors.smoke.list(doors.plane) == ()
        doors.world.after(10)
        doors.smoke.remove(doors.plane, GPU)
        doors.smoke.run(doors.plane, GPU, 1, (TAINT,))
        assert pod_of(doors).phase == "Pending"

    def test_pods_of_others_are_not_ours(self, doors: Doors) -> None:
        """Only pods with our labels are listed."""
        grow(doors)
        body = {"metadata": {"name": "theirs"}, "spec": {"containers": [{"name": "a", "image": "b"}]}}
        doors.world.foreign("POST", "/api/v1/namespaces/default/pods", body)
        assert doors.smoke.list(doors.plane) == ()


class TestErrors:
    """What goes wrong on the way is one of domain.errors."""

    def test_401_is_unavailable_and_speaks_of_the_access_entry(self, doors: Doors) -> None:
        """An entry may still be on its way: worth another try."""
        doors.world.entries = set()
        with pytest.raises(Unavailable, match="access entry") as refused:
            doors.server.nodes(doors.plane)
        assert (refused.value.reason, refused.value.retryable) == ("Unauthorized", True)
        doors.world.entries = {doors.world.caller}
        assert doors.server.nodes(doors.plane) == ()

    def test_403_is_denied_and_names_the_permission(self, doors: Doors) -> None:
        """Verb, resource and scope."""
        doors.world.faults.inject("kube_403", cluster="raygpu-demo")
        with pytest.raises(Denied, match='cannot list resource "nodes"'):
            doors.server.nodes(doors.plane)

    def test_an_entry_without_policy_is_denied(self, doors: Doors) -> None:
        """Known, and allowed nothing."""
        doors.world.entries = {doors.world.caller: []}
        with pytest.raises(Denied, match="access policy"):
            doors.server.nodes(doors.plane)

    def test_no_answer_is_unavailable(self, doors: Doors) -> None:
        """Never an empty list."""
        doors.world.faults.inject("kube_unreachable", cluster="raygpu-demo", seconds=30)
        for ask in (doors.server.nodes, doors.plugins.read, doors.smoke.list, doors.server.version):
            with pytest.raises(Unavailable) as gone:
                ask(doors.plane)
            assert gone.value.reason == "Unreachable"
        doors.world.after(31)
        assert doors.server.nodes(doors.plane) == ()

    def test_a_control_plane_that_is_gone_is_unavailable(self, doors: Doors) -> None:
        """Its endpoint answers no more; whether the cluster exists is EKS' word."""
        doors.world.apis.clear()
        with pytest.raises(Unavailable):
            doors.server.version(doors.plane)

    def test_throttled_is_a_kind_of_unavailable(self, doors: Doors) -> None:
        """429 is not a refusal for good."""
        assert issubclass(Throttled, Unavailable)
        grow(doors)
        names = [p["name"] for p in doors.world.api.snapshot()["pods"] if p["name"].startswith("coredns")]
        with pytest.raises(Rejected, match="name in URL does not match name in Eviction object"):
            doors.send(doors.plane, evict(names[0], ""))
        doors.send(doors.plane, evict(names[0], names[0]))
        with pytest.raises(Throttled):
            doors.send(doors.plane, evict(names[1], names[1]))


def evict(pod: str, named: str) -> Call:
    """An eviction of that pod whose object names that one."""
    metadata = {"name": named, "namespace": "kube-system"}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    return Call("POST", f"/api/v1/namespaces/kube-system/pods/{pod}/eviction", body=body)
