"""The page while things change: a form that is repriced under one's fingers, searches, Home, threads, other channels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from slack_bolt import App
from slack_rig import CHANNEL, Rig, bolt_over_http, new_bolt, new_slack, serving

from sandbox.page import mount

WAIT_MS = 10_000
SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
PRICES = {"g5.xlarge": 1.006, "g5.12xlarge": 5.672, "p5.48xlarge": 98.32}


class World:
    """An empty world."""

    def snapshot(self) -> dict[str, Any]:
        """No clusters, no bill."""
        bill = {"per_hour": 0.0, "total": 0.0}
        return {"now": 1790000000.0, "speed": 60.0, "clusters": [], "leftovers": [], "bill": bill}

    def faults(self) -> list[dict[str, Any]]:
        """None."""
        return []

    def inject(self, name: str, params: dict[str, Any]) -> None:
        """Never called."""


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """The sandbox's Slack with its page."""
    slack = new_slack()
    app = FastAPI()
    app.include_router(slack.router)
    mount(app, slack, World())
    with serving(app) as url:
        slack.base_url = url
        yield Rig(slack, url)


@pytest.fixture
def bot(rig: Rig) -> Iterator[App]:
    """A Bolt app behind the sandbox; the test adds listeners."""
    app = new_bolt(rig)
    with bolt_over_http(rig, app):
        yield app


@pytest.fixture
def tab(rig: Rig, browser: Browser) -> Iterator[Page]:
    """Alice's tab at the channel."""
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        page.goto(rig.url)
        expect(page.get_by_test_id("composer")).to_be_visible()
        yield page
        rig.slack.state.views.clear("U0ALICE")


def shot(page: Page, name: str) -> None:
    """What the test saw, for people to look at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def plain(text: str) -> dict[str, Any]:
    """A plain_text object."""
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict[str, Any]:
    """A mrkdwn object."""
    return {"type": "mrkdwn", "text": text}


def option(value: str, words: str = "") -> dict[str, Any]:
    """An option of a select."""
    return {"text": plain(words or value), "value": value}


def field(name: str, element: dict[str, Any], hint: str = "", **more: Any) -> dict[str, Any]:
    """An input block whose block and action id are its name."""
    held = {"type": "input", "block_id": name, "label": plain(name.title()), "element": {**element, "action_id": name}}
    return {**held, **more, **({"hint": plain(hint)} if hint else {})}


ON_CHARACTER = {"dispatch_action_config": {"trigger_actions_on": ["on_character_entered"]}}


def form(gpu: str = "g5.xlarge", nodes: str = "1") -> dict[str, Any]:
    """The form of a cluster as it is priced for these values; the price is told twice, in a hint and in a section."""
    usd = PRICES[gpu] * int(nodes) if nodes.isdecimal() else None
    price = "unknown" if usd is None else f"${usd:.2f}/h"
    gpus = {"type": "plain_text_input", "initial_value": "1", **ON_CHARACTER}
    regions = [option("us-west-2", f"us-west-2 · {price}"), option("eu-west-1", f"eu-west-1 · {price}")]
    search = {"type": "external_select", "min_query_length": 0, "initial_option": option("g5.xlarge")}
    blocks = [
        field("name", {"type": "plain_text_input"}, optional=True),
        field("gpu", search, hint=f"{price} as it stands", dispatch_action=True),
        field("gpus", gpus, hint="1 to 8", dispatch_action=True),
        field(
            "region", {"type": "static_select", "options": regions, "initial_option": regions[0]}, dispatch_action=True
        ),
        {"type": "divider"},
        {"type": "section", "block_id": "price", "text": mrkdwn(f"*{price}* for {nodes} × {gpu}")},
    ]
    if usd is not None and usd > 20:
        blocks.insert(4, {"type": "context", "elements": [mrkdwn(":warning: an approver of the second tier decides")]})
    return {"type": "modal", "callback_id": "create", "title": plain("New"), "submit": plain("Ask"), "blocks": blocks}


def priced(bot: App, seen: list[dict[str, Any]]) -> None:
    """Listeners of a form that is repriced with every change."""

    @bot.command("/raygpu")
    def opener(ack: Any, body: dict[str, Any], client: Any) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=form())
        ack()

    def changed(ack: Any, body: dict[str, Any], client: Any) -> None:
        seen.append(body)
        values = body["view"]["state"]["values"]
        gpu, nodes = values["gpu"]["gpu"]["selected_option"]["value"], values["gpus"]["gpus"]["value"] or "?"
        client.views_update(view_id=body["view"]["id"], hash=body["view"]["hash"], view=form(gpu, nodes))
        ack()

    for name in ("gpu", "gpus", "region"):
        bot.action(name)(changed)

    @bot.options("gpu")
    def offer(ack: Any, payload: dict[str, Any]) -> None:
        ack(options=[option(kind) for kind in PRICES if payload["value"] in kind])


def say(page: Page, text: str) -> None:
    """Type into the composer and press Enter."""
    page.get_by_test_id("composer").fill(text)
    page.get_by_test_id("composer").press("Enter")


def test_a_form_is_repriced_while_one_types_and_nothing_typed_is_lost(rig: Rig, bot: App, tab: Page) -> None:
    """Each change of a dispatching field brings the new price; the typed name, the caret and the focus stay."""
    seen: list[dict[str, Any]] = []
    priced(bot, seen)
    say(tab, "/raygpu create")
    modal = tab.get_by_test_id("modal")
    expect(modal.locator('[data-block-id="price"]')).to_contain_text("$1.01/h for 1 × g5.xlarge")
    tab.get_by_test_id("name").fill("my-clus")
    nodes = tab.get_by_test_id("gpus")
    nodes.press("End")
    nodes.press("Backspace")
    nodes.type("4")
    expect(modal.locator('[data-block-id="price"]')).to_contain_text("$4.02/h for 4 × g5.xlarge")
    expect(modal.locator('[data-block-id="gpu"] .bk-hint')).to_have_text("$4.02/h as it stands")
    expect(nodes).to_be_focused()
    assert seen[-1]["view"]["state"]["values"]["name"]["name"]["value"] == "my-clus"
    tab.get_by_test_id("name").press("End")
    tab.get_by_test_id("name").type("ter", delay=30)
    tab.get_by_test_id("region").select_option("eu-west-1")
    expect(modal.get_by_test_id("region").locator("option:checked")).to_have_text("eu-west-1 · $4.02/h")
    expect(tab.get_by_test_id("name")).to_have_value("my-cluster")
    shot(tab, "page-live-form")


def test_typing_on_through_an_update_keeps_every_character(rig: Rig, bot: App, tab: Page) -> None:
    """While the bot takes its time over a price, the person goes on typing in another field and loses nothing."""
    seen: list[dict[str, Any]] = []
    priced(bot, seen)
    say(tab, "/raygpu create")
    nodes = tab.get_by_test_id("gpus")
    nodes.fill("3")
    tab.get_by_test_id("name").press("Home")
    tab.get_by_test_id("name").type("a-long-name-typed-slowly", delay=40)
    expect(tab.locator('[data-block-id="price"]')).to_contain_text("for 3 × g5.xlarge")
    expect(tab.get_by_test_id("name")).to_have_value("a-long-name-typed-slowly")
    expect(tab.get_by_test_id("name")).to_be_focused()
    [view] = rig.get("/slack/views", user="U0ALICE")["views"]
    assert view["state"]["values"]["name"]["name"]["value"] == "a-long-name-typed-slowly"


def test_a_search_offers_what_the_bot_knows_and_a_half_query_is_no_choice(rig: Rig, bot: App, tab: Page) -> None:
    """Opening lists all, typing narrows, leaving restores, picking reprices at once and may bring new blocks."""
    seen: list[dict[str, Any]] = []
    priced(bot, seen)
    say(tab, "/raygpu create")
    search, offered = tab.get_by_test_id("gpu"), tab.get_by_test_id("gpu-options")
    search.click()
    expect(offered.locator("button")).to_have_count(3)
    search.fill("12x")
    expect(offered.locator("button")).to_have_text(["g5.12xlarge"])
    search.fill("zzz")
    expect(offered).to_contain_text("No results")
    tab.get_by_test_id("name").click()
    expect(offered.locator("*")).to_have_count(0)
    expect(search).to_have_value("g5.xlarge")
    assert seen == []
    search.click()
    shot(tab, "page-search")
    offered.get_by_text("p5.48xlarge").click()
    expect(tab.locator('[data-block-id="price"]')).to_contain_text("$98.32/h for 1 × p5.48xlarge")
    expect(tab.get_by_test_id("modal")).to_contain_text("an approver of the second tier decides")
    expect(search).to_have_value("p5.48xlarge")
    order = (
        tab.get_by_test_id("modal")
        .locator("[data-block-id]")
        .evaluate_all("found => found.map(e => e.className.split(' ')[1])")
    )
    assert order == ["bk-input"] * 4 + ["bk-context", "bk-divider", "bk-section"]
    shot(tab, "page-second-tier")


def test_a_field_may_tell_on_enter_only_and_enter_does_not_send_the_form(rig: Rig, bot: App, tab: Page) -> None:
    """Slack's default for text: block_actions on Enter; the form stays open."""
    seen: list[str] = []

    @bot.command("/raygpu")
    def opener(ack: Any, body: dict[str, Any], client: Any) -> None:
        blocks = [field("gpus", {"type": "plain_text_input"}, dispatch_action=True)]
        client.views_open(trigger_id=body["trigger_id"], view={**form(), "blocks": blocks})
        ack()

    @bot.action("gpus")
    def changed(ack: Any, body: dict[str, Any]) -> None:
        seen.append(body["actions"][0]["value"])
        ack()

    say(tab, "/raygpu create")
    tab.get_by_test_id("gpus").fill("4")
    tab.get_by_test_id("gpus").fill("42")
    tab.get_by_test_id("gpus").press("Enter")
    tab.wait_for_timeout(600)  # what must not happen has no event to wait for
    assert seen == ["42"]
    expect(tab.get_by_test_id("modal")).to_be_visible()


def home(names: list[str], note: str = "") -> dict[str, Any]:
    """A Home tab with three buttons and a menu for each cluster."""
    blocks: list[dict[str, Any]] = [{"type": "header", "block_id": "head", "text": plain("Your clusters")}]
    for name in names:
        more = {"type": "overflow", "action_id": "more", "options": [option(f"transfer:{name}", "Transfer…")]}
        words = mrkdwn(f"*{name}* · ready · $1.10/h{note}")
        elements = [
            {"type": "button", "action_id": "extend", "text": plain("Extend 4h"), "value": name},
            {"type": "button", "action_id": "park", "text": plain("Park"), "value": name},
            {"type": "button", "action_id": "delete", "style": "danger", "text": plain("Delete"), "value": name},
        ]
        blocks += [
            {"type": "section", "block_id": f"s-{name}", "text": words, "accessory": more},
            {"type": "actions", "block_id": f"a-{name}", "elements": elements},
            {"type": "divider", "block_id": f"d-{name}"},
        ]
    return {"type": "home", "blocks": blocks}


def test_home_has_buttons_for_each_cluster_and_follows_changes_where_one_reads(rig: Rig, bot: App, tab: Page) -> None:
    """The right cluster's button and menu are pressed; an update changes it in place and does not scroll away."""
    seen: list[tuple[str, str]] = []
    names = [f"cluster-{number}" for number in range(12)]

    @bot.event("app_home_opened")
    def opened(event: dict[str, Any], client: Any) -> None:
        client.views_publish(user_id=event["user"], view=home(names))

    @bot.action("park")
    def park(ack: Any, body: dict[str, Any], client: Any) -> None:
        seen.append(("park", body["actions"][0]["value"]))
        client.views_publish(user_id=body["user"]["id"], view=home(names[:-1], " · parking"))
        ack()

    @bot.action("more")
    def more(ack: Any, body: dict[str, Any]) -> None:
        seen.append(("more", body["actions"][0]["selected_option"]["value"]))
        ack()

    tab.get_by_test_id("nav-home").click()
    row = tab.locator('[data-block-id="s-cluster-9"]')
    row.scroll_into_view_if_needed()
    row.get_by_test_id("more").locator("summary").click()
    shot(tab, "page-home")
    row.get_by_text("Transfer…").click()
    tab.locator('[data-block-id="a-cluster-9"]').get_by_test_id("park").click()
    expect(row).to_contain_text("parking")
    expect(tab.locator('[data-block-id="s-cluster-11"]')).to_have_count(0)
    assert seen == [("more", "transfer:cluster-9"), ("park", "cluster-9")]
    assert tab.get_by_test_id("app-home").evaluate("e => e.scrollTop") > 0


def test_a_thread_stands_under_its_card_and_direct_messages_have_their_own_place(rig: Rig, bot: App, tab: Page) -> None:
    """Replies are drawn below the card in order, and a call to Bob is in Bob's messages only."""
    blocks = [
        {"type": "header", "text": plain("demo · Awaiting approval")},
        {"type": "section", "text": mrkdwn("*$1.10/h*")},
    ]
    card = rig.client.chat_postMessage(channel=CHANNEL, text="demo", blocks=blocks)["ts"]
    rig.client.chat_postMessage(channel=CHANNEL, text="something else")
    for words in ("<@U0BOB> <@U0BORIS> *demo* waits for you", "still waiting, 15 minutes", "approved by <@U0BOB>"):
        rig.client.chat_postMessage(channel=CHANNEL, text=words, thread_ts=card)
    rig.client.chat_postMessage(channel="U0BOB", text="*demo* waits for you")
    rig.client.chat_postEphemeral(channel=CHANNEL, user="U0ALICE", text="*2 clusters* are yours")
    replies = tab.locator(f'[data-ts="{card}"] ~ .message.reply')
    expect(replies).to_have_count(3)
    expect(replies.nth(2)).to_contain_text("approved by @bob")
    expect(tab.locator(".message.ephemeral").last).to_contain_text("2 clusters are yours")
    shot(tab, "page-thread")
    bob = tab.context.new_page()
    bob.goto(f"{rig.url}/?user=U0BOB&place=D0BOB")
    expect(bob.get_by_test_id("messages")).to_contain_text("demo waits for you")
    shot(bob, "page-direct-message")


def test_a_channel_shows_only_to_its_members(rig: Rig, bot: App, tab: Page) -> None:
    """A channel that is opened while the page stands appears for those in it, and for nobody else."""
    other = tab.context.new_page()
    other.goto(f"{rig.url}/?user=U0BOB")
    expect(other.get_by_test_id("composer")).to_be_visible()
    rig.post("/slack/channel", channel="C0APPROVE", name="approvals", members=["U0BOB"])
    rig.client.chat_postMessage(channel="C0APPROVE", text="demo waits")
    other.get_by_test_id("nav-C0APPROVE").click()
    expect(other.get_by_test_id("messages")).to_contain_text("demo waits")
    expect(tab.get_by_test_id("nav-C0RAYGPU")).to_be_visible()
    expect(tab.get_by_test_id("nav-C0APPROVE")).to_have_count(0)


def test_a_person_may_speak_another_language(rig: Rig, bot: App, tab: Page) -> None:
    """Choosing a language at the foot of the column changes what users.info says from then on."""
    tab.get_by_test_id("locale-switcher").select_option("zh-CN")
    rig.client.chat_postMessage(channel=CHANNEL, text="集群 demo 已就绪")
    expect(tab.get_by_test_id("messages")).to_contain_text("已就绪")
    tab.reload()
    expect(tab.get_by_test_id("locale-switcher")).to_have_value("zh-CN")
    assert rig.client.users_info(user="U0ALICE", include_locale=True)["user"]["locale"] == "zh-CN"
    shot(tab, "page-chinese")
    rig.post("/slack/person", user="U0ALICE", locale="en-US")
