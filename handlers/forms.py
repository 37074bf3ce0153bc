"""The form of `/raygpu create`: opened with prices in it, and sent with every fault at its field."""

from __future__ import annotations

from blocks import modals, prices, sentences
from blocks.text import span
from domain import policy
from domain.errors import Refused
from domain.policy import Act, Actor
from domain.request import CreateOptions
from handlers.answers import Accepted, Answer, Open
from handlers.calls import Call, UseCases, actor_of, asked

TYPED = "Slack did not open the form in time. Try again, or type it: `/raygpu create demo --gpu g5.xlarge --ttl 8h`."


def open_form(call: Call, use_cases: UseCases) -> Answer:
    """The button on the Home tab."""
    return form(call, actor_of(call, use_cases), use_cases)


def form(call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    """The form; the trigger id is good for three seconds, so prices are those at hand."""
    allow_create(actor, use_cases)
    rules = use_cases.rules
    region = rules.regions[0]
    offers = use_cases.requests.offers(region)
    choices = tuple(modals.Choice(o.instance_type, o.gpus, o.gpu_model, o.usd_per_hour) for o in offers)
    kinds = [choice.instance_type for choice in choices]
    lifetime = f"{rules.default_ttl_s // 3600}h" if rules.default_ttl_s % 3600 == 0 else f"{rules.default_ttl_s // 60}m"
    gpu = "g5.xlarge" if "g5.xlarge" in kinds else next(iter(kinds), "")
    shown = modals.Form(
        choices=choices,
        regions=rules.regions,
        max_nodes=rules.max_nodes,
        longest=span(rules.max_ttl_s),
        defaults=CreateOptions(gpu=gpu, gpus="1", ttl=lifetime, region=region, ami="bottlerocket"),
        priced_in=region,
        key=call.trigger,
        channel=call.channel,
    )
    return Open(modals.create_modal(shown), TYPED)


def submit(call: Call, use_cases: UseCases) -> Answer:
    """The form sent."""
    held = call.fields
    if not call.channel:
        raise Refused("ChannelMissing", "Choose the channel where the card shall be.", "channel")
    options = CreateOptions(
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
    )
    cluster = use_cases.requests.create(options, asked(call, actor_of(call, use_cases)))
    instead = modals.accepted(cluster.spec.name, call.channel, prices.hourly(cluster.quote))
    return Accepted(sentences.asked_for(cluster), instead)


def allow_create(actor: Actor, use_cases: UseCases) -> None:
    """Raises Refused before a form or a plan is shown to somebody whose create would be refused."""
    verdict = policy.decide(actor, Act.CREATE, None, use_cases.rules, use_cases.clock.now())
    if not verdict.allowed:
        raise Refused(verdict.reason, verdict.message)
