"""Asking for a cluster, deciding on it, taking it away, trying again, and looking: what each use case writes and refuses."""

from dataclasses import replace
from typing import Any

import pytest
from service_rig import Rig, asked
from worlds import ALICE, BOB, BORIS, CAROL, MALLORY, NOW, prices, proven_record, record, request, true

from domain.cluster import Phase, Receipt
from domain.conditions import Condition, Status
from domain.errors import Outdated, Refused, Taken
from domain.lifecycle import PREFLIGHT, phase
from domain.request import CreateOptions
from services.decisions import RACES, Click


@pytest.fixture
def rig() -> Rig:
    """Everything anew."""
    return Rig()


def refusal(call: Any, *args: Any) -> Refused:
    """The refusal a call ends with."""
    with pytest.raises(Refused) as caught:
        call(*args)
    assert caught.value.message
    return caught.value


class TestRequests:
    """`/raygpu create`."""

    def test_a_request_is_stored_priced_audited_and_woken(self, rig: Rig) -> None:
        """One durable write, then the wake-up; nothing of AWS is touched."""
        cluster = rig.ask()
        assert (cluster.id, cluster.version, phase(cluster)) == ("demo-aaaa2", 1, Phase.CHECKING)
        assert (cluster.requester, cluster.channel, cluster.created_at) == (ALICE, "C0RAYGPU", NOW)
        assert cluster.quote is not None and cluster.quote.usd_per_hour is not None
        assert rig.due.woken == rig.queue.sent == [cluster.id]
        assert [(a.actor, a.action, a.object, a.via) for a in rig.clusters.audit] == [
            (ALICE, "create", cluster.id, "command")
        ]
        assert rig.script.calls == [f"clusters.add {cluster.id}", f"due.wake {cluster.id}"]

    def test_the_same_delivery_twice_is_one_request(self, rig: Rig) -> None:
        """Slack delivers again: the same record comes back, and it is woken again in case the first wake was lost."""
        first = rig.ask()
        again = rig.ask()
        assert again == first
        assert list(rig.clusters.records) == [first.id]
        assert rig.due.woken == [first.id, first.id]

    def test_a_lost_wake_is_made_up_for_by_the_repeated_delivery(self, rig: Rig) -> None:
        """Stored but not woken, then delivered again: woken (fault 45)."""
        rig.script.fail("due.wake", RuntimeError("killed"))
        with pytest.raises(RuntimeError):
            rig.ask()
        rig.ask()
        assert rig.due.woken == ["demo-aaaa2"]

    def test_a_taken_name_names_its_holder(self, rig: Rig) -> None:
        """The second request of a name is refused at the field, with phase and owner of the first."""
        rig.ask()
        refused = refusal(rig.ask, "op-2")
        assert (refused.reason, refused.field) == ("NameTaken", "name")
        assert f"<@{ALICE}>" in refused.message and "checking" in refused.message

    def test_a_name_taken_by_one_that_is_gone_again_says_so(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between the refusal and the look at the holder it may have ended."""

        def taken(*_: Any) -> Any:
            raise Taken("NameTaken", "demo-zzzz9")

        monkeypatch.setattr(rig.clusters, "add", taken)
        assert "try again" in refusal(rig.ask).message

    def test_without_a_name_one_is_made(self, rig: Rig) -> None:
        """The name carries the suffix of the id."""
        cluster = rig.requests.create(CreateOptions(), asked(ALICE))
        assert (cluster.spec.name, cluster.id) == ("ray-aaaa2", "ray-aaaa2-aaaa2")

    def test_a_guest_is_refused_and_nothing_is_stored(self, rig: Rig) -> None:
        """Policy stands before the write."""
        refused = refusal(rig.requests.create, CreateOptions(name="demo"), asked(MALLORY))
        assert refused.reason == "Guest"
        assert rig.clusters.records == {} and rig.due.woken == []

    def test_bad_words_store_nothing(self, rig: Rig) -> None:
        """A refusal at a field changes nothing."""
        assert refusal(rig.requests.create, CreateOptions(name="Demo!"), asked(ALICE)).field == "name"
        assert rig.script.calls == []

    def test_plan_changes_nothing(self, rig: Rig) -> None:
        """`--plan` answers spec and quote without a write."""
        spec, quote = rig.requests.plan(CreateOptions(name="demo", gpu="g5.xlarge", gpus="2"), asked(ALICE))
        assert spec.gpus == 2 and quote.usd_per_hour is not None
        assert rig.script.calls == []

    def test_offers_are_cheapest_first_and_unknown_last(self, rig: Rig) -> None:
        """A type without a price is offered at the end, never as the cheapest."""
        rig.prices.list = prices(g5_xlarge=1.006, g4dn_xlarge=0.526)
        offers = rig.requests.offers("us-west-2")
        assert [o.instance_type for o in offers[:2]] == ["g4dn.xlarge", "g5.xlarge"]
        assert all(o.usd_per_hour is None for o in offers[2:])
        assert "g6e.xlarge" not in {o.instance_type for o in offers}  # allowed, but unknown to the catalogue


class TestDecisions:
    """Approve and Deny."""

    def test_approval_starts_the_lifetime_and_wakes(self, rig: Rig) -> None:
        """The record carries who, when, on what; the lifetime runs from now; the worker is woken."""
        cluster = rig.clusters.put(request())
        decided = rig.approve(cluster, BOB)
        assert decided.approval is not None
        assert (decided.approval.approved, decided.approval.by, decided.approval.at) == (True, BOB, NOW)
        assert decided.approval.digest == cluster.digest
        assert decided.expires_at == NOW + cluster.spec.ttl_s
        assert rig.due.woken == [cluster.id]
        assert [(a.actor, a.action, a.detail) for a in rig.clusters.audit] == [(BOB, "approve", cluster.digest)]

    def test_denial_ends_it(self, rig: Rig) -> None:
        """A denied request has no expiry and is over."""
        decided = rig.approve(rig.clusters.put(request()), BOB, approve=False)
        assert phase(decided) is Phase.DENIED and decided.expires_at is None

    @pytest.mark.parametrize("first_says", [True, False])
    def test_two_approvers_at_once_make_one_decision(self, rig: Rig, first_says: bool) -> None:
        """Boris decides between Bob's read and Bob's write: Boris' decision stands, Bob is told who and what (fault 47)."""
        cluster = rig.clusters.put(request())
        rig.clusters.before_save.append(lambda: void(rig.approve(cluster, BORIS, "op-boris", approve=first_says)))
        refused = refusal(rig.approve, cluster, BOB, "op-bob")
        assert refused.reason == "AlreadyDecided"
        assert f"{'approved' if first_says else 'denied'} by <@{BORIS}>" in refused.message
        approval = rig.cluster(cluster.id).approval
        assert approval is not None and (approval.by, approval.approved) == (BORIS, first_says)
        assert [a.actor for a in rig.clusters.audit] == [BORIS]

    def test_a_pass_in_between_does_not_lose_the_click(self, rig: Rig) -> None:
        """The worker saved in between and changed nothing that matters: the click is written on top of it."""
        cluster = rig.clusters.put(request())
        rig.clusters.before_save.append(lambda: void(rig.clusters.put(rig.cluster(cluster.id))))
        assert rig.approve(cluster, BOB).approval is not None

    def test_a_new_price_in_between_is_not_approved_unseen(self, rig: Rig) -> None:
        """The approval is bound to what the card showed: another price needs another click."""
        cluster = rig.clusters.put(request())
        click = Click(cluster.id, "digest of the old card", True)
        assert refusal(rig.decisions.decide, click, asked(BOB)).reason == "Changed"
        assert rig.cluster(cluster.id).approval is None

    def test_the_same_click_again_answers_the_same_and_wakes_again(self, rig: Rig) -> None:
        """A double click is no error and no second decision; should the first wake be lost, this one makes up for it."""
        cluster = rig.clusters.put(request())
        first = rig.approve(cluster, BOB)
        rig.due.woken.clear()
        assert rig.approve(cluster, BOB, "op-again") == first
        assert len(rig.clusters.audit) == 1
        assert rig.due.woken == [cluster.id]

    def test_a_click_on_a_request_that_never_stops_changing_gives_up(self, rig: Rig) -> None:
        """After eight lost races the person is asked to click again, instead of waiting for ever."""
        cluster = rig.clusters.put(request())
        rig.script.fail("clusters.save", *[Outdated("Moved", "moved")] * RACES)
        assert refusal(rig.approve, cluster, BOB).reason == "Busy"
        assert len(rig.script.named("clusters.save")) == RACES

    def test_an_unknown_request_is_said_to_be_unknown(self, rig: Rig) -> None:
        """A card that outlived its record answers."""
        assert refusal(rig.decisions.decide, Click("gone-1", "d", True), asked(BOB)).reason == "Gone"

    @pytest.mark.parametrize(("who", "reason"), [(ALICE, "OwnRequest"), (CAROL, "NotApprover"), (MALLORY, "Guest")])
    def test_others_cannot_decide(self, rig: Rig, who: str, reason: str) -> None:
        """Requester, administrator and guest are refused and change nothing."""
        cluster = rig.clusters.put(request())
        assert refusal(rig.approve, cluster, who).reason == reason
        assert rig.cluster(cluster.id) == cluster


class TestDeletions:
    """Delete and Retry."""

    def test_delete_writes_the_wish_and_wakes(self, rig: Rig) -> None:
        """The wish carries the operation that the interlock tag will carry."""
        cluster = rig.clusters.put(proven_record())
        gone = rig.deletions.delete(cluster.id, asked(ALICE, "op-7"))
        assert gone.deletion is not None
        assert (gone.deletion.by, gone.deletion.at, gone.deletion.operation) == (ALICE, NOW, "op-7")
        assert phase(gone) is Phase.DELETING
        assert rig.due.woken == [cluster.id]
        assert [(a.actor, a.action) for a in rig.clusters.audit] == [(ALICE, "delete")]

    def test_a_second_wish_changes_nothing(self, rig: Rig) -> None:
        """Two people delete: the first wish stands, both are answered, and the second wakes again."""
        cluster = rig.clusters.put(proven_record())
        first = rig.deletions.delete(cluster.id, asked(ALICE, "op-1"))
        rig.due.woken.clear()
        assert rig.deletions.delete(cluster.id, asked(CAROL, "op-2")) == first
        assert rig.due.woken == [cluster.id]

    def test_delete_and_a_pass_at_once(self, rig: Rig) -> None:
        """The worker's save in between is not overwritten: the wish is written on top of it."""
        cluster = rig.clusters.put(proven_record())
        newer = lambda: void(rig.clusters.put(replace(rig.cluster(cluster.id), spent_usd=7.0)))  # noqa: E731
        rig.clusters.before_save.append(newer)
        gone = rig.deletions.delete(cluster.id, asked(ALICE))
        assert gone.deletion is not None and gone.spent_usd == 7.0

    def test_retry_asks_for_a_new_generation(self, rig: Rig) -> None:
        """A new generation makes a new token, and everything that failed before now may be replaced."""
        cluster = rig.clusters.put(record())
        retried = rig.deletions.retry(cluster.id, asked(ALICE))
        assert (retried.group_generation, retried.retry_from) == (1, NOW)
        assert rig.due.woken == [cluster.id]

    def test_no_retry_while_deleting(self, rig: Rig) -> None:
        """What is going is not built again."""
        cluster = rig.clusters.put(proven_record())
        rig.deletions.delete(cluster.id, asked(ALICE))
        assert refusal(rig.deletions.retry, cluster.id, asked(ALICE)).reason == "Deleting"

    @pytest.mark.parametrize("use_case", ["delete", "retry"])
    def test_strangers_are_refused(self, rig: Rig, use_case: str) -> None:
        """Only owner and administrator."""
        cluster = rig.clusters.put(proven_record())
        assert refusal(getattr(rig.deletions, use_case), cluster.id, asked(BOB)).reason == "NotOwner"
        assert rig.cluster(cluster.id) == cluster
        assert refusal(rig.deletions.may_delete, cluster, asked(BOB)).reason == "NotOwner"

    def test_what_is_over_cannot_be_deleted_again(self, rig: Rig) -> None:
        """A deleted, a denied and an unknown cluster: each is answered."""
        gone = replace(proven_record(), deletion=None, receipt=Receipt(0, 0, (), (), None))
        gone = rig.clusters.put(replace(gone, deletion=rig_deletion(rig)))
        assert refusal(rig.deletions.delete, gone.id, asked(ALICE)).reason == "Over"
        assert refusal(rig.deletions.delete, "nobody-1", asked(ALICE)).reason == "Gone"

    def test_busy_after_too_many_races(self, rig: Rig) -> None:
        """As with decisions, a record that never rests is told as busy."""
        cluster = rig.clusters.put(proven_record())
        rig.script.fail("clusters.save", *[Outdated("Moved", "moved")] * RACES)
        assert refusal(rig.deletions.delete, cluster.id, asked(ALICE)).reason == "Busy"


def rig_deletion(rig: Rig) -> Any:
    """A wish as `delete` writes it."""
    other = rig.clusters.put(replace(proven_record(), id="other-abc23"))
    return rig.deletions.delete(other.id, asked(ALICE)).deletion


class TestQueries:
    """status, list."""

    def test_find_by_name_id_or_eks_name(self, rig: Rig) -> None:
        """All three mean the same cluster."""
        cluster = rig.clusters.put(proven_record())
        for name in ("demo", "demo-abc23", "raygpu-demo-abc23"):
            assert rig.queries.find(PEER, name) == cluster

    def test_the_live_one_wins_over_those_that_were(self, rig: Rig) -> None:
        """A name used before means the one that lives now; without one, the newest."""
        old = rig.clusters.put(
            replace(record(), id="demo-old22", approval=None, created_at=NOW + 9, conditions=REFUSED)
        )
        older = rig.clusters.put(replace(old, id="demo-old33", created_at=NOW))
        assert rig.queries.find(PEER, "demo").id == old.id != older.id
        live = rig.clusters.put(proven_record())
        assert rig.queries.find(PEER, "demo") == live

    def test_two_of_one_name_need_the_id(self, rig: Rig) -> None:
        """The same name in two regions is not guessed."""
        one = rig.clusters.put(proven_record())
        rig.clusters.put(replace(one, id="demo-eu222", spec=replace(one.spec, region="eu-west-1")))
        refused = refusal(rig.queries.find, PEER, "demo")
        assert refused.reason == "Ambiguous" and "eu-west-1" in refused.message

    def test_a_misspelt_name_is_guessed(self, rig: Rig) -> None:
        """Did you mean."""
        rig.clusters.put(proven_record())
        assert "Did you mean demo?" in refusal(rig.queries.find, PEER, "dmeo").message
        assert "list all" in refusal(rig.queries.find, PEER, "zebra").message

    def test_lists(self, rig: Rig) -> None:
        """mine, team and all; only the live, oldest first."""
        mine = rig.clusters.put(replace(record(), spec=replace(record().spec, team="ml")))
        mate = rig.clusters.put(other("mate-22222", BORIS, "ml", NOW - 9000))
        far = rig.clusters.put(other("far-33333", BORIS, "ops", NOW))
        rig.clusters.put(replace(other("dead-4444", ALICE, "ml", NOW), approval=None, conditions=REFUSED))
        alice = asked(ALICE).actor
        assert rig.queries.list(alice, "mine") == (mine,)
        assert rig.queries.list(alice, "team") == (mate, mine)
        assert rig.queries.list(alice, "all") == (mate, mine, far)
        assert refusal(rig.queries.list, alice, "yours").field == "scope"

    def test_guests_see_nothing(self, rig: Rig) -> None:
        """Every question is asked of the policy first."""
        rig.clusters.put(proven_record())
        guest = asked(MALLORY).actor
        for call in ((rig.queries.find, "demo"), (rig.queries.get, "demo-abc23"), (rig.queries.list, "all")):
            assert refusal(call[0], guest, call[1]).reason == "Guest"

    def test_get(self, rig: Rig) -> None:
        """By id, or a refusal."""
        cluster = rig.clusters.put(proven_record())
        assert rig.queries.get(PEER, cluster.id) == cluster
        assert refusal(rig.queries.get, PEER, "nobody-1").reason == "NotFound"


PEER = asked(BORIS).actor
REFUSED = (Condition(PREFLIGHT, Status.FALSE, "Impossible"),)


def other(cluster_id: str, owner: str, team: str, created_at: float) -> Any:
    """Somebody's live cluster."""
    base = record()
    spec = replace(base.spec, name=cluster_id.split("-")[0], owner=owner, team=team)
    return replace(base, id=cluster_id, spec=spec, requester=owner, created_at=created_at, conditions=(true("x"),))


def void(_: Any) -> None:
    """For a hook whose answer nobody wants."""
