"""Fuzzing the inbound half: payloads as Slack shapes them, mutated, one after another against the same records.

After each one an oracle looks: no 5xx, every change is in the audit, and the policy allows what the audit says.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import rig_world
from gesture_rig import PEOPLE, Reply, Rig
from hypothesis import strategies as st
from policy_table import in_phase
from surfaces import HARMLESS, SURFACES
from worlds import NOW

from domain.cluster import Cluster, Phase
from domain.policy import Act, decide
from domain.rules import Actor, Allowance, Quotas, Rules

OWNER = Actor("U0OLGA", "olga")
CROWD = {OWNER.id: OWNER, "U0ELSE": Actor("U0ELSE", "else"), **PEOPLE}
RULES = Rules(
    approvers=frozenset({"U0BOB", "U0BORIS"}),
    admins=frozenset({"U0CAROL"}),
    principals={"U0ELSE": ("arn:aws:iam::111122223333:role/else",)},
    quotas=Quotas(user=Allowance(clusters=3, gpus=16)),
)
GESTURES = (*(surface.gesture for surface in SURFACES), *HARMLESS)
JUNK = (
    None,
    True,
    0,
    -1,
    2**63,
    1.5,
    "",
    " ",
    "x" * 5000,
    "\x00",
    "\u202e",
    "🦖",
    "<@U0CAROL>",
    "&lt;",
    [],
    {},
    [[]],
    {"a": {}},
)
WORDS = (
    "--gpus",
    "--ttl",
    "99999999d",
    "-1",
    "“",
    "<@U0BOB|bob>",
    "demo",
    "\u00a0",
    "--",
    "0",
    "all",
    "until",
    "99:99",
)


@dataclass(frozen=True)
class Edit:
    """One mutation: `at` picks the place (modulo how many there are), `how` what is done there, `what` with which junk."""

    how: str
    at: int
    what: int


@dataclass(frozen=True)
class Shot:
    """One payload: which gesture, by whom, on which cluster, mutated how, after how many seconds."""

    gesture: int
    user: str
    cluster: int
    edits: tuple[Edit, ...]
    wait_s: int


HOWS = ("drop", "junk", "swap", "cut", "word", "nest", "double")
SHOOTERS = (OWNER.id, OWNER.id, "U0BOB", "U0BORIS", "U0CAROL", *sorted(CROWD))
PHASES = st.lists(st.sampled_from(list(Phase)), min_size=3, max_size=3)
# True random numbers from a seed that Hypothesis draws and reports: drawn one by one they would be much alike.
DICE = st.randoms(use_true_random=True)


def shots(dice: Random, count: int) -> Iterator[Shot]:
    """As many payloads; every second one as Slack would send it, the others mutated up to four times."""
    for _ in range(count):
        edits = dice.randint(1, 4) if dice.random() < 0.5 else 0
        yield Shot(
            gesture=dice.randrange(len(GESTURES)),
            user=dice.choice(SHOOTERS),
            cluster=dice.randrange(3),
            edits=tuple(Edit(dice.choice(HOWS), dice.randrange(200), dice.randrange(200)) for _ in range(edits)),
            wait_s=dice.choice((0, 0, 0, 60, 7200)),
        )


class Gun(Rig):
    """The rig, mutating every payload just before it is signed."""

    def __init__(self) -> None:
        super().__init__(rules=RULES)
        self.edits: tuple[Edit, ...] = ()

    def form(self, fields: Mapping[str, Any]) -> Reply:
        """A command's fields, or an interaction's payload: mutated inside."""
        if "payload" in fields:
            return super().form({"payload": json.dumps(mutated(json.loads(fields["payload"]), self.edits))})
        return super().form({name: as_text(value) for name, value in mutated(dict(fields), self.edits).items()})


def as_text(value: object) -> str:
    """A form carries text only."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else json.dumps(value)


def mutated(payload: Any, edits: tuple[Edit, ...]) -> Any:
    """The payload with every edit applied; the outermost mapping stays one."""
    held = copy.deepcopy(payload)
    for edit in edits:
        places = list(_places(held))
        if places:
            _apply(edit, *places[edit.at % len(places)], everything=places)
    return held


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) inside."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _apply(edit: Edit, inside: Any, key: Any, everything: list[tuple[Any, Any]]) -> None:
    held = inside[key]
    if edit.how == "drop":
        del inside[key]
    elif edit.how == "swap":
        other, there = everything[edit.what % len(everything)]
        inside[key] = copy.deepcopy(other[there])
    elif edit.how == "cut" and isinstance(held, str):
        inside[key] = held[: edit.what % (len(held) + 1)]
    elif edit.how == "word" and isinstance(held, str):
        inside[key] = f"{held} {WORDS[edit.what % len(WORDS)]}"
    elif edit.how == "nest":
        inside[key] = {"value": held, "id": held}
    elif edit.how == "double" and isinstance(inside, list):
        inside.append(copy.deepcopy(held))
    else:
        inside[key] = copy.deepcopy(JUNK[edit.what % len(JUNK)])


@dataclass
class Range:
    """The shooting range: fires, and looks after every shot."""

    gun: Gun = field(default_factory=Gun)
    statuses: Counter[int] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    shots: int = 0

    def settle(self, phases: list[Phase]) -> list[Cluster]:
        """A fresh store with a cluster in each of these phases; the first is called demo."""
        world = self.gun.world
        world.restart()
        world.at, world.rules = NOW, RULES
        made = []
        for number, phase in enumerate(phases):
            cluster = in_phase()[phase]
            if number:
                name = f"other{number}"
                cluster = replace(cluster, id=f"{name}-bbbb{number}", spec=replace(cluster.spec, name=name))
            made.append(world.hold(cluster))
        return made

    def fire(self, shot: Shot, clusters: list[Cluster]) -> None:
        """One payload, and the oracle's look."""
        world, gun = self.gun.world, self.gun
        world.at += shot.wait_s
        gun.edits = shot.edits
        before, told, rules = dict(world.records), len(world.audit), replace(RULES, freeze=world.switches.freeze())
        target = world.records[clusters[shot.cluster].id]
        reply = GESTURES[shot.gesture](gun, target, shot.user)
        self.shots += 1
        self.statuses[reply.status] += 1
        assert reply.status < 500, (shot, reply)
        self._judge(before, told, rules)

    def _judge(self, before: Mapping[str, Cluster], told: int, rules: Rules) -> None:
        world = self.gun.world
        entries = world.audit[told:]
        for entry in entries:
            act = Act(entry.action)
            self.changes[act] += 1
            thing = before.get(entry.object)
            verdict = decide(CROWD[entry.actor], act, thing, rules, world.at)
            assert verdict.allowed, (entry, verdict)
        changed = {name for name, cluster in world.records.items() if before.get(name) != cluster}
        assert changed <= {entry.object for entry in entries}, (changed, entries)
        if world.switches.freeze() != rules.freeze:
            assert {entry.action for entry in entries} & {Act.FREEZE, Act.UNFREEZE}, entries


def crowd(patch: Callable[[Any, str, Any], None]) -> None:
    """Puts the fuzz's people into the rig; `patch(object, name, value)` undoes it at the end."""
    patch(rig_world, "PEOPLE", CROWD)
