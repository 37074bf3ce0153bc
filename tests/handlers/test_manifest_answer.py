"""`/raygpu manifest`: a RayCluster that fits the nodes there are, as it would be copied out of Slack."""

from dataclasses import replace
from html import unescape
from typing import Any

import pytest
import yaml
from answers_check import assert_sound
from card_samples import HOSTILE, extreme
from gesture_rig import Reply, Rig

from domain.cluster import Cluster, Phase
from domain.spec import Taint, gpu_group


@pytest.fixture
def rig() -> Rig:
    """A bot whose outside is in memory."""
    return Rig()


def copied(reply: Reply) -> dict[str, Any]:
    """The manifest as somebody copies it from the answer."""
    texts = [block["text"]["text"] for block in reply.json["blocks"] if block["type"] == "section"]
    code = [unescape(text.removeprefix("```\n").removesuffix("\n```")) for text in texts if text.startswith("```")]
    return yaml.safe_load("\n".join(code))


def manifest(rig: Rig, cluster: Cluster) -> dict[str, Any]:
    """The manifest of that cluster."""
    rig.world.hold(cluster)
    reply = rig.command(f"manifest {cluster.spec.name}", user="U0BOB")
    assert_sound(reply)
    return copied(reply)


def test_the_manifest_fits_the_nodes(rig: Rig) -> None:
    """Head on the CPU group; on each GPU node one worker with its toleration and all its GPUs; one pinned Ray."""
    made = manifest(rig, rig.in_phase())
    spec = made["spec"]
    head, (worker,) = spec["headGroupSpec"]["template"]["spec"], spec["workerGroupSpecs"]
    pod = worker["template"]["spec"]
    assert (made["apiVersion"], made["kind"], made["metadata"]["name"]) == ("ray.io/v1", "RayCluster", "demo")
    assert head["nodeSelector"] == {"eks.amazonaws.com/nodegroup": "cpu-node-group"}
    assert "tolerations" not in head
    assert pod["nodeSelector"] == {"eks.amazonaws.com/nodegroup": "gpu-node-group"}
    assert pod["tolerations"] == [
        {"key": "ray.io/node-type", "operator": "Equal", "value": "worker", "effect": "NoSchedule"}
    ]
    assert pod["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": 4}
    assert (worker["replicas"], worker["minReplicas"], worker["maxReplicas"]) == (2, 0, 2)
    images = [head["containers"][0]["image"], pod["containers"][0]["image"]]
    assert all(f":{spec['rayVersion']}-" in image for image in images)
    assert images[1].endswith("-gpu")


def test_every_gpu_group_has_its_workers(rig: Rig) -> None:
    """Two groups are two worker groups, each with the tolerations of its own taints; none where there is no taint."""
    cluster = rig.in_phase()
    other = replace(gpu_group(("g5.xlarge",), 1, 3), name="small", taints=(Taint("a", "b", "NoExecute"),))
    bare = replace(gpu_group(("g6.xlarge",), 1, 1), name="bare", taints=())
    made = manifest(rig, replace(cluster, spec=replace(cluster.spec, groups=(*cluster.spec.groups, other, bare))))
    workers = {worker["groupName"]: worker for worker in made["spec"]["workerGroupSpecs"]}
    assert list(workers) == ["gpu-node-group", "small", "bare"]
    assert workers["small"]["template"]["spec"]["tolerations"][0]["effect"] == "NoExecute"
    assert "tolerations" not in workers["bare"]["template"]["spec"]


@pytest.mark.parametrize("words", HOSTILE)
def test_it_is_valid_at_the_extremes(rig: Rig, words: str) -> None:
    """The longest names and taints still come out as one YAML document, within Slack's limits."""
    made = manifest(rig, extreme(words, Phase.READY))
    (worker,) = made["spec"]["workerGroupSpecs"]
    assert (worker["groupName"], worker["replicas"]) == ("g" * 63, 50)
    assert [toleration["value"] for toleration in worker["template"]["spec"]["tolerations"]] == ["v" * 63] * 3
