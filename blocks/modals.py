"""The modal that asks for a cluster, with its price as it is filled in, that which keeps one, and the small one that says
something where no message can."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from blocks import fields, ids, phrases, prices
from blocks.elements import Block, context, plain_text, section, sections
from blocks.text import brief, count, esc, moment, rate, span
from blocks.tongue import in_tongue, t
from domain.cluster import BudgetLine, Cluster, Requirement
from domain.money import Quote
from domain.request import CreateOptions
from domain.rules import DELETE, OFF, PARK
from domain.spec import GPU_AMIS
from domain.words import say

TITLE = 24
OUTLOOK = "outlook"
FAULT = 400
AMI_WORDS = {
    "bottlerocket": say("Bottlerocket NVIDIA (brings the device plugin)"),
    "al2023": say("Amazon Linux 2023 NVIDIA"),
}
AUTOMATIC_WORDS = {
    OFF: say("Only remind"),
    PARK: say("Remind, then park by itself"),
    DELETE: say("Remind, park, and delete when it stays parked"),
}
LABELS = {
    "channel": say("Channel for the card"),
    "gpu": say("GPU type"),
    "gpus": say("GPU nodes"),
    "max": say("Most GPU nodes"),
    "ttl": say("Lifetime"),
    "region": say("Region"),
    "name": say("Name"),
    "reason": say("Reason"),
    "team": say("Team"),
    "ami": say("AMI of the GPU nodes"),
    "automatic": say("When it idles"),
    "spot": say("Capacity"),
    "smoke": say("Proof"),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """An instance type to choose. `usd_per_hour` is a node's list price, None: unknown."""

    instance_type: str
    gpus: int
    gpu_model: str
    usd_per_hour: float | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the form would come to as it is filled in: `basis` in words, `seconds` of lifetime; `fault` is what a create
    would refuse, at `field`."""

    basis: str
    seconds: float
    quote: Quote | None = None
    budget: tuple[BudgetLine, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    fault: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """What the form offers and starts with. `priced_in` is the region of the prices; `channel` where the card goes,
    empty when the form must ask; `teams` those one may name, empty: any; `key` makes every submission of this one form
    the same request."""

    choices: tuple[Choice, ...]
    regions: tuple[str, ...]
    max_nodes: int
    longest: str
    defaults: CreateOptions
    priced_in: str
    key: str
    outlook: Outlook
    channel: str = ""
    teams: tuple[str, ...] = ()


def create_modal(form: Form) -> Block:
    """The form. Each block id (and action id) is the name of the option it fills, so that errors land at their fields,
    and what was typed survives an update of the view."""
    outlook, *more = sections(_outlook(form.outlook))
    blocks = [{**outlook, "block_id": OUTLOOK}, *more, *_needed(form), *_wishes(form)]
    closing = t("Nothing is built before it is approved; the card in the channel shows every step and every price.")
    return {
        "type": "modal",
        "callback_id": ids.CREATE_VIEW,
        "title": plain_text(t("Create a GPU cluster"), TITLE),
        "submit": plain_text(t("Ask for it"), TITLE),
        "close": plain_text(t("Cancel"), TITLE),
        "private_metadata": json.dumps({"channel": form.channel, "key": form.key}),
        "blocks": [*blocks, context(closing)],
    }


def _needed(form: Form) -> list[Block]:
    """What decides on the price."""
    held = form.defaults
    hints = {
        "gpu": t("List price by the hour of one node in {region}, without its disk.", region=form.priced_in),
        "gpus": t("1 to {most} nodes.", most=form.max_nodes),
        "max": t("Room to scale up; empty means as many as above."),
        "ttl": t("For example 8h, 90m or 2d; at most {longest}.", longest=form.longest),
    }
    asked = [] if form.channel else [_field("channel", fields.channels(), optional=False)]
    return [
        *asked,
        _field("gpu", fields.external(_types(form), held.gpu), hint=hints["gpu"], optional=False),
        _field("gpus", fields.line(held.gpus, "1", live=True), hint=hints["gpus"], optional=False),
        _field("max", fields.line(held.max, live=True), hint=hints["max"]),
        _field("ttl", fields.line(held.ttl, "8h", live=True), hint=hints["ttl"], optional=False),
        _field("region", fields.select([(r, r) for r in form.regions], held.region), optional=False),
    ]


def _wishes(form: Form) -> list[Block]:
    held = form.defaults
    named = t("Lower-case letters, digits and dashes; empty: one is made up.")
    team = (
        fields.select([(one, one) for one in form.teams], held.team)
        if form.teams
        else fields.line(held.team, most=40, live=True)
    )
    steps = [(one, in_tongue(words)) for one, words in AUTOMATIC_WORDS.items()]
    asleep = t("raygpu warns before every step; empty: as the rules here have it.")
    amis = [(ami, in_tongue(AMI_WORDS[ami]) if ami in AMI_WORDS else ami) for ami in GPU_AMIS]
    return [
        _field("name", fields.line(held.name, "demo"), hint=named),
        _field("reason", fields.line(held.reason, t("What is it for?"), most=300), hint=t("The approver reads it.")),
        _field("team", team),
        _field("automatic", fields.select(steps, held.automatic), hint=asleep),
        _field("ami", fields.select(amis, held.ami)),
        _field("spot", fields.box(t("Spot: cheaper, may be taken away by AWS"), held.spot)),
        _field("smoke", fields.box(t("Run a CUDA pod on every GPU node"), held.smoke)),
    ]


def _field(name: str, element: Block, *, hint: str = "", optional: bool = True) -> Block:
    made = fields.field(name, in_tongue(LABELS[name]), element, optional=optional)
    if name in ids.PRICED_FIELDS:
        made["dispatch_action"] = True
    return {**made, "hint": plain_text(hint, 300)} if hint else made


def _outlook(held: Outlook) -> list[str]:
    """Price first; then budgets, who must approve, and what is at fault."""
    lines = []
    if held.quote is not None:
        lines = [f"{brief(held.basis, 200)}: {prices.whole(held.quote, held.seconds)}"]
        lines += [*phrases.money(held.budget), *phrases.wanted(held.requirements)]
    else:
        lines = [t("The price is not known yet.")]
    if held.fault:
        lines.append(f"⚠️ {_fault(held)}")
    return lines


def _fault(held: Outlook) -> str:
    what = phrases.told(held.fault, FAULT)
    label = LABELS.get(held.field)
    return what if label is None else f"*{in_tongue(label)}*: {what}"


def basis(nodes: str, gpu: str, seconds: float) -> str:
    """What a price is for: one that comes late is seen to be of what stood there before."""
    return t("{nodes} × {gpu} for {span}", nodes=nodes, gpu=gpu, span=span(seconds))


def _types(form: Form) -> list[tuple[str, str]]:
    return [(choice.instance_type, describe(choice)) for choice in form.choices]


def describe(choice: Choice) -> str:
    """One option: type, GPUs, price."""
    gpus = count(choice.gpus, "GPU")
    if choice.gpu_model:
        gpus = t("{gpus} ({model})", gpus=gpus, model=choice.gpu_model.upper())
    return f"{choice.instance_type} · {gpus} · {_price(choice)}"


def _price(choice: Choice) -> str:
    return rate(choice.usd_per_hour) if choice.usd_per_hour is not None else t("price unknown")


def matching(choices: tuple[Choice, ...], typed: str) -> list[Block]:
    """The options whose type or GPU model holds every word that was typed, the best first; at most a hundred."""
    words = typed.lower().split()
    found = [c for c in choices if all(word in f"{c.instance_type} {c.gpu_model}".lower() for word in words)]
    # What begins with the typed word is meant more often than what holds it somewhere.
    found.sort(key=lambda c: not c.instance_type.startswith(words[0] if words else ""))
    return [fields.option(c.instance_type, describe(c)) for c in found[: fields.OPTIONS]]


def notice(title: str, text: str) -> Block:
    """A modal that only says something; `text` is mrkdwn, escaped already."""
    return {
        "type": "modal",
        "callback_id": ids.NOTICE_VIEW,
        "title": plain_text(title, TITLE),
        "close": plain_text(t("Close"), TITLE),
        "blocks": [section(text)],
    }


def shown(title: str, blocks: Sequence[Block]) -> Block:
    """A modal that only shows blocks, where no message can."""
    return {
        "type": "modal",
        "callback_id": ids.NOTICE_VIEW,
        "title": plain_text(title, TITLE),
        "close": plain_text(t("Close"), TITLE),
        "blocks": list(blocks),
    }


@dataclass(frozen=True, slots=True)
class Keeping:
    """The form of *Keep until…* as it is filled in. `fault`: what such a keep would be refused for; `until`: the chosen
    moment (epoch seconds); `channel` is where it was pressed, `key` names this one form."""

    cluster: Cluster
    until: float
    now: float
    reason: str = ""
    fault: str = ""
    channel: str = ""
    key: str = ""


def keep_modal(held: Keeping) -> Block:
    """The form: until when, what that costs, why."""
    cluster = held.cluster
    asked = fields.field(ids.UNTIL, t("Keep it until"), fields.moment_picker(held.until), optional=False)
    reason = fields.line(held.reason, t("What is it kept for?"), most=300)
    told = t("It is left in peace until then, whatever its GPUs do, and lives at least as long.")
    return {
        "type": "modal",
        "callback_id": ids.KEEP_VIEW,
        "title": plain_text(t("Keep a cluster"), TITLE),
        "submit": plain_text(t("Keep it"), TITLE),
        "close": plain_text(t("Cancel"), TITLE),
        "private_metadata": json.dumps({"channel": held.channel, "key": held.key, "cluster": cluster.id}),
        "blocks": [
            {**section(_keeping(held)), "block_id": OUTLOOK},
            {**asked, "dispatch_action": True},
            fields.field("reason", in_tongue(LABELS["reason"]), reason, optional=True),
            context(told),
        ],
    }


def _keeping(held: Keeping) -> str:
    """What it comes to, for the moment that is chosen: a price that comes late is seen to be of what stood there before."""
    cluster, seconds = held.cluster, max(0.0, held.until - held.now)
    told = t(
        "*{name}* until {when}: *{sum}* for {span}, at {rate}.",
        name=brief(cluster.spec.name, 40),
        when=moment(held.until),
        sum=prices.hours(cluster, seconds),
        span=span(seconds),
        rate=prices.now(cluster),
    )
    return f"{told}\n⚠️ {phrases.told(held.fault, FAULT)}" if held.fault else told


def accepted(name: str, channel: str, price: str) -> Block:
    """What replaces the form when its card cannot be announced in the channel."""
    told = t("*{name}* is asked for ({price}).", name=brief(name, 40), price=brief(price, 60))
    if channel:
        closed = t("raygpu cannot write in <#{channel}>: invite it there with `/invite @raygpu`.", channel=esc(channel))
    else:
        closed = t("raygpu cannot write in the channel: invite it there with `/invite @raygpu`.")
    return notice(t("Asked for"), f"{told}\n{closed}")
