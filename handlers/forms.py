"""The form of `/raygpu create`: opened with prices in it, priced anew at every change, sent with every fault at its field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from blocks import modals, prices, sentences
from blocks.elements import Block
from blocks.text import span
from blocks.tongue import t
from domain import policy
from domain.errors import Refused
from domain.policy import Act
from domain.request import MIN_TTL_S, CreateOptions, duration
from domain.rules import Actor, Rules
from domain.words import say
from handlers.answers import Accepted, Answer, Choices, Open, Update
from handlers.calls import Call, UseCases, Via, actor_of, asked
from services.requests import Asked

GUIDE = "g5.xlarge"  # the GPU type of the KubeRay guide


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a form was opened, and the name of this one form."""

    channel: str
    key: str


def open_form(call: Call, use_cases: UseCases) -> Answer:
    """The button on the Home tab."""
    return form(call, actor_of(call, use_cases), use_cases)


def form(call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    """The form; the trigger id is good for three seconds, so prices are those at hand."""
    use_cases.authority.allow(actor, Act.CREATE)
    rules = use_cases.rules
    region, teams = rules.regions[0], policy.teams_of(actor, rules)
    kinds = [offer.instance_type for offer in use_cases.requests.offers(region)]
    held = CreateOptions(
        gpu=GUIDE if GUIDE in kinds else next(iter(kinds), ""),
        gpus="1",
        ttl=_typed(rules.default_ttl_s),
        region=region,
        team=teams[0] if len(teams) == 1 else "",
        ami="bottlerocket",
    )
    otherwise = t(
        "Slack did not open the form in time. Try again, or type it: `/raygpu create demo --gpu g5.xlarge --ttl 8h`."
    )
    return Open(_drawn(held, _Origin(call.channel, call.trigger), asked(call, actor), use_cases), otherwise)


def changed(call: Call, use_cases: UseCases) -> Answer:
    """A field of the open form has changed: the form again, with what is in it now, and what that comes to."""
    if call.via is not Via.INPUT:
        raise Refused("OldButton", say("This belongs to a form that is not open any more."))
    actor = actor_of(call, use_cases)
    origin = _Origin(call.metadata.get("channel", ""), call.metadata.get("key", ""))
    asks = asked(replace(call, channel=_channel(call)), actor)
    return Update(_drawn(_options(call.fields), origin, asks, use_cases))


def types(call: Call, use_cases: UseCases) -> Answer:
    """The GPU types that fit what was typed, with the prices of the region chosen in the form."""
    use_cases.authority.allow(actor_of(call, use_cases), Act.CREATE)
    region = _region(call.fields.get("region", ""), use_cases.rules)
    return Choices(modals.matching(_choices(region, use_cases), call.value))


def submit(call: Call, use_cases: UseCases) -> Answer:
    """The form sent."""
    if not call.channel:
        raise Refused("ChannelMissing", say("Choose the channel where the card shall be."), "channel")
    actor = actor_of(call, use_cases)
    cluster = use_cases.requests.create(_options(call.fields), asked(call, actor))
    instead = modals.accepted(cluster.spec.name, call.channel, prices.hourly(cluster.quote))
    return Accepted(sentences.asked_for(cluster), instead)


def _drawn(held: CreateOptions, origin: _Origin, asks: Asked, use_cases: UseCases) -> Block:
    """The form with these values in it. The rules are asked anew: what nobody may ask for is said beside the price."""
    rules = use_cases.rules
    region = _region(held.region, rules)
    return modals.create_modal(
        modals.Form(
            choices=_choices(region, use_cases),
            regions=rules.regions,
            max_nodes=rules.max_nodes,
            longest=span(rules.max_ttl_s),
            defaults=held,
            priced_in=region,
            key=origin.key,
            outlook=_outlook(held, asks, use_cases),
            channel=origin.channel,
            teams=policy.teams_of(asks.actor, rules),
        )
    )


def _outlook(held: CreateOptions, asks: Asked, use_cases: UseCases) -> modals.Outlook:
    seen = use_cases.requests.preview(held, asks)
    seconds = _lifetime(held.ttl, use_cases.rules)
    return modals.Outlook(
        basis=modals.basis(held.gpus or "1", held.gpu, seconds),
        seconds=seconds,
        quote=seen.quote,
        budget=seen.budget,
        requirements=seen.requirements,
        fault=seen.fault.message if seen.fault is not None else "",
        field=(seen.fault.field or "") if seen.fault is not None else "",
    )


def _choices(region: str, use_cases: UseCases) -> tuple[modals.Choice, ...]:
    offers = use_cases.requests.offers(region)
    return tuple(modals.Choice(o.instance_type, o.gpus, o.gpu_model, o.usd_per_hour) for o in offers)


def _options(held: Mapping[str, str]) -> CreateOptions:
    """What stands in the fields of a form."""
    return CreateOptions(
        name=held.get("name", "").strip(),
        gpu=held.get("gpu", ""),
        gpus=held.get("gpus", ""),
        max=held.get("max", ""),
        ttl=held.get("ttl", "").strip(),
        region=held.get("region", ""),
        team=held.get("team", ""),
        reason=held.get("reason", ""),
        ami=held.get("ami", ""),
        spot=held.get("spot", "") == "yes",
        smoke=held.get("smoke", "yes") == "yes",
        automatic=held.get("automatic", ""),
    )


def _channel(call: Call) -> str:
    return call.metadata.get("channel", "") or call.fields.get("channel", "")


def _region(chosen: str, rules: Rules) -> str:
    return chosen if chosen in rules.regions else rules.regions[0]


def _lifetime(text: str, rules: Rules) -> int:
    """Seconds that the preview counts with: a lifetime at fault counts as left empty."""
    try:
        seconds = duration(text) if text else rules.default_ttl_s
    except Refused:
        return rules.default_ttl_s
    return seconds if MIN_TTL_S <= seconds <= rules.max_ttl_s else rules.default_ttl_s


def _typed(seconds: int) -> str:
    """A lifetime as people type it."""
    return f"{seconds // 3600}h" if seconds % 3600 == 0 else f"{seconds // 60}m"
