"""What the dashboard of a Ray head says, through the API server's proxy (Ray 2.x, tried with 2.60).

Each part is asked for by itself, and a part that does not answer fails the whole: Ray's `component_activities` counts
drivers only, so that detached actors and Serve applications would look like nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from prometheus_client.parser import text_string_to_metric_families

from adapters.kube.wire import TEXT, Call, Wire, read_all
from domain.errors import OutsideError, Unavailable
from domain.observation import ControlPlane
from domain.ray import RayCluster
from domain.signals import RayComponent, RayDashboard, RaySubmission

DASHBOARD_PORT, METRICS_PORT = 8265, 8080
ANSWER_S = 10  # how long Ray itself may look around
READ_S = ANSWER_S + 2.0
MAX_ACTORS = 10_000  # Ray's own limit of one answer
STATES = ("ACTIVE", "INACTIVE", "ERROR")
# Applications in these do not run, and nobody waits for them; any other state is work.
NOT_SERVING = ("NOT_STARTED", "DEPLOY_FAILED")
# Ray's own actors; those of its libraries' bookkeeping stay for as long as the cluster does once a library was used.
OWN_NAMESPACES = (
    "SUPERVISOR_ACTOR_RAY_NAMESPACE",
    "_dataset_stats_actor",
    "_dataset_stats_summary_actor",
    "_train_state_actor",
    "ActorLocationTracker",
    "AutoscalingCoordinator",
    "AutoscalingRequester",
    "DataUsageCollectionActor",
)
SERVE_NAMESPACE = "serve"
SERVE_CLASSES = ("ServeController", "ProxyActor", "HTTPProxyActor", "ServeReplica:")
REQUESTS = ("ray_serve_num_http_requests", "ray_serve_num_grpc_requests")


def read_dashboard(wire: Wire, plane: ControlPlane, cluster: RayCluster) -> RayDashboard:
    """Components, jobs, actors and Serve of one head. Raises Unavailable where an answer has not the form it must have."""
    head = _Head(wire, plane, cluster)
    activities = head.ask("api/component_activities", timeout=str(ANSWER_S))
    jobs = head.ask("api/jobs/")
    filters = {"filter_keys": "state", "filter_predicates": "!=", "filter_values": "DEAD"}
    actors = head.ask("api/v0/actors", **filters, limit=str(MAX_ACTORS), timeout=str(ANSWER_S), detail="0")
    applications = _serve(head)
    try:
        serving = tuple(sorted(_serving(applications)))
        return RayDashboard(
            components=tuple(_component(name, held) for name, held in activities.items()),
            submissions=tuple(_submission(job) for job in jobs),
            actors=_actors(actors),
            serving=serving,
            requests=_requests(head, applications) if serving else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise head.unreadable() from error


class _Head:
    """The head of one RayCluster, as the API server lets us speak to it."""

    def __init__(self, wire: Wire, plane: ControlPlane, cluster: RayCluster) -> None:
        self._wire = wire
        self._plane = plane
        self._cluster = cluster
        self._namespace = f"/api/v1/namespaces/{quote(cluster.namespace, safe='')}"

    def ask(self, path: str, **query: str) -> Any:
        """The JSON at a path of the dashboard; its slashes must arrive as they are."""
        service = quote(self._cluster.head_service, safe="")
        proxied = f"{self._namespace}/services/{service}:{DASHBOARD_PORT}/proxy/{path}"
        try:
            return json.loads(self._wire.send(self._plane, Call("GET", proxied, query, read_s=READ_S)))
        except ValueError as error:
            raise self.unreadable() from error

    def metrics(self) -> list[str]:
        """What the head itself counts."""
        service = quote(self._cluster.head_service, safe="")
        return [self._text(f"{self._namespace}/services/{service}:{METRICS_PORT}/proxy/metrics")]

    def metrics_at(self, addresses: set[str]) -> list[str]:
        """What the pods at these addresses count. Raises Unavailable where one of them is no pod of this cluster."""
        query = {"labelSelector": f"ray.io/cluster={self._cluster.name}"}
        pods = read_all(self._wire, self._plane, f"{self._namespace}/pods", query)
        names = {str((p.get("status") or {}).get("podIP") or ""): str(p["metadata"]["name"]) for p in pods}
        if not addresses <= names.keys():
            raise self.unreadable()
        found = [quote(names[address], safe="") for address in sorted(addresses)]
        return [self._text(f"{self._namespace}/pods/{name}:{METRICS_PORT}/proxy/metrics") for name in found]

    def unreadable(self) -> OutsideError:
        """An answer that is none of Ray's."""
        words = f"What came back from the Ray dashboard of {self._cluster.id} is no answer of Ray's."
        return Unavailable("UnreadableAnswer", words)

    def _text(self, path: str) -> str:
        return self._wire.send(self._plane, Call("GET", path, accept=TEXT, read_s=READ_S)).decode(errors="replace")


def _component(name: str, held: Mapping[str, Any]) -> RayComponent:
    """Raises ValueError on a state that Ray has not."""
    state = str(held["is_active"])
    if state not in STATES:
        raise ValueError(state)
    last = held.get("last_activity_at")
    return RayComponent(name, state, str(held.get("reason") or ""), None if last is None else float(last))


def _submission(job: Mapping[str, Any]) -> RaySubmission:
    return RaySubmission(
        id=str(job.get("submission_id") or job.get("job_id") or ""),
        kind=str(job["type"]),
        status=str(job["status"]),
        started_at=_seconds(job.get("start_time")),
        ended_at=_seconds(job.get("end_time")),
    )


def _seconds(milliseconds: Any) -> float | None:
    """Epoch seconds; None for a moment that is yet to come, which a driver's end says with 0 and a job's with null."""
    return float(milliseconds) / 1000 if milliseconds else None


def _actors(answer: Mapping[str, Any]) -> int:
    """People's actors that live or are about to. Raises ValueError where Ray says that it left some out."""
    held = answer["data"]["result"]
    if answer["result"] is not True or held.get("partial_failure_warning"):
        raise ValueError(held.get("partial_failure_warning"))
    return sum(1 for actor in held["result"] if not _is_own(actor))


def _is_own(actor: Mapping[str, Any]) -> bool:
    namespace, kind = str(actor.get("ray_namespace") or ""), str(actor.get("class_name") or "")
    if namespace == SERVE_NAMESPACE:
        return kind.startswith(SERVE_CLASSES)
    return namespace in OWN_NAMESPACES or namespace.startswith("_ray_internal_")


def _serve(head: _Head) -> Mapping[str, Any]:
    """What Serve runs. An image without Serve says so (501), and can run nothing of it."""
    try:
        held = head.ask("api/serve/applications/")
    except Unavailable as error:
        if error.reason != "NotImplemented":
            raise
        return {"applications": {}}
    if not isinstance(held, dict) or not isinstance(held.get("applications"), dict):
        raise head.unreadable()
    return held


def _serving(serve: Mapping[str, Any]) -> Iterator[str]:
    return (name for name, app in serve["applications"].items() if str(app["status"]) not in NOT_SERVING)


def _requests(head: _Head, serve: Mapping[str, Any]) -> float | None:
    """The requests that Serve's proxies counted, those for their health left out; None where they cannot all be read.

    Every node with a proxy counts its own, so all of them are asked; without a word of proxies there is the head's.
    """
    addresses = {str(proxy["node_ip"]) for proxy in (serve.get("proxies") or {}).values()}
    try:
        texts = head.metrics_at(addresses) if addresses else head.metrics()
        counts = [count for text in texts for count in _counts(text)]
    except (OutsideError, ValueError):
        return None
    return sum(counts) if counts else None


def _counts(text: str) -> Iterator[float]:
    """Ray shows each counter twice: with _total, and without it as a gauge of old; the latter is left out."""
    for family in text_string_to_metric_families(text):
        if family.name not in REQUESTS:
            continue
        for sample in family.samples:
            if sample.name.endswith("_total") and not sample.labels.get("route", "").startswith("/-/"):
                yield float(sample.value)
