"""The buttons that want something of a cluster that exists. Doubled, or pressed by two people, they are one wish."""

from __future__ import annotations

from dataclasses import replace

from blocks import sentences
from blocks.buttons import DAY_S, EXTEND_S
from blocks.text import brief, moment
from blocks.tongue import t
from domain.lifecycle import PROVEN
from domain.wishes import Delete, Extend, Park, Resume, Retry, Verify, Wish
from handlers.answers import Answer, Replace, Say
from handlers.calls import Call, UseCases, actor_of, asked, button_value
from services.changes import Changed

NAME = 60


def retry(call: Call, use_cases: UseCases) -> Answer:
    """Retry on a card in trouble."""
    done = _once(call, use_cases, Retry())
    if done.before is done.after:
        return Say(t("raygpu was told already to try *{name}* again; its card shows how it goes.", name=_name(done)))
    return Say(t("raygpu tries *{name}* again; its card shows how it goes.", name=_name(done)))


def verify(call: Call, use_cases: UseCases) -> Answer:
    """Verify."""
    done = _once(call, use_cases, Verify())
    proven = done.after.condition(PROVEN)
    if done.before is done.after and proven is not None and proven.is_true:
        return _outdated(done)
    return Say(sentences.verifying(done.after))


def park(call: Call, use_cases: UseCases) -> Answer:
    """Park, after its dialog."""
    done = _once(call, use_cases, Park())
    return _outdated(done) if done.after.parked is None else Say(sentences.parked(done.before, done.after))


def resume(call: Call, use_cases: UseCases) -> Answer:
    """Resume, after its dialog."""
    done = _once(call, use_cases, Resume())
    if done.after.parked is not None:
        return _outdated(done)
    return Say(sentences.resumed(done.before, done.after, use_cases.clock.now()))


def extend(call: Call, use_cases: UseCases) -> Answer:
    """Extend, by the hours on its label."""
    return _extended(call, use_cases, EXTEND_S)


def extend_day(call: Call, use_cases: UseCases) -> Answer:
    """The other Extend of a warning, by a day."""
    return _extended(call, use_cases, DAY_S)


def _extended(call: Call, use_cases: UseCases, seconds: int) -> Answer:
    """What was pressed on a card that shows another end than now is answered, and extends nothing more."""
    value = button_value(call)
    cluster = use_cases.queries.get(actor_of(call, use_cases), value.cluster_id)
    if cluster.expires_at is not None and int(cluster.expires_at) != value.generation:
        return Say(
            t(
                "*{name}* expires {when} by now: it was extended after this button was drawn. Nothing more was changed.",
                name=brief(cluster.spec.name, NAME),
                when=moment(cluster.expires_at),
            )
        )
    done = _once(call, use_cases, Extend(seconds))
    return Say(sentences.extended(done.before, done.after, use_cases.clock.now()))


def delete(call: Call, use_cases: UseCases) -> Answer:
    """Delete (or Withdraw) on the card, after its dialog."""
    return Say(_deleted(call, use_cases))


def delete_asked(call: Call, use_cases: UseCases) -> Answer:
    """The yes to the question of a typed delete."""
    return Replace(_deleted(call, use_cases))


def delete_kept(call: Call, use_cases: UseCases) -> Answer:
    """The no to it."""
    value = button_value(call)
    actor_of(call, use_cases)
    return Replace(t("{name} stays.", name=brief(value.cluster_id, 80)))


def _once(call: Call, use_cases: UseCases, wish: Wish) -> Changed:
    """The wish under an operation that is named after what the button showed: pressed twice it is done once."""
    value = button_value(call)
    kind = type(wish).__name__.lower()
    once = replace(call, operation=f"{kind}:{value.cluster_id}:{value.generation}") if call.operation else call
    return use_cases.changes.change(value.cluster_id, wish, asked(once, actor_of(call, use_cases)))


def _outdated(done: Changed) -> Answer:
    """To a click that had its effect before, and whose effect somebody has undone since: it comes late, and does nothing."""
    return Say(
        t("This button was pressed before, and *{name}* has changed since. Nothing was changed now.", name=_name(done))
    )


def _deleted(call: Call, use_cases: UseCases) -> str:
    value = button_value(call)
    done = use_cases.changes.change(value.cluster_id, Delete(), asked(call, actor_of(call, use_cases)))
    if done.before.approval is None:
        return t("*{name}* is withdrawn; nothing was built.", name=_name(done))
    return t("*{name}* is being taken away; its card ends with a receipt.", name=_name(done))


def _name(done: Changed) -> str:
    return brief(done.after.spec.name, NAME)
