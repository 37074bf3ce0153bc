"""What somebody may want of a cluster that exists, as values; domain.changes says what becomes of the record."""

from __future__ import annotations

from dataclasses import dataclass

from domain.rules import Actor


@dataclass(frozen=True, slots=True)
class Delete:
    """That it be gone. `epoch` as in Park."""

    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """That what failed for good be replaced."""


@dataclass(frozen=True, slots=True)
class Verify:
    """That its GPUs be proven anew."""


@dataclass(frozen=True, slots=True)
class Extend:
    """So many seconds more before it expires."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Keep:
    """That it be left in peace, and alive, until that time (epoch seconds)."""

    until: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Park:
    """Its GPU groups to no node; the sizes are remembered. `epoch`: what was shown of its use when it was pressed, None
    where nothing was: one that was used since is not parked by an old message."""

    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class NotIdle:
    """A person's word against the evidence: it is at work, whatever the probes say. `epoch` as in Park."""

    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Resume:
    """The remembered sizes again."""


@dataclass(frozen=True, slots=True)
class Scale:
    """So many GPU nodes."""

    nodes: int


@dataclass(frozen=True, slots=True)
class Grant:
    """Access for a person's IAM principals. `level`: view, edit or admin."""

    user: str
    level: str = "view"


@dataclass(frozen=True, slots=True)
class Revoke:
    """A person's access ends."""

    user: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Another owner."""

    to: Actor


@dataclass(frozen=True, slots=True)
class Shorten:
    """An approver's cut before the decision: a shorter life (seconds), fewer GPU nodes; None leaves it as it is."""

    ttl_s: int | None = None
    nodes: int | None = None


Wish = Delete | Retry | Verify | Extend | Keep | NotIdle | Park | Resume | Scale | Grant | Revoke | Transfer | Shorten
