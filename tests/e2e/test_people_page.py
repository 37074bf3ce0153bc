"""What people do with a request and with a cluster, in the page: the form, the Home tab, Change…, the second tier, park."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from page_rig import press, say
from playwright.sync_api import Browser, Locator, Page, expect
from story_rig import ALICE, BOB, CAROL, Sandbox, sandbox, screenshot_folder, wait_for

pytestmark = pytest.mark.timeout(300)
SOON_MS = 30_000
STORY_MS = 120_000
OVER = re.compile(r"This puts vision at 1\d\d %")

Tabs = Callable[[str], Page]


@pytest.fixture(scope="module")
def world() -> Iterator[Sandbox]:
    with sandbox("--speed", "60", "--seed", "21") as running:
        running.early_in_month()
        running.command("create rolling --ttl 6h --team vision --reason held-by-buttons")
        running.approve("rolling")  # it is built while the others are tested
        yield running


@pytest.fixture
def tab(world: Sandbox, browser: Browser) -> Iterator[Tabs]:
    """Opens the page as somebody."""
    with ExitStack() as open_ones:

        def opened(user: str) -> Page:
            context = open_ones.enter_context(browser.new_context(viewport={"width": 1440, "height": 1000}))
            page = context.new_page()
            page.goto(f"{world.page}?user={user}")
            expect(page.get_by_test_id("composer")).to_be_visible(timeout=SOON_MS)
            return page

        yield opened


def card(page: Page, name: str) -> Locator:
    """The one card of a cluster: no answer to one person, and no reply below a card."""
    titled = page.locator("h3", has_text=f"{name} ·")
    return page.locator('[data-testid="message"]:not(.ephemeral)').filter(has=titled)


def replies(page: Page, name: str) -> Locator:
    """What was said to a thread of the channel about that cluster."""
    return page.get_by_test_id("reply").filter(has_text=name)


def whisper(page: Page) -> Locator:
    """The newest answer that only this person sees."""
    return page.locator(".message.ephemeral").last


def put_at(shown: Locator) -> float:
    """USD that a card says its request puts team vision at."""
    found = re.search(r"This puts vision at \d+ % of \w+: \$([\d,.]+) of", shown.inner_text())
    assert found is not None
    return float(found.group(1).replace(",", ""))


def take_away(page: Page, name: str) -> None:
    """Deletes by the card's button; the click has arrived when it is answered."""
    assert f"{name} in us-west-2" in press(page, card(page, name), "delete")
    expect(whisper(page)).to_contain_text(f"{name} is being taken away", timeout=SOON_MS)


def home(page: Page) -> Locator:
    """The Home tab, opened."""
    page.get_by_test_id("nav-home").click()
    shown = page.get_by_test_id("app-home")
    expect(shown).to_contain_text("Your GPU clusters", timeout=SOON_MS)
    return shown


def row(shown: Locator, name: str) -> Locator:
    """The buttons below a cluster on the Home tab."""
    line = shown.locator(".bk-section", has_text=re.compile(rf"\b{name}\b"))
    return line.locator("xpath=following-sibling::*[1]")


def shot(page: Page, name: str, part: Locator | None = None) -> None:
    """What is to be seen, that part of it in sight."""
    if part is not None:
        part.scroll_into_view_if_needed()
    page.screenshot(path=screenshot_folder() / f"people-{name}.png")


def test_the_form_is_priced_while_one_fills_it_in(world: Sandbox, tab: Tabs) -> None:
    """Another type and more nodes bring another price, budget and team stand beside it, and what was typed stays."""
    alice = tab(ALICE)
    say(alice, "/raygpu create")
    modal = alice.get_by_test_id("modal")
    outlook = modal.locator('[data-block-id="outlook"]')
    expect(outlook).to_contain_text("1 × g5.xlarge for 8 h: $1.438/h", timeout=SOON_MS)
    modal.get_by_test_id("name").fill("formed")
    modal.get_by_test_id("reason").fill("tuning the detector")
    modal.get_by_test_id("gpu").select_option("g5.12xlarge")
    expect(outlook).to_contain_text("1 × g5.12xlarge for 8 h: $6.1", timeout=SOON_MS)
    modal.get_by_test_id("gpus").fill("2")
    expect(outlook).to_contain_text("2 × g5.12xlarge for 8 h: $11.8", timeout=SOON_MS)
    modal.get_by_test_id("ttl").fill("3h")
    expect(outlook).to_contain_text("2 × g5.12xlarge for 3 h: $11.8", timeout=SOON_MS)
    expect(outlook).to_contain_text("This puts vision at")
    expect(outlook).to_contain_text("It needs 1 approval of “approvers”.")
    expect(modal.get_by_test_id("team")).to_have_value("vision")
    expect(modal.get_by_test_id("name")).to_have_value("formed")
    expect(modal.get_by_test_id("reason")).to_have_value("tuning the detector")
    shot(alice, "form")
    shown = re.search(r"\$11\.8\d*/h", outlook.inner_text())
    alice.get_by_test_id("modal-submit").click()
    expect(modal).to_be_hidden(timeout=SOON_MS)
    mine = card(alice, "formed")
    expect(mine.get_by_test_id("approve")).to_be_visible(timeout=SOON_MS)
    expect(mine).to_contain_text("team vision")
    expect(mine).to_contain_text("tuning the detector")
    assert shown is not None
    expect(mine).to_contain_text(shown.group())
    shot(alice, "form-card", mine.locator("h3"))


def test_an_approver_decides_on_the_home_tab(world: Sandbox, tab: Tabs) -> None:
    """Bob's Home tab lists what waits for him with its buttons; approved there, it is gone from it, and is built."""
    world.command("create athome --ttl 2h --team vision --reason sweeps")
    world.asking("athome")
    bob = tab(BOB)
    shown = home(bob)
    expect(shown).to_contain_text("Waiting for your decision", timeout=SOON_MS)
    waiting = row(shown, "athome")
    for action in ("approve", "deny", "change"):
        expect(waiting.get_by_test_id(action)).to_be_visible()
    expect(shown).to_contain_text("Reason: sweeps")
    shot(bob, "home-approver")
    words = press(bob, waiting, "approve")
    assert "$1.438/h" in words
    told = bob.get_by_test_id("modal")
    expect(told).to_contain_text("You approved athome", timeout=SOON_MS)
    shot(bob, "home-approved")
    bob.get_by_test_id("modal-cancel").click()
    expect(shown.locator(".bk-section", has_text="athome")).to_have_count(0, timeout=SOON_MS)
    built = wait_for(lambda: world.eks("athome"), 60)
    assert built["tags"]["raygpu:owner"] == ALICE
    world.click(world.card("athome"), "delete", ALICE)


def test_an_approver_takes_something_away_first(world: Sandbox, tab: Tabs) -> None:
    """Change… shortens life and nodes: card, price and thread say so, the requester is told, then it is approved."""
    world.command("create trimmed --gpus 4 --ttl 8h --team vision")
    world.asking("trimmed")
    bob, alice = tab(BOB), tab(ALICE)
    asked = card(bob, "trimmed")
    expect(asked).to_contain_text("4 × g5.xlarge")
    before = put_at(asked)
    asked.get_by_test_id("change").click()
    modal = bob.get_by_test_id("modal")
    expect(modal).to_contain_text("You can only take away.", timeout=SOON_MS)
    modal.get_by_test_id("nodes").fill("9")
    bob.get_by_test_id("modal-submit").click()
    expect(bob.get_by_test_id("error-nodes")).to_be_visible(timeout=SOON_MS)
    modal.get_by_test_id("ttl").fill("4h")
    modal.get_by_test_id("nodes").fill("2")
    shot(bob, "change-form")
    bob.get_by_test_id("modal-submit").click()
    expect(modal).to_be_hidden(timeout=SOON_MS)
    expect(whisper(bob)).to_contain_text("trimmed is now 2 × g5.xlarge for 4 h", timeout=SOON_MS)
    expect(asked).to_contain_text("Cut by @bob", timeout=SOON_MS)
    expect(asked).to_contain_text("$2.556/h · $10.2")
    assert put_at(asked) == pytest.approx(before - 38.34 + 10.23, abs=0.5)
    expect(asked).not_to_contain_text("4 × g5.xlarge")
    expect(replies(alice, "trimmed").filter(has_text="was made smaller")).to_contain_text("@alice", timeout=SOON_MS)
    shot(bob, "change-card", asked.locator("h3"))
    press(bob, asked, "approve")
    expect(asked).to_contain_text("Approved by @bob", timeout=STORY_MS)
    wait_for(lambda: world.groups("trimmed").get("gpu-node-group") == (0, 2, 2), 90)
    shot(alice, "change-approved")
    take_away(alice, "trimmed")


def test_above_the_budget_one_of_the_second_tier_decides_as_well(world: Sandbox, tab: Tabs) -> None:
    """Form and card say what the budget comes to; Bob alone is not enough, Alice's own click is refused, Carol's counts."""
    alice, bob, carol = tab(ALICE), tab(BOB), tab(CAROL)
    say(alice, "/raygpu create")
    modal = alice.get_by_test_id("modal")
    expect(modal).to_be_visible(timeout=SOON_MS)
    modal.get_by_test_id("name").fill("costly")
    modal.get_by_test_id("gpu").select_option("g5.12xlarge")
    modal.get_by_test_id("gpus").fill("4")
    modal.get_by_test_id("ttl").fill("5d")
    outlook = modal.locator('[data-block-id="outlook"]')
    expect(outlook).to_contain_text("4 × g5.12xlarge for 5 d", timeout=SOON_MS)
    expect(outlook).to_contain_text(OVER)
    expect(outlook).to_contain_text("It needs 1 approval of “leads”")
    shot(alice, "tier-form")
    alice.get_by_test_id("modal-submit").click()
    mine = card(alice, "costly")
    expect(mine.get_by_test_id("approve")).to_be_visible(timeout=SOON_MS)
    expect(mine).to_contain_text(OVER)
    expect(mine).to_contain_text("0 of 1 of “leads” have approved")
    press(alice, mine, "approve")
    expect(whisper(alice)).to_contain_text("own request", timeout=SOON_MS)
    press(bob, card(bob, "costly"), "approve")
    expect(whisper(bob)).to_contain_text("Still needed: 1 of “leads”", timeout=SOON_MS)
    expect(mine).to_contain_text("Approved so far by @bob", timeout=SOON_MS)
    expect(mine).to_contain_text("Awaiting approval")
    shot(alice, "tier-half", mine.locator("h3"))
    assert world.eks("costly") is None
    press(carol, card(carol, "costly"), "approve")
    expect(mine).to_contain_text("Approved by @bob, @carol", timeout=SOON_MS)
    wait_for(lambda: world.eks("costly"), 60)
    shot(carol, "tier-built")
    take_away(alice, "costly")


def test_a_cluster_is_run_by_buttons_until_its_receipt(world: Sandbox, tab: Tabs) -> None:
    """Extend, park, resume, verify and delete, from Home tab and card; each tells what it costs, and the world follows."""
    alice = tab(ALICE)
    mine = card(alice, "rolling")
    expect(mine).to_contain_text("1 GPU proven", timeout=STORY_MS)
    shown = home(alice)
    expect(shown).to_contain_text("Spent in")
    expect(shown).to_contain_text("vision")
    for action in ("extend", "park", "delete"):
        expect(row(shown, "rolling").get_by_test_id(action)).to_be_visible()
    shot(alice, "home-owner")
    line = shown.locator(".bk-section", has_text="rolling")
    before = line.inner_text()
    assert "4 h longer" in press(alice, row(shown, "rolling"), "extend")
    told = alice.get_by_test_id("modal")
    expect(told).to_contain_text("4 h more", timeout=SOON_MS)
    expect(line).not_to_have_text(before, timeout=SOON_MS)
    shot(alice, "home-extended")
    alice.get_by_test_id("modal-cancel").click()
    assert "instead of $1.438/h" in press(alice, row(shown, "rolling"), "park")
    expect(told).to_contain_text("is being parked", timeout=SOON_MS)
    alice.get_by_test_id("modal-cancel").click()
    expect(row(shown, "rolling").get_by_test_id("resume")).to_be_visible(timeout=SOON_MS)
    alice.get_by_test_id("nav-C0RAYGPU").click()
    expect(mine).to_contain_text("rolling · Parked", timeout=STORY_MS)
    assert world.groups("rolling")["gpu-node-group"] == (0, 0, 1)
    shot(alice, "parked", mine.locator("h3"))
    press(alice, mine, "resume")
    expect(mine).to_contain_text("rolling · Ready", timeout=STORY_MS)
    assert world.groups("rolling")["gpu-node-group"] == (0, 1, 1)
    mine.get_by_test_id("verify").click()
    expect(whisper(alice)).to_contain_text("being proven anew", timeout=SOON_MS)
    expect(mine).to_contain_text("1 GPU proven", timeout=STORY_MS)
    take_away(alice, "rolling")
    expect(mine).to_contain_text("rolling · Deleted", timeout=STORY_MS)
    expect(mine).to_contain_text("Receipt")
    expect(mine).to_contain_text("Nothing is left in AWS")
    shot(alice, "receipt", mine.locator("h3"))


def test_nothing_is_left_of_any_of_them(world: Sandbox) -> None:
    """What was only asked for is withdrawn, what was begun and deleted is gone from the world and from the bill."""
    world.click(world.card("formed"), "delete", ALICE)
    for name in ("athome", "trimmed", "costly"):
        world.gone(name)
    left = world.get("/world")
    assert (left["clusters"], left["leftovers"], left["bill"]["per_hour"]) == ([], [], 0)
