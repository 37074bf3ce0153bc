"""What was read of the use of a cluster, raw: pods, Ray, GPU counters, people. What it means is judged in the probes.

As in domain.observation, "absent", "unreadable" and "not looked" are different values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.observation import NOT_LOOKED, NotLooked, Unreadable
from domain.ray import RayObjects


@dataclass(frozen=True, slots=True)
class GpuPod:
    """A pod that asks for GPUs and has not ended. `gpus`: whole devices, shared and MIG slices counted as asked for.

    `node` is empty while it is not bound; `message` says why it waits, in Kubernetes' own words; `since` is when it was
    made (epoch seconds). `ours`: one of raygpu's own (smoke), which is nobody's work.
    """

    namespace: str
    name: str
    node: str
    phase: str
    gpus: float
    since: float
    message: str = ""
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Allocation:
    """The GPU pods of all namespaces, all pages. `ended_at`: when the last GPU pod that still stands in the list ended."""

    pods: tuple[GpuPod, ...]
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class RayComponent:
    """One entry of `/api/component_activities`: `state` ACTIVE, INACTIVE or ERROR."""

    name: str
    state: str
    reason: str = ""
    last_activity_at: float | None = None


@dataclass(frozen=True, slots=True)
class RaySubmission:
    """One entry of `/api/jobs/`. `kind` SUBMISSION or DRIVER; `status` PENDING, RUNNING, STOPPED, SUCCEEDED, FAILED."""

    id: str
    kind: str
    status: str
    started_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class RayDashboard:
    """What the dashboard of one Ray head says. `actors`: ALIVE ones of users, Serve's own left out; `serving`: names of
    Serve applications that run; `requests`: their request counter in all, None where no metric tells."""

    components: tuple[RayComponent, ...]
    submissions: tuple[RaySubmission, ...]
    actors: int
    serving: tuple[str, ...] = ()
    requests: float | None = None


@dataclass(frozen=True, slots=True)
class GpuSample:
    """One GPU at one moment, as dcgm-exporter shows it. Shares of 1; None where that gauge is not there or is a blank.

    `engine`: DCGM_FI_PROF_GR_ENGINE_ACTIVE, `util`: GPU_UTIL, ENC and DEC (the greatest), `dram`: PROF_DRAM_ACTIVE.
    `energy_mj`: DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION. `slice_id`: GPU_I_ID under MIG. `blank`: a sentinel was found.
    """

    node: str
    uuid: str
    model: str = ""
    slice_id: str = ""
    engine: float | None = None
    util: float | None = None
    dram: float | None = None
    energy_mj: float | None = None
    memory_used_mib: float | None = None
    xid: int = 0
    blank: bool = False


@dataclass(frozen=True, slots=True)
class GpuScrape:
    """One look at every exporter. `missing`: node -> why its exporter could not be read."""

    at: float
    samples: tuple[GpuSample, ...]
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GpuWindow:
    """One GPU over a window, as a metrics store tells it. `busy`: the greatest share of 1; `samples` of `expected`."""

    node: str
    uuid: str
    busy: float | None
    samples: int
    expected: int
    energy_j: float | None = None
    memory_used_mib: float | None = None


@dataclass(frozen=True, slots=True)
class GpuHistory:
    """What a metrics store says of a window [since, until], epoch seconds. `source`: Prometheus or Container Insights."""

    source: str
    since: float
    until: float
    gpus: tuple[GpuWindow, ...]


@dataclass(frozen=True, slots=True)
class Signals:
    """Everything one look saw of the use of a cluster. `dashboards` are by RayCluster.id; `used_at`: the last gesture of
    a person on this cluster, None where there was none."""

    at: float
    allocation: Allocation | Unreadable | NotLooked = NOT_LOOKED
    ray: RayObjects | Unreadable | NotLooked = NOT_LOOKED
    dashboards: Mapping[str, RayDashboard | Unreadable] = field(default_factory=dict)
    scrape: GpuScrape | Unreadable | NotLooked = NOT_LOOKED
    history: GpuHistory | Unreadable | NotLooked = NOT_LOOKED
    used_at: float | None = None
