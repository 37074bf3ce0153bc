"""The whole story as a person has it: the page in headless Chromium, typing, clicking, watching one card."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from page_rig import press, say
from playwright.sync_api import Browser, Locator, Page, expect
from story_rig import Sandbox, sandbox, screenshot_folder

pytestmark = pytest.mark.timeout(300)
STORY_MS = 120_000


@pytest.fixture(scope="module")
def world() -> Iterator[Sandbox]:
    with sandbox("--speed", "60", "--seed", "3") as running:
        yield running


@pytest.fixture
def alice(world: Sandbox, browser: Browser) -> Iterator[Page]:
    """Alice's tab."""
    with browser.new_context(viewport={"width": 1440, "height": 1000}) as context:
        page = context.new_page()
        page.goto(f"{world.page}?user=U0ALICE")
        expect(page.get_by_test_id("composer")).to_be_visible(timeout=30_000)
        yield page


def card(page: Page, name: str) -> Locator:
    """The one card of a cluster (an ephemeral answer that names it is not one)."""
    return page.locator('[data-testid="message"]:not(.ephemeral)').filter(has_text=name)


def test_create_approve_ready_delete_receipt_in_the_page(world: Sandbox, alice: Page, browser: Browser) -> None:
    """Alice types, Bob approves in his own tab, the card goes through its steps to proven GPUs; delete ends in a receipt."""
    folder = screenshot_folder()
    say(alice, "/raygpu create demo")
    mine = card(alice, "demo")
    expect(mine.get_by_test_id("approve")).to_be_visible(timeout=30_000)
    alice.screenshot(path=folder / "1-awaiting-approval.png")
    with browser.new_context(viewport={"width": 1440, "height": 1000}) as context:
        bob = context.new_page()
        bob.goto(f"{world.page}?user=U0BOB")
        expect(card(bob, "demo").get_by_test_id("approve")).to_be_visible(timeout=30_000)
        press(bob, card(bob, "demo"), "approve")
        expect(mine).to_contain_text("Approved by", timeout=STORY_MS)
        alice.screenshot(path=folder / "2-provisioning.png")
        expect(mine).to_contain_text("1 GPU proven", timeout=STORY_MS)
    expect(alice.get_by_test_id("node")).to_have_count(2)
    alice.screenshot(path=folder / "3-ready.png")
    mine.get_by_test_id("delete").scroll_into_view_if_needed()
    alice.screenshot(path=folder / "4-ready-end-of-card.png")
    press(alice, mine, "delete")
    # "Nothing is left; looking once more" comes before it: the receipt is what ends the story.
    expect(mine).to_contain_text("demo · Deleted", timeout=STORY_MS)
    expect(mine).to_contain_text("Receipt")
    expect(mine).to_contain_text("Nothing is left in AWS")
    alice.screenshot(path=folder / "5-receipt.png")
    expect(alice.get_by_test_id("world-empty")).to_be_visible(timeout=30_000)
    expect(mine).to_have_count(1)


def test_the_form_shows_prices_and_errors_at_their_fields(world: Sandbox, alice: Page) -> None:
    """`/raygpu create` alone opens the form; a bad name is told at its field and the form stays; then it is taken."""
    say(alice, "/raygpu create")
    modal = alice.get_by_test_id("modal")
    expect(modal).to_be_visible(timeout=15_000)
    expect(modal).to_contain_text("/h")
    name = modal.locator('[data-block-id="name"] input')
    name.fill("Not A Name")
    alice.get_by_test_id("modal-submit").click()
    expect(alice.get_by_test_id("error-name")).to_contain_text("lower-case", timeout=15_000)
    alice.screenshot(path=screenshot_folder() / "6-form-error.png")
    name.fill("from-form")
    alice.get_by_test_id("modal-submit").click()
    expect(modal).to_be_hidden(timeout=15_000)
    expect(card(alice, "from-form").get_by_test_id("approve")).to_be_visible(timeout=30_000)


def test_the_home_tab_shows_what_is_mine(world: Sandbox, alice: Page) -> None:
    """The App Home lists the person's clusters and lets him ask for another."""
    alice.get_by_test_id("nav-home").click()
    home = alice.get_by_test_id("app-home")
    expect(home).to_contain_text("from-form", timeout=30_000)
    expect(home.get_by_test_id("open_create")).to_be_visible()
    alice.screenshot(path=screenshot_folder() / "7-home.png")
