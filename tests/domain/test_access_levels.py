"""Who may speak to the API server: levels given, replaced and taken back, and whose entries are nobody's business."""

from dataclasses import replace
from typing import Any

import pytest
from worlds import BLIND, BOT, NODES_ROLE, NOW, false, proven_record, ready, spec, unknown, view

from domain import access_stages, provisioning
from domain.access_stages import access
from domain.actions import GrantAccess, RevokeAccess
from domain.cluster import Cluster, Granted
from domain.conditions import Status
from domain.lifecycle import ACCESS
from domain.naming import level_policy
from domain.observation import ABSENT, NOT_LOOKED

T, F, U = Status.TRUE, Status.FALSE, Status.UNKNOWN
VIEW, EDIT, ADMIN = (level_policy(level) for level in ("view", "edit", "admin"))
ALICES, BOBS, FOREIGN = (f"arn:aws:iam::111122223333:role/{name}" for name in ("alice", "bob", "foreign"))


def shared(*grants: Granted, **changes: Any) -> Cluster:
    """Alice's cluster with those grants."""
    return proven_record(spec(access=(ALICES,)), grants=grants, **changes)


def bob(level: str = "view", revoked: bool = False, principal: str = BOBS, user: str = "U0BOB") -> Granted:
    """A grant."""
    return Granted(principal, user, level, revoked)


def entries(**more: set[str]) -> dict[str, frozenset[str]]:
    """The entries that stand: bot, owner, node role, a stranger, and `bob=`."""
    found = {BOT: {ADMIN}, ALICES: {ADMIN}, NODES_ROLE: set(), FOREIGN: {VIEW}}
    return {arn: frozenset(p) for arn, p in {**found, **({BOBS: more["bob"]} if "bob" in more else {})}.items()}


ROWS = [
    ("view to be given", (bob("view"),), entries(), (U, "Granting"), (GrantAccess(BOBS, VIEW),)),
    ("edit to be given", (bob("edit"),), entries(), (U, "Granting"), (GrantAccess(BOBS, EDIT),)),
    ("an entry without a policy", (bob("edit"),), entries(bob=set()), (U, "Granting"), (GrantAccess(BOBS, EDIT),)),
    ("given", (bob("edit"),), entries(bob={EDIT}), (T, "Granted"), ()),
    ("given, and a foreign policy", (bob("edit"),), entries(bob={EDIT, "x"}), (T, "Granted"), ()),
    ("too high", (bob("view"),), entries(bob={ADMIN}), (U, "Granting"), (GrantAccess(BOBS, VIEW),)),
    ("too high beside the right one", (bob("view"),), entries(bob={VIEW, EDIT}), (U, "Granting"), (GrantAccess(BOBS, VIEW),)),
    ("too low", (bob("admin"),), entries(bob={VIEW}), (U, "Granting"), (GrantAccess(BOBS, ADMIN),)),
    ("two people, one principal: the higher", (bob("view"), bob("edit", user="U0BORIS")), entries(), (U, "Granting"),
     (GrantAccess(BOBS, EDIT),)),
    ("ended", (bob("edit", True),), entries(bob={EDIT}), (U, "Revoking"), (RevokeAccess(BOBS),)),
    ("ended, an entry without a policy", (bob("edit", True),), entries(bob=set()), (U, "Revoking"), (RevokeAccess(BOBS),)),
    ("ended and gone", (bob("edit", True),), entries(), (T, "Granted"), ()),
    ("ended for one, kept for one", (bob("edit", True), bob("view", user="U0BORIS")), entries(bob={EDIT}), (U, "Granting"),
     (GrantAccess(BOBS, VIEW),)),
    ("ended, but the owner's", (bob("view", True, ALICES),), entries(), (T, "Granted"), ()),
    ("ended, but the bot's own", (bob("view", True, BOT),), entries(), (T, "Granted"), ()),
    ("a lower level for the bot", (bob("view", False, BOT),), entries(), (T, "Granted"), ()),
    ("a lower level for the owner", (bob("view", False, ALICES),), entries(), (T, "Granted"), ()),
    ("nothing wanted of a stranger", (), entries(bob={ADMIN}), (T, "Granted"), ()),
    ("unreadable", (bob("edit", True),), BLIND, (U, "Timeout"), ()),
    ("not looked for", (bob("edit", True),), NOT_LOOKED, None, ()),
]  # fmt: skip


@pytest.mark.parametrize(("grants", "seen", "expected", "actions"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS])
def test_levels(grants: Any, seen: Any, expected: Any, actions: Any) -> None:
    """Exactly what the record says is given and taken; strangers, the bot and the owner are left as they are."""
    cluster = shared(*grants)
    stage = access(view(cluster, ready(cluster, principals=seen)))
    assert (None if stage is None else (stage.condition.status, stage.condition.reason)) == expected
    assert (stage.actions if stage else ()) == actions


LEFT = [
    ("still there", (bob(revoked=True),), entries(bob={VIEW}), 1),
    ("still there, without a policy", (bob(revoked=True),), entries(bob=set()), 1),
    ("gone", (bob(revoked=True),), entries(), 0),
    ("kept by another grant", (bob(revoked=True), bob(user="U0BORIS")), entries(bob={VIEW}), 1),
    ("kept by the owner", (bob(revoked=True, principal=ALICES),), entries(), 0),
    ("kept by the bot", (bob(revoked=True, principal=BOT),), entries(), 0),
    ("not revoked, not there", (bob(),), entries(), 1),
    ("unreadable", (bob(revoked=True),), BLIND, 1),
    ("not looked for", (bob(revoked=True),), NOT_LOOKED, 1),
]


@pytest.mark.parametrize(("grants", "seen", "left"), [r[1:] for r in LEFT], ids=[r[0] for r in LEFT])
def test_an_ended_grant_is_dropped_when_its_end_was_seen(grants: Any, seen: Any, left: int) -> None:
    """Until then it stays in the record, and is taken back again and again."""
    cluster = shared(*grants)
    after = provisioning.changes_seen(view(cluster, ready(cluster, principals=seen)))
    assert len(after.grants) == left
    assert (after is cluster) is (left == len(grants))


def test_an_unreadable_identity_takes_nothing_back() -> None:
    """Without knowing who the bot is, an entry might be its own."""
    cluster = shared(bob(revoked=True))
    for blind in (BLIND, NOT_LOOKED):
        seen = view(cluster, ready(cluster, own_principal=blind, principals=entries()))
        assert not [a for a in provisioning.decide(seen).actions if isinstance(a, RevokeAccess)]
        assert provisioning.changes_seen(seen) is cluster


def test_a_cluster_that_is_gone_takes_its_entries_with_it() -> None:
    """Nothing is revoked on what is not there, and the record is left as it is."""
    cluster = shared(bob(revoked=True))
    seen = view(cluster, replace(ready(cluster), control_plane=ABSENT, principals=NOT_LOOKED))
    assert access(seen) is None and provisioning.changes_seen(seen) is cluster


def test_access_that_does_not_come_is_trouble_after_a_while() -> None:
    """Five minutes for an entry; then it is said, and ends when it is there."""
    late = shared(bob(), conditions=(unknown(ACCESS, "Granting", NOW - access_stages.ACCESS_PATIENCE_S - 1),))
    stage = access(view(late, ready(late, principals=entries())))
    assert stage is not None and stage.condition.status is F and stage.actions == (GrantAccess(BOBS, VIEW),)
    told = shared(bob(), conditions=(false(ACCESS, "Granting"),))
    stage = access(view(told, ready(told, principals=entries(bob={VIEW}))))
    assert stage is not None and stage.condition.status is T
