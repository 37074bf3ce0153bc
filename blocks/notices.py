"""The messages beside a card: approvers are called, who asked learns how it ended. `kind` is one of domain.notices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from blocks import buttons, phrases, prices, snippets, steps
from blocks.elements import Block, Part, actions, fitted, preformatted, sections
from blocks.text import brief, count, esc, moment, person, span
from blocks.tongue import t
from domain import notices
from domain.cluster import REQUEST_TTL_S, Cluster
from domain.rules import RAYGPU

MOST_PEOPLE = 20
NAME = 40
WORDS = 600


def notice(cluster: Cluster, kind: str, people: Sequence[str], now: float) -> tuple[str, list[Block]]:
    """Fallback text and blocks. `people` are called by a mention; those who decide get the buttons with it."""
    first, *rest = _SAID[kind](cluster, now)
    called = " ".join(person(one) for one in people[:MOST_PEOPLE])
    text = f"{called} — {first}" if called else first  # else they would read as if they were the ones who ask
    parts = [Part(0, tuple(sections([text, *rest])))]
    if kind in notices.CALLS:
        parts.append(Part(0, (actions(*buttons.decision(cluster)),)))
    if kind == notices.READY:
        parts.append(Part(1, (preformatted(snippets.kubeconfig(cluster)),)))
    return text, fitted(parts, t("Left out for Slack's limit: a part of the message."))


def _asked(cluster: Cluster, now: float) -> list[str]:
    told = t("{who} asks for *{name}*: your decision is needed.", who=person(cluster.spec.owner), name=_name(cluster))
    return [told, *_request(cluster)]


def _reminder(cluster: Cluster, now: float) -> list[str]:
    told = t(
        "*{name}* has been waiting for a decision for {span}; {who} asked for it.",
        name=_name(cluster),
        span=span(now - cluster.created_at),
        who=person(cluster.spec.owner),
    )
    return [told, *_request(cluster)]


def _request(cluster: Cluster) -> list[str]:
    """What an approver has to know to decide."""
    spec = cluster.spec
    what = t(
        "{gpus} in {region} for {span}: {price}.",
        gpus=phrases.gpus(spec),
        region=esc(spec.region),
        span=span(spec.ttl_s),
        price=t("{rate}, {sum} in all", rate=prices.hourly(cluster.quote), sum=prices.total(cluster.quote, spec.ttl_s)),
    )
    lines = [what]
    if spec.team:
        lines.append(t("Team: {team}", team=brief(spec.team, 60)))
    if spec.reason:
        lines.append(t("Reason: {reason}", reason=brief(spec.reason, 400)))
    lapses = t("The request lapses {when}.", when=moment(cluster.created_at + REQUEST_TTL_S))
    return [*lines, *phrases.votes(cluster), *phrases.money(cluster.budget), *phrases.cuts(cluster), lapses]


def _nobody(cluster: Cluster, now: float) -> list[str]:
    told = t("Nobody can approve *{name}*, so it is refused; nothing was created.", name=_name(cluster))
    return [told, *_failed(cluster)]


def _refused(cluster: Cluster, now: float) -> list[str]:
    told = t("*{name}* cannot be built as it was asked for; nothing was created.", name=_name(cluster))
    return [told, *_failed(cluster)]


def _failed(cluster: Cluster) -> list[str]:
    return [f"{steps.TROUBLE} {phrases.told(check.message, WORDS)}" for check in cluster.checks if check.ok is False]


def _approved(cluster: Cluster, now: float) -> list[str]:
    approval, name = cluster.approval, _name(cluster)
    if approval is None or approval.by == RAYGPU.id:
        told = t("*{name}* needed nobody's approval and is being built; its card shows every step.", name=name)
    else:
        who = phrases.voters(cluster) or person(approval.by)
        told = t("*{name}* is approved by {who} and is being built; its card shows every step.", name=name, who=who)
    return [told, *_ends(cluster)]


def _denied(cluster: Cluster, now: float) -> list[str]:
    who = person(cluster.approval.by) if cluster.approval is not None else ""
    return [t("*{name}* was denied by {who}; nothing is built.", name=_name(cluster), who=who)]


def _lapsed(cluster: Cluster, now: float) -> list[str]:
    told = t(
        "Nobody decided on *{name}* within 24 hours, so the request has lapsed; nothing was created. Ask for it again.",
        name=_name(cluster),
    )
    return [told, *phrases.votes(cluster)]


def _cut(cluster: Cluster, now: float) -> list[str]:
    told = t(
        "The request for *{name}* was made smaller before the decision; approvals given before count no more.",
        name=_name(cluster),
    )
    price = t("Now it costs {price}.", price=prices.whole(cluster.quote, cluster.spec.ttl_s))
    return [told, *phrases.cuts(cluster), price]


def _ready(cluster: Cluster, now: float) -> list[str]:
    told = t("*{name}* is ready: {gpus}.", name=_name(cluster), gpus=count(cluster.spec.gpus, "GPU"))
    return [told, *_ends(cluster), t("Reach it with your own AWS identity:")]


def _ends(cluster: Cluster) -> list[str]:
    return [] if cluster.expires_at is None else [t("It expires {when}.", when=moment(cluster.expires_at))]


def _name(cluster: Cluster) -> str:
    return brief(cluster.spec.name, NAME)


_SAID: Mapping[str, Callable[[Cluster, float], list[str]]] = {
    notices.ASKED: _asked,
    notices.REMINDER: _reminder,
    notices.NOBODY: _nobody,
    notices.APPROVED: _approved,
    notices.DENIED: _denied,
    notices.LAPSED: _lapsed,
    notices.REFUSED: _refused,
    notices.CUT: _cut,
    notices.READY: _ready,
}
