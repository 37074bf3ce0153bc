"""Messages beside the card: who is called where, once each, and what happens when Slack or a process fails in between."""

from dataclasses import replace
from typing import Any

import pytest
from service_rig import Rig
from worlds import ALICE, BOB, BORIS, CAROL, MALLORY, NOW, RULES, record, request, true

from domain.cluster import Approval, Cluster, Cut, Notice, Requirement, Vote
from domain.errors import Denied, Missing, Outdated, Throttled, Unavailable
from domain.lifecycle import PREFLIGHT
from domain.notices import ASKED, REMINDER
from domain.rules import Actor, Freeze, Rules
from services.herald import Told
from services.outages import SLACK_RETRY_S, Again

CHECKED = (true(PREFLIGHT, "Possible"),)
QUARTER = 900.0
DOWN = Again(SLACK_RETRY_S, failed=True)


def ruled(**rules: Any) -> Rig:
    """The rules of the tests with these."""
    return Rig(replace(RULES, **rules))


def posted(rig: Rig, cluster: Cluster) -> Cluster:
    """A record whose card is in Slack."""
    stored = rig.clusters.put(cluster)
    rig.teller.tell(stored)
    rig.script.calls.clear()
    return stored


def announce(rig: Rig, cluster: Cluster, alive: bool = True) -> Told:
    """The herald's part of a pass."""
    return rig.herald.announce(rig.cluster(cluster.id), rig.authority.rules(), lambda: alive)


class TestCalls:
    """Approvers."""

    def test_those_who_can_are_called_in_the_thread_once(self) -> None:
        """Bob and Boris are mentioned under the card; it stands in the record, and the next pass says nothing."""
        rig = ruled()
        cluster = posted(rig, request())
        told = announce(rig, cluster)
        assert rig.board.notices == [("C0RAYGPU", f"asked demo {BOB} {BORIS}")]
        assert rig.board.replies == [("ts-1", "ts-2")]
        assert told.cluster.notices == (Notice(ASKED, 1, NOW, "ts-2"),) == rig.cluster(cluster.id).notices
        assert told.again == Again(QUARTER)
        assert announce(rig, cluster).cluster == told.cluster and len(rig.board.notices) == 1

    def test_reminders_name_only_those_still_missing(self) -> None:
        """After Bob's vote only Boris is reminded, a quarter of an hour after the call, then ever more rarely."""
        rig = ruled()
        cluster = posted(rig, request(requirements=(Requirement("approvers", 2),)))
        announce(rig, cluster)
        rig.approve(cluster, BOB)
        rig.clock.time += QUARTER
        assert announce(rig, cluster).again == Again(2 * QUARTER)
        assert rig.board.notices[1:] == [("C0RAYGPU", f"reminder demo {BORIS}")]
        rig.clock.time += 2 * QUARTER
        assert announce(rig, cluster).again == Again(4 * QUARTER)
        assert [n.number for n in rig.cluster(cluster.id).notices if n.kind == REMINDER] == [1, 2]

    def test_a_group_of_slack_is_resolved_and_outsiders_are_not_called(self) -> None:
        """Members of the user group are called, but neither a guest, nor who left, nor the requester."""
        rig = ruled(approvers=frozenset({"S0LEADS"}))
        rig.people.groups["S0LEADS"] = frozenset({BOB, MALLORY, ALICE, "U0GONE", "U0LEFT"})
        rig.people.known["U0LEFT"] = Actor("U0LEFT", is_deactivated=True)
        rig.people.errors["U0GONE"] = Missing("UserUnknown", "no such person")
        announce(rig, posted(rig, request()))
        assert rig.board.notices == [("C0RAYGPU", f"asked demo {BOB}")]

    def test_at_most_ten_are_called(self) -> None:
        """A crowd is not paged."""
        rig = ruled(approvers=frozenset(f"U{number:03}" for number in range(70)))
        announce(rig, posted(rig, request()))
        assert rig.board.notices[0][1].count(" U") == 10
        assert len(rig.script.named("people.look_up")) == 10

    @pytest.mark.parametrize("error", [Unavailable("Timeout", "x"), Denied("missing_scope", "x")])
    def test_unread_people_do_not_stop_the_call(self, error: Any) -> None:
        """The user group cannot be read: the call goes out to whom we know, or to nobody by name."""
        rig = ruled(approvers=frozenset({"S0LEADS"}))
        rig.people.errors["S0LEADS"] = error
        announce(rig, posted(rig, request()))
        assert rig.board.notices == [("C0RAYGPU", "asked demo ")]
        rig = ruled(approvers=frozenset({BOB}))
        rig.people.errors[BOB] = error
        announce(rig, posted(rig, request()))
        assert rig.board.notices == [("C0RAYGPU", f"asked demo {BOB}")]

    def test_a_channel_for_approvals_is_used_where_there_is_one(self) -> None:
        """The call is a message there, reminders go into its thread; the card stays where it is."""
        rig = ruled(approvals_channel="C0APPROVE")
        cluster = posted(rig, request())
        announce(rig, cluster)
        rig.clock.time += QUARTER
        announce(rig, cluster)
        assert [channel for channel, _ in rig.board.notices] == ["C0APPROVE", "C0APPROVE"]
        assert rig.board.replies == [("ts-2", "ts-3")]

    def test_a_closed_channel_for_approvals_falls_back_to_the_thread(self) -> None:
        """Archived: the call is under the card."""
        rig = ruled(approvals_channel="C0APPROVE")
        rig.board.closed.add("C0APPROVE")
        announce(rig, posted(rig, request()))
        assert rig.board.notices == [("C0RAYGPU", f"asked demo {BOB} {BORIS}")]

    def test_a_card_in_direct_messages_calls_each_approver_directly(self) -> None:
        """Nobody else sees that thread: each gets a message, each remembered by itself."""
        rig = ruled()
        cluster = posted(rig, request(channel="D0ALICE"))
        told = announce(rig, cluster)
        assert rig.board.notices == [(f"D-{BOB}", f"asked demo {BOB}"), (f"D-{BORIS}", f"asked demo {BORIS}")]
        assert [n.kind for n in told.cluster.notices] == [f"asked/{BOB}", f"asked/{BORIS}", ASKED]

    def test_slack_failing_between_two_direct_messages_calls_nobody_twice(self) -> None:
        """Bob has been called when Slack fails: ten seconds later only Boris is."""
        rig = ruled()
        cluster = posted(rig, request(channel="D0ALICE"))
        rig.script.hooks["clusters.save"] = lambda: rig.script.fail("board.direct", Unavailable("Timeout", "x"))
        assert announce(rig, cluster).again == DOWN
        assert announce(rig, cluster).again == Again(QUARTER)
        assert [channel for channel, _ in rig.board.notices] == [f"D-{BOB}", f"D-{BORIS}"]

    def test_somebody_without_direct_messages_is_passed_over(self) -> None:
        """Bob cannot be reached: Boris is called, and Bob is not tried for ever."""
        rig = ruled()
        rig.board.closed.add(f"D-{BOB}")
        cluster = posted(rig, request(channel="D0ALICE"))
        assert announce(rig, cluster).again == Again(QUARTER)
        assert announce(rig, cluster).again == Again(QUARTER)
        assert [channel for channel, _ in rig.board.notices] == [f"D-{BORIS}"]
        assert len(rig.script.named("board.direct")) == 2

    def test_frozen_nobody_is_called(self) -> None:
        """Nobody could approve now: the call goes out when the brake is lifted, outcomes are told all the same."""
        rig = ruled()
        cluster = posted(rig, request())
        rig.switches.pulled = Freeze(CAROL, NOW, "")
        assert announce(rig, cluster) == Told(cluster, None) and rig.board.notices == []
        rig.approve(cluster, BOB, approve=False)
        announce(rig, cluster)
        assert rig.board.notices == [("C0RAYGPU", f"denied demo {ALICE}")]
        rig.switches.pulled = None


class TestOutcomes:
    """Who asked."""

    def test_the_requester_and_the_owner_are_told(self) -> None:
        """Both, where they are two people."""
        rig = ruled()
        cluster = record(conditions=CHECKED)
        cluster = posted(rig, replace(cluster, spec=replace(cluster.spec, owner=BORIS)))
        told = announce(rig, cluster)
        assert rig.board.notices == [("C0RAYGPU", f"approved demo {ALICE} {BORIS}")]
        assert told.again is None

    def test_a_card_that_is_gone_is_no_excuse(self) -> None:
        """Thread gone: told in person. Person gone: given up, not tried for ever."""
        rig = ruled()
        cluster = posted(rig, record(conditions=CHECKED))
        rig.board.messages.clear()
        announce(rig, cluster)
        assert rig.board.notices == [(f"D-{ALICE}", f"approved demo {ALICE}")]
        rig = ruled()
        cluster = posted(rig, record(conditions=CHECKED))
        rig.board.closed.update({"C0RAYGPU", f"D-{ALICE}"})
        told = announce(rig, cluster)
        assert told.cluster.notices == (Notice("approved", 1, NOW, ""),) and told.again is None

    def test_a_cut_calls_those_whose_approval_is_void_by_it(self) -> None:
        """Boris had approved the longer one: he hears of the cut as well; Bob, who cut, does not."""
        rig = ruled()
        votes = (Vote(BORIS, NOW, "digest before", ("approvers",)), Vote(BOB, NOW, "digest before", ("approvers",)))
        cut = request(cuts=(Cut(BOB, NOW, "lifetime 4 h, not 8 h"),), votes=votes)
        announce(rig, posted(rig, cut))
        assert rig.board.notices[0] == ("C0RAYGPU", f"cut demo {ALICE} {BORIS}")

    def test_several_due_at_once_go_out_in_their_order(self) -> None:
        """A cut and the decision that followed at once."""
        rig = ruled()
        decided = replace(request(cuts=(Cut(BOB, NOW, "x"),)), approval=Approval(False, BOB, NOW, "d"))
        announce(rig, posted(rig, decided))
        assert [text.split()[0] for _, text in rig.board.notices] == ["cut", "denied"]


class TestFailures:
    """Nothing is said twice, nothing is lost, nothing blocks."""

    def test_without_a_card_it_waits_for_the_card(self) -> None:
        """Slack did not take the card yet: come again soon, nothing is written."""
        rig = ruled()
        cluster = rig.clusters.put(request())
        assert announce(rig, cluster) == Told(cluster, DOWN)

    @pytest.mark.parametrize(
        ("error", "wait"),
        [
            (Unavailable("Timeout", "x"), DOWN),
            (Denied("not_in_channel", "x"), DOWN),
            (Throttled("ratelimited", "x", 42.0), Again(42.0)),
        ],
    )
    def test_slack_saying_no_is_tried_again(self, error: Any, wait: Again) -> None:
        """Ten seconds later, or as long as Slack says; then it is delivered, once."""
        rig = ruled()
        cluster = posted(rig, request())
        rig.script.fail("board.reply", error)
        assert announce(rig, cluster) == Told(cluster, wait)
        announce(rig, cluster)
        assert len(rig.board.notices) == 1

    def test_a_click_between_sending_and_writing_neither_is_lost_nor_repeats_the_message(self) -> None:
        """Boris denies while the call goes out: his decision stands, and the record knows of the call."""
        rig = ruled()
        cluster = posted(rig, request())
        rig.script.hooks["board.reply"] = lambda: void(rig.approve(cluster, BORIS, approve=False))
        told = announce(rig, cluster)
        assert told.cluster.approval is not None and [n.kind for n in told.cluster.notices] == [ASKED]
        announce(rig, cluster)
        assert [text.split()[0] for _, text in rig.board.notices] == ["asked", "denied"]

    def test_a_worker_without_its_lease_says_nothing(self) -> None:
        """The lease has passed to another: not a word, and the pass ends."""
        rig = ruled()
        cluster = posted(rig, request())
        with pytest.raises(Outdated):
            announce(rig, cluster, alive=False)
        assert rig.board.notices == []

    def test_only_dying_between_sending_and_writing_says_it_twice(self) -> None:
        """The process dies right after Slack's answer: the next one says it again; dying later changes nothing."""
        rig = ruled()
        cluster = posted(rig, request())
        rig.script.fail("clusters.save", RuntimeError("killed"))
        with pytest.raises(RuntimeError):
            announce(rig, cluster)
        rig.script.fail_after("clusters.save", RuntimeError("killed"))
        with pytest.raises(RuntimeError):
            announce(rig, cluster)
        announce(rig, cluster)
        assert len(rig.board.notices) == 2

    def test_a_store_that_is_away_is_not_taken_for_slack(self) -> None:
        """What could not be written down is the pass's own failure."""
        rig = ruled()
        cluster = posted(rig, request())
        rig.script.fail("clusters.save", Unavailable("Down", "redis"))
        with pytest.raises(Unavailable):
            announce(rig, cluster)

    def test_a_record_that_is_gone_or_never_rests_ends_the_pass(self) -> None:
        """Somebody else writes all the time, or it is not there any more."""
        rig = ruled()
        cluster = posted(rig, request())
        rig.script.fail("clusters.save", *[Outdated("Moved", "moved")] * 8)
        with pytest.raises(Outdated, match="all the time"):
            announce(rig, cluster)
        rig.script.fail("clusters.save", Outdated("Gone", "gone"))
        with pytest.raises(Outdated, match="gone"):
            announce(rig, cluster)


def void(_: object) -> None:
    """For a hook whose answer nobody wants."""


def test_rules_are_those_of_the_pass() -> None:
    """The herald uses what it is given; it asks nobody for rules of its own."""
    rig = ruled()
    cluster = posted(rig, request())
    rig.herald.announce(cluster, Rules(approvers=frozenset({CAROL})), lambda: True)
    assert rig.board.notices == [("C0RAYGPU", f"asked demo {CAROL}")]
