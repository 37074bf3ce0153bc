"""`/raygpu …`: the typed words become one use case and one answer."""

from __future__ import annotations

from blocks import cards, help, listing, plans, sentences
from domain.policy import Actor
from handlers import forms, grammar
from handlers.answers import Answer, Say
from handlers.calls import Call, UseCases, actor_of, asked


def run(call: Call, use_cases: UseCases) -> Answer:
    """Any slash command that reaches this app."""
    command = grammar.parse(call.text)
    if isinstance(command, grammar.Help):
        return Say(*(help.page(command.topic) if command.topic else help.overview()))
    actor = actor_of(call, use_cases)
    match command:
        case grammar.Create():
            return _create(command, call, actor, use_cases)
        case grammar.Status():
            return Say(*cards.cluster_card(use_cases.queries.find(actor, command.name), use_cases.clock.now()))
        case grammar.Listing():
            return Say(*listing.cluster_list(use_cases.queries.list(actor, command.scope), command.scope))
        case grammar.Delete():
            cluster = use_cases.queries.find(actor, command.name)
            use_cases.deletions.may_delete(cluster, asked(call, actor))
            return Say(*sentences.delete_question(cluster))


def _create(command: grammar.Create, call: Call, actor: Actor, use_cases: UseCases) -> Answer:
    if command.bare:
        return forms.form(call, actor, use_cases)
    if command.plan:
        forms.allow_create(actor, use_cases)
        return Say(*plans.plan(*use_cases.requests.plan(command.options, asked(call, actor))))
    return Say(sentences.asked_for(use_cases.requests.create(command.options, asked(call, actor))))
