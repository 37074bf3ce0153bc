"""The sweep: what stands without a record is found and told, what could not be read is said, and nothing is changed."""

import logging
from dataclasses import replace

import pytest
from office_rig import DOWN, Office, asked
from worlds import ALICE, BOB, CAROL, NOW, RULES, plane, record, spec

from domain.doctor import SWEEP, SweepNote, noted
from domain.errors import Denied, Refused
from domain.lifecycle import is_live
from domain.observation import ABSENT
from domain.rules import Freeze
from services.ports import AuditEntry


def test_what_has_its_record_is_no_orphan() -> None:
    """And the beat remembers that all is well."""
    office = Office()
    office.known()
    sweep = office.sweeper.sweep()
    assert (sweep.orphans, sweep.missing, sweep.unread) == ((), (), ())
    assert noted(office.beats.read()[SWEEP].detail) == SweepNote(0, 0)


def test_an_orphan_is_logged_loudly(caplog: pytest.LogCaptureFixture) -> None:
    """Name, region and why, as an error; its count goes into the beat."""
    office = Office()
    lost = office.orphan()
    with caplog.at_level(logging.ERROR):
        sweep = office.sweeper.sweep()
    assert [one.plane.name for one in sweep.orphans] == [lost.eks_name]
    assert lost.eks_name in caplog.text
    assert "us-west-2" in caplog.text
    assert noted(office.beats.read()[SWEEP].detail) == SweepNote(1, 0)
    assert office.outside.changes == []


def test_a_region_that_cannot_be_read_is_said_and_stops_no_other() -> None:
    """An orphan elsewhere is still found; the blind region is never "no orphans"."""
    office = Office(replace(RULES, regions=("eu-west-1", "us-west-2")))
    office.orphan()
    for error in (DOWN, Denied("AccessDenied", "no")):
        office.outside.down["eu-west-1"] = error
        sweep = office.sweeper.sweep()
        assert (len(sweep.orphans), sweep.unread) == (1, ("eu-west-1",))
        assert noted(office.beats.read()[SWEEP].detail) == SweepNote(1, 0, ("eu-west-1",))


def test_a_region_that_left_the_configuration_is_searched_while_something_lives_there() -> None:
    """What runs goes on costing wherever it runs."""
    office = Office()
    office.known(of=spec(region="ap-south-1", name="far"), id="far-abc23")
    office.orphan(of=spec(region="ap-south-1"))
    assert [one.plane.region for one in office.sweeper.sweep().orphans] == ["ap-south-1"]


def test_an_orphan_becomes_a_record_again() -> None:
    """By id or EKS name or the name it was given: audited, approved by who adopts, and due at once."""
    for wanted in ("demo-abc23", "raygpu-demo-abc23", "demo", " demo "):
        office = Office()
        lost = office.orphan()
        made = office.sweeper.adopt(wanted, asked(CAROL, "op-adopt"))
        assert (made.id, made.spec.owner, made.spec.name, made.version) == (lost.id, ALICE, "demo", 1)
        assert made.approval is not None
        assert made.approval.by == CAROL
        assert is_live(made)
        assert office.clusters.get(lost.id) == made
        assert office.due.overdue(5) == (lost.id,)
        (entry,) = office.trail.of(lost.id, 5)
        assert (entry.actor, entry.action, entry.via, entry.operation) == (CAROL, "adopt", "command", "op-adopt")
        assert office.sweeper.sweep().orphans == ()
        assert office.outside.changes == []


def test_only_administrators_adopt_and_not_under_the_brake() -> None:
    """Refused before AWS is asked."""
    office = Office()
    office.orphan()
    office.outside.down["managed"] = AssertionError("AWS was asked")
    for user in (ALICE, BOB):
        with pytest.raises(Refused) as refused:
            office.sweeper.adopt("demo", asked(user))
        assert refused.value.reason == "NotAdmin"
    office.switches.set_freeze(Freeze(CAROL, NOW, "x"), "op", AuditEntry(CAROL, "freeze", "raygpu", "command", NOW))
    with pytest.raises(Refused) as refused:
        office.sweeper.adopt("demo", asked(CAROL))
    assert refused.value.reason == "Frozen"


def test_what_has_a_record_is_not_adopted() -> None:
    """Also where that record says that it is over: a record is never written over."""
    office = Office()
    held = office.known()
    with pytest.raises(Refused) as refused:
        office.sweeper.adopt(held.id, asked(CAROL))
    assert refused.value.reason == "Known"
    assert office.clusters.get(held.id) == held


def test_a_name_that_is_nowhere_or_twice_is_said() -> None:
    """Not found, not found where AWS could be read, and more than one are three answers."""
    office = Office(replace(RULES, regions=("eu-west-1", "us-west-2")))
    with pytest.raises(Refused) as refused:
        office.sweeper.adopt("demo", asked(CAROL))
    assert refused.value.reason == "NotFound"
    office.outside.down["eu-west-1"] = DOWN
    with pytest.raises(Refused) as refused:
        office.sweeper.adopt("demo", asked(CAROL))
    assert refused.value.reason == "Unread"
    assert "eu-west-1" in refused.value.message
    office.orphan()
    office.orphan(id="demo-xyz77")
    with pytest.raises(Refused) as refused:
        office.sweeper.adopt("demo", asked(CAROL))
    assert refused.value.reason == "Ambiguous"
    assert "raygpu-demo-xyz77" in refused.value.message
    assert office.sweeper.adopt("demo-xyz77", asked(CAROL)).id == "demo-xyz77"


def test_a_name_that_somebody_took_meanwhile_is_said() -> None:
    """The name in the tags is held by another cluster: nothing is stored."""
    office = Office()
    office.orphan()
    other = replace(record(), id="demo-other")
    office.clusters.add(replace(other, version=0), "add", AuditEntry(ALICE, "create", "demo-other", "command", NOW))
    with pytest.raises(Refused) as refused:
        office.sweeper.adopt("demo-abc23", asked(CAROL))
    assert refused.value.reason == "NameTaken"
    assert office.clusters.get("demo-abc23") == ABSENT


def test_what_is_not_raygpus_is_never_adopted() -> None:
    """A control plane whose name does not come from its id carries copied tags."""
    office = Office()
    office.outside.planes["us-west-2"] = [plane(record(), name="raygpu-of-somebody")]
    with pytest.raises(Refused) as refused:
        office.sweeper.adopt("of-somebody", asked(CAROL))
    assert refused.value.reason == "NotOurs"
