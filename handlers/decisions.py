"""The buttons of the card: Approve, Deny, Retry, Delete. Who may press is asked of the policy at every click."""

from __future__ import annotations

from dataclasses import replace

from blocks import ids
from blocks.text import brief, moment
from domain.errors import Refused
from handlers.answers import Answer, Replace, Say
from handlers.calls import Call, UseCases, actor_of, asked
from services.decisions import Click


def approve(call: Call, use_cases: UseCases) -> Answer:
    """Approve on the card."""
    return _decide(call, use_cases, approve=True)


def deny(call: Call, use_cases: UseCases) -> Answer:
    """Deny on the card."""
    return _decide(call, use_cases, approve=False)


def retry(call: Call, use_cases: UseCases) -> Answer:
    """Retry on a card in trouble; two clicks on the same state of the card are one retry."""
    value = _value(call)
    once = replace(call, operation=f"retry:{value.cluster_id}:{value.generation}") if call.operation else call
    cluster = use_cases.deletions.retry(value.cluster_id, asked(once, actor_of(once, use_cases)))
    return Say(f"raygpu tries *{brief(cluster.spec.name, 60)}* again; the card shows how it goes.")


def delete(call: Call, use_cases: UseCases) -> Answer:
    """Delete (or Withdraw) on the card, after its dialog."""
    return Say(_deleted(call, use_cases))


def delete_asked(call: Call, use_cases: UseCases) -> Answer:
    """The yes to the question of a typed delete."""
    return Replace(_deleted(call, use_cases))


def delete_kept(call: Call, _use_cases: UseCases) -> Answer:
    """The no to it."""
    return Replace(f"{brief(_value(call).cluster_id, 80)} stays.")


def _decide(call: Call, use_cases: UseCases, *, approve: bool) -> Answer:
    value = _value(call)
    click = Click(value.cluster_id, value.digest, approve)
    cluster = use_cases.decisions.decide(click, asked(call, actor_of(call, use_cases)))
    name = brief(cluster.spec.name, 60)
    if not approve:
        return Say(f"You denied *{name}*; nothing is built.")
    until = f" It expires {moment(cluster.expires_at)}." if cluster.expires_at is not None else ""
    return Say(f"You approved *{name}*; the card shows every step.{until}")


def _deleted(call: Call, use_cases: UseCases) -> str:
    value = _value(call)
    cluster = use_cases.deletions.delete(value.cluster_id, asked(call, actor_of(call, use_cases)))
    return f"*{brief(cluster.spec.name, 60)}* is being taken away; its card ends with a receipt."


def _value(call: Call) -> ids.ButtonValue:
    value = ids.read(call.value)
    if value is None:
        raise Refused(
            "OldButton", "This button does not say what it is for any more; `/raygpu list` shows what there is."
        )
    return value
