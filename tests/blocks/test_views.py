"""The form, the Home tab, lists, help and plans."""

from dataclasses import replace

import pytest
from card_samples import HOSTILE, extreme, in_phase, prices, requested
from hypothesis import given
from hypothesis import strategies as st
from slack_limits import assert_message, assert_tame, assert_view, texts
from test_golden import FORM

from blocks import help, home, ids, listing, modals, plans, sentences
from domain.cluster import Phase
from domain.money import quote
from domain.request import CreateOptions
from handlers.grammar import COMMANDS, FLAGS, VALUED


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
        "g5.xlarge · 1 × A10G GPU · $1.006/h",
        "p5.48xlarge · 8 × H100 GPUs · price unknown",
    ]


def test_without_a_channel_the_form_asks_for_one() -> None:
    """From the Home tab there is no channel where approvers could see the card."""
    view = modals.create_modal(replace(FORM, channel=""))
    assert_view(view)
    first = view["blocks"][0]
    assert (first["block_id"], first["optional"]) == ("channel", False)


def test_more_than_a_hundred_types_are_grouped_not_cut() -> None:
    """Slack takes 100 options in a select; the others stand in groups."""
    many = tuple(modals.Choice(f"g{number}.xlarge", 1, "l4", 1.0) for number in range(250))
    view = modals.create_modal(replace(FORM, choices=many, defaults=CreateOptions(gpu="g249.xlarge")))
    assert_view(view)
    select = next(b for b in view["blocks"] if b.get("block_id") == "gpu")["element"]
    assert sum(len(group["options"]) for group in select["option_groups"]) == 250
    assert select["initial_option"]["value"] == "g249.xlarge"


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_stay_words_in_notices(words: str) -> None:
    """A notice quotes whatever was typed without obeying it."""
    view = modals.accepted(words, "C0RAYGPU", words)
    assert_view(view)
    assert_tame(view)


@pytest.mark.parametrize("number", [0, 1, 120])
def test_home_takes_any_number_of_clusters(number: int) -> None:
    """The Home tab stays within a view's limits and says when there are more."""
    view = home.home_view((in_phase(Phase.READY),) * number)
    assert_view(view)
    words = "\n".join(text for text, _ in texts(view))
    assert ("and 100 more" in words) is (number == 120)


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


def test_help_covers_the_grammar() -> None:
    """Every command has a page, every option of create a line."""
    assert tuple(help.PAGES) == COMMANDS
    assert_message(help.overview()[1])
    for command in COMMANDS:
        assert_message(help.page(command)[1])
    options = " ".join(name for name, _ in help.PAGES["create"].options)
    assert all(f"--{name}" in options for name in (*VALUED, *FLAGS))


def test_a_plan_shows_calls_and_price() -> None:
    """--plan says what would be called and what it costs."""
    spec = requested().spec
    text, blocks = plans.plan(spec, quote(spec, prices()))
    assert_message(blocks)
    assert text == "Plan for demo: $11.89/h, $95.11 in 8 h. Nothing was asked for."
    words = "\n".join(part for part, _ in texts(blocks))
    for call in ("eks:CreateCluster", "eks:CreateAccessEntry", "eks:CreateAddon", "eks:CreateNodegroup"):
        assert call in words


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
