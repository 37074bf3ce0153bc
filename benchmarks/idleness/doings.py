"""What may go on in a GPU cluster, and what of it can be seen: pods, Ray, memory, and how its GPUs draw power.

`busy` is the truth that the score goes by: somebody would lose something if the GPUs were taken away now. It is no
function of what can be seen: an evaluation pause and a forgotten shell look alike for a while.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.watch import Kind


class Doing(StrEnum):
    """One kind of stretch in the life of a cluster."""

    PENDING = "pods wait for their image"
    LOADING = "data is loaded, the GPUs blink"
    TRAIN = "training"
    PAUSE = "an evaluation pause between two epochs"
    CHECKPOINT = "a checkpoint is written"
    TRICKLE = "short bursts, again and again"
    CELLS = "somebody runs cells"
    THINKING = "somebody thinks between two cells"
    SERVE = "requests are served"
    EMPTY = "no pod asks for a GPU"
    RESTING = "GPUs are bound, no process uses them"
    OPENED = "a shell with a small context is left open"
    WARM = "a model is loaded, nobody uses it"
    HUNG = "a job says that it runs, and does nothing"
    NOTEBOOK = "a notebook is left open"
    QUIET = "an application is served that nobody asks"


@dataclass(frozen=True, slots=True)
class Nature:
    """`busy` as above. `kind`: which idleness it is in truth. `bound`: pods hold the GPUs. `context`: a process holds a
    CUDA context. `running`: a job or driver of Ray lives. `memory`: (least, most) share of a GPU's memory in use."""

    busy: bool
    kind: Kind | None = None
    bound: bool = True
    context: bool = True
    running: bool = True
    memory: tuple[float, float] = (0.3, 0.9)


NATURES = {
    Doing.PENDING: Nature(True, bound=False, context=False, memory=(0.0, 0.0)),
    Doing.LOADING: Nature(True, memory=(0.02, 0.3)),
    Doing.TRAIN: Nature(True),
    Doing.PAUSE: Nature(True),
    Doing.CHECKPOINT: Nature(True),
    Doing.TRICKLE: Nature(True, memory=(0.05, 0.6)),
    Doing.CELLS: Nature(True, memory=(0.05, 0.6)),
    Doing.THINKING: Nature(True, memory=(0.05, 0.6)),
    Doing.SERVE: Nature(True, running=False, memory=(0.2, 0.8)),
    Doing.EMPTY: Nature(False, Kind.UNALLOCATED, bound=False, context=False, running=False, memory=(0.0, 0.0)),
    Doing.RESTING: Nature(False, Kind.HELD, context=False, running=False, memory=(0.0, 0.0)),
    Doing.OPENED: Nature(False, Kind.HELD, running=False, memory=(0.0, 0.0)),
    Doing.WARM: Nature(False, Kind.WARM, running=False, memory=(0.2, 0.9)),
    Doing.HUNG: Nature(False, Kind.HUNG),
    Doing.NOTEBOOK: Nature(False, Kind.ATTACHED, memory=(0.05, 0.6)),
    Doing.QUIET: Nature(False, Kind.SERVING, running=False, memory=(0.2, 0.8)),
}

# Idleness that may be acted on without a person: nothing is lost when the GPUs go.
ACTIONABLE = frozenset({Kind.UNALLOCATED, Kind.HELD})


@dataclass(frozen=True, slots=True)
class Stretch:
    """What goes on from `start` to `end` (epoch seconds). `job`: which piece of work it belongs to, 0 for none.

    `level`: how busy the GPUs are while they work; `blink`: the share of ten-second slots in which they wait for data.
    `used`: how many GPUs work, the first ones; None: all of them.
    """

    doing: Doing
    start: float
    end: float
    job: int = 0
    level: float = 0.0
    blink: float = 0.0
    used: int | None = None

    @property
    def nature(self) -> Nature:
        """What is true of its kind."""
        return NATURES[self.doing]

    @property
    def busy(self) -> bool:
        """True while somebody would lose something."""
        return self.nature.busy

    @property
    def actionable(self) -> bool:
        """True for idleness that may be acted on without a person."""
        return self.nature.kind in ACTIONABLE
