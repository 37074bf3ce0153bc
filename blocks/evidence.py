"""What the probes say of the use of a cluster: a line each for the message, and all of it for Why?."""

from __future__ import annotations

from collections.abc import Mapping

from blocks import phrases
from blocks.elements import Block, Part, context, fitted, sections
from blocks.text import brief, moment, person, span
from blocks.tongue import in_tongue, t
from domain.cluster import Cluster
from domain.look import STALE_TICKS, TICK_S
from domain.watch import (
    ALLOCATION,
    ENERGY,
    HEALTH,
    PEOPLE,
    RAY,
    UTILISATION,
    GpuTrack,
    Label,
    Reading,
    State,
    Use,
    Watch,
)
from domain.words import Said, say

VALUE = 300
REASON = 400
SOURCE = 60
SAID = 200
MOST_GPUS = 16
MOST_LABELS = 5

MARKS: Mapping[State, str] = {State.ACTIVE: "🟢", State.IDLE: "💤", State.UNKNOWN: "❔", State.NOT_APPLICABLE: "–"}
PROBES: Mapping[str, Said] = {
    ALLOCATION: say("GPU requests"),
    RAY: say("Ray"),
    UTILISATION: say("GPU utilisation"),
    ENERGY: say("GPU energy"),
    PEOPLE: say("People"),
    HEALTH: say("Health"),
}
STATES: Mapping[State, Said] = {
    State.ACTIVE: say("at work"),
    State.IDLE: say("quiet"),
    State.UNKNOWN: say("not known"),
    State.NOT_APPLICABLE: say("nothing to look at"),
}
_HEALTH: Mapping[State, tuple[str, Said]] = {
    State.IDLE: ("🔥", say("in trouble")),
    State.NOT_APPLICABLE: ("✓", say("well")),
}
USES: Mapping[Use, Said] = {
    Use.WARMING: say("warming up"),
    Use.ACTIVE: say("in use"),
    Use.IDLE: say("idle"),
    Use.UNKNOWN: say("cannot be judged"),
}


def probe(name: str) -> str:
    """A probe in words."""
    known = PROBES.get(name)
    return brief(name, 20) if known is None else in_tongue(known)


def mark(reading: Reading) -> str:
    """A sign for its state. Health is never at work or quiet: it is well, or it is not."""
    return _HEALTH[reading.state][0] if _is_health(reading) else MARKS[reading.state]


def state(reading: Reading) -> str:
    """The same in a word."""
    return in_tongue(_HEALTH[reading.state][1] if _is_health(reading) else STATES[reading.state])


def _is_health(reading: Reading) -> bool:
    return reading.probe == HEALTH and reading.state in _HEALTH


def lines(watch: Watch, now: float) -> list[str]:
    """A line for each probe: state, name, value, since when; of what is not known the reason, of what is old its age."""
    return [_line(reading, now) for reading in watch.readings]


def _line(reading: Reading, now: float) -> str:
    facts = [f"{mark(reading)} *{probe(reading.probe)}*", _told(reading)]
    if reading.state is not State.NOT_APPLICABLE and reading.since < reading.at:
        facts.append(t("since {when}", when=moment(reading.since)))
    if now - reading.at > STALE_TICKS * TICK_S:
        facts.append(t("last read {when}", when=moment(reading.at)))
    return " · ".join(fact for fact in facts if fact)


def _told(reading: Reading) -> str:
    value, reason = phrases.told(reading.value, VALUE), phrases.told(reading.reason, REASON)
    if not value:
        return reason or state(reading)
    return f"{value} {reason}" if reason and reason != value else value


def page(cluster: Cluster, now: float) -> tuple[str, list[Block]]:
    """Fallback text and blocks: everything the record knows of its use, for one person who asks why."""
    watch, name = cluster.watch, brief(cluster.spec.name, 40)
    if not watch.readings:
        text = t("Nobody has looked at the use of {name} yet: that begins when it is ready.", name=name)
        return text, sections([text])
    text = t("The evidence on {name}: {use}", name=name, use=in_tongue(USES[watch.use]))
    parts = [
        Part(0, tuple(sections([f"*{text}*", *_clock(watch)]))),
        Part(0, tuple(sections([_full(reading, now) for reading in watch.readings]))),
        Part(2, tuple(sections(_gpus(watch.gpus, now)))),
        Part(1, tuple(sections(_labels(watch.labels)))),
        Part(0, (context(_rule()),)),
    ]
    return text, fitted(parts, t("Left out for Slack's limit: the GPUs one by one."))


def _rule() -> str:
    return t(
        "One probe that sees work is enough for “in use”. It is “idle” only when every probe that is needed says so; what "
        "cannot be seen is never taken for idle."
    )


def _clock(watch: Watch) -> list[str]:
    found = [t("Judged {when}.", when=moment(watch.judged_at))]
    if watch.kind is not None:
        found.append(in_tongue(phrases.KINDS[watch.kind]))
    if watch.use is Use.IDLE:
        told = {"span": span(watch.idle_s), "sum": phrases.idle_usd(watch.idle_usd)}
        found.append(t("Counted as idle: {span}, {sum}.", **told))
    if watch.active_at is not None:
        found.append(t("Last sign of work: {when}.", when=moment(watch.active_at)))
    if watch.unknown_since is not None:
        found.append(t("Not known since {when}: that time is not counted.", when=moment(watch.unknown_since)))
    if watch.use is Use.WARMING:
        found.append(t("It may warm up until {when}.", when=moment(watch.warm_until)))
    return found


def _full(reading: Reading, now: float) -> str:
    """One probe with what it covers, how old that is, and where it was read."""
    facts = [f"{mark(reading)} *{probe(reading.probe)}*", state(reading)]
    if reading.required:
        facts.append(t("needed"))
    told = _told(reading)
    covers = _covers(reading, now)
    source = t("from {source}", source=brief(in_tongue(reading.source), SOURCE)) if reading.source else ""
    detail = " · ".join(one for one in (told if told != facts[1] else "", covers, source) if one)
    return f"{' · '.join(facts)}\n      {detail}"


def _covers(reading: Reading, now: float) -> str:
    age = span(now - reading.at)
    if reading.state in (State.UNKNOWN, State.NOT_APPLICABLE) or reading.since >= reading.at:
        return t("read {age} ago", age=age)
    told = {"first": moment(reading.since), "last": moment(reading.at)}
    return t("covers {first} to {last}, read {age} ago", age=age, **told)


def _gpus(tracks: tuple[GpuTrack, ...], now: float) -> list[str]:
    """GPU by GPU, the busy ones first: what nobody can see in a mean."""
    if not tracks:
        return []
    ordered = sorted(tracks, key=lambda one: (one.quiet_since is not None, one.quiet_since or 0.0, one.node, one.uuid))
    shown = [_gpu(one) for one in ordered[:MOST_GPUS]]
    if len(tracks) > MOST_GPUS:
        shown.append(t("and {number} more", number=len(tracks) - MOST_GPUS))
    return [t("*GPU by GPU*"), *shown]


def _gpu(track: GpuTrack) -> str:
    facts = [f"• {brief(track.node, 63)} {brief(track.uuid, 45)}"]
    if track.quiet_since is None:
        facts.append(t("busy, or not known"))
    else:
        facts.append(t("quiet since {when}", when=moment(track.quiet_since)))
    if track.watts is not None and track.rest_w is not None:
        facts.append(t("{watts} W, {rest} W at rest", watts=f"{track.watts:.0f}", rest=f"{track.rest_w:.0f}"))
    elif track.watts is not None:
        facts.append(t("{watts} W", watts=f"{track.watts:.0f}"))
    if not track.worked:
        facts.append(t("never seen at work"))
    return " · ".join(facts)


def _labels(labels: tuple[Label, ...]) -> list[str]:
    """Who has said that it was not idle, the newest first."""
    newest = list(reversed(labels))[:MOST_LABELS]
    return [_label(one) for one in newest]


def _label(one: Label) -> str:
    told = {"who": person(one.by), "when": moment(one.at)}
    if not one.said:
        return t("{who} said {when} that it was not idle.", **told)
    return t(
        "{who} said {when} that it was not idle; the probes had said: {probes}.", probes=brief(one.said, SAID), **told
    )
