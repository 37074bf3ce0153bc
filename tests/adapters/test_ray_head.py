"""The head of a real Ray, read as in a cluster: through a proxy that stands for the API server."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_proxy import ApiProxy, api_proxy
from ray_rig import MARK, RAY_VENV, Head, eventually, ray_head

from adapters.kube import KubeRays
from domain.errors import Missing, Unavailable
from domain.ray import RayCluster
from domain.signals import RayComponent, RayDashboard, RaySubmission
from services.ports import Rays

pytestmark = [pytest.mark.ray, pytest.mark.timeout(180)]
CLUSTER = RayCluster("team-a", "train", False, "ready", "train-head-svc")
WORK = """
import pathlib, ray, time
ray.init(address="{address}", log_to_driver=False)

@ray.remote(num_cpus=0)
class Keeper:
    def ready(self):
        return True

keeper = Keeper.options(name="{name}", lifetime="{lifetime}").remote()
ray.get(keeper.ready.remote())
pathlib.Path("{folder}/{name}-up").touch()
while not pathlib.Path("{folder}/{name}-stop").exists():
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    with ray_head() as head:
        yield head


@pytest.fixture
def proxy(head: Head) -> Iterator[ApiProxy]:
    with api_proxy({"train-head-svc:8265": head.dashboard}) as proxy:
        yield proxy


def look(proxy: ApiProxy) -> RayDashboard:
    rays: Rays = KubeRays(proxy.wire)
    return rays.dashboard(proxy.plane, CLUSTER)


def work(head: Head, name: str, lifetime: str = "non_detached") -> str:
    return WORK.format(address=head.address, folder=head.folder, name=name, lifetime=lifetime)


def up(head: Head, name: str) -> None:
    eventually((head.folder / f"{name}-up").exists, 60)


def one(found: tuple[RaySubmission, ...], ident: str) -> RaySubmission:
    return next(one for one in found if one.id == ident)


def driver(seen: RayDashboard) -> RayComponent:
    assert [c.name for c in seen.components] == ["driver"]
    return seen.components[0]


def test_a_quiet_head(head: Head, proxy: ApiProxy) -> None:
    """No driver, no job, no actor; an image without Serve (501) serves nothing; the paths arrive with their slashes."""
    seen = look(proxy)
    assert (driver(seen).state, driver(seen).last_activity_at) == ("INACTIVE", None)
    assert (seen.submissions, seen.actors, seen.serving, seen.requests) == ((), 0, (), None)
    assert head.get("/api/serve/applications/").status == 501
    asked = [path.partition("/proxy")[2].partition("?")[0] for path in proxy.paths]
    assert asked == ["/api/component_activities", "/api/jobs/", "/api/v0/actors", "/api/serve/applications/"]
    assert all(path.startswith("/api/v1/namespaces/team-a/services/train-head-svc:8265/proxy/") for path in proxy.paths)


def test_a_job_from_its_submission_to_its_end(head: Head, proxy: ApiProxy) -> None:
    """PENDING or RUNNING with an ACTIVE driver and its actor, Ray's own supervisor not counted; then over, with its end."""
    ident = head.submit(work(head, "job"))
    early = one(look(proxy).submissions, ident)
    assert (early.kind, early.ended_at) == ("SUBMISSION", None) and early.status in ("PENDING", "RUNNING")
    up(head, "job")
    seen = look(proxy)
    assert (driver(seen).state, driver(seen).reason != "", seen.actors) == ("ACTIVE", True, 1)
    running = one(seen.submissions, ident)
    assert running.status == "RUNNING" and running.started_at is not None
    (head.folder / "job-stop").touch()
    over = eventually(lambda: (s := look(proxy)) and one(s.submissions, ident).status == "SUCCEEDED" and s)
    ended = one(over.submissions, ident).ended_at
    assert ended is not None and ended > running.started_at
    gone = eventually(lambda: (s := look(proxy)) and driver(s).state == "INACTIVE" and s.actors == 0 and s)
    last = driver(gone).last_activity_at
    assert last is not None and abs(last - ended) < 60


def test_a_detached_actor_outlives_its_driver(head: Head, proxy: ApiProxy) -> None:
    """`component_activities` says INACTIVE, and yet somebody's actor lives there: it is counted."""
    ident = head.submit(work(head, "kept", "detached"))
    up(head, "kept")
    (head.folder / "kept-stop").touch()
    eventually(lambda: one(look(proxy).submissions, ident).status == "SUCCEEDED")
    seen = eventually(lambda: (s := look(proxy)) and driver(s).state == "INACTIVE" and s)
    assert seen.actors == 1


def test_an_open_driver_that_was_not_submitted(head: Head, proxy: ApiProxy) -> None:
    """A notebook: ACTIVE, of kind DRIVER, without an end (Ray writes 0 there, which is no moment of 1970)."""
    code = work(head, "open")
    command = [str(RAY_VENV / "bin" / "python"), "-c", code]
    mark = str(head.folder.parent)
    process = subprocess.Popen(command, env={"PATH": "/usr/bin:/bin", MARK: mark}, cwd=Path(head.folder))
    try:
        up(head, "open")
        seen = look(proxy)
        kinds = {(s.kind, s.status) for s in seen.submissions if s.ended_at is None}
        assert (driver(seen).state, kinds) == ("ACTIVE", {("DRIVER", "RUNNING")})
    finally:
        (head.folder / "open-stop").touch()
        process.wait(timeout=30)


def test_a_head_service_that_is_gone_is_missing(proxy: ApiProxy) -> None:
    """Said by the API server itself."""
    with pytest.raises(Missing):
        KubeRays(proxy.wire).dashboard(proxy.plane, RayCluster("a", "b", False, "ready", "other-svc"))


def test_a_head_that_asks_for_a_token_is_not_read() -> None:
    """RAY_AUTH_MODE=token: 401 of Ray's own, told as what it is; never an idle head."""
    with (
        ray_head(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="a-token-of-thirty-two-characters") as guarded,
        api_proxy({"train-head-svc:8265": guarded.dashboard}) as proxy,
        pytest.raises(Unavailable) as raised,
    ):
        look(proxy)
    assert raised.value.reason == "TokenAsked"
