"""What holds raygpu back while a cluster idles: new work, a Slack that is down, a halt, probes that do not answer; and
what nothing of this holds back, the end of a lifetime."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from story_rig import ALICE, BORIS, CAROL, Sandbox, buttons, said, sandbox, wait_for

pytestmark = [pytest.mark.ladder, pytest.mark.timeout(300)]
DEAR = "p5.48xlarge"  # above idle.dear_above: 20 minutes of evidence are enough
GPU_GROUP = "gpu-node-group"
ONE, NONE = (0, 1, 1), (0, 0, 1)
CALM, FAST, BLIND = 60, 240, 1200  # world seconds per second: to act in between, to gather evidence, to wait unseen
PATIENCE_S = 120
HOUR_S, MINUTE_S = 3600.0, 60.0


@pytest.fixture(scope="module")
def world() -> Iterator[Sandbox]:
    """Two clusters of Alice, so dear that little evidence is enough; they are at work until a test lets them rest."""
    with sandbox("--speed", "120", "--seed", "41") as running:
        running.early_in_month()
        running.command(f"create waits --gpu {DEAR} --auto park --ttl 10h --reason sweeps")
        running.command(f"create works --gpu {DEAR} --auto park --ttl 20h --reason sweeps")
        for name in ("waits", "works"):
            running.click(running.approve(name), "approve", BORIS)
        for name in ("waits", "works"):
            running.ready(name)
            work(running, name)
        yield running


def pace(world: Sandbox, speed: float) -> None:
    """So many world seconds pass in one of ours."""
    world.post("/world/clock", {"speed": speed})


def work(world: Sandbox, name: str) -> None:
    """All its GPUs compute."""
    world.post("/world/workload", {"cluster": name, "kind": "train", "gpus": 8, "minutes": 6000})


def rest(world: Sandbox, name: str) -> None:
    """Whatever runs on it ends."""
    for running in (world.eks(name) or {})["workloads"]:
        world.post("/world/workload", {"cluster": name, "stop": running["name"]})


def now(world: Sandbox) -> float:
    """World time, epoch seconds."""
    return float(world.get("/world")["now"])


def fault(world: Sandbox, name: str, **params: Any) -> None:
    """Makes it happen."""
    world.post("/world/faults", {"name": name, **params})


def direct(world: Sandbox) -> list[dict[str, Any]]:
    """What raygpu wrote to Alice alone, oldest first."""
    sent = world.get(f"/slack/messages?user={ALICE}")
    return [one for one in sent if one["channel"].startswith("D") and not one.get("ephemeral_to")]


def told(world: Sandbox, name: str) -> dict[str, Any] | None:
    """The newest message about the use of that cluster."""
    mine = [one for one in direct(world) if not one.get("thread_ts") and f" {name} ·" in said(one).replace("*", "")]
    return mine[-1] if mine else None


def calls(world: Sandbox, name: str, words: str) -> list[dict[str, Any]]:
    """The messages that called her to it and say that, oldest first: below the one about its use, or of their own."""
    sent = direct(world)
    return [one for one in sent if f"<@{ALICE}> — *{name}*" in one["text"] and words in one["text"]]


def wait_told(world: Sandbox, name: str, want: Callable[[str], bool], seconds: float = PATIENCE_S) -> dict[str, Any]:
    """The message once `want` says so of its words."""
    found: dict[str, Any] = wait_for(
        lambda: (one := told(world, name)) and want(said(one)) and one, seconds, lambda: said(told(world, name))
    )
    return found


def press(world: Sandbox, message: dict[str, Any], action: str) -> dict[str, Any]:
    """Alice clicks a button of it."""
    place = {"channel": message["channel"], "ts": message["ts"]}
    return dict(world.post("/slack/click", {"user": ALICE, **place, "action_id": action}))


def why(world: Sandbox, name: str) -> str:
    """The evidence as Alice is told it."""
    return said(world.command(f"why {name}")["body"])


def pass_time(world: Sandbox, seconds: float) -> None:
    """Waits until so many world seconds went by."""
    end = now(world) + seconds
    wait_for(lambda: now(world) >= end, PATIENCE_S)


def test_an_expired_cluster_is_warned_of_and_deleted(world: Sandbox) -> None:
    """Half an hour before its end Alice is told, with ways out; nobody takes one, and it is gone with a receipt."""
    pace(world, FAST)
    world.command("create brief --gpu g5.xlarge --ttl 1h --reason demo")
    world.approve("brief")
    (warned,) = wait_for(lambda: calls(world, "brief", "raygpu deletes it"), PATIENCE_S)
    warned_at = now(world)
    assert "*brief* expires" in warned["text"]
    assert {"extend", "extend_day", "keep_until", "delete_idle"} <= set(buttons(warned))
    end = world.wait_card("brief", lambda c: ": deleted." in c["text"], PATIENCE_S)
    assert now(world) - warned_at >= 28 * MINUTE_S  # it was seen a little after it was sent
    assert "Receipt" in said(end)
    assert world.eks("brief") is None


def test_an_old_reminder_cannot_park_new_work(world: Sandbox) -> None:
    """Slack takes no edits, so the message stands after work began; its button is refused in words that are true."""
    rest(world, "works")
    pace(world, FAST)
    old = wait_told(world, "works", lambda text: "1 of 2 reminders" in text)
    pace(world, CALM)
    fault(world, "slack_500", method="chat.update", count=40)
    work(world, "works")
    wait_for(lambda: "The evidence on works: in use" in why(world, "works"), 60, lambda: why(world, "works"))
    answer = press(world, old, "park_idle")
    assert answer["status"] == 200
    refused = wait_for(lambda: [one for one in world.whispers(ALICE) if "was used since that message" in one], 20)
    assert "works" in refused[-1]
    assert world.groups("works")[GPU_GROUP] == ONE
    assert "parked" not in (world.card("works") or {})["text"]


def test_slack_being_down_puts_off_the_park(world: Sandbox) -> None:
    """The second reminder cannot be delivered for two hours: nothing is parked until one was, and an hour after it."""
    rest(world, "waits")
    pace(world, FAST)
    wait_told(world, "waits", lambda text: "1 of 2 reminders" in text)
    assert not calls(world, "waits", "raygpu parks it")
    fault(world, "slack_down", seconds=int(2.5 * HOUR_S / FAST))
    pass_time(world, 2.3 * HOUR_S)
    assert world.groups("waits")[GPU_GROUP] == ONE
    wait_for(lambda: calls(world, "waits", "raygpu parks it"), PATIENCE_S)
    announced_at = now(world)
    pace(world, CALM)
    assert world.groups("waits")[GPU_GROUP] == ONE
    halted = world.command("admin automatic off 'we look at it first'", CAROL)
    assert "parks and deletes nothing by itself any more" in said(halted["body"])
    pace(world, FAST)
    wait_for(lambda: now(world) >= announced_at + 1.5 * HOUR_S, PATIENCE_S)
    assert world.groups("waits")[GPU_GROUP] == ONE
    wait_told(world, "waits", lambda text: f"Automatic steps are stopped by <@{CAROL}>" in text)
    world.command("admin automatic on", CAROL)
    wait_told(world, "waits", lambda text: "Parked by raygpu" in text)
    wait_for(lambda: world.groups("waits")[GPU_GROUP] == NONE, 60)


def test_a_parked_cluster_has_its_ray_suspended_and_gets_it_back(world: Sandbox) -> None:
    """Park suspends the RayCluster in one patch before the nodes go; Resume lets it run again with the same workers."""
    pace(world, CALM)
    rest(world, "works")
    world.post("/world/workload", {"cluster": "works", "kind": "idle", "gpus": 8, "minutes": 900, "ray": True})
    wait_for(lambda: ray_of(world) in ("RUNNING", "ready", "idle"), 90, lambda: ray_of(world))
    pace(world, 120)
    world.command("park works")
    wait_for(lambda: suspensions(world) == [True], 60, lambda: suspensions(world))
    world.wait_card("works", lambda c: ": parked." in c["text"], PATIENCE_S)
    world.command("resume works")
    world.wait_card("works", lambda c: ": ready." in c["text"], PATIENCE_S)
    wait_for(lambda: suspensions(world) == [True, False], 60, lambda: suspensions(world))


def ray_of(world: Sandbox) -> str:
    """The state of the one RayCluster of `works`."""
    rows = [row for row in (world.eks("works") or {})["workloads"] if row["ray"]]
    return str(rows[0]["state"]) if rows else ""


def suspensions(world: Sandbox) -> list[bool]:
    """What was written to spec.suspend, in order."""
    return [
        call["params"]["body"]["spec"]["suspend"]
        for call in world.calls()
        if call["operation"].startswith("PATCH /apis/ray.io/v1/") and call["status"] == 200
    ]


def test_what_cannot_be_seen_is_told_and_never_acted_on(world: Sandbox) -> None:
    """GPUs are held and their exporters are silent: no step for more than six hours, and a message that says what to mend."""
    fault(world, "exporter_silent", cluster="works")
    pace(world, FAST)
    wait_for(lambda: "The evidence on works: cannot be judged" in why(world, "works"), 120, lambda: why(world, "works"))
    pace(world, BLIND)
    message = wait_told(world, "works", lambda text: "raygpu cannot see whether it is used" in text)
    text = said(message)
    assert "GPU utilisation" in text
    assert "dcgm-exporter" in text
    assert "What is not seen is not taken for idle" in text
    assert world.groups("works")[GPU_GROUP] == ONE
    assert not calls(world, "works", "raygpu parks it")
