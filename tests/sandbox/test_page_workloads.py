"""The page in headless Chromium: workloads started and stopped beside Slack, and pictures in the conversation."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from slack_rig import Rig, new_slack, serving
from world_rig import Rig as WorldRig

from adapters.slack_pictures import SlackPictures
from sandbox.page import mount
from sandbox.panel import Panel
from sandbox.world.clock import WorldClock

WAIT_MS = 10_000
SHOTS = Path(__file__).parents[2] / "build" / "screenshots"


def png(width: int = 320, height: int = 180) -> bytes:
    """A small dark picture with bars, as PNG."""
    rows = b"".join(
        b"\0" + bytes(180 if x // 20 % 2 and y > 40 + x // 4 else 40 for x in range(width)) for y in range(height)
    )

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def world() -> WorldRig:
    """A world with one cluster: a CPU node and a node with 4 GPUs."""
    rig = WorldRig()
    rig.cluster()
    rig.active_group(**rig.cpu_order())
    rig.active_group(**rig.group_order(instanceTypes=["g5.12xlarge"]))
    rig.wait(120)
    return rig


@pytest.fixture(scope="module")
def clock(world: WorldRig) -> WorldClock:
    """The world's clock; it stands still unless it is told to jump."""
    return WorldClock(world.world.now, 0.0)


@pytest.fixture(scope="module")
def rig(world: WorldRig, clock: WorldClock) -> Iterator[Rig]:
    """The page over that world."""
    slack = new_slack()
    app = FastAPI()
    app.include_router(slack.router)
    mount(app, slack, Panel(world.world, clock, slack))
    with serving(app) as url:
        slack.base_url = url
        yield Rig(slack, url)


@pytest.fixture
def tab(rig: Rig, browser: Browser) -> Iterator[Page]:
    """Alice's tab at the channel."""
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        page.goto(rig.url)
        expect(page.get_by_test_id("composer")).to_be_visible()
        yield page


def shot(page: Page, name: str) -> None:
    """What the test saw, for people to look at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def test_a_workload_is_started_watched_and_stopped_beside_slack(
    rig: Rig, world: WorldRig, clock: WorldClock, tab: Page
) -> None:
    """Cluster, kind, GPUs and minutes are chosen; it shows with its state, the node with its use; Stop ends it."""
    tab.get_by_test_id("workload-kind").select_option("train")
    tab.get_by_test_id("workload-where").select_option("ray")
    tab.get_by_test_id("workload-gpus").fill("2")
    tab.get_by_test_id("workload-minutes").fill("90")
    expect(tab.get_by_test_id("workload-cluster")).to_have_value("demo")
    tab.get_by_test_id("workload-start").click()
    expect(tab.get_by_test_id("notice")).to_have_text("Started train on demo.")
    clock.advance(120)
    expect(tab.get_by_test_id("workload-state")).to_have_text("2 GPU · Ray · RUNNING")
    expect(tab.get_by_test_id("world-clusters")).to_contain_text("4/4 GPU · 47 %")
    assert tab.get_by_test_id("workload-minutes").input_value() == "90"
    shot(tab, "world-workload")
    (row,) = world.world.snapshot()["clusters"][0]["workloads"]
    tab.get_by_test_id(f"workload-stop-{row['name']}").click()
    expect(tab.get_by_test_id("notice").last).to_have_text(f"Stopped {row['name']}.")
    expect(tab.get_by_test_id("workload")).to_have_count(0)
    assert world.world.snapshot()["clusters"][0]["workloads"] == []


def test_what_cannot_be_is_told_in_a_sentence(rig: Rig, tab: Page) -> None:
    """No GPUs, and minutes that are no number: nothing starts."""
    tab.get_by_test_id("workload-gpus").fill("0")
    tab.get_by_test_id("workload-start").click()
    expect(tab.get_by_test_id("notice").last).to_contain_text("needs 1 to")
    tab.get_by_test_id("workload-gpus").fill("")
    tab.get_by_test_id("workload-start").click()
    expect(tab.get_by_test_id("notice").last).to_contain_text("a whole number")
    expect(tab.get_by_test_id("workload")).to_have_count(0)


def test_an_uploaded_picture_is_seen_in_the_direct_messages(rig: Rig, tab: Page) -> None:
    """The real SDK uploads a PNG with its alt text; the page shows it at its size, and the control API lists it."""
    SlackPictures(rig.client).send("U0ALICE", png(), "Costs of the week", "Bars by day: 12 dollars on Monday.")
    tab.get_by_test_id("nav-dm").click()
    picture = tab.get_by_test_id("upload")
    expect(picture).to_be_visible()
    expect(picture).to_have_attribute("alt", "Bars by day: 12 dollars on Monday.")
    assert picture.evaluate("image => [image.complete, image.naturalWidth, image.naturalHeight]") == [True, 320, 180]
    shot(tab, "uploaded-picture")
    (stored,) = rig.get("/slack/files")
    assert (stored["alt_txt"], stored["mimetype"]) == ("Bars by day: 12 dollars on Monday.", "image/png")
    (message,) = [m for m in rig.get("/slack/messages", user="U0ALICE") if m["files"]]
    assert message["files"] == [stored["id"]]
