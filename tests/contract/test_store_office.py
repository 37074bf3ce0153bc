"""Audit, emergency brake, signs of life, errands and facts, over memory and over a real Valkey."""

from dataclasses import replace

import pytest

from domain.errors import Exceeded, Outdated, Taken
from domain.observation import ABSENT
from domain.quotas import ALL, CLUSTERS, Limit
from domain.rules import Freeze
from services.ports import AuditEntry, Errand, Writ
from tests.engine_support import AUDIT, Engine, approved, sample

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
