"""Clusters without a record: told apart from those that have one, and made into records from their tags."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import (
    ALICE,
    BLIND,
    BOB,
    CAROL,
    KNOWN,
    NOW,
    PEOPLE,
    RULES,
    doomed,
    group,
    groups,
    mixed,
    plane,
    proven_record,
    ready,
    record,
    request,
    spec,
    unknown,
    view,
)

from domain import provisioning
from domain.actions import CreateControlPlane, ScaleNodeGroup
from domain.adoption import Found, adopted, missing, orphans, swept
from domain.cluster import Approval, Cluster, Phase, Receipt
from domain.conditions import merge
from domain.errors import Refused
from domain.lifecycle import CONTROL_PLANE, is_live, phase
from domain.naming import is_ours, tags
from domain.observation import ABSENT, ControlPlane, Observed
from domain.sizes import wanted_sizes
from domain.spec import GPU_GROUP, gpu_group

OVER = doomed(receipt=Receipt(NOW - 9, NOW, (), (), None))
DENIED = record(approval=Approval(False, BOB, NOW, "d"))


@pytest.mark.parametrize(
    "cluster", [proven_record(), record(), doomed(), request()], ids=["ready", "new", "going", "asked"]
)
def test_a_plane_that_a_live_record_claims_is_no_orphan(cluster: Cluster) -> None:
    """Ready, on its way up or on its way out: it is somebody's."""
    assert orphans((plane(cluster),), (cluster,)) == ()


@pytest.mark.parametrize(
    ("seen", "records", "word"),
    [
        (plane(record()), (), "another installation"),
        (plane(record()), (replace(record(), id="other-zzzzz"),), "another installation"),
        (plane(record(), tags={"raygpu:managed": "true"}), (record(),), "no id"),
        (plane(record()), (OVER,), "Deleted"),
        (plane(record()), (DENIED,), "Denied"),
        (plane(record(), name="raygpu-copy"), (record(),), "copied"),
        (plane(record(), region="eu-west-1"), (record(),), "copied"),
    ],
    ids=["no record", "other records", "no id", "deleted, and yet it stands", "denied", "copied tags", "other region"],
)
def test_orphans_are_told_with_the_reason(seen: ControlPlane, records: Any, word: str) -> None:
    """What no live record claims is an orphan, and says what is known of it; what cannot be known is said as well."""
    found = orphans((seen,), records)
    assert [orphan.plane for orphan in found] == [seen] and word in found[0].why


def test_what_is_on_its_way_out_is_no_orphan() -> None:
    """A plane that AWS is deleting needs nobody."""
    assert orphans((plane(record(), "DELETING"),), ()) == ()


@pytest.mark.parametrize(
    ("cluster", "standing", "unread", "gone"),
    [
        (proven_record(), False, (), True),
        (proven_record(), True, (), False),
        (proven_record(), False, ("us-west-2",), False),
        (record(), False, (), False),
        (proven_record(conditions=(unknown(CONTROL_PLANE, "Timeout"),)), False, (), False),
        (doomed(conditions=proven_record().conditions), False, (), False),
        (replace(OVER, conditions=proven_record().conditions), False, (), False),
    ],
    ids=["gone", "there", "region unread", "never seen", "last unread", "being deleted", "deleted"],
)
def test_missing_are_those_that_were_seen_and_are_not_there(
    cluster: Any, standing: bool, unread: Any, gone: bool
) -> None:
    """Unread is not gone, and what never stood, or shall go, is not missed."""
    planes = (plane(cluster),) if standing else ()
    assert missing(planes, (cluster,), unread) == ((cluster.id,) if gone else ())


def test_a_sweep_is_both() -> None:
    """Orphans, missing ones, and the regions that could not be read."""
    here, gone = proven_record(), replace(proven_record(), id="gone-abc23")
    stray = replace(record(), id="stray-abc23")
    found = swept((plane(here), plane(stray)), (here, gone), ("eu-west-1",), NOW)
    assert ([o.plane.name for o in found.orphans], found.missing) == ([stray.eks_name], ("gone-abc23",))
    assert (found.unread, found.at) == (("eu-west-1",), NOW)


def adopt(cluster: Cluster, seen: Any = None, **changes: Any) -> Cluster:
    """The record made of what stands of `cluster`."""
    standing = groups(cluster) if seen is None else seen
    return adopted(Found(plane(cluster, **changes), standing, KNOWN), PEOPLE[CAROL], RULES, NOW)


def test_an_adopted_cluster_is_what_it_was() -> None:
    """Id, name, owner, team, requester, channel, groups and end come from tags and node groups; its plane is ours."""
    cluster = proven_record(replace(mixed(), team="ml", reason=""), requester=BOB)
    made = adopt(cluster)
    assert (made.id, made.eks_name, made.requester, made.channel) == (cluster.id, cluster.eks_name, BOB, "C0RAYGPU")
    assert (made.spec.name, made.spec.owner, made.spec.team, made.spec.region) == ("demo", ALICE, "ml", "us-west-2")
    assert {g.name: g for g in made.spec.groups} == {g.name: g for g in cluster.spec.groups}
    assert (made.expires_at, made.created_at) == (cluster.expires_at, cluster.created_at)
    assert is_ours(made, plane(cluster, client_request_token="lost"))
    assert made.approval is not None and (made.approval.approved, made.approval.by) == (True, CAROL)
    assert phase(made) is Phase.PROVISIONING and is_live(made)


def test_what_it_cost_before_is_unknown() -> None:
    """Nobody metered it: the total stays unknown, never $0."""
    made = adopt(proven_record())
    assert made.spent_usd is None and made.usd_per_hour_now is None and made.metered_at == NOW


@pytest.mark.parametrize(
    ("expires", "end"),
    [
        ("2027-01-15T09:00:00Z", NOW + 3600),
        ("", None),
        ("never", None),
        ("9999-12-31T23:59:59Z", "longest"),
        ("2027-01-15T07:30:00Z", NOW - 1800),
    ],
)
def test_it_always_has_an_end(expires: str, end: Any) -> None:
    """An end that cannot be read is the longest life of a request; one beyond any that is given is cut; past is past."""
    cluster = proven_record()
    made = adopt(cluster, tags={**tags(cluster), "raygpu:expires": expires})
    began = cluster.created_at
    wanted = {None: began + RULES.max_ttl_s, "longest": began + RULES.longest_life_s}.get(end, end)
    assert made.expires_at == wanted and made.spec.ttl_s == wanted - began


def test_bare_tags_are_enough() -> None:
    """With nothing but the id it is named after it, owned by who adopts it, and as old as AWS says."""
    cluster = proven_record()
    made = adopt(cluster, tags={"raygpu:managed": "true", "raygpu:id": cluster.id}, created_at=NOW - 7200)
    assert (made.spec.name, made.spec.owner, made.requester, made.channel) == (cluster.id, CAROL, CAROL, "")
    assert made.created_at == NOW - 7200 and made.expires_at == NOW - 7200 + RULES.max_ttl_s


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tags": {}}, "NotOurs"),
        ({"name": "somebody-elses"}, "NotOurs"),
        ({"status": "CREATING"}, "NotStanding"),
        ({"status": "DELETING"}, "NotStanding"),
    ],
)
def test_not_everything_is_adopted(changes: dict[str, str], reason: str) -> None:
    """What is not named after its id cannot be raygpu's, whatever its tags say; what does not stand yet may be somebody's."""
    with pytest.raises(Refused) as refused:
        adopt(proven_record(), **changes)
    assert refused.value.reason == reason


def test_an_adopted_cluster_that_goes_is_not_made_again() -> None:
    """It stood when it was taken in; afterwards its absence is somebody's doing."""
    for status in ("ACTIVE", "FAILED"):
        made = adopt(proven_record(), status=status)
        if status == "FAILED":
            seen = Observed(control_plane=plane(made, "FAILED"))
            told = provisioning.decide(view(made, seen)).conditions
            made = replace(made, conditions=merge(made.conditions, told, NOW))
        decision = provisioning.decide(view(made, Observed(control_plane=ABSENT)))
        assert not [a for a in decision.actions if isinstance(a, CreateControlPlane)]
        assert decision.conditions[0].reason == "DeletedByHand"


def test_a_cluster_without_gpu_nodes_is_adopted_parked() -> None:
    """It stays at none until somebody resumes it, and then comes back with one node of each group."""
    cluster = proven_record(spec(replace(gpu_group(("g5.12xlarge",), 4, 2), max_size=3)))
    cpu, gpu = cluster.spec.groups
    asleep = {cpu.name: group(cpu), gpu.name: group(gpu, min_size=0, desired=0)}
    made = adopt(cluster, asleep)
    assert made.parked is not None and wanted_sizes(made)[GPU_GROUP] == (0, 0, 3)
    assert wanted_sizes(replace(made, parked=None))[GPU_GROUP] == (0, 1, 3)
    decision = provisioning.decide(view(made, ready(made, groups=asleep)))
    assert not [a for a in decision.actions if isinstance(a, ScaleNodeGroup)]


def test_gpus_of_an_unknown_type_are_one_at_least() -> None:
    """A type the table does not know still brings a GPU by its AMI; a group without types (a launch template) as well."""
    cluster = proven_record()
    for types in (("g99.xlarge",), ()):
        seen = {
            g.name: group(g, instance_types=types if g.is_gpu else g.instance_types, disk_gb=None)
            for g in cluster.spec.groups
        }
        made = adopt(cluster, seen)
        assert made.spec.gpus == 1 and made.spec.gpu_groups[0].instance_types and made.spec.groups[0].disk_gb == 20


texts = st.one_of(st.text(max_size=30), st.sampled_from(["", "2027-01-15T09:00:00Z", "0001-01-01T00:00:00Z", "true"]))
keys = st.sampled_from(
    ["raygpu:name", "raygpu:owner", "raygpu:team", "raygpu:created", "raygpu:expires", "raygpu:channel"]
)


@given(st.dictionaries(keys, texts))
def test_whatever_the_tags_say_the_record_is_sound(said: dict[str, str]) -> None:
    """It has an end, an owner, a name, and the time it began is not in the future."""
    cluster = proven_record()
    made = adopt(cluster, tags={**said, "raygpu:id": cluster.id})
    assert made.expires_at is not None and made.expires_at <= made.created_at + RULES.longest_life_s
    assert made.spec.owner and made.spec.name and made.spec.ttl_s >= 0
    assert NOW - 2 * 24 * 3600 < made.created_at <= NOW
    assert is_live(made)


def test_a_stray_look_decides_nothing() -> None:
    """An adopted record is judged like any other: what cannot be read is waited for."""
    made = adopt(proven_record())
    assert provisioning.decide(view(made, Observed(control_plane=BLIND))).actions == ()
