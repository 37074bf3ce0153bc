"""`/raygpu …`: the typed words become one use case and one answer that only the asker sees."""

from __future__ import annotations

from collections.abc import Mapping

from blocks import cards, costs, evidence, help, history, listing, plans, sentences, snippets
from domain.errors import OutsideError, RaygpuError, Refused
from domain.policy import Act
from domain.request import CreateOptions
from domain.rules import OFF, Actor
from domain.words import say
from handlers import forms, grammar, moments, wishes
from handlers.answers import Answer, Say
from handlers.calls import Call, UseCases, actor_of, asked
from handlers.grammar import Line
from handlers.wishes import Runner

COST_WINDOW = "7d"
LONGEST_COSTS_S = 365 * 86400
WHOSE = ("me", "team", "all")


def run(call: Call, use_cases: UseCases) -> Answer:
    """Any slash command that reaches this app. Help needs nobody; a mistyped line is met in the language of its author."""
    try:
        actor: Actor | RaygpuError = actor_of(call, use_cases)
    except RaygpuError as unknown:
        actor = unknown
    line = grammar.parse(call.text)
    if line.command == "help":
        topic = line.words[0]
        return Say(*(help.page(topic) if topic else help.overview()))
    if isinstance(actor, RaygpuError):
        raise actor
    return RUNNERS[line.command](line, call, actor, use_cases)


def _create(line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    name, given = line.words[0], line.options
    if not name and not given:
        return forms.form(call, actor, use_cases)
    options = CreateOptions(
        name=name,
        gpu=given.get("gpu", ""),
        gpus=given.get("gpus", ""),
        max=given.get("max", ""),
        ttl=given.get("ttl", ""),
        region=given.get("region", ""),
        team=given.get("team", ""),
        reason=given.get("reason", ""),
        ami=given.get("ami", ""),
        spot="spot" in given,
        smoke="no-smoke" not in given,
        automatic=given.get("auto", ""),
    )
    if "plan" in given:
        made = use_cases.requests.plan(options, asked(call, actor))
        return Say(*plans.plan(made.spec, made.quote, made.budget, made.requirements, made.calls))
    return Say(sentences.asked_for(use_cases.requests.create(options, asked(call, actor))))


def _list(line: Line, _call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    scope = line.words[0].lower() or "mine"
    return Say(*listing.cluster_list(use_cases.queries.list(actor, scope), scope))


def _status(line: Line, _call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    return Say(*cards.cluster_card(use_cases.queries.find(actor, line.words[0]), use_cases.clock.now()))


def _history(line: Line, _call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    found = use_cases.queries.history(actor, line.words[0])
    return Say(*history.page(found.cluster, found.entries))


def _manifest(line: Line, _call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    return Say(*snippets.manifest(use_cases.queries.find(actor, line.words[0])))


def _cost(line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    subject, window = line.words
    seconds = moments.seconds(window or COST_WINDOW)
    if seconds > LONGEST_COSTS_S:
        raise Refused("TooLong", say("A year is the most there is to show: 365d."), "span")
    whose = subject.lower() if subject.lower() in WHOSE else subject or WHOSE[0]
    found = use_cases.queries.costs(actor, whose, seconds)
    chart = _chart(whose, seconds, call, actor, use_cases) if found.rows else ""
    return Say(*costs.table(found, whose, use_cases.clock.now(), chart))


def _chart(whose: str, seconds: int, call: Call, actor: Actor, use_cases: UseCases) -> str:
    """Asks for the picture that a worker draws; the figures are told whether or not it can be had."""
    try:
        args = {"subject": whose, "window": str(seconds)}
        use_cases.errander.send("chart", args, asked(call, actor), call.response_url)
    except OutsideError:
        return sentences.uncharted()
    return sentences.charted()


def _why(line: Line, _call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    return Say(*evidence.page(use_cases.queries.find(actor, line.words[0]), use_cases.clock.now()))


def _delete(line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    cluster = use_cases.queries.find(actor, line.words[0])
    use_cases.changes.may(cluster, Act.DELETE, asked(call, actor))
    return Say(*sentences.delete_question(cluster))


def _doctor(_line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    use_cases.errander.send("doctor", {}, asked(call, actor), call.response_url)
    return Say(sentences.looking())


def _orphans(_line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    use_cases.errander.send("orphans", {}, asked(call, actor), call.response_url)
    return Say(sentences.looking())


def _adopt(line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    use_cases.errander.send("adopt", {"id": line.words[0]}, asked(call, actor), call.response_url)
    return Say(sentences.looking())


def _freeze(line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    use_cases.admin.freeze(line.words[0], asked(call, actor))
    return Say(sentences.frozen(line.words[0]))


def _unfreeze(_line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    use_cases.admin.unfreeze(asked(call, actor))
    return Say(sentences.unfrozen())


def _automatic(line: Line, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    """`admin automatic off|on`: whether raygpu may do anything about idleness and expiry by itself."""
    wanted, reason = line.words
    if wanted == OFF:
        use_cases.admin.halt(reason, asked(call, actor))
        return Say(sentences.halted(reason))
    use_cases.admin.unhalt(asked(call, actor))
    return Say(sentences.unhalted())


RUNNERS: Mapping[str, Runner] = {
    "create": _create,
    "list": _list,
    "status": _status,
    "verify": wishes.verify,
    "history": _history,
    "extend": wishes.extend,
    "keep": wishes.keep,
    "busy": wishes.busy,
    "why": _why,
    "park": wishes.park,
    "resume": wishes.resume,
    "scale": wishes.scale,
    "delete": _delete,
    "access": wishes.access,
    "transfer": wishes.transfer,
    "manifest": _manifest,
    "cost": _cost,
    "doctor": _doctor,
    "admin freeze": _freeze,
    "admin unfreeze": _unfreeze,
    "admin automatic": _automatic,
    "admin orphans": _orphans,
    "admin adopt": _adopt,
}
