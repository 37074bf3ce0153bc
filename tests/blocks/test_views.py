"""The form, the Home tab, lists, help and plans."""

from dataclasses import replace

import pytest
from card_samples import HOSTILE, extreme, in_phase, prices, requested
from hypothesis import given
from hypothesis import strategies as st
from slack_limits import SPOKEN, assert_message, assert_tame, assert_view, texts
from test_golden import DESK, FORM

from blocks import change_form, help, home, ids, listing, manual, modals, plans, sentences
from blocks.tongue import speaking
from domain.cluster import BudgetLine, Phase, Requirement
from domain.money import quote
from domain.request import CreateOptions

MANY = tuple(modals.Choice(f"g{number}.xlarge", 1, "l4" if number % 2 else "a10g", 1.0) for number in range(250))


def test_every_field_of_the_form_is_a_create_option() -> None:
    """Block ids are the names of the options, so a refusal lands at its field."""
    view = modals.create_modal(FORM)
    assert_view(view)
    fields = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    assert sorted(fields) == sorted(CreateOptions.__dataclass_fields__)


def test_each_gpu_type_shows_its_price() -> None:
    """A choice names GPUs and $/h; an unknown price is said to be unknown."""
    view = modals.create_modal(FORM)
    options = next(b for b in view["blocks"] if b.get("block_id") == "gpu")["element"]["options"]
    assert [o["text"]["text"] for o in options] == [
        "g5.xlarge · 1 GPU (A10G) · $1.006/h",
        "p5.48xlarge · 8 GPUs (H100) · price unknown",
    ]


def inputs(view: dict) -> dict[str, dict]:
    """The input blocks of a view by id."""
    return {block["block_id"]: block for block in view["blocks"] if block["type"] == "input"}


def words_of(blocks: object) -> str:
    """All words."""
    return "\n".join(text for text, _ in texts(blocks))


def test_without_a_channel_the_form_asks_for_one() -> None:
    """From the Home tab there is no channel where approvers could see the card."""
    view = modals.create_modal(replace(FORM, channel=""))
    assert_view(view)
    assert next(iter(inputs(view))) == "channel"
    assert inputs(view)["channel"]["optional"] is False


def test_the_form_opens_with_its_price() -> None:
    """What it is for, $/h, the whole lifetime, the budget, who must approve: before any field."""
    words = modals.create_modal(FORM)["blocks"][0]["text"]["text"].splitlines()
    assert words[0] == "2 × g5.12xlarge for 8 h: *$11.89/h* · $95.11 for its whole lifetime of 8 h"
    assert words[1] == "⚠️ This puts vision at 112 % of November: $560.00 of $500.00."
    assert words[2] == "It needs 1 approval of “approvers”."
    assert words[3] == "It needs 1 approval of “admins”: This puts vision at 112 % of November."


def test_a_fault_is_said_at_the_name_of_its_field() -> None:
    """While the form is filled in, what a create would refuse stands beside the price, or in its place."""
    held = replace(FORM.outlook, fault="The lifetime must lie between 30m and 168h.", field="ttl")
    priced = modals.create_modal(replace(FORM, outlook=held))
    assert "⚠️ *Lifetime*: The lifetime must lie between 30m and 168h." in words_of(priced)
    bare = modals.Outlook("", 0, fault="Guests cannot.")
    assert modals.create_modal(replace(FORM, outlook=bare))["blocks"][0]["text"]["text"] == (
        "The price is not known yet.\n⚠️ Guests cannot."
    )


def test_what_decides_on_the_price_is_sent_at_once() -> None:
    """Type, counts, lifetime, region, team, Spot and channel dispatch; a name or a reason does not."""
    asked = inputs(modals.create_modal(replace(FORM, channel="")))
    live = {name for name, block in asked.items() if block.get("dispatch_action")}
    assert live == set(ids.PRICED_FIELDS)
    typed = [block["element"] for block in asked.values() if block["element"]["type"] == "plain_text_input"]
    told = {e["action_id"] for e in typed if e.get("dispatch_action_config")}
    assert told == {"gpus", "max", "ttl", "team"}


def test_an_update_of_the_form_keeps_what_was_typed() -> None:
    """Block ids and action ids stay, whatever the form shows, so that Slack keeps every field's state."""
    other = modals.Outlook("x", 60, fault="no " * 300, budget=FORM.outlook.budget * 9)
    before = modals.create_modal(FORM)
    after = modals.create_modal(replace(FORM, outlook=other, priced_in="eu-west-1", choices=FORM.choices[:1]))
    assert_view(after)
    places = [[(name, b["element"]["action_id"]) for name, b in inputs(view).items()] for view in (before, after)]
    assert places[0] == places[1]
    assert before["private_metadata"] == after["private_metadata"]


def test_more_than_a_hundred_types_are_asked_for_while_typing() -> None:
    """Slack takes 100 options in a select; beyond that it asks, from the first character on, and shows what is chosen."""
    view = modals.create_modal(replace(FORM, choices=MANY, defaults=CreateOptions(gpu="g249.xlarge")))
    assert_view(view)
    select = inputs(view)["gpu"]["element"]
    assert (select["type"], select["min_query_length"]) == ("external_select", 0)
    assert select["initial_option"]["value"] == "g249.xlarge"
    exactly = inputs(modals.create_modal(replace(FORM, choices=MANY[:100])))["gpu"]["element"]
    assert (exactly["type"], len(exactly["options"])) == ("static_select", 100)


def test_typing_finds_types_by_name_and_by_gpu() -> None:
    """Every word must fit; nothing typed offers the first hundred; what fits nothing offers nothing."""
    found = [option["value"] for option in modals.matching(MANY, "L4 g24")]
    assert found[0] == "g241.xlarge"
    assert set(found) == {f"g24{n}.xlarge" for n in (1, 3, 5, 7, 9)}
    assert len(modals.matching(MANY, "")) == 100
    assert len(modals.matching(MANY, "  G2 ")) == 61
    assert modals.matching(MANY, "h100") == []
    assert modals.matching(FORM.choices, "a10g")[0]["text"]["text"] == "g5.xlarge · 1 GPU (A10G) · $1.006/h"


def test_teams_of_the_configuration_are_chosen_not_typed() -> None:
    """Where the rules know teams, one's own are offered."""
    view = modals.create_modal(replace(FORM, teams=("speech", "vision"), defaults=CreateOptions(team="vision")))
    assert_view(view)
    select = inputs(view)["team"]["element"]
    assert [option["value"] for option in select["options"]] == ["speech", "vision"]
    assert select["initial_option"]["value"] == "vision"
    many = modals.create_modal(replace(FORM, teams=tuple(f"{n:03}{'t' * 37}" for n in range(150))))
    assert_view(many)
    assert sum(len(group["options"]) for group in inputs(many)["team"]["element"]["option_groups"]) == 150


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize("words", [*HOSTILE, "&" * 400])
def test_no_extreme_breaks_a_form(words: str, language: str) -> None:
    """Longest words everywhere, in every language: views Slack takes, and no markup but ours."""
    long = (words * 60)[:400]
    budget = (BudgetLine(long[:40], "2026-11", 500.0, None, None, 1.0),) * 7
    needs = tuple(Requirement(f"{long}{n}", 2, long) for n in range(7))
    held = replace(FORM.outlook, basis=long, budget=budget, requirements=needs, fault=long, field="gpu")
    with speaking(language):
        view = modals.create_modal(replace(FORM, outlook=held, channel=""))
        asked = change_form.change_modal(extreme(words, Phase.AWAITING_APPROVAL), "C0RAYGPU", "1.2")
    for made in (view, asked):
        assert_view(made)
        assert_tame(made)


def test_a_request_is_only_ever_made_smaller() -> None:
    """The approver's form says what stands; without a second node there is no field for nodes."""
    cluster = in_phase(Phase.AWAITING_APPROVAL)
    view = change_form.change_modal(cluster, "C0RAYGPU", "1.2")
    assert list(inputs(view)) == [change_form.LIFETIME, change_form.NODES]
    assert "<@U0ALICE> asks for *demo*: 2 × g5.12xlarge for 8 h." in words_of(view)
    assert "Less than 8 h; empty leaves it." in words_of(view)
    cpu, gpu = cluster.spec.groups
    one = replace(cluster, spec=replace(cluster.spec, groups=(cpu, replace(gpu, desired=1))))
    assert list(inputs(change_form.change_modal(one, "", "1.2"))) == [change_form.LIFETIME]


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_stay_words_in_notices(words: str) -> None:
    """A notice quotes whatever was typed without obeying it."""
    view = modals.accepted(words, "C0RAYGPU", words)
    assert_view(view)
    assert_tame(view)


@pytest.mark.parametrize("state", [Phase.READY, Phase.AWAITING_APPROVAL])
@pytest.mark.parametrize("number", [0, 1, 120])
def test_home_takes_any_number_of_clusters(number: int, state: Phase) -> None:
    """The Home tab stays within a view's limits at its fullest, and says when there is more."""
    waiting = (extreme("&", Phase.AWAITING_APPROVAL),) * number
    money = (BudgetLine("&" * 40, "2026-11", 500.0, 499.0, None, 0.0),) * number
    view = home.home_view(home.Desk((extreme("x", state),) * number, waiting, money))
    assert_view(view)
    assert_tame(view)
    words = words_of(view)
    assert ("and 96 more: `/raygpu list`" in words) is (number == 120)
    assert ("and 110 more, on their cards" in words) is (number == 120)


def test_home_has_the_buttons_of_each_cluster() -> None:
    """What is running can be extended, parked and deleted; what is parked, resumed; what waits, withdrawn."""
    view = home.home_view(DESK)
    rows = [[e["action_id"] for e in b["elements"]] for b in view["blocks"] if b["type"] == "actions"]
    assert rows == [
        [ids.OPEN_CREATE],
        [ids.APPROVE, ids.DENY, ids.CHANGE],
        [ids.EXTEND, ids.PARK, ids.DELETE],
        [ids.RESUME, ids.EXTEND, ids.DELETE],
        [ids.DELETE],
    ]


def test_home_shows_this_month() -> None:
    """What was spent, what is still to come, and how that stands to the budget; unknown is a word."""
    words = words_of(home.home_view(DESK))
    assert "*Spent in November*" in words
    assert "• <@U0ALICE>: $40.50 so far, $12.00 more until what runs now expires" in words
    assert "• vision: $480.00 so far of $500.00, $65.00 more until what runs now expires · ⚠️ 109 %" in words
    assert "• speech: an unknown sum so far of $500.00" in words


def test_home_says_why_nothing_can_be_created() -> None:
    """With the emergency brake pulled the reason stands where the button was."""
    view = home.home_view(replace(DESK, closed="raygpu is frozen by <@U0CAROL>: the bill <!channel>"))
    assert "⚠️ raygpu is frozen by <@U0CAROL>: the bill &lt;!channel&gt;" in words_of(view)
    assert ids.OPEN_CREATE not in str(view)


@pytest.mark.parametrize("words", HOSTILE)
def test_a_list_of_extremes_stays_within_limits(words: str) -> None:
    """A hundred clusters with the longest names are a message Slack takes."""
    text, blocks = listing.cluster_list((extreme(words, Phase.READY),) * 100, "all")
    assert_message(blocks)
    assert_tame(blocks)
    assert "the price of some is unknown" in text


def test_a_list_sums_what_is_known() -> None:
    """The sum by the hour stands at the top; an empty list says how to get a cluster."""
    text, _ = listing.cluster_list((in_phase(Phase.READY),) * 2, "mine")
    assert text == "You have 2 clusters: $23.78/h when all of them run."
    assert "/raygpu create" in listing.cluster_list((), "mine")[0]


def test_help_covers_the_manual() -> None:
    """Every command has a page Slack takes, with every option of it."""
    assert_message(help.overview()[1])
    for command in manual.COMMANDS:
        blocks = help.page(command.name)[1]
        assert_message(blocks)
        assert all(f"--{option.name}" in words_of(blocks) for option in command.options)


def test_a_plan_shows_calls_price_and_approvers() -> None:
    """--plan says what would be called, what it costs, how the budget stands and who must approve."""
    spec = requested().spec
    budget = (BudgetLine("vision", "2026-11", 500.0, 400.0, 65.0, 95.0),)
    needs = (Requirement("approvers", 1), Requirement("admins", 1, "Over."))
    text, blocks = plans.plan(spec, quote(spec, prices()), budget, needs, ("eks:CreateCluster: builds <it>",))
    assert_message(blocks)
    assert text == "Plan for demo: $11.89/h, $95.11 in 8 h. Nothing was asked for."
    words = words_of(blocks)
    for part in (
        "• eks:CreateCluster: builds &lt;it&gt;",
        "112 % of November",
        "It needs 1 approval of “admins”: Over.",
    ):
        assert part in words


def test_the_delete_question_names_the_cluster() -> None:
    """The question before a typed delete carries the cluster in both buttons."""
    cluster = in_phase(Phase.READY)
    text, blocks = sentences.delete_question(cluster)
    assert_message(blocks)
    assert text.startswith("Delete demo?")
    buttons = blocks[1]["elements"]
    assert [b["action_id"] for b in buttons] == [ids.DELETE_ASKED, ids.DELETE_KEPT]
    assert {ids.read(b["value"]) for b in buttons} == {ids.ButtonValue(cluster.id)}


@given(st.text(max_size=50), st.text(max_size=50), st.integers(min_value=0, max_value=10**9))
def test_a_button_value_comes_back(cluster_id: str, digest: str, generation: int) -> None:
    """What write() writes read() reads."""
    value = ids.ButtonValue(cluster_id or "x", digest, generation)
    assert ids.read(ids.write(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "{}",
        '{"id": 1}',
        '{"id": ""}',
        '{"id":"a","digest":[]}',
        '{"id":"a","generation":true}',
        "[" * 2000,
        "x" * 2001,
    ],
)
def test_what_is_no_value_of_ours_is_none(text: str) -> None:
    """Old, forged and broken values are told apart from ours."""
    assert ids.read(text) is None
