"""Who a person is: flags, workspace, locale, user groups; remembered, asked for at once, and within a second."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from slack_rig import BOT_TOKEN, running_slack
from slack_rig import Rig as SlackRig
from slack_stub import Stub, running_stub

from adapters.slack_people import GROUPS_TTL_S, LOOK_UP_TIMEOUT_S, SlackPeople, SlackWorkspace
from adapters.slack_wire import make_client
from domain.errors import Denied, Missing, OutsideError, Unavailable
from domain.rules import Actor

HERE = {"ok": True, "team_id": "T1", "user_id": "UBOT"}
GRID = {**HERE, "enterprise_id": "E1"}
WHOLE = {**GRID, "team_id": "E1", "is_enterprise_install": True}
NOBODY: frozenset[str] = frozenset()


@pytest.fixture(scope="module")
def slack() -> Iterator[SlackRig]:
    """The sandbox's Slack on a free port."""
    with running_slack() as running:
        yield running


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A scripted Slack."""
    with running_stub() as running:
        yield running


class Clock:
    """Seconds that pass when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def user(**more: Any) -> dict[str, Any]:
    """An answer of users.info."""
    return {"ok": True, "user": {"id": "U1", "name": "ann", "team_id": "T1", **more}}


def client_of(slack: SlackRig) -> Any:
    """Our client against it."""
    return make_client(BOT_TOKEN, f"{slack.url}/api/", 5)


def test_people_have_their_flags(slack: SlackRig) -> None:
    """A guest is a guest, a bot is a bot, an unknown id is Missing; locale and time zone are the person's."""
    people = SlackPeople(client_of(slack), NOBODY)
    assert people.look_up("U0ALICE") == Actor("U0ALICE", "alice", locale="en-US", tz="Europe/Berlin")
    assert people.look_up("U0BORIS").locale == "ja-JP"
    assert people.look_up("U0MALLORY").is_guest is True
    assert people.look_up("USLACKBOT").is_bot is True
    with pytest.raises(Missing):
        people.look_up("U0NOBODY")


def test_strangers_and_people_who_left_are_known_as_such(slack: SlackRig) -> None:
    """A deactivated person, a stranger and somebody of another workspace carry their flags."""
    slack.post("/slack/person", user="U0GONE", deleted=True)
    slack.post("/slack/person", user="U0EVE", is_stranger=True, team_id="T0OTHER")
    people = SlackPeople(client_of(slack), NOBODY)
    assert people.look_up("U0GONE").is_deactivated is True
    eve = people.look_up("U0EVE")
    assert (eve.is_stranger, eve.is_foreign) == (True, True)


def test_the_user_groups_that_the_rules_name_are_part_of_the_person(slack: SlackRig) -> None:
    """Carol is in S0LEADS, Alice in S0ML; a group that Slack does not have has nobody in it."""
    people = SlackPeople(client_of(slack), frozenset({"S0LEADS", "S0ML", "S0GONE"}))
    assert people.look_up("U0CAROL").groups == {"S0LEADS"}
    assert people.look_up("U0ALICE").groups == {"S0ML"}
    assert people.members("S0LEADS") == {"U0CAROL", "U0BORIS"}
    assert people.members("S0GONE") == NOBODY


def test_where_no_group_is_named_none_is_asked_for(stub: Stub) -> None:
    """Without S… in the rules usergroups:read is not needed."""
    stub.says(HERE, method="auth.test")
    stub.says(user(), method="users.info")
    assert SlackPeople(stub.client, NOBODY).look_up("U1").groups == NOBODY
    assert sorted(path for path, _ in stub.asked) == ["/api/auth.test", "/api/users.info"]


def test_people_are_remembered_for_a_minute(stub: Stub) -> None:
    """One users.info a minute per person; a failure is not remembered."""
    clock = Clock()
    people = SlackPeople(stub.client, NOBODY, clock)
    stub.says(HERE, method="auth.test")
    stub.says({"ok": False, "error": "internal_error"}, method="users.info")
    with pytest.raises(Unavailable):
        people.look_up("U1")
    stub.says(user(is_stranger=True), method="users.info")
    assert people.look_up("U1") == Actor("U1", "ann", is_stranger=True)
    clock.now = 59.0
    assert people.look_up("U1").is_stranger
    assert (stub.calls("users.info"), stub.calls("auth.test")) == (2, 1)
    clock.now = 61.0
    stub.says(user(deleted=True, is_ultra_restricted=True), method="users.info")
    assert people.look_up("U1") == Actor("U1", "ann", is_guest=True, is_deactivated=True)


def test_a_failed_first_look_at_the_workspace_is_not_remembered(stub: Stub) -> None:
    """Before auth.test has answered nobody is known to be of here, so nobody is let in; then it is asked again."""
    people = SlackPeople(stub.client, NOBODY)
    stub.says({"ok": False, "error": "internal_error"}, method="auth.test")
    stub.says(user(), method="users.info")
    with pytest.raises(Unavailable):
        people.look_up("U1")
    stub.says(HERE, method="auth.test")
    assert people.look_up("U1").is_foreign is False


@pytest.mark.parametrize(
    ("home", "described", "foreign"),
    [
        (HERE, {"team_id": "T1"}, False),
        (HERE, {"team_id": "T2"}, True),
        (HERE, {"team_id": None}, True),
        (GRID, {"team_id": "T2", "enterprise_user": {"enterprise_id": "E1", "teams": ["T2", "T1"]}}, False),
        (GRID, {"team_id": "T2", "enterprise_user": {"enterprise_id": "E1", "teams": ["T2"]}}, True),
        (GRID, {"team_id": "T2", "enterprise_user": {"enterprise_id": "E2", "teams": ["T2"]}}, True),
        (WHOLE, {"team_id": "T2", "enterprise_user": {"enterprise_id": "E1", "teams": ["T2"]}}, False),
        (WHOLE, {"team_id": "T2", "enterprise_user": {"enterprise_id": "E2", "teams": ["T2"]}}, True),
        (WHOLE, {"team_id": "T2"}, True),
    ],
)
def test_who_is_of_another_workspace_is_foreign(
    stub: Stub, home: dict[str, Any], described: dict[str, Any], foreign: bool
) -> None:
    """By the person's workspace, by their workspaces in an organisation, by the organisation of an organisation's app."""
    stub.says(home, method="auth.test")
    stub.says(user(**described), method="users.info")
    assert SlackPeople(stub.client, NOBODY).look_up("U1").is_foreign is foreign


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        ({"ok": False, "error": "missing_scope", "needed": "usergroups:read"}, Denied, "Add the scope usergroups:read"),
        ({"ok": False, "error": "internal_error"}, Unavailable, "could not do usergroups.users.list"),
        ({"ok": True}, Unavailable, "no answer of Slack"),
        ({"ok": True, "users": ["U1", None]}, Unavailable, "no answer of Slack"),
    ],
)
def test_a_group_that_cannot_be_read_is_not_an_empty_one(
    stub: Stub, answer: dict[str, Any], kind: type[OutsideError], told: str
) -> None:
    """Neither the look-up nor the members pretend to know; the missing scope is named."""
    people = SlackPeople(stub.client, frozenset({"S1"}))
    stub.says(HERE, method="auth.test")
    stub.says(user(), method="users.info")
    for _ in range(2):
        stub.says(answer, method="usergroups.users.list")
    with pytest.raises(kind) as raised:
        people.look_up("U1")
    assert told in raised.value.message
    with pytest.raises(kind):
        people.members("S1")


def test_groups_are_remembered_longer_and_then_read_anew(stub: Stub) -> None:
    """Five minutes, for all people: the method takes 20 calls a minute."""
    clock = Clock()
    people = SlackPeople(stub.client, frozenset({"S1"}), clock)
    stub.says(HERE, method="auth.test")
    for _ in range(2):
        stub.says(user(), method="users.info")
    stub.says({"ok": True, "users": ["U1"]}, method="usergroups.users.list")
    assert people.look_up("U1").groups == {"S1"}
    clock.now = GROUPS_TTL_S - 1
    assert people.look_up("U1").groups == {"S1"}
    assert stub.calls("usergroups.users.list") == 1
    clock.now = GROUPS_TTL_S
    stub.says({"ok": True, "users": []}, method="usergroups.users.list")
    assert people.members("S1") == NOBODY


def test_many_gestures_at_once_share_one_call(stub: Stub) -> None:
    """Twenty look-ups of one person while Slack is thinking are one users.info and one list of the group."""
    people = SlackPeople(stub.client, frozenset({"S1"}))
    stub.says(HERE, method="auth.test")
    stub.says(user(), method="users.info")
    stub.says({"ok": True, "users": ["U1"]}, method="usergroups.users.list")
    thinking, ready = stub.holds("users.info"), threading.Barrier(21, timeout=10)

    def gesture() -> Actor:
        ready.wait()
        return people.look_up("U1")

    with ThreadPoolExecutor(20) as pool:
        found = [pool.submit(gesture) for _ in range(20)]
        ready.wait()
        thinking.set()
        assert {one.result(10) for one in found} == {Actor("U1", "ann", groups=frozenset({"S1"}))}
    assert (stub.calls("users.info"), stub.calls("usergroups.users.list")) == (1, 1)


@pytest.mark.parametrize("slow", ["users.info", "auth.test", "usergroups.users.list"])
def test_a_look_up_ends_within_a_second(stub: Stub, slow: str) -> None:
    """However many calls it takes and whichever hangs, the gesture gets its refusal after a second altogether."""
    stub.says(HERE, method="auth.test")
    stub.says(user(), method="users.info")
    for number in range(3):
        stub.says({"ok": True, "users": [f"U{number}"]}, method="usergroups.users.list")
    stub.holds(slow)
    started = time.monotonic()
    with pytest.raises(Unavailable):
        SlackPeople(stub.client, frozenset({"S1", "S2", "S3"})).look_up("U1")
    assert time.monotonic() - started < LOOK_UP_TIMEOUT_S + 0.7


def test_the_scopes_are_those_of_the_token(slack: SlackRig, stub: Stub) -> None:
    """They stand in a header of auth.test; a token that is no good is Denied, an answer without the header is none."""
    assert SlackWorkspace(client_of(slack)).scopes() == slack.slack.state.scopes
    with pytest.raises(Denied):
        SlackWorkspace(make_client("xoxb-other", f"{slack.url}/api/", 5)).scopes()
    stub.says(HERE, method="auth.test")
    with pytest.raises(Unavailable):
        SlackWorkspace(stub.client).scopes()
