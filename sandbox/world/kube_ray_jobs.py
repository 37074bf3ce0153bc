"""The RayJob and RayService half of KubeRay's operator: each gets a RayCluster, a job or an application on it, a status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.world.kube_core import Core, hash_of, with_condition
from sandbox.world.kube_garbage import start_deletion
from sandbox.world.kube_pod_programs import MINUTES_ANNOTATION
from sandbox.world.kube_pod_template import is_owned_by, owner
from sandbox.world.kube_ray_clusters import WRITER, head_service
from sandbox.world.kube_ray_types import CLUSTERS, JOBS, SERVICES, all_of, operates, type_of
from sandbox.world.kube_ray_work import RayWork, Work
from sandbox.world.kube_resources import ResourceType
from sandbox.world.kube_store import Record, rfc3339

_API = "ray.io/v1"
_DEPLOYMENT = {"PENDING": "Running", "RUNNING": "Running", "SUCCEEDED": "Complete", "STOPPED": "Complete"}
_DEFAULT_MINUTES = 10.0


@dataclass(slots=True)
class RayJobController:
    """All RayJobs and RayServices of one Kubernetes cluster. A job computes for the minutes of its annotation (10)."""

    core: Core
    work: RayWork

    def reconcile(self) -> None:
        """One pass over both kinds."""
        jobs, services = all_of(self.core, JOBS), all_of(self.core, SERVICES)
        if not (jobs or services) or not operates(self.core):
            return
        for job in jobs:
            if not job.is_deleting:
                self._job(job)
        for service in services:
            if not service.is_deleting:
                self._service(service)

    def _job(self, job: Record) -> None:
        spec, old = job.body.get("spec", {}), job.body.get("status", {})
        cluster = self._cluster_of(job, "RayJob")
        if old.get("jobDeploymentStatus") in ("Complete", "Failed"):
            if cluster is not None and spec.get("shutdownAfterJobFinishes"):
                start_deletion(self.core, self._type(CLUSTERS), cluster)
            return
        if spec.get("suspend"):
            if cluster is not None:
                start_deletion(self.core, self._type(CLUSTERS), cluster)
            self._put(JOBS, job, {"jobDeploymentStatus": "Suspended", "jobStatus": ""})
            return
        if cluster is None:
            self._make(job, "RayJob", spec.get("rayClusterSpec", {}))
            self._put(JOBS, job, {"jobDeploymentStatus": "Initializing", "jobStatus": ""})
            return
        work = self._work(job, cluster, "train")
        if work is not None:
            self._put(JOBS, job, _job_status(job, cluster, work))

    def _service(self, service: Record) -> None:
        cluster = self._cluster_of(service, "RayService")
        if cluster is None:
            self._make(service, "RayService", service.body.get("spec", {}).get("rayClusterConfig", {}))
            self._put(SERVICES, service, {"serviceStatus": "WaitForServeDeploymentReady"})
            return
        work = self._work(service, cluster, "serve")
        ready = work is not None and work.status == "RUNNING"
        conditions = service.body.get("status", {}).get("conditions", [])
        reason = "NonZeroServeEndpoints" if ready else "Initializing"
        status = {
            "serviceStatus": "Running" if ready else "WaitForServeDeploymentReady",
            "numServeEndpoints": int(ready),
            "activeServiceStatus": {"rayClusterName": cluster.name},
            "conditions": with_condition(conditions, "Ready", str(ready), reason, "", self.core.now),
        }
        self._put(SERVICES, service, status)

    def _work(self, record: Record, cluster: Record, kind: str) -> Work | None:
        """What was put on the head; put there once for a job, and again on every new head for a service."""
        found = next((w for w in self.work.works_of(cluster) if w.kind == kind), None)
        if found is not None:
            return found
        asked = record.body["metadata"].get("annotations", {}).get(MINUTES_ANNOTATION, f"{_DEFAULT_MINUTES:g}")
        name = record.name if kind == "serve" else f"{record.name}-{hash_of(record.uid) % 16**5:05x}"
        return self.work.submit(cluster, kind, float(asked), name)

    def _cluster_of(self, record: Record, kind: str) -> Record | None:
        own = (c for c in all_of(self.core, CLUSTERS) if c.namespace == record.namespace and not c.is_deleting)
        return next((c for c in own if is_owned_by(c.body, record.uid)), None)

    def _make(self, record: Record, kind: str, spec: dict[str, Any]) -> None:
        metadata = {
            "name": f"{record.name}-{hash_of(record.uid, str(self.core.store.version)) % 16**5:05x}",
            "namespace": record.namespace,
            "labels": {"ray.io/originated-from-crd": kind, "ray.io/originated-from-cr-name": record.name},
            "ownerReferences": [owner(record, kind, _API)],
        }
        self.core.add(self._type(CLUSTERS), {"metadata": metadata, "spec": dict(spec)}, WRITER)

    def _type(self, plural: str) -> ResourceType:
        kind = type_of(self.core, plural)
        if kind is None:
            raise LookupError(f"{plural} is not served")  # its controller would not run
        return kind

    def _put(self, plural: str, record: Record, status: dict[str, Any]) -> None:
        old = record.body.get("status", {})
        self.core.put_status(self._type(plural), record, {**old, **status}, WRITER)


def _job_status(job: Record, cluster: Record, work: Work) -> dict[str, Any]:
    status = {
        "jobId": work.id,
        "jobStatus": work.status,
        "jobDeploymentStatus": _DEPLOYMENT[work.status],
        "rayClusterName": cluster.name,
        "dashboardURL": f"{head_service(cluster.name)}.{job.namespace}.svc.cluster.local:8265",
        "startTime": rfc3339(work.asked_at),
    }
    return {**status, **({"endTime": rfc3339(work.ended)} if work.ended is not None else {})}
