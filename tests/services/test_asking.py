"""Asking for a cluster: what a create writes and refuses, what a plan and a form that is being filled in are told."""

from dataclasses import replace
from typing import Any

import pytest
from service_rig import Rig, asked, refusal
from worlds import ALICE, BOB, CAROL, MALLORY, NOW, RULES, prices, record

from domain.cluster import Approval, BudgetLine, DaySpend, Phase, Requirement
from domain.errors import Taken, Unavailable
from domain.lifecycle import phase
from domain.request import CreateOptions
from domain.rules import Allowance, Budgets, CreateRule, Freeze, Quotas, Rules


@pytest.fixture
def rig() -> Rig:
    """Everything anew."""
    return Rig()


def test_a_request_is_stored_priced_audited_and_woken(rig: Rig) -> None:
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


def test_the_same_delivery_twice_is_one_request(rig: Rig) -> None:
    """Slack delivers again: the same record comes back, and it is woken again in case the first wake was lost."""
    first = rig.ask()
    again = rig.ask()
    assert again == first
    assert list(rig.clusters.records) == [first.id]
    assert rig.due.woken == [first.id, first.id]


def test_a_lost_wake_is_made_up_for_by_the_repeated_delivery(rig: Rig) -> None:
    """Stored but not woken, then delivered again: woken (fault 45)."""
    rig.script.fail("due.wake", RuntimeError("killed"))
    with pytest.raises(RuntimeError):
        rig.ask()
    rig.ask()
    assert rig.due.woken == ["demo-aaaa2"]


def test_a_taken_name_names_its_holder(rig: Rig) -> None:
    """The second request of a name is refused at the field, with the owner of the first."""
    rig.ask()
    refused = refusal(rig.ask, "op-2")
    assert (refused.reason, refused.field) == ("NameTaken", "name")
    assert f"<@{ALICE}>" in refused.message


def test_a_name_taken_by_one_that_is_gone_again_says_so(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the refusal and the look at the holder it may have ended."""

    def taken(*_: Any) -> Any:
        raise Taken("NameTaken", "demo-zzzz9")

    monkeypatch.setattr(rig.clusters, "add", taken)
    assert "try again" in refusal(rig.ask).message


def test_without_a_name_one_is_made(rig: Rig) -> None:
    """The name carries the suffix of the id."""
    cluster = rig.requests.create(CreateOptions(), asked(ALICE))
    assert (cluster.spec.name, cluster.id) == ("ray-aaaa2", "ray-aaaa2-aaaa2")


def test_a_guest_is_refused_and_nothing_is_stored(rig: Rig) -> None:
    """Policy stands before the write."""
    refused = refusal(rig.requests.create, CreateOptions(name="demo"), asked(MALLORY))
    assert refused.reason == "Guest"
    assert rig.clusters.records == {} and rig.due.woken == []


def test_bad_words_store_nothing(rig: Rig) -> None:
    """A refusal at a field changes nothing."""
    assert refusal(rig.requests.create, CreateOptions(name="Demo!"), asked(ALICE)).field == "name"
    assert rig.script.calls == []


def test_plan_changes_nothing(rig: Rig) -> None:
    """`--plan` answers spec, price, who must approve, and every call that would be made, without a write."""
    plan = rig.requests.plan(CreateOptions(name="demo", gpu="g5.xlarge", gpus="2"), asked(ALICE))
    assert plan.spec.gpus == 2 and plan.quote.usd_per_hour is not None
    assert plan.requirements == (Requirement("approvers", 1),)
    assert [call.split()[0] for call in plan.calls[:3]] == [
        "eks:CreateCluster",
        "eks:CreateAccessEntry",
        "eks:CreateAddon",
    ]
    assert sum(call.startswith("eks:CreateNodegroup") for call in plan.calls) == 2
    assert any("ray.io/node-type=worker:NoSchedule" in call for call in plan.calls)
    assert rig.script.calls == [] and rig.clusters.records == {}


def test_offers_are_cheapest_first_and_unknown_last(rig: Rig) -> None:
    """A type without a price is offered at the end, never as the cheapest."""
    rig.prices.list = prices(g5_xlarge=1.006, g4dn_xlarge=0.526)
    offers = rig.requests.offers("us-west-2")
    assert [o.instance_type for o in offers[:2]] == ["g4dn.xlarge", "g5.xlarge"]
    assert all(o.usd_per_hour is None for o in offers[2:])
    assert "g6e.xlarge" not in {o.instance_type for o in offers}  # allowed, but unknown to the catalogue


def ruled(**rules: Any) -> Rig:
    """The rules of the tests with these."""
    return Rig(replace(RULES, **rules))


def test_the_rules_about_who_may_create_what_are_asked_with_the_whole_request() -> None:
    """Too many nodes for this person, in a channel that is not theirs: refused at the field, nothing is stored."""
    rig = ruled(create=(CreateRule(frozenset({ALICE}), max_nodes=1),))
    refused = refusal(rig.requests.create, CreateOptions(name="demo", gpus="2"), asked(ALICE))
    assert (refused.reason, refused.field) == ("TooManyNodes", "gpus")
    assert refusal(rig.requests.create, CreateOptions(name="demo"), asked(BOB)).reason == "MayNotCreate"
    rig = ruled(create=(CreateRule(channels=frozenset({"C0OTHER"})),))
    assert refusal(rig.requests.create, CreateOptions(name="demo"), asked(ALICE)).reason == "ChannelNotAllowed"
    assert rig.clusters.records == {} and rig.due.woken == []


def test_a_full_quota_refuses_the_request_and_says_what_frees_it() -> None:
    """What is approved counts, requests do not; the refusal names the cluster that ends first."""
    rig = ruled(quotas=Quotas(user=Allowance(clusters=1)))
    rig.ask()
    second = rig.ask("op-2", name="second")  # the first is a request only
    assert second.version == 1
    rig.clusters.put(replace(record(), quote=second.quote))
    refused = refusal(rig.ask, "op-3", name="third")
    assert refused.reason == "QuotaExceeded" and "“demo” expires first, <!date^" in refused.message
    assert len(rig.clusters.records) == 3


def test_a_price_not_at_hand_is_judged_when_it_is_approved() -> None:
    """Unknown is never $0: with a limit of dollars an hour the request may be asked for, and not be approved."""
    rig = ruled(quotas=Quotas(everyone=Allowance(usd_per_hour=100.0)))
    rig.prices.list = prices(g5_xlarge=None)
    cluster = rig.ask()
    rig.reconciler.visit(cluster.id)
    waiting = rig.cluster(cluster.id)
    assert "unknown" in refusal(rig.approve, waiting, BOB).message
    assert rig.cluster(cluster.id).approval is None


def test_budget_lines_and_who_must_approve_are_kept_with_the_request() -> None:
    """Money was spent this month: the request carries how it stands, and asks the second tier when it is too much."""
    rig = ruled(budgets=Budgets(user=10.0))
    rig.clusters.put(record(approval=Approval(False, BOB, NOW, "d"), days=(DaySpend("2027-01-10", 9.9),)))
    cluster = rig.ask()
    (line,) = cluster.budget
    assert isinstance(line, BudgetLine) and (line.limit, line.spent) == (10.0, 9.9)
    assert {(need.group, need.count) for need in cluster.requirements} == {("approvers", 1), ("admins", 1)}
    assert "of January" in cluster.requirements[1].why


def test_without_a_budget_nothing_is_read(rig: Rig) -> None:
    """No quota and no budget: the accounts are not asked."""
    rig.ask()
    assert rig.script.named("accounts.usage", "accounts.spent", "clusters.live") == []


@pytest.mark.parametrize(
    ("rules", "answer"),
    [
        ({"approvers": frozenset({ALICE})}, "NobodyCanApprove"),
        ({"approvers": frozenset()}, "NobodyCanApprove"),
        ({"approvers": frozenset({ALICE, "S0LEADS"})}, None),
        ({"approvers": frozenset({ALICE, BOB})}, None),
    ],
    ids=["only the requester", "nobody", "a user group, judged by the worker", "somebody else"],
)
def test_a_request_that_nobody_could_approve_is_refused_at_once(rules: Any, answer: str | None) -> None:
    """Known without asking Slack: no request that would wait for a day in vain."""
    rig = ruled(**rules)
    if answer is None:
        assert rig.ask().version == 1
    else:
        refused = refusal(rig.ask)
        assert refused.reason == answer and "administrator" in refused.message
        assert rig.clusters.records == {}


def test_frozen_nothing_is_asked_for(rig: Rig) -> None:
    """The emergency brake: refused for everybody with who and why, also as a plan."""
    rig.switches.pulled = Freeze(CAROL, NOW, "quota audit")
    for call in (rig.requests.create, rig.requests.plan):
        refused = refusal(call, CreateOptions(name="demo"), asked(ALICE))
        assert refused.reason == "Frozen" and "quota audit" in refused.message
    assert rig.clusters.records == {}


class TestPreview:
    """The form that is being filled in."""

    def test_a_whole_form_has_price_and_needs(self, rig: Rig) -> None:
        """Everything known, nothing at fault, nothing written."""
        preview = rig.requests.preview(CreateOptions(name="demo", gpus="2"), asked(ALICE))
        assert preview.quote is not None and preview.quote.usd_per_hour is not None
        assert preview.requirements and preview.fault is None
        assert rig.script.calls == []

    @pytest.mark.parametrize("field", ["name", "ttl", "gpu", "gpus", "max", "region", "team", "reason", "ami"])
    def test_one_bad_field_does_not_take_the_price_away(self, rig: Rig, field: str) -> None:
        """Half typed: the price of the rest stands beside the fault."""
        bad = "x" * 400 + "!?"
        preview = rig.requests.preview(CreateOptions(**{field: bad}), asked(ALICE))
        assert preview.quote is not None
        assert preview.fault is not None and preview.fault.field == field

    def test_several_bad_fields_tell_the_first(self, rig: Rig) -> None:
        """One fault at a time, and still a price."""
        preview = rig.requests.preview(CreateOptions(name="!", gpus="many", ttl="soon"), asked(ALICE))
        assert preview.quote is not None and preview.fault is not None

    @pytest.mark.parametrize(
        ("rules", "reason"),
        [
            ({"create": (CreateRule(gpu_types=frozenset({"g4dn.xlarge"})),)}, "TypeNotAllowed"),
            ({"quotas": Quotas(everyone=Allowance(gpus=0))}, "QuotaExceeded"),
        ],
    )
    def test_what_create_would_refuse_is_said_beside_the_price(self, rules: Any, reason: str) -> None:
        """Rules and quotas are no surprise at the end."""
        preview = ruled(**rules).requests.preview(CreateOptions(), asked(ALICE))
        assert preview.quote is not None and preview.fault is not None and preview.fault.reason == reason

    def test_a_guest_and_a_store_that_is_away_are_faults_too(self, rig: Rig) -> None:
        """It never raises."""
        guest = rig.requests.preview(CreateOptions(), asked(MALLORY))
        assert guest.fault is not None and guest.fault.reason == "Guest" and guest.quote is None
        rig = ruled(budgets=Budgets(user=5.0))
        rig.script.fail("accounts.spent", Unavailable("Down", "redis"))
        away = rig.requests.preview(CreateOptions(), asked(ALICE))
        assert away.fault is not None and away.fault.reason == "Down"


def test_only_open_types_are_priced_and_read(rig: Rig) -> None:
    """The list of offers and the hourly reading of prices keep to the configuration."""
    assert isinstance(rig.authority.rules(), Rules)
    read: list[tuple[str, tuple[str, ...]]] = []
    rig.prices.look_up = lambda region, kinds, version: read.append((region, kinds))  # type: ignore[method-assign,assignment,return-value]
    rig.requests.refresh_prices()
    assert [region for region, _ in read] == list(RULES.regions)
    assert set(read[0][1]) == {*RULES.gpu_types, "m5.xlarge"}
