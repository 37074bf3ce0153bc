"""The whole ladder in the page at speed: reminded, asked why, kept, contradicted, at work again, parked, resumed, deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from page_rig import press, say
from playwright.sync_api import Browser, Locator, Page, expect
from story_rig import ALICE, BORIS, Sandbox, sandbox, screenshot_folder, wait_for

pytestmark = [pytest.mark.ladder, pytest.mark.timeout(300)]
SOON_MS = 30_000
STORY_MS = 120_000
CALM, FAST, PARKED = 30, 240, 600  # world seconds per second: a person reads, evidence gathers, nothing is looked at
DEAR = "$55.47/h"  # so dear that 20 minutes of evidence are enough
PRICED = re.compile(r"spare until .*: \$\d+\.\d\d for .*, at \$6\.104/h")


@pytest.fixture(scope="module")
def world() -> Iterator[Sandbox]:
    """Two clusters of Alice that nobody uses: a dear one that raygpu may park, and one that it may delete."""
    with sandbox("--speed", "120", "--seed", "31") as running:
        running.early_in_month()
        running.command("create lazy --gpu p5.48xlarge --auto park --ttl 1d --reason sweeps")
        running.command("create spare --gpu g5.12xlarge --auto delete --ttl 3d --reason sweeps")
        running.click(running.approve("lazy"), "approve", BORIS)
        running.approve("spare")
        for name in ("lazy", "spare"):
            running.ready(name)
        pace(running, FAST)
        yield running


@pytest.fixture
def alice(world: Sandbox, browser: Browser) -> Iterator[Page]:
    """Alice's tab, at what raygpu writes to her alone."""
    with browser.new_context(viewport={"width": 1440, "height": 1000}) as context:
        page = context.new_page()
        page.goto(f"{world.page}?user={ALICE}")
        expect(page.get_by_test_id("composer")).to_be_visible(timeout=SOON_MS)
        page.get_by_test_id("nav-dm").click()
        expect(page.get_by_text("Messages with the app")).to_be_visible(timeout=SOON_MS)
        yield page


def pace(world: Sandbox, speed: float) -> None:
    """So many world seconds pass in one of ours."""
    world.post("/world/clock", {"speed": speed})


def told(page: Page, name: str) -> Locator:
    """The newest message about the use of that cluster in the direct messages (no answer, no reply in its thread)."""
    return page.locator('[data-testid="message"]:not(.ephemeral)').filter(has_text=f"{name} ·").last


def replies(page: Page, name: str) -> Locator:
    """What called her to it."""
    return page.get_by_test_id("reply").filter(has_text=name)


def whisper(page: Page) -> Locator:
    """The newest answer that only she sees."""
    return page.locator(".message.ephemeral").last


def card(page: Page, name: str) -> Locator:
    """The card of a cluster in the channel."""
    titled = page.locator("h3", has_text=f"{name} ·")
    return page.locator('[data-testid="message"]:not(.ephemeral)').filter(has=titled)


def shot(page: Page, name: str, part: Locator | None = None) -> None:
    """What is to be seen, that part of it in sight."""
    if part is not None:
        part.scroll_into_view_if_needed()
    page.screenshot(path=screenshot_folder() / f"idle-{name}.png")


def test_a_reminder_has_money_evidence_next_step_and_buttons(world: Sandbox, alice: Page) -> None:
    """It stands in the owner's direct messages, until work is seen: then it says so, and there is nothing to press."""
    mine = told(alice, "lazy")
    expect(mine.get_by_test_id("not_idle")).to_be_visible(timeout=STORY_MS)
    pace(world, CALM)
    expect(mine).to_contain_text(re.compile(r"\$\d+\.\d\d spent idle since"))
    expect(mine).to_contain_text(f"it goes on at {DEAR}")
    for probe in ("GPU requests", "Ray", "GPU utilisation", "GPU energy", "People", "Health"):
        expect(mine).to_contain_text(probe)
    expect(mine).to_contain_text("1 of 2 reminders have reached somebody")
    for action in ("keep_hours", "keep_until", "not_idle", "why", "delete_idle"):
        expect(mine.get_by_test_id(action)).to_be_visible()
    expect(mine.get_by_test_id("park_idle")).to_contain_text("saves $55.")
    shot(alice, "1-reminder", mine)
    pace(world, FAST)
    world.post("/world/workload", {"cluster": "lazy", "kind": "train", "gpus": 8, "minutes": 600})
    expect(mine).to_contain_text("At work again", timeout=SOON_MS)
    expect(mine.locator("button.bk-button")).to_have_count(0)
    shot(alice, "2-at-work-again", mine)
    for running in (world.eks("lazy") or {})["workloads"]:
        world.post("/world/workload", {"cluster": "lazy", "stop": running["name"]})


def test_a_word_against_the_evidence_ends_the_message(world: Sandbox, alice: Page) -> None:
    """Idle again there is another reminder; Not idle edits it: over, who said so, until when it is left in peace."""
    mine = told(alice, "lazy")
    expect(mine.get_by_test_id("not_idle")).to_be_visible(timeout=STORY_MS)
    mine.get_by_test_id("not_idle").click()
    expect(mine).to_contain_text("that it is not idle", timeout=SOON_MS)
    expect(mine.locator("button.bk-button")).to_have_count(0)
    expect(whisper(alice)).to_contain_text("lazy is not idle. raygpu counts anew")
    shot(alice, "3-not-idle", mine)


def test_why_keep_until_and_park_now(world: Sandbox, alice: Page) -> None:
    """Why? shows all evidence, Keep until… its price; Park now says what it saves, parks, and the message is over."""
    mine = told(alice, "spare")
    expect(mine.get_by_test_id("why")).to_be_visible(timeout=STORY_MS)
    pace(world, CALM)
    mine.get_by_test_id("why").click()
    expect(whisper(alice)).to_contain_text("The evidence on spare: idle", timeout=SOON_MS)
    expect(whisper(alice)).to_contain_text("GPU by GPU")
    shot(alice, "4-why", whisper(alice))
    mine.get_by_test_id("keep_until").click()
    modal = alice.get_by_test_id("modal")
    expect(modal).to_contain_text(PRICED, timeout=SOON_MS)
    expect(modal.get_by_test_id("until")).to_have_value(re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d$"))
    shot(alice, "5-keep-until")
    alice.get_by_test_id("modal-cancel").click()
    assert "$0.32/h instead of $6.104/h" in press(alice, mine, "park_idle")
    expect(mine).to_contain_text("Parked by @alice", timeout=SOON_MS)
    expect(mine.locator("button.bk-button")).to_have_count(0)
    pace(world, FAST)
    wait_for(lambda: world.groups("spare").get("gpu-node-group") == (0, 0, 1), 60)
    shot(alice, "6-parked-by-hand", mine)


def test_reminded_twice_it_is_parked_and_resumed_by_a_button(world: Sandbox, alice: Page) -> None:
    """After the grace of Not idle it is reminded of anew, the second word announces the park, and the park comes."""
    pace(world, FAST)
    mine = told(alice, "lazy")
    announced = replies(alice, "lazy").filter(has_text="raygpu parks it").last
    expect(announced).to_contain_text("@alice", timeout=STORY_MS)
    expect(announced).to_contain_text("unless it is used or kept before")
    shot(alice, "7-park-announced", announced)
    expect(mine).to_contain_text("Parked by raygpu", timeout=STORY_MS)
    expect(mine.locator("button.bk-button")).to_have_count(0)
    shot(alice, "8-parked", mine)
    alice.get_by_test_id("nav-C0RAYGPU").click()
    shown = card(alice, "lazy")
    expect(shown).to_contain_text("lazy · Parked", timeout=STORY_MS)
    wait_for(lambda: world.groups("lazy").get("gpu-node-group") == (0, 0, 1), 60)
    shot(alice, "9-parked-card", shown.locator("h3"))
    press(alice, shown, "resume")
    expect(shown).to_contain_text("lazy · Ready", timeout=STORY_MS)
    assert world.groups("lazy")["gpu-node-group"] == (0, 1, 1)


def test_cost_gives_a_table_and_a_chart(world: Sandbox, alice: Page) -> None:
    """`/raygpu cost` answers with sums and days, and the chart follows as a picture that is described in words."""
    say(alice, "/raygpu cost")
    expect(whisper(alice)).to_contain_text("Spent idle", timeout=SOON_MS)
    shot(alice, "10-cost", whisper(alice))
    picture = alice.get_by_test_id("upload").last
    expect(picture).to_be_visible(timeout=SOON_MS)
    assert picture.evaluate("image => image.complete && image.naturalWidth") > 0
    assert "$" in (picture.get_attribute("alt") or "")
    shot(alice, "11-cost-chart", picture)


def test_what_stays_parked_is_warned_of_and_deleted(world: Sandbox, alice: Page) -> None:
    """A day after the park it is announced to Alice with a way out, then deleted; the card ends with a receipt."""
    world.post("/world/clock", {"advance_s": 20 * 3600})
    pace(world, PARKED)
    warned = alice.get_by_test_id("message").filter(has_text="spare has been parked").last
    expect(warned).to_contain_text("raygpu deletes it", timeout=STORY_MS)
    for action in ("resume", "keep_hours", "keep_until", "delete_idle"):
        expect(warned.get_by_test_id(action)).to_be_visible()
    shot(alice, "12-deletion-announced", warned)
    alice.get_by_test_id("nav-C0RAYGPU").click()
    shown = card(alice, "spare")
    expect(shown).to_contain_text("spare · Deleted", timeout=STORY_MS)
    expect(shown).to_contain_text("Receipt")
    expect(shown).to_contain_text("Nothing is left in AWS")
    shot(alice, "13-receipt", shown.locator("h3"))
