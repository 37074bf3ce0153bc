"""The one card of a cluster, for every phase: who, what, what it costs, how far it is, and what one may press."""

from __future__ import annotations

from blocks import buttons, prices, receipts, snippets, steps, tables
from blocks.elements import Block, Part, context, fitted, header, preformatted, section, sections
from blocks.text import brief, count, esc, moment, person, span, usd
from domain.cluster import REQUEST_TTL_S, Check, Cluster, Phase
from domain.lifecycle import PREFLIGHT, phase
from domain.spec import SPOT, NodeGroupSpec

MOST_CHECKS = 14
CHECK = 220
# What goes first where Slack's limit forces it: 0 never, then the higher number.
ALWAYS, STEPS_RANK, TABLE_RANK, SCORES_RANK, RAY_RANK, PRICES_RANK = 0, 1, 2, 3, 8, 9


def cluster_card(cluster: Cluster, now: float) -> tuple[str, list[Block]]:
    """The fallback text and the blocks, within Slack's limits. `now`: epoch seconds."""
    state = phase(cluster)
    parts = [
        Part(ALWAYS, (header(f"{steps.SHORT[state]} {cluster.spec.name} · {state}"), section(_what(cluster)))),
        Part(ALWAYS, (section("\n".join(_money(cluster, state))),)),
        Part(PRICES_RANK, (context("\n".join(prices.lines(cluster.quote))),) if state in _PRICED else ()),
        Part(ALWAYS, tuple(sections(_state(cluster, state, now)))),
        *_body(cluster, state, now),
        Part(ALWAYS, tuple(buttons.row(cluster, state))),
    ]
    text = f"{esc(cluster.spec.name)}: {state.lower()}. {_gpus(cluster)} in {esc(cluster.spec.region)}, "
    return text + f"{prices.hourly(cluster.quote)}.", fitted(parts, "Left out for Slack's limit: the longest lists.")


_PRICED = frozenset({Phase.CHECKING, Phase.AWAITING_APPROVAL, Phase.READY})


def _body(cluster: Cluster, state: Phase, now: float) -> list[Part]:
    if state in (Phase.CHECKING, Phase.REFUSED, Phase.AWAITING_APPROVAL):
        return [Part(STEPS_RANK, tuple(sections(_checks(cluster.checks))))]
    if state in (Phase.DENIED, Phase.LAPSED):
        return []
    if state is Phase.DELETED:
        return [Part(ALWAYS, tuple(receipts.receipt(cluster)))]
    parts = [Part(STEPS_RANK, tuple(sections(steps.lines(cluster, now))))]
    if state in (Phase.READY, Phase.TROUBLE):
        parts += _inside(cluster)
    return parts + _reach(cluster) if state is Phase.READY else parts


def _inside(cluster: Cluster) -> list[Part]:
    """The node groups and the GPU scorecard; of a long scorecard the last piece goes first."""
    parts = []
    if cluster.group_rows:
        parts.append(Part(TABLE_RANK, (section("*Node groups*"), tables.group_table(cluster))))
    if cluster.scores:
        pieces = tables.scorecard(cluster.scores)
        parts.append(Part(SCORES_RANK, (section("*GPU nodes*"), pieces[0])))
        parts += [Part(SCORES_RANK + number, (piece,)) for number, piece in enumerate(pieces[1:], 1)]
    return parts


def _reach(cluster: Cluster) -> list[Part]:
    ray = section("*On these GPUs with Ray* (part of a RayCluster; the toleration lets its workers in)")
    return [
        Part(ALWAYS, (section("*Reach it* with your own AWS identity"), preformatted(snippets.kubeconfig(cluster)))),
        Part(RAY_RANK, (ray, preformatted(snippets.raycluster(cluster)))),
    ]


def _what(cluster: Cluster) -> str:
    spec = cluster.spec
    kubernetes = f" · Kubernetes {brief(cluster.kubernetes_version, 20)}" if cluster.kubernetes_version else ""
    team = f" · team {brief(spec.team, 60)}" if spec.team else ""
    asked = f" · asked for by {person(cluster.requester)}" if cluster.requester != spec.owner else ""
    lines = [
        f"{person(spec.owner)}{team}{asked} · {esc(spec.region)}{kubernetes} · id {brief(cluster.id, 80)}",
        *(_group(group) for group in spec.groups[: tables.MOST_GROUPS]),
    ]
    if spec.reason:
        lines.append(f"Reason: {brief(spec.reason, 400)}")
    return "\n".join(lines)


def _group(group: NodeGroupSpec) -> str:
    kinds = brief(" or ".join(group.instance_types), 200)
    gpus = f", {count(group.gpus_per_node, 'GPU')} each" if group.is_gpu else ""
    most = f", at most {group.max_size}" if group.max_size > group.desired else ""
    spot = ", Spot" if group.capacity_type == SPOT else ""
    return f"• {brief(group.name, 63)}: {group.desired} × {kinds}{gpus}{most}{spot} · {esc(group.ami_type)}"


def _gpus(cluster: Cluster) -> str:
    kinds = [f"{g.desired} × {' or '.join(g.instance_types)}" for g in cluster.spec.gpu_groups]
    return brief(" and ".join(kinds), 200)


def _money(cluster: Cluster, state: Phase) -> list[str]:
    lines = [prices.summary(cluster)]
    if cluster.expires_at is not None and cluster.deletion is None:
        lines.append(f"Expires {moment(cluster.expires_at)}")
    if state in (Phase.PROVISIONING, Phase.TROUBLE, Phase.READY, Phase.DELETING):
        spent = cluster.spent_usd
        # In tenths: a figure that changes with every pass would rewrite the card for nothing.
        so_far = "unknown: a price was not known" if spent is None else f"about {usd(round(spent, 1))}"
        lines.append(f"Spent so far: {so_far}")
    return lines


def _state(cluster: Cluster, state: Phase, now: float) -> list[str]:
    """How it stands, in a sentence or two."""
    if cluster.deletion is not None:
        wish = "withdrew this request" if cluster.approval is None else "asked for its deletion"
        asked = f"{person(cluster.deletion.by)} {wish} {moment(cluster.deletion.at)}."
        going = [] if state is Phase.DELETED else [*_going(cluster, now, "Gone"), *steps.troubles(cluster)]
        return [asked, *going]
    if cluster.approval is None:
        return _request(cluster, state)
    verb = "Approved" if cluster.approval.approved else "Denied"
    decided = f"{verb} by {person(cluster.approval.by)} {moment(cluster.approval.at)}."
    if state is Phase.PROVISIONING:
        return [decided, *_going(cluster, now, "Ready")]
    if state is Phase.TROUBLE:
        hint = "raygpu goes on trying; *Retry* replaces what failed for good."
        return [decided, *(f"⚠️ {trouble}" for trouble in steps.troubles(cluster)), hint]
    return [decided, _ready(cluster)] if state is Phase.READY else [f"{decided} Nothing was created."]


def _request(cluster: Cluster, state: Phase) -> list[str]:
    if state is Phase.CHECKING:
        return ["Looking whether this can be built, before anyone is asked.", *_preflight(cluster)]
    if state is Phase.REFUSED:
        return ["*This cannot be built as it was asked for.* Nothing was created.", *_preflight(cluster)]
    if state is Phase.LAPSED:
        return ["Nobody decided within 24 hours, so this request has lapsed. Nothing was created; ask for it again."]
    lapses = moment(cluster.created_at + REQUEST_TTL_S)
    return [f"*Waiting for an approver* other than {person(cluster.requester)}. The request lapses {lapses}."]


def _going(cluster: Cluster, now: float, what: str) -> list[str]:
    return [f"{what} in {steps.span_about(steps.remaining_s(cluster, now))}, if it goes as it usually does."]


def _ready(cluster: Cluster) -> str:
    proven = sum(score.gpus for score in cluster.scores if score.smoke == "passed")
    started = cluster.approval.at if cluster.approval is not None else cluster.created_at
    ready_at = cluster.ready_at if cluster.ready_at is not None else started
    gpus = f"*{count(proven, 'GPU')} proven*" if proven else f"{count(cluster.spec.gpus, 'GPU')} asked for"
    return f"{gpus} · ready since {moment(ready_at)}, {span(ready_at - started)} after approval."


def _preflight(cluster: Cluster) -> list[str]:
    condition = cluster.condition(PREFLIGHT)
    return [brief(condition.message, 600)] if condition is not None and condition.message and not cluster.checks else []


def _checks(checks: tuple[Check, ...]) -> list[str]:
    marks = {True: steps.DONE, False: steps.TROUBLE, None: steps.UNKNOWN}
    lines = [f"{marks[c.ok]} {brief(c.name, 90)}: {brief(c.message, CHECK)}" for c in checks[:MOST_CHECKS]]
    return [*lines, f"and {len(checks) - MOST_CHECKS} more"] if len(checks) > MOST_CHECKS else lines
