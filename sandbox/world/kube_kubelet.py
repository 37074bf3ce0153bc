"""Kubelets and what runs on them: images are pulled, containers start, end, crash, and smoke pods tell of the GPUs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.world.kube_core import Core, hash_of, is_hit, with_condition
from sandbox.world.kube_node_body import GPU, brings_plugin, internal_ip
from sandbox.world.kube_nodes import PLUGIN_IMAGE
from sandbox.world.kube_pod_programs import Ending, program
from sandbox.world.kube_quantity import pod_requests
from sandbox.world.kube_resources import NODES, PODS
from sandbox.world.kube_store import Record, epoch, rfc3339
from sandbox.world.node_facts import NodeFacts

PULL_S = 10.0
CACHED_PULL_S = 2.0
STOP_S = 2.0
BACKOFF_S = (10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
_WRITER = "kubelet"


@dataclass(slots=True)
class Run:
    """One pod on its node. `started` is None until its image is there; `restarts` counts crashes."""

    bound: float
    pulled: float
    image: str
    started: float | None = None
    restarts: int = 0
    log: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a kubelet reports of a pod: its phase and the state of its containers, as core/v1 spells them."""

    phase: str
    state: Mapping[str, Any]
    ready: bool = False
    restarts: int = 0
    last: Mapping[str, Any] = field(default_factory=dict)

    def of(self, container: Mapping[str, Any]) -> dict[str, Any]:
        """The status of one container."""
        return {
            "name": container["name"],
            "image": container["image"],
            "imageID": "" if "waiting" in self.state and not self.restarts else container["image"],
            "ready": self.ready,
            "started": "running" in self.state,
            "restartCount": self.restarts,
            "state": dict(self.state),
            "lastState": dict(self.last),
        }


@dataclass(slots=True)
class Kubelet:
    """All kubelets of one cluster."""

    core: Core
    runs: dict[str, Run] = field(default_factory=dict)
    _images: set[tuple[str, str]] = field(default_factory=set)

    def reconcile(self) -> None:
        """Moves every bound pod to where its age and its node bring it; forgets pods that are gone."""
        pods = self.core.store.all(PODS)
        for pod in pods:
            node = pod.body["spec"].get("nodeName")
            if node is not None:
                self._pod(pod, node)
        if len(self.runs) > len(pods):
            alive = {p.uid for p in pods}
            self.runs = {uid: run for uid, run in self.runs.items() if uid in alive}

    def log(self, pod: Record) -> str | None:
        """What the pod's container has written; None while it has not started."""
        run = self.runs.get(pod.uid)
        return run.log if run is not None and run.started is not None else None

    def _pod(self, pod: Record, node: str) -> None:
        if self.core.store.find(NODES, "", node) is None or node in self.core.broken.not_ready:
            return
        if pod.is_deleting:
            self._stop(pod)
        elif pod.body.get("status", {}).get("phase") not in {"Succeeded", "Failed"}:
            self._advance(pod, node, self._run(pod, node))

    def _run(self, pod: Record, node: str) -> Run:
        run = self.runs.get(pod.uid)
        if run is None:
            now, image = self.core.now, pod.body["spec"]["containers"][0]["image"]
            pull = CACHED_PULL_S if (node, image) in self._images else PULL_S
            run = self.runs[pod.uid] = Run(now, now + pull, image)
            self.core.wake_at(run.pulled)
            self._refuse_or_create(pod, node)
        return run

    def _refuse_or_create(self, pod: Record, node: str) -> None:
        """Admission on the node: a pod put there past the scheduler may find no GPU left."""
        wanted = pod_requests(pod.body["spec"]).get(GPU, 0.0)
        others = (p for p in self.core.pods_on(node) if p.uid != pod.uid and p.uid in self.runs)
        used = sum(pod_requests(p.body["spec"]).get(GPU, 0.0) for p in others if not _is_finished(p))
        record = self.core.store.find(NODES, "", node)
        offered = float(record.body["status"]["allocatable"].get(GPU, "0")) if record is not None else 0.0
        if wanted and used + wanted > offered:
            message = f"Pod was rejected: Node didn't have enough resource: {GPU}, requested: {wanted:.0f}"
            status = {**pod.body.get("status", {}), "phase": "Failed", "reason": f"OutOf{GPU}", "message": message}
            self.core.put_status(PODS, pod, status, _WRITER)
            return
        waiting = {"waiting": {"reason": "ContainerCreating"}}
        self._put(pod, Shown("Pending", waiting))

    def _advance(self, pod: Record, node: str, run: Run) -> None:
        now = self.core.now
        if self._past_deadline(pod, run):
            return
        if run.started is None:
            if now >= run.pulled:
                self._images.add((node, run.image))
                self._start(pod, node, run)
            return
        ending = self._ending(pod, node)
        if ending.after_s is None:
            return
        at = run.started + ending.after_s
        if now < at:
            self.core.wake_at(at)
        else:
            self._end(pod, run, ending, at)

    def _start(self, pod: Record, node: str, run: Run) -> None:
        ending = self._ending(pod, node)
        run.started = self.core.now
        run.log = ending.log if ending.after_s is None else ""
        state = {"running": {"startedAt": rfc3339(run.started)}}
        ready = ending.after_s is None or ending.exit_code == 0
        record = self._put(pod, Shown("Running", state, ready, run.restarts))
        self.core.event(record, "Pod", "Started", f"Started container {_container(pod)}", _WRITER)
        if ending.after_s is not None:
            self.core.wake_at(run.started + ending.after_s)

    def _ending(self, pod: Record, node: str) -> Ending:
        facts = self.core.facts.get(node)
        record = self.core.store.find(NODES, "", node)
        plugins = sum(
            any(PLUGIN_IMAGE in c["image"] for c in p.body["spec"]["containers"]) for p in self.core.pods_on(node)
        )
        healthy = not is_hit(self.core.broken.smoke_fails, node)
        if facts is not None and brings_plugin(facts) and plugins:
            healthy = False  # two device plugins on one Bottlerocket node fight over the devices
        return program(pod.body, facts, record.body if record else {}, healthy=healthy)

    def _end(self, pod: Record, run: Run, ending: Ending, at: float) -> None:
        policy = pod.body["spec"].get("restartPolicy", "Always")
        run.log = ending.log
        ended = {
            "exitCode": ending.exit_code,
            "reason": "Completed" if ending.exit_code == 0 else "Error",
            "startedAt": rfc3339(run.started or at),
            "finishedAt": rfc3339(at),
        }
        if policy == "Never" or (policy == "OnFailure" and ending.exit_code == 0):
            phase = "Succeeded" if ending.exit_code == 0 else "Failed"
            self._put(pod, Shown(phase, {"terminated": ended}, restarts=run.restarts))
            return
        backoff = BACKOFF_S[min(run.restarts, len(BACKOFF_S) - 1)]
        run.restarts += 1
        run.started, run.pulled = None, at + backoff
        self.core.wake_at(run.pulled)
        message = f"back-off {backoff:.0f}s restarting failed container={_container(pod)} pod={pod.name}"
        waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        record = self._put(pod, Shown("Running", waiting, restarts=run.restarts, last={"terminated": ended}))
        self.core.event(
            record, "Pod", "BackOff", f"Back-off restarting failed container {_container(pod)}", _WRITER, True
        )

    def _past_deadline(self, pod: Record, run: Run) -> bool:
        limit = pod.body["spec"].get("activeDeadlineSeconds")
        if limit is None:
            return False
        if self.core.now < run.bound + limit:
            self.core.wake_at(run.bound + limit)
            return False
        message = "Pod was active on the node longer than the specified deadline"
        status = {**pod.body["status"], "phase": "Failed", "reason": "DeadlineExceeded", "message": message}
        self.core.put_status(PODS, pod, status, _WRITER)
        return True

    def _stop(self, pod: Record) -> None:
        metadata = pod.body["metadata"]
        grace = min(STOP_S, float(metadata.get("deletionGracePeriodSeconds", STOP_S)))
        at = epoch(metadata["deletionTimestamp"]) - metadata.get("deletionGracePeriodSeconds", 0) + grace
        if self.core.now < at:
            self.core.wake_at(at)
        elif not metadata.get("finalizers"):
            self.core.store.remove(PODS, pod)

    def _put(self, pod: Record, shown: Shown) -> Record:
        core, old, ready = self.core, pod.body.get("status", {}), shown.ready
        conditions = old.get("conditions", [])
        why = "" if ready else "PodCompleted" if shown.phase == "Succeeded" else "ContainersNotReady"
        for kind, held in (("PodScheduled", True), ("Initialized", True), ("ContainersReady", ready), ("Ready", ready)):
            conditions = with_condition(conditions, kind, str(held), "" if held else why, "", core.now)
        statuses = [shown.of(c) for c in pod.body["spec"]["containers"]]
        fresh = {**old, "phase": shown.phase, "conditions": conditions, "containerStatuses": statuses}
        fresh.setdefault("startTime", rfc3339(core.now))
        facts = core.facts.get(pod.body["spec"]["nodeName"])
        if facts is not None:
            fresh["hostIP"] = internal_ip(facts)
            if pod.uid in self.runs and self.runs[pod.uid].started is not None:
                fresh["podIP"] = _address(pod, facts)
                fresh["podIPs"] = [{"ip": fresh["podIP"]}]
        return core.put_status(PODS, pod, fresh, _WRITER)


def _address(pod: Record, facts: NodeFacts) -> str:
    """A pod's own address in the VPC, as vpc-cni gives it; the node's for one on the host's network."""
    if pod.body["spec"].get("hostNetwork"):
        return internal_ip(facts)
    number = hash_of(pod.uid) % (200 * 250)
    return f"10.0.{32 + number // 250}.{2 + number % 250}"


def _is_finished(pod: Record) -> bool:
    return pod.body.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def _container(pod: Record) -> str:
    return str(pod.body["spec"]["containers"][0]["name"])
