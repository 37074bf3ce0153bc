"""One suite for Clusters, CardStates and Once, over memory and over a real Valkey."""

from dataclasses import replace

import pytest

from domain.cluster import Approval
from domain.conditions import Condition, Status
from domain.errors import Outdated, Taken
from domain.money import Quote, QuoteLine
from domain.observation import ABSENT
from services.ports import CardState, Writ
from tests.engine_support import AUDIT, TOLD, Engine, ended, sample


def test_add_stores_version_one(engine: Engine) -> None:
    """A new record is answered and read back at version 1, every field as given."""
    quote = Quote((QuoteLine("EKS control plane", 1, None, "unknown", ""),))
    wanted = sample(quote=quote, conditions=(Condition("Preflight", Status.UNKNOWN, "Waiting", "…", 1.5, 1.0),))
    added = engine.clusters.add(wanted, "op-1", AUDIT)
    assert added == replace(wanted, version=1)
    assert engine.clusters.get(wanted.id) == added
    assert engine.clusters.all() == (added,)


def test_get_of_an_unknown_id_is_absent(engine: Engine) -> None:
    """What was never added is ABSENT, not an error."""
    assert engine.clusters.get("nobody-1") is ABSENT


def test_repeated_add_answers_the_first_record(engine: Engine) -> None:
    """The same operation with a newly made id answers the cluster of the first call and adds none."""
    first = engine.clusters.add(sample("demo-1"), "trigger-7", AUDIT)
    assert engine.clusters.add(sample("demo-2"), "trigger-7", AUDIT) == first
    assert engine.clusters.all() == (first,)


def test_name_is_taken_in_its_region_only(engine: Engine) -> None:
    """A second live cluster of the same name in the region is refused, naming the holder; elsewhere it is welcome."""
    engine.clusters.add(sample("demo-1"), "op-1", AUDIT)
    with pytest.raises(Taken, match="demo-1"):
        engine.clusters.add(sample("demo-2"), "op-2", AUDIT)
    assert engine.clusters.get("demo-2") is ABSENT
    other = engine.clusters.add(sample("demo-3", region="eu-west-1"), "op-3", AUDIT)
    assert [c.id for c in engine.clusters.by_name(None, "demo")] == ["demo-3", "demo-1"]
    assert engine.clusters.by_name("eu-west-1", "demo") == (other,)
    assert engine.clusters.by_name("us-west-2", "demo") == ()
    assert engine.clusters.by_name(None, "another") == ()


def test_id_is_added_once(engine: Engine) -> None:
    """The same id under another operation and name is refused and changes nothing."""
    first = engine.clusters.add(sample("demo-1"), "op-1", AUDIT)
    with pytest.raises(Taken, match="demo-1"):
        engine.clusters.add(sample("demo-1", name="other"), "op-2", AUDIT)
    assert engine.clusters.all() == (first,)
    assert engine.clusters.by_name(None, "other") == ()


def test_refused_add_may_be_tried_again(engine: Engine) -> None:
    """A refusal is not remembered: the same operation passes once the name is free."""
    holder = engine.clusters.add(sample("demo-1"), "op-1", AUDIT)
    with pytest.raises(Taken):
        engine.clusters.add(sample("demo-2"), "op-2", AUDIT)
    engine.clusters.save(ended(holder), "op-3", None, Writ())
    assert engine.clusters.add(sample("demo-2"), "op-2", AUDIT).id == "demo-2"


def test_save_counts_versions(engine: Engine) -> None:
    """Each save is answered and read back at the next version."""
    added = engine.clusters.add(sample(), "op-1", AUDIT)
    saved = engine.clusters.save(replace(added, kubernetes_version="1.34"), "op-2", None, TOLD)
    assert saved == replace(added, kubernetes_version="1.34", version=2)
    assert engine.clusters.get(added.id) == saved


def test_save_of_an_old_version_is_outdated(engine: Engine) -> None:
    """Of two writers who read the same version one wins; the other is told and changes nothing."""
    added = engine.clusters.add(sample(), "op-1", AUDIT)
    won = engine.clusters.save(replace(added, approval=Approval(True, "U0BOB", 5.0, "d")), "op-2", None, TOLD)
    with pytest.raises(Outdated):
        engine.clusters.save(replace(added, approval=Approval(False, "U0BORIS", 5.0, "d")), "op-3", None, TOLD)
    assert engine.clusters.get(added.id) == won


def test_refused_save_may_be_tried_again(engine: Engine) -> None:
    """After an Outdated the same operation applies to the version read anew."""
    added = engine.clusters.add(sample(), "op-1", AUDIT)
    moved = engine.clusters.save(replace(added, kubernetes_version="1.34"), "op-2", None, Writ())
    with pytest.raises(Outdated):
        engine.clusters.save(replace(added, channel="C0OTHER"), "op-3", None, Writ())
    assert engine.clusters.save(replace(moved, channel="C0OTHER"), "op-3", None, Writ()).version == 3


def test_repeated_save_answers_the_same(engine: Engine) -> None:
    """The same save twice is applied once, also in the audit, and answered alike."""
    added = engine.clusters.add(sample(), "op-1", AUDIT)
    changed = replace(added, kubernetes_version="1.34")
    first = engine.clusters.save(changed, "op-2", None, TOLD)
    assert engine.clusters.save(changed, "op-2", None, TOLD) == first
    assert engine.clusters.get(added.id) == first


def test_operation_of_another_version_is_refused(engine: Engine) -> None:
    """A second change under a used operation id is refused aloud, not answered as if it were done."""
    added = engine.clusters.add(sample(), "op-1", AUDIT)
    saved = engine.clusters.save(replace(added, kubernetes_version="1.34"), "op-2", None, Writ())
    with pytest.raises(Outdated) as refusal:
        engine.clusters.save(replace(saved, channel="C0OTHER"), "op-2", None, Writ())
    assert refusal.value.reason == "OperationReused"
    assert engine.clusters.get(added.id) == saved


def test_save_of_an_unknown_record_is_outdated(engine: Engine) -> None:
    """A record that is not there is not made by a save."""
    with pytest.raises(Outdated):
        engine.clusters.save(sample(version=1), "op-1", None, Writ())
    assert engine.clusters.all() == ()


def test_save_needs_the_lease_it_names(engine: Engine) -> None:
    """A worker whose lease ended, or passed to another, cannot write (I5); the present owner can."""
    added = engine.clusters.add(sample(), "op-1", AUDIT)
    engine.due.wake(added.id)
    stale = engine.due.claim(added.id, "worker-a")
    engine.advance(31)
    fresh = engine.due.claim(added.id, "worker-b")
    assert stale is not None
    assert fresh is not None
    with pytest.raises(Outdated) as refusal:
        engine.clusters.save(replace(added, channel="C0STALE"), "op-2", stale, Writ())
    assert refusal.value.reason == "Fenced"
    saved = engine.clusters.save(replace(added, channel="C0FRESH"), "op-3", fresh, Writ())
    assert engine.due.done(fresh, None, True)
    with pytest.raises(Outdated):
        engine.clusters.save(replace(saved, channel="C0LATE"), "op-4", fresh, Writ())
    assert engine.clusters.get(added.id) == saved


def test_name_is_free_after_the_receipt(engine: Engine) -> None:
    """When the record is not live any more its name may be used again, and the old record stays readable."""
    added = engine.clusters.add(sample("demo-1"), "op-1", AUDIT)
    gone = engine.clusters.save(ended(added), "op-2", None, TOLD)
    assert engine.clusters.by_name(None, "demo") == ()
    again = engine.clusters.add(sample("demo-2"), "op-3", AUDIT)
    assert engine.clusters.by_name("us-east-1", "demo") == (again,)
    assert set(engine.clusters.all()) == {gone, again}


def test_late_save_of_an_ended_record_leaves_the_name_alone(engine: Engine) -> None:
    """A record that ended does not take the name from its new holder, whether it stays ended or comes back."""
    added = engine.clusters.add(sample("demo-1"), "op-1", AUDIT)
    gone = engine.clusters.save(ended(added), "op-2", None, Writ())
    again = engine.clusters.add(sample("demo-2"), "op-3", AUDIT)
    told = engine.clusters.save(replace(gone, channel="C0OTHER"), "op-4", None, Writ())
    with pytest.raises(Taken, match="demo-2"):
        engine.clusters.save(replace(told, receipt=None), "op-5", None, Writ())
    assert engine.clusters.by_name(None, "demo") == (again,)


def test_live_are_those_that_have_not_ended(engine: Engine) -> None:
    """Live are the records that hold their name, oldest request first; one that ends leaves, one that comes back enters."""
    second = engine.clusters.add(sample("demo-2", "two", created_at=2.0), "op-2", AUDIT)
    first = engine.clusters.add(sample("demo-1", "one", created_at=1.0), "op-1", AUDIT)
    assert engine.clusters.live() == (first, second)
    gone = engine.clusters.save(ended(first), "op-3", None, Writ())
    assert engine.clusters.live() == (second,)
    back = engine.clusters.save(replace(gone, deletion=None, receipt=None), "op-4", None, Writ())
    assert engine.clusters.live() == (back, second)


def test_past_of_a_name_is_found_newest_first(engine: Engine) -> None:
    """With `past` a name finds its living clusters and then those that were, the newest request first."""
    old = [
        engine.clusters.save(
            ended(engine.clusters.add(sample(f"demo-{n}", created_at=float(n)), f"op-{n}", AUDIT)), "end", None, Writ()
        )
        for n in (1, 3, 2)
    ]
    assert engine.clusters.by_name(None, "demo") == ()
    living = engine.clusters.add(sample("demo-0", created_at=0.5), "op-0", AUDIT)
    abroad = engine.clusters.add(sample("demo-9", region="eu-west-1", created_at=9.0), "op-9", AUDIT)
    engine.clusters.add(sample("demo-8", name="demo-2"), "op-8", AUDIT)
    assert engine.clusters.by_name(None, "demo", past=True) == (abroad, living, old[1], old[2], old[0])
    assert engine.clusters.by_name("us-east-1", "demo", past=True) == (living, old[1], old[2], old[0])
    assert engine.clusters.by_name(None, "demo") == (abroad, living)
    assert engine.clusters.by_name(None, "nobody", past=True) == ()


def test_card_state_is_empty_before_the_first_post(engine: Engine) -> None:
    """No state yet reads as the empty one; what was put is read back; the last put stands."""
    assert engine.cards.get("demo-1") == CardState()
    engine.cards.put("demo-1", CardState("C0RAYGPU", "1.5", "abc", 12.25))
    engine.cards.put("demo-2", CardState("C0RAYGPU", "2.5"))
    engine.cards.put("demo-1", CardState("C0RAYGPU", "1.5", "def", 17.25))
    assert engine.cards.get("demo-1") == CardState("C0RAYGPU", "1.5", "def", 17.25)
    assert engine.cards.get("demo-2") == CardState("C0RAYGPU", "2.5")


def test_first_comes_once_per_time_to_live(engine: Engine) -> None:
    """The first caller of a key is first, others are not until its time has passed; keys do not touch each other."""
    assert engine.once.first("tick/overdue", 60)
    assert not engine.once.first("tick/overdue", 60)
    assert engine.once.first("tick/prices", 60)
    engine.advance(50)
    assert not engine.once.first("tick/overdue", 60)
    engine.advance(20)
    assert engine.once.first("tick/overdue", 60)
