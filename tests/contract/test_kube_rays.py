"""The contract of Rays, over the real adapter on the wire and over the world in memory."""

from collections.abc import Iterator
from typing import Any

import pytest
from kube_doors import Doors, KubeIsland, in_memory, over_https
from kube_use import fault, grow

from adapters.kube import Call
from adapters.kube.ray import MARK
from domain.errors import Denied, Missing, OutsideError, Unavailable
from domain.ray import RayCluster, RayObjects
from domain.signals import RayDashboard
from sandbox.world.kube_ray_types import raycluster

RAY = "/apis/ray.io/v1/namespaces/default/rayclusters"
MERGE = "application/merge-patch+json"


@pytest.fixture(params=[over_https, in_memory], ids=["wire", "memory"])
def doors(request: pytest.FixtureRequest) -> Iterator[Doors]:
    with request.param(KubeIsland()) as doors:
        yield doors


class TestRays:
    """Rays."""

    def objects(self, doors: Doors) -> RayObjects:
        return doors.rays.objects(doors.plane)

    def install(self, doors: Doors, workers: int = 2) -> RayCluster:
        """KubeRay, and somebody's RayCluster that is ready."""
        grow(doors)
        fault(doors, "ray_installed")
        doors.world.after(30)
        assert doors.world.foreign("POST", RAY, raycluster("exp", "default", workers, {}))[0] == 201
        doors.world.after(120)
        return self.one(doors)

    def one(self, doors: Doors) -> RayCluster:
        (found,) = self.objects(doors).clusters
        return found

    def board(self, doors: Doors) -> RayDashboard:
        return doors.rays.dashboard(doors.plane, self.one(doors))

    def test_no_group_is_not_installed(self, doors: Doors) -> None:
        """404 on ray.io: N/A, and no object."""
        assert self.objects(doors) == RayObjects(False)

    def test_installed_and_empty(self, doors: Doors) -> None:
        """The group is there."""
        grow(doors)
        fault(doors, "ray_installed")
        assert self.objects(doors) == RayObjects(True)

    def test_another_version_of_the_group_is_not_read_as_nothing(self, doors: Doors) -> None:
        """A KubeRay of before 1.0 serves v1alpha1 only: its objects are not known."""
        names = {"plural": "rayclusters", "singular": "raycluster", "kind": "RayCluster", "listKind": "RayClusterList"}
        schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
        versions = [{"name": "v1alpha1", "served": True, "storage": True, "schema": schema}]
        spec = {"group": "ray.io", "names": names, "scope": "Namespaced", "versions": versions}
        body = {"metadata": {"name": "rayclusters.ray.io"}, "spec": spec}
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        assert doors.world.foreign("POST", path, body)[0] == 201
        doors.world.after(5)
        with pytest.raises(Unavailable) as raised:
            self.objects(doors)
        assert raised.value.reason == "OldKubeRay"

    def test_a_raycluster_is_read_whole(self, doors: Doors) -> None:
        """Head service, state, no mark, no owner, since when."""
        began = doors.world.now + 150
        found = self.install(doors)
        assert found == RayCluster("default", "exp", False, "ready", "exp-head-svc", "", "", began)

    def test_suspend_marks_and_resume_takes_the_mark_off(self, doors: Doors) -> None:
        """In one patch each; its pods go and come."""
        self.install(doors)
        doors.rays.suspend(doors.plane, "default", "exp", "demo-abc23/1")
        assert (self.one(doors).suspended, self.one(doors).suspended_by) == (True, "demo-abc23/1")
        doors.world.after(120)
        assert self.one(doors).state == "suspended"
        doors.rays.resume(doors.plane, "default", "exp")
        assert (self.one(doors).suspended, self.one(doors).suspended_by) == (False, "")
        doors.world.after(120)
        assert self.one(doors).state == "ready"

    def test_twice_is_once(self, doors: Doors) -> None:
        """The second suspend and the second resume write nothing, and keep the first mark."""
        self.install(doors)
        doors.world.calls.clear()
        for mark in ("demo-abc23/1", "demo-abc23/2"):
            doors.rays.suspend(doors.plane, "default", "exp", mark)
        assert self.one(doors).suspended_by == "demo-abc23/1"
        for _ in range(2):
            doors.rays.resume(doors.plane, "default", "exp")
        assert [o for o, _ in doors.world.calls if o.startswith("PATCH")] == [f"PATCH {RAY}/exp"] * 2

    def test_what_somebody_else_suspended_is_never_ours(self, doors: Doors) -> None:
        """Not marked by suspend, not started by resume."""
        self.install(doors)
        doors.world.foreign("PATCH", f"{RAY}/exp", {"spec": {"suspend": True}}, MERGE)
        doors.rays.suspend(doors.plane, "default", "exp", "demo-abc23/1")
        doors.rays.resume(doors.plane, "default", "exp")
        assert (self.one(doors).suspended, self.one(doors).suspended_by) == (True, "")

    def test_a_write_in_between_is_not_lost(self, doors: Doors) -> None:
        """409: read again. Who suspends it in that moment keeps it as theirs."""
        self.install(doors)
        other = [{"spec": {"suspend": True}}]

        def meddle(call: Call) -> None:
            if call.method == "PATCH" and other:
                assert doors.world.foreign("PATCH", f"{RAY}/exp", other.pop(), MERGE)[0] == 200

        doors.between = meddle
        doors.rays.suspend(doors.plane, "default", "exp", "demo-abc23/1")
        assert (self.one(doors).suspended, self.one(doors).suspended_by) == (True, "")

    def test_one_that_is_gone_is_no_error(self, doors: Doors) -> None:
        """Neither way."""
        grow(doors)
        fault(doors, "ray_installed")
        doors.rays.suspend(doors.plane, "default", "gone", "demo-abc23/1")
        doors.rays.resume(doors.plane, "default", "gone")

    def test_the_mark_leaves_other_annotations_alone(self, doors: Doors) -> None:
        """A merge, and null takes only ours away."""
        self.install(doors)
        doors.world.foreign("PATCH", f"{RAY}/exp", {"metadata": {"annotations": {"team": "red"}}}, MERGE)
        doors.rays.suspend(doors.plane, "default", "exp", "demo-abc23/1")
        marked = doors.world.foreign("GET", f"{RAY}/exp", None)[1]["metadata"]["annotations"]
        assert marked["team"] == "red" and marked[MARK] == "demo-abc23/1"
        doors.rays.resume(doors.plane, "default", "exp")
        left = doors.world.foreign("GET", f"{RAY}/exp", None)[1]["metadata"]["annotations"]
        assert left["team"] == "red" and MARK not in left

    def test_a_quiet_dashboard(self, doors: Doors) -> None:
        """INACTIVE, no job, no actor, nothing served; the slashes of its paths arrive."""
        self.install(doors)
        doors.world.calls.clear()
        seen = self.board(doors)
        assert [(c.name, c.state) for c in seen.components] == [("driver", "INACTIVE")]
        assert (seen.submissions, seen.actors, seen.serving, seen.requests) == ((), 0, (), None)
        asked = [o for o, _ in doors.world.calls if "/proxy/" in o]
        head = "GET /api/v1/namespaces/default/services/exp-head-svc:8265/proxy"
        assert f"{head}/api/jobs/" in asked and f"{head}/api/serve/applications/" in asked

    def busy(self, doors: Doors, kind: str) -> RayDashboard:
        """A workload of that kind, as Ray tells it, ten minutes in."""
        grow(doors)
        fault(doors, "ray_installed")
        doors.world.after(60)
        doors.world.api.workload(kind, 2, 60, ray=True)
        doors.world.after(600)
        return doors.rays.dashboard(doors.plane, self.objects(doors).clusters[0])

    def test_a_training(self, doors: Doors) -> None:
        """A RUNNING submission, an ACTIVE driver, actors of people, Ray's own left out."""
        seen = self.busy(doors, "train")
        assert [(s.kind, s.status, s.ended_at) for s in seen.submissions] == [("SUBMISSION", "RUNNING", None)]
        assert seen.submissions[0].started_at is not None
        assert [c.state for c in seen.components] == ["ACTIVE"] and seen.actors == 1

    def test_a_notebook(self, doors: Doors) -> None:
        """A driver without a submission, which has no end."""
        seen = self.busy(doors, "notebook")
        assert [(s.kind, s.status, s.ended_at) for s in seen.submissions] == [("DRIVER", "RUNNING", None)]
        assert [c.state for c in seen.components] == ["ACTIVE"]

    def test_a_serve_application(self, doors: Doors) -> None:
        """INACTIVE and yet serving: its name and its counter, health checks not counted, Serve's actors neither."""
        seen = self.busy(doors, "serve")
        assert [c.state for c in seen.components] == ["INACTIVE"]
        assert (len(seen.serving), seen.actors) == (1, 0)
        assert seen.requests is not None and seen.requests > 0
        doors.world.after(120)
        later = doors.rays.dashboard(doors.plane, self.objects(doors).clusters[0])
        assert later.requests is not None and later.requests > seen.requests

    def test_health_checks_are_no_requests(self, doors: Doors) -> None:
        """Once nobody asks any more the counter stands still, though Serve's proxy is probed all the time."""
        self.busy(doors, "serve")
        doors.world.after(3600)
        counts = set()
        for _ in range(3):
            counts.add(doors.rays.dashboard(doors.plane, self.objects(doors).clusters[0]).requests)
            doors.world.after(300)
        assert len(counts) == 1

    def test_an_error_of_ray_is_told_as_one(self, doors: Doors) -> None:
        """component_activities says ERROR: it is passed on, with its reason."""
        self.install(doors)
        fault(doors, "ray_activity_error")
        (component,) = self.board(doors).components
        assert component.state == "ERROR" and component.reason

    @pytest.mark.parametrize(
        ("name", "params"), [("ray_401", {}), ("proxy_fails", {}), ("proxy_fails", {"how": "drop"})]
    )
    def test_a_dashboard_that_does_not_answer_raises(self, doors: Doors, name: str, params: Any) -> None:
        """Ray's own 401, a proxy's timeout, a cut connection: Unavailable, never a quiet head."""
        found = self.install(doors)
        fault(doors, name, **params)
        with pytest.raises(Unavailable):
            doors.rays.dashboard(doors.plane, found)

    @pytest.mark.parametrize("part", ["component_activities", "/api/jobs/", "/api/v0/actors", "/api/serve/"])
    def test_each_part_must_answer(self, doors: Doors, part: str) -> None:
        """Whichever of them fails, the whole is not known."""
        found = self.install(doors)

        def lose(call: Call) -> None:
            if part in call.path:
                raise Unavailable("TimedOut", "no answer")

        doors.between = lose
        with pytest.raises(Unavailable):
            doors.rays.dashboard(doors.plane, found)

    def test_a_head_that_is_gone_raises(self, doors: Doors) -> None:
        """Suspended: no endpoint behind its Service; and one that has no head yet is not asked."""
        found = self.install(doors)
        doors.rays.suspend(doors.plane, "default", "exp", "demo-abc23/1")
        doors.world.after(120)
        with pytest.raises(Unavailable):
            doors.rays.dashboard(doors.plane, found)
        with pytest.raises(Unavailable) as headless:
            doors.rays.dashboard(doors.plane, RayCluster("default", "new", False))
        assert headless.value.reason == "NoHead"

    def test_forbidden_objects_are_denied(self, doors: Doors) -> None:
        """403: never "not installed"."""
        self.install(doors)
        fault(doors, "ray_403")
        with pytest.raises(Denied):
            self.objects(doors)

    @pytest.mark.parametrize("name", ["objects", "suspend"])
    def test_no_answer_is_unavailable(self, doors: Doors, name: str) -> None:
        """Never an empty list, never a suspended cluster."""
        self.install(doors)
        fault(doors, "kube_unreachable", seconds=30)
        with pytest.raises(OutsideError) as raised:
            if name == "objects":
                self.objects(doors)
            else:
                doors.rays.suspend(doors.plane, "default", "exp", "demo-abc23/1")
        assert not isinstance(raised.value, Missing)
