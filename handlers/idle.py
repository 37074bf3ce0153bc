"""The buttons on what raygpu says of idleness, waste and the end. Each carries the epoch that was shown: what was used
since is not parked or deleted by an old message."""

from __future__ import annotations

from dataclasses import replace

from blocks import evidence, ids, modals, sentences
from blocks.buttons import KEEP_S, shown_size
from blocks.text import brief
from blocks.tongue import t
from domain import changes
from domain.changes import Gesture
from domain.cluster import Cluster
from domain.errors import Refused
from domain.policy import Act
from domain.rules import Actor
from domain.wishes import Delete, Keep, NotIdle, Park
from domain.words import say
from handlers.answers import Accepted, Answer, Open, Say, Update
from handlers.calls import Call, UseCases, Via, actor_of, asked, button_value

NAME = 60
HOUR_S = 3600
SAME_S = 60  # two presses within a minute are one
REASON = 300
DIGITS = 11  # of a moment in epoch seconds


def not_idle(call: Call, use_cases: UseCases) -> Answer:
    """Not idle: a word against the evidence."""
    value = button_value(call)
    actor = actor_of(call, use_cases)
    done = use_cases.changes.change(value.cluster_id, NotIdle(value.generation), asked(call, actor))
    return Say(sentences.spoken_for(done.before, done.after))


def why(call: Call, use_cases: UseCases) -> Answer:
    """Why?: all evidence, for one person; on the Home tab in a modal, where no message can be."""
    cluster = use_cases.queries.get(actor_of(call, use_cases), button_value(call).cluster_id)
    text, shown = evidence.page(cluster, use_cases.clock.now())
    if call.on_home:
        return Open(modals.shown(t("Why?"), shown), text)
    return Say(text, shown)


def park(call: Call, use_cases: UseCases) -> Answer:
    """Park now, after its dialog."""
    value = button_value(call)
    actor = actor_of(call, use_cases)
    cluster = _seen(call, actor, use_cases, Act.PARK)
    if cluster.parked is None and _is_resized(value, cluster):
        return _outdated(cluster)
    once = replace(call, operation=f"park-idle:{cluster.id}:{value.generation}:{value.digest}")
    done = use_cases.changes.change(cluster.id, Park(value.generation), asked(once, actor))
    return _outdated(done.after) if done.after.parked is None else Say(sentences.parked(done.before, done.after))


def delete(call: Call, use_cases: UseCases) -> Answer:
    """Delete now, after its dialog."""
    value = button_value(call)
    actor = actor_of(call, use_cases)
    cluster = _seen(call, actor, use_cases, Act.DELETE)
    if cluster.deletion is None and _is_resized(value, cluster):
        return _outdated(cluster)
    done = use_cases.changes.change(cluster.id, Delete(value.generation), asked(call, actor))
    return Say(t("*{name}* is being taken away; its card ends with a receipt.", name=_name(done.after)))


def keep_hours(call: Call, use_cases: UseCases) -> Answer:
    """Keep 4 h. Pressed twice, or by two people at once, it is kept once."""
    value = button_value(call)
    actor = actor_of(call, use_cases)
    cluster = _seen(call, actor, use_cases, Act.KEEP)
    now, until = use_cases.clock.now(), cluster.kept.until if cluster.kept is not None else 0.0
    if until >= now + KEEP_S - SAME_S:
        return Say(sentences.kept(cluster, now))
    once = replace(call, operation=f"keep-idle:{cluster.id}:{value.generation}:{int(until)}")
    done = use_cases.changes.change(cluster.id, Keep(now + KEEP_S), asked(once, actor))
    return Say(sentences.kept(_kept(done.after, use_cases, actor), now))


def keep_until(call: Call, use_cases: UseCases) -> Answer:
    """Keep until…: opens the form with a moment in it and what that costs."""
    actor = actor_of(call, use_cases)
    cluster = _seen(call, actor, use_cases, Act.KEEP)
    now = use_cases.clock.now()
    until = float((now + KEEP_S) // HOUR_S * HOUR_S + HOUR_S)
    held = modals.Keeping(cluster, until, now, fault=_fault(call, cluster, Keep(until), actor, use_cases))
    otherwise = t(
        "Slack did not open the form in time. Press again, or type it: `/raygpu keep {name} until friday 18:00`.",
        name=_name(cluster),
    )
    return Open(modals.keep_modal(replace(held, channel=call.channel, key=call.trigger)), otherwise)


def keep_changed(call: Call, use_cases: UseCases) -> Answer:
    """Another moment was chosen in the open form: the same form with what that costs."""
    if call.via is not Via.INPUT:
        raise Refused("OldButton", say("This belongs to a form that is not open any more."))
    actor = actor_of(call, use_cases)
    cluster = _of_form(call, actor, use_cases)
    wish = _wish(call)
    held = modals.Keeping(
        cluster,
        wish.until,
        use_cases.clock.now(),
        wish.reason,
        _fault(call, cluster, wish, actor, use_cases),
        call.metadata.get("channel", ""),
        call.metadata.get("key", ""),
    )
    return Update(modals.keep_modal(held))


def kept(call: Call, use_cases: UseCases) -> Answer:
    """The form sent."""
    actor = actor_of(call, use_cases)
    wish = _wish(call)
    done = use_cases.changes.change(call.metadata.get("cluster", ""), wish, asked(call, actor))
    text = sentences.kept(done.after, use_cases.clock.now())
    return Accepted(text, modals.notice(t("Keep a cluster"), text)) if call.channel else Say(text)


def _seen(call: Call, actor: Actor, use_cases: UseCases, act: Act) -> Cluster:
    """The cluster as it is now; raises Refused where this person may not do that to it."""
    cluster = use_cases.queries.get(actor, button_value(call).cluster_id)
    use_cases.changes.may(cluster, act, asked(call, actor))
    return cluster


def _of_form(call: Call, actor: Actor, use_cases: UseCases) -> Cluster:
    cluster = use_cases.queries.get(actor, call.metadata.get("cluster", ""))
    use_cases.changes.may(cluster, Act.KEEP, asked(call, actor))
    return cluster


def _wish(call: Call) -> Keep:
    """What stands in the form; raises Refused."""
    chosen = call.fields.get(ids.UNTIL, "")
    if not chosen.isdecimal() or len(chosen) > DIGITS:
        raise Refused("UntilMissing", say("Choose a day and a time."), ids.UNTIL)
    return Keep(float(chosen), call.fields.get("reason", "").strip()[:REASON])


def _fault(call: Call, cluster: Cluster, wish: Keep, actor: Actor, use_cases: UseCases) -> str:
    """Why that keep would be refused, as things are; empty where it would not. Budgets are weighed when it is sent."""
    gesture, rules = Gesture(str(call.via), call.operation), use_cases.authority.rules()
    try:
        changes.apply(cluster, wish, actor, gesture, rules, use_cases.clock.now())
    except Refused as no:
        return no.message
    return ""


def _kept(after: Cluster, use_cases: UseCases, actor: Actor) -> Cluster:
    """The record with the keep in it, also where another delivery of the same press was quicker."""
    return after if after.kept is not None else use_cases.queries.get(actor, after.id)


def _is_resized(value: ids.ButtonValue, cluster: Cluster) -> bool:
    return value.digest != shown_size(cluster)


def _outdated(cluster: Cluster) -> Answer:
    """To a click on a message that was drawn before somebody parked or resumed it."""
    return Say(
        t(
            "*{name}* was parked or resumed after this message was written. Nothing was changed; `/raygpu status {name}` "
            "shows how it stands.",
            name=_name(cluster),
        )
    )


def _name(cluster: Cluster) -> str:
    return brief(cluster.spec.name, NAME)
