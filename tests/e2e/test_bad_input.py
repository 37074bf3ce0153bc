"""Twelve bad inputs, on the wire against the running bot: a clear sentence or a 4xx, never a 5xx, and nothing changes."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from story_rig import ALICE, BOB, MALLORY, Sandbox, buttons, said, sandbox, wait_for

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def world() -> Iterator[Sandbox]:
    with sandbox("--speed", "60", "--seed", "9") as running:
        yield running


@pytest.fixture
def unchanged(world: Sandbox) -> Iterator[None]:
    """Nothing is asked for, built or shown to the channel by what the test does."""
    before = state(world)
    yield
    assert state(world) == before


def state(world: Sandbox) -> object:
    cards = [(m["ts"], m["text"]) for m in world.get("/slack/messages?channel=C0RAYGPU") if not m.get("ephemeral_to")]
    return cards, world.get("/world")["clusters"], said(world.command("list all")["body"])


@dataclass(frozen=True)
class Answer:
    status: int
    text: str


def deliver(world: Sandbox, body: bytes, headers: dict[str, str] | None = None) -> Answer:
    """Bytes to the bot's endpoint, signed as Slack signs them unless `headers` say otherwise."""
    stamp = str(int(time.time()))
    digest = hmac.new(world.env["SLACK_SIGNING_SECRET"].encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256)
    signed = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": f"v0={digest.hexdigest()}",
    }
    url = f"http://127.0.0.1:{world.env['RAYGPU_HTTP_PORT']}/slack/events"
    request = urllib.request.Request(url, data=body, headers={**signed, **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return Answer(answer.status, answer.read().decode())
    except urllib.error.HTTPError as refused:
        return Answer(refused.code, refused.read().decode())


def typed(text: str) -> bytes:
    """The body of a slash command of Alice's."""
    fields = {"command": "/raygpu", "text": text, "user_id": ALICE, "channel_id": "C0RAYGPU", "team_id": "T0RAYGPU"}
    return urllib.parse.urlencode({**fields, "trigger_id": f"t.{time.time_ns()}"}).encode()


WORDS = {
    "name": ("create Not_A_Name", "lower-case letters"),
    "type": ("create bad --gpu g5.xlrge", "Did you mean g5.xlarge"),
    "number": ("create bad --gpus two", "whole number from 1 to 8"),
    "lifetime": ("create bad --ttl forever", "not a time span"),
    "region": ("create bad --region mars-1", "not open here"),
    "unknown option": ("create bad --gpsu 2", "Did you mean"),
    "unknown word": ("frobnicate everything", "is no command"),
}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("case", WORDS)
def test_bad_words_get_a_sentence(world: Sandbox, case: str) -> None:
    """1 to 6: name, type, number, lifetime, region, unknown words are each told with what would be right."""
    text, sentence = WORDS[case]
    answer = world.command(text)
    assert answer["status"] == 200
    assert sentence in said(answer["body"])


@pytest.mark.usefixtures("unchanged")
def test_a_payload_of_five_megabytes_is_refused(world: Sandbox) -> None:
    """7: 413, though it is signed."""
    assert deliver(world, typed("create big " + "x" * 5_000_000)).status == 413


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("signature", ["v0=" + "0" * 64, "", "v0=ÿ", "nonsense"])
def test_a_bad_signature_is_refused(world: Sandbox, signature: str) -> None:
    """8: 401."""
    assert deliver(world, typed("create forged"), {"x-slack-signature": signature}).status == 401


def test_a_replay_is_refused(world: Sandbox) -> None:
    """9: the same signed bytes a second time are a 409, and do nothing again."""
    body, stamp = typed("help"), str(int(time.time()))
    digest = hmac.new(world.env["SLACK_SIGNING_SECRET"].encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256)
    headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={digest.hexdigest()}"}
    assert deliver(world, body, headers).status == 200
    assert deliver(world, body, headers).status == 409


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("body", [b"payload=%7Bbroken", b"payload=%5B1%2C2%5D", b"\xff\xfe", b"payload=null"])
def test_broken_json_is_refused(world: Sandbox, body: bytes) -> None:
    """10: a signed body that is not what Slack sends is a 400."""
    assert deliver(world, body).status == 400


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("stamp", "status"), [("abc", 401), ("1", 401)])
def test_a_bad_timestamp_is_refused(world: Sandbox, stamp: str, status: int) -> None:
    """Too old, or no number at all: 401."""
    assert deliver(world, typed("help"), {"x-slack-request-timestamp": stamp}).status == status


def test_strangers_and_the_requester_cannot_approve(world: Sandbox) -> None:
    """11 and 12: a guest's click and the requester's own are refused in words; the request still waits afterwards."""
    world.command("create mine")
    card = world.wait_card("mine", lambda c: any("approve" in b for b in buttons(c)))
    for user, words in ((MALLORY, "Guests cannot"), (ALICE, "own request")):
        assert world.click(card, "approve", user)["status"] == 200
        wait_for(lambda u=user, w=words: any(w in said_ for said_ in world.whispers(u)), 10)
    again = world.card("mine")
    assert again is not None
    assert ": awaiting approval." in again["text"]
    assert world.get("/world")["clusters"] == []
    world.click(again, "deny", BOB)
    denied = world.wait_card("mine", lambda c: ": denied." in c["text"])
    wait_for(lambda: any("was denied by" in told for told in world.thread(denied)), 10)


@pytest.mark.usefixtures("unchanged")
def test_a_forged_click_is_answered(world: Sandbox) -> None:
    """A signed click whose value no card ever carried is taken with a 200 and changes nothing."""
    action = {"type": "button", "action_id": "approve", "block_id": "b", "value": '{"id":"nothing","digest":"x"}'}
    payload = {
        "type": "block_actions",
        "user": {"id": BOB},
        "team": {"id": "T0RAYGPU"},
        "channel": {"id": "C0RAYGPU"},
        "trigger_id": "t.1",
        "actions": [action],
    }
    body = urllib.parse.urlencode({"payload": json.dumps(payload)}).encode()
    assert deliver(world, body).status == 200
