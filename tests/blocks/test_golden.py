"""Golden cards: what people see, as files. After a wanted change: `RAYGPU_GOLDEN=write pytest tests/blocks/test_golden.py`,
then read the difference before it is committed."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from card_samples import NOW, in_phase, requested
from idle_samples import LATER, RULES, day, idle, keep, sent, told, unseen, wasted, watch, week

from blocks import change_form, digests, evidence, help, home, listing, modals, notices, reminders
from blocks.cards import cluster_card
from domain.cluster import BudgetLine, Phase, Requirement
from domain.request import CreateOptions
from domain.watch import Kind

GOLDEN = Path(__file__).parent / "golden"
CHOICES = (modals.Choice("g5.xlarge", 1, "a10g", 1.006), modals.Choice("p5.48xlarge", 8, "h100", None))
FORM = modals.Form(
    choices=CHOICES,
    regions=("us-west-2", "eu-west-1"),
    max_nodes=8,
    longest="7 d",
    defaults=CreateOptions(gpu="g5.xlarge", gpus="1", ttl="8h", region="us-west-2", ami="bottlerocket"),
    priced_in="us-west-2",
    key="1.2.abc",
    outlook=modals.Outlook(
        basis=modals.basis("2", "g5.12xlarge", 8 * 3600),
        seconds=8 * 3600,
        quote=requested().quote,
        budget=(BudgetLine("vision", "2026-11", 500.0, 400.0, 65.0, 95.0),),
        requirements=(Requirement("approvers", 1), Requirement("admins", 1, "This puts vision at 112 % of November.")),
    ),
    channel="C0RAYGPU",
)
WAITING = in_phase(Phase.AWAITING_APPROVAL)
DESK = home.Desk(
    clusters=(in_phase(Phase.READY), in_phase(Phase.PARKED), in_phase(Phase.AWAITING_APPROVAL)),
    waiting=(WAITING,),
    standing=(
        BudgetLine("<@U0ALICE>", "2026-11", 0.0, 40.5, 12.0, 0.0),
        BudgetLine("vision", "2026-11", 500.0, 480.0, 65.0, 0.0),
        BudgetLine("speech", "2026-11", 500.0, None, 65.0, 0.0),
    ),
)
PARKING = idle(told=(told(1), told(3, step="park", act_at=LATER + 1800)))
ENDING = replace(idle(), expires_at=LATER + 7200)
SLEEPING = replace(in_phase(Phase.PARKED), watch=watch())
CARDS = {
    "awaiting_approval": lambda: cluster_card(in_phase(Phase.AWAITING_APPROVAL), NOW + 120),
    "provisioning": lambda: cluster_card(in_phase(Phase.PROVISIONING), NOW + 700),
    "trouble": lambda: cluster_card(in_phase(Phase.TROUBLE), NOW + 1500),
    "ready": lambda: cluster_card(in_phase(Phase.READY), NOW + 1500),
    "parked": lambda: cluster_card(in_phase(Phase.PARKED), NOW + 1500),
    "deleted": lambda: cluster_card(in_phase(Phase.DELETED), NOW + 9960),
    "create_modal": lambda: modals.create_modal(FORM),
    "change_modal": lambda: change_form.change_modal(WAITING, "C0RAYGPU", "1.2.abc"),
    "home": lambda: home.home_view(DESK),
    "asked": lambda: notices.notice(WAITING, "asked", ("U0BOB", "U0BORIS"), NOW + 120),
    "ready_notice": lambda: notices.notice(in_phase(Phase.READY), "ready", ("U0ALICE",), NOW + 1500),
    "list": lambda: listing.cluster_list((in_phase(Phase.READY), in_phase(Phase.TROUBLE)), "all"),
    "help": help.overview,
    "idle": lambda: reminders.idle_message(PARKING, RULES, LATER),
    "idle_warm": lambda: reminders.idle_message(idle(Kind.WARM), RULES, LATER),
    "unseen": lambda: reminders.idle_message(unseen(), RULES, LATER),
    "broken": lambda: reminders.idle_message(wasted(), RULES, LATER),
    "kept": lambda: reminders.idle_message(keep(idle(), "the demo is on Monday"), RULES, LATER),
    "nudge": lambda: reminders.nudge(PARKING, sent(step="park", act_at=LATER + 3600), LATER),
    "expires": lambda: reminders.nudge(ENDING, sent("expires-2h", step="delete", act_at=LATER + 7200), LATER),
    "deletes": lambda: reminders.nudge(SLEEPING, sent("deletes-24h", step="delete", act_at=LATER + 86400), LATER),
    "why": lambda: evidence.page(unseen(), LATER + 120),
    "keep_modal": lambda: modals.keep_modal(modals.Keeping(idle(), LATER + 86400, LATER, channel="D0", key="1.2.abc")),
    "daily": lambda: digests.daily(day(), LATER),
    "weekly": lambda: digests.weekly(week(), LATER),
}


@pytest.mark.parametrize("name", CARDS)
def test_it_looks_as_it_did(name: str) -> None:
    """A card changes only when somebody means it to."""
    made: Any = json.loads(json.dumps(CARDS[name]()))
    path = GOLDEN / f"{name}.json"
    if os.environ.get("RAYGPU_GOLDEN") == "write":
        path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert made == json.loads(path.read_text(encoding="utf-8"))
