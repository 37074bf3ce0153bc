"""The buttons that decide on a request: Approve, Deny, Change. Who may press is asked of the policy at every click."""

from __future__ import annotations

import re

from blocks import change_form, phrases
from blocks.text import brief, count, moment, person, span
from blocks.tongue import t
from domain import approvals
from domain.cluster import Cluster
from domain.errors import Refused
from domain.policy import Act
from domain.rules import Actor
from domain.wishes import Shorten
from domain.words import say
from handlers import moments
from handlers.answers import Accepted, Answer, Open, Say
from handlers.calls import Call, UseCases, actor_of, asked, button_value
from services.decisions import Click

NAME = 60
_COUNT = re.compile(r"[0-9]{1,6}")


def approve(call: Call, use_cases: UseCases) -> Answer:
    """Approve, on the card, beside it, or on the Home tab. One vote of several says what is still missing."""
    cluster = _decide(call, use_cases, approve=True)
    name = brief(cluster.spec.name, NAME)
    if cluster.approval is None:
        return Say(f"{_so_far(cluster, name)} {phrases.missing(cluster)}")
    told = t("You approved *{name}*; its card shows every step.", name=name)
    if cluster.expires_at is None:
        return Say(told)
    return Say(f"{told} {t('It expires {when}.', when=moment(cluster.expires_at))}")


def deny(call: Call, use_cases: UseCases) -> Answer:
    """Deny."""
    cluster = _decide(call, use_cases, approve=False)
    return Say(t("You denied *{name}*; nothing is built.", name=brief(cluster.spec.name, NAME)))


def change(call: Call, use_cases: UseCases) -> Answer:
    """Change…: opens the form in which an approver takes something away."""
    value = button_value(call)
    actor = actor_of(call, use_cases)
    cluster = use_cases.queries.get(actor, value.cluster_id)
    use_cases.changes.may(cluster, Act.SHORTEN, asked(call, actor))
    view = change_form.change_modal(cluster, call.channel, call.trigger)
    return Open(view, t("Slack did not open the form in time; press *Change…* again."))


def changed(call: Call, use_cases: UseCases) -> Answer:
    """The form sent: what it takes away is written, and every vote before it is void."""
    actor = actor_of(call, use_cases)
    wish = _shorten(call)
    done = use_cases.changes.change(call.metadata.get("cluster", ""), wish, asked(call, actor))
    text = _cut(done.before, done.after, actor)
    if not call.channel:
        return Say(text)
    return Accepted(text, change_form.told(text))


def _decide(call: Call, use_cases: UseCases, *, approve: bool) -> Cluster:
    value = button_value(call)
    click = Click(value.cluster_id, value.digest, approve)
    return use_cases.decisions.decide(click, asked(call, actor_of(call, use_cases)))


def _so_far(cluster: Cluster, name: str) -> str:
    wanted = sum(need.count for need in approvals.needed(cluster))
    left = sum(need.count for need in approvals.unmet(cluster))
    return t(
        "You approved *{name}*: that is {have} of {approvals}.",
        name=name,
        have=wanted - left,
        approvals=count(wanted, "approval"),
    )


def _shorten(call: Call) -> Shorten:
    """What the form asks for; an empty field leaves its part as it is. Raises Refused."""
    lifetime = call.fields.get(change_form.LIFETIME, "").strip()
    nodes = call.fields.get(change_form.NODES, "").strip()
    if nodes and not _COUNT.fullmatch(nodes):
        raise Refused("BadNumber", say("“{text}” is no whole number.", text=nodes[:NAME]), change_form.NODES)
    return Shorten(
        ttl_s=moments.seconds(lifetime, change_form.LIFETIME) if lifetime else None,
        nodes=int(nodes) if nodes else None,
    )


def _cut(before: Cluster, after: Cluster, actor: Actor) -> str:
    name, spec = brief(after.spec.name, NAME), after.spec
    if before is after:
        return t("*{name}* is as small as that already; nothing was changed.", name=name)
    told = t(
        "*{name}* is now {gpus} for {span}; {who} is told, and it still needs to be approved.",
        name=name,
        gpus=phrases.gpus(spec),
        span=span(spec.ttl_s),
        who=person(after.requester),
    )
    void = len(approvals.votes(before)) > len(approvals.votes(after))
    return f"{told} {t('What was approved before counts no more.')}" if void else told
