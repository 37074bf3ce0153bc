"""What a record remembers of the use of its cluster: readings, the idle clock, what was told. Nothing is judged here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class State(StrEnum):
    """What a probe says. UNKNOWN is never idle; N/A is a probe that has nothing to look at here."""

    ACTIVE = "ACTIVE"
    IDLE = "IDLE"
    UNKNOWN = "UNKNOWN"
    NOT_APPLICABLE = "N/A"


class Use(StrEnum):
    """What follows for the cluster as a whole."""

    WARMING = "Warming up"
    ACTIVE = "Active"
    IDLE = "Idle"
    UNKNOWN = "Unknown"


class Kind(StrEnum):
    """The sort of idleness; each has its own wording, and its own safest action."""

    UNALLOCATED = "Unallocated"  # no pod asks for a GPU
    HELD = "Held"  # GPUs are bound and do nothing
    WARM = "Warm"  # the same with much memory in use: a model is loaded
    ATTACHED = "Attached"  # a notebook or driver is open and runs nothing
    HUNG = "Hung"  # a job says RUNNING for hours, and the GPUs do nothing
    SERVING = "Serving"  # a Serve application that nobody asks
    PARTIAL = "Partial"  # some GPUs work, others never did: never acted on
    BLOCKED = "Blocked"  # pods wait for GPUs and cannot get them: paid for, not idle
    BROKEN = "Broken"  # GPUs that cannot work: paid for, not idle


GROW_S = 1800.0  # grace after a GPU node came, or was asked for
ALLOCATION, RAY, UTILISATION, ENERGY, PEOPLE, HEALTH = "A", "R", "U", "E", "H", "X"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one probe says: `covers` [since, at] in epoch seconds. `value` and `reason` are sentences.

    `required`: while it is UNKNOWN nothing may be concluded. A veto (E, H) says ACTIVE or nothing that counts.
    """

    probe: str
    state: State
    since: float
    at: float
    source: str
    value: str
    reason: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True)
class GpuTrack:
    """One GPU from look to look. `quiet_since`: from then on every sample was quiet and the energy between them at
    baseline; None while it is busy or not known. `watts`: the mean of the last interval, None after a gap or a reset.

    `rest_w`: its draw while no pod held it, the baseline; `lows`: the least mean watts of each of the last 24 hours, since
    it was last seen busy. `worked`: it was seen busy in this life. `free`: no pod held its node at that look. `looks`: how
    many were quiet in a row. `memory_mib`: what was taken of its memory; `trial_w`: a first draw without any process.
    """

    node: str
    uuid: str
    at: float
    energy_mj: float | None = None
    quiet_since: float | None = None
    watts: float | None = None
    rest_w: float | None = None
    lows: tuple[float, ...] = ()
    worked: bool = False
    free: bool = False
    looks: int = 0
    memory_mib: float | None = None
    trial_w: float | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message about idleness or the end that Slack took: what it announced, in which epoch, to whom, when.

    `reached` are the user ids that were called and can read it; empty: nobody could be reached, so it warns nobody.
    `act_at`: when it said that `step` would be done, None where it announced nothing. `usd`, `idle_s`: idle until then.
    """

    kind: str
    number: int
    at: float
    ts: str
    epoch: int
    reached: tuple[str, ...]
    step: str = ""
    act_at: float | None = None
    usd: float | None = None
    idle_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Thread:
    """The one message about this idleness, edited in place: where it is, what it shows, and whom it was sent to."""

    channel: str
    ts: str
    digest: str = ""
    sent_at: float = 0.0
    user: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """Somebody's word that a cluster was not idle, and what the probes had said: probe=STATE, …"""

    by: str
    at: float
    said: str


@dataclass(frozen=True, slots=True)
class Watch:
    """The idle clock of one cluster. `epoch` counts on at every sign of work, and at every word of a person against it.

    `idle_s` and `idle_usd` are credited to this spell of idleness; `active_at`: the last sign of work; `unknown_since`:
    nothing may be concluded since then; `judged_at`: the last judgement; `warm_until`: grace after create and scale-up.
    `credited_to`: until then time was credited, or must never be. `pods_at`, `ray_at`: when a GPU pod last began or
    ended, and when work of Ray ended, by their own clocks; None before the first look. A later one is a sign of work.
    """

    epoch: int = 0
    use: Use = Use.WARMING
    kind: Kind | None = None
    idle_s: float = 0.0
    idle_usd: float | None = 0.0
    idle_since: float | None = None
    active_at: float | None = None
    unknown_since: float | None = None
    judged_at: float = 0.0
    warm_until: float = 0.0
    readings: tuple[Reading, ...] = ()
    gpus: tuple[GpuTrack, ...] = ()
    requests: float | None = None  # Serve's counter at the last look
    thread: Thread | None = None
    told: tuple[Delivered, ...] = ()
    labels: tuple[Label, ...] = ()
    credited_to: float = 0.0
    pods_at: float | None = None
    ray_at: float | None = None

    def reading(self, probe: str) -> Reading | None:
        """The reading of that probe, None where it was never looked at."""
        return next((one for one in self.readings if one.probe == probe), None)

    def anew(self, now: float, warm_until: float) -> Watch:
        """The watch of another epoch: what was counted or told before permits nothing, and there is time to warm up."""
        return replace(
            self,
            epoch=self.epoch + 1,
            use=Use.WARMING,
            kind=None,
            idle_s=0.0,
            idle_usd=0.0,
            idle_since=None,
            unknown_since=None,
            credited_to=max(self.credited_to, now),
            warm_until=max(self.warm_until, warm_until),
        )


@dataclass(frozen=True, slots=True)
class Saving:
    """Money that was not spent because something stood still: from `began` to `ended` (None: still), at most `until`.

    `usd_per_hour`: what was saved by the hour, None when a price was unknown. `cause`: park or delete; `by`: a user id,
    or raygpu itself.
    """

    cause: str
    by: str
    began: float
    until: float
    usd_per_hour: float | None
    ended: float | None = None
