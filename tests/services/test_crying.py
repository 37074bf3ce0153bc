"""Who hears of idleness and of an end, where and how often; and what Slack, people and processes may do in between."""

from dataclasses import replace
from typing import Any

import pytest
from idle_worlds import DAY, HOUR, MINUTE, idling, parked, policed, told, watched, with_watch
from service_rig import Rig
from worlds import ALICE, BOB, BORIS, CAROL, NOW

from domain import ladder
from domain.cluster import Cluster, Deletion, Kept, Parking
from domain.errors import Denied, Missing, Outdated, OutsideError, Rejected, Throttled, Unavailable
from domain.rules import Actor, IdlePolicy, Rules
from domain.watch import Delivered, Kind, Label, Reading, State, Thread, Use
from services.crier import EDIT_S, Crier, Heard, offset_s
from services.outages import SLACK_RETRY_S, Again

HOME = f"D-{ALICE}"
FRESH = watched(told=(), thread=None)
DOWN = Again(SLACK_RETRY_S, failed=True)


def ruled(rules: Rules | None = None, **changes: Any) -> Rig:
    """Day and night, unless the policy says otherwise."""
    return Rig(replace(rules or policed(), **changes))


def stored(rig: Rig, cluster: Cluster) -> Cluster:
    """A record as it stands."""
    return rig.clusters.put(cluster)


def tell(rig: Rig, cluster_id: str = "demo-abc23", alive: bool = True, crier: Crier | None = None) -> Heard:
    """The crier's part of a pass."""
    return (crier or rig.crier).tell(rig.cluster(cluster_id), rig.authority.rules(), lambda: alive)


def begun(rig: Rig, **changes: Any) -> Cluster:
    """A cluster whose first reminder stands in the owner's direct messages."""
    stored(rig, idling(watch=FRESH, **changes))
    return tell(rig).cluster


class TestIdle:
    """The message about idleness, and what calls to it."""

    def test_the_first_word_is_the_message_itself_in_person(self) -> None:
        """Sent to the owner, remembered with Slack's ts, epoch, reader and money; told once."""
        rig = ruled()
        after = begun(rig)
        assert rig.board.cries == [(HOME, "idle demo Idle 18000s ")]
        assert after.watch.told == (Delivered("idle", 1, NOW, "ts-1", 3, (ALICE,), usd=12.0, idle_s=5 * HOUR),)
        assert after.watch.thread == Thread(HOME, "ts-1", "idle demo Idle 18000s ", NOW, ALICE)
        assert [notice.kind for notice in after.notices] == ["idle"] and after == rig.cluster(after.id)
        assert tell(rig).cluster == after and len(rig.board.messages) == 1

    def test_the_next_one_calls_from_its_thread_and_the_message_is_edited(self) -> None:
        """One message, edited in place; the reply announces the step, and so does the message from then on."""
        rig = ruled()
        first = begun(rig)
        rig.clock.time += 5 * HOUR
        stored(rig, with_watch(first, idle_s=10 * HOUR, idle_usd=24.0, judged_at=rig.clock.time))
        after = tell(rig).cluster
        at = f"{rig.clock.time + HOUR:.0f}"
        assert rig.board.cries == [
            (HOME, f"idle demo Idle 36000s park@{at}"), (HOME, "nudge demo idle park U0ALICE"),
        ]  # fmt: skip
        assert rig.board.replies == [("ts-1", "ts-2")]
        last = after.watch.told[-1]
        assert (last.number, last.step, last.act_at) == (2, "park", rig.clock.time + HOUR)
        assert ladder.next_step(after, rig.authority.rules(), rig.clock.time).at == last.act_at

    def test_a_message_that_announces_says_so_from_its_first_word(self) -> None:
        """With one notice asked for, the very first message carries the step that it permits."""
        rig = ruled(policed(IdlePolicy(day_from=0, day_to=24, park_notices=1)))
        begun(rig)
        assert rig.board.cries == [(HOME, f"idle demo Idle 18000s park@{NOW + HOUR:.0f}")]

    def test_the_message_follows_what_happens_but_not_each_tick(self) -> None:
        """An edit in a quarter of an hour, and none where nothing changed."""
        rig = ruled()
        first = begun(rig)
        rig.clock.time += 600
        stored(rig, with_watch(first, idle_s=5 * HOUR + 600, judged_at=rig.clock.time))
        tell(rig)
        assert rig.board.cries == [(HOME, "idle demo Idle 18000s ")]
        rig.clock.time += EDIT_S - 600
        tell(rig)
        assert rig.board.cries == [(HOME, "idle demo Idle 18600s ")]
        versions = rig.cluster(first.id).version
        rig.clock.time += EDIT_S
        assert tell(rig).cluster.version == versions

    @pytest.mark.parametrize(
        ("changes", "of_watch"),
        [
            ({}, {"use": Use.ACTIVE, "active_at": NOW + 60}),
            ({}, {"use": Use.WARMING, "labels": (Label(ALICE, NOW + 60, "A=IDLE"),)}),
            ({"parked": Parking(ALICE, NOW + 60, "button")}, {}),
            ({"kept": Kept(NOW + DAY, ALICE, NOW + 60)}, {}),
            ({"deletion": Deletion(ALICE, NOW + 60, "button", "op")}, {}),
        ],
        ids=["at work again", "somebody spoke for it", "parked", "kept", "being deleted"],
    )
    def test_what_is_over_is_edited_once_and_let_go(self, changes: Any, of_watch: Any) -> None:
        """At once, whatever the pace; the next idleness is another message."""
        rig = ruled()
        first = begun(rig)
        rig.clock.time += 60
        stored(rig, replace(with_watch(first, **of_watch), **changes))
        after = tell(rig).cluster
        assert after.watch.thread is None
        assert len(rig.script.named("board.update")) == len(rig.board.cries) == 1
        tell(rig)
        assert len(rig.script.named("board.update")) == 1

    def test_a_message_somebody_deleted_is_written_anew(self) -> None:
        """When there is something to say again; an edit of what is gone makes no new one by itself."""
        rig = ruled()
        first = begun(rig)
        rig.board.messages.clear()
        rig.clock.time += EDIT_S
        stored(rig, with_watch(first, idle_s=5.5 * HOUR, judged_at=rig.clock.time))
        assert tell(rig).cluster.watch.thread is None and rig.board.cries == []
        rig.clock.time += 5 * HOUR
        stored(rig, with_watch(rig.cluster(first.id), idle_s=10.5 * HOUR, judged_at=rig.clock.time))
        after = tell(rig).cluster
        assert [text.split()[0] for _, text in rig.board.cries] == ["idle"] and after.watch.thread is not None

    def test_a_new_owner_gets_a_message_of_their_own(self) -> None:
        """The old one stands where the old owner reads it; nobody reads another's direct messages."""
        rig = ruled()
        first = begun(rig)
        rig.clock.time += 5 * HOUR
        moved = replace(first, spec=replace(first.spec, owner=BOB))
        stored(rig, with_watch(moved, idle_s=10 * HOUR, judged_at=rig.clock.time))
        after = tell(rig).cluster
        assert [channel for channel, _ in rig.board.cries] == [HOME, f"D-{BOB}"]
        assert after.watch.told[-1].reached == (BOB,) and after.watch.thread.user == BOB

    def test_by_night_nobody_is_called(self) -> None:
        """Eight in the evening is over in Shanghai at noon UTC, and in New York it is morning; money above the bar is
        told at any hour."""
        usual = IdlePolicy()
        noon = NOW - NOW % DAY + 12 * HOUR
        for tz, usd, heard in (("Asia/Shanghai", 12.0, 0), ("America/New_York", 12.0, 0), ("Europe/Berlin", 12.0, 1),
                               ("Asia/Shanghai", 120.0, 1), ("Nowhere/Land", 12.0, 1)):  # fmt: skip
            rig = ruled(policed(usual))
            rig.clock.time = noon
            rig.people.known[ALICE] = Actor(ALICE, tz=tz)
            stored(rig, idling(watch=replace(FRESH, judged_at=noon, idle_usd=usd)))
            tell(rig)
            assert len(rig.board.cries) == heard, tz

    def test_who_owns_it_is_asked_only_when_there_is_something_to_say(self) -> None:
        """Ten thousand clusters at work cost no look-up."""
        rig = ruled()
        stored(rig, idling(watch=watched(use=Use.ACTIVE, told=())))
        tell(rig)
        assert rig.script.named("people.look_up") == []

    def test_what_cannot_be_seen_and_what_cannot_work_is_told_as_such(self) -> None:
        """Other kinds, the same thread, never a step."""
        unseen = watched(use=Use.UNKNOWN, unknown_since=NOW - 7 * HOUR, told=())
        pods = Reading("A", State.ACTIVE, NOW - HOUR, NOW, "Kubernetes", "A pod waits.")
        waste = watched(use=Use.ACTIVE, kind=Kind.BLOCKED, told=(), readings=(pods,))
        for watch, kind in ((unseen, "unseen"), (waste, "waste")):
            rig = ruled()
            stored(rig, idling(watch=watch))
            after = tell(rig).cluster
            assert [(one.kind, one.step, one.reached) for one in after.watch.told] == [(kind, "", (ALICE,))]
            assert after.watch.thread is not None and rig.warden.act(after).audit is None


class TestEnds:
    """Warnings before an end."""

    def test_each_warning_is_a_message_of_its_own_with_what_follows(self) -> None:
        """24 hours, 2 hours and 30 minutes before; come again when the next is due."""
        rig = ruled()
        end = NOW + 30 * HOUR
        stored(rig, idling("off", watched(use=Use.ACTIVE, told=()), expires_at=end))
        heard = []
        for ahead in (24 * HOUR, 2 * HOUR, 30 * MINUTE):
            rig.clock.time = end - ahead
            told_ = tell(rig)
            heard.append(told_.again)
        assert [text for _, text in rig.board.cries] == [
            f"nudge demo expires-{lead} delete U0ALICE" for lead in ("24h", "2h", "30m")
        ]
        assert heard == [Again(22 * HOUR), Again(1.5 * HOUR), Again(30 * MINUTE)]
        assert [one.act_at for one in rig.cluster("demo-abc23").watch.told] == [end] * 3

    def test_a_parked_cluster_is_warned_of_its_deletion(self) -> None:
        """Also when nobody looks at its use any more."""
        rig = ruled()
        stored(rig, parked(since=71 * HOUR, warned=False))
        tell(rig)
        assert [text for _, text in rig.board.cries] == ["nudge demo deletes-2h delete U0ALICE"]


class TestSlack:
    """What Slack does in between."""

    @pytest.mark.parametrize(
        ("error", "wait"),
        [
            (Unavailable("SlackUnreachable", "no"), DOWN),
            (Throttled("SlackThrottled", "slowly", 42.0), Again(42.0)),
            (Throttled("SlackThrottled", "slowly"), DOWN),
            (Denied("SlackDenied", "token revoked"), DOWN),
        ],
    )
    @pytest.mark.parametrize("call", ["board.direct", "people.look_up"])
    def test_down_or_throttled_nothing_was_delivered(self, error: OutsideError, wait: Again, call: str) -> None:
        """Nothing stands in the record, so nothing is permitted by it; tried again when Slack says."""
        rig = ruled()
        before = stored(rig, idling(watch=FRESH))
        rig.script.fail(call, error)
        heard = tell(rig)
        assert heard == Heard(before, wait) and rig.cluster(before.id) == before
        assert tell(rig).cluster.watch.told[0].reached == (ALICE,)

    def test_an_outage_between_the_warnings_postpones_the_step(self) -> None:
        """The second reminder cannot be sent for a day: the park waits for it, and for an hour after it."""
        rig = ruled()
        cluster = stored(rig, idling(watch=watched(told=(told(5 * HOUR),))))
        rig.script.fail("board.direct", *[Unavailable("SlackUnreachable", "no")] * 48)
        for _ in range(48):
            tell(rig)
            assert rig.warden.act(rig.cluster(cluster.id)).audit is None
            rig.clock.time += 1800
            stored(rig, with_watch(rig.cluster(cluster.id), judged_at=rig.clock.time))
        after = tell(rig).cluster
        (announced_,) = [one for one in after.watch.told if one.step]
        assert announced_.act_at == rig.clock.time + HOUR
        assert rig.warden.act(rig.cluster(cluster.id)).audit is None

    def test_a_lost_lease_sends_nothing(self) -> None:
        """Somebody else is at it by now."""
        rig = ruled()
        stored(rig, idling(watch=FRESH))
        with pytest.raises(Outdated):
            tell(rig, alive=False)
        assert rig.board.cries == []

    def test_what_was_sent_is_written_into_the_record_as_it_is_now(self) -> None:
        """Somebody extends while Slack takes the message: both stand."""
        rig = ruled()
        cluster = stored(rig, idling(watch=FRESH))
        later = replace(cluster, expires_at=cluster.expires_at + HOUR, version=cluster.version + 1)
        rig.clusters.before_save.append(lambda: rig.clusters.records.update({cluster.id: later}))
        after = tell(rig).cluster
        assert after.expires_at == later.expires_at and len(after.watch.told) == 1

    def test_not_idle_while_it_is_sent_makes_the_warning_void(self) -> None:
        """It is remembered with the epoch it was composed in, which is over."""
        rig = ruled()
        cluster = stored(rig, idling(watch=watched(told=(told(5 * HOUR),))))
        anew = replace(
            with_watch(cluster, epoch=4, use=Use.WARMING, warm_until=NOW + HOUR), version=cluster.version + 1
        )
        rig.clusters.before_save.append(lambda: rig.clusters.records.update({cluster.id: anew}))
        after = tell(rig).cluster
        assert after.watch.told[-1].epoch == 3 and ladder.notices(after) == ()

    def test_a_crash_between_slack_and_the_record_says_it_twice_at_worst(self) -> None:
        """The next process does not know of it; the step counts from the one that was written down."""
        rig = ruled()
        cluster = stored(rig, idling(watch=FRESH))
        rig.clusters.before_save.append(killed)
        with pytest.raises(Crash):
            tell(rig)
        rig.clock.time += 30
        after = tell(rig).cluster
        assert len(rig.board.cries) == 2 and [one.at for one in after.watch.told] == [NOW + 30]
        assert cluster.watch.told == ()


class Crash(BaseException):
    """The end of a process."""


def killed() -> None:
    """No more power."""
    raise Crash


class TestReach:
    """Who is called when the owner is gone."""

    def gone(self, rig: Rig, how: str) -> None:
        """The owner has left."""
        if how == "unknown":
            rig.people.unknown.add(ALICE)
        else:
            rig.people.known[ALICE] = Actor(ALICE, is_deactivated=True)

    @pytest.mark.parametrize("how", ["unknown", "deactivated"])
    def test_team_and_administrators_each_in_person(self, how: str) -> None:
        """User groups are resolved, who is gone as well is left out, and all who have it stand in the record."""
        rig = ruled(policed(teams={"ml": frozenset({BOB, "S0TEAM", ALICE})}))
        self.gone(rig, how)
        rig.people.groups["S0TEAM"] = frozenset({BORIS, "U0LEFT"})
        rig.people.known["U0LEFT"] = Actor("U0LEFT", is_deactivated=True)
        cluster = idling(watch=FRESH)
        stored(rig, replace(cluster, spec=replace(cluster.spec, team="ml")))
        after = tell(rig).cluster
        assert [channel for channel, _ in rig.board.cries] == [f"D-{who}" for who in (BORIS, BOB, CAROL)]
        assert set(after.watch.told[0].reached) == {BOB, BORIS, CAROL}
        assert after.watch.thread.channel == rig.board.cries[0][0]

    def test_nobody_reachable_no_step_ever(self) -> None:
        """It stands in the record that nobody was reached; weeks later nothing has been done."""
        rig = ruled(policed(admins=frozenset()))
        rig.people.unknown.add(ALICE)
        cluster = stored(rig, idling(watch=FRESH, expires_at=NOW + 2 * HOUR))
        for _ in range(400):
            rig.clock.time += HOUR
            now = rig.cluster(cluster.id)
            spent = now.watch.idle_usd + 2.0
            stored(rig, with_watch(now, idle_s=now.watch.idle_s + HOUR, idle_usd=spent, judged_at=rig.clock.time))
            tell(rig)
            assert rig.warden.act(rig.cluster(cluster.id)).audit is None
        assert rig.board.cries == [] and rig.cluster(cluster.id).deletion is None
        assert {one.reached for one in rig.cluster(cluster.id).watch.told} == {()}

    def test_who_cannot_be_written_to_is_not_reached(self) -> None:
        """Slack has the person and takes no message for them: another one carries the warning."""
        rig = ruled(policed(teams={"ml": frozenset({BOB})}))
        self.gone(rig, "unknown")
        rig.board.closed.add(f"D-{BOB}")
        rig.script.fail("board.direct", Rejected("SlackRefused", "messages_tab_disabled"))
        cluster = idling(watch=FRESH)
        stored(rig, replace(cluster, spec=replace(cluster.spec, team="ml")))
        assert tell(rig).cluster.watch.told[0].reached == (CAROL,)

    def test_an_unreadable_group_is_not_an_empty_one(self) -> None:
        """Slack does not say who is in the team: nobody is told off as unreachable, it is asked again."""
        rig = ruled(policed(admins=frozenset({"S0ADMINS"})))
        self.gone(rig, "deactivated")
        rig.people.errors["S0ADMINS"] = Unavailable("SlackUnreachable", "no")
        before = stored(rig, idling(watch=FRESH))
        assert tell(rig) == Heard(before, DOWN)

    def test_when_slack_fails_in_the_middle_nobody_hears_it_twice(self) -> None:
        """Those who have it are written down; it is a delivered warning."""
        rig = ruled(policed(admins=frozenset({CAROL, BORIS})))
        self.gone(rig, "unknown")
        stored(rig, idling(watch=FRESH))
        board = rig.board

        def second() -> None:
            rig.script.fail("board.direct", Unavailable("SlackUnreachable", "no"))

        original = board.direct

        def direct(user: str, message: Any) -> tuple[str, str]:
            sent = original(user, message)
            second()
            return sent

        board.direct = direct
        after = tell(rig).cluster
        assert after.watch.told[0].reached == (BORIS,) and len(board.cries) == 1

    def test_at_most_ten_are_called(self) -> None:
        """More is a crowd, and nobody feels meant."""
        rig = ruled(policed(admins=frozenset(f"U0ADMIN{n:02}" for n in range(30))))
        self.gone(rig, "unknown")
        stored(rig, idling(watch=FRESH))
        tell(rig)
        assert len(rig.board.cries) == 10


def test_offsets_are_those_of_the_day() -> None:
    """Summer and winter differ; who has no zone that is known counts as UTC."""
    summer, winter = 1_783_000_000.0, 1_799_000_000.0
    berlin = Actor("U", tz="Europe/Berlin")
    assert (offset_s(berlin, summer), offset_s(berlin, winter)) == (2 * HOUR, HOUR)
    for nobody in (None, Actor("U", tz="../etc/passwd"), Actor("U", tz=""), Actor("U", tz="Mars/Base")):
        assert offset_s(nobody, summer) == 0.0


def test_a_missing_message_is_no_fault_of_slack() -> None:
    """Replying to what somebody deleted falls back to a message of its own."""
    rig = ruled()
    cluster = stored(rig, idling(watch=watched(told=(told(5 * HOUR),), thread=Thread(HOME, "ts-77", "", NOW, ALICE))))
    rig.script.fail("board.reply", Missing("MessageGone", "deleted"))
    after = tell(rig).cluster
    assert [text.split()[0] for _, text in rig.board.cries] == ["idle"]
    assert after.watch.thread is not None and after.watch.thread.ts == "ts-1" and cluster.id == after.id
