"""Rules, reminders, sizes, access and the emergency brake on the virtual clock, against the world and with its faults."""

from dataclasses import replace
from itertools import pairwise

import pytest
from simulation import ALICE, ARN, BOB, BORIS, CAROL, MINUTE, RULES, Simulation, ended, story

from domain.cluster import Phase
from domain.lifecycle import ACCESS, phase
from domain.rules import ApprovalRule, Budgets, Freeze
from domain.spending import month_spend
from domain.wishes import Extend, Grant, Park, Resume, Revoke, Scale, Shorten, Transfer, Verify
from services.ports import AuditEntry

HOUR = 3600.0


def settle(sim: Simulation) -> Simulation:
    """Until nothing is to be done for a minute."""
    sim.until(lambda: (at := sim.due.next_at()) is not None and at > sim.world.now + MINUTE)
    return sim


def gpu_nodes(sim: Simulation) -> int:
    """GPU instances that run in the world and cost money."""
    running = ("pending", "running")
    return sum(1 for i in sim.world.snapshot()["instances"] if i["type"].startswith("g") and i["state"] in running)


def freeze(sim: Simulation, reason: str | None) -> None:
    """The emergency brake: pulled with a reason, lifted with None."""
    pulled = None if reason is None else Freeze(CAROL.id, sim.world.now, reason)
    audit = AuditEntry(CAROL.id, "freeze", "raygpu", "command", sim.world.now)
    sim.switches.set_freeze(pulled, f"op-{sim.world.now}", audit)


class TestRequests:
    """From asking to the decision."""

    def test_approvers_are_reminded_at_growing_intervals_until_it_lapses(self) -> None:
        """A day in which nobody decides: one call, six reminders ever further apart, and who asked is told the end."""
        sim = Simulation()
        sim.ask()
        sim.until_phase(Phase.LAPSED, minutes=24 * 60 + 1)
        settle_over(sim)
        calls = f"{BOB.id},{BORIS.id}"
        assert sim.wall.told == [f"asked {calls}", *[f"reminder {calls}"] * 6, f"lapsed {ALICE.id}"]
        times = [at for at, _, text in sim.wall.notices if not text.startswith("lapsed")]
        gaps = [round((later - earlier) / MINUTE) for earlier, later in pairwise(times)]
        assert gaps == [15, 30, 60, 120, 240, 480]

    def test_a_request_that_needs_nobody_is_ready_without_a_click(self) -> None:
        """Cheap enough for the rules: nobody is called, and who asked is told that it started and that it is ready."""
        sim = Simulation(rules=replace(RULES, approval=(ApprovalRule(approvals=0),)))
        sim.ask()
        sim.until_phase(Phase.READY)
        settle(sim)
        assert sim.wall.told == [f"approved {ALICE.id}", f"ready {ALICE.id}"]
        assert [e.actor for e in sim.trail.entries if e.action == "approve"] == ["raygpu"]

    def test_above_the_budget_the_second_tier_is_called_and_needed(self) -> None:
        """An approver alone does not start it; an administrator as well does."""
        sim = Simulation(rules=replace(RULES, budgets=Budgets(user=1.0)))
        sim.ask()
        sim.run(1)
        assert sim.wall.told == [f"asked {BOB.id},{BORIS.id},{CAROL.id}"]
        sim.approve(BOB)
        assert phase(sim.record) is Phase.AWAITING_APPROVAL and len(sim.record.votes) == 1
        sim.approve(CAROL)
        sim.until_phase(Phase.READY)

    def test_a_cut_voids_the_votes_and_is_told(self) -> None:
        """Bob approves for two days, Boris cuts to four hours: Bob's vote is void, and the shorter one is built."""
        sim = Simulation(rules=replace(RULES, approval=(ApprovalRule(approvals=2),)))
        sim.ask(ttl="48h")
        sim.until_phase(Phase.AWAITING_APPROVAL)
        sim.approve(BOB)
        sim.wish(Shorten(ttl_s=4 * 3600), "op-cut", BORIS)
        sim.run(1)
        assert f"cut {ALICE.id},{BOB.id}" in sim.wall.told
        sim.approve(BORIS)
        assert phase(sim.record) is Phase.AWAITING_APPROVAL
        sim.approve(BOB, "op-again")
        sim.until_phase(Phase.READY)
        assert sim.record.expires_at is not None and sim.record.approval is not None
        assert sim.record.expires_at - sim.record.approval.at == 4 * HOUR


def settle_over(sim: Simulation) -> None:
    """Until nothing is due any more."""
    sim.until(lambda: sim.due.next_at() is None)


class TestSizes:
    """Park, resume, scale, verify."""

    def test_parked_costs_no_gpu_and_comes_back_whole(self) -> None:
        """To no GPU node, the control plane and the CPU node stay; resumed, every GPU is proven again."""
        sim = settle(story(gpu="g5.12xlarge", gpus="2"))
        rate = sim.record.usd_per_hour_now
        sim.wish(Park(), "op-park")
        sim.until_phase(Phase.PARKED)
        settle(sim)
        assert gpu_nodes(sim) == 0 and sim.stands()["usd"] < 1
        sim.run(12)
        assert rate is not None and sim.record.usd_per_hour_now is not None and sim.record.usd_per_hour_now < rate / 5
        sim.wish(Resume(), "op-resume")
        sim.until(lambda: phase(sim.record) is Phase.READY and all(c.is_true for c in sim.record.conditions))
        assert gpu_nodes(sim) == 2 and sum(score.gpus for score in sim.record.scores) == 8
        assert all(score.smoke == "passed" for score in sim.record.scores)

    def test_scaled_up_every_new_gpu_is_proven_and_scaled_down_they_go(self) -> None:
        """One node, three, one again."""
        sim = settle(story(max="3"))
        for number, nodes in enumerate((3, 1)):
            sim.wish(Scale(nodes), f"op-{number}")
            assert phase(sim.record) is Phase.RESIZING
            sim.until(lambda: phase(sim.record) is Phase.READY and all(c.is_true for c in sim.record.conditions))
            settle(sim)
            assert gpu_nodes(sim) == nodes == len(sim.record.scores)
            assert all(score.smoke == "passed" for score in sim.record.scores)

    def test_no_capacity_for_more_is_told_and_the_rest_stays(self) -> None:
        """EC2 has no second node: in words, with the first one running on; scaled back, it is ready."""
        sim = settle(story(max="2"))
        sim.world.inject("no_capacity", instance_type="g5.xlarge")
        sim.wish(Scale(2), "op-up")
        sim.until_phase(Phase.TROUBLE, minutes=45)
        assert "no g5.xlarge" in sim.told and gpu_nodes(sim) == 1
        sim.wish(Scale(1), "op-down")
        sim.until_phase(Phase.READY, minutes=45)

    def test_verify_proves_every_gpu_anew(self) -> None:
        """The test pods of before do not count: each node is proven again, once."""
        sim = settle(story(gpus="2"))
        proofs = sum(count for name, count in sim.made().items() if name.startswith("POST"))
        sim.wish(Verify(), "op-verify")
        assert any(not c.is_true for c in sim.record.conditions)
        sim.until(lambda: all(c.is_true for c in sim.record.conditions))
        assert sum(count for name, count in sim.made().items() if name.startswith("POST")) == 2 * proofs

    def test_deleted_while_parked_nothing_is_left(self) -> None:
        """The way out does not need the GPUs back."""
        sim = settle(story())
        sim.wish(Park(), "op-park")
        sim.until_phase(Phase.PARKED)
        ended(sim)
        seen = sim.stands()
        assert (seen["clusters"], seen["leftovers"], seen["instances"]) == ([], [], [])
        assert sim.made()["CreateNodegroup gpu-node-group"] == 1


class TestAccess:
    """Grant, revoke, transfer."""

    def test_access_is_given_at_its_level_and_taken_back(self) -> None:
        """An entry with the policy of the level; revoked, the entry is gone and the record forgets it."""
        sim = settle(story())
        sim.wish(Grant(BORIS.id, "view"), "op-grant")
        sim.until(lambda: any("AmazonEKSViewPolicy" in policy for policy in sim.entries().get(ARN, [])))
        sim.wish(Revoke(BORIS.id), "op-revoke")
        sim.until(lambda: sim.record.grants == ())
        assert ARN not in sim.entries() and sim.record.condition(ACCESS).is_true

    def test_the_new_owner_of_a_cluster_has_it_in_aws_too(self) -> None:
        """His entry is an administrator's, the tags name him, and only he (or an administrator) may delete it now."""
        sim = settle(story())
        sim.wish(Transfer(BORIS), "op-transfer")
        sim.until(lambda: any("ClusterAdmin" in policy for policy in sim.entries().get(ARN, [])))
        settle(sim)
        (cluster,) = sim.world.snapshot()["clusters"]
        assert cluster["tags"]["raygpu:owner"] == BORIS.id

    def test_an_extension_is_written_onto_the_tags(self) -> None:
        """AWS is the truth about what exists: it knows the new end as well."""
        sim = settle(story())
        before = sim.world.snapshot()["clusters"][0]["tags"]["raygpu:expires"]
        sim.wish(Extend(4 * 3600), "op-extend")
        settle(sim)
        assert sim.world.snapshot()["clusters"][0]["tags"]["raygpu:expires"] > before


class TestBrake:
    """The emergency brake."""

    @pytest.mark.parametrize("minutes", [0, 4, 11])
    def test_frozen_in_the_middle_nothing_is_written_to_aws_and_it_goes_on_afterwards(self, minutes: int) -> None:
        """Pulled for half an hour somewhere on the way: not one write meanwhile, then ready, each thing made once."""
        sim = Simulation()
        sim.ask()
        sim.until_phase(Phase.AWAITING_APPROVAL)
        sim.approve()
        sim.run(minutes)
        freeze(sim, "quota audit")
        writes = sim.made()
        sim.run(30)
        assert sim.made() == writes and "quota audit" in sim.message("Frozen")
        freeze(sim, None)
        sim.until_phase(Phase.READY)
        assert set(sim.made().values()) == {1} and sim.record.condition("Frozen") is None


def test_the_month_adds_up_to_the_receipt() -> None:
    """What the days say is what the receipt says, and what the account of the owner and of everybody says."""
    sim = ended(settle(story()))
    month = sim.record.days[0].day[:7]
    receipt = sim.record.receipt
    assert receipt is not None and receipt.usd == pytest.approx(sum(day.usd for day in sim.record.days))
    spent = sim.accounts.spent(month, (f"user:{ALICE.id}",))[f"user:{ALICE.id}"]
    assert spent.usd == pytest.approx(month_spend(sim.record, month).usd, abs=1e-4) and spent.unknown_s == 0
