"""The form of create while it is filled in: price, faults, and the search among many GPU types."""

import math
from dataclasses import replace
from typing import Any

import pytest
import rig_world
from gesture_rig import RULES, TYPES, Rig, down, inputs
from slack_limits import assert_view
from test_forms import opened

from blocks import ids
from domain.capacity import InstanceType
from domain.rules import Allowance, ApprovalRule, CreateRule, Freeze
from services.ports import AuditEntry

MANY = {
    f"g9.{n}xlarge": InstanceType(f"g9.{n}xlarge", 4, 16, 1, "h100" if n % 2 else "l4", "x86_64") for n in range(150)
}


@pytest.fixture
def rig() -> Rig:
    """A bot whose outside is in memory."""
    return Rig()


def outlook(view: dict[str, Any]) -> str:
    """What stands above the fields."""
    return str(view["blocks"][0]["text"]["text"])


def test_the_price_follows_the_fields(rig: Rig) -> None:
    """Each change draws the form anew, in its view and under its hash: rate, whole lifetime, who must approve."""
    view = opened(rig)
    assert outlook(view).startswith("1 × g5.xlarge for 8 h: *$1.438/h* · $11.51 for its whole lifetime of 8 h")
    reply = rig.change(view, "gpus", {"gpus": "3", "gpu": "g5.12xlarge", "ttl": "1d"})
    assert (reply.status, reply.body) == (200, b"")
    view_id, seen, drawn = rig.screen.updates[-1]
    assert (view_id, seen) == ("V1", "1.a")
    assert_view(drawn)
    assert outlook(drawn).startswith("3 × g5.12xlarge for 1 d: *$17.67/h* · $424.15 for its whole lifetime of 1 d")
    assert "It needs 1 approval of “approvers”." in outlook(drawn)
    assert not rig.world.records


def test_a_redrawn_form_is_the_same_form(rig: Rig) -> None:
    """Same fields, same key, same channel, holding what was typed: sent after any number of changes it is one request."""
    view = opened(rig)
    rig.change(view, "ttl", {"ttl": "2d", "name": "demo", "reason": "why <not>"})
    drawn = rig.screen.updates[-1][2]
    assert [b["block_id"] for b in inputs(drawn)] == [b["block_id"] for b in inputs(view)]
    assert drawn["private_metadata"] == view["private_metadata"]
    rig.submit(drawn, {})
    rig.submit(view, {"name": "demo"})
    (cluster,) = rig.world.records.values()
    assert (cluster.spec.name, cluster.spec.ttl_s, cluster.spec.reason) == ("demo", 2 * 86400, "why <not>")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"gpus": "0"}, "⚠️ *GPU nodes*: "),
        ({"gpus": "12"}, "⚠️ *GPU nodes*: --gpus must be a whole number from 1 to 8, not “12”."),
        ({"max": "x"}, "⚠️ *Most GPU nodes*: "),
        ({"ttl": "soon"}, "⚠️ *Lifetime*: “soon” is not a time span"),
        ({"name": "<!channel>"}, "⚠️ *Name*: A name is 1 to 30 characters"),
    ],
)
def test_a_fault_is_said_while_typing(rig: Rig, fields: dict[str, str], words: str) -> None:
    """The price stays in view, and the field at fault is named beside it."""
    rig.change(opened(rig), "gpus", fields)
    drawn = rig.screen.updates[-1][2]
    assert words in outlook(drawn)
    assert "/h* · $" in outlook(drawn)


def test_a_cleared_field_counts_as_left_empty(rig: Rig) -> None:
    """Between two characters a field may be empty: the price is that of the default, and nothing fails."""
    rig.change(opened(rig), "ttl", {"ttl": "", "gpus": ""})
    assert outlook(rig.screen.updates[-1][2]).startswith("1 × g5.xlarge for 8 h: *$1.438/h*")


def test_budget_rules_and_quota_are_said_while_typing() -> None:
    """What the month comes to, whom it needs in addition, what one may not ask for, and what a quota has no room for."""
    rules = replace(
        RULES,
        approval=(ApprovalRule(group="approvers", up_to_usd_per_hour=5.0), ApprovalRule(approvals=2)),
        budgets=replace(RULES.budgets, user=50.0),
        quotas=replace(RULES.quotas, user=Allowance(gpus=4)),
        create=(CreateRule(gpu_types=frozenset({"g5.xlarge", "g5.12xlarge"}), max_nodes=2),),
    )
    rig = Rig(rules=rules)
    view = opened(rig)
    assert "It needs 1 approval of “approvers”: Rule for requests up to $5.00 an hour." in outlook(view)
    rig.change(view, "gpu", {"gpu": "g5.12xlarge", "ttl": "1d"})
    dear = outlook(rig.screen.updates[-1][2])
    assert "⚠️ This puts <@U0ALICE> at 294 % of September" in dear
    assert "It needs 2 approvals of “approvers”." in dear
    assert "It needs 1 approval of “admins”: This puts" in dear
    rig.change(view, "gpus", {"gpu": "g5.12xlarge", "gpus": "2"})
    assert "<@U0ALICE> already holds 0 of at most 4 GPUs, and this asks for 8 more." in outlook(
        rig.screen.updates[-1][2]
    )
    rig.change(view, "gpus", {"gpus": "3"})
    assert "⚠️ *GPU nodes*: You may ask for at most 2 GPU nodes" in outlook(rig.screen.updates[-1][2])


def test_another_region_has_other_prices(rig: Rig) -> None:
    """The types are priced in the region that is chosen."""
    rig.change(opened(rig), "region", {"region": "eu-west-1"})
    drawn = rig.screen.updates[-1][2]
    gpu = next(block for block in inputs(drawn) if block["block_id"] == "gpu")
    assert "one node in eu-west-1" in gpu["hint"]["text"]


def test_the_brake_is_said_in_an_open_form(rig: Rig) -> None:
    """Pulled while somebody fills it in, it stands there; and it opens no other form."""
    view = opened(rig)
    entry = AuditEntry("U0CAROL", "freeze", "raygpu", "command", 0.0)
    rig.world.switches.set_freeze(Freeze("U0CAROL", 0.0, "the bill"), "freeze:1", entry)
    rig.change(view, "gpus", {"gpus": "2"})
    assert "⚠️ raygpu is frozen by <@U0CAROL>: the bill" in outlook(rig.screen.updates[-1][2])
    assert "frozen by <@U0CAROL>" in rig.command("create").text
    rig.event({"type": "app_home_opened", "user": "U0ALICE", "tab": "home"})
    home = rig.screen.homes["U0ALICE"]
    assert "⚠️ raygpu is frozen by <@U0CAROL>: the bill" in str(home)
    assert ids.OPEN_CREATE not in str(home)


@pytest.mark.parametrize("what", ["screen", "people_down", "store_down"])
def test_a_change_that_cannot_be_shown_is_acked(rig: Rig, what: str) -> None:
    """Slack or Redis down while somebody types: the form stays as it is, nothing is sent twice, no 500."""
    view = opened(rig)
    if what == "screen":
        rig.screen.down = down("SlackUnreachable")
    else:
        setattr(rig.world, what, down())
    reply = rig.change(view, "gpus", {"gpus": "2"})
    assert (reply.status, reply.body) == (200, b"")
    assert not rig.screen.updates


def test_a_guest_gets_no_prices_by_typing(rig: Rig) -> None:
    """A form somebody else opened answers nobody who may not use raygpu."""
    rig.change(opened(rig), "gpus", {"gpus": "2"}, user="U0MALLORY")
    assert not rig.screen.updates
    assert rig.suggest(ids.GPU, "", user="U0MALLORY").json == {"options": []}


@pytest.mark.parametrize("field", ids.PRICED_FIELDS)
def test_a_field_pressed_on_a_message_is_no_form(rig: Rig, field: str) -> None:
    """The ids of fields on a message are forged; they get a sentence like any old button."""
    rig.click(field, "x")
    assert "a form that is not open any more" in rig.said
    assert not rig.screen.updates


@pytest.fixture
def stocked(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A bot where more than a hundred GPU types are allowed."""
    monkeypatch.setattr(rig_world, "TYPES", {**TYPES, **MANY})
    monkeypatch.setattr(rig_world, "USD", {**rig_world.USD, **{kind: 1.0 + n / 100 for n, kind in enumerate(MANY)}})
    return Rig(rules=replace(RULES, gpu_types=("g5.xlarge", *MANY)))


def test_many_types_are_searched(stocked: Rig) -> None:
    """The select asks; by name, by GPU, by both; nothing typed offers the cheapest hundred; a chosen one stays chosen."""
    view = opened(stocked)
    assert_view(view)
    select = next(block["element"] for block in inputs(view) if block["block_id"] == "gpu")
    assert (select["type"], select["initial_option"]["value"]) == ("external_select", "g5.xlarge")
    found = stocked.suggest(ids.GPU, "h100 14", view=view).json["options"]
    assert [option["value"] for option in found] == [f"g9.{n}xlarge" for n in (141, 143, 145, 147, 149)]
    assert len(stocked.suggest(ids.GPU, "", view=view).json["options"]) == 100
    assert stocked.suggest(ids.GPU, "trn1", view=view).json["options"] == []
    assert stocked.suggest("other", "h100", view=view).json["options"] == []
    stocked.change(view, "gpu", {"gpu": "g9.149xlarge"})
    drawn = stocked.screen.updates[-1][2]
    assert outlook(drawn).startswith("1 × g9.149xlarge for 8 h: ")
    chosen = next(block["element"] for block in inputs(drawn) if block["block_id"] == "gpu")
    assert chosen["initial_option"]["value"] == "g9.149xlarge"
    stocked.submit(drawn, {"name": "many"})
    (cluster,) = stocked.world.records.values()
    assert cluster.spec.gpu_groups[0].instance_types == ("g9.149xlarge",)
    assert math.isclose(cluster.quote.lines[3].usd_per_hour, 2.49)


def test_teams_are_offered_where_the_rules_know_them() -> None:
    """One's only team is chosen already; who is in none gets no form."""
    rig = Rig(rules=replace(RULES, teams={"vision": frozenset({"U0ALICE"}), "speech": frozenset({"U0BOB"})}))
    team = next(block["element"] for block in inputs(opened(rig)) if block["block_id"] == "team")
    assert ([o["value"] for o in team["options"]], team["initial_option"]["value"]) == (["vision"], "vision")
    assert "You are in no team of the configuration" in rig.command("create", user="U0DAVE").text
