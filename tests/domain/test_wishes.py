"""What becomes of a record by each wish: who may reach how far, what is refused and why, and what changes nothing."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import (
    ALICE,
    BOB,
    CAROL,
    MALLORY,
    NOW,
    PEOPLE,
    al2023_group,
    doomed,
    false,
    mixed,
    proven_record,
    record,
    request,
    spec,
    true,
    unknown,
)
from worlds import RULES as BARE

from domain import changes
from domain.changes import Gesture, act_of, apply, words
from domain.cluster import Approval, Cluster, Cut, Granted, Kept, Parking, Phase, Receipt
from domain.conditions import Status
from domain.errors import Refused
from domain.lifecycle import NODE_GROUPS, PROVEN, phase
from domain.money import Quote, QuoteLine
from domain.policy import Act
from domain.rules import Actor, ApprovalRule, CreateRule
from domain.sizes import wanted_sizes
from domain.spec import GPU_GROUP, gpu_group
from domain.wishes import (
    Delete,
    Extend,
    Grant,
    Keep,
    NotIdle,
    Park,
    Resume,
    Retry,
    Revoke,
    Scale,
    Shorten,
    Transfer,
    Verify,
    Wish,
)

HOUR = 3600
ARN = {name: f"arn:aws:iam::111122223333:role/{name}" for name in (ALICE, BOB, CAROL)}
RULES = replace(
    BARE, principals={name: (arn,) for name, arn in ARN.items()}, max_ttl_s=24 * HOUR, longest_life_s=96 * HOUR
)
HOW = Gesture("slash", "op-1")
BEGAN = NOW - 3500  # the approval of worlds.record; it expires at NOW + 7 h
FREE = (ApprovalRule(approvals=0),)
QUOTE = Quote(
    (
        QuoteLine("EKS control plane", 1, 0.10, "t", ""),
        QuoteLine("m5.xlarge", 1, 0.192, "t", ""),
        QuoteLine("gp3 256 GB", 1, 0.028, "t", ""),
        QuoteLine("g5.xlarge", 4, 1.006, "t", ""),
        QuoteLine("gp3 1024 GB", 4, 0.112, "t", ""),
    )
)


def wish(cluster: Cluster, what: Wish, by: str = ALICE, **rules: Any) -> Cluster:
    """The record with the wish in it."""
    return apply(cluster, what, PEOPLE[by], HOW, replace(RULES, **rules), NOW)


def refusal(cluster: Cluster, what: Wish, by: str = ALICE, **rules: Any) -> Refused:
    """Why not."""
    with pytest.raises(Refused) as refused:
        wish(cluster, what, by, **rules)
    return refused.value


def owned(**changes_: Any) -> Cluster:
    """A ready cluster of Alice, with her principal let in."""
    return proven_record(spec(access=(ARN[ALICE],)), **changes_)


def asked(nodes: int = 4, most: int = 6) -> Cluster:
    """A request that waits for its decision: four GPU nodes of at most six, for 8 h, priced."""
    group = replace(gpu_group(("g5.xlarge",), 1, nodes), max_size=most)
    return replace(request(), spec=spec(group), quote=QUOTE)


PARKED = owned(parked=Parking(ALICE, NOW - 60, "slash"), size_generation=1, sized_generation=1)
OVER = doomed(receipt=Receipt(NOW - 9, NOW, (), (), None))
EVERY: tuple[Wish, ...] = (
    Delete(),
    Retry(),
    Verify(),
    Extend(HOUR),
    Keep(NOW + HOUR),
    NotIdle(),
    Park(),
    Resume(),
    Scale(2),
    Grant(BOB, "edit"),
    Revoke(BOB),
    Transfer(PEOPLE[BOB]),
    Shorten(ttl_s=HOUR),
)
STANDING = EVERY[1:-1]


def test_every_wish_has_its_act() -> None:
    """One act of the policy for each wish, none of them shared."""
    acts = [act_of(what) for what in EVERY]
    assert len(set(acts)) == len(EVERY)
    assert acts[0] is Act.DELETE and acts[-1] is Act.SHORTEN
    assert {type(what) for what in EVERY} == set(Wish.__args__)


@pytest.mark.parametrize("what", EVERY, ids=lambda w: type(w).__name__)
def test_nothing_is_changed_of_what_is_over(what: Wish) -> None:
    """A deleted or denied cluster answers that it is gone, whatever is wished."""
    denied = record(approval=Approval(False, BOB, NOW, "d"))
    assert {refusal(cluster, what).reason for cluster in (OVER, denied)} == {"Over"}


@pytest.mark.parametrize("what", STANDING, ids=lambda w: type(w).__name__)
def test_what_is_being_deleted_takes_no_other_wish(what: Wish) -> None:
    """Deleting is the last wish; it says so by name."""
    refused = refusal(doomed(ready_at=NOW - 900), what)
    assert refused.reason == "Deleting" and "demo" in refused.message


@pytest.mark.parametrize("what", STANDING[1:], ids=lambda w: type(w).__name__)
def test_a_request_takes_no_wish_of_a_cluster(what: Wish) -> None:
    """Before the decision there is nothing to extend, park or share."""
    assert refusal(request(), what).reason == "NotApproved"


@pytest.mark.parametrize("what", [Verify(), Park(), Resume(), Scale(2)], ids=lambda w: type(w).__name__)
def test_what_is_still_being_built_has_no_size_to_change(what: Wish) -> None:
    """Only what was ready once is parked, scaled or proven anew."""
    assert refusal(record(), what).reason == "NotReady"


def test_delete_writes_who_when_and_by_which_operation() -> None:
    """The wish goes into the record, for a cluster and for a request alike."""
    for cluster in (owned(), request(), record()):
        gone = wish(cluster, Delete())
        assert gone.deletion is not None
        assert (gone.deletion.by, gone.deletion.at, gone.deletion.via, gone.deletion.operation) == (
            ALICE,
            NOW,
            "slash",
            "op-1",
        )


def test_retry_starts_a_new_generation_and_counts_once() -> None:
    """A second press at once is the same Retry; when something failed anew, or later, it is another."""
    cluster = wish(record(conditions=(false(NODE_GROUPS, "CreateFailed"),)), Retry())
    assert (cluster.group_generation, cluster.retry_from) == (1, NOW)
    assert wish(cluster, Retry()) is cluster
    again = replace(cluster, retry_from=NOW - 30, conditions=(false(NODE_GROUPS, "NoCapacity", NOW - 10),))
    assert wish(again, Retry()).group_generation == 2
    assert wish(replace(cluster, retry_from=NOW - 61), Retry()).group_generation == 2


def test_verify_forgets_every_proof() -> None:
    """Proofs older than now do not count, the step is being tested, and the cluster stays ready."""
    cluster = owned()
    anew = wish(cluster, Verify())
    assert anew.verify_from == NOW and {s.smoke for s in anew.scores} == {"to come"}
    proven = anew.condition(PROVEN)
    assert proven is not None and (proven.status, proven.reason, proven.since) == (Status.UNKNOWN, "Testing", NOW)
    assert phase(anew) is Phase.READY


def test_verify_under_way_is_not_started_again() -> None:
    """Until the proof is given, or has failed, another Verify is the same; after it, it is a new one."""
    testing = replace(wish(owned(), Verify()), verify_from=NOW - 30, conditions=(unknown(PROVEN, "Testing", NOW - 30),))
    assert wish(testing, Verify()) is testing
    for then in (true(PROVEN, since=NOW - 5), false(PROVEN, "SmokeFailed", NOW - 5)):
        assert wish(replace(testing, conditions=(then,)), Verify()).verify_from == NOW


def test_verify_needs_a_test_and_a_node() -> None:
    """Without GPU tests, and without a GPU node, there is nothing to run."""
    assert refusal(owned(spec=spec(smoke=False)), Verify()).reason == "SmokeOff"
    assert refusal(PARKED, Verify()).reason == "Parked"


REACH = [
    ("owner within the rules", ALICE, 10 * HOUR, None, True),
    ("owner to the last second", ALICE, int(BEGAN + 24 * HOUR - NOW) - 7 * HOUR, None, True),
    ("owner one second further", ALICE, int(BEGAN + 24 * HOUR - NOW) - 7 * HOUR + 1, "TooLong", True),
    ("approver, beyond the owner's reach", BOB, 48 * HOUR, None, False),
    ("administrator, beyond the owner's reach", CAROL, 48 * HOUR, None, False),
    ("approver, beyond any reach", BOB, 96 * HOUR, "TooLong", False),
    ("too little", ALICE, 1799, "TooShort", True),
    ("half an hour", ALICE, 1800, None, True),
    ("backwards", BOB, -HOUR, "TooShort", False),
]


@pytest.mark.parametrize(("by", "seconds", "reason", "own"), [r[1:] for r in REACH], ids=[r[0] for r in REACH])
def test_how_far_a_life_is_extended(by: str, seconds: int, reason: str | None, own: bool) -> None:
    """The owner reaches the longest life of a request, counted from the approval; who approves, further."""
    if reason is None:
        assert wish(owned(), Extend(seconds), by).expires_at == NOW + 7 * HOUR + seconds
        return
    refused = refusal(owned(), Extend(seconds), by)
    assert refused.reason == reason
    if reason == "TooLong":
        assert "<!date^" in refused.message and ("approver" in refused.message) is own


def test_the_owners_own_approver_right_does_not_reach_further() -> None:
    """An approver who owns the cluster, or asked for it, is an owner here: nobody extends his own beyond the rules."""
    own = owned(requester=BOB)
    assert refusal(own, Extend(48 * HOUR), BOB).reason == "TooLong"


def test_what_has_run_out_is_extended_from_now() -> None:
    """An hour more is an hour from now, not one that has passed already."""
    assert wish(owned(expires_at=NOW - 5 * HOUR), Extend(HOUR)).expires_at == NOW + HOUR


def test_keep_moves_the_end_along_and_never_shortens() -> None:
    """A keep beyond the end moves it; within, it only keeps; an earlier or doubled one changes nothing."""
    kept = wish(owned(), Keep(NOW + 9 * HOUR, "benchmark"))
    assert kept.kept == Kept(NOW + 9 * HOUR, ALICE, NOW, "benchmark") and kept.expires_at == NOW + 9 * HOUR
    within = wish(owned(), Keep(NOW + HOUR))
    assert within.kept is not None and within.expires_at == NOW + 7 * HOUR
    for until in (NOW + 9 * HOUR, NOW + HOUR):
        assert wish(kept, Keep(until)) is kept
    assert wish(within, Keep(NOW + 2 * HOUR)).kept == Kept(NOW + 2 * HOUR, ALICE, NOW)


def test_keep_has_the_same_reach_as_extend() -> None:
    """In the future, and no further than one may extend."""
    assert refusal(owned(), Keep(NOW)).reason == "Past"
    assert refusal(owned(), Keep(NOW + 30 * HOUR)).reason == "TooLong"
    assert wish(owned(), Keep(NOW + 30 * HOUR), CAROL).expires_at == NOW + 30 * HOUR


def test_park_remembers_who_and_resume_brings_the_sizes_back() -> None:
    """Parked: no GPU node is wanted, the ceiling stays; each wish is one generation; a second one changes nothing."""
    cluster = owned(spec=spec(gpu_group(("g5.xlarge",), 1, 3)))
    parked = wish(cluster, Park(), BOB)
    assert parked.parked == Parking(BOB, NOW, "slash") and parked.size_generation == 1
    assert wanted_sizes(parked)[GPU_GROUP] == (0, 0, 3)
    assert wanted_sizes(parked)["cpu-node-group"] == wanted_sizes(cluster)["cpu-node-group"]
    assert wish(parked, Park()) is parked and wish(cluster, Resume()) is cluster
    back = wish(parked, Resume())
    assert back.parked is None and back.size_generation == 2
    assert wanted_sizes(back) == wanted_sizes(cluster)


def test_what_an_approver_cut_the_owner_does_not_bring_back() -> None:
    """After a cut the owner reaches as far as was approved; an approver reaches further, as ever."""
    cut = owned(cuts=(Cut(BOB, NOW - 4000, "lifetime 8 h, not 24 h"),))
    assert refusal(cut, Extend(HOUR)).reason == "TooLong"
    assert refusal(cut, Keep(NOW + 10 * HOUR)).reason == "TooLong"
    assert wish(cut, Extend(HOUR), BOB).expires_at == (cut.expires_at or 0) + HOUR


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [(2, (0, 2, 4)), (3, (0, 3, 4)), (6, (0, 6, 6))],
    ids=["fewer, the ceiling stays", "more, below the ceiling", "beyond the ceiling, where nobody need approve"],
)
def test_scale(nodes: int, expected: tuple[int, int, int]) -> None:
    """The sizes and the quote follow; the ceiling moves up only."""
    group = replace(gpu_group(("g5.xlarge",), 1, 1), max_size=4)
    cluster = owned(spec=spec(group), quote=QUOTE)
    scaled = wish(cluster, Scale(nodes), approval=FREE)
    assert wanted_sizes(scaled)[GPU_GROUP] == expected
    assert scaled.size_generation == 1 and wish(scaled, Scale(nodes)) is scaled
    assert scaled.quote is not None and scaled.quote.usd_per_hour == pytest.approx(0.32 + nodes * 1.118)


@pytest.mark.parametrize(("nodes", "word"), [(0, "park"), (-1, "park"), (9, "At most 8")])
def test_scale_stays_within_the_rules(nodes: int, word: str) -> None:
    """From 1 to as many as the configuration allows; for none there is park."""
    refused = refusal(owned(), Scale(nodes))
    assert refused.reason == "BadNumber" and word in refused.message


def test_scale_beyond_what_was_approved_is_not_the_owners_to_decide() -> None:
    """More than was approved needs what a new request would need; an administrator may, unless the cluster is his own."""
    assert refusal(owned(), Scale(2)).reason == "NeedsApproval"
    assert wish(owned(), Scale(2), CAROL).size_generation == 1
    his = owned(requester=CAROL)
    assert refusal(his, Scale(2), CAROL).reason == "NeedsApproval"
    cheap = (ApprovalRule(approvals=0, up_to_usd_per_hour=3), ApprovalRule())
    assert wish(owned(quote=QUOTE), Scale(2), approval=cheap).size_generation == 1
    assert refusal(owned(quote=QUOTE), Scale(3), approval=cheap).reason == "NeedsApproval"


def test_scale_beyond_what_was_asked_for_obeys_the_rules_of_create() -> None:
    """Who may create two nodes does not get four by the back door; below the ceiling nobody asks, nor an administrator."""
    rules = {"create": (CreateRule(max_nodes=2),), "approval": FREE}
    assert refusal(owned(), Scale(4), **rules).reason == "TooManyNodes"
    assert wish(owned(), Scale(2), **rules).size_generation == 1
    assert wish(owned(), Scale(4), CAROL, **rules).size_generation == 1
    wide = replace(gpu_group(("g5.xlarge",), 1, 1), max_size=4)
    assert wish(owned(spec=spec(wide)), Scale(4), **rules).size_generation == 1


def test_scale_needs_one_gpu_group_that_runs() -> None:
    """A parked cluster is resumed first; of several GPU groups none is guessed."""
    assert refusal(PARKED, Scale(2)).reason == "Parked"
    assert refusal(proven_record(mixed()), Scale(2)).reason == "ManyGroups"


def test_grant_and_revoke() -> None:
    """Each principal of the person at that level; another level replaces it; the end is marked until it is seen."""
    many = replace(RULES, principals={BOB: ("arn:b1", "arn:b2")})
    given = apply(owned(), Grant(BOB, "edit"), PEOPLE[ALICE], HOW, many, NOW)
    assert given.grants == (Granted("arn:b1", BOB, "edit"), Granted("arn:b2", BOB, "edit"))
    assert apply(given, Grant(BOB, "edit"), PEOPLE[ALICE], HOW, many, NOW) is given
    lower = apply(given, Grant(BOB, "view"), PEOPLE[ALICE], HOW, many, NOW)
    assert {g.level for g in lower.grants} == {"view"} and len(lower.grants) == 2
    ended = wish(lower, Revoke(BOB))
    assert all(g.revoked for g in ended.grants) and wish(ended, Revoke(BOB)) is ended
    again = apply(ended, Grant(BOB, "view"), PEOPLE[ALICE], HOW, many, NOW)
    assert again.grants == lower.grants


def test_others_grants_are_let_be() -> None:
    """What one person gets or loses is nothing to another."""
    both = wish(wish(owned(), Grant(BOB)), Grant(CAROL, "admin"))
    assert [g.user for g in wish(both, Grant(BOB, "edit")).grants if g.level == "admin"] == [CAROL]
    assert [g.user for g in wish(both, Revoke(BOB)).grants if not g.revoked] == [CAROL]


@pytest.mark.parametrize(
    ("what", "reason", "word"),
    [
        (Grant(MALLORY), "NoPrincipal", "principals"),
        (Grant(BOB, "root"), "BadLevel", "view, edit"),
        (Revoke(ALICE), "OwnAccess", "transfer"),
        (Revoke(BOB), "NoGrant", "no access"),
    ],
)
def test_access_that_cannot_be_given_or_taken(what: Wish, reason: str, word: str) -> None:
    """Nobody without a principal, no made-up level, not the owner's own, and not what was never given."""
    refused = refusal(owned(), what)
    assert refused.reason == reason and word in refused.message


def test_the_owners_principal_is_not_granted_again() -> None:
    """Who shares the owner's principal is in already; a lower level must not be laid over the owner's."""
    cluster = owned()
    shared = replace(RULES, principals={BOB: (ARN[ALICE],)})
    assert apply(cluster, Grant(BOB), PEOPLE[ALICE], HOW, shared, NOW) is cluster


def test_transfer_leaves_nobody_without_his_work() -> None:
    """The new owner's principals are the owner's, the old one's stay as administrator; a grant that is owned now goes."""
    cluster = wish(owned(), Grant(BOB, "view"))
    moved = wish(cluster, Transfer(PEOPLE[BOB]))
    assert (moved.spec.owner, moved.spec.access) == (BOB, (ARN[BOB],))
    assert moved.grants == (Granted(ARN[ALICE], ALICE, "admin"),)
    assert wish(moved, Transfer(PEOPLE[BOB])) is moved
    back = wish(moved, Transfer(PEOPLE[ALICE]))
    assert (back.spec.access, back.grants) == ((ARN[ALICE],), (Granted(ARN[BOB], BOB, "admin"),))
    assert "access kept" in words(cluster, moved, Transfer(PEOPLE[BOB]))[1]


def test_transfer_within_a_shared_principal_grants_nothing() -> None:
    """Two people behind one IAM role: what the new owner owns needs no grant to the old one."""
    shared = replace(RULES, principals={BOB: (ARN[ALICE],)})
    moved = apply(owned(), Transfer(PEOPLE[BOB]), PEOPLE[ALICE], HOW, shared, NOW)
    assert (moved.spec.access, moved.grants) == ((ARN[ALICE],), ())


@pytest.mark.parametrize("flag", ["is_guest", "is_bot", "is_deactivated", "is_stranger", "is_foreign"])
def test_an_outsider_owns_nothing(flag: str) -> None:
    """A cluster is not handed to whom the policy would refuse, and the reason is told."""
    refused = refusal(owned(), Transfer(Actor("U0DAVE", **{flag: True})))
    assert "U0DAVE" in refused.message and refused.field == "user"


def test_shorten_cuts_before_the_decision_and_voids_votes() -> None:
    """Lifetime, nodes and ceiling come down, the price with them, the digest changes, and the cut is told in words."""
    before = asked()
    cut = wish(before, Shorten(ttl_s=4 * HOUR, nodes=2), BOB)
    assert cut.spec.ttl_s == 4 * HOUR and wanted_sizes(cut)[GPU_GROUP] == (0, 2, 2)
    assert cut.cuts == (Cut(BOB, NOW, "lifetime 4 h, not 8 h"), Cut(BOB, NOW, "GPU nodes: 2, not 4"))
    assert cut.digest != before.digest
    assert cut.quote is not None and cut.quote.usd_per_hour == pytest.approx(0.32 + 2 * 1.118)
    assert wish(cut, Shorten(ttl_s=4 * HOUR, nodes=2), BOB) is cut
    assert wish(before, Shorten(ttl_s=8 * HOUR), BOB) is before


@pytest.mark.parametrize(
    ("cluster", "what", "reason"),
    [
        (asked(), Shorten(), "Nothing"),
        (asked(), Shorten(ttl_s=9 * HOUR), "NotLess"),
        (asked(), Shorten(ttl_s=1799), "NotLess"),
        (asked(), Shorten(nodes=5), "NotLess"),
        (asked(), Shorten(nodes=0), "NotLess"),
        (asked(), Shorten(ttl_s=HOUR, nodes=5), "NotLess"),
        (replace(request(), spec=spec(gpu_group(("g5.xlarge",), 1), al2023_group())), Shorten(nodes=1), "ManyGroups"),
        (owned(), Shorten(ttl_s=HOUR), "AlreadyDecided"),
    ],
)
def test_a_cut_only_takes_away(cluster: Cluster, what: Wish, reason: str) -> None:
    """Never more, never nothing, never after the decision; a bad half refuses the whole."""
    assert refusal(cluster, what, BOB).reason == reason


@pytest.mark.parametrize(
    ("cluster", "what", "before", "after"),
    [
        (owned(), Delete(), "Ready", "Deleting"),
        (owned(), Retry(), "attempt 1", "attempt 2"),
        (owned(), Verify(), "Seen", "Testing"),
        (owned(), Extend(HOUR), "until 2027-01-15 15:00 UTC", "until 2027-01-15 16:00 UTC"),
        (owned(), Keep(NOW + 8 * HOUR), "until 2027-01-15 15:00 UTC", "until 2027-01-15 16:00 UTC"),
        (owned(), NotIdle(), "Warming up, epoch 0", "Warming up, epoch 1"),
        (owned(), Park(), "1 GPU node", "0 GPU nodes"),
        (PARKED, Resume(), "0 GPU nodes", "1 GPU node"),
        (owned(spec=spec(replace(gpu_group(("g5.xlarge",), 1, 1), max_size=3))), Scale(3), "1 GPU node", "3 GPU nodes"),
        (owned(), Grant(BOB, "edit"), "access: nobody else", f"access: <@{BOB}> edit"),
        (owned(grants=(Granted("b", BOB, "view"),)), Revoke(BOB), f"access: <@{BOB}> view", "access: nobody else"),
        (proven_record(), Transfer(PEOPLE[BOB]), f"owner <@{ALICE}>", f"owner <@{BOB}>"),
        (asked(), Shorten(ttl_s=HOUR, nodes=1), "8 h, 4 GPU nodes", "1 h, 1 GPU node"),
    ],
    ids=lambda v: type(v).__name__ if not isinstance(v, str) else None,
)
def test_words_for_the_audit(cluster: Cluster, what: Wish, before: str, after: str) -> None:
    """Each change is told as it was and as it is."""
    assert words(cluster, wish(cluster, what), what) == (before, after)


people = st.sampled_from([ALICE, BOB, CAROL])
wishes_ = st.one_of(
    st.sampled_from([Delete(), Retry(), Verify(), NotIdle(), Park(), Resume()]),
    st.builds(Keep, st.floats(NOW - HOUR, NOW + 40 * HOUR)),
    st.builds(Scale, st.integers(-1, 10)),
    st.builds(Grant, people, st.sampled_from(["view", "edit", "admin"])),
    st.builds(Revoke, people),
    st.builds(Transfer, people.map(PEOPLE.__getitem__)),
    st.builds(Shorten, st.one_of(st.none(), st.integers(0, 40000)), st.one_of(st.none(), st.integers(0, 6))),
)
records = st.sampled_from(
    [owned(), PARKED, record(), asked(), doomed(), owned(spec=spec(gpu_group(("g5.xlarge",), 1, 3)))]
)


def _tried(cluster: Cluster, what: Wish, by: str) -> Cluster | None:
    try:
        return apply(cluster, what, PEOPLE[by], HOW, RULES, NOW)
    except Refused as refused:
        assert refused.reason and refused.message.endswith((".", "`.", ")"))
        return None


@given(records, wishes_, people)
def test_a_doubled_wish_is_one(cluster: Cluster, what: Wish, by: str) -> None:
    """The same wish on what it made of the record changes nothing: the very same object comes back."""
    once = _tried(cluster, what, by)
    if once is not None:
        twice = _tried(once, what, by)
        assert twice is once


@given(records, st.lists(st.tuples(wishes_, people), max_size=8))
def test_whatever_is_wished_the_record_stays_sound(cluster: Cluster, history: list[tuple[Wish, str]]) -> None:
    """Sizes stay within their bounds, an end only moves away but for a cut, and generations only grow."""
    for what, by in history:
        after = _tried(cluster, what, by)
        if after is None:
            continue
        for least, desired, most in wanted_sizes(after).values():
            assert 0 <= least <= desired <= most and most >= 1
        assert cluster.expires_at is None or (after.expires_at or 0) >= cluster.expires_at
        assert after.size_generation >= cluster.size_generation and after.sized_generation == cluster.sized_generation
        assert after.id == cluster.id and after.version == cluster.version
        assert (after == cluster) is (after is cluster)
        cluster = after


@given(st.integers(1, 8), st.integers(1, 8))
def test_park_and_resume_bring_the_sizes_back(desired: int, most: int) -> None:
    """Whatever the sizes were, they are again; also scaled before."""
    group = replace(gpu_group(("g5.xlarge",), 1, min(desired, most)), max_size=most)
    cluster = wish(owned(spec=spec(group)), Scale(desired), approval=FREE)
    back = wish(wish(cluster, Park()), Resume())
    assert wanted_sizes(back) == wanted_sizes(cluster) and back.spec == cluster.spec


def test_the_gesture_is_public() -> None:
    """Who calls needs nothing but this module."""
    assert set(changes.__all__) == {"Gesture", "act_of", "apply", "words"}
