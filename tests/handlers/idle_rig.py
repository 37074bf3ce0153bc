"""A bot with a cluster that idles, and the message about it as somebody presses its buttons."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gesture_rig import Rig
from idle_samples import LATER, RULES, readings, watch

from blocks import ids
from blocks.reminders import idle_message
from domain.cluster import Cluster, Phase
from domain.watch import Reading, State, Use
from domain.words import say


def idling() -> Rig:
    """A bot with alice's demo, which idles since three hours."""
    made = Rig()
    made.world.at = LATER
    held = made.in_phase(Phase.READY)
    made.world.hold(replace(held, watch=watch(), usd_per_hour_now=11.89, expires_at=LATER + 4 * 3600))
    return made


def demo(rig: Rig) -> Cluster:
    """The record as it is now."""
    return next(iter(rig.world.records.values()))


def button(rig: Rig, action_id: str) -> str:
    """What a button of the message carries now."""
    return pressed(idle_message(demo(rig), RULES, rig.world.at)[1], action_id)


def pressed(blocks: list[dict[str, Any]], action_id: str) -> str:
    """The value of one of these buttons."""
    rows = [block for block in blocks if block["type"] == "actions"]
    return next(e["value"] for row in rows for e in row["elements"] if e["action_id"] == action_id)


def worked(rig: Rig) -> None:
    """Work is seen: another epoch begins."""
    held = demo(rig)
    seen = readings(U=Reading("U", State.ACTIVE, LATER, LATER, "dcgm", say("8 of 8 GPUs at work, up to 93 %.")))
    anew = watch(Use.ACTIVE, None, epoch=5, readings=seen, active_at=LATER, idle_s=0.0)
    rig.world.hold(replace(held, watch=anew, version=held.version + 1))


def opened(rig: Rig, user: str = "U0ALICE") -> dict[str, Any]:
    """The form of Keep until…."""
    rig.click(ids.KEEP_UNTIL, button(rig, ids.KEEP_UNTIL), user=user)
    return rig.screen.modals[-1][1]
