"""Line 4: what goes wrong at a real API server is Unknown with a reason; nothing is taken away, and the next pass heals."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from adapters.kube import Call
from domain.actions import RepairTaints
from domain.conditions import Status
from domain.errors import OutsideError, Throttled
from domain.lifecycle import DEVICE_PLUGIN, NODES, PROVEN, TAINTS
from domain.observation import DevicePluginSpec
from domain.plugin import desired_plugin
from domain.spec import GPU_GROUP, WORKER_TAINT, Taint
from tests.domain import worlds
from tests.kubernetes.island import MERGE, PLUGIN, PODS, Island, dead_port, until
from tests.kubernetes.passes import Bot

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(240)]

SPEC = worlds.spec(replace(worlds.al2023_group(gpus=4, kind="g5.12xlarge"), name=GPU_GROUP))
HALF = (NODES, DEVICE_PLUGIN)  # judged whatever else is known
KILLED = {
    "/version": HALF,
    "/api/v1/nodes": HALF,
    "/apis/apps/v1/daemonsets": (DEVICE_PLUGIN, PROVEN),
    PODS: (PROVEN,),
}
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
Standing = dict[str, str]


@pytest.fixture
def bot(kube: Island) -> Iterator[Bot]:
    """A cluster that is proven, with its plugin running."""
    homes = {g.name: kube.node(g, gpus=g.gpus_per_node or None) for g in SPEC.groups}
    bot = Bot(kube, SPEC)
    # After a death of the API server its clients come back in their own time.
    bot.visit_until(DEVICE_PLUGIN, "Running")
    until(lambda: (bot.visit(), kube.items(PODS))[1])
    kube.end(kube.items(PODS)[0]["metadata"]["name"])
    bot.visit_until(PROVEN, "Passed")
    until(lambda: (bot.visit(), kube.items(PODS) == [])[1])
    assert homes[GPU_GROUP] == worlds.node_name(SPEC.gpu_groups[0])
    bot.done.clear()
    yield bot
    kube.between = lambda call: None
    if not kube.control.is_ready():
        kube.control["kube-apiserver"].stop()
        kube.control.keys.renew()
    _alive(kube)


def _alive(kube: Island) -> None:
    """The API server runs and answers, whatever a test did to it."""
    server = kube.control["kube-apiserver"]
    if not server.is_running:
        server.start()
    kube.control.wait_ready()


def standing(kube: Island) -> Standing:
    """What must outlive every trouble: uid by name of nodes and DaemonSets."""
    lists = ("/api/v1/nodes", "/apis/apps/v1/daemonsets")
    return {i["metadata"]["name"]: i["metadata"]["uid"] for path in lists for i in kube.items(path)}


def healed(bot: Bot, kube: Island, before: Standing) -> None:
    """One pass later all holds again, and the same objects stand."""
    bot.visit()
    kinds = (*HALF, TAINTS, PROVEN)
    assert {kind: bot.condition(kind).status for kind in kinds} == dict.fromkeys(kinds, Status.TRUE)
    assert standing(kube) == before
    until(lambda: kube.get(PLUGIN)["status"]["numberReady"] == 1)  # the controllers find their way back as well


def unknown(bot: Bot, *kinds: str) -> set[str]:
    """The reasons of these conditions, all of which are Unknown."""
    found = [bot.condition(kind) for kind in kinds]
    assert {c.status for c in found} == {Status.UNKNOWN}, found
    assert all(c.message for c in found)
    return {c.reason for c in found}


class TestTheServer:
    """It dies, hangs, or is somebody else."""

    @pytest.mark.parametrize("at", KILLED)
    def test_killed_between_two_reads(self, bot: Bot, kube: Island, at: str) -> None:
        """kill -9 in the middle of a pass: what came before is known, the rest is Unknown, nothing is done."""
        before = standing(kube)

        def shoot(call: Call) -> None:
            if call.path == at:
                kube.control["kube-apiserver"].kill()

        kube.between = shoot
        bot.visit()
        assert unknown(bot, *KILLED[at]) == {"Unreachable"}
        assert bot.done == []
        kube.between = lambda call: None
        _alive(kube)
        healed(bot, kube, before)

    def test_killed_before_a_write(self, bot: Bot, kube: Island) -> None:
        """A taint cannot be put back: Unknown; the next pass puts it back."""
        node = worlds.node_name(SPEC.gpu_groups[0])
        before = standing(kube)
        kube.patch(f"/api/v1/nodes/{node}", {"spec": {"taints": []}})

        def shoot(call: Call) -> None:
            if call.method == "PATCH":
                kube.control["kube-apiserver"].kill()

        kube.between = shoot
        bot.visit()
        assert unknown(bot, TAINTS) == {"Unreachable"}
        kube.between = lambda call: None
        _alive(kube)
        bot.visit()
        healed(bot, kube, before)
        assert kube.seen(node).taints == (WORKER_TAINT,)

    def test_stopped_with_its_connections_open(self, bot: Bot, kube: Island) -> None:
        """SIGSTOP: the first read runs out of time, and the others are not tried behind it."""
        before, sent = standing(kube), len(kube.sent)
        server = kube.control["kube-apiserver"]
        server.pause()
        try:
            bot.visit()
        finally:
            server.resume()
        assert unknown(bot, *HALF) == {"TimedOut"}
        assert [call.path for call in kube.sent[sent:]] == ["/readyz"]
        healed(bot, kube, before)

    def test_etcd_stopped_behind_it(self, bot: Bot, kube: Island) -> None:
        """The API server answers and its store does not: Unknown, and never an empty list."""
        before, etcd = standing(kube), kube.control["etcd"]
        etcd.pause()
        try:
            bot.visit()
        finally:
            etcd.resume()
        assert {bot.condition(kind).status for kind in HALF} <= {Status.UNKNOWN, Status.TRUE}
        assert bot.condition(NODES).reason != "NodesNotReady"
        assert bot.done == []
        kube.control.wait_ready()
        healed(bot, kube, before)

    def test_restarted_on_a_certificate_of_nobody(self, bot: Bot, kube: Island) -> None:
        """Another authority: no token is sent to it; with a new certificate of ours it is the same cluster again."""
        before, server = standing(kube), kube.control["kube-apiserver"]
        server.stop()
        kube.control.keys.renew(stranger=True)
        server.start()
        until(lambda: (bot.visit(), bot.condition(NODES).reason == "TlsFault")[1])
        assert unknown(bot, *HALF) == {"TlsFault"}
        server.stop()
        kube.control.keys.renew()
        _alive(kube)
        healed(bot, kube, before)


class TestTheKubelets:
    """Nobody hears of them for a while: stopped here, cut off by a silent API server elsewhere."""

    def test_pods_are_ready_again_once_they_are_back(self, bot: Bot, kube: Island) -> None:
        """The controller takes Ready from nodes and their pods after fifty seconds; both get it back, none is made anew."""
        before, kubelets = standing(kube), kube.control["kwok"]
        kubelets.pause()
        try:
            until(lambda: (bot.visit(), bot.condition(NODES).reason == "NodesNotReady")[1])
            until(lambda: kube.get(PLUGIN)["status"].get("numberReady", 0) == 0)
            assert bot.done == []
        finally:
            kubelets.resume()
        until(lambda: (bot.visit(), bot.condition(NODES).is_true and bot.condition(DEVICE_PLUGIN).is_true)[1])
        healed(bot, kube, before)


class TestWhoAsks:
    """Tokens and what they allow."""

    def test_a_token_that_has_expired(self, bot: Bot, kube: Island, monkeypatch: pytest.MonkeyPatch) -> None:
        """Signed sixteen minutes ago: 401, dropped, and the next pass signs a new one."""
        before = standing(kube)
        late = datetime.now(UTC) - timedelta(minutes=16)
        kube.tokens.drop(worlds.REGION, bot.cluster.eks_name)
        with monkeypatch.context() as patched:
            patched.setattr("botocore.auth.get_current_datetime", lambda *_, **__: late.replace(tzinfo=None))
            bot.visit()
        assert unknown(bot, *HALF) == {"Unauthorized"}
        assert bot.done == []
        healed(bot, kube, before)

    def test_no_access_entry(self, bot: Bot, kube: Island) -> None:
        """403 for everything that says something of the cluster; the sentence says what to do."""
        before = standing(kube)
        kube.entries = {}
        bot.visit()
        until(lambda: (bot.visit(), bot.condition(NODES).reason == "Forbidden")[1])
        assert unknown(bot, *HALF) == {"Forbidden"}
        assert 'cannot list resource "nodes"' in bot.condition(NODES).message
        assert "access policy" in bot.condition(NODES).message
        assert bot.done == []
        kube.entries = {worlds.BOT: ["arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"]}
        until(lambda: (bot.visit(), bot.condition(NODES).is_true)[1])
        healed(bot, kube, before)

    def test_nobody_can_say_who_asks(self, bot: Bot, kube: Island) -> None:
        """The token webhook is down: nobody is let in, and nothing is concluded."""
        before = standing(kube)
        kube.reviews.stop()
        try:
            until(lambda: (bot.visit(), bot.condition(NODES).status is Status.UNKNOWN)[1])
            assert unknown(bot, *HALF) <= {"Unauthorized", "TimedOut", "ServerFault"}
            assert bot.done == []
        finally:
            kube.reopen_reviews()
        until(lambda: (bot.visit(), bot.condition(NODES).is_true)[1])
        healed(bot, kube, before)


class TestLists:
    """Lists of more than a page."""

    @pytest.fixture
    def crowd(self, kube: Island) -> int:
        """600 pods that ask for a GPU, and that no scheduler looks at."""
        program = {"name": "a", "image": "b", "resources": {"limits": {"nvidia.com/gpu": "1"}}}

        def add(index: int) -> None:
            spec = {"containers": [program], "schedulerName": "nobody"}
            kube.post(PODS, {"metadata": {"name": f"p{index:04}"}, "spec": spec})

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(add, range(600)))
        return 600

    def test_by_pages_and_after_an_expired_token(self, kube: Island, crowd: int) -> None:
        """500 and 100; with the history compacted away in between 410 Gone, and the list begins again, whole."""
        assert len(kube.gpu_pods.read(kube.described).pods) == crowd
        lists = [call.query for call in kube.sent if call.path == "/api/v1/pods"]
        assert [("continue" in query, query["limit"]) for query in lists] == [(False, "500"), (True, "500")]
        kube.sent.clear()
        once = [True]

        def forget(call: Call) -> None:
            if "continue" in call.query and once:
                once.clear()
                forget_history(kube)

        kube.between = forget
        assert len(kube.gpu_pods.read(kube.described).pods) == crowd
        assert ["continue" in call.query for call in kube.sent] == [False, True, False, True]


def forget_history(kube: Island) -> None:
    """etcd is compacted, and the API server starts anew: what it had in memory would still serve the old list."""
    words = Path(f"/proc/{kube.control['etcd'].pid}/cmdline").read_bytes().decode().split("\0")
    (client,) = [w.partition("=")[2] for w in words if w.startswith("--listen-client-urls=")]

    def ask(path: str, body: dict[str, Any]) -> Any:
        with urlopen(Request(f"{client}/v3/kv/{path}", json.dumps(body).encode()), timeout=10) as answer:
            return json.load(answer)

    kube.patch("/api/v1/namespaces/default", {"metadata": {"annotations": {"moved": "on"}}})
    revision = ask("range", {"key": base64.b64encode(b"/").decode()})["header"]["revision"]
    ask("compaction", {"revision": revision, "physical": True})
    kube.control["kube-apiserver"].stop()
    _alive(kube)


class TestRefusals:
    """What a healthy API server does not do."""

    def test_a_budget_that_blocks_an_eviction(self, bot: Bot, kube: Island) -> None:
        """429: asked for less, the pod stays; without the budget it goes."""
        labels = {"app": "web"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "b"}]}}
        kube.post(
            "/apis/apps/v1/namespaces/default/deployments",
            {"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": labels}, "template": template}},
        )
        budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
        budget = {"minAvailable": 1, "selector": {"matchLabels": labels}}
        kube.post(budgets, {"metadata": {"name": "web"}, "spec": budget})
        until(lambda: kube.get(f"{budgets}/web").get("status", {}).get("currentHealthy") == 1)
        (pod,) = kube.items(PODS)
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"}}
        evict = Call("POST", f"{PODS}/{name}/eviction", body=eviction)
        with pytest.raises(Throttled, match="disruption budget"):
            kube.send(kube.described, evict)
        assert kube.get(f"{PODS}/{name}")["metadata"]["uid"] == uid
        kube.delete(f"{budgets}/web")
        kube.send(kube.described, evict)
        until(lambda: kube.get(f"{PODS}/{name}") is None)

    def test_an_object_that_is_too_large(self, bot: Bot, kube: Island) -> None:
        """More than etcd takes: refused with a reason, and what stood stands."""
        before, version = standing(kube), kube.get(PLUGIN)["metadata"]["resourceVersion"]
        wanted = desired_plugin(SPEC)
        assert wanted is not None
        many = tuple(Taint(f"example.com/{'x' * 50}-{index}", "y" * 60, "NoSchedule") for index in range(12_000))
        with pytest.raises(OutsideError) as refused:
            kube.plugins.apply(kube.described, DevicePluginSpec(wanted.groups, many, wanted.image))
        assert refused.value.reason in ("RequestEntityTooLarge", "ServerFault", "BadRequest"), refused.value
        assert kube.get(PLUGIN)["metadata"]["resourceVersion"] == version
        healed(bot, kube, before)

    def test_an_admission_webhook_that_is_down(self, bot: Bot, kube: Island) -> None:
        """Nothing can be written: Unknown with the webhook's name; once it is gone the next pass heals."""
        node, before = worlds.node_name(SPEC.gpu_groups[0]), standing(kube)
        kube.post(WEBHOOKS, guard(dead_port()))
        until(lambda: refuses(kube, node))
        kube.patch(f"/api/v1/nodes/{node}", {"spec": {"taints": []}})
        bot.visit()
        assert unknown(bot, TAINTS) == {"ServerFault"}
        assert "guard.example.com" in bot.condition(TAINTS).message
        assert isinstance(bot.done[-1], RepairTaints)
        kube.delete(f"{WEBHOOKS}/guard")
        until(lambda: (bot.visit(), bot.condition(TAINTS).is_true)[1])
        healed(bot, kube, before)
        assert kube.seen(node).taints == (WORKER_TAINT,)


def refuses(kube: Island, node: str) -> bool:
    """True once the API server asks the guard: it learns of it a moment after it was made."""
    body = {"metadata": {"annotations": {"asked": "yes"}}}
    try:
        kube.send(kube.described, Call("PATCH", f"/api/v1/nodes/{node}", {"dryRun": "All"}, body, MERGE))
    except OutsideError:
        return True
    return False


def guard(port: int) -> dict[str, Any]:
    """A policy engine that wants to see every write of a node and does not answer."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["nodes"], "scope": "*"}
    hook = {
        "name": "guard.example.com",
        "rules": [rule],
        "clientConfig": {"url": f"https://127.0.0.1:{port}/"},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 2,
        "matchConditions": [{"name": "the-bot", "expression": "request.userInfo.username.startsWith('arn:aws:iam')"}],
    }
    return {"metadata": {"name": "guard"}, "webhooks": [hook]}
