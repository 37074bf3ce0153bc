"""Audit, emergency brake, signs of life, errands and facts, over memory and over a real Valkey."""

from dataclasses import replace

import pytest
from redis import Redis

from adapters.redis_store.scripts import FREEZE, HALT, INSTALLED
from domain.errors import Exceeded, Outdated, Taken
from domain.observation import ABSENT
from domain.quotas import ALL, CLUSTERS, Limit
from domain.rules import Freeze
from services.ports import AuditEntry, Errand, Writ
from tests.engine_support import AUDIT, Engine, RedisEngine, approved, sample

ERRAND = Errand("e-1", "doctor", "U0CAROL", "C0RAYGPU", "https://slack.test/r", "op-9", {"name": "demo <&>"})
FROZEN = Freeze("U0CAROL", 1_800_000_000.5, "billing looks odd")
FROZE = AuditEntry("U0CAROL", "freeze", "raygpu", "command", 1_800_000_000.5, "billing looks odd")


def test_trail_tells_of_each_change_newest_first(engine: Engine) -> None:
    """Every field of an entry comes back as written, with the operation that caused it; refused changes leave none."""
    added = engine.clusters.add(sample("demo-1", "one"), "op-1", replace(AUDIT, detail="“ü” <&>\n"))
    approve = replace(AUDIT, action="approve", actor="U0BOB", before="Awaiting approval", after="Provisioning", at=1.25)
    saved = engine.clusters.save(approved(added), "op-2", None, Writ(approve))
    engine.clusters.save(approved(added), "op-2", None, Writ(approve))
    engine.clusters.save(saved, "op-3", None, Writ())
    other = engine.clusters.add(sample("demo-2", "two"), "op-4", AUDIT)
    with pytest.raises(Outdated):
        engine.clusters.save(saved, "op-5", None, Writ(AUDIT))
    with pytest.raises(Taken):
        engine.clusters.add(sample("demo-3", "two"), "op-6", AUDIT)
    with pytest.raises(Exceeded):
        engine.clusters.save(approved(other), "op-7", None, Writ(AUDIT, (Limit(ALL, CLUSTERS, 1),)))
    first, second = replace(AUDIT, detail="“ü” <&>\n", operation="op-1"), replace(approve, operation="op-2")
    third = replace(AUDIT, operation="op-4")
    assert engine.trail.of("demo-1", 10) == (second, first)
    assert engine.trail.of("demo-1", 1) == (second,)
    assert engine.trail.of("demo-1", 0) == ()
    assert engine.trail.of("demo-2", 10) == (third,)
    assert engine.trail.of("demo-3", 10) == ()
    assert list(engine.trail.since(0)) == [first, second, third]


def test_trail_since_a_time_leaves_out_what_was_before(engine: Engine) -> None:
    """`since` counts by the store's own clock, not by the time that an entry tells."""
    engine.clusters.add(sample("demo-1", "one"), "op-1", replace(AUDIT, at=9e9))
    then = engine.tick()
    engine.clusters.add(sample("demo-2", "two"), "op-2", replace(AUDIT, at=1.0))
    assert [entry.operation for entry in engine.trail.since(then)] == ["op-2"]
    assert list(engine.trail.since(engine.tick())) == []


def test_brake_is_pulled_and_lifted_with_its_audit(engine: Engine) -> None:
    """It stands as last set; each setting is told once in the trail, also when it is repeated late."""
    assert engine.switches.freeze() is None
    engine.switches.set_freeze(FROZEN, "op-1", FROZE)
    engine.switches.set_freeze(FROZEN, "op-1", FROZE)
    assert engine.switches.freeze() == FROZEN
    engine.switches.set_freeze(None, "op-2", replace(FROZE, action="unfreeze"))
    engine.switches.set_freeze(FROZEN, "op-1", FROZE)
    assert engine.switches.freeze() is None
    told = [(entry.action, entry.object, entry.operation) for entry in engine.trail.since(0)]
    assert told == [("freeze", "raygpu", "op-1"), ("unfreeze", "raygpu", "op-2")]


def test_halt_is_a_switch_of_its_own(engine: Engine) -> None:
    """It stands as last set, each setting told once, also when it comes again late; the brake knows nothing of it."""
    halted = Freeze("U0CAROL", 1_800_000_100.25, "demo day “ü”")
    told = AuditEntry("U0CAROL", "halt", "raygpu", "command", 1_800_000_100.25, after="demo day")
    assert engine.switches.halt() is None
    engine.switches.set_halt(halted, "op-1", told)
    engine.switches.set_halt(halted, "op-1", told)
    assert engine.switches.halt() == halted
    assert engine.switches.freeze() is None
    engine.switches.set_freeze(FROZEN, "op-2", FROZE)
    engine.switches.set_halt(None, "op-3", replace(told, action="unhalt"))
    engine.switches.set_halt(halted, "op-1", told)
    assert engine.switches.halt() is None
    assert engine.switches.freeze() == FROZEN
    acts = [(entry.action, entry.operation) for entry in engine.trail.since(0)]
    assert acts == [("halt", "op-1"), ("freeze", "op-2"), ("unhalt", "op-3")]


def test_the_beginning_of_an_installation_is_that_of_the_first_who_asked(engine: Engine) -> None:
    """To the microsecond, for ever, whatever clock asks later."""
    assert engine.switches.installed_at(1_800_000_000.123456) == 1_800_000_000.123456
    for later in (1_900_000_000.0, 1.0):
        assert engine.switches.installed_at(later) == 1_800_000_000.123456


def test_places_are_so_many_within_the_window(engine: Engine) -> None:
    """Two an hour: the third waits until the first is an hour old; another key has places of its own."""
    take = engine.allowances.take
    assert [take("steps", name, 2, 3600, at) for name, at in (("a", 0), ("b", 600), ("c", 1200))] == [True, True, False]
    assert not take("steps", "c", 2, 3600, 3599.5)
    assert take("steps", "c", 2, 3600, 3600)
    assert not take("steps", "d", 2, 3600, 3601)
    assert take("others", "d", 2, 3600, 3601)


def test_a_place_is_kept_by_who_has_it(engine: Engine) -> None:
    """Tried again it is the same place: it takes no second one, and is not made younger by asking."""
    take = engine.allowances.take
    assert [take("steps", "a", 2, 3600, at) for at in (0, 10, 3500)] == [True] * 3
    assert take("steps", "b", 2, 3600, 3500)
    assert not take("steps", "c", 2, 3600, 3599)
    assert take("steps", "c", 2, 3600, 3601)


def test_no_place_where_none_is_allowed(engine: Engine) -> None:
    """Zero an hour is never, for anybody."""
    assert not engine.allowances.take("steps", "a", 0, 3600, 0)
    assert not engine.allowances.take("steps", "a", 0, 3600, 1e9)


def test_a_clock_that_was_set_back_frees_no_place(engine: Engine) -> None:
    """What was taken at a later time counts as taken."""
    take = engine.allowances.take
    assert take("steps", "a", 1, 3600, 10_000)
    assert not take("steps", "b", 1, 3600, 5_000)
    assert take("steps", "a", 1, 3600, 5_000)


def test_switches_that_cannot_be_read_are_set(valkey_url: str) -> None:
    """What is wrong in Redis stops raygpu rather than letting it go on: a torn brake, halt and beginning."""
    client = Redis.from_url(valkey_url)
    switches = RedisEngine(client).switches
    for key in (FREEZE, HALT):
        client.set(key, b"{torn")
    client.set(INSTALLED, b"nan")
    assert switches.freeze() is not None and switches.halt() is not None
    assert switches.installed_at(77.0) == 77.0
    client.close()


def test_beats_tell_how_long_a_loop_has_been_silent(engine: Engine) -> None:
    """Each loop is read with its age and last words, the longest silent first; a loop never heard of is not there."""
    assert engine.beats.read() == {}
    engine.beats.put("tick", "3 sent")
    engine.advance(40)
    engine.beats.put("sweep")
    engine.advance(5)
    read = engine.beats.read()
    assert [(name, beat.detail) for name, beat in read.items()] == [("tick", "3 sent"), ("sweep", "")]
    assert [beat.age_s for beat in read.values()] == [pytest.approx(45, abs=1), pytest.approx(5, abs=1)]
    engine.beats.put("tick", "0 sent")
    read = engine.beats.read()
    assert list(read) == ["sweep", "tick"]
    assert (read["tick"].age_s, read["tick"].detail) == (pytest.approx(0, abs=1), "0 sent")


def test_errand_is_handed_out_once(engine: Engine) -> None:
    """An errand comes back as it was put, to the first who asks for it, and to nobody after."""
    engine.errands.put(replace(ERRAND, id="e-0"))
    engine.errands.put(ERRAND)
    assert engine.errands.take("e-1") == ERRAND
    assert engine.errands.take("e-1") is ABSENT
    assert engine.errands.take("e-9") is ABSENT
    assert engine.errands.take("e-0") == replace(ERRAND, id="e-0")


def test_errand_that_cannot_be_answered_any_more_is_gone(engine: Engine) -> None:
    """It is kept for the 30 minutes in which Slack takes an answer, and no longer."""
    engine.errands.put(ERRAND)
    engine.errands.put(replace(ERRAND, id="e-2"))
    engine.advance(29 * 60)
    assert engine.errands.take("e-1") == ERRAND
    engine.advance(2 * 60)
    assert engine.errands.take("e-2") is ABSENT


def test_store_tells_what_decides_on_durability(engine: Engine) -> None:
    """The doctor reads the settings and the state that decide whether records survive."""
    facts = engine.facts.facts()
    assert {"appendonly", "appendfsync", "maxmemory-policy", "used_memory", "version"} <= facts.keys()
    assert facts["maxmemory-policy"] == "noeviction"
    assert facts["appendonly"] in ("yes", "no")
    assert int(facts["used_memory"]) > 0
