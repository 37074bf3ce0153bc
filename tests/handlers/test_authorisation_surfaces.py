"""Whatever somebody uses, command, button, form or Home tab: the verdict is the policy's, and a refusal changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import rig_world
from gesture_rig import Rig
from policy_table import FREEZE, Kind, in_phase, kinds
from surfaces import HARMLESS, SURFACES, Surface, keep_priced, priced
from worlds import NOW

from blocks import ids
from blocks.text import plain, sentence
from domain.cluster import Cluster, Phase
from domain.errors import Refused
from domain.policy import Act, Verdict, Wanted, decide
from domain.request import CreateOptions, to_spec
from domain.rules import Actor, Rules
from handlers import routes
from handlers.answers import Answer
from handlers.calls import Call, UseCases, Via, actor_of
from services.ports import Writ

PEOPLE = tuple(kind for kind in kinds() if kind.relation != "raygpu")
ELSE = Actor("U0ELSE", "else")


@pytest.fixture(scope="module")
def rig() -> Rig:
    """One bot for a whole table; each case begins with an empty store."""
    return Rig()


def settle(rig: Rig, rules: Rules, cluster: Cluster) -> None:
    """The world of one case."""
    world = rig.world
    world.restart()
    world.at, world.rules = (
        NOW,
        replace(rules, principals={ELSE.id: ("arn:aws:iam::111122223333:role/else",)}, freeze=None),
    )
    world.switches._freeze = rules.freeze
    world.hold(cluster)
    rig.screen.__init__()  # type: ignore[misc] # empty again


def expected(kind: Kind, surface: Surface, cluster: Cluster, rules: Rules) -> Verdict:
    """What the policy says, asked as a use case asks it."""
    act = surface.act
    if act is not Act.CREATE:
        return decide(kind.actor, act, cluster, rules, NOW)
    verdict = decide(kind.actor, act, None, rules, NOW)
    if surface.opens or not verdict.allowed:
        return verdict
    try:
        spec = to_spec(CreateOptions(name="fresh", team="vision"), kind.actor, rules, rig_world.TYPES)
    except Refused as no:
        return Verdict(False, no.reason, no.message)
    return decide(kind.actor, act, Wanted(spec, "C0RAYGPU"), rules, NOW)


def seen(rig: Rig, reply_text: str) -> str:
    """All that the person got to see, wherever it appeared."""
    screen = rig.screen
    return " ".join([reply_text, *map(str, screen.answers), *map(str, screen.modals), *map(str, screen.homes.values())])


def quoted(text: str) -> tuple[str, str]:
    """How a sentence looks in a message, and how at a field."""
    return sentence(text), plain(text)


@pytest.mark.parametrize("frozen", [False, True], ids=["", "frozen"])
@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.timeout(300)
def test_every_surface_speaks_with_one_voice(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, phase: Phase, frozen: bool
) -> None:
    """Every kind of actor at every surface, in this phase: the policy's verdict; refused, nothing is changed."""
    cluster = replace(in_phase()[phase], version=1)
    for kind in PEOPLE:
        rules = kind.rules(frozen)
        monkeypatch.setattr(rig_world, "PEOPLE", {kind.actor.id: kind.actor, ELSE.id: ELSE})
        for surface in SURFACES:
            assert_one_voice(rig, surface, kind, cluster, rules)


def assert_one_voice(rig: Rig, surface: Surface, kind: Kind, cluster: Cluster, rules: Rules) -> None:
    """One cell of the table."""
    case = f"{surface.name} by {kind.name}"
    settle(rig, rules, cluster)
    before, verdict = rig.world.state(), expected(kind, surface, cluster, rules)
    reply = surface.gesture(rig, cluster, kind.actor.id)
    assert reply.status == 200, case
    asked, told = rig.world.asked, seen(rig, str(reply.json or ""))
    if verdict.allowed:
        assert (kind.actor.id, surface.act, True) in asked, (case, asked, told)
        assert all(allowed for _, act, allowed in asked if act is surface.act), (case, asked)
        return
    assert rig.world.state() == before, (case, told)
    assert (kind.actor.id, surface.act, True) not in asked or surface.act is Act.CREATE, (case, asked)
    if surface.gesture in (priced, keep_priced):
        return  # a form goes on while somebody types; it is refused when it is sent
    assert any(text in told for text in quoted(verdict.message)), (case, verdict, told)


def test_every_act_of_a_person_has_a_surface() -> None:
    """The table forgets no act."""
    assert {surface.act for surface in SURFACES} == set(Act)


# --- the tripwire -----------------------------------------------------------------------------------------------------


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The handlers of the routing table that were run."""
    found: list[object] = []
    guarded = routes.guarded

    def noted(handler: Any, call: Call, use_cases: UseCases) -> Answer:
        found.append(handler)
        return guarded(handler, call, use_cases)

    monkeypatch.setattr(routes, "guarded", noted)
    return found


def assert_decided(rig: Rig, what: str) -> None:
    """No port was reached before a decision, and nothing was written on the strength of a mere VIEW, but for the errand
    that has a picture drawn for who looks."""
    drawn = {(one.port, one.method) for one in rig.world.touched if is_chart(rig)} & {
        ("errands", "put"),
        ("queue", "send"),
    }
    for touch in rig.world.touched:
        assert touch.allowed, f"{what}: {touch.port}.{touch.method} before any decision"
        may_write = set(touch.allowed) > {Act.VIEW} or (touch.port, touch.method) in drawn
        assert not touch.is_write or may_write, f"{what}: {touch.port}.{touch.method} on a VIEW"


def is_chart(rig: Rig) -> bool:
    """True when nothing but one picture was asked for."""
    return [errand.kind for _, errand in rig.world.errands._errands.values()] == ["chart"]


def test_no_route_reaches_a_port_without_a_decision(
    rig: Rig, ran: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every handler of ROUTES is run, for people who may and who may not; complete by reflection over the table."""
    everyone = {kind.actor.id: kind.actor for kind in PEOPLE if not kind.flag} | {ELSE.id: ELSE}
    monkeypatch.setattr(rig_world, "PEOPLE", everyone)
    for kind in (Kind("owner"), Kind("member"), Kind("member", frozenset({"approver", "admin"}))):
        for phase in (Phase.AWAITING_APPROVAL, Phase.READY, Phase.PARKED, Phase.TROUBLE):
            cluster = replace(in_phase()[phase], version=1)
            for name, gesture in (*((s.name, s.gesture) for s in SURFACES), *(("harmless", g) for g in HARMLESS)):
                settle(rig, kind.rules(frozen=False), cluster)
                assert gesture(rig, cluster, kind.actor.id).status == 200
                assert_decided(rig, f"{name} by {kind.name}")
    missing = [route for route in routes.ROUTES if route.handler not in ran]
    assert not missing


@pytest.mark.parametrize("is_write", [True, False])
def test_the_tripwire_catches_a_listener_that_asks_nobody(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, is_write: bool
) -> None:
    """A handler that goes past the authority, or that writes after a mere look, fails the check."""

    def careless(call: Call, use_cases: UseCases) -> None:
        clusters = use_cases.changes._clusters
        if is_write:
            actor_of(call, use_cases)
            clusters.save(clusters.all()[0], call.operation, None, Writ())
        else:
            clusters.all()

    settle(rig, Kind("owner").rules(frozen=False), replace(in_phase()[Phase.READY], version=1))
    monkeypatch.setattr(rig_world, "PEOPLE", {"U0OLGA": Actor("U0OLGA")})
    rig.world.begin()
    careless(Call(Via.BUTTON, "U0OLGA", "click:1"), rig.use_cases)
    with pytest.raises(AssertionError, match="on a VIEW" if is_write else "before any decision"):
        assert_decided(rig, "careless")


def test_freezing_is_in_the_table() -> None:
    """The frozen half of the table is one in which the brake is pulled."""
    assert Kind("owner").rules(frozen=True).freeze == FREEZE
    assert ids.APPROVE in {name.split()[-1] for name in (surface.name for surface in SURFACES)}
