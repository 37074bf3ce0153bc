"""Faults of the world while a cluster is made: each is named on the card with its cause, and what can be mended is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from story_rig import Sandbox, buttons, said, sandbox, wait_for

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def world() -> Iterator[Sandbox]:
    with sandbox("--speed", "60", "--seed", "5") as running:
        yield running


def started(world: Sandbox, name: str, options: str = "") -> str:
    """Asks for a cluster, has it approved, and answers its name in EKS once its control plane is up."""
    world.command(f"create {name} {options}")
    world.approve(name)
    return str(wait_for(lambda: found(world, name), 60))


def found(world: Sandbox, name: str) -> str | None:
    mine = (c for c in world.get("/world")["clusters"] if c["name"].startswith(f"raygpu-{name}-"))
    return next((c["name"] for c in mine if c["status"] == "ACTIVE"), None)


def test_a_ready_node_without_gpus_is_named_with_its_cause(world: Sandbox) -> None:
    """Bottlerocket's own plugin does not report: the card names the node, 0 of 1 GPUs, and what to do."""
    started(world, "nogpu")
    world.post("/world/faults", {"name": "gpus_missing", "cluster": "nogpu"})
    words = said(
        world.wait_card("nogpu", lambda c: "is Ready with 0 of 1 GPUs" in said(c) and ": trouble." in c["text"])
    )
    assert "Bottlerocket" in words
    assert "ip-10-0-" in words


def test_a_plugin_pod_that_is_not_scheduled_is_named_with_the_schedulers_words(world: Sandbox) -> None:
    """On AL2023 there is no room for the plugin's pod: the card names node and pod, in the scheduler's own words."""
    started(world, "noplug", "--ami al2023")
    world.post("/world/faults", {"name": "plugin_unscheduled", "cluster": "noplug", "how": "full"})
    words = said(world.wait_card("noplug", lambda c: "device-plugin pod" in said(c) and ": trouble." in c["text"]))
    assert "Pending" in words
    assert "Insufficient" in words or "Too many pods" in words


def test_a_taint_that_was_removed_is_named_and_put_back(world: Sandbox) -> None:
    """Somebody takes the worker taint off a live node: the card says it was missing, and the node has it again."""
    cluster = started(world, "notaint")
    world.ready("notaint")
    world.post("/world/faults", {"name": "taint_removed", "cluster": cluster})
    assert not gpu_taints(world, cluster)
    world.post("/world/clock", {"advance_s": 300})
    words = said(world.wait_card("notaint", lambda c: "put back" in said(c)))
    assert "lacks the taint ray.io/node-type=worker:NoSchedule" in words
    assert gpu_taints(world, cluster) == {"ray.io/node-type=worker:NoSchedule"}


def test_no_capacity_is_on_the_card_within_minutes_and_says_where_there_is_some(world: Sandbox) -> None:
    """AWS has no g6.xlarge in the zones asked for: Auto Scaling's words are on the card while EKS still says CREATING."""
    world.post("/world/faults", {"name": "no_capacity", "instance_type": "g6.xlarge"})
    cluster = started(world, "nocap", "--gpu g6.xlarge")
    card = world.wait_card("nocap", lambda c: ": trouble." in c["text"])
    assert "AWS has no g6.xlarge" in said(card)
    assert any("delete" in action for action in buttons(card))
    groups = next(c for c in world.get("/world")["clusters"] if c["name"] == cluster)["nodegroups"]
    assert {g["status"] for g in groups if g["name"] == "gpu-node-group"} == {"CREATING"}


def gpu_taints(world: Sandbox, cluster: str) -> set[str]:
    nodes = next(c for c in world.get("/world")["clusters"] if c["name"] == cluster)["nodes"]
    return {taint for node in nodes if node["gpus_expected"] for taint in node["taints"]}


def test_a_lost_card_is_posted_anew_and_slack_being_down_loses_nothing(world: Sandbox) -> None:
    """Somebody deletes the card, and Slack is down for a while: the last state is shown again, on one card."""
    started(world, "lost")
    ready = world.ready("lost")
    world.post("/world/faults", {"name": "slack_message_lost", "channel": "C0RAYGPU", "ts": ready["ts"]})
    assert world.card("lost") is None
    world.post("/world/faults", {"name": "slack_429", "method": "chat.postMessage", "count": 2, "retry_after": 1})
    world.post("/world/clock", {"advance_s": 1800})
    again = world.wait_card("lost", lambda c: ": ready." in c["text"])
    assert again["ts"] != ready["ts"]
    assert "1 GPU proven" in said(again)
