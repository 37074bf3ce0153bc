"""Server-side apply in the world: ownership, conflicts, pruning, and nothing written where nothing changes."""

import pytest
from kube_rig import MERGE, PLUGIN_IMAGE, KubeIsland, apply, call, daemonset

from sandbox.world.cluster_api import ClusterApi

PATH = "/apis/apps/v1/namespaces/kube-system/daemonsets/plugin"
MAP = "/api/v1/namespaces/default/configmaps/shared"


@pytest.fixture
def world() -> KubeIsland:
    return KubeIsland()


@pytest.fixture
def api(world: KubeIsland) -> ClusterApi:
    return world.add(addons=())


def config(**data: str) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shared"}, "data": data}


def owners(body: dict) -> dict[str, dict]:
    return {entry["manager"]: entry["fieldsV1"] for entry in body["metadata"]["managedFields"]}


def test_applying_creates_and_owns_exactly_what_was_sent(api: ClusterApi) -> None:
    """201, and managedFields hold the sent fields, not the defaults."""
    status, body = apply(api, PATH, daemonset("plugin", PLUGIN_IMAGE))
    assert status == 201
    template = owners(body)["raygpu"]["f:spec"]["f:template"]["f:spec"]
    assert template == {"f:containers": {'k:{"name":"main"}': {".": {}, "f:image": {}, "f:name": {}}}}
    assert body["spec"]["template"]["spec"]["dnsPolicy"] == "ClusterFirst"


def test_applying_the_same_twice_writes_nothing(world: KubeIsland, api: ClusterApi) -> None:
    """Same resourceVersion, same generation, same times, however much later."""
    first = apply(api, PATH, daemonset("plugin", PLUGIN_IMAGE))[1]
    second = apply(api, PATH, daemonset("plugin", PLUGIN_IMAGE))
    assert second == (200, first)
    world.after(3600)
    settled = call(api, "GET", PATH)[1]
    assert apply(api, PATH, daemonset("plugin", PLUGIN_IMAGE))[1] == settled
    assert settled["metadata"]["generation"] == 1


def test_a_changed_spec_raises_generation_and_version(api: ClusterApi) -> None:
    """A new image is a write."""
    first = apply(api, PATH, daemonset("plugin", PLUGIN_IMAGE))[1]
    second = apply(api, PATH, daemonset("plugin", "other:v2"))[1]
    assert second["metadata"]["generation"] == 2
    assert second["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"]


def test_a_field_of_somebody_else_is_a_conflict_that_names_them(api: ClusterApi) -> None:
    """409 Conflict with a cause per field; the object stays as it is."""
    apply(api, PATH, daemonset("plugin", PLUGIN_IMAGE))
    patch = {"spec": {"template": {"spec": {"priorityClassName": "theirs"}}}}
    call(api, "PATCH", PATH, patch, kind=MERGE, fieldManager="kubectl-edit")
    status, body = apply(api, PATH, daemonset("plugin", PLUGIN_IMAGE, priorityClassName="ours"))
    assert (status, body["reason"]) == (409, "Conflict")
    assert body["message"].startswith('Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1 at ')
    cause = body["details"]["causes"][0]
    assert (cause["reason"], cause["field"]) == ("FieldManagerConflict", ".spec.template.spec.priorityClassName")
    assert call(api, "GET", PATH)[1]["spec"]["template"]["spec"]["priorityClassName"] == "theirs"


def test_several_conflicts_are_told_by_manager(api: ClusterApi) -> None:
    """The message lists each manager with its fields."""
    apply(api, MAP, config(a="1", b="1"), manager="alice")
    apply(api, MAP, config(c="1"), manager="bob")
    body = apply(api, MAP, config(a="2", b="2", c="2"))[1]
    lines = ['conflicts with "alice":', "- .data.a", "- .data.b", 'conflicts with "bob":', "- .data.c"]
    assert body["message"] == "Apply failed with 3 conflicts: " + "\n".join(lines)


def test_force_takes_the_field_over(api: ClusterApi) -> None:
    """After force the field is ours alone, and the other one meets the conflict."""
    apply(api, MAP, config(a="1"), manager="alice")
    status, body = apply(api, MAP, config(a="2"), force=True)
    assert (status, body["data"]) == (200, {"a": "2"})
    assert list(owners(body)) == ["raygpu"]
    assert apply(api, MAP, config(a="1"), manager="alice")[0] == 409


def test_the_same_value_is_shared_without_conflict(api: ClusterApi) -> None:
    """Two managers may own one field while they agree."""
    apply(api, MAP, config(a="1"), manager="alice")
    status, body = apply(api, MAP, config(a="1"))
    assert status == 200
    assert set(owners(body)) == {"alice", "raygpu"}


def test_a_field_no_longer_applied_goes_unless_another_owns_it(api: ClusterApi) -> None:
    """Pruning takes our own fields, never shared ones."""
    apply(api, MAP, config(a="1", b="1"), manager="alice")
    apply(api, MAP, config(b="1", c="1", d="1"))
    assert apply(api, MAP, config(d="1"))[1]["data"] == {"a": "1", "b": "1", "d": "1"}


def test_a_container_no_longer_applied_goes_whole(api: ClusterApi) -> None:
    """An item of a keyed list goes with the defaults that nobody owns."""
    two = daemonset("plugin", PLUGIN_IMAGE)
    two["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "x:1"})
    apply(api, PATH, two)
    left = apply(api, PATH, daemonset("plugin", PLUGIN_IMAGE))[1]["spec"]["template"]["spec"]["containers"]
    assert [c["name"] for c in left] == ["main"]


def test_a_hand_edit_moves_the_field_to_the_editor(api: ClusterApi) -> None:
    """kubectl edit of our image: the next apply of ours is refused and names kubectl."""
    apply(api, PATH, daemonset("plugin", PLUGIN_IMAGE))
    live = call(api, "GET", PATH)[1]
    live["spec"] = {**live["spec"], "template": daemonset("plugin", "hacked:v1")["spec"]["template"]}
    assert call(api, "PUT", PATH, live, fieldManager="kubectl-edit")[0] == 200
    status, body = apply(api, PATH, daemonset("plugin", PLUGIN_IMAGE))
    assert status == 409
    assert '"kubectl-edit"' in body["message"]
    assert body["details"]["causes"][0]["field"] == '.spec.template.spec.containers[name="main"].image'


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [({}, 422, "fieldManager: Required value"), ({"fieldManager": "x", "force": "true"}, 201, "")],
)
def test_apply_needs_a_field_manager(api: ClusterApi, query: dict, status: int, words: str) -> None:
    """Without one it is 422."""
    found, body = call(api, "PATCH", MAP, config(a="1"), kind="application/apply-patch+yaml", **query)
    assert (found, words in str(body)) == (status, True)


def test_apply_refuses_managed_fields_and_force_elsewhere(api: ClusterApi) -> None:
    """managedFields in the configuration is 400; force on another patch is 422."""
    bad = config(a="1")
    bad["metadata"]["managedFields"] = [{"manager": "x"}]
    assert apply(api, MAP, bad)[0] == 400
    apply(api, MAP, config(a="1"))
    assert call(api, "PATCH", MAP, {"data": {}}, kind=MERGE, force="true")[0] == 422


def test_the_selector_is_immutable(api: ClusterApi) -> None:
    """A DaemonSet keeps its selector for life."""
    apply(api, PATH, daemonset("plugin", PLUGIN_IMAGE))
    other = daemonset("other", PLUGIN_IMAGE)
    other["metadata"]["name"] = "plugin"
    status, body = apply(api, PATH, other)
    assert (status, "field is immutable" in body["message"]) == (422, True)
