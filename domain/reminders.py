"""What is said about idleness, waste and the end of clusters: what is due, to whom, and when that is over.

The cadence follows the money that was spent idle, ever more rarely, by day where the owner lives, and never more than
four times a day of one idleness. One message is due at a time; of those that were missed, the last one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain import expiry, ladder
from domain.cluster import Cluster, Notice
from domain.expiry import DELETES, EXPIRES, Deadline
from domain.gestures import moment
from domain.ladder import IDLE
from domain.lifecycle import STANDING_PHASES, phase
from domain.rules import ADMINS, Actor, IdlePolicy, Rules
from domain.watch import ALLOCATION, HEALTH, Delivered, Kind, State, Use, Watch
from domain.words import Said, say

UNSEEN, WASTE = "unseen", "waste"
WASTED = frozenset({Kind.BLOCKED, Kind.BROKEN})
SPELL = frozenset({IDLE, UNSEEN, WASTE})  # told by need; the others by the clock
UNSEEN_S = 6 * 3600.0
WASTE_S = 30 * 60.0
DAY_S = 24 * 3600.0
MOST_A_DAY = 4
MOST_DEAR_A_DAY = 8  # over several spells of idleness, where much money is at stake or a step is announced
FRESH_S = 15 * 60.0  # of what was judged longer ago nothing is said
KEEP_NOTICES_S = 9 * DAY_S  # the weekly figures count messages

Forecast = tuple[str, float | None]
NO_FORECAST: Forecast = ("", None)


@dataclass(frozen=True, slots=True)
class Message:
    """A message that is due: the how-many-eth of its kind, and which step it announces for when (none: "" and None).

    `epoch`, `usd` and `idle_s`: as the cluster stood when the message was composed.
    """

    kind: str
    number: int
    step: str = ""
    act_at: float | None = None
    epoch: int = 0
    usd: float | None = None
    idle_s: float = 0.0

    @property
    def operation(self) -> str:
        """One name for the delivery of this message, for the store."""
        return f"told/{self.kind}/{self.epoch}/{self.number}/{int(self.act_at or 0)}"


def due(cluster: Cluster, rules: Rules, offset_s: float, now: float) -> Message | None:
    """The message that is to be sent now, None: none. `offset_s`: the UTC offset at present where the owner lives."""
    if phase(cluster) not in STANDING_PHASES:
        return None
    timed = _of_deadline(cluster, expiry.deadline(cluster, rules), rules, now)
    timed = timed or _of_deadline(cluster, ladder.deletion_deadline(cluster, rules), rules, now)
    if timed is not None:
        return timed
    if cluster.ready_at is None or cluster.parked is not None or not _is_told_of(cluster, now):
        return None
    found = _waste(cluster, now) or _unseen(cluster, now) or _idle(cluster, rules, now)
    if found is None:
        return None
    policy = ladder.policy_of(cluster, rules)
    is_loud = _is_loud(cluster, found, policy, now)
    if _is_too_often(cluster, is_loud or bool(found.step), now):
        return None
    return found if is_loud or is_day(policy, offset_s, now) else None


def next_at(cluster: Cluster, rules: Rules, now: float) -> float | None:
    """When something may be due by the clock alone: a warning, or the step itself. The rest comes with the next look."""
    lines = (expiry.deadline(cluster, rules), ladder.deletion_deadline(cluster, rules))
    times = [expiry.next_warning_at(cluster, line, now) for line in lines if line is not None]
    times += [step.at for step in (expiry.next_step(cluster, rules, now), ladder.next_step(cluster, rules, now))]
    return min((at for at in times if at is not None and at > now), default=None)


def recorded(cluster: Cluster, message: Message, ts: str, reached: tuple[str, ...], now: float) -> Cluster:
    """The record with a message that Slack took. `reached`: the user ids that were called and can read it.

    It stands in `watch.told`, where it may permit a step, and among the notices, which are counted.
    """
    one = Delivered(
        message.kind,
        message.number,
        now,
        ts,
        message.epoch,
        reached,
        message.step,
        message.act_at,
        message.usd,
        message.idle_s,
    )
    watch = replace(cluster.watch, told=(*_in_force(cluster, now), one))
    kept = (n for n in cluster.notices if not _is_ours(n.kind) or now - n.at <= KEEP_NOTICES_S)
    return replace(cluster, watch=watch, notices=(*kept, Notice(message.kind, message.number, now, ts)))


def audience(cluster: Cluster, owner: Actor | None, rules: Rules) -> tuple[str, ...]:
    """Whom to call, as user ids and user-group ids: the owner; where the owner is gone (None: Slack does not know them),
    team and administrators."""
    if owner is not None and not owner.is_deactivated and not owner.is_bot:
        return (owner.id,)
    gone = {cluster.spec.owner} | ({owner.id} if owner is not None else set())
    team = sorted(rules.teams.get(cluster.spec.team, frozenset()) - gone)
    admins = sorted(rules.members(ADMINS) - gone)
    return tuple(dict.fromkeys([*team, *admins]))


def ended(watch: Watch) -> Said | str:
    """Why the message about this idleness is over, empty while it is not: work was seen, or a person spoke for it."""
    if watch.thread is None or watch.use in (Use.IDLE, Use.UNKNOWN) or watch.kind in WASTED:
        return ""
    label = watch.labels[-1] if watch.labels else None
    if label is not None and label.at >= max(watch.thread.sent_at, watch.active_at or 0.0):
        return say("<@{by}> said that it is not idle.", by=label.by)
    if watch.use is Use.WARMING:
        return say("It was changed, and gets time to warm up.")
    if watch.active_at is None:
        return say("Work was seen.")
    return say("Work was seen {when}.", when=moment(watch.active_at))


def over(cluster: Cluster, now: float) -> Said | str:
    """The same of the whole record: parked, kept, or on its way out as well."""
    if cluster.watch.thread is None:
        return ""
    if cluster.deletion is not None:
        return say("It is being deleted.")
    if cluster.parked is not None:
        return say("It is parked.")
    if cluster.kept is not None and cluster.kept.until > now:
        return say("<@{by}> keeps it until {when}.", by=cluster.kept.by, when=moment(cluster.kept.until))
    return ended(cluster.watch)


def is_day(policy: IdlePolicy, offset_s: float, now: float) -> bool:
    """True between the hours of the policy, by the clock on the owner's wall."""
    hour = (now + offset_s) % DAY_S / 3600
    return policy.day_from <= hour < policy.day_to


# ---- idleness


def _is_told_of(cluster: Cluster, now: float) -> bool:
    """True where the use was judged lately and nobody asked to be left in peace."""
    kept = cluster.kept is not None and cluster.kept.until > now
    return not kept and now - cluster.watch.judged_at <= FRESH_S


def _idle(cluster: Cluster, rules: Rules, now: float) -> Message | None:
    watch = cluster.watch
    if watch.use is not Use.IDLE or watch.kind in WASTED or not ladder.is_full(cluster, rules):
        return None
    last = _last(cluster, IDLE)
    announces = ladder.may_announce(cluster, rules, now)
    if last is None or last.at < (watch.idle_since or 0.0):
        wanted = _is_first(watch, ladder.policy_of(cluster, rules))
    else:
        wanted = _is_next(cluster, last, rules, now) or (announces and _is_missing(cluster, last, rules, now))
    if not wanted:
        return None
    step, act_at = _forecast(cluster, rules, now) if announces else NO_FORECAST
    return _message(cluster, IDLE, step, act_at)


def _is_first(watch: Watch, policy: IdlePolicy) -> bool:
    """The first word of a spell: enough money is gone, or it has lasted long; where no price is known, only that."""
    dear = watch.idle_usd is not None and watch.idle_usd >= policy.first_usd
    return dear or watch.idle_s >= policy.latest_s


def _is_next(cluster: Cluster, last: Delivered, rules: Rules, now: float) -> bool:
    """Another word: at the next of the sums, or after twice the idle time of the last one. What was announced is waited
    for, so that a step is not put off by talking about it."""
    watch = cluster.watch
    said = ladder.announcement(cluster, now)
    if said is not None and said.act_at is not None and now < said.act_at:
        return False
    told_usd, usd = last.usd or 0.0, watch.idle_usd
    steps = ladder.policy_of(cluster, rules).steps_usd
    if usd is not None and any(told_usd < step <= usd for step in steps):
        return True
    return watch.idle_s >= 2 * max(last.idle_s, ladder.window_s(cluster, rules))


def _is_missing(cluster: Cluster, last: Delivered, rules: Rules, now: float) -> bool:
    """True when enough was told, but never that the step comes: while it was only shadowed, kept, or not safe."""
    policy = ladder.policy_of(cluster, rules)
    enough = len(ladder.notices(cluster)) >= policy.park_notices
    return enough and ladder.announcement(cluster, now) is None and now - last.at >= policy.grace_s


def _forecast(cluster: Cluster, rules: Rules, now: float) -> Forecast:
    """The step this message announces, if with it enough will have been told."""
    policy = ladder.policy_of(cluster, rules)
    if len(ladder.notices(cluster)) + 1 < policy.park_notices:
        return NO_FORECAST
    return ladder.Todo.PARK.value, now + policy.grace_s


# ---- what cannot be seen, and what cannot work


def _unseen(cluster: Cluster, now: float) -> Message | None:
    """After six hours in which nothing may be concluded; then each after twice the time of the last one."""
    watch = cluster.watch
    if watch.use is not Use.UNKNOWN or watch.unknown_since is None:
        return None
    last, lasted = _last(cluster, UNSEEN), now - watch.unknown_since
    after = UNSEEN_S
    if last is not None:
        after = max(after, 2 * (last.at - watch.unknown_since))
        if now - last.at < UNSEEN_S:
            return None
    return _message(cluster, UNSEEN) if lasted >= after else None


def _waste(cluster: Cluster, now: float) -> Message | None:
    """GPUs that are paid for and cannot work, for half an hour: once a day while it lasts."""
    since = _wasted_since(cluster.watch)
    last = _last(cluster, WASTE)
    if since is None or now - since < WASTE_S or (last is not None and now - last.at < DAY_S):
        return None
    return _message(cluster, WASTE)


def _wasted_since(watch: Watch) -> float | None:
    if watch.kind not in WASTED:
        return None
    reading = watch.reading(ALLOCATION if watch.kind is Kind.BLOCKED else HEALTH)
    return reading.since if reading is not None and reading.state is not State.UNKNOWN else watch.judged_at


# ---- the end


def _of_deadline(cluster: Cluster, line: Deadline | None, rules: Rules, now: float) -> Message | None:
    if line is None:
        return None
    announces = line.step is not ladder.Todo.NOTHING and expiry.brake(rules, now) is None
    kind = expiry.warning_due(cluster, line, now, announces)
    if kind is None:
        return None
    found = _message(cluster, kind, number=line.number)
    if not announces:
        return found
    return replace(found, step=line.step.value, act_at=max(line.at, now + expiry.NOTICE_S))


# ---- common


def _message(
    cluster: Cluster, kind: str, step: str = "", act_at: float | None = None, number: int | None = None
) -> Message:
    watch = cluster.watch
    if number is None:
        told = [one.number for one in watch.told if one.kind == kind]
        number = 1 + max([*told, *(one.number for one in cluster.notices if one.kind == kind)], default=0)
    return Message(kind, number, step, act_at, watch.epoch, watch.idle_usd, watch.idle_s)


def _last(cluster: Cluster, kind: str) -> Delivered | None:
    """The last message of that kind; about idleness, of this epoch only."""
    told = (one for one in cluster.watch.told if one.kind == kind)
    mine = (one for one in told if kind != IDLE or one.epoch == cluster.watch.epoch)
    return max(mine, key=lambda one: one.at, default=None)


def _is_too_often(cluster: Cluster, matters: bool, now: float) -> bool:
    """True when a day's messages of need are spent: those of this epoch, and those of all, past spells included."""
    epoch, since = cluster.watch.epoch, now - DAY_S
    here = sum(1 for one in cluster.watch.told if one.kind in SPELL and one.at > since and one.epoch == epoch)
    sent = sum(1 for one in cluster.notices if one.kind in SPELL and one.at > since)
    return here >= MOST_A_DAY or sent >= (MOST_DEAR_A_DAY if matters else MOST_A_DAY)


def _is_loud(cluster: Cluster, message: Message, policy: IdlePolicy, now: float) -> bool:
    """So much money that it is told at any hour. Idle dollars are known; waste and blindness are counted at the rate."""
    if message.kind == IDLE:
        return message.usd is not None and message.usd >= policy.loud_usd
    since = _wasted_since(cluster.watch) if message.kind == WASTE else cluster.watch.unknown_since
    rate = cluster.usd_per_hour_now
    return since is not None and rate is not None and rate * (now - since) / 3600 >= policy.loud_usd


def _is_ours(kind: str) -> bool:
    return kind in SPELL or kind.startswith((f"{EXPIRES}-", f"{DELETES}-"))


def _in_force(cluster: Cluster, now: float) -> tuple[Delivered, ...]:
    """What was told and may still count: of this epoch, or not two days old."""
    return tuple(
        one
        for one in cluster.watch.told
        if one.epoch == cluster.watch.epoch or now - max(one.at, one.act_at or 0.0) <= 2 * DAY_S
    )
