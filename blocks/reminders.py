"""The message about a cluster's idleness, the replies that call somebody to it, and the warnings of an end that comes.

Each sort of idleness has words and a first button of its own; what cannot be seen, and what cannot work, is never called
idle; what is over says why, and has nothing to press.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from blocks import buttons, evidence, phrases, prices
from blocks.elements import Block, Part, context, fitted, header, section, sections
from blocks.steps import name as phase_name
from blocks.text import brief, clean, moment, person, span
from blocks.tongue import in_tongue, t
from domain import expiry, ladder
from domain.cluster import Cluster, Phase
from domain.expiry import DELETES, EXPIRES, Step, Todo
from domain.lifecycle import phase
from domain.reminders import UNSEEN, WASTE
from domain.rules import Rules
from domain.watch import ALLOCATION, HEALTH, RAY, UTILISATION, Delivered, Kind, Reading, State, Use, Watch
from domain.words import Said, say

NAME = 40
WORDS = 500
KEPT = 200
MOST_PEOPLE = 20
OVER = "✅"
BRAKES = frozenset({"Frozen", "Halted", "Shadow"})  # the reasons of a step that hold for all clusters

TITLES: Mapping[Kind, Said] = {
    Kind.UNALLOCATED: say("idle, no pod asks for a GPU"),
    Kind.HELD: say("idle, its GPUs are held and do nothing"),
    Kind.WARM: say("idle, with a model loaded"),
    Kind.ATTACHED: say("idle, with a notebook open"),
    Kind.HUNG: say("a job may hang, its GPUs do nothing"),
    Kind.SERVING: say("serving, and nobody asks"),
    Kind.PARTIAL: say("more GPUs than it uses"),
    Kind.BLOCKED: say("pods wait for GPUs that are paid for"),
    Kind.BROKEN: say("GPUs are paid for that cannot work"),
}
ADVICE: Mapping[Kind, Said] = {
    Kind.UNALLOCATED: say("Parking takes the GPU nodes away, on which nothing runs."),
    Kind.HELD: say("Parking ends those pods; control plane, CPU nodes and sizes stay."),
    Kind.WARM: say("Parking would throw that away, and it would have to be loaded again."),
    Kind.ATTACHED: say("Parking cuts it off, and what it holds in memory is lost. Is somebody at it?"),
    Kind.HUNG: say("Look at its log before anything else: parking ends it."),
    Kind.SERVING: say("Parking takes it off the air; keep it where it has to be ready."),
    Kind.PARTIAL: say("Fewer nodes or a smaller type would do: `/raygpu scale` changes the number of nodes."),
    Kind.BLOCKED: say("The evidence has the scheduler's reason; until it is mended nobody can use these GPUs."),
    Kind.BROKEN: say("They cost as much as good ones: have them proven anew, park, or delete."),
}
MENDING: Mapping[str, Said] = {
    ALLOCATION: say(
        "raygpu's access entry on this cluster and its API endpoint have to let it list pods and nodes; `/raygpu doctor` "
        "looks at the AWS permissions."
    ),
    RAY: say(
        "Ray's dashboard is read through the API server: the head pod must run, the control plane must reach its node on "
        "port 8265 (security group), and Ray's token authentication must let raygpu in."
    ),
    UTILISATION: say(
        "every GPU node needs a running dcgm-exporter that tolerates its taints, and the control plane must reach it on "
        "port 9400 (security group); or name a Prometheus in raygpu's configuration."
    ),
}


def idle_message(cluster: Cluster, rules: Rules, now: float) -> tuple[str, list[Block]]:
    """Fallback text and blocks of the one message that is edited in place, whatever has become of the cluster since."""
    done = over(cluster, now)
    if done:
        text = f"{OVER} *{_name(cluster)}* · {done}"
        return text, [section(text)]
    ends = _end(cluster, rules, now)
    if phrases.is_wasted(cluster):
        return _message(cluster, now, [*_wasted(cluster), *ends], buttons.waste_row(cluster))
    if cluster.watch.use is Use.UNKNOWN:
        return _message(cluster, now, [*_unseen(cluster), *ends], buttons.unseen_row(cluster))
    next_ = t("*Next:* {what}", what=_step(cluster, rules, now))
    return _message(cluster, now, [*_idle(cluster), next_, *ends], buttons.idle_row(cluster))


def nudge(cluster: Cluster, sent: Delivered, now: float) -> tuple[str, list[Block]]:
    """Fallback text and blocks of the short message that calls `sent.reached`; a warning of an end has buttons."""
    kind = sent.kind.partition("-")[0]
    told = _NUDGES.get(kind, _nudge_idle)(cluster, sent, now)
    called = " ".join(person(one) for one in sent.reached[:MOST_PEOPLE])
    text = f"{called} — {told}" if called else told
    rows = {EXPIRES: buttons.ending_row, DELETES: buttons.parked_row}
    return text, [*sections([text]), *([rows[kind](cluster)] if kind in rows else [])]


def over(cluster: Cluster, now: float) -> str:
    """Why there is no more to say about its use, in a sentence; empty while there is."""
    if cluster.deletion is not None:
        told = {"who": person(cluster.deletion.by), "when": moment(cluster.deletion.at)}
        return t("Its deletion was asked for by {who} {when}.", **told)
    if cluster.parked is not None:
        told = {"who": person(cluster.parked.by), "when": moment(cluster.parked.at), "rate": prices.now(cluster)}
        return t("Parked by {who} {when}; it costs {rate} while it is.", **told)
    if cluster.kept is not None and cluster.kept.until > now:
        told = {"who": person(cluster.kept.by), "when": moment(cluster.kept.until)}
        if not cluster.kept.reason:
            return t("Kept until {when} by {who}.", **told)
        return t("Kept until {when} by {who}: {reason}", reason=brief(cluster.kept.reason, KEPT), **told)
    state = phase(cluster)
    if state is not Phase.READY:
        return t("Now: {state}; its card says more.", state=phase_name(state))
    return "" if phrases.is_wasted(cluster) else _at_work(cluster.watch)


def _at_work(watch: Watch) -> str:
    if watch.use is Use.ACTIVE:
        seen = next((one for one in watch.readings if one.state is State.ACTIVE), None)
        if seen is None:
            return t("At work again.")
        return t("At work again. {probe}: {value}", probe=evidence.probe(seen.probe), value=_value(seen))
    label = watch.labels[-1] if watch.labels else None
    since = watch.thread.sent_at if watch.thread is not None else watch.judged_at
    if label is not None and label.at >= since:
        return t("{who} said {when} that it is not idle.", who=person(label.by), when=moment(label.at))
    if watch.use is Use.WARMING:
        return t("It may warm up until {when}; then its use is judged anew.", when=moment(watch.warm_until))
    return ""


def _message(cluster: Cluster, now: float, lines: list[str], row: Block) -> tuple[str, list[Block]]:
    """Headline, money and words, evidence, buttons."""
    mark, title = _title(cluster)
    facts = [t("Owner: {who}", who=person(cluster.spec.owner)), t("id {id}", id=brief(cluster.id, 80))]
    parts = [
        Part(0, (header(f"{mark} {clean(cluster.spec.name)[:NAME]} · {title}"),)),
        Part(0, tuple(sections(lines))),
        Part(1, tuple(sections(evidence.lines(cluster.watch, now)))),
        Part(0, (row,)),
        Part(0, (context(" · ".join(facts)),)),
    ]
    text = t("{name}: {title}. {rate} goes on.", name=_name(cluster), title=title, rate=prices.now(cluster))
    return f"{mark} {text}", fitted(parts, t("Left out for Slack's limit: the evidence; *Why?* shows it."))


def _title(cluster: Cluster) -> tuple[str, str]:
    kind = cluster.watch.kind
    if phrases.is_wasted(cluster) and kind is not None:
        return phrases.WASTED, in_tongue(TITLES[kind])
    if cluster.watch.use is Use.UNKNOWN:
        return phrases.UNSEEN, t("raygpu cannot see whether it is used")
    return phrases.IDLE, t("idle") if kind is None else in_tongue(TITLES[kind])


def _idle(cluster: Cluster) -> list[str]:
    watch = cluster.watch
    told = {"sum": phrases.idle_usd(watch.idle_usd), "rate": prices.now(cluster)}
    if watch.idle_since is None:
        lines = [t("*{sum}* spent idle; it goes on at *{rate}*.", **told)]
    else:
        lines = [t("*{sum}* spent idle since {when}; it goes on at *{rate}*.", when=moment(watch.idle_since), **told)]
    return [*lines, *_meaning(watch)]


def _meaning(watch: Watch) -> list[str]:
    return [] if watch.kind is None else [f"{in_tongue(phrases.KINDS[watch.kind])} {in_tongue(ADVICE[watch.kind])}"]


def _wasted(cluster: Cluster) -> list[str]:
    watch, cost = cluster.watch, prices.now(cluster)
    seen = watch.reading(ALLOCATION if watch.kind is Kind.BLOCKED else HEALTH)
    if seen is None or seen.state is State.UNKNOWN:
        lines = [t("*{rate}* goes on, for GPUs that are of no use as they are.", rate=cost)]
    else:
        when = moment(seen.since)
        lines = [t("*{rate}* goes on, for GPUs that are of no use since {when}.", rate=cost, when=when)]
    return [*lines, *_meaning(watch)]


def _unseen(cluster: Cluster) -> list[str]:
    """Since when, what it costs; what is missing, and how to mend it."""
    since, cost = cluster.watch.unknown_since, prices.now(cluster)
    if since is None:
        lines = [t("raygpu cannot tell whether anybody uses it. It costs *{rate}*.", rate=cost)]
    else:
        when = moment(since)
        lines = [t("raygpu cannot tell since {when} whether anybody uses it. It costs *{rate}*.", when=when, rate=cost)]
    lines.append(t("What is not seen is not taken for idle: until it is mended, none of this time is counted."))
    for reading in cluster.watch.readings:
        if reading.required and reading.state is State.UNKNOWN:
            lines.append(t("*{probe}*: {reason}", probe=evidence.probe(reading.probe), reason=_reason(reading)))
            lines += _mending(reading.probe)
    return lines


def _mending(probe: str) -> list[str]:
    how = MENDING.get(probe)
    return [] if how is None else [f"      → {t('If it lasts: {how}', how=in_tongue(how))}"]


def _value(reading: Reading) -> str:
    return phrases.told(reading.value or reading.reason, WORDS)


def _reason(reading: Reading) -> str:
    return phrases.told(reading.reason or reading.value, WORDS) or t("no reason is known")


# ---- what comes next


def _step(cluster: Cluster, rules: Rules, now: float) -> str:
    """What raygpu does by itself about this idleness, when, and what holds it back."""
    step = ladder.next_step(cluster, rules, now)
    why = phrases.told(step.held_back, WORDS)
    if step.kind is Todo.NOTHING:
        return t("raygpu does nothing by itself. {why}", why=why) if why else t("raygpu does nothing by itself.")
    if not why:
        return _parks(step)
    if step.reason in BRAKES:
        return _would_park(cluster, rules, why)
    if step.reason == "NotWarned":
        return t("raygpu parks it when it has reminded often enough. {why}", why=why)
    return t("raygpu parks it, but not yet. {why}", why=why)


def _parks(step: Step) -> str:
    if step.at is None:
        return t("raygpu parks it, unless it is used or kept before.")
    return t("raygpu parks it {when}, unless it is used or kept before.", when=moment(step.at))


def _would_park(cluster: Cluster, rules: Rules, why: str) -> str:
    """As it would go without the brake: enough reminders, and time after the last of them."""
    policy, told = ladder.policy_of(cluster, rules), ladder.notices(cluster)
    if len(told) < policy.park_notices:
        return t("raygpu would park it when it has reminded often enough, but it does not: {why}", why=why)
    when = moment(told[-1].at + policy.grace_s)
    return t("raygpu would park it {when}, but it does not: {why}", when=when, why=why)


def _end(cluster: Cluster, rules: Rules, now: float) -> list[str]:
    """When its lifetime ends, and what is done then."""
    if cluster.expires_at is None:
        return []
    step, when = expiry.next_step(cluster, rules, now), moment(cluster.expires_at)
    if step.kind is Todo.NOTHING:
        return [t("It expires {when}; raygpu does nothing then.", when=when)]
    if step.reason in BRAKES:
        why = phrases.told(step.held_back, WORDS)
        return [t("It expires {when}; what follows does not happen by itself: {why}", when=when, why=why)]
    if step.kind is Todo.PARK:
        return [t("It expires {when}, and is parked after that.", when=when)]
    return [t("It expires {when}, and is deleted after that.", when=when)]


# ---- the messages that call somebody


def _nudge_idle(cluster: Cluster, sent: Delivered, now: float) -> str:
    told = t(
        "*{name}* has been idle for {span}: {sum} spent so, and {rate} goes on.",
        name=_name(cluster),
        span=span(sent.idle_s or cluster.watch.idle_s),
        sum=phrases.idle_usd(sent.usd),
        rate=prices.now(cluster),
    )
    if sent.step == Todo.PARK and sent.act_at is not None:
        then = t("raygpu parks it {when}, unless it is used or kept before.", when=moment(sent.act_at))
    else:
        then = t("The message above has the evidence, and what you can do.")
    return f"{told} {then}"


def _nudge_unseen(cluster: Cluster, sent: Delivered, now: float) -> str:
    return t(
        "raygpu cannot see whether *{name}* is used, and it costs {rate}. The message above says what is missing, and how "
        "to mend it.",
        name=_name(cluster),
        rate=prices.now(cluster),
    )


def _nudge_waste(cluster: Cluster, sent: Delivered, now: float) -> str:
    kind = cluster.watch.kind
    told = t("*{name}* costs {rate} for GPUs that are of no use.", name=_name(cluster), rate=prices.now(cluster))
    return told if kind is None else f"{told} {in_tongue(phrases.KINDS[kind])} {in_tongue(ADVICE[kind])}"


def _nudge_expires(cluster: Cluster, sent: Delivered, now: float) -> str:
    ends = expiry.ends_at(cluster)
    told = {"name": _name(cluster), "when": moment(ends), "rate": prices.now(cluster)}
    if ends > now:
        first = t("*{name}* expires {when}, in {span}. It costs {rate}.", span=span(ends - now), **told)
    else:
        first = t("*{name}* expired {when}, and still costs {rate}.", **told)
    return f"{first} {_announced(sent)}"


def _nudge_deletes(cluster: Cluster, sent: Delivered, now: float) -> str:
    since = moment(cluster.parked.at) if cluster.parked is not None else moment(sent.at)
    told = {"name": _name(cluster), "when": since, "rate": prices.now(cluster)}
    first = t("*{name}* has been parked since {when}, and costs {rate}.", **told)
    return f"{first} {_announced(sent)} {t('Resume or keep it if it is still wanted.')}"


def _announced(sent: Delivered) -> str:
    """The step that this very message announces: what may happen hangs on its having been said."""
    if sent.act_at is None:
        return t("raygpu does nothing about that by itself.")
    when = moment(sent.act_at)
    if sent.step == Todo.PARK:
        return t("raygpu parks it {when}: its GPU nodes go, with everything that runs on them.", when=when)
    return t("raygpu deletes it {when}, with everything in it; that cannot be undone.", when=when)


_NUDGES: Mapping[str, Callable[[Cluster, Delivered, float], str]] = {
    UNSEEN: _nudge_unseen,
    WASTE: _nudge_waste,
    EXPIRES: _nudge_expires,
    DELETES: _nudge_deletes,
}


def _name(cluster: Cluster) -> str:
    return brief(cluster.spec.name, NAME)
