"""The checks before approval: each says yes, no or "could not be checked", and only a no ends the request."""

from dataclasses import replace
from typing import Any

import pytest
from worlds import BLIND, KNOWN, bottlerocket, plane, prices, record, spec

from domain import preflight
from domain.capacity import Foundation, KubernetesVersion, Quota, Subnet
from domain.cluster import Check
from domain.conditions import Status
from domain.observation import ABSENT
from domain.preflight import PreflightFacts
from domain.spec import CPU_AMI, CPU_GROUP, GPU_GROUP, gpu_group

M5 = replace(KNOWN["g5.xlarge"], name="m5.xlarge", gpus=0)
TYPES = {**KNOWN, "m5.xlarge": M5}
ZONES = frozenset({"us-west-2a", "us-west-2b"})
SUBNETS = (Subnet("subnet-a", "us-west-2a", 200), Subnet("subnet-b", "us-west-2b", 200))
FOUNDATION = Foundation("us-west-2", "vpc-1", SUBNETS, "role/cluster", "role/node")
ENOUGH = Quota("L-DB2E81BA", "Running On-Demand G and VT", 64, 0)
FACTS = PreflightFacts(
    foundation=FOUNDATION,
    existing=ABSENT,
    versions=(KubernetesVersion("1.35", True, True),),
    amis={g.ami_type: True for g in bottlerocket().groups},
    types=TYPES,
    zones=dict.fromkeys(TYPES, ZONES),
    quotas={CPU_GROUP: Quota("L-1216C47A", "Standard", 5, 0), GPU_GROUP: ENOUGH},
    prices=prices(),
)


def one(name: str, **changes: Any) -> Check:
    """The check of that name over changed facts."""
    found = [c for c in preflight.judge(bottlerocket(), replace(FACTS, **changes)) if c.name == name]
    assert len(found) == 1
    return found[0]


def test_all_good() -> None:
    """Everything known and possible: every check says yes and the request may be approved."""
    checks = preflight.judge(bottlerocket(), FACTS)
    assert [c.ok for c in checks] == [True] * len(checks)
    assert preflight.condition_of(checks).is_true


ONE_ZONE = replace(FOUNDATION, subnets=(SUBNETS[0], replace(SUBNETS[0], id="subnet-c")))
TIGHT = replace(FOUNDATION, subnets=tuple(replace(s, free_ips=15) for s in SUBNETS))
HALF_TIGHT = replace(FOUNDATION, subnets=(SUBNETS[0], replace(SUBNETS[1], free_ips=0)))
ELSEWHERE = {**FACTS.zones, "g5.xlarge": frozenset({"us-west-2d"})} if isinstance(FACTS.zones, dict) else {}
NOWHERE = {name: zones for name, zones in ELSEWHERE.items() if name != "g5.xlarge"}
GPU_INSTANCES, GPU_AMI, GPU_QUOTA = f"Instances of {GPU_GROUP}", f"AMI of {GPU_GROUP}", f"Quota of {GPU_GROUP}"
TABLE: list[tuple[str, str, dict[str, Any], bool | None, str]] = [
    ("no foundation", "Foundation", {"foundation": ABSENT}, False, "raygpu setup"),
    ("foundation unreadable", "Foundation", {"foundation": BLIND}, None, "did not answer"),
    ("one zone", "Foundation", {"foundation": ONE_ZONE}, False, "two zones"),
    ("no addresses", "Foundation", {"foundation": TIGHT}, False, "16 free addresses"),
    ("one subnet full", "Foundation", {"foundation": HALF_TIGHT}, True, "2 subnets"),
    ("name taken", "Name", {"existing": plane(record())}, False, "exists already"),
    ("name unreadable", "Name", {"existing": BLIND}, None, "did not answer"),
    ("no version", "Kubernetes", {"versions": (KubernetesVersion("1.31", False, True),)}, False, "no version"),
    ("versions unreadable", "Kubernetes", {"versions": BLIND}, None, "did not answer"),
    ("AMI missing", GPU_AMI, {"amis": {CPU_AMI: True}}, False, "no BOTTLEROCKET_x86_64_NVIDIA AMI"),
    ("AMI not there", GPU_AMI, {"amis": dict.fromkeys(FACTS.amis, False)}, False, "AMI for this"),
    ("AMIs unreadable", GPU_AMI, {"amis": BLIND}, None, "did not answer"),
    ("types unreadable", GPU_INSTANCES, {"types": BLIND}, None, "did not answer"),
    ("zones unreadable", GPU_INSTANCES, {"zones": BLIND}, None, "did not answer"),
    ("type unknown", GPU_INSTANCES, {"types": {"m5.xlarge": M5}}, False, "EC2 does not know g5.xlarge"),
    ("arm", GPU_INSTANCES, {"types": {**TYPES, "g5.xlarge": replace(KNOWN["g5.xlarge"], arch="arm64")}}, False, "arm64"),
    ("fewer GPUs", GPU_INSTANCES, {"types": {**TYPES, "g5.xlarge": M5}}, False, "0 NVIDIA GPUs, not 1"),
    ("other zones", GPU_INSTANCES, {"zones": ELSEWHERE}, False, "No zone of the foundation offers g5.xlarge"),
    ("offered nowhere", GPU_INSTANCES, {"zones": NOWHERE}, False, "offers g5.xlarge"),
    ("quota 0", GPU_QUOTA, {"quotas": {GPU_GROUP: replace(ENOUGH, limit=0)}}, False, "gpu-node-group needs 4"),
    ("quota in use", GPU_QUOTA, {"quotas": {GPU_GROUP: replace(ENOUGH, used=61)}}, False, "61 used"),
    ("quota just enough", GPU_QUOTA, {"quotas": {GPU_GROUP: replace(ENOUGH, used=60)}}, True, "4 needed"),
    ("use unknown", GPU_QUOTA, {"quotas": {GPU_GROUP: replace(ENOUGH, used=None)}}, None, "use unknown"),
    ("use unknown, too small anyway", GPU_QUOTA, {"quotas": {GPU_GROUP: replace(ENOUGH, limit=3, used=None)}}, False, ""),
    ("quota unreadable", GPU_QUOTA, {"quotas": {GPU_GROUP: BLIND}}, None, "did not answer"),
    ("quota not read", GPU_QUOTA, {"quotas": {}}, None, "not read"),
    ("quota without types", GPU_QUOTA, {"types": BLIND}, None, "did not answer"),
    ("price unknown", "Price", {"prices": prices(g5_xlarge=None)}, None, "g5.xlarge is unknown"),
    ("control plane's price unknown", "Price", {"prices": prices(plane=None)}, None, "EKS control plane"),
    ("storage price unknown", "Price", {"prices": prices(storage=None)}, None, "gp3"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changes", "ok", "words"), [r[1:] for r in TABLE], ids=[r[0] for r in TABLE])
def test_each_check(name: str, changes: dict[str, Any], ok: bool | None, words: str) -> None:
    """One fact changed changes one verdict, with the reason in words."""
    check = one(name, **changes)
    assert check.ok is ok
    assert words in check.message


def test_a_no_ends_the_request_and_names_every_no() -> None:
    """Two impossible things are both told."""
    checks = preflight.judge(bottlerocket(), replace(FACTS, foundation=ABSENT, existing=plane(record())))
    condition = preflight.condition_of(checks)
    assert condition.is_false
    assert "raygpu setup" in condition.message and "exists already" in condition.message


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"existing": BLIND}, Status.UNKNOWN),
        ({"versions": BLIND}, Status.UNKNOWN),
        ({"amis": BLIND}, Status.UNKNOWN),
        ({"zones": BLIND}, Status.UNKNOWN),
        ({"foundation": BLIND}, Status.UNKNOWN),
        ({"quotas": {}}, Status.TRUE),
        ({"prices": prices(g5_xlarge=None)}, Status.TRUE),
        ({"existing": BLIND, "foundation": ABSENT}, Status.FALSE),
    ],
)
def test_what_an_unread_check_means(changes: dict[str, Any], status: Status) -> None:
    """What the build needs must be read first; an unread quota or price is only shown; a no outweighs both."""
    assert preflight.condition_of(preflight.judge(bottlerocket(), replace(FACTS, **changes))).status is status


@pytest.mark.parametrize(
    ("versions", "chosen"),
    [
        ((), ""),
        ((("1.31", False, True),), ""),
        ((("1.34", True, True), ("1.36", True, False)), "1.34"),
        ((("1.9", True, False), ("1.10", True, False)), "1.10"),
        ((("1.33", False, True), ("1.34", True, False)), "1.34"),
    ],
    ids=["none", "only extended", "EKS's default", "newest by number, not by letter", "default out of support"],
)
def test_choose_version(versions: Any, chosen: str) -> None:
    """EKS's default while it is in standard support, else the newest that is."""
    assert preflight.choose_version(tuple(KubernetesVersion(*v) for v in versions)) == chosen


def test_subnets_only_in_zones_that_offer_every_type() -> None:
    """A group may start any of its types anywhere it is put; unknown offerings exclude nothing."""
    both = gpu_group(("g5.xlarge", "g6.xlarge"), 1)
    offering = {"g5.xlarge": ZONES, "g6.xlarge": frozenset({"us-west-2b"})}
    assert preflight.subnets_for(FOUNDATION, offering, both) == ("subnet-b",)
    assert preflight.subnets_for(FOUNDATION, {}, both) == ("subnet-a", "subnet-b")
    assert preflight.subnets_for(FOUNDATION, {"g5.xlarge": frozenset()}, both) == ()


def test_quota_counts_the_largest_type_and_every_node() -> None:
    """Three nodes of g5.2xlarge or g5.xlarge may come to 24 vCPUs."""
    wanted = spec(gpu_group(("g5.xlarge", "g5.2xlarge"), 1, 3))
    facts = replace(FACTS, quotas={GPU_GROUP: replace(ENOUGH, limit=23)})
    check = next(c for c in preflight.judge(wanted, facts) if c.name == GPU_QUOTA)
    assert check.ok is False and "needs 24" in check.message


def test_price_is_as_old_as_its_oldest_part() -> None:
    """The date shown is that of the oldest price in the sum."""
    listed = prices()
    old = replace(listed, instances=(listed.instances[0], replace(listed.instances[1], as_of="2026-08-01")))
    assert "2026-08-01" in one("Price", prices=old).message
