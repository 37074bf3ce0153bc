"""What people wish about idleness: not idle, old messages, keep, and the resume of what is over."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idle_worlds import DAY, EPOCH, HOUR, MINUTE, WARNED, idling, parked, policed, warning, watched, with_watch
from worlds import ALICE, BOB, CAROL, NOW, PEOPLE, RULES, record, spec

from domain import expiry, ladder, reminders
from domain.changes import Gesture, apply
from domain.cluster import Cluster
from domain.errors import Refused
from domain.rules import IdlePolicy, Rules
from domain.spec import gpu_group
from domain.watch import ALLOCATION, RAY, Label, Reading, State, Thread, Use
from domain.wishes import Delete, Extend, Keep, NotIdle, Park, Resume, Scale, Transfer, Wish

HOW = Gesture("button", "op-1")
READINGS = (
    Reading(ALLOCATION, State.IDLE, NOW - 5 * HOUR, NOW, "kubernetes", "no pod asks for a GPU"),
    Reading(RAY, State.NOT_APPLICABLE, NOW, NOW, "kubernetes", "no RayCluster", required=False),
)


def wish(cluster: Cluster, what: Wish, by: str = ALICE, rules: Rules = RULES, now: float = NOW) -> Cluster:
    """The record with the wish in it."""
    return apply(cluster, what, PEOPLE[by], HOW, rules, now)


def refusal(cluster: Cluster, what: Wish, rules: Rules = RULES) -> Refused:
    """Why not."""
    with pytest.raises(Refused) as refused:
        wish(cluster, what, rules=rules)
    return refused.value


# ---- not idle


def test_not_idle_is_another_epoch_with_grace() -> None:
    """The clock begins anew, nothing that was told permits anything any more, and what the probes had said is kept."""
    before = idling(watch=watched(readings=READINGS, thread=Thread("C0RAYGPU", "1.0")))
    assert ladder.next_step(before, RULES, NOW).is_due(NOW)
    watch = wish(before, NotIdle(EPOCH)).watch
    assert (watch.epoch, watch.use, watch.kind) == (EPOCH + 1, Use.WARMING, None)
    assert (watch.idle_s, watch.idle_usd, watch.idle_since) == (0.0, 0.0, None)
    assert (watch.warm_until, watch.credited_to) == (NOW + 2 * HOUR, NOW)
    assert watch.labels == (Label(ALICE, NOW, "A=IDLE, R=N/A"),)
    assert watch.thread is not None and watch.readings == READINGS
    late = replace(
        wish(before, NotIdle(EPOCH)), watch=replace(watch, use=Use.IDLE, kind=before.watch.kind, idle_s=9 * HOUR)
    )
    assert ladder.next_step(late, RULES, NOW).reason == "NotWarned"


def test_a_dear_cluster_has_its_own_window_of_grace() -> None:
    """Twice the window it is judged by; grace that was given already is never shortened."""
    assert wish(idling(usd_per_hour_now=98.0), NotIdle()).watch.warm_until == NOW + 40 * MINUTE
    assert wish(idling(watch=watched(warm_until=NOW + DAY)), NotIdle()).watch.warm_until == NOW + DAY


def test_not_idle_pressed_twice_counts_once() -> None:
    """On an old message it is so already; typed again at once it is the same word; later, or by another, it is another."""
    once = wish(idling(), NotIdle(EPOCH))
    assert wish(once, NotIdle(EPOCH)) is once
    assert wish(once, NotIdle(), now=NOW + 59) is once
    assert wish(once, NotIdle(), now=NOW + 61).watch.epoch == EPOCH + 2
    assert wish(once, NotIdle(), by=BOB).watch.epoch == EPOCH + 2


def test_of_many_words_the_last_fifty_are_remembered() -> None:
    """The record does not grow for ever."""
    labels = tuple(Label(BOB, NOW - DAY + n, f"{n}") for n in range(50))
    kept = wish(idling(watch=watched(labels=labels)), NotIdle()).watch.labels
    assert len(kept) == 50 and kept[-1].by == ALICE and kept[0] == labels[1]


# ---- old messages


@pytest.mark.parametrize("what", [Park(EPOCH), Delete(EPOCH)])
def test_a_button_of_this_epoch_does_what_it_says(what: Wish) -> None:
    """Nothing was seen since the message was sent."""
    done = wish(idling(), what)
    assert (done.parked is not None) is isinstance(what, Park)
    assert (done.deletion is not None) is isinstance(what, Delete)


@pytest.mark.parametrize("what", [Park(EPOCH - 1), Delete(EPOCH - 1)])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"active_at": NOW - HOUR}, "work was last seen"),
        ({}, "judged anew"),
        (
            {"readings": (replace(READINGS[0], state=State.ACTIVE, value="2 pods hold GPUs."),), "active_at": NOW},
            "2 pods hold GPUs.",
        ),
        ({"labels": (Label(BOB, NOW - 5, ""),), "active_at": NOW - HOUR}, f"<@{BOB}> said that it is not idle"),
        ({"labels": (Label(BOB, NOW - DAY, ""),), "active_at": NOW - HOUR}, "work was last seen"),
    ],
)
def test_a_button_of_an_old_message_does_not_kill_new_work(what: Wish, changes: dict[str, object], words: str) -> None:
    """It is refused, and says what was seen since."""
    refused = refusal(idling(watch=watched(**changes)), what)
    assert refused.reason == "UsedSince" and "demo" in refused.message and words in refused.message


def test_what_is_done_already_is_no_old_message() -> None:
    """The same button twice: the second press finds it done, whatever the epoch is by then."""
    gone, away = wish(idling(), Delete(EPOCH)), wish(idling(), Park(EPOCH))
    assert wish(with_watch(gone, epoch=9), Delete(EPOCH)) == with_watch(gone, epoch=9)
    assert wish(with_watch(away, epoch=9), Park(EPOCH)) == with_watch(away, epoch=9)


@given(st.none() | st.integers(0, 9), st.integers(0, 9))
def test_only_the_shown_epoch_parks(shown: int | None, now_: int) -> None:
    """With an epoch it must be the present one; a command names none and means what is."""
    cluster = idling(watch=watched(epoch=now_))
    if shown is None or shown == now_:
        assert wish(cluster, Park(shown)).parked is not None
    else:
        assert refusal(cluster, Park(shown)).reason == "UsedSince"


# ---- keep


def test_a_keep_calls_off_what_was_announced() -> None:
    """What was told of idleness permits nothing any more, also when the keep is over; the warnings of its end stay."""
    end = warning("expires-2h", NOW + 20 * DAY, HOUR)
    doomed_by_ladder = warning("deletes-2h", NOW, HOUR)
    before = idling(watch=watched(told=(*WARNED, end, doomed_by_ladder)))
    kept = wish(before, Keep(NOW + HOUR))
    assert [one.act_at for one in kept.watch.told] == [None, None, end.act_at, None]
    assert ladder.next_step(kept, RULES, NOW).reason == "Kept"
    after = with_watch(kept, judged_at=NOW + 2 * HOUR)
    assert ladder.next_step(after, RULES, NOW + 2 * HOUR).reason == "NotWarned"
    assert [one.reached for one in kept.watch.told] == [one.reached for one in before.watch.told]


def test_a_keep_that_changes_nothing_changes_nothing() -> None:
    """An earlier end leaves the record the same object."""
    kept = wish(idling(), Keep(NOW + 2 * HOUR))
    assert wish(kept, Keep(NOW + HOUR)) is kept


def test_a_new_owner_hears_of_it_first() -> None:
    """What was announced to the one before permits nothing, neither park, nor deletion, nor the end of the lifetime."""
    given_away = wish(idling(), Transfer(PEOPLE[BOB]))
    assert ladder.next_step(given_away, RULES, NOW).reason == "NotWarned"
    end = NOW - 1
    over = idling(expires_at=end, watch=watched(told=(warning("expires-2h", end, 2 * HOUR),)))
    assert expiry.next_step(over, RULES, NOW).is_due(NOW)
    moved = wish(over, Transfer(PEOPLE[BOB]))
    assert expiry.next_step(moved, RULES, NOW).reason == "NotWarned"
    again = reminders.due(moved, RULES, 0, NOW)
    assert again is not None and (again.kind, again.act_at) == ("expires-30m", NOW + 30 * MINUTE)


# ---- resume of what is over

PARKS = policed(IdlePolicy(at_expiry="park"))


def test_what_is_parked_at_its_end_is_resumed_with_more_time_only() -> None:
    """Otherwise it would be parked again at once; where the end deletes, or is only told, resume is as ever."""
    over = parked(since=HOUR, expires_at=NOW - 1)
    refused = refusal(over, Resume(), PARKS)
    assert refused.reason == "Expired" and "/raygpu extend demo" in refused.message
    assert wish(over, Resume()).parked is None
    more = replace(over, approval=replace(record().approval, at=NOW - DAY))  # type: ignore[type-var]
    assert wish(wish(more, Extend(3600), CAROL, PARKS), Resume(), rules=PARKS).parked is None


# ---- another size


def dear_and_warned() -> Cluster:
    """Idle for long, dear enough for another reminder at once, with a park announced."""
    return idling(
        watch=watched(idle_s=3 * HOUR, idle_usd=500.0, unknown_since=NOW - 1, thread=Thread("C0RAYGPU", "1.0"))
    )


def test_nothing_is_said_of_nodes_that_are_on_their_way() -> None:
    """Parked and resumed within minutes of the last look: that look judged other nodes, so it reminds of nothing, ends
    the message that stands, and permits no step."""
    before = dear_and_warned()
    assert reminders.due(before, policed(), 0.0, NOW) is not None
    resumed = wish(wish(before, Park()), Resume(), now=NOW + 5 * MINUTE)
    assert reminders.due(resumed, policed(), 0.0, NOW + 5 * MINUTE) is None
    assert "warm up" in reminders.over(resumed, NOW + 5 * MINUTE)
    watch = resumed.watch
    assert (watch.epoch, watch.use, watch.kind) == (EPOCH + 1, Use.WARMING, None)
    assert (watch.idle_s, watch.idle_usd, watch.idle_since, watch.unknown_since) == (0.0, 0.0, None, None)
    assert watch.warm_until == NOW + 35 * MINUTE
    assert ladder.notices(before) and not ladder.notices(resumed)


@pytest.mark.parametrize(("nodes", "epoch"), [(1, EPOCH), (2, EPOCH), (3, EPOCH + 1)])
def test_who_asks_for_more_nodes_wants_to_use_them(nodes: int, epoch: int) -> None:
    """More nodes end the spell; fewer, or as many as before, are no sign of work."""
    before = idling(spec=spec(gpu_group(("g5.xlarge",), 1, 2)))
    after = wish(before, Scale(nodes), by=CAROL)
    assert after.watch.epoch == epoch
    assert (after.watch == before.watch) is (epoch == EPOCH)


def test_an_old_message_after_a_resume_does_nothing() -> None:
    """Park now, pressed on a reminder from before the resume, is refused with the reason."""
    resumed = wish(wish(idling(), Park()), Resume())
    refused = refusal(resumed, Park(EPOCH))
    assert refused.reason == "UsedSince" and "judged anew" in refused.message
