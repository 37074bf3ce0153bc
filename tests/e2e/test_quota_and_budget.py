"""Clicks at the same moment, over the wire: one decision and two true answers; votes of two count both; the last room
in a quota goes to one, and the other learns what frees more and when."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from story_rig import ALICE, BOB, BORIS, CAROL, Sandbox, bot, buttons, said, sandbox, wait_for

from sandbox.bot_process import run_once

pytestmark = pytest.mark.timeout(300)
PAIRS = 4
DELETED: list[str] = []
CONFIG = {
    "teams": {"vision": ["U0ALICE", "U0BOB"], "narrow": ["U0ALICE"]},
    "quotas": {"user": {"clusters": 50}, "teams": {"narrow": {"clusters": 1}}},
}

Gesture = tuple[dict[str, Any], str, str]
"""A card, a button of it, and who presses it."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """With a bot whose configuration has room for one cluster of team narrow."""
    folder = tmp_path_factory.mktemp("bot")
    with sandbox("--speed", "60", "--seed", "17", "--no-bot") as running, bot(running, folder, CONFIG):
        running.early_in_month()
        yield running


def together(world: Sandbox, *gestures: Gesture) -> list[str]:
    """All of them at once, and what each person was then told."""
    gate = Barrier(len(gestures))
    before = [len(world.whispers(user)) for _, _, user in gestures]

    def one(gesture: Gesture) -> int:
        card, action, user = gesture
        gate.wait()
        return int(world.click(card, action, user)["status"])

    with ThreadPoolExecutor(len(gestures)) as pool:
        assert set(pool.map(one, gestures)) == {200}
    return [
        wait_for(lambda u=user, n=seen: world.whispers(u)[n:], 10)[0]
        for (_, _, user), seen in zip(gestures, before, strict=True)
    ]


def votes(world: Sandbox, name: str) -> list[tuple[str, str]]:
    """Who decided what on a request, as the audit has it."""
    lines = run_once(world.env, "audit", "--cluster", name).stdout.splitlines()
    every = [json.loads(line) for line in lines]
    return [(e["action"], e["actor"]) for e in every if e["action"] in ("approve", "deny")]


def delete(world: Sandbox, name: str) -> None:
    """By the button of its card; that it is gone is seen at the end."""
    card = world.wait_card(name, lambda c: "Approved by" in said(c) and any("delete" in b for b in buttons(c)), 30)
    assert world.click(card, "delete", ALICE)["status"] == 200
    DELETED.append(name)


def test_of_two_clicks_at_once_one_decides_and_both_are_told_the_truth(world: Sandbox) -> None:
    """One approval is enough: of Approve and Approve, and of Approve and Deny, one counts; the other hears whose."""
    names = [f"pair-{number}" for number in range(PAIRS)]
    for name in names:
        world.command(f"create {name} --team vision")
    for number, name in enumerate(names):
        card = world.asking(name)
        other = "approve" if number % 2 else "deny"
        told = together(world, (card, "approve", BOB), (card, other, BORIS))
        [(act, actor)] = votes(world, name)
        first, second = (0, 1) if actor == BOB else (1, 0)
        done = "approved" if act == "approve" else "denied"
        assert f"You {done} *{name}*" in told[first]
        assert f"Already {done} by <@{actor}>" in told[second]
        world.wait_card(name, lambda c, a=actor, d=done: f"{d.title()} by <@{a}> <!date" in said(c), 30)
        if act == "approve":
            delete(world, name)


@pytest.mark.parametrize(
    ("name", "options", "second"),
    [("two-votes", "--gpu p5.48xlarge --ttl 1h", BORIS), ("two-tiers", "--gpu g5.12xlarge --gpus 4 --ttl 5d", CAROL)],
)
def test_of_two_who_are_needed_both_votes_count(world: Sandbox, name: str, options: str, second: str) -> None:
    """Two of one group, and one of each tier above a budget: pressed at once both are in, and one of them ended it."""
    world.command(f"create {name} {options} --team vision")
    told = together(world, (card := world.asking(name), "approve", BOB), (card, "approve", second))
    assert sorted(votes(world, name)) == sorted([("approve", BOB), ("approve", second)])
    whole = [words for words in told if f"You approved *{name}*; its card shows every step." in words]
    half = [words for words in told if f"You approved *{name}*: that is 1 of 2 approvals." in words]
    assert (len(whole), len(half)) == (1, 1)
    decided = world.wait_card(name, lambda c: "Approved by" in said(c), 30)
    assert re.search(rf"Approved by (<@{BOB}>, <@{second}>|<@{second}>, <@{BOB}>) <!date", said(decided))
    wait_for(lambda: world.eks(name), 60)
    delete(world, name)


def test_the_last_room_in_a_quota_goes_to_one_of_two(world: Sandbox) -> None:
    """The other is refused with who holds it, what ends first and when; its request stays open until there is room."""
    cards = {}
    for name in ("slot-a", "slot-b"):
        world.command(f"create {name} --team narrow --ttl 6h")
    for name in ("slot-a", "slot-b"):
        cards[name] = world.asking(name)
    told = together(world, (cards["slot-a"], "approve", BOB), (cards["slot-b"], "approve", BORIS))
    first, second = ("slot-a", "slot-b") if "You approved" in told[0] else ("slot-b", "slot-a")
    refused = told[1] if first == "slot-a" else told[0]
    assert "already holds 1 of at most 1 clusters, and this asks for 1 more." in refused
    ends = re.search(rf"“{first}” expires first, <!date\^(\d+)\^[^>]*>; delete one to make room sooner.", refused)
    assert ends is not None
    shown = world.wait_card(first, lambda c: "Expires" in said(c), 30)
    assert f"Expires <!date^{ends.group(1)}^" in said(shown)
    assert [len(votes(world, name)) for name in (first, second)] == [1, 0]
    assert ": awaiting approval." in world.card(second)["text"]
    assert "already holds 1 of at most 1 clusters" in said(world.command("create slot-c --team narrow")["body"])
    delete(world, first)
    world.gone(first)
    world.approve(second)
    delete(world, second)


def test_nothing_is_left(world: Sandbox) -> None:
    """No cluster, no leftover, no bill; each create call went through once."""
    for name in DELETED:
        assert "Nothing is left" in said(world.gone(name))
    left = world.get("/world")
    assert (left["clusters"], left["leftovers"], left["bill"]["per_hour"]) == ([], [], 0)
    assert set(world.created().values()) <= {1}
