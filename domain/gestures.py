"""Who wants something: through which surface, under which rules, when. What every judgement of a wish needs beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from domain.cluster import Cluster
from domain.errors import Refused
from domain.lifecycle import is_live
from domain.rules import Actor, Rules
from domain.watch import State, Use, Watch
from domain.words import Said, say


@dataclass(frozen=True, slots=True)
class Gesture:
    """Through which surface, and under which operation id, a wish came."""

    via: str
    operation: str


@dataclass(frozen=True, slots=True)
class Case:
    """One wish on its way: who, how, by which rules, at which time (epoch seconds)."""

    by: Actor
    gesture: Gesture
    rules: Rules
    now: float

    def owns(self, cluster: Cluster) -> bool:
        """True for the owner, and for who asked for it."""
        return self.by.id in (cluster.spec.owner, cluster.requester)


def need_live(cluster: Cluster) -> None:
    """Raises Refused for what is over."""
    if not is_live(cluster):
        raise Refused("Over", say("“{name}” is gone already; there is nothing left to change.", name=cluster.spec.name))


def need_standing(cluster: Cluster) -> None:
    """Raises Refused for what is over, on its way out, or not decided on yet."""
    need_live(cluster)
    if cluster.deletion is not None:
        raise Refused("Deleting", say("“{name}” is being deleted.", name=cluster.spec.name))
    if cluster.approval is None:
        raise Refused("NotApproved", say("“{name}” is not approved yet.", name=cluster.spec.name))


def need_ready(cluster: Cluster) -> None:
    """Raises Refused for what never was ready, beside all that `need_standing` refuses."""
    need_standing(cluster)
    if cluster.ready_at is None:
        raise Refused("NotReady", say("“{name}” is not ready yet; wait until it is.", name=cluster.spec.name))


def need_unused(cluster: Cluster, epoch: int | None) -> None:
    """Raises Refused where the message that was pressed showed another epoch: it was used, or spoken for, since then.
    `epoch` is None where the wish came from no such message."""
    watch = cluster.watch
    if epoch is None or epoch == watch.epoch:
        return
    text = say("“{name}” was used since that message: {what}", name=cluster.spec.name, what=_seen(watch))
    raise Refused("UsedSince", text)


def _seen(watch: Watch) -> Said:
    """What speaks for its use, as far as the record still knows it."""
    label = watch.labels[-1] if watch.labels else None
    if label is not None and label.at >= (watch.active_at or 0.0):
        return say("<@{by}> said that it is not idle.", by=label.by)
    working = [one.value for one in watch.readings if one.state is State.ACTIVE and one.value]
    if working and watch.use is not Use.WARMING:
        return say("{evidence}", evidence=" ".join(working))
    if watch.active_at is None or watch.use is Use.WARMING:
        return say("its use is judged anew.")
    return say("work was last seen {when}.", when=moment(watch.active_at))


def moment(at: float) -> str:
    """A time as Slack shows it in the reader's own zone (its date formatting), with UTC as the fallback."""
    return f"<!date^{int(at)}^{{date_short_pretty}} {{time}}|{utc(at)}>"


def utc(at: float) -> str:
    """A time for the audit, which is read in many zones."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
