"""Line 7: the contract of the kube port over a real control plane; where the two differ, the difference is written here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import test_kube_port as contract
from kube_doors import CLUSTER, WORKER, Doors

from domain.errors import Rejected, Throttled, Unavailable
from domain.observation import Unreadable
from services.observer import read
from tests.kubernetes.island import Island, island, until
from tests.kubernetes.real_door import over_real

SMOKE = f"/api/v1/namespaces/default/pods/raygpu-smoke-{contract.GPU}"
pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def standing(programs: Path) -> Iterator[Island]:
    """A control plane under the name that the contract uses."""
    with island(programs, CLUSTER) as made:
        yield made


@pytest.fixture
def doors(standing: Island) -> Iterator[Doors]:
    """The third door."""
    with over_real(standing) as doors:
        yield doors
    standing.wipe()


class TestServer(contract.TestServer):
    """ApiServer."""

    # Over 500 objects and 410: tests/kubernetes/test_trouble.py, with fewer and cheaper objects.
    test_all_pages_are_read = None
    test_a_list_whose_token_expires_begins_again = None

    def test_version_of_a_ready_server(self, doors: Doors) -> None:
        """gitVersion, after /readyz: that of the programs, whatever version EKS says."""
        assert doors.server.version(doors.plane).startswith("v1.36.")
        assert [o for o, _ in doors.world.calls] == ["GET /readyz", "GET /version"]

    def test_a_node_is_read_whole(self, doors: Doors) -> None:
        """Every field but one: Kubernetes dates its objects by its own clock, which is not the world's."""
        began = time.time()
        contract.grow(doors)
        node = contract.one(doors)
        assert abs(node.created_at - began) < 60
        assert 0.95 * 1024 < node.disk_gb <= 1024
        assert (node.group, node.instance_type, node.zone) == ("gpu-node-group", "g5.12xlarge", "us-west-2b")
        assert (node.ready, node.taints, node.gpus_allocatable) == (True, (contract.TAINT,), 4)
        assert (node.instance_id, node.unschedulable) == (f"i-{contract.GPU}", False)


class TestTaints(contract.TestTaints):
    """ApiServer.repair_taints."""


class TestPlugins(contract.TestPlugins):
    """DevicePluginSets."""


class TestSmoke(contract.TestSmoke):
    """SmokePods."""

    def test_it_runs_where_it_is_pinned_and_passes(self, doors: Doors) -> None:
        """Succeeded on that very node of two: a real scheduler may be done before it is seen Pending."""
        contract.grow(doors)
        doors.world.join(contract.SECOND, "gpu-node-group", contract.BOTTLEROCKET, 4, (WORKER,))
        doors.world.after(120)
        began = doors.world.now
        doors.smoke.run(doors.plane, contract.SECOND, 4, (contract.TAINT,))
        doors.world.after(60)
        (seen,) = doors.smoke.list(doors.plane)
        assert (seen.node, seen.phase, seen.message) == (contract.SECOND, "Succeeded", "")
        assert seen.started_at == began

    def test_remove_may_be_repeated(self, doors: Doors) -> None:
        """It is off the list, gone in a moment, and another one can then be run."""
        contract.grow(doors)
        doors.smoke.run(doors.plane, contract.GPU, 1, (contract.TAINT,))
        doors.world.after(60)
        before = doors.world.foreign("GET", SMOKE, None)[1]["metadata"]["uid"]
        doors.smoke.remove(doors.plane, contract.GPU)
        assert doors.smoke.list(doors.plane) == ()
        until(lambda: doors.world.foreign("GET", SMOKE, None)[0] == 404)
        doors.smoke.remove(doors.plane, contract.GPU)
        doors.smoke.run(doors.plane, contract.GPU, 1, (contract.TAINT,))
        assert contract.pod_of(doors).phase in ("Pending", "Running")
        assert doors.world.foreign("GET", SMOKE, None)[1]["metadata"]["uid"] != before

    def test_without_the_toleration_it_waits_and_says_why(self, doors: Doors) -> None:
        """The scheduler's sentence; since 1.36 it no longer says which taint."""
        contract.grow(doors)
        doors.smoke.run(doors.plane, contract.GPU, 1, ())
        doors.world.after(5)
        waiting = contract.pod_of(doors)
        assert waiting.phase == "Pending"
        assert "1 node(s) had untolerated taint(s)" in waiting.message


class TestErrors(contract.TestErrors):
    """What goes wrong on the way is one of domain.errors."""

    # An API server whose process is gone: tests/kubernetes/test_trouble.py.
    test_a_control_plane_that_is_gone_is_unavailable = None

    def test_401_is_unavailable_and_speaks_of_the_access_entry(self, doors: Doors) -> None:
        """The fault kube_401 refuses the token; a principal without an entry is known, and allowed nothing (403)."""
        doors.world.faults.inject("kube_401", cluster=CLUSTER)
        with pytest.raises(Unavailable, match="access entry") as refused:
            doors.server.nodes(doors.plane)
        assert (refused.value.reason, refused.value.retryable) == ("Unauthorized", True)
        doors.world.entries = set()
        until(lambda: self._is_denied(doors))
        doors.world.entries = {doors.world.caller}
        until(lambda: not self._is_denied(doors))
        assert doors.server.nodes(doors.plane) == ()

    def _is_denied(self, doors: Doors) -> bool:
        """Now; the API server keeps who somebody is for a second."""
        seen = read(lambda: doors.server.nodes(doors.plane))
        return isinstance(seen, Unreadable) and seen.reason == "Forbidden"

    def test_no_answer_is_unavailable(self, doors: Doors) -> None:
        """A server that stands still keeps its connections open: time runs out, and it is never an empty list."""
        assert doors.server.nodes(doors.plane) == ()
        doors.world.faults.inject("kube_unreachable", cluster=CLUSTER, seconds=30)
        with pytest.raises(Unavailable) as gone:
            doors.server.nodes(doors.plane)
        assert gone.value.reason == "TimedOut"
        doors.world.after(31)
        assert doors.server.nodes(doors.plane) == ()

    def test_throttled_is_a_kind_of_unavailable(self, doors: Doors) -> None:
        """429 is not a refusal for good; here no pod may be away, for a real one is replaced within a second."""
        contract.grow(doors)
        budget = "/apis/policy/v1/namespaces/kube-system/poddisruptionbudgets/coredns"
        assert doors.world.foreign("PATCH", budget, {"spec": {"maxUnavailable": 0}}, contract.MERGE)[0] == 200
        until(lambda: doors.world.foreign("GET", budget, None)[1]["status"].get("disruptionsAllowed") == 0)
        name = next(p["name"] for p in doors.world.api.snapshot()["pods"] if p["name"].startswith("coredns"))
        with pytest.raises(Rejected, match="name in URL does not match name in Eviction object"):
            doors.send(doors.plane, contract.evict(name, ""))
        with pytest.raises(Throttled):
            doors.send(doors.plane, contract.evict(name, name))
