"""The observer's reads and what a failed one spares; the performer's calls, with names and tokens from the id alone."""

from dataclasses import replace

import pytest
from service_rig import Rig
from worlds import BOT, NOW, RULES, al2023, doomed, plane, proven_record, record, strangers

from domain.actions import (
    ApplyDevicePlugin,
    ApplyExporter,
    ApproveDeletion,
    CreateAddon,
    CreateControlPlane,
    CreateNodeGroup,
    DeleteAddon,
    DeleteControlPlane,
    DeleteNodeGroup,
    GrantAccess,
    InstallOperator,
    LiftProtection,
    RemoveDevicePlugin,
    RemoveExporter,
    RemoveLeftover,
    RemoveLoadBalancers,
    RemoveSmokePod,
    RepairTaints,
    ResumeRay,
    RevokeAccess,
    RunSmokePod,
    ScaleNodeGroup,
    SuspendRay,
    TagControlPlane,
)
from domain.cluster import GroupRow, Meter
from domain.errors import Denied, Missing, Rejected, Throttled, Unavailable
from domain.exporter import desired_exporter
from domain.naming import TAG_DELETE, deletion_tag, plane_token, token
from domain.observation import ABSENT, NOT_LOOKED, Leftover, NodeGroup, Observed, Unreadable
from domain.operator import OperatorChart
from domain.plugin import desired_plugin
from domain.provisioning import ADMIN_POLICY
from domain.ray import RayObjects
from domain.spec import WORKER_TAINT
from services.performer import Scene
from services.ports import NodeGroupOrder

TIMEOUT = Unavailable("Timeout", "no answer")
ROW = GroupRow("gpu-node-group", "ACTIVE", NOW, 0, 1, 1, "g5.xlarge", "", "asg", "ok", 1, 1, (), 1.0)
BLIND = Unreadable("Timeout", "no answer")


@pytest.fixture
def rig() -> Rig:
    """A cluster that stands whole, where KubeRay is wanted."""
    rig = Rig(replace(RULES, operator=OperatorChart()))
    cluster = record()
    rig.cloud.planes[cluster.eks_name] = plane(cluster)
    for group in cluster.spec.groups:
        rig.cloud.groups[group.name] = NodeGroup(
            group.name, "ACTIVE", group.ami_type, group.instance_types, 0, 1, 1, asg_name="asg"
        )
        rig.cloud.specs.append(group)
        node = rig.cloud.node(group, 0)
        rig.cloud.nodes[node.name] = node
    rig.cloud.principals[BOT] = frozenset({ADMIN_POLICY})
    return rig


def test_a_whole_cluster_is_read_whole(rig: Rig) -> None:
    """Everything that creation judges is looked for, insights only once the GPUs are proven."""
    seen = rig.observer.creation(record())
    assert seen.insights is NOT_LOOKED
    for name in ("control_plane", "groups", "addons", "own_principal", "principals", "api_server", "nodes", "plugins"):
        assert not isinstance(getattr(seen, name), Unreadable | type(NOT_LOOKED)), name
    assert isinstance(rig.observer.creation(proven_record()).insights, tuple)


def test_an_absent_plane_spares_every_other_read_but_that_of_the_bill(rig: Rig) -> None:
    """Nothing can stand in a cluster that is not there; its instances may still cost money."""
    rig.cloud.planes.clear()
    seen = rig.observer.creation(record())
    assert seen == Observed(control_plane=ABSENT, instances=seen.instances) and isinstance(seen.instances, tuple)
    assert rig.script.calls == ["planes.describe", "instances.list"]


@pytest.mark.parametrize("status", ["CREATING", "FAILED", "DELETING"])
def test_a_plane_that_does_not_run_spares_every_other_read(rig: Rig, status: str) -> None:
    """Nothing can be asked of it yet."""
    cluster = record()
    rig.cloud.planes[cluster.eks_name] = plane(cluster, status)
    rig.observer.creation(cluster)
    assert rig.script.calls == ["planes.describe", "instances.list"]


def test_a_strangers_plane_is_not_looked_into(rig: Rig) -> None:
    """What is not ours is none of our business, and its instances are not on our bill."""
    cluster = record()
    rig.cloud.planes[cluster.eks_name] = strangers(cluster)
    rig.observer.creation(cluster)
    rig.observer.deletion(cluster)
    assert set(rig.script.calls) == {"planes.describe", "leftovers.find"}


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ("planes.describe", "control_plane"),
        ("groups.list", "groups"),
        ("addons.list", "addons"),
        ("access.principals", "principals"),
        ("access.own_principal", "own_principal"),
        ("api.version", "api_server"),
        ("api.nodes", "nodes"),
        ("plugins.read", "plugins"),
        ("smoke.list", "smoke_pods"),
        ("planes.insights", "insights"),
        ("instances.list", "instances"),
        ("exporters.read", "exporters"),
        ("rays.objects", "ray"),
        ("operators.read", "operators"),
    ],
)
@pytest.mark.parametrize("error", [TIMEOUT, Throttled("Throttled", "no answer"), Denied("AccessDenied", "no answer")])
def test_a_failed_read_of_creation_is_unreadable_with_its_reason(
    rig: Rig, call: str, field: str, error: Unavailable
) -> None:
    """Each read fails alone, as Unreadable, whatever the kind of error; absent is never made of it."""
    rig.script.fail(call, error)
    seen = rig.observer.creation(proven_record(ready_at=NOW))
    assert getattr(seen, field) == Unreadable(error.reason, error.message)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ("planes.describe", "control_plane"),
        ("groups.list", "groups"),
        ("addons.list", "addons"),
        ("api.load_balancers", "load_balancers"),
        ("leftovers.find", "leftovers"),
        ("instances.list", "instances"),
    ],
)
def test_a_failed_read_of_deletion_is_unreadable(rig: Rig, call: str, field: str) -> None:
    """So it is when deleting."""
    rig.script.fail(call, TIMEOUT)
    assert getattr(rig.observer.deletion(doomed()), field) == BLIND


def test_a_silent_api_server_is_asked_once(rig: Rig) -> None:
    """What hangs on the server is unreadable for the same reason, without three more timeouts."""
    rig.script.fail("api.version", TIMEOUT)
    seen = rig.observer.creation(record(ready_at=NOW))
    assert seen.nodes == seen.plugins == seen.smoke_pods == seen.exporters == seen.ray == BLIND
    assert rig.script.named("api.nodes", "plugins.read", "smoke.list", "exporters.read", "rays.objects") == []


def test_no_groups_no_api_server(rig: Rig) -> None:
    """Without groups the API server is not asked; with unreadable groups it is."""
    rig.cloud.groups.clear()
    assert rig.observer.creation(record()).api_server is NOT_LOOKED
    rig.script.fail("groups.list", TIMEOUT)
    assert rig.observer.creation(record()).api_server == "v1.35.0"


def test_launch_failures_are_asked_only_of_groups_on_their_way(rig: Rig) -> None:
    """Auto Scaling is asked for groups that are being made, changed or degraded; its silence hides nothing else.

    An ACTIVE group is asked about only while nodes are lacking.
    """
    settled = proven_record()
    rig.observer.creation(settled)
    assert rig.script.named("groups.launch_failures") == []
    rig.observer.creation(record())
    assert len(rig.script.named("groups.launch_failures")) == 2
    rig.script.calls.clear()
    group = rig.cloud.groups["gpu-node-group"]
    for status in ("CREATING", "UPDATING", "DEGRADED"):
        rig.cloud.groups[group.name] = replace(group, status=status)
        rig.script.fail("groups.launch_failures", TIMEOUT)
        assert rig.observer.creation(settled).launch_failures == ()
    assert len(rig.script.named("groups.launch_failures")) == 3


def test_what_ec2_has_forgotten_its_auto_scaling_group_still_knows(rig: Rig) -> None:
    """An instance that ran at the last look and is not listed any more: its end is asked for, and unread it is no end."""
    cluster = record(
        meters=(Meter("i-9", "instance", NOW - 9000, NOW - 7200, 1.0, group="gpu-node-group"),),
        group_rows=(replace(ROW, asg_name="asg-gpu"),),
    )
    rig.eyes.instances.ends = {"i-9": NOW - 7000}
    seen = rig.observer.creation(cluster).instances
    assert isinstance(seen, tuple) and [(i.id, i.ended_at) for i in seen if i.is_over] == [("i-9", NOW - 7000)]
    assert rig.script.named("instances.endings") == ["instances.endings asg-gpu"]
    rig.script.fail("instances.endings", TIMEOUT)
    assert rig.observer.deletion(cluster).instances == BLIND


def test_ray_is_looked_for_once_the_cluster_was_ready(rig: Rig) -> None:
    """Before, nobody can have made a RayCluster in it."""
    assert rig.observer.creation(record()).ray is NOT_LOOKED
    assert rig.observer.creation(record(ready_at=NOW)).ray == RayObjects(installed=False)


def test_no_smoke_is_not_looked_for(rig: Rig) -> None:
    """With --no-smoke no pod is listed."""
    assert rig.observer.creation(record(replace(record().spec, smoke=False))).smoke_pods is NOT_LOOKED


def test_a_dying_plane_is_not_asked_for_load_balancers(rig: Rig) -> None:
    """Its API server is going; what it left is found by the sweep."""
    cluster = doomed()
    rig.cloud.planes[cluster.eks_name] = plane(cluster, "DELETING")
    assert rig.observer.deletion(cluster).load_balancers is NOT_LOOKED


def scene(rig: Rig) -> Scene:
    """The cluster as this pass saw it."""
    return Scene(record(), rig.observer.creation(record()))


GPU = record().spec.groups[1]
WANTED = desired_plugin(al2023())
assert WANTED is not None
EXPORTER = desired_exporter(al2023())
assert EXPORTER is not None
CALLS = [
    (CreateControlPlane("1.35"), "planes.create raygpu-demo-abc23"),
    (GrantAccess("arn:x", "policy"), "access.grant arn:x"),
    (RevokeAccess("arn:x"), "access.revoke arn:x"),
    (TagControlPlane((("raygpu:owner", "U0BOB"),)), "planes.tag arn:raygpu-demo-abc23"),
    (ScaleNodeGroup("gpu-node-group", 0, 2, 2, 1), "groups.scale gpu-node-group 0/2/2"),
    (CreateAddon("coredns"), "addons.create coredns"),
    (CreateNodeGroup(GPU, 0), "groups.create gpu-node-group"),
    (ApplyDevicePlugin(WANTED), "plugins.apply"),
    (RemoveDevicePlugin(), "plugins.remove"),
    (RepairTaints("gpu-node-group-0", (WORKER_TAINT,)), "api.repair_taints gpu-node-group-0"),
    (RunSmokePod("n", 4, ()), "smoke.run n"),
    (RemoveSmokePod("n"), "smoke.remove n"),
    (ApplyExporter(EXPORTER), "exporters.apply"),
    (RemoveExporter(), "exporters.remove"),
    (InstallOperator(OperatorChart(version="1.5.1")), "charts.install 1.5.1"),
    (SuspendRay("default", "demo", "demo-abc23/1"), "rays.suspend default/demo demo-abc23/1"),
    (ResumeRay("default", "demo"), "rays.resume default/demo"),
    (ApproveDeletion("op"), "planes.tag arn:raygpu-demo-abc23"),
    (LiftProtection(), "planes.lift_protection raygpu-demo-abc23"),
    (RemoveLoadBalancers(("a/b", "c/d")), "api.delete_services a/b,c/d"),
    (DeleteAddon("vpc-cni"), "addons.delete vpc-cni"),
    (DeleteNodeGroup("gpu-node-group"), "groups.delete gpu-node-group"),
    (RemoveLeftover(Leftover("volume", "vol-1")), "leftovers.remove vol-1"),
]


@pytest.mark.parametrize(("action", "call"), CALLS, ids=lambda x: type(x).__name__ if not isinstance(x, str) else "")
def test_each_action_is_one_write(rig: Rig, action: object, call: str) -> None:
    """Every action reaches its one port with the names that derive from the id; repeated, it does no harm."""
    cluster = record()
    rig.cloud.planes[cluster.eks_name] = plane(cluster, arn=f"arn:{cluster.eks_name}")
    found = scene(rig)
    rig.script.calls.clear()
    rig.performer.perform(action, found)
    once = rig.cloud.state()
    assert [c for c in rig.script.calls if not c.startswith("capacity.")] == [call]
    rig.performer.perform(action, found)
    assert rig.cloud.state() == once


def test_delete_of_the_plane(rig: Rig) -> None:
    """With its groups gone the control plane goes, and going again is no error."""
    found = scene(rig)
    rig.cloud.groups.clear()
    rig.performer.perform(DeleteControlPlane(), found)
    rig.performer.perform(DeleteControlPlane(), found)
    assert rig.cloud.planes == {}


def test_the_order_of_a_plane_derives_from_the_id(rig: Rig) -> None:
    """Token and tags are the same for every worker and every try."""
    cluster = record()
    rig.cloud.planes.clear()
    rig.performer.perform(CreateControlPlane("1.35"), Scene(cluster, Observed(control_plane=ABSENT)))
    made = rig.cloud.planes[cluster.eks_name]
    assert made.client_request_token == plane_token(cluster)
    assert made.tags["raygpu:id"] == cluster.id


def test_the_order_of_a_group_names_its_generation(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same generation is the same request; a retry is a new one."""
    orders: list[NodeGroupOrder] = []
    monkeypatch.setattr(rig.eyes.groups, "create", orders.append)
    for generation in (0, 0, 1):
        rig.performer.perform(CreateNodeGroup(GPU, generation), scene(rig))
    assert orders[0].token == orders[1].token != orders[2].token
    assert orders[0].token == token("demo-abc23", "node-group", GPU.name, "0")
    assert orders[0].subnets == ("subnet-a", "subnet-b")


def test_no_foundation_or_no_zone_is_rejected(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can never pass is Rejected, in words."""
    monkeypatch.setattr(rig.capacity, "zones_offering", lambda region, names: dict.fromkeys(names, frozenset()))
    with pytest.raises(Rejected, match="offers g5"):
        rig.performer.perform(CreateNodeGroup(GPU, 0), scene(rig))
    monkeypatch.setattr(rig.capacity, "foundation", lambda region: ABSENT)
    with pytest.raises(Rejected, match="foundation"):
        rig.performer.perform(CreateControlPlane("1.35"), scene(rig))


def test_kubernetes_actions_need_a_plane_that_was_seen(rig: Rig) -> None:
    """Without endpoint and CA there is nobody to speak to."""
    with pytest.raises(Missing):
        rig.performer.perform(RemoveSmokePod("n"), Scene(record(), Observed(control_plane=BLIND)))


def test_the_interlock_tag_is_that_of_the_operation(rig: Rig) -> None:
    """The tag on the cluster names the deletion that was wished."""
    cluster = record()
    rig.cloud.planes[cluster.eks_name] = plane(cluster, arn=f"arn:{cluster.eks_name}")
    rig.performer.perform(ApproveDeletion("op-7"), scene(rig))
    assert rig.cloud.planes[cluster.eks_name].tags[TAG_DELETE] == deletion_tag("op-7")
