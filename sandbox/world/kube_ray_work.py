"""What runs in the Ray clusters of one Kubernetes cluster: submissions, drivers, Serve applications, as their heads know it.

A head keeps all of it in memory: with its pod it is gone, as in a Ray without an external store.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.world.gpu_loads import SHAPES, Load
from sandbox.world.kube_core import Core, condition, hash_of
from sandbox.world.kube_pod_programs import MINUTES_ANNOTATION
from sandbox.world.kube_ray_clusters import head_pod, pods_of
from sandbox.world.kube_ray_types import CLUSTER_LABEL, CLUSTERS, TYPE_LABEL, WORK_ANNOTATION, all_of
from sandbox.world.kube_store import Record

REQUESTS_PER_S = 2.5
APPLICATION = "chat"


@dataclass(slots=True)
class Work:
    """One thing on a head. `kind` as in SHAPES; `until`: when it computes no more (epoch seconds).

    `status`: PENDING until every worker is there, then RUNNING; a training ends SUCCEEDED, a hung job is STOPPED by
    hand. A notebook's driver stays attached and a Serve application stays up, also when nobody uses them any more.
    """

    id: str
    kind: str
    minutes: float
    asked_at: float
    status: str = "PENDING"
    began: float | None = None
    until: float = math.inf
    ended: float | None = None

    @property
    def is_submission(self) -> bool:
        """True for what was submitted as a job."""
        return self.kind in ("train", "hung")

    @property
    def has_driver(self) -> bool:
        """True while a driver of it is alive."""
        return self.status == "RUNNING" and self.kind != "serve"

    def requests(self, at: float) -> float:
        """HTTP requests answered so far."""
        if self.kind != "serve" or self.began is None:
            return 0.0
        return math.floor(max(0.0, min(at, self.until) - self.began) * REQUESTS_PER_S)


@dataclass(slots=True)
class Head:
    """The memory of one head pod. `started`: when it became Ready; `last_job_end` as the dashboard tells it."""

    pod_uid: str
    address: str
    started: float
    works: list[Work] = field(default_factory=list)
    last_job_end: float | None = None


@dataclass(slots=True)
class RayWork:
    """All heads. Work is asked for by annotations of a RayCluster and begins once, with the first head that comes up."""

    core: Core
    heads: dict[str, Head] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)

    def head_of(self, pod: Record) -> Head | None:
        """The memory of that head pod, None before it was Ready."""
        head = self.heads.get(_key(pod.namespace, pod.body["metadata"]["labels"].get(CLUSTER_LABEL, "")))
        return head if head is not None and head.pod_uid == pod.uid else None

    def works_of(self, cluster: Record) -> list[Work]:
        """What is on the head of a RayCluster."""
        head = self.heads.get(_key(cluster.namespace, cluster.name))
        return head.works if head is not None else []

    def load_of(self, pod: Record) -> Load | None:
        """What a worker's GPUs do: the work that runs on its cluster."""
        labels = pod.body["metadata"].get("labels", {})
        head = self.heads.get(_key(pod.namespace, labels.get(CLUSTER_LABEL, "")))
        if head is None or labels.get(TYPE_LABEL) != "worker":
            return None
        running = (w for w in head.works if w.status == "RUNNING" and w.began is not None)
        work = next(running, None)
        return None if work is None or work.began is None else Load(SHAPES[work.kind], work.began, work.until)

    def submit(self, cluster: Record, kind: str, minutes: float, name: str = "") -> Work | None:
        """Something new on a head that is up; None while there is none."""
        head = self.heads.get(_key(cluster.namespace, cluster.name))
        if head is None:
            return None
        number = hash_of(cluster.uid, head.pod_uid, str(len(head.works)))
        work = Work(
            name or (APPLICATION if kind == "serve" else f"raysubmit_{number:016x}"), kind, minutes, self.core.now
        )
        head.works.append(work)
        self.core.touch()
        return work

    def reconcile(self) -> None:
        """Heads that came up remember nothing yet; those that went are forgotten; work begins and ends."""
        clusters = {_key(c.namespace, c.name): c for c in all_of(self.core, CLUSTERS)}
        for gone in self.heads.keys() - clusters.keys():
            del self.heads[gone]
        for key, cluster in clusters.items():
            pods = pods_of(self.core, cluster)
            self._head(key, cluster, head_pod(pods))
            if key in self.heads:
                self._advance(self.heads[key], _all_ready(cluster, pods))

    def _head(self, key: str, cluster: Record, pod: Record | None) -> None:
        head = self.heads.get(key)
        if head is not None and (pod is None or pod.uid != head.pod_uid):
            del self.heads[key]
        if pod is None or key in self.heads or condition(pod.body, "Ready") != "True":
            return
        self.heads[key] = Head(pod.uid, str(pod.body["status"].get("podIP", "")), self.core.now)
        asked: Mapping[str, str] = cluster.body["metadata"].get("annotations", {})
        kind = asked.get(WORK_ANNOTATION, "")
        if kind in SHAPES and kind != "idle" and cluster.uid not in self._asked:
            self._asked.add(cluster.uid)
            self.submit(cluster, kind, float(asked.get(MINUTES_ANNOTATION, "60")))

    def _advance(self, head: Head, ready: bool) -> None:
        now = self.core.now
        for work in head.works:
            if work.status == "PENDING" and ready:
                work.status, work.began, work.until = "RUNNING", now, now + work.minutes * 60.0
                self.core.wake_at(work.until)
                self.core.touch()
            elif work.status == "RUNNING" and work.is_submission and now >= work.until:
                work.status, work.ended = ("STOPPED" if work.kind == "hung" else "SUCCEEDED"), work.until
                head.last_job_end = max(head.last_job_end or 0.0, work.until)
                self.core.touch()


def _key(namespace: str, name: str) -> str:
    return f"{namespace}/{name}"


def _all_ready(cluster: Record, pods: list[Record]) -> bool:
    workers = [p for p in pods if p.body["metadata"]["labels"].get(TYPE_LABEL) == "worker" and not p.is_deleting]
    wanted = cluster.body.get("status", {}).get("desiredWorkerReplicas", 0)
    return len(workers) >= wanted and all(condition(p.body, "Ready") == "True" for p in workers)
