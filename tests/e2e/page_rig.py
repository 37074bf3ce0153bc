"""What the browser tests share: typing and pressing as people do."""

from __future__ import annotations

from playwright.sync_api import Locator, Page


def say(page: Page, text: str) -> None:
    """Types into the composer and sends."""
    page.get_by_test_id("composer").fill(text)
    page.get_by_test_id("composer").press("Enter")


def press(page: Page, within: Locator, action: str) -> str:
    """Clicks a button, confirms, and answers what the dialog said."""
    within.get_by_test_id(action).click()
    words = page.get_by_test_id("confirm").inner_text()
    page.get_by_test_id("confirm-ok").click()
    return words
