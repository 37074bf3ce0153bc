"""The commands that want something of a cluster that exists: one wish, one use case, and a sentence with its price."""

from __future__ import annotations

from collections.abc import Callable

from blocks import sentences
from domain.cluster import Cluster
from domain.errors import Missing, OutsideError, Refused
from domain.rules import Actor
from domain.wishes import Extend, Grant, Keep, NotIdle, Park, Resume, Revoke, Scale, Transfer, Verify
from domain.words import say
from handlers import moments
from handlers.answers import Answer, Say
from handlers.calls import Call, UseCases, asked
from handlers.grammar import Line

Runner = Callable[[Line, Call, Actor, UseCases], Answer]


def verify(line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    """`verify NAME`."""
    cluster = use_cases.queries.find(actor, line.words[0])
    changed = use_cases.changes.change(cluster.id, Verify(), asked(call, actor))
    return Say(sentences.verifying(changed.after))


def extend(line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    """`extend NAME 4h`."""
    name, span = line.words
    wish = Extend(moments.seconds(span))
    cluster = use_cases.queries.find(actor, name)
    changed = use_cases.changes.change(cluster.id, wish, asked(call, actor))
    return Say(sentences.extended(changed.before, changed.after, use_cases.clock.now()))


def keep(line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    """`keep NAME until …`, in the person's own time zone; the answer says how the time was understood."""
    name, when = line.words
    now = use_cases.clock.now()
    wish = Keep(moments.until(when, now, actor.tz), line.options.get("reason", ""))
    cluster = use_cases.queries.find(actor, name)
    changed = use_cases.changes.change(cluster.id, wish, asked(call, actor))
    return Say(sentences.kept(changed.after, now))


def park(line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    """`park NAME`."""
    cluster = use_cases.queries.find(actor, line.words[0])
    changed = use_cases.changes.change(cluster.id, Park(), asked(call, actor))
    return Say(sentences.parked(changed.before, changed.after))


def busy(line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    """`busy NAME`: it is not idle, whatever the probes say."""
    cluster = use_cases.queries.find(actor, line.words[0])
    changed = use_cases.changes.change(cluster.id, NotIdle(), asked(call, actor))
    return Say(sentences.spoken_for(changed.before, changed.after))


def resume(line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    """`resume NAME`."""
    cluster = use_cases.queries.find(actor, line.words[0])
    changed = use_cases.changes.change(cluster.id, Resume(), asked(call, actor))
    return Say(sentences.resumed(changed.before, changed.after, use_cases.clock.now()))


def scale(line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    """`scale NAME N`."""
    name, nodes = line.words
    cluster = use_cases.queries.find(actor, name)
    changed = use_cases.changes.change(cluster.id, Scale(int(nodes)), asked(call, actor))
    return Say(sentences.scaled(changed.before, changed.after, use_cases.clock.now()))


def access(line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    """`access NAME [@user]`: lets somebody in, or the asker; who is in already is told how to get there."""
    name, user = line.words
    whom = user or actor.id
    cluster = use_cases.queries.find(actor, name)
    if "revoke" in line.options:
        use_cases.changes.change(cluster.id, Revoke(whom), asked(call, actor))
        return Say(sentences.revoked(cluster, whom))
    held = _held(cluster, whom)
    if held and not user and "level" not in line.options:
        return Say(sentences.may_enter(cluster, held))
    wish = Grant(whom, line.options.get("level", "view"))
    changed = use_cases.changes.change(cluster.id, wish, asked(call, actor))
    return Say(sentences.granted(changed.after, whom, _held(changed.after, whom) or wish.level, actor.id))


def _held(cluster: Cluster, user: str) -> str:
    """The level at which somebody is let into a cluster that stands; empty where they are not."""
    if cluster.approval is None or not cluster.approval.approved or cluster.deletion is not None:
        return ""
    if user == cluster.spec.owner and cluster.spec.access:
        return "admin"
    return next((grant.level for grant in cluster.grants if grant.user == user and not grant.revoked), "")


def transfer(line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    """`transfer NAME @user`."""
    name, user = line.words
    cluster = use_cases.queries.find(actor, name)
    wish = Transfer(_person(user, use_cases))
    changed = use_cases.changes.change(cluster.id, wish, asked(call, actor))
    return Say(sentences.transferred(changed.before, changed.after))


def _person(user: str, use_cases: UseCases) -> Actor:
    """Somebody who is named in a command; raises Refused."""
    try:
        return use_cases.people.look_up(user)
    except Missing as unknown:
        raise Refused("UnknownPerson", say("Slack does not know <@{user}>.", user=user), "user") from unknown
    except OutsideError as down:
        words = say("Slack does not tell who <@{user}> is right now; try again in a minute.", user=user)
        raise Refused("PersonUnread", words, "user") from down
