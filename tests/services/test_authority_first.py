"""Every use case asks the authority before it touches anything: whoever calls, nothing is read or written before the answer.

A wire lies around every port. It trips when a use case reaches a port before it has asked, but for the one record that
must be read to know what is asked about.
"""

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from fakes import FakeCatalogue, FakeIdentifiers
from service_rig import Rig, asked
from worlds import ALICE, BOB, CAROL, MALLORY, NOW, groups, plane, proven_record, record, request, spec

import services
from domain.errors import Refused
from domain.observation import ControlPlane
from domain.policy import Act
from domain.request import CreateOptions
from domain.rules import Actor, Freeze
from domain.wishes import Park
from handlers.calls import UseCases
from services.admin import Admin
from services.authority import Authority
from services.changes import Changes
from services.decisions import Click, Decisions
from services.errands import Errander
from services.ports import Errand, Errands, Fleet
from services.queries import Queries
from services.requests import Asked, Requests
from services.sweeper import Lookout, Sweeper
from services.waker import Waker

OPTIONS = CreateOptions(name="fresh")
READS_FIRST = {"clusters.get"}  # what a click or a wish is about


class Wire:
    """Logs every call of a port that comes before the authority was asked in this call of a use case."""

    def __init__(self) -> None:
        self.asked = False
        self.tripped: list[str] = []
        self.touched: list[str] = []

    def around(self, port: object, name: str) -> Any:
        """The port behind the wire."""
        wire = self

        class Behind:
            def __getattr__(self, method: str) -> Any:
                target = getattr(port, method)

                def call(*args: Any, **named: Any) -> Any:
                    touched = f"{name}.{method}"
                    wire.touched.append(touched)
                    if not wire.asked and touched not in READS_FIRST:
                        wire.tripped.append(touched)
                    return target(*args, **named)

                return call

        return Behind()


class Watched(Authority):
    """The authority, telling the wire that it was asked."""

    wire: Wire

    def verdict(self, *args: Any, **named: Any) -> Any:
        self.wire.asked = True
        return super().verdict(*args, **named)


class Drawer(Errands):
    """Keeps errands."""

    def put(self, errand: Errand) -> None:
        self.last = errand

    def take(self, errand_id: str) -> Any:
        return self.last


LOST = record(replace(spec(), name="lost"), id="lost-22222")


class Lost(Fleet):
    """One control plane that no record knows."""

    def managed(self, region: str) -> tuple[ControlPlane, ...]:
        return (plane(LOST),)


class Wired:
    """All use cases that a person may reach, every port of theirs behind the wire."""

    def __init__(self) -> None:
        rig = self.rig = Rig()
        wire = self.wire = Wire()
        # The authority's own brake and clock are not behind the wire: asking is what it needs them for.
        authority = Watched(rules=rig.authority.rules(), switches=rig.switches, clock=rig.clock)
        authority.wire = wire
        clusters, clock = wire.around(rig.clusters, "clusters"), wire.around(rig.clock, "clock")
        accounts, queue = wire.around(rig.accounts, "accounts"), wire.around(rig.queue, "queue")
        ids = wire.around(FakeIdentifiers(), "ids")
        waker = Waker(wire.around(rig.due, "due"), queue)
        writing = {"clusters": clusters, "waker": waker, "clock": clock, "authority": authority}
        self.requests = Requests(
            **writing,
            catalogue=wire.around(FakeCatalogue(), "catalogue"),
            prices=wire.around(rig.prices, "prices"),
            ids=ids,
            accounts=accounts,
        )
        self.decisions = Decisions(**writing, accounts=accounts)
        self.changes = Changes(**writing, accounts=accounts)
        trail = wire.around(rig.trail, "trail")
        self.queries = Queries(clusters=clusters, clock=clock, authority=authority, trail=trail, accounts=accounts)
        self.admin = Admin(switches=wire.around(rig.switches, "switches"), clock=clock, authority=authority)
        drawer = wire.around(Drawer(), "errands")
        self.errander = Errander(errands=drawer, queue=queue, authority=authority, ids=ids)
        rig.cloud.groups = groups(LOST)
        eyes = wire.around(rig.eyes.groups, "groups"), wire.around(rig.capacity, "capacity")
        lookout = Lookout(wire.around(Lost(), "fleet"), *eyes)
        self.sweeper = Sweeper(**writing, lookout=lookout, beats=wire.around(None, "beats"))
        self.ready = rig.clusters.put(proven_record())
        self.open = rig.clusters.put(replace(request(), id="open-22222", spec=replace(request().spec, name="open")))
        rig.script.calls.clear()


@dataclass(frozen=True)
class Row:
    """How a method is called, and by whom it may be."""

    call: Callable[[Wired, Asked], Any]
    by: str = ALICE


ROWS: dict[str, Row] = {
    "Requests.create": Row(lambda w, a: w.requests.create(OPTIONS, a)),
    "Requests.plan": Row(lambda w, a: w.requests.plan(OPTIONS, a)),
    "Requests.preview": Row(lambda w, a: raised(w.requests.preview(OPTIONS, a).fault)),
    "Decisions.decide": Row(lambda w, a: w.decisions.decide(Click(w.open.id, w.open.digest, True), a), BOB),
    "Changes.change": Row(lambda w, a: w.changes.change(w.ready.id, Park(), a)),
    "Changes.may": Row(lambda w, a: w.changes.may(w.ready, Act.DELETE, a)),
    "Queries.find": Row(lambda w, a: w.queries.find(a.actor, "demo")),
    "Queries.get": Row(lambda w, a: w.queries.get(a.actor, w.ready.id)),
    "Queries.list": Row(lambda w, a: w.queries.list(a.actor, "all")),
    "Queries.approvals": Row(lambda w, a: w.queries.approvals(a.actor)),
    "Queries.history": Row(lambda w, a: w.queries.history(a.actor, "demo")),
    "Queries.costs": Row(lambda w, a: w.queries.costs(a.actor, "all", 86400)),
    "Queries.standing": Row(lambda w, a: w.queries.standing(a.actor)),
    "Admin.freeze": Row(lambda w, a: w.admin.freeze("audit", a), CAROL),
    "Admin.unfreeze": Row(lambda w, a: (pulled(w), w.admin.unfreeze(a)), CAROL),
    "Admin.halt": Row(lambda w, a: w.admin.halt("holidays", a), CAROL),
    "Admin.unhalt": Row(lambda w, a: (halted(w), w.admin.unhalt(a)), CAROL),
    "Sweeper.adopt": Row(lambda w, a: w.sweeper.adopt(LOST.id, a), CAROL),
    "Errander.send": Row(lambda w, a: w.errander.send("doctor", {}, a, "https://example"), CAROL),
}
# A price list is nobody's: these name no person, read prices only, and write nothing.
NAMELESS = {
    "Requests.offers": lambda w: w.requests.offers("us-west-2"),
    "Requests.refresh_prices": lambda w: w.requests.refresh_prices(),
}
OF_LISTENERS = [
    kind for kind in typing.get_type_hints(UseCases).values()
    if kind.__module__.startswith("services.") and kind is not Authority and "ports" not in kind.__module__
]  # fmt: skip
PERSON = {"Asked", "Actor"}


def raised(fault: Refused | None) -> None:
    """A fault that is shown instead of raised."""
    if fault is not None:
        raise fault


def pulled(wired: Wired) -> None:
    """The brake, pulled by somebody before."""
    wired.rig.switches.pulled = Freeze(CAROL, NOW, "")


def halted(wired: Wired) -> None:
    """Automatic steps, stopped by somebody before."""
    wired.rig.switches.halted = Freeze(CAROL, NOW, "")


def public(kind: type) -> dict[str, Callable[..., Any]]:
    """The methods that others may call."""
    found = inspect.getmembers(kind, inspect.isfunction)
    return {f"{kind.__name__}.{name}": method for name, method in found if not name.startswith("_")}


def takes_a_person(method: Callable[..., Any]) -> bool:
    """True for what somebody may ask for."""
    return bool({parameter.annotation for parameter in inspect.signature(method).parameters.values()} & PERSON)


def test_every_public_method_has_a_row() -> None:
    """A new method of any use case a listener may call fails here until it is tried below."""
    assert {kind.__name__ for kind in OF_LISTENERS} == {
        "Requests", "Decisions", "Changes", "Queries", "Admin", "Errander",
    }  # fmt: skip
    of_listeners = {name for kind in OF_LISTENERS for name in public(kind)}
    assert of_listeners == (set(ROWS) - {"Sweeper.adopt"}) | set(NAMELESS)


def test_every_method_of_the_services_that_takes_a_person_has_a_row() -> None:
    """Found in every module of the room: whatever names an actor is tried below; the authority itself is who is asked."""
    found = set()
    for module in pkgutil.walk_packages(services.__path__, "services."):
        loaded = importlib.import_module(module.name)
        for _, kind in inspect.getmembers(loaded, inspect.isclass):
            if kind.__module__ == module.name and kind is not Authority:
                found |= {name for name, method in public(kind).items() if takes_a_person(method)}
    assert found == set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_who_may_is_asked_about_before_any_port_is_touched(name: str) -> None:
    """A call that goes through: everything but the record in question is touched after the question."""
    wired, row = Wired(), ROWS[name]
    row.call(wired, asked(row.by, "op-1"))
    assert wired.wire.asked and wired.wire.tripped == []
    assert wired.wire.touched or name == "Changes.may"


@pytest.mark.parametrize("name", ROWS)
def test_who_may_not_touches_nothing(name: str) -> None:
    """A guest: refused, and not one port was reached but for the record in question; nothing was written."""
    wired, row = Wired(), ROWS[name]
    with pytest.raises(Refused) as refused:
        row.call(wired, asked(MALLORY, "op-1"))
    assert refused.value.reason == "Guest"
    assert set(wired.wire.touched) <= READS_FIRST
    assert wired.rig.clusters.audit == [] and wired.rig.due.woken == wired.rig.queue.sent == []


@pytest.mark.parametrize("name", NAMELESS)
def test_what_names_no_person_reads_prices_only(name: str) -> None:
    """No actor comes in, no record is read, nothing is written."""
    wired = Wired()
    assert not takes_a_person(public(Requests)[name])
    NAMELESS[name](wired)
    assert {touched.split(".")[0] for touched in wired.wire.touched} <= {"prices", "catalogue"}


def test_the_wire_itself_trips() -> None:
    """A use case that would look first and ask later is found out."""
    wired = Wired()

    class Hasty(Queries):
        def list(self, actor: Actor, scope: str) -> Any:
            self._clusters.live()
            return super().list(actor, scope)

    hasty = Hasty(
        clusters=wired.wire.around(wired.rig.clusters, "clusters"), clock=wired.rig.clock, trail=wired.rig.trail,
        authority=wired.rig.authority, accounts=wired.rig.accounts,
    )  # fmt: skip
    hasty.list(asked(ALICE).actor, "all")
    assert wired.wire.tripped[0] == "clusters.live"
