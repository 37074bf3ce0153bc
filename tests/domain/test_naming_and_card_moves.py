"""Names, tokens and tags that AWS accepts and that never differ for the same wish; and when a card may be sent."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from worlds import ALICE, KNOWN, NOW, RULES, doomed, plane, record, strangers

from domain.cards import MIN_GAP_S, Send, next_move
from domain.errors import Refused
from domain.naming import TAG_DELETE, TAG_ID, deletion_tag, is_ours, plane_token, tags, token
from domain.request import NAME, CreateOptions, to_spec
from domain.rules import Actor

# AWS: letters, numbers and spaces of any script, and + - = . _ : / @
ALLOWED = re.compile(r"[\w\s+\-=.:/@]*")
TEXT = st.text(max_size=60)


@given(st.text(max_size=40), st.lists(st.text(max_size=20), max_size=4))
def test_tokens_are_the_same_each_time_and_short_enough(cluster_id: str, what: list[str]) -> None:
    """A clientRequestToken has 64 characters at most and depends on nothing but the wish."""
    made = token(cluster_id, *what)
    assert made == token(cluster_id, *what)
    assert re.fullmatch(r"[0-9a-f]{1,64}", made)


def test_different_wishes_have_different_tokens() -> None:
    """Cluster, group, add-on and generation each make a token of their own."""
    cluster = record()
    made = {
        plane_token(cluster),
        plane_token(replace(cluster, id="demo-zzzzz")),
        token(cluster.id, "node-group", "gpu-node-group", "0"),
        token(cluster.id, "node-group", "gpu-node-group", "1"),
        token(cluster.id, "node-group", "cpu-node-group", "0"),
        token(cluster.id, "add-on", "coredns"),
    }
    assert len(made) == 6


@given(name=st.from_regex(NAME, fullmatch=True), team=TEXT, reason=st.text(max_size=300))
def test_tags_are_valid_whatever_was_typed(name: str, team: str, reason: str) -> None:
    """Whatever passes as a request carries tags that AWS takes: 50 at most, keys to 128, values to 256, its characters."""
    try:
        spec = to_spec(CreateOptions(name=name, team=team, reason=reason), Actor(ALICE), RULES, KNOWN)
    except Refused:
        assume(False)
    cluster = replace(record(spec), id=f"{name}-abc23")
    made = {**tags(cluster), TAG_DELETE: deletion_tag("any operation \N{SNOWMAN}")}
    assert len(made) <= 50
    for key, value in made.items():
        assert 1 <= len(key) <= 128 and len(value) <= 256
        assert ALLOWED.fullmatch(key) and ALLOWED.fullmatch(value)
        assert not key.lower().startswith("aws:")


@given(st.from_regex(NAME, fullmatch=True))
def test_the_eks_name_is_one_that_eks_takes(name: str) -> None:
    """EKS: at most 100 characters of letters, digits, dashes and underscores; a label value has at most 63."""
    made = replace(record(), id=f"{name}-abc23").eks_name
    assert re.fullmatch(r"[0-9A-Za-z][A-Za-z0-9\-_]*", made) and len(made) <= 63


def test_expiry_is_tagged_once_it_is_known() -> None:
    """The tag holds the expiry as an ISO time in UTC, and is empty before the approval."""
    assert tags(record(expires_at=NOW))["raygpu:expires"] == "2027-01-15T08:00:00Z"
    assert tags(record(expires_at=None))["raygpu:expires"] == ""


def test_ownership() -> None:
    """Our token or our id tag is proof; a managed tag of another id, or an empty token, is none (I4)."""
    cluster = record()
    assert is_ours(cluster, plane(cluster))
    assert not is_ours(cluster, strangers(cluster))
    assert not is_ours(cluster, plane(cluster, client_request_token="", tags={}))
    assert not is_ours(cluster, plane(cluster, client_request_token="", tags={**tags(cluster), TAG_ID: "other-abc23"}))


def test_deletion_tag_is_bound_to_its_operation() -> None:
    """Another deletion's approval does not open this one."""
    assert deletion_tag("a") != deletion_tag("b")
    assert deletion_tag("a") == deletion_tag("a")
    assert doomed().deletion is not None


@pytest.mark.parametrize(
    ("posted", "sent", "sent_at", "digest", "move"),
    [
        (False, "", 0.0, "a", Send.POST),
        (False, "a", NOW, "a", Send.POST),
        (True, "a", NOW, "a", Send.NOTHING),
        (True, "a", NOW - 4.9, "b", Send.LATER),
        (True, "a", NOW - 5.0, "b", Send.UPDATE),
        (True, "a", NOW - 500, "b", Send.UPDATE),
        (True, "a", NOW + 3600, "b", Send.UPDATE),
    ],
    ids=["new", "lost", "same", "too soon", "just now", "long ago", "clock set back"],
)
def test_next_move(posted: bool, sent: str, sent_at: float, digest: str, move: Send) -> None:
    """Post once, update when something changed and five seconds have passed."""
    assert next_move(posted, sent, sent_at, digest, NOW).send is move


changes = st.lists(st.tuples(st.floats(0, 20), st.sampled_from("abc")), min_size=1, max_size=30)


@given(changes)
def test_at_most_one_update_in_five_seconds_and_the_last_state_always(history: list[tuple[float, str]]) -> None:
    """Any stream of states: updates keep their distance, and following `wait_s` delivers the last one."""
    now, sent, sent_at, posted, digest = NOW, "", 0.0, False, ""
    updates: list[float] = []

    def look() -> float | None:
        nonlocal sent, sent_at, posted
        move = next_move(posted, sent, sent_at, digest, now)
        if move.send in (Send.POST, Send.UPDATE):
            if move.send is Send.UPDATE:
                updates.append(now)
            sent, sent_at, posted = digest, now, True
        return move.wait_s if move.send is Send.LATER else None

    wait: float | None = None
    for gap, state in history:
        now, digest = now + gap, state
        wait = look()
    for _ in range(3):  # float arithmetic may leave a last hair of a wait
        if wait is None:
            break
        assert 0 < wait <= MIN_GAP_S
        now += wait
        wait = look()
    assert wait is None and sent == digest
    assert all(later - earlier >= MIN_GAP_S - 1e-6 for earlier, later in pairwise(updates))
