"""The page in headless Chromium, with a real Bolt app behind it: commands, clicks, modals, several people."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from slack_bolt import App
from slack_rig import CHANNEL, Rig, bolt_over_http, new_bolt, new_slack, serving

from sandbox.page import mount

WAIT_MS = 10_000


def plain(text: str) -> dict[str, Any]:
    """A plain_text object."""
    return {"type": "plain_text", "text": text}


OPTIONS = [{"text": plain("1 × A10G"), "value": "g5.xlarge"}, {"text": plain("4 × A10G"), "value": "g5.12xlarge"}]
CONFIRM = {
    "title": plain("Approve demo?"),
    "text": {"type": "mrkdwn", "text": "*$1.01/h* until deleted"},
    "confirm": plain("Approve"),
    "deny": plain("Back"),
}
BUTTON = {"type": "button", "action_id": "approve", "style": "primary", "text": plain("Approve"), "value": "r1"}
CARD = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "*demo* waits <script>alert(1)</script>"}},
    {"type": "actions", "elements": [{**BUTTON, "confirm": CONFIRM}]},
]
MODAL = {
    "type": "modal",
    "callback_id": "create",
    "title": plain("New cluster"),
    "submit": plain("Create"),
    "blocks": [
        {
            "type": "input",
            "block_id": "b_name",
            "label": plain("Name"),
            "element": {"type": "plain_text_input", "action_id": "name"},
        },
        {
            "type": "input",
            "block_id": "b_gpu",
            "label": plain("GPU"),
            "element": {"type": "static_select", "action_id": "gpu", "options": OPTIONS},
        },
        {
            "type": "input",
            "block_id": "b_spot",
            "label": plain("Options"),
            "optional": True,
            "element": {"type": "checkboxes", "action_id": "spot", "options": [OPTIONS[0]]},
        },
        {
            "type": "input",
            "block_id": "b_cluster",
            "label": plain("Like"),
            "optional": True,
            "element": {"type": "external_select", "action_id": "like", "min_query_length": 0},
        },
    ],
}


class World:
    """A small world that remembers what was injected into it."""

    def __init__(self) -> None:
        self.injected: list[tuple[str, dict[str, Any]]] = []

    def snapshot(self) -> dict[str, Any]:
        """No clusters, a bill that is running."""
        bill = {"per_hour": 1.25, "total": 10.0}
        return {"now": 1790000000.0, "speed": 60.0, "clusters": [], "leftovers": [], "bill": bill}

    def faults(self) -> list[dict[str, Any]]:
        """One fault with a parameter."""
        return [{"name": "no_capacity", "params": {"minutes": 30}, "description": "No capacity for so many minutes."}]

    def inject(self, name: str, params: dict[str, Any]) -> None:
        """Remember, or refuse what has no sense."""
        if params["minutes"] == 0:
            raise ValueError("Zero minutes are no fault.")
        self.injected.append((name, params))


WORLD = World()


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """The sandbox's Slack with its page."""
    slack = new_slack()
    app = FastAPI()
    app.include_router(slack.router)
    mount(app, slack, WORLD)
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
    """Alice's tab at the channel; no request may leave this machine."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(WAIT_MS)
    abroad: list[str] = []
    page = context.new_page()
    page.on(
        "request", lambda request: None if request.url.startswith((rig.url, "data:")) else abroad.append(request.url)
    )
    page.goto(rig.url)
    expect(page.get_by_test_id("composer")).to_be_visible()
    yield page
    context.close()
    assert abroad == []


def say(page: Page, text: str) -> None:
    """Type into the composer and press Enter."""
    page.get_by_test_id("composer").fill(text)
    page.get_by_test_id("composer").press("Enter")


def card(page: Page, ts: str) -> Any:
    """The message with this ts."""
    return page.locator(f'[data-testid="message"][data-ts="{ts}"]')


def test_typing_a_slash_hints_and_the_command_is_answered_to_its_person_only(rig: Rig, bot: App, tab: Page) -> None:
    """`/` shows the commands; the ack is an ephemeral message that another person's tab does not show."""

    @bot.command("/raygpu")
    def listener(ack: Any, body: dict[str, Any]) -> None:
        ack(f"You said *{body['text']}*")

    tab.get_by_test_id("composer").fill("/")
    expect(tab.get_by_test_id("hint-create")).to_be_visible()
    say(tab, "/raygpu list mine")
    answer = tab.locator(".message.ephemeral").last
    expect(answer).to_contain_text("Only visible to you")
    expect(answer.locator("b", has_text="list mine")).to_be_visible()
    expect(tab.get_by_test_id("command-hint")).to_have_count(0)
    other = tab.context.new_page()
    other.goto(f"{rig.url}/?user=U0BOB")
    expect(other.get_by_test_id("user-switcher")).to_have_value("U0BOB")
    expect(other.locator(".message.ephemeral")).to_have_count(0)


def test_click_asks_first_and_the_update_is_seen_live_in_two_tabs(rig: Rig, bot: App, tab: Page) -> None:
    """A confirm dialog stands before the click; after it both tabs show the updated card without a reload."""
    clicks: list[str] = []

    @bot.action("approve")
    def approve(ack: Any, body: dict[str, Any], client: Any) -> None:
        clicks.append(body["user"]["id"])
        client.chat_update(channel=CHANNEL, ts=body["message"]["ts"], text=f"Approved by <@{body['user']['id']}>")
        ack()

    ts = rig.client.chat_postMessage(channel=CHANNEL, text="card", blocks=CARD)["ts"]
    other = tab.context.new_page()
    other.goto(f"{rig.url}/?user=U0BOB")
    expect(card(tab, ts)).to_contain_text("<script>alert(1)</script>")
    card(other, ts).get_by_test_id("approve").click()
    other.get_by_test_id("confirm-cancel").click()
    expect(other.get_by_test_id("confirm")).to_have_count(0)
    assert clicks == []
    card(other, ts).get_by_test_id("approve").click()
    expect(other.get_by_test_id("confirm")).to_contain_text("$1.01/h until deleted")
    other.get_by_test_id("confirm-ok").click()
    for page in (tab, other):
        expect(card(page, ts)).to_contain_text("Approved by @bob")
        expect(card(page, ts).get_by_test_id("edited")).to_be_visible()
        expect(card(page, ts).get_by_test_id("approve")).to_have_count(0)
    assert clicks == ["U0BOB"]


def test_what_is_pressed_counts_as_it_was_drawn(rig: Rig, bot: App, tab: Page) -> None:
    """A click on its way while the message changes, and a dialog that stands open meanwhile, lose nothing."""

    @bot.action("approve")
    def approve(ack: Any, body: dict[str, Any], client: Any) -> None:
        pressed = body["actions"][0]["value"]
        client.chat_update(channel=CHANNEL, ts=body["message"]["ts"], text=f"pressed {pressed}")
        ack()

    def edited(value: str) -> None:
        blocks = [CARD[0], {"type": "actions", "elements": [{**BUTTON, "value": value, "confirm": CONFIRM}]}]
        rig.client.chat_update(channel=CHANNEL, ts=ts, text="edited", blocks=blocks)
        expect(card(tab, ts).locator(f'[data-value="{value}"]')).to_be_visible()

    ts = rig.client.chat_postMessage(channel=CHANNEL, text="card", blocks=CARD)["ts"]
    drawn = card(tab, ts).get_by_test_id("approve").element_handle()
    edited("r2")
    drawn.evaluate("button => button.click()")  # the tab had not heard of the change yet
    expect(tab.get_by_test_id("confirm")).to_be_visible()
    edited("r3")
    tab.get_by_test_id("confirm-ok").click()
    expect(card(tab, ts)).to_contain_text("pressed r1")


def test_modal_shows_errors_and_closes_on_success(rig: Rig, bot: App, tab: Page) -> None:  # long: one story
    """First the client's own check, then the bot's error with what was typed kept, then success."""
    submitted: list[dict[str, Any]] = []

    @bot.command("/raygpu")
    def opener(ack: Any, body: dict[str, Any], client: Any) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        ack()

    @bot.options("like")
    def offer(ack: Any) -> None:
        ack(options=[{"text": plain("Old cluster"), "value": "old"}])

    @bot.view("create")
    def submit(ack: Any, view: dict[str, Any]) -> None:
        submitted.append(view["state"]["values"])
        if view["state"]["values"]["b_name"]["name"]["value"] != "demo":
            ack(response_action="errors", errors={"b_name": "Use small letters."})
        else:
            ack()

    say(tab, "/raygpu create")
    tab.get_by_test_id("name").fill("Bad Name")
    tab.get_by_test_id("modal-submit").click()
    expect(tab.get_by_test_id("error-b_gpu")).to_have_text("Please complete this required field.")
    assert submitted == []
    expect(tab.get_by_test_id("name")).to_have_value("Bad Name")
    tab.get_by_test_id("gpu").select_option("g5.12xlarge")
    tab.get_by_test_id("spot").locator("input").check()
    tab.get_by_test_id("like").click()
    tab.get_by_test_id("like-options").get_by_text("Old cluster").click()
    tab.get_by_test_id("modal-submit").click()
    expect(tab.get_by_test_id("error-b_name")).to_have_text("Use small letters.")
    expect(tab.get_by_test_id("gpu")).to_have_value("g5.12xlarge")
    expect(tab.get_by_test_id("like")).to_have_value("Old cluster")
    tab.get_by_test_id("name").fill("demo")
    tab.get_by_test_id("modal-submit").click()
    expect(tab.get_by_test_id("modal")).to_have_count(0)
    values = submitted[-1]
    assert values["b_gpu"]["gpu"]["selected_option"]["value"] == "g5.12xlarge"
    assert [option["value"] for option in values["b_spot"]["spot"]["selected_options"]] == ["g5.xlarge"]
    assert values["b_cluster"]["like"]["selected_option"]["value"] == "old"


def test_live_changes_do_not_wipe_what_is_being_typed(rig: Rig, bot: App, tab: Page) -> None:
    """While a form is open and the composer holds a draft, new messages arrive and both keep their text."""

    @bot.command("/raygpu")
    def opener(ack: Any, body: dict[str, Any], client: Any) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        ack()

    say(tab, "/raygpu create")
    tab.get_by_test_id("name").fill("half a na")
    ts = rig.client.chat_postMessage(channel=CHANNEL, text="news")["ts"]
    expect(card(tab, ts)).to_be_attached()
    expect(tab.get_by_test_id("name")).to_have_value("half a na")
    tab.get_by_test_id("modal-cancel").click()
    expect(tab.get_by_test_id("modal")).to_have_count(0)
    tab.get_by_test_id("composer").fill("a draft")
    ts = rig.client.chat_postMessage(channel=CHANNEL, text="more news")["ts"]
    expect(card(tab, ts)).to_be_visible()
    expect(tab.get_by_test_id("composer")).to_have_value("a draft")


def test_direct_messages_are_counted_threads_stand_below_and_home_opens(rig: Rig, bot: App, tab: Page) -> None:
    """A direct message shows a badge, a reply stands right below its root, App Home is published on opening."""

    @bot.event("app_home_opened")
    def opened(event: dict[str, Any], client: Any) -> None:
        blocks = [{"type": "header", "text": plain("Your clusters")}]
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    rig.client.chat_postMessage(channel="U0ALICE", text="your cluster is ready :tada:")
    expect(tab.get_by_test_id("nav-dm").locator(".badge.on")).to_have_attribute("data-count", "1")
    tab.get_by_test_id("nav-dm").click()
    expect(tab.get_by_test_id("messages")).to_contain_text("your cluster is ready")
    expect(tab.get_by_test_id("nav-dm").locator(".badge.on")).to_have_count(0)
    tab.get_by_test_id("nav-home").click()
    expect(tab.get_by_test_id("app-home")).to_contain_text("Your clusters")
    tab.get_by_test_id("nav-C0RAYGPU").click()
    root = rig.client.chat_postMessage(channel=CHANNEL, text="root")["ts"]
    rig.client.chat_postMessage(channel=CHANNEL, text="younger")
    reply = rig.client.chat_postMessage(channel=CHANNEL, text="reply", thread_ts=root)["ts"]
    expect(card(tab, reply)).to_have_count(0)
    following = tab.locator(f'[data-ts="{root}"] + [data-testid="reply"]')
    expect(following).to_have_attribute("data-ts", reply)


def test_a_message_lost_on_slacks_side_disappears_from_the_page(rig: Rig, bot: App, tab: Page) -> None:
    """The fault deletes the card live."""
    ts = rig.client.chat_postMessage(channel=CHANNEL, text="soon gone")["ts"]
    expect(card(tab, ts)).to_be_visible()
    rig.slack.inject("slack_message_lost")
    expect(card(tab, ts)).to_have_count(0)


def test_a_failing_click_is_told_to_the_person(rig: Rig, bot: App, tab: Page) -> None:
    """A button nobody listens to brings a notice, not silence."""
    button = {"type": "button", "action_id": "deaf", "text": plain("Deaf")}
    blocks = [{"type": "actions", "elements": [button]}]
    ts = rig.client.chat_postMessage(channel=CHANNEL, text="card", blocks=blocks)["ts"]
    card(tab, ts).get_by_test_id("deaf").click()
    expect(tab.get_by_test_id("notice")).to_contain_text("did not answer")


def test_switching_the_person_changes_who_acts(rig: Rig, bot: App, tab: Page) -> None:
    """After the switch a message comes from Carol."""
    tab.get_by_test_id("user-switcher").select_option("U0CAROL")
    tab.wait_for_url("**user=U0CAROL**")
    expect(tab.get_by_test_id("user-switcher")).to_have_value("U0CAROL")
    say(tab, "hello from @bob's colleague")
    expect(tab.locator('[data-user="U0CAROL"]').last).to_contain_text("@bob")


def test_the_world_panel_shows_the_bill_and_injects_faults(rig: Rig, bot: App, tab: Page) -> None:
    """Bill per hour is shown; a fault goes in with typed parameters, a refusal comes back as a sentence."""
    expect(tab.get_by_test_id("bill-per-hour")).to_have_text("$1.25")
    expect(tab.get_by_test_id("world-empty")).to_be_visible()
    tab.get_by_test_id("fault-select").select_option("no_capacity")
    tab.get_by_test_id("fault-param-minutes").fill("45")
    tab.get_by_test_id("fault-inject").click()
    expect(tab.get_by_test_id("notice")).to_have_text("Injected no_capacity.")
    assert WORLD.injected == [("no_capacity", {"minutes": 45})]
    tab.get_by_test_id("fault-param-minutes").fill("0")
    tab.get_by_test_id("fault-inject").click()
    expect(tab.get_by_test_id("notice").last).to_have_text("Zero minutes are no fault.")
    tab.get_by_test_id("fault-select").select_option("slack_500")
    tab.get_by_test_id("fault-param-method").fill("users.info")
    tab.get_by_test_id("fault-inject").click()
    expect(tab.get_by_test_id("notice").last).to_have_text("Injected slack_500.")
    assert rig.slack.fault_state.take("slack_500", "users.info") == 0
