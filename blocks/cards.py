"""The one card of a cluster, for every phase: who, what, what it costs, how far it is, and what one may press."""

from __future__ import annotations

from blocks import buttons, phrases, prices, receipts, snippets, standings, steps, tables
from blocks.elements import Block, Part, context, fitted, header, preformatted, section, sections
from blocks.text import brief, count, esc, moment, person, usd
from blocks.tongue import in_tongue, t
from domain.cluster import Check, Cluster, Phase
from domain.lifecycle import STANDING_PHASES, phase
from domain.spec import SPOT, ClusterSpec, NodeGroupSpec

MOST_CHECKS = 14
CHECK = 220
FAILED_CHECK = 600
REASON = 400
KEPT = 200
# What goes first where Slack's limit forces it: 0 never, then the higher number.
ALWAYS, STEPS_RANK, TABLE_RANK, SCORES_RANK, RAY_RANK, PRICES_RANK = 0, 1, 2, 3, 8, 9

_PRICED = frozenset({Phase.CHECKING, Phase.AWAITING_APPROVAL, Phase.READY})
_SPENDING = STANDING_PHASES | {Phase.DELETING}
_INSIDE = STANDING_PHASES - {Phase.PROVISIONING}
_REACHED = frozenset({Phase.READY, Phase.RESIZING, Phase.PARKED})


def cluster_card(cluster: Cluster, now: float) -> tuple[str, list[Block]]:
    """The fallback text and the blocks, within Slack's limits. `now`: epoch seconds."""
    state = phase(cluster)
    parts = [
        Part(ALWAYS, (header(f"{steps.SHORT[state]} {cluster.spec.name} · {steps.name(state)}"),)),
        Part(ALWAYS, (section(_what(cluster)), section("\n".join(_money(cluster, state, now))))),
        Part(PRICES_RANK, (context("\n".join(prices.lines(cluster.quote))),) if state in _PRICED else ()),
        Part(ALWAYS, tuple(sections(standings.lines(cluster, state, now)))),
        *_body(cluster, state, now),
        Part(ALWAYS, tuple(buttons.row(cluster, state))),
    ]
    text = t(
        "{name}: {state}. {gpus} in {region}, {rate}.",
        name=esc(cluster.spec.name),
        state=steps.name(state).lower(),
        gpus=phrases.gpus(cluster.spec),
        region=esc(cluster.spec.region),
        rate=prices.now(cluster),
    )
    return text, fitted(parts, t("Left out for Slack's limit: the longest lists."))


def _body(cluster: Cluster, state: Phase, now: float) -> list[Part]:
    if state in (Phase.CHECKING, Phase.REFUSED, Phase.AWAITING_APPROVAL):
        return [Part(STEPS_RANK, tuple(sections(_checks(cluster.checks))))]
    if state in (Phase.DENIED, Phase.LAPSED):
        return []
    if state is Phase.DELETED:
        return [Part(ALWAYS, tuple(receipts.receipt(cluster)))]
    parts = [Part(STEPS_RANK, tuple(sections(steps.lines(cluster, now))))]
    if state in _INSIDE:
        parts += _inside(cluster)
    return parts + _reach(cluster, state) if state in _REACHED else parts


def _inside(cluster: Cluster) -> list[Part]:
    """The node groups and the GPU scorecard; of a long scorecard the last piece goes first."""
    parts = []
    if cluster.group_rows:
        parts.append(Part(TABLE_RANK, (section(t("*Node groups*")), tables.group_table(cluster))))
    if cluster.scores:
        pieces = tables.scorecard(cluster.scores)
        parts.append(Part(SCORES_RANK, (section(t("*GPU nodes*")), pieces[0])))
        parts += [Part(SCORES_RANK + number, (piece,)) for number, piece in enumerate(pieces[1:], 1)]
    return parts


def _reach(cluster: Cluster, state: Phase) -> list[Part]:
    how = section(t("*Reach it* with your own AWS identity"))
    parts = [Part(ALWAYS, (how, preformatted(snippets.kubeconfig(cluster))))]
    if state is Phase.READY:
        ray = t("*On these GPUs with Ray* (part of a RayCluster; the toleration lets its workers in)")
        parts.append(Part(RAY_RANK, (section(ray), preformatted(snippets.raycluster(cluster)))))
    return parts


def _what(cluster: Cluster) -> str:
    spec = cluster.spec
    lines = [
        " · ".join(_facts(cluster, spec)),
        *(_group(group) for group in spec.groups[: tables.MOST_GROUPS]),
    ]
    if spec.reason:
        lines.append(t("Reason: {reason}", reason=brief(spec.reason, REASON)))
    guests = {grant.user for grant in cluster.grants if not grant.revoked}
    if len(guests) == 1:
        lines.append(t("1 more person may enter."))
    elif guests:
        lines.append(t("{number} more people may enter.", number=len(guests)))
    return "\n".join(lines)


def _facts(cluster: Cluster, spec: ClusterSpec) -> list[str]:
    facts = [person(spec.owner)]
    if spec.team:
        facts.append(t("team {team}", team=brief(spec.team, 60)))
    if cluster.requester != spec.owner:
        facts.append(t("asked for by {who}", who=person(cluster.requester)))
    facts.append(esc(spec.region))
    if cluster.kubernetes_version:
        facts.append(t("Kubernetes {version}", version=brief(cluster.kubernetes_version, 20)))
    return [*facts, t("id {id}", id=brief(cluster.id, 80))]


def _group(group: NodeGroupSpec) -> str:
    facts = [f"{group.desired} × {brief(phrases.either(group.instance_types), 200)}"]
    if group.is_gpu:
        facts.append(t("{gpus} each", gpus=count(group.gpus_per_node, "GPU")))
    if group.max_size > group.desired:
        facts.append(t("at most {number}", number=group.max_size))
    if group.capacity_type == SPOT:
        facts.append(t("Spot"))
    return f"• {brief(group.name, 63)}: {', '.join(facts)} · {esc(group.ami_type)}"


def _money(cluster: Cluster, state: Phase, now: float) -> list[str]:
    lines = [prices.summary(cluster)]
    if cluster.expires_at is not None and cluster.deletion is None:
        lines.append(t("Expires {when}", when=moment(cluster.expires_at)))
        lines += _kept(cluster, now)
    if state in _SPENDING:
        lines.append(_spent(cluster))
    return lines


def _spent(cluster: Cluster) -> str:
    if cluster.spent_usd is None:
        return t("Spent so far: unknown: a price was not known")
    # In tenths: a figure that changes with every pass would rewrite the card for nothing.
    return t("Spent so far: about {sum}", sum=usd(round(cluster.spent_usd, 1)))


def _kept(cluster: Cluster, now: float) -> list[str]:
    kept = cluster.kept
    if kept is None or kept.until <= now:
        return []
    told = {"who": person(kept.by), "when": moment(kept.until)}
    if not kept.reason:
        return [t("Kept until {when} by {who}", **told)]
    return [t("Kept until {when} by {who}: {reason}", reason=brief(kept.reason, KEPT), **told)]


def _checks(checks: tuple[Check, ...]) -> list[str]:
    """Those that say no first, so that no cut hides why a request was refused."""
    marks = {True: steps.DONE, False: steps.TROUBLE, None: steps.UNKNOWN}
    ordered = sorted(checks, key=lambda check: check.ok is not False)
    lines = [f"{marks[c.ok]} {_check(c)}" for c in ordered[:MOST_CHECKS]]
    more = len(checks) - MOST_CHECKS
    return [*lines, t("and {number} more", number=more)] if more > 0 else lines


def _check(check: Check) -> str:
    most = FAILED_CHECK if check.ok is False else CHECK
    return f"{brief(in_tongue(check.name), 90)}: {phrases.told(check.message, most)}"
