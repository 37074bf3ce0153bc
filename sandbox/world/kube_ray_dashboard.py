"""The head of a Ray cluster as HTTP knows it: the dashboard's JSON on port 8265 and Ray's metrics on port 8080 (Ray 2.x)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.world.kube_core import Core, hash_of
from sandbox.world.kube_proxy import Answer, Sent
from sandbox.world.kube_ray_types import CLUSTER_LABEL, HEAD_PORTS, RAY_IMAGE, TYPE_LABEL
from sandbox.world.kube_ray_work import Head, RayWork, Work
from sandbox.world.kube_store import Record

# Load balancers and probes ask Serve's proxy for its health all the time; Ray counts these requests as well.
_PROBE_S = 5.0
_ENTRYPOINTS: Mapping[str, str] = {"train": "python train.py --epochs 90", "hung": "python train.py --resume last.ckpt"}
_OPEN = ("/api/authentication_mode", "/api/healthz", "/api/gcs_healthz", "/api/local_raylet_healthz", "/-/healthz")
_NOT_FOUND: Answer = (404, "404: Not Found")


@dataclass(slots=True)
class RayDashboards:
    """Answers what the proxy brings to head pods."""

    core: Core
    work: RayWork

    def answer(self, pod: Record, sent: Sent) -> Answer | None:
        """A backend of the proxy: None for pods and ports that are no Ray head's."""
        labels = pod.body["metadata"].get("labels", {})
        if labels.get(TYPE_LABEL) != "head" or CLUSTER_LABEL not in labels:
            return None
        head = self.work.head_of(pod)
        if head is None:
            return None  # the process is there and does not listen yet
        if sent.port == HEAD_PORTS["metrics"]:
            return (200, self._metrics(head)) if sent.path == "/metrics" else _NOT_FOUND
        if sent.port != HEAD_PORTS["dashboard"]:
            return None
        if self.core.broken.signals.ray_unauthorized and sent.path not in _OPEN:
            return 401, "Unauthorized: Missing authentication token"
        return self._dashboard(head, sent)

    def _dashboard(self, head: Head, sent: Sent) -> Answer:
        routes: Mapping[str, Callable[[Head, Sent], Any]] = {
            "/api/version": self._version,
            "/api/component_activities": self._activities,
            "/api/jobs/": lambda h, _: [self._job(h, w) for w in h.works if w.is_submission or w.kind == "notebook"],
            "/api/serve/applications/": lambda h, _: self._serve(h),
            "/api/v0/actors": self._actors,
        }
        route = routes.get(sent.path)
        return _NOT_FOUND if route is None else (200, route(head, sent))

    def _version(self, head: Head, _sent: Sent) -> dict[str, Any]:
        version = RAY_IMAGE.rpartition(":")[2]
        return {
            "version": "4",
            "ray_version": version,
            "ray_commit": "0" * 40,
            "session_name": f"session_{head.pod_uid}",
        }

    def _activities(self, head: Head, _sent: Sent) -> dict[str, Any]:
        """Drivers only: actors and Serve applications that outlive theirs do not count here."""
        drivers = sum(work.has_driver for work in head.works)
        state = "ACTIVE" if drivers else "INACTIVE"
        reason = f"Number of active drivers: {drivers}" if drivers else None
        if self.core.broken.signals.ray_activity_error:
            state, reason = "ERROR", "RpcError('GCS did not answer in time')"
        last = None if state == "ERROR" else head.last_job_end
        driver = {"is_active": state, "reason": reason, "timestamp": self.core.now, "last_activity_at": last}
        return {"driver": driver}

    def _job(self, head: Head, work: Work) -> dict[str, Any]:
        number = head.works.index(work) + 2  # 01000000 is the dashboard's own job
        job = f"{number:02d}000000"
        driver = {"id": job, "node_ip_address": head.address, "pid": str(400 + number)} if work.began else None
        return {
            "type": "SUBMISSION" if work.is_submission else "DRIVER",
            "job_id": job if work.began else None,
            "submission_id": work.id if work.is_submission else None,
            "driver_info": driver,
            "status": work.status,
            "entrypoint": _ENTRYPOINTS.get(work.kind, ""),
            "message": _MESSAGES.get(work.status) if work.is_submission else None,
            "error_type": None,
            "start_time": _ms(work.asked_at if work.is_submission else work.began),
            "end_time": _ms(work.ended),
            "metadata": {},
            "runtime_env": {},
            "driver_agent_http_address": None,
            "driver_node_id": None,
            "driver_exit_code": 0 if work.status == "SUCCEEDED" else None,
        }

    def _serve(self, head: Head) -> dict[str, Any]:
        """Without Serve the same keys are there and empty."""
        apps = {work.id: _application(work) for work in head.works if work.kind == "serve" and work.began}
        where = {"node_id": _node_id(head), "node_ip": head.address}
        controller = {**where, "actor_name": "SERVE_CONTROLLER_ACTOR"} if apps else {}
        proxy = {**where, "actor_name": "SERVE_PROXY_ACTOR-0", "status": "HEALTHY"}
        return {
            "controller_info": controller,
            "proxy_location": "HeadOnly",
            "proxies": {_node_id(head): proxy} if apps else {},
            "applications": apps,
            "deploy_mode": "MULTI_APP",
            "target_capacity": None,
        }

    def _actors(self, head: Head, sent: Sent) -> dict[str, Any]:
        rows = [row for work in head.works for row in _actors_of(work)]
        found = [row for row in rows if _passes(row, sent.query)]
        limit = int(sent.query.get("limit", "100"))
        result = {
            "total": len(rows),
            "num_after_truncation": len(rows),
            "num_filtered": len(found),
            "result": found[:limit],
            "partial_failure_warning": "",
            "warnings": None,
        }
        return {"result": True, "msg": "", "data": {"result": result}}

    def _metrics(self, head: Head) -> str:
        """Ray's own text. Serve's counter is there once an application is, twice: also as a gauge without _total."""
        apps = [work for work in head.works if work.kind == "serve" and work.began is not None]
        lines = ["# HELP ray_cluster_active_nodes Active nodes on the cluster", "# TYPE ray_cluster_active_nodes gauge"]
        lines.append('ray_cluster_active_nodes{SessionName="session",Version="2.52.0"} 1.0')
        for name, kind in (("ray_serve_num_http_requests_total", "counter"), ("ray_serve_num_http_requests", "gauge")):
            if not apps:
                break
            lines += [f"# HELP {name} HTTP requests processed.", f"# TYPE {name} {kind}"]
            probes = (self.core.now - head.started) // _PROBE_S
            lines.append(f'{name}{{application="",method="GET",route="/-/healthz",status_code="200"}} {probes:.1f}')
            for work in apps:
                labels = f'application="{work.id}",method="POST",route="/{work.id}",status_code="200"'
                lines.append(f"{name}{{{labels}}} {work.requests(self.core.now):.1f}")
        return "".join(f"{line}\n" for line in lines)


_MESSAGES: Mapping[str, str] = {
    "PENDING": "Job has not started yet. It may be waiting for the runtime environment to be set up.",
    "RUNNING": "Job is currently running.",
    "SUCCEEDED": "Job finished successfully.",
    "STOPPED": "Job was intentionally stopped.",
}


def _node_id(head: Head) -> str:
    return f"{hash_of(head.pod_uid):016x}" + "0" * 40


def _ms(at: float | None) -> int | None:
    return None if at is None else int(at * 1000)


def _application(work: Work) -> dict[str, Any]:
    deployment = {"name": "Model", "status": "HEALTHY", "status_trigger": "CONFIG_UPDATE_COMPLETED", "message": ""}
    return {
        "name": work.id,
        "route_prefix": f"/{work.id}",
        "docs_path": None,
        "status": "RUNNING",
        "message": "",
        "last_deployed_time_s": work.began,
        "deployed_app_config": None,
        "source": "declarative",
        "deployments": {"Model": {**deployment, "target_num_replicas": 1, "replicas": []}},
    }


def _actors_of(work: Work) -> list[dict[str, Any]]:
    """The actors that live while it runs: Ray's own ones, Serve's, and those of people."""
    if work.status != "RUNNING":
        return []
    if work.kind == "serve":
        named = (
            ("ServeController", "SERVE_CONTROLLER_ACTOR"),
            ("ProxyActor", "SERVE_PROXY_ACTOR-0"),
            (f"ServeReplica:{work.id}:Model", f"SERVE_REPLICA::{work.id}#Model#0"),
        )
        return [_actor(work, kind, name, "serve") for kind, name in named]
    if work.is_submission:
        supervisor = _actor(
            work, "JobSupervisor", f"_ray_internal_job_actor_{work.id}", "SUPERVISOR_ACTOR_RAY_NAMESPACE"
        )
        return [supervisor, _actor(work, "RayTrainWorker", "", str(work.id))]
    return []


def _actor(work: Work, kind: str, name: str, namespace: str) -> dict[str, Any]:
    return {
        "actor_id": f"{hash_of(work.id, kind, name):016x}{'0' * 16}",
        "class_name": kind,
        "state": "ALIVE",
        "job_id": "02000000",
        "name": name,
        "node_id": f"{hash_of(work.id):016x}" + "0" * 40,
        "pid": 1200,
        "ray_namespace": namespace,
        "serialized_runtime_env": None,
        "required_resources": None,
        "death_cause": None,
        "is_detached": None,
    }


def _passes(row: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    """The state API's filter: one key, = or !=, one value."""
    key = query.get("filter_keys")
    if key is None:
        return True
    same = str(row.get(key, "")).lower() == query.get("filter_values", "").lower()
    return same if query.get("filter_predicates", "=") == "=" else not same
