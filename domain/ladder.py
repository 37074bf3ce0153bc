"""What raygpu does by itself about idleness, one reversible step after the other: remind, park, and only then delete.

Every step needs the owner's leave, an unchanged epoch, evidence of this very pass, and warnings that Slack confirmed to
somebody who can be reached. Whatever is missing holds the step back, with the reason in words.
"""

from __future__ import annotations

from collections.abc import Mapping

from domain import expiry
from domain.cluster import Cluster, Phase
from domain.expiry import DELETES, VALID_S, Deadline, Held, Step, Todo, brake
from domain.gestures import moment
from domain.lifecycle import CONTROL_PLANE, SIZES, STANDING_PHASES, phase
from domain.rules import DELETE, OFF, IdlePolicy, Rules
from domain.watch import Delivered, Kind, Use
from domain.words import Said, say

__all__ = [
    "Step",
    "Todo",
    "automatic",
    "barred",
    "due",
    "is_full",
    "may_announce",
    "next_step",
    "policy_of",
    "window_s",
]

FRESH_S = 60.0  # a judgement of this pass is no older
IDLE = "idle"  # the kind of the messages that count as notices before a park
SAFE = frozenset({Kind.UNALLOCATED, Kind.HELD})

UNSAFE: Mapping[Kind, Said] = {
    Kind.WARM: say("A model is loaded on its GPUs, which parking would throw away."),
    Kind.ATTACHED: say("Somebody's notebook or driver is open on it, and would lose its state."),
    Kind.HUNG: say("A job says that it is running, though the GPUs do nothing; only a person can tell."),
    Kind.SERVING: say("It serves an application, which may be asked at any time."),
    Kind.PARTIAL: say("Some of its GPUs work."),
    Kind.BLOCKED: say("Pods wait for its GPUs."),
    Kind.BROKEN: say("Its GPUs cannot work; that is to be repaired."),
}


def policy_of(cluster: Cluster, rules: Rules) -> IdlePolicy:
    """The policy of the cluster's team."""
    return rules.idle.of(cluster.spec.team)


def automatic(cluster: Cluster, rules: Rules) -> str:
    """How far raygpu may go: what the owner chose at create, else what the policy says."""
    return cluster.spec.automatic or policy_of(cluster, rules).automatic


def window_s(cluster: Cluster, rules: Rules) -> float:
    """How much evidence is a full window; less for dear clusters."""
    return policy_of(cluster, rules).window_for(cluster.usd_per_hour_now)


def is_full(cluster: Cluster, rules: Rules) -> bool:
    """True when the idleness that was credited fills the window."""
    return cluster.watch.idle_s >= window_s(cluster, rules)


def next_step(cluster: Cluster, rules: Rules, now: float) -> Step:
    """What comes next about the idleness of this cluster, from when on, and what holds it back."""
    if phase(cluster) not in STANDING_PHASES or cluster.ready_at is None:
        return Step(Todo.NOTHING)
    leave = automatic(cluster, rules)
    if leave == OFF:
        return _nothing("ChosenOff", say("Automatic steps are switched off for this cluster."))
    if cluster.parked is None:
        return _parking(cluster, rules, now)
    if leave != DELETE:
        return _nothing("ChosenOff", say("It is parked, and stays so until somebody resumes or deletes it."))
    return _deletion(cluster, rules, now)


def due(cluster: Cluster, rules: Rules, now: float) -> Step | None:
    """The step that may be done at this very moment, be it for the end of the lifetime or for idleness; None: none."""
    steps = (expiry.next_step(cluster, rules, now), next_step(cluster, rules, now))
    return next((step for step in steps if step.is_due(now)), None)


def barred(cluster: Cluster, wanted: Todo, rules: Rules, now: float) -> Held | None:
    """Why raygpu may not do that by itself at this moment; None: it may."""
    steps = (next_step(cluster, rules, now), expiry.next_step(cluster, rules, now))
    mine = [step for step in steps if step.kind is wanted]
    if any(step.is_due(now) for step in mine):
        return None
    if not mine:
        idle = steps[0] if steps[0].kind is Todo.NOTHING else Step(Todo.NOTHING)
        words = (
            say("Not by itself: {why}", why=idle.held_back) if idle.held_back else say("That does not come next here.")
        )
        return Held(idle.reason or "NotDue", words)
    step = mine[0]
    if step.held_back or step.at is None:
        return Held(step.reason, say("Not by itself: {why}", why=step.held_back))
    return Held("TooSoon", say("Not by itself before {when}.", when=moment(step.at)))


def may_announce(cluster: Cluster, rules: Rules, now: float) -> bool:
    """True when nothing but notices and time is missing for a park, so that the next message can announce it."""
    step = next_step(cluster, rules, now)
    return step.kind is Todo.PARK and step.reason in ("", "NotWarned", "Stale")


def deletion_deadline(cluster: Cluster, rules: Rules) -> Deadline | None:
    """When a parked cluster is deleted, where its owner has given leave for it; None where that never comes."""
    if cluster.parked is None or cluster.ready_at is None or automatic(cluster, rules) != DELETE:
        return None
    if phase(cluster) not in STANDING_PHASES:
        return None
    after = float(policy_of(cluster, rules).delete_after_s)
    kept = cluster.kept.until if cluster.kept is not None else 0.0
    at = max(cluster.parked.at + after, kept)
    return Deadline(DELETES, Todo.DELETE, at, at - cluster.parked.at, cluster.watch.epoch)


def notices(cluster: Cluster) -> tuple[Delivered, ...]:
    """The messages about this idleness that reached somebody, in the present epoch, the oldest first."""
    watch = cluster.watch
    told = (one for one in watch.told if one.kind == IDLE and one.epoch == watch.epoch and one.reached)
    return tuple(sorted(told, key=lambda one: one.at))


def announcement(cluster: Cluster, now: float) -> Delivered | None:
    """The last notice that announced the park and still stands: given in this spell of idleness (a hole in the evidence
    begins another), not long past, and not overtaken by somebody's keep."""
    watch, kept = cluster.watch, cluster.kept
    standing = [
        one
        for one in notices(cluster)
        if one.step == Todo.PARK
        and one.act_at is not None
        and one.at >= (watch.idle_since or 0.0)
        and now <= one.act_at + VALID_S
        and (kept is None or one.act_at >= kept.until)
    ]
    return standing[-1] if standing else None


def _nothing(reason: str, held: Said) -> Step:
    return Step(Todo.NOTHING, None, "", held, reason)


def _parking(cluster: Cluster, rules: Rules, now: float) -> Step:
    watch = cluster.watch
    if watch.use is Use.UNKNOWN:
        return _nothing("Unseen", say("Whether it is idle cannot be seen."))
    if watch.use is not Use.IDLE:
        return _nothing("NotIdle", say("It is not idle."))
    if watch.kind not in SAFE:
        words = say("Its kind of idleness is not known.") if watch.kind is None else UNSAFE[watch.kind]
        return _nothing("NotSafe", words)
    at = _park_at(cluster, rules, now)
    held = brake(rules, now) or _unfit(cluster, rules, now) or _unwarned(at, rules, cluster) or _stale(cluster, at, now)
    why = say("It has been idle for {hours} h.", hours=f"{watch.idle_s / 3600:.1f}")
    return Step(Todo.PARK, at, why, held.words if held else "", held.reason if held else "")


def _park_at(cluster: Cluster, rules: Rules, now: float) -> float | None:
    """From when on it is warned of; None while notices are missing, or none of them announces it."""
    policy, told, said = policy_of(cluster, rules), notices(cluster), announcement(cluster, now)
    if said is None or said.act_at is None or len(told) < policy.park_notices:
        return None
    return max(said.act_at, told[-1].at + policy.grace_s)


def _unfit(cluster: Cluster, rules: Rules, now: float) -> Held | None:
    if phase(cluster) is not Phase.READY:
        return Held("NotReady", say("It is not ready in every respect."))
    if cluster.kept is not None and cluster.kept.until > now:
        return Held("Kept", say("<@{by}> keeps it until {when}.", by=cluster.kept.by, when=moment(cluster.kept.until)))
    if not is_full(cluster, rules):
        return Held("TooSoon", say("It has not been idle for long enough."))
    return None


def _unwarned(at: float | None, rules: Rules, cluster: Cluster) -> Held | None:
    if at is not None:
        return None
    most = policy_of(cluster, rules).park_notices
    given = min(len(notices(cluster)), most)
    return Held("NotWarned", say("{given} of {most} reminders have reached somebody.", given=given, most=most))


def _stale(cluster: Cluster, at: float | None, now: float) -> Held | None:
    """Only a judgement of this very pass may be acted on."""
    if at is None or at > now or abs(now - cluster.watch.judged_at) <= FRESH_S:
        return None
    return Held("Stale", say("It is looked at once more before."))


def _deletion(cluster: Cluster, rules: Rules, now: float) -> Step:
    line = deletion_deadline(cluster, rules)
    if line is None or cluster.parked is None:
        return Step(Todo.NOTHING)
    at = expiry.permitted_at(cluster, line, now)
    held = brake(rules, now) or _still(cluster) or expiry.unwarned(cluster, line, now)
    why = say("It has been parked since {when}.", when=moment(cluster.parked.at))
    when = at if at is not None else max(line.at, now + expiry.NOTICE_S)
    return Step(Todo.DELETE, when, why, held.words if held else "", held.reason if held else "")


def _still(cluster: Cluster) -> Held | None:
    """Parked, and seen to stand at no GPU node in this pass."""
    seen = all((found := cluster.condition(kind)) is not None and found.is_true for kind in (CONTROL_PLANE, SIZES))
    if seen and phase(cluster) is Phase.PARKED:
        return None
    return Held("Unseen", say("That it stands at no GPU node is not seen."))
